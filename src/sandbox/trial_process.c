#include "sandbox/trial_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/id.h"
#include "sandbox/exec_notify.h"
#include "sandbox/filter.h"
#include "sandbox/inner.h"
#include "sandbox/landlock.h"
#include "sandbox/launch.h"
#include "sandbox/wire.h"

/* --- the process ----------------------------------------------------------------------------- */

static void
caps_inner(struct writ_trial *t, int parent)
{
    struct writ_inner_fail fail = {NULL, NULL};

    (void)parent;
    if (sethostname("a", 1) < 0) {
        writ_trial_saw(t, WRIT_HAVE_NO, "sethostname with all capabilities: %s",
                       strerrordesc_np(errno));
        return;
    }
    if (writ_inner_drop(&fail) != WRIT_OK) {
        writ_trial_saw(t, WRIT_HAVE_NO, "%s %s: %s", fail.what, fail.name, strerrordesc_np(errno));
        return;
    }
    if (sethostname("b", 1) == 0 || prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1) {
        writ_trial_saw(t, WRIT_HAVE_NO, "sethostname after the drop: allowed");
    } else {
        writ_trial_saw(t, WRIT_HAVE_YES, "sethostname: allowed before the drop, %s after",
                       strerrorname_np(errno));
    }
}

void
writ_trial_caps(struct writ_trial *t)
{
    writ_trial_in_child(t, CLONE_NEWUSER | CLONE_NEWUTS, caps_inner);
}

static void
seccomp_inner(struct writ_trial *t, int parent)
{
    struct writ_filter f;
    long before = syscall(SYS_unshare, CLONE_FILES);
    long after;

    (void)parent;
    writ_filter_build(&f, false);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || writ_filter_install(&f, NULL) != WRIT_OK) {
        writ_trial_saw(t, WRIT_HAVE_NO, "loading the filter: %s", strerrordesc_np(errno));
        return;
    }
    after = syscall(SYS_unshare, CLONE_FILES);
    if (before != 0 || after == 0) {
        writ_trial_saw(t, WRIT_HAVE_NO, "unshare was %s with the filter",
                       after == 0 ? "allowed" : "refused");
    } else {
        writ_trial_saw(t, WRIT_HAVE_YES, "%u instructions; unshare: allowed before, %s after",
                       (unsigned)f.len, strerrorname_np(errno));
    }
}

void
writ_trial_seccomp(struct writ_trial *t)
{
    writ_trial_in_child(t, 0, seccomp_inner);
}

/* Becomes a program whose start is told to the parent. */
static WRIT_NORETURN void
notify_program(int parent)
{
    static char name[] = "/bin/true";
    char *argv[] = {name, NULL};
    char *envp[] = {NULL};
    struct writ_filter f;
    int listener = -1;

    writ_filter_build(&f, true);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
        writ_filter_install(&f, &listener) != WRIT_OK ||
        writ_wire_send(parent, WRIT_WIRE_NOTIFY, 0, writ_span(NULL, 0),
                       (struct writ_wire_fds){&listener, 1}) != WRIT_OK)
        _exit(1);
    (void)close(listener);
    (void)execve(name, argv, envp);
    _exit(2);
}

static void
notify_inner(struct writ_trial *t, int parent)
{
    static struct writ_exec_event ev;
    struct writ_wire_msg m;
    int pair[2];
    int status = -1;
    pid_t pid;

    (void)parent;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return;
    pid = fork();
    if (pid == 0)
        notify_program(pair[1]);
    (void)close(pair[1]);
    if (pid < 0 || writ_wire_recv(pair[0], WRIT_TRIAL_MS, &m) != WRIT_OK || m.fd_count != 1) {
        writ_trial_saw(t, WRIT_HAVE_NO, "no listener came from the filter");
    } else if (poll(&(struct pollfd){.fd = m.fds[0], .events = POLLIN}, 1, WRIT_TRIAL_MS) != 1 ||
               writ_exec_notify_read(m.fds[0], &ev) != WRIT_OK ||
               writ_exec_notify_continue(m.fds[0], ev.id) != WRIT_OK) {
        writ_trial_saw(t, WRIT_HAVE_NO, "the notification could not be answered: %s",
                       strerrordesc_np(errno));
    } else if (waitpid(pid, &status, 0) == pid && status == 0 &&
               strcmp(ev.path, "/bin/true") == 0) {
        writ_trial_saw(t, WRIT_HAVE_YES, "told of %s and let it run", ev.path);
        return;
    } else {
        writ_trial_saw(t, status == 0 ? WRIT_HAVE_PARTLY : WRIT_HAVE_NO,
                       "told of a program but not of its name; it ended with %d", status);
    }
    if (pid > 0)
        (void)kill(pid, SIGKILL);
}

void
writ_trial_notify(struct writ_trial *t)
{
    writ_trial_in_child(t, 0, notify_inner);
}

