#include "writ/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/id.h"
#include "ipc/ring.h"
#include "sandbox/exec_notify.h"
#include "sandbox/sandbox.h"
#include "writ/children.h"
#include "writ/digests.h"
#include "writ/environment.h"
#include "writ/ledger_client.h"
#include "writ/programs.h"
#include "writ/records.h"
#include "writ/relay.h"

enum {
    LAUNCH_START_MS = 10000, /* one of our own processes that takes longer to start is stuck */
    LAUNCH_END_MS = 2000,
    LAUNCH_GRACE_US = 10 * 1000000,
};

struct launch {
    struct writ_loop loop;
    const struct writ_doc *doc;
    const char *state;
    struct writ_buf encoded;
    int doc_fd;
    struct ledger_client ledger;
    struct child keeper;
    struct child gateway;
    int ring_fds[2];       /* memory and doorbell */
    struct writ_ring ring; /* our own view, to stop it when the ledger dies */
    struct writ_sandbox box;
    bool box_started;
    bool task_running;
    struct writ_io control_io;
    struct writ_io notify_io;
    struct writ_io signal_io;
    struct writ_io timer_io;
    int signal_fd;
    int timer_fd;
    struct relay relay;
    struct digests digests;
    uint64_t drain_until_us; /* the task is over, its last output is on its way; 0 before that */
    uint64_t term_us;        /* when we were asked to end; the task gets a moment for it */
    int wait_status;
    int exit_code;
    const char *reason; /* why the task was ended; NULL: by itself */
    char text[1200];
    const char *died; /* the process of ours whose death is not recorded yet */
    bool log_open;
    struct writ_diag diag;
    uint8_t record[WRIT_RECORD_BYTES_MAX];
};

static struct launch *
launch_of(struct writ_loop *l)
{
    return l->owner;
}

static struct launch *the_launch; /* for handlers, which get an io alone; there is one task */

/* Stops the loop; the first cause stays. */
static void
stop(struct launch *l, int exit_code, const char *reason)
{
    if (l->loop.stop)
        return;
    l->exit_code = exit_code;
    l->reason = reason;
    l->loop.stop = true;
}

/* The next message of a child, which must be of one type. */
static enum writ_err
expect(struct launch *l, struct child *c, enum writ_msg type, int timeout_ms,
       struct writ_msg_in *ret)
{
    return child_expect(c, type, timeout_ms, &l->diag, ret);
}

/* ---- starting ------------------------------------------------------------------------------- */

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
    enum writ_err e = expect(l, &l->keeper, WRIT_MSG_KEEPER_READY, LAUNCH_START_MS, &m);

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
    enum writ_err e = expect(l, &l->gateway, WRIT_MSG_GATEWAY_CA, LAUNCH_START_MS, &m);

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

static enum writ_err
start(struct launch *l)
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
        e = expect(l, &l->keeper, WRIT_MSG_KEEPER_TASK_OK, LAUNCH_START_MS, &m);
    if (e == WRIT_OK)
        e = put_ca(l);
    if (e == WRIT_OK)
        e = expect(l, &l->gateway, WRIT_MSG_GATEWAY_READY, LAUNCH_START_MS, &m);
    if (e != WRIT_OK)
        return e;
    l->gateway.chan.phase = WRIT_PHASE_RUN;
    e = writ_sandbox_go(&l->box, &l->diag);
    l->task_running = e == WRIT_OK;
    return e;
}

/* ---- watching ------------------------------------------------------------------------------- */

static void
child_io(struct writ_io *io, uint32_t events)
{
    struct child *c = (struct child *)(void *)((char *)io - offsetof(struct child, io));
    struct launch *l = the_launch;
    struct writ_msg_in m = {0};
    enum writ_err e;

    (void)events;
    e = writ_chan_recv(&c->chan, &m);
    if (e == WRIT_E_AGAIN)
        return;
    if (c == &l->ledger.child)
        writ_ring_refuse(&l->ring); /* at once: no request without a record */
    else if (e != WRIT_OK)
        l->died = writ_role_name(c->chan.peer);
    (void)child_failed(c, e, &m, &l->diag); /* none of them has a word to say while all is well */
    writ_msg_in_close(&m);
    writ_loop_remove(&l->loop, io);
    stop(l, LAUNCH_EXIT_OWN, l->diag.text);
}

