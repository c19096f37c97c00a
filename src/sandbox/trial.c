#include "sandbox/trial.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
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
#include "sandbox/tap.h"
#include "sandbox/wire.h"

enum { TRIAL_MS = 3000, TRIAL_CONNECT_MS = 1000 };

static void saw(struct writ_trial *t, enum writ_have have, const char *fmt, ...) WRIT_PRINTF(3, 4);

static void
saw(struct writ_trial *t, enum writ_have have, const char *fmt, ...)
{
    va_list ap;

    t->have = have;
    va_start(ap, fmt);
    (void)vsnprintf(t->saw, sizeof(t->saw), fmt, ap);
    va_end(ap);
}

/* As in a task: root gives an id away that is not its own. */
static struct writ_launch_identity
identity(void)
{
    if (geteuid() != 0)
        return (struct writ_launch_identity){geteuid(), getegid(), true};
    return (struct writ_launch_identity){WRIT_SANDBOX_UID_BASE, WRIT_SANDBOX_UID_BASE, false};
}

/* Runs fn in a child with these namespaces (and, with CLONE_NEWUSER, as 1000 in them) and brings
 * its verdict back. What the child starts ends with it if it has a pid namespace; else fn sees to
 * it. */
static void
in_child(struct writ_trial *t, uint64_t spaces, void (*fn)(struct writ_trial *t, int parent))
{
    struct clone_args args = {.flags = spaces, .exit_signal = SIGCHLD};
    struct writ_sandbox unused = {.pid = -1};
    struct writ_launch_identity who = identity();
    struct writ_wire_msg m;
    int pair[2];
    long pid;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
        saw(t, WRIT_HAVE_NO, "socketpair: %s", strerror(errno));
        return;
    }
    pid = syscall(SYS_clone3, &args, sizeof(args));
    if (pid == 0) {
        (void)close(pair[0]);
        t->have = WRIT_HAVE_NO;
        if ((spaces & CLONE_NEWUSER) == 0 || (writ_wire_recv(pair[1], TRIAL_MS, &m) == WRIT_OK &&
                                              syscall(SYS_setresgid, 1000, 1000, 1000) == 0 &&
                                              syscall(SYS_setresuid, 1000, 1000, 1000) == 0))
            fn(t, pair[1]);
        else
            saw(t, WRIT_HAVE_NO, "setresuid in it: %s", strerror(errno));
        _exit(writ_wire_send(pair[1], WRIT_WIRE_STATUS, (uint32_t)t->have, writ_span_str(t->saw),
                             (struct writ_wire_fds){NULL, 0}) != WRIT_OK);
    }
    (void)close(pair[1]);
    if (pid < 0)
        saw(t, WRIT_HAVE_NO, "clone3: %s", strerror(errno));
    else if ((spaces & CLONE_NEWUSER) != 0 &&
             (writ_launch_map((pid_t)pid, &unused, &who) != WRIT_OK ||
              writ_wire_send(pair[0], WRIT_WIRE_MAPPED, 0, writ_span(NULL, 0),
                             (struct writ_wire_fds){NULL, 0}) != WRIT_OK))
        saw(t, WRIT_HAVE_NO, "writing its maps: %s", strerror(errno));
    else if (writ_wire_recv(pair[0], TRIAL_MS, &m) == WRIT_OK && m.type == WRIT_WIRE_STATUS)
        saw(t, (enum writ_have)m.value, "%s", m.text);
    else
        saw(t, WRIT_HAVE_NO, "the trial did not come back");
    if (pid > 0) {
        (void)kill((pid_t)pid, SIGKILL);
        (void)waitpid((pid_t)pid, NULL, 0);
    }
    (void)close(pair[0]);
}

static const uint64_t trial_spaces = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET |
                                     CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;

/* --- namespaces ------------------------------------------------------------------------------ */

