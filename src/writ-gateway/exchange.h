/*
 * exchange.h - one allowed request on its way out and its answer on the way back, streamed.
 *
 * Bodies pass in pieces; neither side is read while the other cannot take more. What is sent is
 * written anew from what was parsed: no byte of a head is copied through.
 */
#ifndef WRIT_GATEWAY_EXCHANGE_H
#define WRIT_GATEWAY_EXCHANGE_H

#include "writ-gateway/client.h"

/* c->x.up is connected, gw->request holds the parsed head of the allowed request. path: canonical.
 */
void exchange_begin(struct client *c, struct writ_span path);
/* Moves what can be moved, in both directions. May end the exchange and go on with the client. */
void exchange_pump(struct client *c);
/* No answer will come: says so if nothing of one was sent yet, else cuts the connection. */
void exchange_fail(struct client *c, unsigned status, const char *error, const char *reason);
/* The client went away. */
void exchange_drop(struct client *c);

#endif
