/*
 * children.h - our own helper programs, started with one channel on descriptor 3 and nothing else.
 */
#ifndef WRIT_WRIT_CHILDREN_H
#define WRIT_WRIT_CHILDREN_H

#include <sys/types.h>

#include "ipc/chan.h"
#include "loop/loop.h"

struct child {
    const char *name; /* of the program; static */
    pid_t pid;        /* 0: not started, or reaped */
    struct writ_chan chan;
    struct writ_io io;
};

/*
 * Starts `name` with an empty environment, /dev/null as input and output, our stderr, in a session
 * of its own: a key pressed at the terminal is for the task, not for its gateway. state is passed
 * as `--state DIR` unless NULL.
 */
enum writ_err child_start(struct child *c, const char *name, enum writ_role role, const char *state,
                          struct writ_diag *diag) WRIT_CHECK;
/*
 * The next message of a child, which must be of one type. DENIED: it sent a reason instead, which
 * is in *diag now.
 */
enum writ_err child_expect(struct child *c, enum writ_msg type, int timeout_ms,
                           struct writ_diag *diag, struct writ_msg_in *ret) WRIT_CHECK;
/* Says in *diag what a child said, or did (e), instead of what was expected of it. */
enum writ_err child_failed(const struct child *c, enum writ_err e, const struct writ_msg_in *m,
                           struct writ_diag *diag);
/* Closes the channel, which tells the child to end. */
void child_release(struct child *c);
/* Waits until it has ended, at most timeout_ms; then kills it. */
void child_reap(struct child *c, int timeout_ms);

#endif
