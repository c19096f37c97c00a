/*
 * exec_notify.h - every program a task starts, told before it runs.
 *
 * The task's seccomp filter sends execve and execveat to a listener. The reader gets what was asked
 * for and opens the file itself, inside the task's root; the task waits until it is answered. What
 * is read comes from the task's memory and can be changed by another of its threads before the
 * kernel reads it again: an event is a record, not a permission. Nothing is trusted: every length
 * is bounded, only regular files are opened, and no link leads out of the task's root.
 */
#ifndef WRIT_SANDBOX_EXEC_NOTIFY_H
#define WRIT_SANDBOX_EXEC_NOTIFY_H

#include <sys/types.h>

#include "base/err.h"
#include "base/span.h"

enum {
    WRIT_EXEC_PATH_MAX = 4096,
    WRIT_EXEC_ARGS_MAX = 16,         /* the first arguments; more are counted as cut */
    WRIT_EXEC_ARGS_BYTES_MAX = 2048, /* all of them together, with their terminators */
};

struct writ_exec_event {
    uint64_t id; /* for the answer */
    pid_t pid;   /* on the host, as is parent; 0 if it could not be read */
    pid_t parent;
    char path[WRIT_EXEC_PATH_MAX]; /* as the task gave it; "" if it could not be read */
    bool path_cut;
    char args[WRIT_EXEC_ARGS_BYTES_MAX]; /* arg_count terminated strings, one after the other */
    size_t args_len;
    unsigned arg_count;
    bool args_cut;
    int exe_fd; /* the file, open for reading; -1 if it is none that could run. The reader closes it
                   (writ_exec_event_done) */
    dev_t dev;
    ino_t ino;
    int64_t mtime_ns; /* and ctime: together with dev, ino and size a key for a digest cache */
    int64_t ctime_ns;
    uint64_t size;
};

/* Fills *ret with the next notification; never blocks. WRIT_E_AGAIN: none is there, or the one who
 * asked was killed meanwhile. WRIT_E_CLOSED: no process uses the filter any more. */
enum writ_err writ_exec_notify_read(int notify_fd, struct writ_exec_event *ret) WRIT_CHECK;
void writ_exec_event_done(struct writ_exec_event *ev);
/* WRIT_E_AGAIN: the one who asked is gone. */
enum writ_err writ_exec_notify_continue(int notify_fd, uint64_t id) WRIT_CHECK;
enum writ_err writ_exec_notify_deny(int notify_fd, uint64_t id, int err) WRIT_CHECK;

#endif
