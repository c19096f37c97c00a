/*
 * filter.h - the system calls a task may make.
 *
 * An allow list: what is not on it is refused with EPERM, and with ENOSYS what is newer than the
 * list, so that libc falls back as on an older kernel. Another architecture's call (int 0x80 too)
 * kills the process, x32 gets ENOSYS. Programs are started only with the launcher's knowledge:
 * execve and execveat go to the listener that writ_filter_install returns. Arguments are compared
 * only where the kernel reads them from registers, and only the half that the kernel reads.
 */
#ifndef WRIT_SANDBOX_FILTER_H
#define WRIT_SANDBOX_FILTER_H

#include <linux/filter.h>
#include <stdbool.h>

#include "base/err.h"

enum { WRIT_FILTER_INSNS_MAX = 640 };

struct writ_filter {
    struct sock_filter insn[WRIT_FILTER_INSNS_MAX];
    unsigned short len;
    bool overflow;
};

/* The program for tasks; with notify false execve is simply allowed (for tests of the filter). */
void writ_filter_build(struct writ_filter *f, bool notify);
/* The program for writ-init itself, once it only waits: about a dozen calls. */
void writ_filter_build_init(struct writ_filter *f);
/* Puts the filter on the calling thread, which must have no_new_privs. With ret_listener, the
 * descriptor for exec_notify.h, close-on-exec. */
enum writ_err writ_filter_install(const struct writ_filter *f, int *ret_listener) WRIT_CHECK;

#endif
