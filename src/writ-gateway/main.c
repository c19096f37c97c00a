/*
 * writ-gateway: one task's whole network. Descriptor 3 is the launcher; everything else comes by
 * message. Set up, narrow, announce, serve; when the launcher goes away, so does every connection.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/secret.h"
#include "writ-gateway/ca.h"
#include "writ-gateway/client.h"
#include "writ-gateway/dnsd.h"
#include "writ-gateway/narrow.h"
#include "writ-gateway/report.h"
#include "writ-gateway/resolve.h"
#include "writ-gateway/secrets.h"
#include "writ-gateway/services.h"
#include "writ-gateway/tap.h"
#include "writ-gateway/upstream.h"
#include "writ-gateway/waiting.h"

enum { GATEWAY_LAUNCHER_FD = 3 };

static struct gateway gateway;

/* Says why to whoever started us, and ends. */
static WRIT_NORETURN void
fail(struct gateway *gw, const char *reason)
{
    enum writ_err e =
        writ_chan_send(&gw->launcher, WRIT_MSG_GATEWAY_FAIL, writ_span_str(reason), NULL, 0);

    /* a launcher that has closed its end has a better reason, and tells it */
    if (e != WRIT_OK && e != WRIT_E_CLOSED)
        (void)fprintf(stderr, "writ-gateway: %s\n", reason);
    _exit(1);
}

static enum writ_err
take_writ(struct gateway *gw, const int *fd)
{
    WRIT_BUF_AUTO struct writ_buf bytes = {0};
    struct stat st;
    uint8_t *at;
    enum writ_err e;

    if (fstat(*fd, &st) < 0 || st.st_size <= 0 || st.st_size > WRIT_WRIT_BYTES_MAX)
        return WRIT_E_LIMIT;
    writ_buf_init(&bytes, WRIT_WRIT_BYTES_MAX);
    e = writ_buf_reserve(&bytes, (size_t)st.st_size, &at);
    if (e != WRIT_OK)
        return e;
    if (pread(*fd, at, (size_t)st.st_size, 0) != st.st_size)
        return WRIT_E_SYS;
    writ_buf_commit(&bytes, (size_t)st.st_size);
    return writ_doc_decode(writ_buf_span(&bytes), &gw->doc);
}

static void
keeper_io(struct writ_io *io, uint32_t events)
{
    (void)io;
    (void)events;
    secrets_read(&gateway);
}

static void
listener_io(struct writ_io *io, uint32_t events)
{
    struct listener *l = (struct listener *)(void *)io;

    (void)events;
    switch (l->kind) {
    case WRIT_LISTENER_TCP:
        if (l->port == 53) {
            dnsd_accept(l);
        } else {
            client_accept(l);
        }
        break;
    case WRIT_LISTENER_UDP_DNS:
        dnsd_read(l);
        break;
    case WRIT_LISTENER_PACKETS:
        tap_read(l);
        break;
    }
}

static enum writ_err
take_listener(struct gateway *gw, struct writ_msg_in *m)
{
    struct writ_reader r = writ_reader(m->body);
    struct listener *l;
    uint8_t kind;
    uint16_t port;

    if (gw->listener_count == GATEWAY_LISTENERS_MAX || !writ_read_u8(&r, &kind) ||
        !writ_read_u16(&r, &port) || !writ_read_done(&r) || kind < WRIT_LISTENER_TCP ||
        kind > WRIT_LISTENER_PACKETS || writ_fd_nonblock(m->fds[0]) != WRIT_OK)
        return WRIT_E_FORMAT;
    l = &gw->listeners[gw->listener_count];
    l->gw = gw;
    l->kind = (enum writ_listener)kind;
    l->port = port;
    if (writ_loop_add(&gw->loop, &l->io, m->fds[0], EPOLLIN, listener_io) != WRIT_OK)
        return WRIT_E_SYS;
    m->fds[0] = -1;
    gw->listener_count++;
    return WRIT_OK;
}

/* ---- set-up --------------------------------------------------------------------------------- */

