#include "loop/loop.h"

#include <errno.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/id.h"

enum { LOOP_EVENTS_MAX = 128 };

enum writ_err
writ_loop_init(struct writ_loop *l, void *owner)
{
    int fd = epoll_create1(EPOLL_CLOEXEC);

    if (fd < 0)
        return WRIT_E_SYS;
    *l = (struct writ_loop){.epoll = fd, .owner = owner, .now_us = writ_clock_mono_us()};
    return WRIT_OK;
}

static void
free_garbage(struct writ_loop *l)
{
    while (l->garbage != NULL) {
        struct writ_deferred *d = l->garbage;

        l->garbage = d->next;
        d->free(d);
    }
}

void
writ_loop_done(struct writ_loop *l)
{
    free_garbage(l);
    writ_fd_close(&l->epoll);
}

enum writ_err
writ_loop_add(struct writ_loop *l, struct writ_io *io, int fd, uint32_t events, writ_io_fn fn)
{
    struct epoll_event ev = {.events = events, .data.ptr = io};

    if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &ev) < 0)
        return WRIT_E_SYS;
    *io = (struct writ_io){.fd = fd, .events = events, .active = true, .fn = fn};
    return WRIT_OK;
}

void
writ_loop_want(struct writ_loop *l, struct writ_io *io, uint32_t events)
{
    struct epoll_event ev = {.events = events, .data.ptr = io};

    if (!io->active || io->events == events)
        return;
    if (epoll_ctl(l->epoll, EPOLL_CTL_MOD, io->fd, &ev) == 0)
        io->events = events;
}

void
writ_loop_remove(struct writ_loop *l, struct writ_io *io)
{
    if (!io->active)
        return;
    (void)epoll_ctl(l->epoll, EPOLL_CTL_DEL, io->fd, NULL);
    io->active = false;
}

void
writ_loop_defer(struct writ_loop *l, struct writ_deferred *d,
                void (*free_fn)(struct writ_deferred *d))
{
    d->free = free_fn;
    d->next = l->garbage;
    l->garbage = d;
}

void
writ_loop_tick_every(struct writ_loop *l, uint64_t period_us)
{
    if (l->tick_period_us == period_us)
        return;
    l->tick_period_us = period_us;
    l->tick_us = period_us == 0 ? 0 : l->now_us + period_us;
}

static int
wait_ms(const struct writ_loop *l)
{
    if (l->tick_us == 0)
        return -1;
    if (l->tick_us <= l->now_us)
        return 0;
    return (int)((l->tick_us - l->now_us) / 1000 + 1);
}

static void
run_tick(struct writ_loop *l)
{
    if (l->tick_us == 0 || l->now_us < l->tick_us)
        return;
    l->tick_us = l->now_us + l->tick_period_us;
    l->tick(l);
}

enum writ_err
writ_loop_turn(struct writ_loop *l)
{
    struct epoll_event events[LOOP_EVENTS_MAX];
    int n = epoll_wait(l->epoll, events, LOOP_EVENTS_MAX, wait_ms(l));

    if (n < 0 && errno != EINTR)
        return WRIT_E_SYS;
    l->now_us = writ_clock_mono_us();
    for (int i = 0; i < n; i++) {
        struct writ_io *io = events[i].data.ptr;

        /* an earlier handler of this turn may have removed it; its memory is still there */
        if (io->active)
            io->fn(io, events[i].events);
    }
    run_tick(l);
    if (l->turn_end != NULL)
        l->turn_end(l);
    free_garbage(l);
    return WRIT_OK;
}

enum writ_err
writ_loop_run(struct writ_loop *l)
{
    enum writ_err e = WRIT_OK;

    while (!l->stop && e == WRIT_OK)
        e = writ_loop_turn(l);
    return e;
}
