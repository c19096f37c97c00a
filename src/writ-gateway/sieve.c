#include "writ-gateway/sieve.h"

#include "writ-gateway/inject.h"

bool
sieve_passes(const struct service *s, const struct writ_http1_header *h)
{
    if (writ_http1_is_hop_by_hop(h) || inject_replaces(s, h))
        return false;
    switch (h->id) {
    case WRIT_HTTP1_H_HOST:
    case WRIT_HTTP1_H_CONTENT_LENGTH:
    case WRIT_HTTP1_H_EXPECT:
    case WRIT_HTTP1_H_FORWARDED:
    case WRIT_HTTP1_H_X_FORWARDED_FOR:
    case WRIT_HTTP1_H_X_FORWARDED_HOST:
    case WRIT_HTTP1_H_X_FORWARDED_PROTO:
    case WRIT_HTTP1_H_X_REAL_IP:
        return false;
    default:
        return true;
    }
}

bool
sieve_shows(const struct service *s, const struct writ_http1_header *h)
{
    switch (h->id) {
    case WRIT_HTTP1_H_HOST:
    case WRIT_HTTP1_H_CONTENT_LENGTH:
    case WRIT_HTTP1_H_EXPECT:
    case WRIT_HTTP1_H_TRANSFER_ENCODING:
        return true;
    default:
        return sieve_passes(s, h);
    }
}
