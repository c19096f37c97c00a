/*
 * upstream.h - connections to services: dialled only to addresses that were checked, kept in a pool
 * of the service while they are clean.
 *
 * An upstream serves one client at a time. It goes back to the pool only after an exchange that
 * ended exactly where it should; anything odd closes it. Freed between turns after upstream_close.
 */
#ifndef WRIT_GATEWAY_UPSTREAM_H
#define WRIT_GATEWAY_UPSTREAM_H

#include "writ-gateway/client.h"

enum upstream_state {
    UPSTREAM_CONNECT,
    UPSTREAM_HANDSHAKE,
    UPSTREAM_BUSY,
    UPSTREAM_IDLE,
    UPSTREAM_CLOSED,
};

struct upstream {
    struct writ_deferred deferred; /* first */
    struct gateway *gw;
    struct service *service;
    struct client *client; /* NULL while idle */
    struct upstream *prev; /* of gw->upstreams */
    struct upstream *next;
    struct upstream *idle_prev; /* of service->idle */
    struct upstream *idle_next;
    struct writ_io io;
    struct stream s;
    struct writ_buf in;
    struct writ_buf out;
    enum upstream_state state;
    struct writ_addr address;
    size_t address_next; /* the one to try if this one fails */
    uint64_t deadline_us;
    size_t scanned;
    bool reused;
    bool fresh; /* a pooled connection may be dead: the retry must not take another one */
};

/*
 * Gives c->x an upstream. OK: it can be written to now. AGAIN: it is connecting, or the name is
 * being resolved; client_resume or exchange_fail follows. Else *reason says why there is none.
 */
enum writ_err upstream_get(struct client *c, bool fresh, const char **reason) WRIT_CHECK;
/* The exchange is over; reuse only if nothing odd was seen on it. */
void upstream_release(struct upstream *up, bool reuse);
void upstream_close(struct upstream *up);
void upstream_interest(struct upstream *up);
void upstream_tick(struct upstream *up, uint64_t now_us);

#endif