static void
control_io(struct writ_io *io, uint32_t events)
{
    struct launch *l = the_launch;
    enum writ_err e = writ_sandbox_status(&l->box, &l->wait_status);

    (void)events;
    if (e == WRIT_E_AGAIN)
        return;
    writ_loop_remove(&l->loop, io);
    if (e == WRIT_OK) {
        stop(l,
             WIFSIGNALED(l->wait_status) ? 128 + WTERMSIG(l->wait_status)
                                         : WEXITSTATUS(l->wait_status),
             NULL);
        return;
    }
    l->wait_status = SIGKILL;
    stop(l, 128 + SIGKILL, "the task was killed from outside");
}

static void
notify_io(struct writ_io *io, uint32_t events)
{
    static struct writ_exec_event ev;
    struct launch *l = the_launch;
    uint8_t digest[WRIT_HASH_BYTES];
    struct writ_span record;
    enum writ_err e;
    bool hashed;

    (void)events;
    e = writ_exec_notify_read(l->box.notify_fd, &ev);
    if (e == WRIT_E_CLOSED)
        writ_loop_remove(&l->loop, io);
    if (e != WRIT_OK)
        return;
    hashed = digests_get(&l->digests, &ev, digest);
    e = record_program(&ev, hashed ? digest : NULL, l->record, &record);
    if (e == WRIT_OK)
        e = ledger_client_append(&l->ledger, record, &l->diag);
    if (e == WRIT_OK) {
        e = writ_exec_notify_continue(l->box.notify_fd, ev.id);
    } else {
        writ_ring_refuse(&l->ring); /* what could not be recorded here cannot be there either */
        e = writ_exec_notify_deny(l->box.notify_fd, ev.id, EIO);
        stop(l, LAUNCH_EXIT_OWN, l->diag.text);
    }
    writ_exec_event_done(&ev);
    if (e != WRIT_OK && e != WRIT_E_AGAIN)
        stop(l, LAUNCH_EXIT_OWN, "a program start could not be answered");
}

