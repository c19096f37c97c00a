#include "writ-gateway/upstream.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/limits.h"
#include "writ-gateway/exchange.h"
#include "writ-gateway/outside.h"
#include "writ-gateway/resolve.h"

static void upstream_io(struct writ_io *io, uint32_t events);

static void
free_deferred(struct writ_deferred *d)
{
    free(d);
}

static void
idle_unlink(struct upstream *up)
{
    struct service *s = up->service;

    if (up->idle_prev != NULL) {
        up->idle_prev->idle_next = up->idle_next;
    } else {
        s->idle = up->idle_next;
    }
    if (up->idle_next != NULL)
        up->idle_next->idle_prev = up->idle_prev;
    up->idle_prev = NULL;
    up->idle_next = NULL;
    s->idle_count--;
}

static void
idle_link(struct upstream *up)
{
    struct service *s = up->service;

    up->idle_prev = NULL;
    up->idle_next = s->idle;
    if (s->idle != NULL)
        s->idle->idle_prev = up;
    s->idle = up;
    s->idle_count++;
}

static struct upstream *
upstream_new(struct gateway *gw, struct service *s)
{
    struct upstream *up = calloc(1, sizeof(*up));

    if (up == NULL)
        return NULL;
    up->gw = gw;
    up->service = s;
    up->s.fd = -1;
    writ_buf_init(&up->in, WRIT_HTTP_HEAD_BYTES_MAX + 2UL * GATEWAY_READ_BYTES);
    writ_buf_init(&up->out, 4UL * GATEWAY_HIGH_BYTES + WRIT_HTTP_HEAD_BYTES_MAX +
                                WRIT_SECRET_BYTES_MAX * 4UL);
    up->next = gw->upstreams;
    if (up->next != NULL)
        up->next->prev = up;
    gw->upstreams = up;
    s->upstream_count++;
    return up;
}

void
upstream_close(struct upstream *up)
{
    struct gateway *gw = up->gw;

    if (up->state == UPSTREAM_CLOSED)
        return;
    if (up->state == UPSTREAM_IDLE)
        idle_unlink(up);
    up->state = UPSTREAM_CLOSED;
    if (up->client != NULL)
        up->client->x.up = NULL;
    writ_loop_remove(&gw->loop, &up->io);
    stream_close(&up->s);
    writ_buf_done(&up->in);
    writ_buf_done(&up->out);
    if (up->prev != NULL) {
        up->prev->next = up->next;
    } else {
        gw->upstreams = up->next;
    }
    if (up->next != NULL)
        up->next->prev = up->prev;
    up->service->upstream_count--;
    writ_loop_defer(&gw->loop, &up->deferred, free_deferred);
}

static socklen_t
to_sockaddr(const struct writ_addr *a, uint16_t port, struct sockaddr_storage *ret)
{
    if (a->family == 4) {
        struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};

        memcpy(&in.sin_addr, a->bytes, 4);
        memcpy(ret, &in, sizeof(in));
        return sizeof(in);
    }
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};

    memcpy(&in6.sin6_addr, a->bytes, 16);
    memcpy(ret, &in6, sizeof(in6));
    return sizeof(in6);
}

/* One connect to the next address that may be dialled; CLOSED when there is none left. */
static enum writ_err
dial_next(struct upstream *up, const char **reason)
{
    struct service *s = up->service;
    const int one = 1;

    while (up->address_next < s->address_count) {
        const struct writ_addr *a = &s->address[up->address_next++];
        struct sockaddr_storage to;
        socklen_t len = to_sockaddr(a, s->dial_port, &to);
        int fd;

        /* checked here, at the address that is dialled, however it came to be known */
        if (!writ_addr_may_dial(a, s->allowed, s->allowed_count)) {
            *reason = "the service's address is in a range that the profile does not name";
            continue;
        }
        fd = socket(to.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd < 0)
            continue;
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        if (connect(fd, (struct sockaddr *)&to, len) < 0 && errno != EINPROGRESS) {
            *reason = errno == ECONNREFUSED ? "the service refused the connection"
                                            : "the service cannot be reached";
            (void)close(fd);
            continue;
        }
        stream_init(&up->s, fd);
        up->address = *a;
        up->state = UPSTREAM_CONNECT;
        up->deadline_us = up->gw->loop.now_us + GATEWAY_CONNECT_TIME;
        if (writ_loop_add(&up->gw->loop, &up->io, fd, EPOLLOUT, upstream_io) != WRIT_OK) {
            stream_close(&up->s);
            continue;
        }
        return WRIT_E_AGAIN;
    }
    return WRIT_E_CLOSED;
}

static enum writ_err
take_idle(struct client *c)
{
    struct upstream *up = c->x.service->idle;

    if (up == NULL)
        return WRIT_E_AGAIN;
    idle_unlink(up);
    up->state = UPSTREAM_BUSY;
    up->client = c;
    up->reused = true;
    up->deadline_us = 0;
    up->scanned = 0;
    c->x.up = up;
    return WRIT_OK;
}

