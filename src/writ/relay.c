#include "writ/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"

enum {
    RELAY_WRITE_BYTES = 4096
}; /* what a pipe that is writable takes at once: pipe(7), PIPE_BUF */

static void step(struct relay_flow *f);

static size_t
held(const struct relay_flow *f)
{
    return f->end - f->start;
}

static void
end_close(struct relay_flow *f, struct relay_end *e)
{
    writ_loop_remove(f->relay->loop, &e->io);
    if (e->owned)
        writ_fd_close(&e->fd);
    e->fd = -1;
}

static void
flow_close(struct relay_flow *f)
{
    if (!f->active)
        return;
    f->active = false;
    end_close(f, &f->from);
    end_close(f, &f->to);
    free(f->mem);
    f->mem = NULL;
}

static void
end_io(struct writ_io *io, uint32_t events)
{
    struct relay_end *e = (struct relay_end *)(void *)io;
    struct relay_flow *f = e->flow;

    if (e == &f->to && (events & (EPOLLERR | EPOLLHUP)) != 0) {
        flow_close(
            f); /* nobody reads any more: the task's next write gets SIGPIPE, as without us */
    } else {
        step(f);
    }
}

/* A source that hung up is reported whatever was asked for: while it is not read it is taken out.
 */
static void
interest(struct relay_flow *f)
{
    struct writ_loop *l = f->relay->loop;
    bool read = held(f) == 0 && !f->eof;

    if (f->from.pollable && read && !f->from.io.active &&
        writ_loop_add(l, &f->from.io, f->from.fd, EPOLLIN, end_io) != WRIT_OK) {
        flow_close(f);
    } else if (f->from.pollable && read) {
        writ_loop_want(l, &f->from.io, EPOLLIN);
    } else if (f->from.pollable) {
        writ_loop_remove(l, &f->from.io);
    }
    if (f->active && f->to.pollable)
        writ_loop_want(l, &f->to.io, held(f) != 0 ? EPOLLOUT : 0);
}

static bool
ready(const struct relay_end *e, short events)
{
    struct pollfd p = {.fd = e->fd, .events = events};

    return !e->pollable || poll(&p, 1, 0) == 1;
}

/* One read. False: nothing came. */
static bool
take(struct relay_flow *f)
{
    ssize_t n;

    if (f->eof || held(f) != 0 || !ready(&f->from, POLLIN))
        return false;
    n = read(f->from.fd, f->mem, RELAY_BYTES);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (n <= 0) {
        f->eof = true; /* EIO: the last process has closed the pty */
        return false;
    }
    f->start = 0;
    f->end = (size_t)n;
    return true;
}