static void
prepare(struct gateway *gw)
{
    WRIT_BUF_AUTO struct writ_buf pem = {0};
    struct writ_diag diag = {0};
    char text[1024];

    writ_buf_init(&pem, 16384);
    if (services_new(gw) != WRIT_OK)
        fail(gw, "out of memory");
    if (policy_new(&gw->doc, &gw->policy, &diag) != WRIT_OK) {
        (void)snprintf(text, sizeof(text), "%s:%u:%u: %s", diag.file, diag.line, diag.col,
                       diag.text);
        fail(gw, text);
    }
    if (ca_new(gw, &gw->ca, &pem) != WRIT_OK)
        fail(gw, "the task's certificate authority could not be made");
    if (resolver_new(gw, &gw->resolver) != WRIT_OK)
        fail(gw, "the machine's resolver configuration cannot be used");
    if (writ_chan_send(&gw->launcher, WRIT_MSG_GATEWAY_CA, writ_buf_span(&pem), NULL, 0) != WRIT_OK)
        _exit(1);
}

static enum writ_err
set_up_message(struct gateway *gw, struct writ_msg_in *m)
{
    enum writ_err e = WRIT_OK;

    switch ((unsigned)m->type) { /* only what a gateway is sent in set-up; the rest refuses */
    case WRIT_MSG_GATEWAY_WRIT:
        e = gw->services == NULL ? take_writ(gw, &m->fds[0]) : WRIT_E_STATE;
        if (e == WRIT_OK)
            prepare(gw);
        return e;
    case WRIT_MSG_GATEWAY_RING:
        if (gw->ring.shared != NULL)
            return WRIT_E_STATE;
        e = writ_ring_map(&gw->ring, m->fds[0], m->fds[1]);
        m->fd_count = 0;
        return e;
    case WRIT_MSG_GATEWAY_KEEPER:
        if (gw->keeper.fd >= 0)
            return WRIT_E_STATE;
        writ_chan_init(&gw->keeper, writ_fd_take(&m->fds[0]), WRIT_ROLE_GATEWAY, WRIT_ROLE_KEEPER);
        gw->keeper.phase = WRIT_PHASE_RUN;
        e = writ_fd_nonblock(gw->keeper.fd);
        return e == WRIT_OK
                   ? writ_loop_add(&gw->loop, &gw->keeper_io, gw->keeper.fd, EPOLLIN, keeper_io)
                   : e;
    case WRIT_MSG_GATEWAY_LISTEN:
        return take_listener(gw, m);
    default:
        return WRIT_E_STATE;
    }
}

static void
set_up(struct gateway *gw)
{
    for (;;) {
        struct writ_msg_in m;
        enum writ_err e = writ_chan_recv(&gw->launcher, &m);

        if (e != WRIT_OK)
            _exit(e == WRIT_E_CLOSED ? 0 : 1);
        if (m.type == WRIT_MSG_GATEWAY_END)
            _exit(0);
        if (m.type == WRIT_MSG_GATEWAY_SERVE)
            break;
        e = set_up_message(gw, &m);
        writ_msg_in_close(&m);
        if (e != WRIT_OK)
            fail(gw, "the launcher's messages do not fit together");
    }
    if (gw->services == NULL || gw->ring.shared == NULL)
        fail(gw, "the launcher left something out");
}

/* ---- serving -------------------------------------------------------------------------------- */

static void
end(struct gateway *gw)
{
    gw->ending = true;
    for (size_t i = 0; i < gw->listener_count; i++) {
        writ_loop_remove(&gw->loop, &gw->listeners[i].io);
        writ_fd_close(&gw->listeners[i].io.fd);
    }
    while (gw->clients != NULL) {
        if (gw->clients->x.service != NULL && !report_request_end(gw->clients, "the task ended"))
            gw->clients->x.service = NULL;
        stream_abort(&gw->clients->s);
        client_close(gw->clients);
    }
    while (gw->upstreams != NULL)
        upstream_close(gw->upstreams);
    dnsd_done(gw);
    gw->loop.stop = true;
}