static void
user_inner(struct writ_trial *t, int parent)
{
    (void)parent;
    if (getuid() == 1000 && getgid() == 1000)
        saw(t, WRIT_HAVE_YES, "clone3, maps written, became 1000 in it");
    else
        saw(t, WRIT_HAVE_NO, "the ids did not change");
}

static void
try_user(struct writ_trial *t)
{
    in_child(t, CLONE_NEWUSER, user_inner);
}

static void
spaces_inner(struct writ_trial *t, int parent)
{
    (void)parent;
    saw(t, getpid() == 1 ? WRIT_HAVE_YES : WRIT_HAVE_NO,
        "clone3 with mount, pid, network, IPC, UTS and cgroup; is pid 1");
}

static void
try_spaces(struct writ_trial *t)
{
    in_child(t, trial_spaces, spaces_inner);
}

static void
try_time(struct writ_trial *t)
{
    in_child(t, CLONE_NEWUSER | 0x80 /* CLONE_NEWTIME */, user_inner);
}

static void
try_own_id(struct writ_trial *t)
{
    struct writ_inner_bind bind = {.host = "/", .fd = -1, .tree = -1, .dir = true};
    struct writ_inner_plan plan = {
        .binds = &bind, .bind_count = 1, .control = -1, .init = -1, .cgroup_v1 = -1};
    struct writ_sandbox s = {.pid = -1};
    struct writ_launch_identity who;

    if (geteuid() != 0) {
        saw(t, WRIT_HAVE_PARTLY, "an ordinary user has no other id to give: it stays %u outside",
            geteuid());
        return;
    }
    bind.fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    writ_launch_identity(&plan, &s, &who);
    if (who.own)
        saw(t, WRIT_HAVE_NO, "/ could not be id-mapped to a private id");
    else
        saw(t, WRIT_HAVE_YES, "/ id-mapped: its files belong to private id %u", who.uid);
    writ_fd_close(&bind.tree);
    writ_fd_close(&bind.fd);
}

/* --- the root -------------------------------------------------------------------------------- */

static void
root_inner(struct writ_trial *t, int parent)
{
    static char *const none[] = {NULL};
    struct writ_sandbox_spec spec = {.argv = none, .envp = none, .cwd = "/"};
    struct writ_inner_plan plan = {.spec = &spec, .control = parent, .disk_bytes = 1U << 20};
    struct writ_inner_fail fail = {NULL, NULL};
    int proc = -1;
    int put = -1;

    if (writ_inner_proc_new(&proc, &fail) != WRIT_OK ||
        writ_inner_root(&plan, proc, &put, &fail) != WRIT_OK) {
        saw(t, WRIT_HAVE_NO, "%s %s: %s", fail.what, fail.name == NULL ? "" : fail.name,
            strerror(errno));
        return;
    }
    if (open("/x", O_CREAT | O_WRONLY | O_CLOEXEC, 0600) >= 0 || access("/sys", F_OK) == 0)
        saw(t, WRIT_HAVE_NO, "the new root could be written to");
    else if (open("/tmp/x", O_CREAT | O_WRONLY | O_CLOEXEC, 0600) < 0)
        saw(t, WRIT_HAVE_NO, "/tmp in the new root: %s", strerror(errno));
    else if (access("/proc/1/status", F_OK) < 0 || access("/proc/2/status", F_OK) == 0)
        saw(t, WRIT_HAVE_NO, "/proc is not that of the new pid namespace");
    else
        saw(t, WRIT_HAVE_YES, "built and entered; only /tmp took a file, /proc had one process");
}

static void
try_root(struct writ_trial *t)
{
    in_child(t, trial_spaces, root_inner);
}

