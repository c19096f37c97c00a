/*
 * resolve.h - where a service is: written down in the writ, or asked of the machine's resolver.
 *
 * Only names of services are ever asked. The addresses are kept for GATEWAY_RESOLVED_TIME and each
 * is checked again when it is dialled, so an answer that changes in between gains nothing.
 */
#ifndef WRIT_GATEWAY_RESOLVE_H
#define WRIT_GATEWAY_RESOLVE_H

#include "writ-gateway/client.h"

struct resolver;

/* Before the process narrows itself: reads the machine's resolver configuration if any service
 * needs it. *ret is NULL if none does. */
enum writ_err resolver_new(struct gateway *gw, struct resolver **ret) WRIT_CHECK;
void resolver_free(struct resolver *r);
/* OK: c->x.service has addresses. AGAIN: c waits and is resumed. */
enum writ_err resolve_service(struct client *c, const char **reason) WRIT_CHECK;
void resolver_tick(struct resolver *r);

#endif