static void
launcher_io(struct writ_io *io, uint32_t events)
{
    struct gateway *gw = &gateway;
    struct writ_msg_in m;
    enum writ_err e = writ_chan_recv(&gw->launcher, &m);

    (void)io;
    (void)events;
    if (e == WRIT_E_AGAIN)
        return;
    end(gw); /* GATEWAY_END is all it can say by now; anything else ends us just as well */
    if (e != WRIT_OK)
        return;
    /* without its last record the log shows what happened: the ledger is dead or its disk full */
    if (!report_end(gw))
        gw->loop.stop = true;
    if (writ_chan_send(&gw->launcher, WRIT_MSG_GATEWAY_ENDED, writ_span(NULL, 0), NULL, 0) !=
        WRIT_OK)
        gw->loop.stop = true;
}

static void
tick(struct writ_loop *loop)
{
    struct gateway *gw = gateway_of(loop);
    struct upstream *next_up;
    struct client *next_client;

    /* a handler may close its neighbour; the walk starts over from what is left */
    for (struct client *c = gw->clients; c != NULL; c = next_client) {
        next_client = c->next;
        client_tick(c, loop->now_us);
        if (next_client != NULL && next_client->state == CLIENT_CLOSED)
            break;
    }
    for (struct upstream *up = gw->upstreams; up != NULL; up = next_up) {
        next_up = up->next;
        upstream_tick(up, loop->now_us);
        if (next_up != NULL && next_up->state == UPSTREAM_CLOSED)
            break;
    }
    for (size_t i = 0; i < gw->listener_count; i++)
        writ_loop_want(loop, &gw->listeners[i].io, EPOLLIN);
    resolver_tick(gw->resolver);
    if (gw->clients == NULL && gw->upstreams == NULL)
        writ_loop_tick_every(loop, 0);
}

static void
turn_end(struct writ_loop *loop)
{
    waiting_run(gateway_of(loop));
}

/* Enough for every connection that is allowed at a time, as far as this account may. */
static void
raise_descriptors(void)
{
    const rlim_t wanted = GATEWAY_CLIENTS_MAX + 4 * GATEWAY_UPSTREAMS_MAX + 64;
    struct rlimit r;

    if (getrlimit(RLIMIT_NOFILE, &r) < 0 || r.rlim_cur >= wanted)
        return;
    r.rlim_cur = r.rlim_max < wanted ? r.rlim_max : wanted;
    if (setrlimit(RLIMIT_NOFILE, &r) < 0)
        return; /* fewer connections at a time, then: accept says so */
}

int
main(void)
{
    /* the TLS library writes without MSG_NOSIGNAL: a task could end us by closing a connection */
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    struct gateway *gw = &gateway;

    if (writ_secret_process() != WRIT_OK || sigaction(SIGPIPE, &ignore, NULL) < 0)
        return 1;
    raise_descriptors();
    gw->keeper.fd = -1;
    writ_chan_init(&gw->launcher, GATEWAY_LAUNCHER_FD, WRIT_ROLE_GATEWAY, WRIT_ROLE_LAUNCHER);
    writ_buf_init(&gw->path, WRIT_HTTP_TARGET_BYTES_MAX);
    writ_buf_init(&gw->query, WRIT_HTTP_TARGET_BYTES_MAX);
    if (writ_loop_init(&gw->loop, gw) != WRIT_OK)
        fail(gw, "the process could not be set up");
    set_up(gw);
    if (narrow(gw) != WRIT_OK)
        fail(gw, "the gateway could not give up its own rights (Landlock, seccomp)");
    gw->launcher.phase = WRIT_PHASE_RUN;
    gw->loop.tick = tick;
    gw->loop.turn_end = turn_end;
    if (writ_fd_nonblock(gw->launcher.fd) != WRIT_OK ||
        writ_loop_add(&gw->loop, &gw->launcher_io, gw->launcher.fd, EPOLLIN, launcher_io) !=
            WRIT_OK ||
        !report_start(gw) ||
        writ_chan_send(&gw->launcher, WRIT_MSG_GATEWAY_READY, writ_span(NULL, 0), NULL, 0) !=
            WRIT_OK)
        fail(gw, "the gateway could not be started");
    if (writ_loop_run(&gw->loop) != WRIT_OK)
        return 1;
    services_done(gw);
    return 0;
}