static void
disk_inner(struct writ_trial *t, int parent)
{
    static char block[65536];
    int fd = -1;
    size_t wrote = 0;

    root_inner(t, parent);
    if (t->have != WRIT_HAVE_YES)
        return;
    fd = open("/tmp/y", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    while (fd >= 0 && wrote < (4U << 20) && write(fd, block, sizeof(block)) > 0)
        wrote += sizeof(block);
    if (fd >= 0 && wrote < (2U << 20) && errno == ENOSPC)
        saw(t, WRIT_HAVE_YES, "a 1 MiB root took %zu KiB, then: %s", wrote / 1024,
            strerror(ENOSPC));
    else
        saw(t, WRIT_HAVE_NO, "a 1 MiB root took %zu KiB", wrote / 1024);
}

static void
try_disk(struct writ_trial *t)
{
    in_child(t, trial_spaces, disk_inner);
}

/* --- the network ----------------------------------------------------------------------------- */

static bool
knock(const char *address, uint16_t port)
{
    struct sockaddr_in6 to = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    WRIT_FD_AUTO int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    int err = 0;
    socklen_t len = sizeof(err);

    if (fd < 0 || inet_pton(AF_INET6, address, &to.sin6_addr) != 1)
        return false;
    if (connect(fd, (const struct sockaddr *)&to, sizeof(to)) < 0 && errno != EINPROGRESS)
        return false;
    return poll(&p, 1, TRIAL_CONNECT_MS) == 1 &&
           getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len) == 0 && err == 0;
}

static bool
accepted_at(int listener, const char *address)
{
    WRIT_FD_AUTO int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    struct sockaddr_in6 at;
    socklen_t len = sizeof(at);
    struct in6_addr want;

    return fd >= 0 && getsockname(fd, (struct sockaddr *)&at, &len) == 0 &&
           inet_pton(AF_INET6, address, &want) == 1 &&
           memcmp(&want, &at.sin6_addr, sizeof(want)) == 0;
}

/* The task's network; its sockets come back to this very process. */
static bool
network(struct writ_trial *t, struct writ_wire_msg *ret)
{
    static const uint16_t ports[] = {80};
    struct writ_sandbox_spec spec = {.ports = ports, .port_count = 1};
    struct writ_inner_plan plan = {.spec = &spec, .control = -1};
    struct writ_inner_fail fail = {NULL, NULL};
    WRIT_FD_AUTO int proc = -1;
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return false;
    plan.control = pair[0];
    if (writ_inner_proc_new(&proc, &fail) == WRIT_OK &&
        writ_inner_net(&plan, proc, &fail) == WRIT_OK &&
        writ_wire_recv(pair[1], TRIAL_MS, ret) == WRIT_OK && ret->type == WRIT_WIRE_LISTENERS)
        return true;
    saw(t, WRIT_HAVE_NO, "%s %s: %s", fail.what == NULL ? "listen" : fail.what,
        fail.name == NULL ? "" : fail.name, strerror(errno));
    return false;
}

static void
anyip_inner(struct writ_trial *t, int parent)
{
    static const char *const four = "::ffff:203.0.113.7";
    static const char *const six = "2001:db8::7";
    struct writ_wire_msg m;
    bool got4;
    bool got6;

    (void)parent;
    if (!network(t, &m))
        return;
    /* the first two listeners are 53 and 80, in this order */
    got4 = knock(four, 80) && accepted_at(m.fds[1], four);
    got6 = knock(six, 80) && accepted_at(m.fds[1], six);
    saw(t,
        got4 && got6 ? WRIT_HAVE_YES
        : got4       ? WRIT_HAVE_PARTLY
                     : WRIT_HAVE_NO,
        "dialled 203.0.113.7 (%s) and 2001:db8::7 (%s)", got4 ? "arrived" : "did not",
        got6 ? "arrived" : "did not");
}

static void
try_anyip(struct writ_trial *t)
{
    in_child(t, trial_spaces, anyip_inner);
}

