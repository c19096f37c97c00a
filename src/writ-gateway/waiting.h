/*
 * waiting.h - clients whose allowed request waits for something of its service: a credential or an
 * address. They are resumed at the end of the turn in which it came, never from inside a callback.
 */
#ifndef WRIT_GATEWAY_WAITING_H
#define WRIT_GATEWAY_WAITING_H

#include "writ-gateway/client.h"

void waiting_add(struct client *c);
void waiting_remove(struct client *c);
/* Marks the service's clients; waiting_run resumes them. */
void waiting_wake(struct gateway *gw, struct service *s);
void waiting_run(struct gateway *gw);

#endif