static void
landlock_inner(struct writ_trial *t, int parent)
{
    int abi = writ_landlock_abi();
    int rules = -1;
    bool before = open("/etc/passwd", O_RDONLY | O_CLOEXEC) >= 0;
    bool after;
    bool still;
    bool scoped;

    (void)parent;
    if (abi == 0 || writ_landlock_new(abi, &rules) != WRIT_OK) {
        writ_trial_saw(t, WRIT_HAVE_NO, "landlock_create_ruleset: %s", strerrordesc_np(errno));
        return;
    }
    if (writ_landlock_read(rules, "/usr") != WRIT_OK ||
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || writ_landlock_restrict(rules) != WRIT_OK) {
        writ_trial_saw(t, WRIT_HAVE_NO, "landlock_restrict_self: %s", strerrordesc_np(errno));
        return;
    }
    after = open("/etc/passwd", O_RDONLY | O_CLOEXEC) >= 0;
    still = open("/usr/bin", O_RDONLY | O_CLOEXEC) >= 0;
    scoped = kill(getppid(), 0) < 0 && errno == EPERM;
    if (!before || after || !still) {
        writ_trial_saw(t, WRIT_HAVE_NO, "ABI %d, but /etc/passwd could be read as before", abi);
    } else if (!scoped) {
        writ_trial_saw(t, WRIT_HAVE_PARTLY, "ABI %d: a file refused, signals not (needs ABI 6)",
                       abi);
    } else {
        writ_trial_saw(t, WRIT_HAVE_YES,
                       "ABI %d: a file and a signal refused that were allowed before", abi);
    }
}

void
writ_trial_landlock(struct writ_trial *t)
{
    writ_trial_in_child(t, 0, landlock_inner);
}

static void
secret_inner(struct writ_trial *t, int parent)
{
    int fd = (int)syscall(SYS_memfd_secret, O_CLOEXEC);
    int mem = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
    char plain = 'x';
    char got = 0;
    char *page;

    (void)parent;
    if (fd < 0 || ftruncate(fd, 4096) < 0) {
        writ_trial_saw(t, WRIT_HAVE_NO, "memfd_secret: %s", strerrordesc_np(errno));
        return;
    }
    page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (page == MAP_FAILED || mem < 0) {
        writ_trial_saw(t, WRIT_HAVE_NO, "mapping it: %s", strerrordesc_np(errno));
        return;
    }
    page[0] = 'y';
    if (pread(mem, &got, 1, (off_t)(uintptr_t)&plain) != 1 || got != 'x') {
        writ_trial_saw(t, WRIT_HAVE_PARTLY, "/proc/self/mem cannot be read at all here");
    } else if (pread(mem, &got, 1, (off_t)(uintptr_t)page) == 1) {
        writ_trial_saw(t, WRIT_HAVE_NO, "/proc/self/mem could read it");
    } else {
        writ_trial_saw(t, WRIT_HAVE_YES, "/proc/self/mem: other memory was read, this gave %s",
                       strerrorname_np(errno));
    }
}

void
writ_trial_secret(struct writ_trial *t)
{
    writ_trial_in_child(t, 0, secret_inner);
}

static void
pids_inner(struct writ_trial *t, int parent)
{
    struct rlimit r = {4, 4};
    int made = 0;

    (void)parent;
    if (setrlimit(RLIMIT_NPROC, &r) < 0) {
        writ_trial_saw(t, WRIT_HAVE_NO, "setrlimit: %s", strerrordesc_np(errno));
        return;
    }
    while (made < 16) {
        pid_t pid = fork();

        if (pid == 0) {
            (void)poll(NULL, 0, WRIT_TRIAL_MS);
            _exit(0);
        }
        if (pid < 0)
            break;
        made++;
    }
    if (made == 3) {
        writ_trial_saw(t, WRIT_HAVE_YES,
                       "limit 4, counted in its own user namespace: 3 more, then EAGAIN");
    } else {
        writ_trial_saw(t, WRIT_HAVE_NO, "limit 4 in a user namespace: %d more processes", made);
    }
}

void
writ_trial_pids(struct writ_trial *t)
{
    writ_trial_in_child(t, CLONE_NEWUSER | CLONE_NEWPID, pids_inner);
}

