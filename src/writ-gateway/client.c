#include "writ-gateway/client.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/tls_hello.h"
#include "writ-gateway/ca.h"
#include "writ-gateway/exchange.h"
#include "writ-gateway/reply.h"
#include "writ-gateway/report.h"
#include "writ-gateway/request.h"
#include "writ-gateway/services.h"
#include "writ-gateway/upstream.h"
#include "writ-gateway/waiting.h"

enum { CLIENT_ACCEPTS_MAX = 16 }; /* in one turn */

static void
free_deferred(struct writ_deferred *d)
{
    free(d);
}

void
client_close(struct client *c)
{
    struct gateway *gw = c->gw;

    if (c->state == CLIENT_CLOSED)
        return;
    c->state = CLIENT_CLOSED;
    waiting_remove(c);
    if (c->x.up != NULL)
        upstream_release(c->x.up, false);
    writ_loop_remove(&gw->loop, &c->io);
    stream_close(&c->s);
    writ_buf_done(&c->in);
    writ_buf_done(&c->out);
    if (c->prev != NULL) {
        c->prev->next = c->next;
    } else {
        gw->clients = c->next;
    }
    if (c->next != NULL)
        c->next->prev = c->prev;
    gw->client_count--;
    writ_loop_defer(&gw->loop, &c->deferred, free_deferred);
}

void
client_interest(struct client *c)
{
    bool room = writ_buf_len(&c->out) < GATEWAY_HIGH_BYTES;
    bool read = false;
    uint32_t events = 0;

    switch (c->state) {
    case CLIENT_SNIFF:
    case CLIENT_HEAD:
        read = room;
        break;
    case CLIENT_HANDSHAKE:
        read = !c->s.wants_write;
        break;
    case CLIENT_EXCHANGE:
        /* A client that shuts its side down has gone: an answer that is long in coming, or a stream
         * of events, would keep the upstream for nobody. Servers treat a half-close alike. */
        if (c->x.request_done)
            events |= EPOLLRDHUP;
        /* once the request is complete, one report that something came is enough */
        read = c->x.request_done
                   ? !c->s.readable
                   : c->x.up != NULL && writ_buf_len(&c->x.up->out) < GATEWAY_HIGH_BYTES;
        break;
    case CLIENT_WAIT:
        read = !c->s.readable;
        break;
    case CLIENT_LINGER:
        read = true;
        break;
    case CLIENT_FLUSH:
    case CLIENT_CLOSED:
        break;
    }
    if (read && !c->s.eof)
        events |= EPOLLIN;
    if (writ_buf_len(&c->out) != 0 || c->s.wants_write || c->busy)
        events |= EPOLLOUT;
    writ_loop_want(&c->gw->loop, &c->io, events);
}

/* ---- ends ----------------------------------------------------------------------------------- */

static void
linger(struct client *c)
{
    uint8_t drop[4096];

    for (unsigned i = 0; i < 16; i++) {
        ssize_t n = recv(c->s.fd, drop, sizeof(drop), 0);

        if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
            client_interest(c);
            return;
        }
        c->lingered += n > 0 ? (uint64_t)n : 0;
        if (n <= 0 || c->lingered > GATEWAY_LINGER_BYTES) {
            client_close(c);
            return;
        }
    }
    client_interest(c);
}

static void
flush_last(struct client *c)
{
    enum writ_err e = stream_flush(&c->s, &c->out);

    if (e == WRIT_E_AGAIN) {
        client_interest(c);
        return;
    }
    if (e != WRIT_OK) {
        client_close(c);
        return;
    }
    stream_shutdown(&c->s);
    c->state = CLIENT_LINGER;
    c->deadline_us = c->gw->loop.now_us + GATEWAY_LINGER_TIME;
    linger(c);
}

void
client_finish(struct client *c)
{
    if (c->out.failed) {
        client_close(c);
        return;
    }
    c->state = CLIENT_FLUSH;
    c->busy = false;
    c->deadline_us = c->gw->loop.now_us + GATEWAY_HEAD_TIME;
    flush_last(c);
}

void
client_next(struct client *c)
{
    c->state = CLIENT_HEAD;
    c->scanned = 0;
    c->busy = writ_buf_len(&c->in) != 0 || c->s.readable;
    c->deadline_us = c->gw->loop.now_us + GATEWAY_KEEP_TIME;
    if (stream_flush(&c->s, &c->out) == WRIT_E_CLOSED) {
        client_close(c);
        return;
    }
    client_interest(c); /* a request that is here already is read in the next turn: others first */
}

/* ---- beginnings ----------------------------------------------------------------------------- */

static void
refuse_tls(struct client *c, const char *reason, enum writ_tls_alert alert)
{
    uint8_t record[WRIT_TLS_ALERT_BYTES];

    if (!report_connection_refused(c, reason)) {
        client_close(c);
        return;
    }
    writ_tls_alert_record(alert, record);
    writ_buf_put(&c->out, writ_span(record, sizeof(record)));
    client_finish(c);
}

