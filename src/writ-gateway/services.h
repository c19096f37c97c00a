/*
 * services.h - what the task may reach, by name: made once from the writ.
 */
#ifndef WRIT_GATEWAY_SERVICES_H
#define WRIT_GATEWAY_SERVICES_H

#include "writ-gateway/gateway.h"

enum writ_err services_new(struct gateway *gw) WRIT_CHECK;
void services_done(struct gateway *gw);

/* Some service at that scheme, host and port; several differ by their base path (service_under). */
struct service *service_find(struct gateway *gw, bool https, const char *host, uint16_t port);
/* Of the services beside `at`, the one with the longest base that holds path; NULL if none does. */
struct service *service_under(struct gateway *gw, struct service *at, struct writ_span path);
/* The first service whose host is that name; NULL if there is none. */
struct service *service_named(struct gateway *gw, const char *host);
/* True if addr is where the service appears inside the task. */
bool service_is_at(const struct service *s, const struct writ_addr *addr) WRIT_CHECK;
/* The service that appears at addr and port, for TLS clients that name no server. */
struct service *service_at(struct gateway *gw, const struct writ_addr *addr, uint16_t port);
/* Why a request has no service, for a person; valid until the next call. */
struct client;
const char *service_why_not(struct gateway *gw, const struct client *c, bool https, uint16_t port);

#endif