static void
death_inner(struct writ_trial *t, int parent)
{
    int pair[2];
    char byte;
    pid_t pid;

    (void)parent;
    if (pipe2(pair, O_CLOEXEC) < 0)
        return;
    pid = fork();
    if (pid == 0) {
        /* a launcher, and the task that must not outlive it: that one holds the pipe open */
        if (fork() == 0) {
            if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || write(pair[1], "x", 1) != 1)
                _exit(1);
            (void)poll(NULL, 0, 2 * WRIT_TRIAL_MS);
            _exit(0);
        }
        (void)pause();
        _exit(0);
    }
    (void)close(pair[1]);
    if (pid > 0 && read(pair[0], &byte, 1) == 1) {
        struct pollfd p = {.fd = pair[0], .events = POLLIN};

        (void)kill(pid, SIGKILL);
        if (poll(&p, 1, WRIT_TRIAL_MS) == 1 && (p.revents & POLLHUP) != 0) {
            writ_trial_saw(t, WRIT_HAVE_YES,
                           "killed a parent with SIGKILL: its child was gone too");
        } else {
            writ_trial_saw(t, WRIT_HAVE_NO, "killed a parent with SIGKILL: its child lived on");
        }
    }
}

void
writ_trial_death(struct writ_trial *t)
{
    writ_trial_in_child(t, 0, death_inner);
}

/* --- control groups -------------------------------------------------------------------------- */

/* The groups a task would get, and a process in them that counts in shared memory. */
struct group_trial {
    struct writ_sandbox s;
    struct writ_inner_plan plan;
    volatile unsigned *count;
    char id[WRIT_NAME_MAX];
};

static bool
group_begin(struct group_trial *g, uint64_t memory_bytes)
{
    struct writ_sandbox_spec spec = {.memory_bytes = memory_bytes, .task_id = g->id};
    struct writ_id id;

    writ_id_new(&id);
    (void)snprintf(g->id, sizeof(g->id), "doctor-%s", id.text);
    g->s = (struct writ_sandbox){.pid = -1,
                                 .pidfd = -1,
                                 .control = -1,
                                 .notify_fd = -1,
                                 .cgroup_fd = -1,
                                 .cgroup_v1_fd = -1};
    g->plan = (struct writ_inner_plan){.control = -1, .init = -1, .cgroup_v1 = -1, .pids = 8};
    writ_launch_cgroup(&spec, &g->plan, &g->s);
    g->count = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return g->count != MAP_FAILED;
}

static bool
group_clone(struct group_trial *g)
{
    struct clone_args args = {.exit_signal = SIGCHLD};
    long pid;

    if (g->s.cgroup_fd >= 0) {
        args.flags = CLONE_INTO_CGROUP;
        args.cgroup = (__u64)g->s.cgroup_fd;
    }
    pid = syscall(SYS_clone3, &args, sizeof(args));
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
        for (;;) {
            (*g->count)++;
            (void)poll(NULL, 0, 1);
        }
    }
    g->s.pid = (pid_t)pid;
    return pid > 0;
}

static void
group_end(struct group_trial *g)
{
    (void)munmap((void *)(uintptr_t)g->count, 4096); // NOLINT(performance-no-int-to-ptr)
    if (g->s.pid > 0)
        (void)kill(g->s.pid, SIGKILL);
    writ_sandbox_end(&g->s);
    writ_fd_close(&g->plan.cgroup_v1);
}

void
writ_trial_cgroup(struct writ_trial *t)
{
    struct group_trial g = {0};
    unsigned before;
    unsigned running;
    int status;

    if (!group_begin(&g, 0) || g.s.cgroup_fd < 0 || !group_clone(&g)) {
        writ_trial_saw(t, WRIT_HAVE_NO, "a cgroup v2 directory and a process born in it: %s",
                       strerrordesc_np(errno));
        group_end(&g);
        return;
    }
    (void)poll(NULL, 0, 20);
    running = *g.count;
    if (writ_sandbox_freeze(&g.s) != WRIT_OK)
        running = 0;
    before = *g.count;
    (void)poll(NULL, 0, 20);
    if (running == 0 || before != *g.count) {
        writ_trial_saw(t, WRIT_HAVE_NO, "a process in it ran on after cgroup.freeze");
    } else if (!writ_launch_cgroup_write(&g.s, "cgroup.kill", "1") ||
               waitpid(g.s.pid, &status, 0) != g.s.pid || !WIFSIGNALED(status)) {
        writ_trial_saw(t, WRIT_HAVE_PARTLY, "froze a process; cgroup.kill: %s",
                       strerrordesc_np(errno));
    } else {
        writ_trial_saw(t, WRIT_HAVE_YES,
                       "a counting process was frozen, counted no more, and was killed");
    }
    if (t->have == WRIT_HAVE_YES)
        g.s.pid = -1;
    group_end(&g);
}

void
writ_trial_memory(struct writ_trial *t)
{
    struct group_trial g = {0};

    if (!group_begin(&g, 64U << 20) || g.plan.data_limit) {
        writ_trial_saw(t, WRIT_HAVE_PARTLY,
                       "no memory controller may be used here: RLIMIT_DATA instead");
    } else {
        writ_trial_saw(t, WRIT_HAVE_YES, "a limit of 64 MiB was set, cgroup %s",
                       g.plan.cgroup_v1 >= 0 ? "v1" : "v2");
    }
    group_end(&g);
}