static void
tap_inner(struct writ_trial *t, int parent)
{
    struct writ_wire_msg m;

    (void)parent;
    if (!network(t, &m))
        return;
    if (knock("::ffff:203.0.113.7", 22)) {
        saw(t, WRIT_HAVE_NO, "a port without a listener answered");
        return;
    }
    for (size_t i = 0; i < m.fd_count; i++) {
        struct writ_tap_event ev;

        if (m.text[i * 3] == WRIT_LISTENER_PACKETS && writ_tap_read(m.fds[i], &ev) == WRIT_OK &&
            ev.to_port == 22) {
            saw(t, WRIT_HAVE_YES, "dialled 203.0.113.7 port 22: refused, and seen");
            return;
        }
    }
    saw(t, WRIT_HAVE_NO, "dialled 203.0.113.7 port 22: refused, but not seen");
}

static void
try_tap(struct writ_trial *t)
{
    in_child(t, trial_spaces, tap_inner);
}

/* --- the process ----------------------------------------------------------------------------- */

static void
caps_inner(struct writ_trial *t, int parent)
{
    struct writ_inner_fail fail = {NULL, NULL};

    (void)parent;
    if (sethostname("a", 1) < 0) {
        saw(t, WRIT_HAVE_NO, "sethostname with all capabilities: %s", strerror(errno));
        return;
    }
    if (writ_inner_drop(&fail) != WRIT_OK) {
        saw(t, WRIT_HAVE_NO, "%s %s: %s", fail.what, fail.name, strerror(errno));
        return;
    }
    if (sethostname("b", 1) == 0 || prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
        saw(t, WRIT_HAVE_NO, "sethostname after the drop: allowed");
    else
        saw(t, WRIT_HAVE_YES, "sethostname: allowed before the drop, %s after",
            strerrorname_np(errno));
}

static void
try_caps(struct writ_trial *t)
{
    in_child(t, CLONE_NEWUSER | CLONE_NEWUTS, caps_inner);
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
        saw(t, WRIT_HAVE_NO, "loading the filter: %s", strerror(errno));
        return;
    }
    after = syscall(SYS_unshare, CLONE_FILES);
    if (before != 0 || after == 0)
        saw(t, WRIT_HAVE_NO, "unshare was %s with the filter", after == 0 ? "allowed" : "refused");
    else
        saw(t, WRIT_HAVE_YES, "%u instructions; unshare: allowed before, %s after", (unsigned)f.len,
            strerrorname_np(errno));
}

static void
try_seccomp(struct writ_trial *t)
{
    in_child(t, 0, seccomp_inner);
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
    if (pid < 0 || writ_wire_recv(pair[0], TRIAL_MS, &m) != WRIT_OK || m.fd_count != 1) {
        saw(t, WRIT_HAVE_NO, "no listener came from the filter");
    } else if (writ_exec_notify_read(m.fds[0], &ev) != WRIT_OK ||
               writ_exec_notify_continue(m.fds[0], ev.id) != WRIT_OK) {
        saw(t, WRIT_HAVE_NO, "the notification could not be answered: %s", strerror(errno));
    } else if (waitpid(pid, &status, 0) == pid && status == 0 &&
               strcmp(ev.path, "/bin/true") == 0) {
        saw(t, WRIT_HAVE_YES, "told of %s and let it run", ev.path);
        return;
    } else {
        saw(t, status == 0 ? WRIT_HAVE_PARTLY : WRIT_HAVE_NO,
            "told of a program but not of its name; it ended with %d", status);
    }
    if (pid > 0)
        (void)kill(pid, SIGKILL);
}

static void
try_notify(struct writ_trial *t)
{
    in_child(t, 0, notify_inner);
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
        saw(t, WRIT_HAVE_NO, "landlock_create_ruleset: %s", strerror(errno));
        return;
    }
    if (writ_landlock_read(rules, "/usr") != WRIT_OK ||
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || writ_landlock_restrict(rules) != WRIT_OK) {
        saw(t, WRIT_HAVE_NO, "landlock_restrict_self: %s", strerror(errno));
        return;
    }
    after = open("/etc/passwd", O_RDONLY | O_CLOEXEC) >= 0;
    still = open("/usr/bin", O_RDONLY | O_CLOEXEC) >= 0;
    scoped = kill(getppid(), 0) < 0 && errno == EPERM;
    if (!before || after || !still)
        saw(t, WRIT_HAVE_NO, "ABI %d, but /etc/passwd could be read as before", abi);
    else if (!scoped)
        saw(t, WRIT_HAVE_PARTLY, "ABI %d: a file refused, signals not (needs ABI 6)", abi);
    else
        saw(t, WRIT_HAVE_YES, "ABI %d: a file and a signal refused that were allowed before", abi);
}

