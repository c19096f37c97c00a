/*
 * ca.h - the task's own certificate authority: lives and dies with the gateway, and its name
 * constraints (RFC 5280 4.2.1.10) let it vouch for the task's services alone.
 */
#ifndef WRIT_GATEWAY_CA_H
#define WRIT_GATEWAY_CA_H

#include "writ-gateway/gateway.h"

struct ca;

/* *ret is NULL if no service uses TLS. pem gets the certificate that clients are told to trust. */
enum writ_err ca_new(const struct gateway *gw, struct ca **ret, struct writ_buf *pem) WRIT_CHECK;
void ca_free(struct ca *ca);
/* Makes s->inside, once: the leaf certificate under which the service appears in the task. */
enum writ_err ca_leaf(struct ca *ca, struct service *s) WRIT_CHECK;

#endif