enum writ_err
upstream_get(struct client *c, bool fresh, const char **reason)
{
    struct service *s = c->x.service;
    struct upstream *up;
    enum writ_err e;

    if (!fresh && take_idle(c) == WRIT_OK)
        return WRIT_OK;
    *reason = "the service cannot be reached";
    if (s->upstream_count >= GATEWAY_UPSTREAMS_MAX) {
        *reason = "too many connections to this service are open";
        return WRIT_E_LIMIT;
    }
    e = resolve_service(c, reason);
    if (e != WRIT_OK)
        return e;
    if (s->https) {
        e = outside_prepare(s, reason);
        if (e != WRIT_OK)
            return e;
    }
    up = upstream_new(c->gw, s);
    if (up == NULL)
        return WRIT_E_NOMEM;
    up->client = c;
    up->fresh = fresh;
    c->x.up = up;
    e = dial_next(up, reason);
    if (e != WRIT_E_AGAIN)
        upstream_close(up);
    return e;
}

/* Bytes behind the answer that were read with it: epoll would never tell of them. */
static bool
leftover(struct upstream *up)
{
    if (writ_buf_len(&up->in) != 0)
        return true;
    return up->s.ssl != NULL && SSL_has_pending(up->s.ssl) != 0 && !outside_drain_idle(&up->s);
}

void
upstream_release(struct upstream *up, bool reuse)
{
    struct service *s = up->service;

    if (up->client != NULL)
        up->client->x.up = NULL;
    up->client = NULL;
    if (!reuse || up->gw->ending || up->s.eof || writ_buf_len(&up->out) != 0 || leftover(up) ||
        s->idle_count >= GATEWAY_IDLE_MAX) {
        upstream_close(up);
        return;
    }
    up->state = UPSTREAM_IDLE;
    up->deadline_us = up->gw->loop.now_us + GATEWAY_IDLE_TIME;
    idle_link(up);
    writ_loop_want(&up->gw->loop, &up->io, EPOLLIN);
}

static void
connected(struct upstream *up)
{
    up->state = UPSTREAM_BUSY;
    up->deadline_us = 0;
    client_resume(up->client);
}

/* This address did not work: the next one, or the exchange fails. */
static void
failed(struct upstream *up, const char *reason)
{
    struct client *c = up->client;

    writ_loop_remove(&up->gw->loop, &up->io);
    stream_close(&up->s);
    if (dial_next(up, &reason) == WRIT_E_AGAIN)
        return;
    upstream_close(up);
    exchange_fail(c, 502, "upstream", reason);
}

static void
handshake(struct upstream *up)
{
    enum writ_err e = stream_handshake(&up->s);

    if (e == WRIT_OK) {
        connected(up);
        return;
    }
    if (e == WRIT_E_AGAIN) {
        writ_loop_want(&up->gw->loop, &up->io, up->s.wants_write ? EPOLLOUT : EPOLLIN);
        return;
    }
    failed(up, outside_failure(up->s.ssl));
    ERR_clear_error();
}

static void
on_connect(struct upstream *up)
{
    int err = 0;
    socklen_t len = sizeof(err);

    if (getsockopt(up->s.fd, SOL_SOCKET, SO_ERROR, &err, &len) < 0 || err != 0) {
        failed(up, err == ECONNREFUSED ? "the service refused the connection"
                                       : "the service cannot be reached");
        return;
    }
    if (!up->service->https) {
        connected(up);
        return;
    }
    if (outside_session(up->service, up->s.fd, &up->s.ssl) != WRIT_OK) {
        failed(up, "no TLS session could be made");
        return;
    }
    up->state = UPSTREAM_HANDSHAKE;
    up->deadline_us = up->gw->loop.now_us + GATEWAY_CONNECT_TIME;
    handshake(up);
}

static void
upstream_io(struct writ_io *io, uint32_t events)
{
    struct upstream *up = (struct upstream *)(void *)((char *)io - offsetof(struct upstream, io));

    switch (up->state) {
    case UPSTREAM_CONNECT:
        on_connect(up);
        break;
    case UPSTREAM_HANDSHAKE:
        handshake(up);
        break;
    case UPSTREAM_IDLE:
        /* TLS session tickets come here; anything else on an idle connection is odd */
        if (!outside_drain_idle(&up->s))
            upstream_close(up);
        break;
    case UPSTREAM_BUSY:
        if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0)
            up->s.readable = true;
        exchange_pump(up->client);
        break;
    case UPSTREAM_CLOSED:
        break;
    }
}

void
upstream_interest(struct upstream *up)
{
    uint32_t events = 0;

    if (up->state != UPSTREAM_BUSY)
        return;
    if (!up->s.eof && !up->s.readable)
        events |= EPOLLIN;
    if (writ_buf_len(&up->out) != 0 || up->s.wants_write)
        events |= EPOLLOUT;
    writ_loop_want(&up->gw->loop, &up->io, events);
}

void
upstream_tick(struct upstream *up, uint64_t now_us)
{
    struct client *c = up->client;

    if (up->deadline_us == 0 || now_us < up->deadline_us)
        return;
    switch (up->state) {
    case UPSTREAM_CONNECT:
    case UPSTREAM_HANDSHAKE:
        failed(up, "the service did not answer in time");
        break;
    case UPSTREAM_BUSY:
        upstream_close(up);
        exchange_fail(c, 504, "upstream", "the service did not answer in time");
        break;
    case UPSTREAM_IDLE:
        upstream_close(up);
        break;
    case UPSTREAM_CLOSED:
        break;
    }
}