/* One write. False: nobody takes it now, or any more. */
static bool
give(struct relay_flow *f)
{
    size_t most = f->to.owned || !f->to.pollable ? RELAY_BYTES : RELAY_WRITE_BYTES;
    size_t n = held(f) < most ? held(f) : most;
    ssize_t w;

    if (n == 0 || !ready(&f->to, POLLOUT))
        return false;
    w = send(f->to.fd, f->mem + f->start, n, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (w < 0 && errno == ENOTSOCK)
        w = write(f->to.fd, f->mem + f->start, n);
    if (w < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (w < 0) {
        flow_close(f); /* the reader has gone: the task's next write gets SIGPIPE, as it would
                          without us */
        return false;
    }
    f->start += (size_t)w;
    return true;
}

static void
step(struct relay_flow *f)
{
    for (unsigned i = 0; f->active && i < 16; i++) {
        bool took = take(f);

        if (!give(f) && !took)
            break;
    }
    if (f->active && f->eof && held(f) == 0)
        flow_close(f);
    if (f->active)
        interest(f);
}

static bool
end_open(struct relay_flow *f, struct relay_end *e, int fd, bool owned)
{
    *e = (struct relay_end){.flow = f, .fd = fd, .owned = owned, .pollable = true};
    if (writ_loop_add(f->relay->loop, &e->io, fd, 0, end_io) == WRIT_OK)
        return true;
    e->pollable = false; /* EPERM: a regular file or /dev/null */
    return errno == EPERM;
}

/*
 * A terminal or pipe that has some room takes part of what is written and then makes the writer
 * wait for whoever reads it: for ever, if that is a terminal that was stopped. O_NONBLOCK on the
 * description that we were given would be seen by all who share it, so we open one of our own.
 * -1: it cannot be had (another account's terminal).
 */
static int
own_description(int fd)
{
    char path[32];
    struct stat st;

    if (fstat(fd, &st) < 0 || (!S_ISFIFO(st.st_mode) && isatty(fd) != 1))
        return -1;
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    return open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

static enum writ_err
flow_open(struct relay *r, struct relay_flow *f, int from, int to, bool output)
{
    int own = output ? own_description(to) : -1;

    *f = (struct relay_flow){.relay = r, .output = output, .active = true};
    f->mem = malloc(RELAY_BYTES);
    if (f->mem == NULL)
        return WRIT_E_NOMEM;
    if (!end_open(f, &f->from, from, output) ||
        !end_open(f, &f->to, own < 0 ? to : own, !output || own >= 0))
        return WRIT_E_SYS;
    return WRIT_OK;
}

static enum writ_err
open_pty(struct relay *r, int *slave)
{
    struct winsize size;

    r->master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    if (r->master < 0 || unlockpt(r->master) < 0)
        return WRIT_E_SYS;
    *slave = ioctl(r->master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (*slave < 0)
        return WRIT_E_SYS;
    if (tcgetattr(r->terminal, &r->saved) == 0)
        (void)tcsetattr(*slave, TCSANOW, &r->saved);
    if (ioctl(r->terminal, TIOCGWINSZ, &size) == 0)
        (void)ioctl(r->master, TIOCSWINSZ, &size);
    return WRIT_OK;
}

/* A pipe for stream i; ours is the end the task does not get. */
static enum writ_err
open_pipe(struct relay *r, int i, int *ours)
{
    int p[2];

    if (pipe2(p, O_CLOEXEC) < 0)
        return WRIT_E_SYS;
    r->task_fds[i] = i == 0 ? p[0] : p[1];
    *ours = i == 0 ? p[1] : p[0];
    return writ_fd_nonblock(*ours);
}

static bool
in_foreground(int fd)
{
    return isatty(fd) == 1 && tcgetpgrp(fd) == getpgrp();
}

static enum writ_err
open_stream(struct relay *r, int i, int slave)
{
    int ours = -1;
    enum writ_err e;

    if (slave >= 0 && isatty(i) == 1) {
        r->task_fds[i] = fcntl(slave, F_DUPFD_CLOEXEC, 3);
        return r->task_fds[i] < 0 ? WRIT_E_SYS : WRIT_OK;
    }
    e = open_pipe(r, i, &ours);
    if (e != WRIT_OK)
        return e;
    return flow_open(r, &r->flows[i], i == 0 ? 0 : ours, i == 0 ? ours : i, i != 0);
}

enum writ_err
relay_open(struct relay *r, struct writ_loop *loop)
{
    WRIT_FD_AUTO int slave = -1;
    enum writ_err e = WRIT_OK;

    *r = (struct relay){.loop = loop, .task_fds = {-1, -1, -1}, .master = -1, .terminal = -1};
    for (int i = 0; i < 3 && r->terminal < 0; i++)
        r->terminal = in_foreground(i) ? i : -1;
    if (r->terminal >= 0)
        e = open_pty(r, &slave);
    for (int i = 0; e == WRIT_OK && i < 3; i++)
        e = open_stream(r, i, slave);
    return e;
}

/* A flow between the pseudo-terminal and one of our own streams. */
static enum writ_err
open_terminal(struct relay *r, struct relay_flow *f, int ours, bool output)
{
    int copy = fcntl(r->master, F_DUPFD_CLOEXEC, 3);

    if (copy < 0)
        return WRIT_E_SYS;
    return flow_open(r, f, output ? copy : ours, output ? ours : copy, output);
}

/* Keys go to the task as they are pressed: its own terminal gives them their meaning. */
static void
make_raw(struct relay *r)
{
    struct termios raw;

    if (tcgetattr(0, &raw) < 0)
        return;
    r->saved = raw;
    cfmakeraw(&raw);
    r->raw = tcsetattr(0, TCSADRAIN, &raw) == 0;
    r->terminal = 0;
}

enum writ_err
relay_start(struct relay *r)
{
    bool typed = r->master >= 0 && isatty(0) == 1;
    enum writ_err e = WRIT_OK;

    for (int i = 0; i < 3; i++)
        writ_fd_close(&r->task_fds[i]);
    if (r->master >= 0)
        e = open_terminal(r, &r->flows[3], isatty(1) == 1 ? 1 : 2, true);
    if (e == WRIT_OK && typed)
        e = open_terminal(r, &r->flows[0], 0, false);
    if (e == WRIT_OK && typed)
        make_raw(r);
    for (size_t i = 0; e == WRIT_OK && i < RELAY_FLOWS; i++) {
        if (r->flows[i].active)
            step(&r->flows[i]);
    }
    return e;
}

void
relay_resize(struct relay *r)
{
    struct winsize size;

    if (r->master >= 0 && ioctl(r->terminal, TIOCGWINSZ, &size) == 0)
        (void)ioctl(r->master, TIOCSWINSZ, &size);
}

bool
relay_drained(const struct relay *r)
{
    for (size_t i = 0; i < RELAY_FLOWS; i++) {
        if (r->flows[i].active && r->flows[i].output)
            return false;
    }
    return true;
}

void
relay_task_gone(struct relay *r)
{
    for (int i = 0; i < 3; i++)
        writ_fd_close(&r->task_fds[i]); /* ours still, if the task never started */
    for (size_t i = 0; i < RELAY_FLOWS; i++) {
        struct relay_flow *f = &r->flows[i];

        if (f->active && !f->output) {
            flow_close(f);
        } else if (f->active) {
            step(f);
        }
    }
}

void
relay_close(struct relay *r)
{
    for (size_t i = 0; i < RELAY_FLOWS; i++)
        flow_close(&r->flows[i]);
    for (int i = 0; i < 3; i++)
        writ_fd_close(&r->task_fds[i]);
    if (r->raw)
        (void)tcsetattr(r->terminal, TCSADRAIN, &r->saved);
    r->raw = false;
    writ_fd_close(&r->master);
}
