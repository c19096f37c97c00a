#include "writ-gateway/dnsd.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/dns.h"
#include "writ-gateway/report.h"
#include "writ-gateway/services.h"
#include "writ-gateway/stream.h"

enum {
    DNS_TTL_S = 60,
    DNS_DATAGRAMS_MAX = 32, /* in one turn */
    DNS_CONNECTIONS_MAX = 16,
    DNS_ANSWER_MAX = 65535,
};

static const char *
type_name(uint16_t type, char ret[8])
{
    if (type == WRIT_DNS_TYPE_A)
        return "A";
    if (type == WRIT_DNS_TYPE_AAAA)
        return "AAAA";
    (void)snprintf(ret, 8, "%u", type);
    return ret;
}

/* False: nothing may be answered, because it could not be recorded or is no question. */
static bool
answer(struct gateway *gw, struct writ_span msg, size_t bytes_max, struct writ_buf *out)
{
    struct writ_dns_query q;
    struct writ_dns_answer a = {.ttl_s = DNS_TTL_S};
    enum writ_dns_rcode rcode = WRIT_DNS_SERVFAIL;
    char type[8];
    enum writ_err e = writ_dns_parse_query(msg, &q, &rcode);
    struct service *s;

    if (e == WRIT_E_CLOSED)
        return false;
    if (e != WRIT_OK) {
        if (!report_name(gw, "", "", false, "not a question that can be answered"))
            return false;
        writ_dns_put_error(out, msg, rcode);
        return true;
    }
    s = q.odd ? NULL : service_named(gw, q.name);
    if (!report_name(gw, q.name, type_name(q.type, type), s != NULL,
                     s != NULL ? "" : "not the name of a service of this task"))
        return false;
    if (s == NULL) {
        a.rcode = WRIT_DNS_NXDOMAIN;
    } else {
        a.addrs = s->dns;
        a.count = WRIT_COUNT(s->dns);
    }
    writ_dns_put_answer(out, &q, &a, bytes_max == 0 ? q.udp_max : bytes_max);
    return true;
}

void
dnsd_read(struct listener *l)
{
    WRIT_BUF_AUTO struct writ_buf out = {0};

    writ_buf_init(&out, DNS_ANSWER_MAX);
    for (unsigned i = 0; i < DNS_DATAGRAMS_MAX; i++) {
        uint8_t msg[WRIT_DNS_MSG_BYTES_MAX];
        struct sockaddr_storage from;

        union {
            struct cmsghdr align;
            uint8_t bytes[128];
        } control;
        struct iovec iov = {msg, sizeof(msg)};
        struct msghdr h = {.msg_name = &from,
                           .msg_namelen = sizeof(from),
                           .msg_iov = &iov,
                           .msg_iovlen = 1,
                           .msg_control = control.bytes,
                           .msg_controllen = sizeof(control.bytes)};
        ssize_t n = recvmsg(l->io.fd, &h, MSG_DONTWAIT);
        struct writ_span bytes;

        if (n < 0)
            return;
        writ_buf_reset(&out);
        if ((h.msg_flags & MSG_TRUNC) != 0 || !answer(l->gw, writ_span(msg, (size_t)n), 0, &out) ||
            out.failed)
            continue;
        /* the control data that came (which address was asked) goes back with the answer, so that
         * it leaves from that address */
        bytes = writ_buf_span(&out);
        memcpy(&iov.iov_base, &bytes.ptr, sizeof(void *));
        iov.iov_len = bytes.len;
        h.msg_flags = 0;
        (void)sendmsg(l->io.fd, &h, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
}

/* ---- over TCP ------------------------------------------------------------------------------- */

struct dns_conn {
    struct writ_deferred deferred; /* first */
    struct writ_io io;
    struct gateway *gw;
    struct dns_conn *next;
    struct stream s;
    struct writ_buf in;
    struct writ_buf out;
};

struct dnsd {
    struct dns_conn *conns;
    size_t count;
};

static void
free_deferred(struct writ_deferred *d)
{
    free(d);
}

static void
conn_close(struct dns_conn *c)
{
    struct dns_conn **at = &c->gw->dnsd->conns;

    while (*at != c)
        at = &(*at)->next;
    *at = c->next;
    c->gw->dnsd->count--;
    writ_loop_remove(&c->gw->loop, &c->io);
    stream_close(&c->s);
    writ_buf_done(&c->in);
    writ_buf_done(&c->out);
    writ_loop_defer(&c->gw->loop, &c->deferred, free_deferred);
}

/* Answers every whole question that is there; false if the connection is to be closed. */
static bool
conn_serve(struct dns_conn *c)
{
    WRIT_BUF_AUTO struct writ_buf one = {0};
    struct writ_span msg;
    size_t used;
    enum writ_err e;

    writ_buf_init(&one, DNS_ANSWER_MAX);
    while ((e = writ_dns_tcp_next(writ_buf_span(&c->in), &msg, &used)) == WRIT_OK) {
        writ_buf_reset(&one);
        if (!answer(c->gw, msg, DNS_ANSWER_MAX, &one) || one.failed)
            return false;
        writ_dns_put_tcp(&c->out, writ_buf_span(&one));
        writ_buf_consume(&c->in, used);
    }
    return e == WRIT_E_AGAIN && !c->out.failed;
}

static void
conn_io(struct writ_io *io, uint32_t events)
{
    struct dns_conn *c = (struct dns_conn *)(void *)((char *)io - offsetof(struct dns_conn, io));
    enum writ_err e = WRIT_E_AGAIN;

    if ((events & ~(uint32_t)EPOLLOUT) != 0) {
        c->s.readable = true;
        e = stream_fill(&c->s, &c->in, WRIT_DNS_MSG_BYTES_MAX);
    }
    if ((e != WRIT_OK && e != WRIT_E_AGAIN) || !conn_serve(c)) {
        conn_close(c);
        return;
    }
    e = stream_flush(&c->s, &c->out);
    if (e == WRIT_E_CLOSED) {
        conn_close(c);
        return;
    }
    writ_loop_want(&c->gw->loop, &c->io, e == WRIT_OK ? EPOLLIN : EPOLLOUT);
}

static void
conn_new(struct gateway *gw, int fd)
{
    struct dns_conn *c;

    if (gw->dnsd == NULL)
        gw->dnsd = calloc(1, sizeof(*gw->dnsd));
    c = gw->dnsd == NULL || gw->dnsd->count >= DNS_CONNECTIONS_MAX ? NULL : calloc(1, sizeof(*c));
    if (c == NULL) {
        (void)close(fd);
        return;
    }
    c->gw = gw;
    stream_init(&c->s, fd);
    writ_buf_init(&c->in, 2UL * WRIT_DNS_MSG_BYTES_MAX);
    writ_buf_init(&c->out, 2UL * DNS_ANSWER_MAX);
    c->next = gw->dnsd->conns;
    gw->dnsd->conns = c;
    gw->dnsd->count++;
    if (writ_loop_add(&gw->loop, &c->io, fd, EPOLLIN, conn_io) != WRIT_OK)
        conn_close(c);
}

void
dnsd_accept(struct listener *l)
{
    int fd = accept4(l->io.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd >= 0)
        conn_new(l->gw, fd);
}

void
dnsd_done(struct gateway *gw)
{
    while (gw->dnsd != NULL && gw->dnsd->conns != NULL)
        conn_close(gw->dnsd->conns);
    free(gw->dnsd);
    gw->dnsd = NULL;
}
