/*
 * request.h - from a request head to a decision: which service, which path, may it?
 */
#ifndef WRIT_GATEWAY_REQUEST_H
#define WRIT_GATEWAY_REQUEST_H

#include "writ-gateway/client.h"

/* c->in holds the beginning of a request, perhaps all of its head. */
void request_read(struct client *c);
/* The allowed request whose head is at the start of c->in: what it waited for may be there now. */
void request_go_on(struct client *c);
/* Sends it once more, on a new connection. */
void request_again(struct client *c);

#endif
