#include "writ-gateway/resolve.h"

#include <ares.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "writ-gateway/waiting.h"

enum { RESOLVER_SOCKETS_MAX = 16, RESOLVER_TIMEOUT_MS = 2000, RESOLVER_TRIES = 3 };

struct resolver_socket {
    struct writ_io io;
    struct resolver *owner;
};

struct resolver {
    struct gateway *gw;
    ares_channel channel;
    struct resolver_socket sockets[RESOLVER_SOCKETS_MAX];
};

static void
socket_io(struct writ_io *io, uint32_t events)
{
    struct resolver_socket *s = (struct resolver_socket *)(void *)io;
    ares_socket_t fd = io->fd;

    ares_process_fd(s->owner->channel, (events & ~(uint32_t)EPOLLOUT) != 0 ? fd : ARES_SOCKET_BAD,
                    (events & EPOLLOUT) != 0 ? fd : ARES_SOCKET_BAD);
}

/* The slot that watches fd, else a free one, else NULL. */
static struct resolver_socket *
slot_of(struct resolver *r, ares_socket_t fd)
{
    struct resolver_socket *unused = NULL;

    for (size_t i = 0; i < RESOLVER_SOCKETS_MAX; i++) {
        struct resolver_socket *s = &r->sockets[i];

        if (s->io.active && s->io.fd == fd)
            return s;
        if (!s->io.active && unused == NULL)
            unused = s;
    }
    return unused;
}

/* c-ares says which of its sockets it wants to hear about; 0, 0: it is about to close it. */
static void
socket_state(void *data, ares_socket_t fd, int readable, int writable)
{
    struct resolver *r = data;
    struct writ_loop *l = &r->gw->loop;
    struct resolver_socket *s = slot_of(r, fd);
    uint32_t in = readable != 0 ? EPOLLIN : 0;
    uint32_t events = in | (writable != 0 ? EPOLLOUT : 0);

    if (s == NULL)
        return; /* without a slot the query times out: refused, not hung */
    if (s->io.active && events == 0) {
        writ_loop_remove(l, &s->io);
    } else if (s->io.active) {
        writ_loop_want(l, &s->io, events);
    } else if (events != 0 && writ_loop_add(l, &s->io, fd, events, socket_io) != WRIT_OK) {
        s->io.active = false;
    }
}

static bool
needs_resolver(const struct gateway *gw)
{
    for (size_t i = 0; i < gw->service_count; i++) {
        if (gw->services[i].resolved_us != UINT64_MAX)
            return true;
    }
    return false;
}

enum writ_err
resolver_new(struct gateway *gw, struct resolver **ret)
{
    struct ares_options options = {
        .timeout = RESOLVER_TIMEOUT_MS, .tries = RESOLVER_TRIES, .sock_state_cb = socket_state};
    struct resolver *r;

    *ret = NULL;
    if (!needs_resolver(gw))
        return WRIT_OK;
    r = calloc(1, sizeof(*r));
    if (r == NULL)
        return WRIT_E_NOMEM;
    r->gw = gw;
    for (size_t i = 0; i < RESOLVER_SOCKETS_MAX; i++)
        r->sockets[i].owner = r;
    options.sock_state_cb_data = r;
    if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS ||
        ares_init_options(&r->channel, &options,
                          ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB) !=
            ARES_SUCCESS) {
        free(r);
        return WRIT_E_SYS;
    }
    *ret = r;
    return WRIT_OK;
}

void
resolver_free(struct resolver *r)
{
    if (r == NULL)
        return;
    ares_destroy(r->channel);
    free(r);
}

static bool
address_of(const struct ares_addrinfo_node *n, struct writ_addr *ret)
{
    if (n->ai_family == AF_INET) {
        struct sockaddr_in in;

        memcpy(&in, n->ai_addr, sizeof(in));
        *ret = writ_addr_v4((const uint8_t *)&in.sin_addr);
        return true;
    }
    if (n->ai_family == AF_INET6) {
        struct sockaddr_in6 in6;

        memcpy(&in6, n->ai_addr, sizeof(in6));
        *ret = writ_addr_v6((const uint8_t *)&in6.sin6_addr);
        return true;
    }
    return false;
}

struct asked {
    struct gateway *gw;
    struct service *service;
};

static void
resolved(void *data, int status, int timeouts, struct ares_addrinfo *result)
{
    struct asked *a = data;
    struct service *s = a->service;

    (void)timeouts;
    s->resolving = false;
    s->address_count = 0;
    for (struct ares_addrinfo_node *n = result == NULL ? NULL : result->nodes; n != NULL;
         n = n->ai_next) {
        if (s->address_count < GATEWAY_ADDRESSES_MAX &&
            address_of(n, &s->address[s->address_count]))
            s->address_count++;
    }
    s->resolved_us = a->gw->loop.now_us;
    if (result != NULL)
        ares_freeaddrinfo(result);
    if (status != ARES_EDESTRUCTION)
        waiting_wake(a->gw, s);
    free(a);
}

enum writ_err
resolve_service(struct client *c, const char **reason)
{
    struct service *s = c->x.service;
    struct gateway *gw = c->gw;
    struct ares_addrinfo_hints hints = {.ai_family = AF_UNSPEC, .ai_flags = ARES_AI_NUMERICSERV};
    const char *name = s->doc->connect_host[0] != '\0' ? s->doc->connect_host : s->doc->host;
    struct asked *a;

    if (s->resolved_us != 0 && (s->resolved_us == UINT64_MAX ||
                                gw->loop.now_us - s->resolved_us < GATEWAY_RESOLVED_TIME)) {
        if (s->address_count != 0)
            return WRIT_OK;
        s->resolved_us = 0; /* the next request asks again */
        *reason = "the service's name has no address";
        return WRIT_E_CLOSED;
    }
    waiting_add(c);
    if (s->resolving)
        return WRIT_E_AGAIN;
    a = calloc(1, sizeof(*a));
    if (a == NULL)
        return WRIT_E_NOMEM;
    *a = (struct asked){gw, s};
    s->resolving = true;
    /* may answer before it returns (the hosts file): waiting_wake then resumes c after this turn */
    ares_getaddrinfo(gw->resolver->channel, name, NULL, &hints, resolved, a);
    return WRIT_E_AGAIN;
}

void
resolver_tick(struct resolver *r)
{
    if (r != NULL)
        ares_process_fd(r->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}
