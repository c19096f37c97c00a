/*
 * outside.h - TLS towards the services: full verification, TLS 1.2 or newer, sessions reused.
 */
#ifndef WRIT_GATEWAY_OUTSIDE_H
#define WRIT_GATEWAY_OUTSIDE_H

#include "writ-gateway/gateway.h"
#include "writ-gateway/stream.h"

/* Makes s->outside once. */
enum writ_err outside_prepare(struct service *s, const char **reason) WRIT_CHECK;
/* A session on a connected socket, ready for stream_handshake; it belongs to the caller. */
enum writ_err outside_session(struct service *s, int fd, SSL **ret) WRIT_CHECK;
/* Why a handshake failed, for a person; static. */
const char *outside_failure(const SSL *ssl);
/* Takes what TLS itself sends on an idle connection; false if anything else came, or the end. */
bool outside_drain_idle(struct stream *s) WRIT_CHECK;
void outside_done(struct service *s);

#endif
