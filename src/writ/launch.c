#include "writ/launch_in.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/id.h"
#include "sandbox/exec_notify.h"

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

static void
run(struct launch *l)
{
    sigset_t old;
    enum writ_err e = catch_signals(l, &old);

    if (e == WRIT_OK)
        e = relay_open(&l->relay, &l->loop);
    if (e == WRIT_OK)
        e = launch_start(l);
    if (e == WRIT_OK)
        e = relay_start(&l->relay);
    if (e == WRIT_OK)
        e = watch(l);
    if (e == WRIT_OK)
        e = writ_loop_run(&l->loop);
    if (e != WRIT_OK) {
        launch_last_words(l);
        writ_diag_set(&l->diag, 0, 0, "the task could not be started (%s, errno %d)",
                      writ_err_name(e), errno);
        stop(l, LAUNCH_EXIT_OWN, l->diag.text);
    }
    launch_end(l);
    launch_drain(l);
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
