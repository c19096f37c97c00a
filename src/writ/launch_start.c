#include "writ/launch_in.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>

#include "base/fd.h"
#include "writ/environment.h"
#include "writ/programs.h"

/* The next message of a child, which must be of one type. */
static enum writ_err
wait_for(struct launch *l, struct child *c, enum writ_msg type, struct writ_msg_in *ret)
{
    return child_expect(c, type, LAUNCH_START_MS, &l->diag, ret);
}

static bool
needs_keeper(const struct writ_doc *doc)
{
    for (size_t i = 0; i < doc->service_count; i++) {
        if (doc->services[i].credential[0] != '\0')
            return true;
    }
    return false;
}

static enum writ_err
start_box(struct launch *l)
{
    struct environment env;
    struct writ_sandbox_bind *binds = calloc(l->doc->bind_count + 1, sizeof(*binds));
    char init[PATH_MAX];
    struct writ_sandbox_spec spec = {.task_id = l->doc->task.text,
                                     .binds = binds,
                                     .bind_count = l->doc->bind_count,
                                     .cwd = l->doc->cwd,
                                     .argv = l->doc->argv,
                                     .tty = l->relay.master >= 0,
                                     .memory_bytes = l->doc->limits.memory_bytes,
                                     .disk_bytes = l->doc->limits.disk_bytes,
                                     .pids = l->doc->limits.pids,
                                     .init_path = init};
    enum writ_err e = binds == NULL ? WRIT_E_NOMEM : environment_make(l->doc, spec.tty, &env);

    if (e != WRIT_OK) {
        free(binds);
        return e;
    }
    for (size_t i = 0; i < l->doc->bind_count; i++) {
        binds[i] = (struct writ_sandbox_bind){l->doc->binds[i].host, l->doc->binds[i].inside,
                                              l->doc->binds[i].write};
    }
    memcpy(spec.stdio, l->relay.task_fds, sizeof(spec.stdio));
    spec.envp = env.vars;
    spec.ports = env.ports;
    spec.port_count = env.port_count;
    e = writ_program_path("writ-init", init, sizeof(init), &l->diag);
    if (e == WRIT_OK)
        e = writ_sandbox_start(&spec, &l->box, &l->diag);
    l->box_started = e == WRIT_OK;
    environment_done(&env);
    free(binds);
    return e;
}

/* The slowest to start comes first; the ledger's own start is hidden behind the box's. */
static enum writ_err
start_children(struct launch *l)
{
    enum writ_err e = WRIT_OK;

    if (needs_keeper(l->doc))
        e = child_start(&l->keeper, "writ-keeper", WRIT_ROLE_KEEPER, l->state, &l->diag);
    if (e == WRIT_OK)
        e = child_start(&l->gateway, "writ-gateway", WRIT_ROLE_GATEWAY, NULL, &l->diag);
    if (e == WRIT_OK)
        e = start_box(l);
    if (e == WRIT_OK)
        e = ledger_client_start(&l->ledger, &l->diag);
    return e;
}

static enum writ_err
make_ring(struct launch *l)
{
    enum writ_err e = writ_ring_make(&l->ring_fds[0], &l->ring_fds[1]);

    if (e != WRIT_OK)
        return e;
    return writ_ring_map(&l->ring, fcntl(l->ring_fds[0], F_DUPFD_CLOEXEC, 3),
                         fcntl(l->ring_fds[1], F_DUPFD_CLOEXEC, 3));
}

static enum writ_err
brief_gateway(struct launch *l)
{
    enum writ_err e =
        writ_chan_send(&l->gateway.chan, WRIT_MSG_GATEWAY_WRIT, writ_span(NULL, 0), &l->doc_fd, 1);

    if (e == WRIT_OK)
        e = writ_chan_send(&l->gateway.chan, WRIT_MSG_GATEWAY_RING, writ_span(NULL, 0), l->ring_fds,
                           2);
    return e;
}

