/*
 * report.h - what the gateway tells the ledger. False: the ledger did not take it, and what was to
 * be recorded must not happen.
 */
#ifndef WRIT_GATEWAY_REPORT_H
#define WRIT_GATEWAY_REPORT_H

#include "writ-gateway/client.h"

bool report_start(struct gateway *gw) WRIT_CHECK;
bool report_end(struct gateway *gw) WRIT_CHECK;
bool report_connection(const struct client *c, bool tls) WRIT_CHECK;
/* A connection that never came to a request; reason is static or already safe. */
bool report_connection_refused(const struct client *c, const char *reason) WRIT_CHECK;
/* A request that never came to a decision. service may be NULL, spans empty. */
bool report_request_refused(const struct client *c, uint64_t id, struct writ_span method,
                            const char *host, const char *reason, unsigned status) WRIT_CHECK;
bool report_decision(const struct client *c, const struct question *q, const struct decision *d,
                     uint64_t decide_us) WRIT_CHECK;
/* reason is NULL for an exchange that went well. */
bool report_request_end(const struct client *c, const char *reason) WRIT_CHECK;
bool report_name(struct gateway *gw, const char *name, const char *type, bool allow,
                 const char *reason) WRIT_CHECK;
bool report_decoy(struct gateway *gw, const struct writ_addr *dest, uint16_t port,
                  const char *protocol) WRIT_CHECK;
bool report_attempt(struct gateway *gw, const struct writ_addr *dest, uint16_t port,
                    const char *protocol) WRIT_CHECK;

#endif
