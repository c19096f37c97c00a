/*
 * sandbox.h - the task's machine: namespaces, a root of its own, a network that is only loopback.
 *
 * The launcher fills a spec, starts the sandbox, hands the gateway its sockets, puts the last files
 * in, and lets the program go. Nothing from outside the spec exists inside. Every path in the spec
 * is opened and checked before anything is started; the spec and what it points to are borrowed for
 * the call only. The launcher stays the parent: it watches `pidfd`, answers exec notifications on
 * `notify_fd` and ends the task with writ_sandbox_end, which is safe to call at any stage and
 * leaves no process, mount or cgroup behind. Should the launcher die, the kernel kills pid 1 and
 * with it the whole task.
 */
#ifndef WRIT_SANDBOX_SANDBOX_H
#define WRIT_SANDBOX_SANDBOX_H

#include <sys/types.h>

#include "base/err.h"
#include "base/span.h"
#include "ipc/msg.h"

enum {
    WRIT_SANDBOX_LISTENERS_MAX = 32,
    WRIT_SANDBOX_PORTS_MAX = 26, /* the rest are DNS over TCP and UDP and the taps (tap.h) */
    /* Started by root, a task is a user of its own on the host, drawn from these: above the ranges
     * that distributions, systemd and container managers give out, below the signed 32-bit limit.
     */
    WRIT_SANDBOX_UID_BASE = 0x70000000,
    WRIT_SANDBOX_UID_COUNT = 0x08000000,
    WRIT_SANDBOX_PIDS_DEFAULT = 512,
};

#define WRIT_SANDBOX_DISK_DEFAULT (UINT64_C(512) << 20)

/* A directory or a regular file. Not what would reach the host's kernel or services (/proc, /sys,
 * /dev, /run or anything above them), and not onto the task's own system (/usr, /etc ...). A bind
 * may lie inside another one if its mount point exists there. Sockets inside a bind are the
 * caller's concern: no wall stops a connection to one. */
struct writ_sandbox_bind {
    const char *host;   /* absolute, resolved: no symbolic link is followed */
    const char *inside; /* absolute */
    bool write;
};

struct writ_sandbox_spec {
    const char *task_id;
    const struct writ_sandbox_bind *binds; /* beside the system's own read-only set */
    size_t bind_count;
    const char *cwd;       /* inside */
    char *const *argv;     /* argv[0] is looked up in PATH inside */
    char *const *envp;     /* the whole environment */
    int stdio[3];          /* become 0, 1, 2; a pty's slave side is made the controlling terminal */
    bool tty;              /* stdio[0..2] that are terminals are one pty made for this task */
    uint64_t memory_bytes; /* 0: none */
    uint64_t disk_bytes;   /* for /tmp and home together; 0: a default */
    uint32_t pids;         /* 0: a default */
    const uint16_t *ports; /* TCP ports to listen on, each for every IPv4 and IPv6 address; 53 is
                              always one */
    size_t port_count;
    const char *init_path; /* writ-init, outside */
};

struct writ_sandbox_listener {
    int fd;
    enum writ_listener kind;
    uint16_t port;
};

struct writ_sandbox {
    pid_t pid; /* of pid 1, as seen from outside */
    int pidfd;
    int control;   /* SOCK_SEQPACKET to writ-init */
    int notify_fd; /* seccomp notifications of execve and execveat; valid after writ_sandbox_go */
    struct writ_sandbox_listener listeners[WRIT_SANDBOX_LISTENERS_MAX];
    size_t listener_count;
    int exec_errno; /* why the program could not be executed, 0 if it was; with the status */
    bool have_status;
    int status;
    char cgroup[256]; /* path of the task's cgroup v2 directory, "" where there is none */
    int cgroup_fd;
    char cgroup_v1[256]; /* the same for a v1 memory controller */
    int cgroup_v1_fd;
    char missing[512]; /* walls and limits this kernel or account does not give, for the ledger; ""
                          if none */
};

/* Checks the spec and sets the task's first process going; it builds network and root while the
 * caller does other things. What goes wrong there is told by listen or go. The program has not
 * started. On failure nothing is left, *ret is untouched and *diag says why. */
enum writ_err writ_sandbox_start(const struct writ_sandbox_spec *spec, struct writ_sandbox *ret,
                                 struct writ_diag *diag) WRIT_CHECK;
/* Waits for the sockets: fills listeners, and completes `missing`. The network is made first, the
 * root after it, so this comes long before go can. */
enum writ_err writ_sandbox_listen(struct writ_sandbox *s, struct writ_diag *diag) WRIT_CHECK;
/* A file that appears inside before the program starts (the CA bundle): only between start and go.
 */
enum writ_err writ_sandbox_put(struct writ_sandbox *s, const char *inside,
                               struct writ_span content) WRIT_CHECK;
/* The last walls are put up and the program is about to be executed: its execve waits as the first
 * notification on notify_fd, which the caller must answer (exec_notify.h). On failure the caller
 * ends the sandbox. */
enum writ_err writ_sandbox_go(struct writ_sandbox *s, struct writ_diag *diag) WRIT_CHECK;
/* Forwards a signal to the program's process group (the launcher got SIGTERM, SIGINT ...). */
enum writ_err writ_sandbox_signal(struct writ_sandbox *s, int sig) WRIT_CHECK;
/* The program's wait status, once pid 1 reported it: AGAIN while it runs, CLOSED if pid 1 was
 * killed (the whole task with it). Called when `control` is readable; never blocks. A program that
 * could not be executed has the status of an exit with 127 (not found) or 126, and exec_errno is
 * set. */
enum writ_err writ_sandbox_status(struct writ_sandbox *s, int *ret_wait_status) WRIT_CHECK;
/* Nothing inside runs any more after this, though everything still exists. */
enum writ_err writ_sandbox_freeze(struct writ_sandbox *s) WRIT_CHECK;
/* Kills every process, waits until they are gone, removes the cgroup, closes all descriptors. */
void writ_sandbox_end(struct writ_sandbox *s);

#endif