static void
try_landlock(struct writ_trial *t)
{
    in_child(t, 0, landlock_inner);
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
        saw(t, WRIT_HAVE_NO, "memfd_secret: %s", strerror(errno));
        return;
    }
    page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (page == MAP_FAILED || mem < 0) {
        saw(t, WRIT_HAVE_NO, "mapping it: %s", strerror(errno));
        return;
    }
    page[0] = 'y';
    if (pread(mem, &got, 1, (off_t)(uintptr_t)&plain) != 1 || got != 'x')
        saw(t, WRIT_HAVE_PARTLY, "/proc/self/mem cannot be read at all here");
    else if (pread(mem, &got, 1, (off_t)(uintptr_t)page) == 1)
        saw(t, WRIT_HAVE_NO, "/proc/self/mem could read it");
    else
        saw(t, WRIT_HAVE_YES, "/proc/self/mem: other memory was read, this gave %s",
            strerrorname_np(errno));
}

static void
try_secret(struct writ_trial *t)
{
    in_child(t, 0, secret_inner);
}

static void
pids_inner(struct writ_trial *t, int parent)
{
    struct rlimit r = {4, 4};
    int made = 0;

    (void)parent;
    if (setrlimit(RLIMIT_NPROC, &r) < 0) {
        saw(t, WRIT_HAVE_NO, "setrlimit: %s", strerror(errno));
        return;
    }
    while (made < 16) {
        pid_t pid = fork();

        if (pid == 0) {
            (void)poll(NULL, 0, TRIAL_MS);
            _exit(0);
        }
        if (pid < 0)
            break;
        made++;
    }
    if (made == 3)
        saw(t, WRIT_HAVE_YES, "limit 4, counted in its own user namespace: 3 more, then EAGAIN");
    else
        saw(t, WRIT_HAVE_NO, "limit 4 in a user namespace: %d more processes", made);
}

static void
try_pids(struct writ_trial *t)
{
    in_child(t, CLONE_NEWUSER | CLONE_NEWPID, pids_inner);
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
            (void)poll(NULL, 0, 2 * TRIAL_MS);
            _exit(0);
        }
        (void)pause();
        _exit(0);
    }
    (void)close(pair[1]);
    if (pid > 0 && read(pair[0], &byte, 1) == 1) {
        struct pollfd p = {.fd = pair[0], .events = POLLIN};

        (void)kill(pid, SIGKILL);
        if (poll(&p, 1, TRIAL_MS) == 1 && (p.revents & POLLHUP) != 0)
            saw(t, WRIT_HAVE_YES, "killed a parent with SIGKILL: its child was gone too");
        else
            saw(t, WRIT_HAVE_NO, "killed a parent with SIGKILL: its child lived on");
    }
}

static void
try_death(struct writ_trial *t)
{
    in_child(t, 0, death_inner);
}

/* --- control groups -------------------------------------------------------------------------- */

/* The groups a task would get, and a process in them that counts in shared memory. */
struct group_trial {
    struct writ_sandbox s;
    struct writ_inner_plan plan;
    volatile unsigned *count;
    struct writ_id id;
};

static bool
group_begin(struct group_trial *g, uint64_t memory_bytes)
{
    struct writ_sandbox_spec spec = {.memory_bytes = memory_bytes};

    writ_id_new(&g->id);
    spec.task_id = g->id.text;
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
    (void)munmap((void *)(uintptr_t)g->count, 4096);
    if (g->s.pid > 0)
        (void)kill(g->s.pid, SIGKILL);
    writ_sandbox_end(&g->s);
    writ_fd_close(&g->plan.cgroup_v1);
}

