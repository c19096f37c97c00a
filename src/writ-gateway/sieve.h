/*
 * sieve.h - which of the task's header lines go on to the service.
 *
 * Policy judges the same lines that go out: what ends here cannot fulfil a condition, and what a
 * server may take for a header that a policy reads is refused (RFC 9110 5.3, RFC 3875 4.1.18).
 */
#ifndef WRIT_GATEWAY_SIEVE_H
#define WRIT_GATEWAY_SIEVE_H

#include "proto/http1.h"
#include "writ-gateway/gateway.h"

/* False: it ends here, is written anew, or speaks about where the request came from. */
bool sieve_passes(const struct service *s, const struct writ_http1_header *h) WRIT_CHECK;
/* The same for policy, which also sees what is written anew with the same meaning. */
bool sieve_shows(const struct service *s, const struct writ_http1_header *h) WRIT_CHECK;

#endif