static struct service *
service_of_hello(struct client *c, const struct writ_tls_hello *hello)
{
    struct gateway *gw = c->gw;
    const char *name = c->proxied ? c->tunnel.host : hello->sni;
    uint16_t port = c->proxied ? c->tunnel.port : c->dest_port;

    if (c->proxied && hello->sni[0] != '\0' && strcmp(hello->sni, c->tunnel.host) != 0)
        return NULL;
    if (name[0] != '\0')
        return service_find(gw, true, name, port);
    return service_at(gw, &c->dest, port);
}

static void
start_tls(struct client *c, const struct writ_tls_hello *hello)
{
    struct service *s = service_of_hello(c, hello);

    memcpy(c->sni, hello->sni, sizeof(c->sni));
    if (s == NULL) {
        refuse_tls(c, "the TLS server name is not a service of this task",
                   WRIT_TLS_UNRECOGNIZED_NAME);
        return;
    }
    if (hello->has_alpn && !hello->alpn_http11) {
        refuse_tls(c, "only HTTP/1.1 is spoken here", WRIT_TLS_NO_APPLICATION_PROTOCOL);
        return;
    }
    if (ca_leaf(c->gw->ca, s) != WRIT_OK || (c->s.ssl = SSL_new(s->inside)) == NULL ||
        SSL_set_fd(c->s.ssl, c->s.fd) != 1) {
        refuse_tls(c, "no TLS session could be made", WRIT_TLS_INTERNAL_ERROR);
        return;
    }
    SSL_set_accept_state(c->s.ssl);
    if (!report_connection(c, true)) {
        client_close(c);
        return;
    }
    c->state = CLIENT_HANDSHAKE;
}

static void
want_bytes(struct client *c, int n)
{
    if (n > 1 || c->hello_bytes != 0)
        (void)setsockopt(c->s.fd, SOL_SOCKET, SO_RCVLOWAT, &n, sizeof(n));
}

/* Looks at the first bytes without taking them: the TLS library reads them again. */
static void
sniff(struct client *c)
{
    struct gateway *gw = c->gw;
    struct writ_tls_fault fault = {0};
    struct writ_tls_hello hello;
    ssize_t n = recv(c->s.fd, gw->hello, sizeof(gw->hello), MSG_PEEK);
    enum writ_err e;

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        if (n == 0 && !report_connection_refused(c, "closed without a request"))
            stream_abort(&c->s);
        client_close(c);
        return;
    }
    e = writ_tls_hello_parse(writ_span(gw->hello, (size_t)n), gw->hello_scratch, &hello, &fault);
    if (e == WRIT_E_AGAIN && (size_t)n > c->hello_bytes) {
        /* what was peeked at stays readable: wait for more than that, or epoll would not sleep */
        c->hello_bytes = (size_t)n;
        want_bytes(c, (int)n + 1);
        return;
    }
    want_bytes(c, 1);
    if (e == WRIT_E_AGAIN) {
        refuse_tls(c, "the ClientHello ends in the middle", WRIT_TLS_DECODE_ERROR);
        return;
    }
    if (e == WRIT_E_STATE) {
        c->state = CLIENT_HEAD;
        if (!report_connection(c, false))
            client_close(c);
        return;
    }
    if (e != WRIT_OK) {
        refuse_tls(c, fault.reason, fault.alert);
        return;
    }
    start_tls(c, &hello);
}

static void
handshake(struct client *c)
{
    enum writ_err e = stream_handshake(&c->s);

    if (e == WRIT_OK) {
        c->state = CLIENT_HEAD;
        return;
    }
    if (e != WRIT_E_AGAIN) {
        ERR_clear_error();
        if (!report_connection_refused(
                c, "the TLS handshake failed: does the client trust the task's CA?"))
            stream_abort(&c->s);
        client_close(c);
    }
}

static void
read_head(struct client *c)
{
    enum writ_err e = WRIT_OK;

    if (stream_flush(&c->s, &c->out) == WRIT_E_CLOSED) {
        client_close(c);
        return;
    }
    if (writ_buf_len(&c->out) >= GATEWAY_HIGH_BYTES)
        return;
    if (c->s.readable)
        e = stream_fill(&c->s, &c->in, GATEWAY_READ_BYTES);
    if (e == WRIT_E_CLOSED || e == WRIT_E_SYS) {
        client_close(c);
        return;
    }
    if (c->scanned == 0 && writ_buf_len(&c->in) != 0)
        c->deadline_us = c->gw->loop.now_us + GATEWAY_HEAD_TIME;
    if (writ_buf_len(&c->in) != 0)
        request_read(c);
    /* further TLS records may have been read with this one: no event will tell of them */
    if (c->state == CLIENT_HEAD && c->s.readable)
        c->busy = true;
}

