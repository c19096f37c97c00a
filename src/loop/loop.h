/*
 * loop.h - epoll, and a clock that ticks: the only folder that calls epoll_wait.
 *
 * Level-triggered. An io is embedded in its owner's struct, which must stay where it is while it is
 * in the loop. Handlers may remove any io, their own included; the owner's memory must then live on
 * until the turn is over, because the kernel may already have reported it: hand it to
 * writ_loop_defer, which frees it between turns. No threads, no signal handlers: a signal is a
 * signalfd, a child is a pidfd.
 */
#ifndef WRIT_LOOP_LOOP_H
#define WRIT_LOOP_LOOP_H

#include <sys/epoll.h>

#include "base/err.h"
#include "base/span.h"

struct writ_io;
typedef void (*writ_io_fn)(struct writ_io *io, uint32_t events);

struct writ_io {
    int fd;          /* borrowed: removing does not close */
    uint32_t events; /* what epoll was told */
    bool active;
    writ_io_fn fn;
};

/* First member of what is freed later. */
struct writ_deferred {
    struct writ_deferred *next;
    void (*free)(struct writ_deferred *d);
};

struct writ_loop {
    int epoll;
    bool stop;
    uint64_t now_us;  /* monotonic, read once a turn */
    uint64_t tick_us; /* when the tick is due; 0: no tick */
    uint64_t tick_period_us;
    void (*tick)(struct writ_loop *loop);
    void (*turn_end)(
        struct writ_loop *loop); /* after each turn, before memory is freed; may be NULL */
    void *owner;
    struct writ_deferred *garbage;
};

enum writ_err writ_loop_init(struct writ_loop *l, void *owner) WRIT_CHECK;
void writ_loop_done(struct writ_loop *l);

enum writ_err writ_loop_add(struct writ_loop *l, struct writ_io *io, int fd, uint32_t events,
                            writ_io_fn fn) WRIT_CHECK;
/* Changes what is waited for; costs a system call only if it differs. */
void writ_loop_want(struct writ_loop *l, struct writ_io *io, uint32_t events);
void writ_loop_remove(struct writ_loop *l, struct writ_io *io);
void writ_loop_defer(struct writ_loop *l, struct writ_deferred *d,
                     void (*free_fn)(struct writ_deferred *d));
/* Calls tick every period_us from now on; 0 stops it, so that an idle process sleeps. */
void writ_loop_tick_every(struct writ_loop *l, uint64_t period_us);
/* Waits once and handles what came. */
enum writ_err writ_loop_turn(struct writ_loop *l) WRIT_CHECK;
/* Until stop is set. */
enum writ_err writ_loop_run(struct writ_loop *l) WRIT_CHECK;

#endif