/* Hands the keeper the writ, the gateway's channel and its own way to the ledger. */
static enum writ_err
brief_keeper(struct launch *l)
{
    WRIT_BUF_AUTO struct writ_buf id = {0};
    WRIT_FD_AUTO int gateway_end = -1;
    WRIT_FD_AUTO int keeper_end = -1;
    WRIT_FD_AUTO int ledger_end = -1;
    WRIT_FD_AUTO int append_end = -1;
    const uint8_t keeper = WRIT_ROLE_KEEPER;
    struct writ_msg_in m;
    int pair[2];
    enum writ_err e = wait_for(l, &l->keeper, WRIT_MSG_KEEPER_READY, &m);

    if (e != WRIT_OK)
        return e;
    l->keeper.chan.phase = WRIT_PHASE_RUN;
    e = writ_chan_pair(pair);
    if (e != WRIT_OK)
        return e;
    gateway_end = pair[0];
    keeper_end = pair[1];
    e = writ_chan_pair(pair);
    if (e != WRIT_OK)
        return e;
    ledger_end = pair[0];
    append_end = pair[1];
    writ_buf_init(&id, 64);
    writ_buf_put_blob(&id, writ_span_str(l->doc->task.text));
    const int fds[3] = {l->doc_fd, keeper_end, append_end};

    e = writ_chan_send(&l->ledger.child.chan, WRIT_MSG_LEDGER_CHANNEL, writ_span(&keeper, 1),
                       &ledger_end, 1);
    if (e == WRIT_OK)
        e = writ_chan_send(&l->keeper.chan, WRIT_MSG_KEEPER_TASK, writ_buf_span(&id), fds, 3);
    if (e == WRIT_OK)
        e = writ_chan_send(&l->gateway.chan, WRIT_MSG_GATEWAY_KEEPER, writ_span(NULL, 0),
                           &gateway_end, 1);
    return e;
}

static enum writ_err
hand_out_listeners(struct launch *l)
{
    for (size_t i = 0; i < l->box.listener_count; i++) {
        struct writ_sandbox_listener *s = &l->box.listeners[i];
        const uint8_t body[3] = {(uint8_t)s->kind, (uint8_t)(s->port >> 8), (uint8_t)s->port};
        enum writ_err e = writ_chan_send(&l->gateway.chan, WRIT_MSG_GATEWAY_LISTEN,
                                         writ_span(body, sizeof(body)), &s->fd, 1);

        if (e != WRIT_OK)
            return e;
        writ_fd_close(&s->fd); /* the gateway alone accepts now */
    }
    return writ_chan_send(&l->gateway.chan, WRIT_MSG_GATEWAY_SERVE, writ_span(NULL, 0), NULL, 0);
}

static enum writ_err
put_ca(struct launch *l)
{
    struct writ_msg_in m;
    enum writ_err e = wait_for(l, &l->gateway, WRIT_MSG_GATEWAY_CA, &m);

    if (e != WRIT_OK)
        return e;
    return writ_sandbox_put(&l->box, ENVIRONMENT_CA_FILE, m.body);
}

/* The processes, each with all that it is told: the task itself waits until every answer is in. */
static enum writ_err
start_parts(struct launch *l)
{
    struct writ_span record;
    enum writ_err e = start_children(l);

    if (e == WRIT_OK)
        e = brief_gateway(l);
    if (e == WRIT_OK)
        e = writ_sandbox_listen(&l->box, &l->diag);
    if (e == WRIT_OK)
        e = record_task_start(l->doc, writ_buf_span(&l->encoded), l->box.missing, l->record,
                              &record);
    if (e == WRIT_OK)
        e = ledger_client_tell(&l->ledger, record);
    if (e == WRIT_OK && l->keeper.pid != 0)
        e = brief_keeper(l);
    return e == WRIT_OK ? hand_out_listeners(l) : e;
}

enum writ_err
launch_start(struct launch *l)
{
    struct writ_msg_in m;
    enum writ_err e = writ_doc_encode(l->doc, &l->encoded);

    if (e == WRIT_OK)
        e = writ_memfd_sealed("writ", writ_buf_span(&l->encoded), &l->doc_fd);
    if (e == WRIT_OK)
        e = make_ring(l);
    if (e == WRIT_OK)
        e = start_parts(l);
    if (e == WRIT_OK)
        e = ledger_client_hear(&l->ledger, &l->diag);
    l->log_open = e == WRIT_OK;
    if (e == WRIT_OK && l->keeper.pid != 0)
        e = wait_for(l, &l->keeper, WRIT_MSG_KEEPER_TASK_OK, &m);
    if (e == WRIT_OK)
        e = put_ca(l);
    if (e == WRIT_OK)
        e = wait_for(l, &l->gateway, WRIT_MSG_GATEWAY_READY, &m);
    if (e != WRIT_OK)
        return e;
    l->gateway.chan.phase = WRIT_PHASE_RUN;
    e = writ_sandbox_go(&l->box, &l->diag);
    l->task_running = e == WRIT_OK;
    return e;
}
