/*
 * secrets.h - asking the keeper, once for each service, with its first allowed request.
 */
#ifndef WRIT_GATEWAY_SECRETS_H
#define WRIT_GATEWAY_SECRETS_H

#include "writ-gateway/client.h"

/* c->x holds an allow decision. OK: the service's credential is here, or it has none. AGAIN: c
 * waits and is resumed. DENIED: the keeper refused; *reason is its word. */
enum writ_err secrets_need(struct client *c, const char **reason) WRIT_CHECK;
/* A message of the keeper is there. */
void secrets_read(struct gateway *gw);

#endif