static void
try_cgroup(struct writ_trial *t)
{
    struct group_trial g;
    unsigned before;
    unsigned running;
    int status;

    if (!group_begin(&g, 0) || g.s.cgroup_fd < 0 || !group_clone(&g)) {
        saw(t, WRIT_HAVE_NO, "a cgroup v2 directory and a process born in it: %s", strerror(errno));
        group_end(&g);
        return;
    }
    (void)poll(NULL, 0, 20);
    running = *g.count;
    if (writ_sandbox_freeze(&g.s) != WRIT_OK)
        running = 0;
    before = *g.count;
    (void)poll(NULL, 0, 20);
    if (running == 0 || before != *g.count)
        saw(t, WRIT_HAVE_NO, "a process in it ran on after cgroup.freeze");
    else if (!writ_launch_cgroup_write(&g.s, "cgroup.kill", "1") ||
             waitpid(g.s.pid, &status, 0) != g.s.pid || !WIFSIGNALED(status))
        saw(t, WRIT_HAVE_PARTLY, "froze a process; cgroup.kill: %s", strerror(errno));
    else
        saw(t, WRIT_HAVE_YES, "a counting process was frozen, counted no more, and was killed");
    if (t->have == WRIT_HAVE_YES)
        g.s.pid = -1;
    group_end(&g);
}

static void
try_memory(struct writ_trial *t)
{
    struct group_trial g;

    if (!group_begin(&g, 64U << 20) || g.plan.data_limit)
        saw(t, WRIT_HAVE_PARTLY, "no memory controller may be used here: RLIMIT_DATA instead");
    else
        saw(t, WRIT_HAVE_YES, "a limit of 64 MiB was set, cgroup %s",
            g.plan.cgroup_v1 >= 0 ? "v1" : "v2");
    group_end(&g);
}

static const struct {
    const char *wall;
    const char *lost;
    void (*fn)(struct writ_trial *t);
    bool needed;
} trials[] = {
    {"user namespace", "everything: a task needs one", try_user, true},
    {"other namespaces", "everything: a task needs them", try_spaces, true},
    {"time namespace", "nothing yet: clocks cannot be set anyway", try_time, false},
    {"an id of its own", "the task shares its starter's id outside, without its capabilities",
     try_own_id, false},
    {"root of its own", "everything: a task needs one", try_root, true},
    {"disk limit", "a task could fill memory with files", try_disk, true},
    {"network is the gateway", "IPv6 (partly); without IPv4 there is no task", try_anyip, true},
    {"tap for refused ports", "attempts on ports nobody listens on are not recorded", try_tap,
     false},
    {"capabilities dropped", "everything: a task must have none", try_caps, true},
    {"system call filter", "the kernel's whole surface is open", try_seccomp, true},
    {"programs are told", "the ledger does not say which programs were started", try_notify, true},
    {"Landlock", "the second wall around files", try_landlock, false},
    {"secret memory", "the keeper's secrets are locked memory only", try_secret, false},
    {"process limit", "a task could use up the host's processes", try_pids, true},
    {"ends with its launcher", "a task could outlive a killed launcher", try_death, true},
    {"cgroup", "freezing and killing go by signals", try_cgroup, false},
    {"memory limit", "only each process by itself is limited, by RLIMIT_DATA", try_memory, false},
};

size_t
writ_trial_all(struct writ_trial ret[WRIT_TRIALS_MAX])
{
    static_assert(WRIT_COUNT(trials) <= WRIT_TRIALS_MAX, "every trial has a row");

    for (size_t i = 0; i < WRIT_COUNT(trials); i++) {
        ret[i] = (struct writ_trial){
            .wall = trials[i].wall, .lost = trials[i].lost, .needed = trials[i].needed};
        trials[i].fn(&ret[i]);
    }
    return WRIT_COUNT(trials);
}