static void
signal_io(struct writ_io *io, uint32_t events)
{
    struct launch *l = the_launch;
    struct signalfd_siginfo info;

    (void)events;
    if (read(io->fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
        return;
    if (info.ssi_signo == SIGWINCH) {
        relay_resize(&l->relay);
        return;
    }
    if (l->drain_until_us != 0) {
        l->loop.stop = l->loop.stop || info.ssi_signo != SIGCONT;
        return;
    }
    if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGHUP)
        l->term_us = l->loop.now_us;
    if (writ_sandbox_signal(&l->box, (int)info.ssi_signo) != WRIT_OK)
        stop(l, 128 + (int)info.ssi_signo, "the task could not be told of a signal");
    writ_loop_tick_every(&l->loop, 1000000);
}

static void
tick(struct writ_loop *loop)
{
    struct launch *l = launch_of(loop);

    if (l->drain_until_us != 0)
        loop->stop = loop->now_us > l->drain_until_us;
    else if (l->term_us != 0 && loop->now_us - l->term_us > LAUNCH_GRACE_US)
        stop(l, 128 + SIGTERM, "the task did not end when it was asked to");
}

static void
timer_io(struct writ_io *io, uint32_t events)
{
    (void)io;
    (void)events;
    stop(the_launch, LAUNCH_EXIT_TIME, "the task's time was over");
}

static enum writ_err
watch_deadline(struct launch *l)
{
    struct itimerspec at = {0};

    if (l->doc->deadline_us == 0)
        return WRIT_OK;
    l->timer_fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    at.it_value.tv_sec = l->doc->deadline_us / 1000000;
    at.it_value.tv_nsec = l->doc->deadline_us % 1000000 * 1000;
    if (l->timer_fd < 0 || timerfd_settime(l->timer_fd, TFD_TIMER_ABSTIME, &at, NULL) < 0)
        return WRIT_E_SYS;
    return writ_loop_add(&l->loop, &l->timer_io, l->timer_fd, EPOLLIN, timer_io);
}

static enum writ_err
watch(struct launch *l)
{
    struct writ_loop *loop = &l->loop;
    enum writ_err e = writ_loop_add(loop, &l->control_io, l->box.control, EPOLLIN, control_io);

    loop->tick = tick;
    if (e == WRIT_OK)
        e = writ_loop_add(loop, &l->notify_io, l->box.notify_fd, EPOLLIN, notify_io);
    if (e == WRIT_OK)
        e = writ_loop_add(loop, &l->signal_io, l->signal_fd, EPOLLIN, signal_io);
    if (e == WRIT_OK)
        e = writ_loop_add(loop, &l->ledger.child.io, l->ledger.child.chan.fd, EPOLLIN, child_io);
    if (e == WRIT_OK)
        e = writ_loop_add(loop, &l->gateway.io, l->gateway.chan.fd, EPOLLIN, child_io);
    if (e == WRIT_OK && l->keeper.pid != 0)
        e = writ_loop_add(loop, &l->keeper.io, l->keeper.chan.fd, EPOLLIN, child_io);
    return e == WRIT_OK ? watch_deadline(l) : e;
}

/* ---- ending --------------------------------------------------------------------------------- */

static void
end_gateway(struct launch *l)
{
    struct writ_msg_in m;
    enum writ_err e = WRIT_E_CLOSED;

    if (l->gateway.pid == 0)
        return;
    writ_loop_remove(&l->loop, &l->gateway.io);
    if (l->gateway.chan.fd >= 0)
        e = writ_chan_send(&l->gateway.chan, WRIT_MSG_GATEWAY_END, writ_span(NULL, 0), NULL, 0);
    if (e == WRIT_OK && l->gateway.chan.phase == WRIT_PHASE_RUN)
        e = expect(l, &l->gateway, WRIT_MSG_GATEWAY_ENDED, LAUNCH_END_MS, &m);
    if (e == WRIT_OK)
        child_release(&l->gateway);
    else
        child_reap(&l->gateway, 0); /* its last record is in the ring before the log is sealed */
}

/* The ledger died: another one takes the log up where it was left, and the ring with it. */
static enum writ_err
replace_ledger(struct launch *l, bool *ret_sealed, struct writ_diag *diag)
{
    struct writ_span record;
    enum writ_err e = record_died("ledger", l->record, &record);

    writ_loop_remove(&l->loop, &l->ledger.child.io);
    return e == WRIT_OK ? ledger_client_replace(&l->ledger, record, ret_sealed, diag) : e;
}

static enum writ_err
seal_once(struct launch *l, struct writ_diag *diag)
{
    struct writ_span record;
    enum writ_err e = WRIT_OK;

    if (l->died != NULL)
        e = record_died(l->died, l->record, &record);
    if (e == WRIT_OK && l->died != NULL)
        e = ledger_client_append(&l->ledger, record, diag);
    if (e != WRIT_OK)
        return e;
    l->died = NULL;
    e = record_task_end(l->wait_status, l->reason, l->record, &record);
    return e == WRIT_OK ? ledger_client_seal(&l->ledger, record, diag) : e;
}

static void
seal(struct launch *l)
{
    struct writ_diag diag = {0};
    bool sealed = false;
    enum writ_err e;

    if (!l->log_open)
        return;
    e = seal_once(l, &diag);
    if (e != WRIT_OK && e != WRIT_E_DENIED) { /* it gave no reason: it is dead, or as good as */
        diag = (struct writ_diag){0};
        e = replace_ledger(l, &sealed, &diag);
        if (e == WRIT_OK && sealed)
            l->died = NULL; /* said before the seal */
        if (e == WRIT_OK)
            e = seal_once(l, &diag);
    }
    if (e == WRIT_OK)
        return;
    (void)snprintf(l->text, sizeof(l->text), "%s%sthe log of task %s is not sealed: %s",
                   l->reason == NULL ? "" : l->reason, l->reason == NULL ? "" : "; ",
                   l->doc->task.text, diag.text[0] == '\0' ? writ_err_name(e) : diag.text);
    l->exit_code = LAUNCH_EXIT_OWN;
    l->reason = l->text;
}

/* Freeze, cut the connections, kill, remove, seal: in this order, from whatever state we are in. */
static void
end(struct launch *l)
{
    if (l->task_running && l->reason != NULL && writ_sandbox_freeze(&l->box) != WRIT_OK)
        (void)fprintf(stderr, "writ: the task could not be frozen; it is killed at once\n");
    end_gateway(l);
    writ_loop_remove(&l->loop, &l->control_io);
    writ_loop_remove(&l->loop, &l->notify_io);
    if (l->box_started)
        writ_sandbox_end(&l->box);
    l->box_started = false;
    seal(l);
    child_release(&l->keeper);
    ledger_client_release(&l->ledger);
}

/* What the task wrote before it ended is still in the pipes. Whoever reads them may have stopped:
 * we do not wait for ever when the task was ended, nor after another signal. */
static void
drain_output(struct launch *l)
{
    relay_task_gone(&l->relay);
    writ_loop_remove(&l->loop, &l->ledger.child.io);
    writ_loop_remove(&l->loop, &l->keeper.io);
    writ_loop_remove(&l->loop, &l->timer_io);
    l->drain_until_us = l->reason != NULL ? l->loop.now_us + LAUNCH_END_MS * 1000ULL : UINT64_MAX;
    writ_loop_tick_every(&l->loop, 100000);
    l->loop.stop = false;
    while (!l->loop.stop && !relay_drained(&l->relay)) {
        if (writ_loop_turn(&l->loop) != WRIT_OK)
            break;
    }
}

static enum writ_err
catch_signals(struct launch *l, sigset_t *old)
{
    static const int signals[] = {SIGINT,  SIGTERM, SIGHUP,   SIGQUIT,
                                  SIGUSR1, SIGUSR2, SIGWINCH, SIGCONT};
    sigset_t set;

    (void)sigemptyset(&set);
    for (size_t i = 0; i < WRIT_COUNT(signals); i++)
        (void)sigaddset(&set, signals[i]);
    (void)sigprocmask(SIG_BLOCK, &set, old);
    (void)signal(SIGPIPE, SIG_IGN);
    l->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return l->signal_fd < 0 ? WRIT_E_SYS : WRIT_OK;
}

/* One of ours that could not be told something has often said why before it closed. */
static void
last_words(struct launch *l)
{
    struct child *all[] = {&l->ledger.child, &l->keeper, &l->gateway};

    for (size_t i = 0; i < WRIT_COUNT(all) && l->diag.text[0] == '\0'; i++) {
        struct child *c = all[i];
        struct pollfd p = {.fd = c->pid == 0 ? -1 : c->chan.fd, .events = POLLIN};
        struct writ_msg_in m = {0};

        while (poll(&p, 1, 0) == 1 && writ_chan_recv(&c->chan, &m) == WRIT_OK) {
            if (m.type == WRIT_MSG_GATEWAY_FAIL || m.type == WRIT_MSG_KEEPER_FAIL ||
                m.type == WRIT_MSG_LEDGER_FAIL)
                (void)child_failed(c, WRIT_OK, &m, &l->diag);
            writ_msg_in_close(&m);
        }
    }
}

static void
run(struct launch *l)
{
    sigset_t old;
    enum writ_err e = catch_signals(l, &old);

    if (e == WRIT_OK)
        e = relay_open(&l->relay, &l->loop);
    if (e == WRIT_OK)
        e = start(l);
    if (e == WRIT_OK)
        e = relay_start(&l->relay);
    if (e == WRIT_OK)
        e = watch(l);
    if (e == WRIT_OK)
        e = writ_loop_run(&l->loop);
    if (e != WRIT_OK) {
        last_words(l);
        writ_diag_set(&l->diag, 0, 0, "the task could not be started (%s, errno %d)",
                      writ_err_name(e), errno);
        stop(l, LAUNCH_EXIT_OWN, l->diag.text);
    }
    end(l);
    drain_output(l);
    relay_close(&l->relay);
}

int
launch_run(const struct writ_doc *doc, const char *state)
{
    static struct launch l;

    l = (struct launch){
        .doc = doc,
        .state = state,
        .doc_fd = -1,
        .ring_fds = {-1, -1},
        .ledger = {.state = state, .task = doc->task.text, .ring = l.ring_fds, .log = -1},
        .signal_fd = -1,
        .timer_fd = -1,
        .wait_status = -1,
        .exit_code = LAUNCH_EXIT_OWN};
    the_launch = &l;
    writ_buf_init(&l.encoded, WRIT_WRIT_BYTES_MAX);
    if (writ_loop_init(&l.loop, &l) != WRIT_OK) {
        (void)fprintf(stderr, "writ: epoll cannot be used (errno %d)\n", errno);
        return LAUNCH_EXIT_OWN;
    }
    run(&l);
    child_reap(&l.gateway, LAUNCH_END_MS);
    child_reap(&l.keeper, LAUNCH_END_MS);
    child_reap(&l.ledger.child, LAUNCH_END_MS);
    digests_done(&l.digests);
    writ_buf_done(&l.encoded);
    if (l.reason != NULL)
        (void)fprintf(stderr, "writ: %s\n", l.reason);
    return l.exit_code;
}
