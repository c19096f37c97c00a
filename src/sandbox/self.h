/*
 * self.h - what each of our own processes gives up about itself before it serves.
 *
 * Three walls, each on its own: an unprivileged uid where we were started as root, Landlock for
 * files, a list of system calls for the rest. The list is a filter made by hand (seccomp(2)):
 * building it with a library takes longer than starting the process. What is not in the list ends
 * the process: it is either an attack or our own mistake, and both must be seen.
 */
#ifndef WRIT_SANDBOX_SELF_H
#define WRIT_SANDBOX_SELF_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"

struct writ_self_path {
    const char *path; /* left out if it does not exist */
    int dir;          /* used instead if path is NULL */
    bool write;       /* create, change and remove below it; else only read */
};

struct writ_self {
    uid_t uid; /* if we are root: become this uid and gid; 0: stay */
    const struct writ_self_path *paths;
    size_t path_count;
    const unsigned *calls; /* system call numbers that are allowed as they are */
    size_t call_count;
    bool inet; /* socket(2) for AF_INET and AF_INET6 streams and datagrams */
};

/* All of it, or an error: then nothing may be served. Memory is never made executable afterwards.
 */
enum writ_err writ_self_narrow(const struct writ_self *s) WRIT_CHECK;

#endif