/* ---- events --------------------------------------------------------------------------------- */

/* One step of the current state; what changes the state is followed by another step. */
static void
step(struct client *c)
{
    c->busy = false;
    if (c->state == CLIENT_SNIFF)
        sniff(c);
    if (c->state == CLIENT_HANDSHAKE)
        handshake(c);
    if (c->state == CLIENT_HEAD) {
        read_head(c);
    } else if (c->state == CLIENT_EXCHANGE) {
        exchange_pump(c);
    } else if (c->state == CLIENT_FLUSH) {
        flush_last(c);
    } else if (c->state == CLIENT_LINGER) {
        linger(c);
    }
    if (c->state != CLIENT_CLOSED)
        client_interest(c);
}

static void
client_io(struct writ_io *io, uint32_t events)
{
    struct client *c = (struct client *)(void *)((char *)io - offsetof(struct client, io));

    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0)
        c->s.readable = true;
    if ((events & (EPOLLHUP | EPOLLERR | EPOLLRDHUP)) != 0 &&
        (c->state == CLIENT_EXCHANGE || c->state == CLIENT_WAIT)) {
        exchange_drop(c);
        return;
    }
    step(c);
}

void
client_resume(struct client *c)
{
    if (c->state == CLIENT_WAIT)
        request_go_on(c);
}

void
client_tick(struct client *c, uint64_t now_us)
{
    if (c->deadline_us == 0 || now_us < c->deadline_us)
        return;
    c->deadline_us = 0;
    if (c->state == CLIENT_HEAD && writ_buf_len(&c->in) != 0) {
        struct refusal r = {408, "limit", "the request head did not arrive in time", NULL, 0};

        reply_refuse(c, &r, true);
        client_finish(c);
        return;
    }
    client_close(c);
}

/* The address the task dialled is the local address of the connection: every address is local. */
static void
destination(struct client *c)
{
    struct sockaddr_in6 local = {0};
    socklen_t len = sizeof(local);

    if (getsockname(c->s.fd, (struct sockaddr *)&local, &len) < 0)
        return;
    if (local.sin6_family == AF_INET) {
        struct sockaddr_in in;

        memcpy(&in, &local, sizeof(in));
        c->dest = writ_addr_v4((const uint8_t *)&in.sin_addr);
        c->dest_port = ntohs(in.sin_port);
        return;
    }
    c->dest = writ_addr_v6((const uint8_t *)&local.sin6_addr);
    c->dest = writ_addr_unmap(&c->dest);
    c->dest_port = ntohs(local.sin6_port);
}

static bool
is_decoy(const struct writ_addr *a)
{
    enum writ_addr_class class = writ_addr_classify_inner(a);

    return class == WRIT_ADDR_METADATA || class == WRIT_ADDR_LINK_LOCAL;
}

static void
client_new(struct gateway *gw, int fd)
{
    struct client *c = calloc(1, sizeof(*c));
    const int one = 1;

    if (c == NULL) {
        (void)close(fd);
        return;
    }
    c->gw = gw;
    c->id = ++gw->connection_seq;
    stream_init(&c->s, fd);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    writ_buf_init(&c->in, WRIT_HTTP_HEAD_BYTES_MAX + 2UL * GATEWAY_READ_BYTES);
    writ_buf_init(&c->out, 4UL * GATEWAY_HIGH_BYTES + WRIT_HTTP_HEAD_BYTES_MAX);
    destination(c);
    c->state = CLIENT_SNIFF;
    c->deadline_us = gw->loop.now_us + GATEWAY_HEAD_TIME;
    c->next = gw->clients;
    if (c->next != NULL)
        c->next->prev = c;
    gw->clients = c;
    gw->client_count++;
    writ_loop_tick_every(&gw->loop, 1000000);
    if (writ_loop_add(&gw->loop, &c->io, fd, EPOLLIN, client_io) != WRIT_OK ||
        (is_decoy(&c->dest) && !report_decoy(gw, &c->dest, c->dest_port, "tcp"))) {
        client_close(c);
        return;
    }
    if (gw->client_count > GATEWAY_CLIENTS_MAX) {
        struct refusal r = {429, "limit", "too many connections of this task are open", NULL, 0};

        if (!report_connection_refused(c, r.reason))
            stream_abort(&c->s);
        reply_refuse(c, &r, true);
        client_finish(c);
    }
}

void
client_accept(struct listener *l)
{
    for (unsigned i = 0; i < CLIENT_ACCEPTS_MAX; i++) {
        int fd = accept4(l->io.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd < 0) {
            /* no descriptor is left: the connection stays in the queue, and is looked at again with
             * the next tick instead of at once and for ever */
            if (errno == EMFILE || errno == ENFILE)
                writ_loop_want(&l->gw->loop, &l->io, 0);
            return;
        }
        client_new(l->gw, fd);
    }
}
