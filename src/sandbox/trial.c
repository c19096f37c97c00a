#include "sandbox/trial_parts.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "sandbox/inner.h"
#include "sandbox/launch.h"
#include "sandbox/tap.h"
#include "sandbox/wire.h"

enum { TRIAL_CONNECT_MS = 1000 };

void
writ_trial_saw(struct writ_trial *t, enum writ_have have, const char *fmt, ...)
{
    va_list ap;

    t->have = have;
    va_start(ap, fmt);
    // NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): va_start is just above
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

void
writ_trial_in_child(struct writ_trial *t, uint64_t spaces,
                    void (*fn)(struct writ_trial *t, int parent))
{
    struct clone_args args = {.flags = spaces, .exit_signal = SIGCHLD};
    struct writ_sandbox unused = {.pid = -1};
    struct writ_launch_identity who = identity();
    struct writ_wire_msg m;
    int pair[2];
    long pid;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
        writ_trial_saw(t, WRIT_HAVE_NO, "socketpair: %s", strerrordesc_np(errno));
        return;
    }
    pid = syscall(SYS_clone3, &args, sizeof(args));
    if (pid == 0) {
        (void)close(pair[0]);
        t->have = WRIT_HAVE_NO;
        if ((spaces & CLONE_NEWUSER) == 0 ||
            (writ_wire_recv(pair[1], WRIT_TRIAL_MS, &m) == WRIT_OK &&
             syscall(SYS_setresgid, 1000, 1000, 1000) == 0 &&
             syscall(SYS_setresuid, 1000, 1000, 1000) == 0)) {
            fn(t, pair[1]);
        } else {
            writ_trial_saw(t, WRIT_HAVE_NO, "setresuid in it: %s", strerrordesc_np(errno));
        }
        _exit(writ_wire_send(pair[1], WRIT_WIRE_STATUS, (uint32_t)t->have, writ_span_str(t->saw),
                             (struct writ_wire_fds){NULL, 0}) != WRIT_OK);
    }
    (void)close(pair[1]);
    if (pid < 0) {
        writ_trial_saw(t, WRIT_HAVE_NO, "clone3: %s", strerrordesc_np(errno));
    } else if ((spaces & CLONE_NEWUSER) != 0 &&
               (writ_launch_map((pid_t)pid, &unused, &who) != WRIT_OK ||
                writ_wire_send(pair[0], WRIT_WIRE_MAPPED, 0, writ_span(NULL, 0),
                               (struct writ_wire_fds){NULL, 0}) != WRIT_OK)) {
        writ_trial_saw(t, WRIT_HAVE_NO, "writing its maps: %s", strerrordesc_np(errno));
    } else if (writ_wire_recv(pair[0], WRIT_TRIAL_MS, &m) == WRIT_OK &&
               m.type == WRIT_WIRE_STATUS) {
        writ_trial_saw(t, (enum writ_have)m.value, "%s", m.text);
    } else {
        writ_trial_saw(t, WRIT_HAVE_NO, "the trial did not come back");
    }
    if (pid > 0) {
        (void)kill((pid_t)pid, SIGKILL);
        (void)waitpid((pid_t)pid, NULL, 0);
    }
    (void)close(pair[0]);
}

/* --- namespaces ------------------------------------------------------------------------------ */

static void
user_inner(struct writ_trial *t, int parent)
{
    (void)parent;
    if (getuid() == 1000 && getgid() == 1000) {
        writ_trial_saw(t, WRIT_HAVE_YES, "clone3, maps written, became 1000 in it");
    } else {
        writ_trial_saw(t, WRIT_HAVE_NO, "the ids did not change");
    }
}

static void
try_user(struct writ_trial *t)
{
    writ_trial_in_child(t, CLONE_NEWUSER, user_inner);
}

static void
spaces_inner(struct writ_trial *t, int parent)
{
    (void)parent;
    writ_trial_saw(t, getpid() == 1 ? WRIT_HAVE_YES : WRIT_HAVE_NO,
                   "clone3 with mount, pid, network, IPC, UTS and cgroup; is pid 1");
}

static void
try_spaces(struct writ_trial *t)
{
    writ_trial_in_child(t, WRIT_TRIAL_SPACES, spaces_inner);
}

static void
try_time(struct writ_trial *t)
{
    writ_trial_in_child(t, CLONE_NEWUSER | 0x80 /* CLONE_NEWTIME */, user_inner);
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
        writ_trial_saw(t, WRIT_HAVE_PARTLY,
                       "an ordinary user has no other id to give: it stays %u outside", geteuid());
        return;
    }
    bind.fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    writ_launch_identity(&plan, &s, &who);
    if (who.own) {
        writ_trial_saw(t, WRIT_HAVE_NO, "/ could not be id-mapped to a private id");
    } else {
        writ_trial_saw(t, WRIT_HAVE_YES, "/ id-mapped: its files belong to private id %u", who.uid);
    }
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

    if (writ_inner_proc_new(-1, &proc, &fail) != WRIT_OK ||
        writ_inner_root(&plan, proc, &put, &fail) != WRIT_OK) {
        writ_trial_saw(t, WRIT_HAVE_NO, "%s %s: %s", fail.what, fail.name == NULL ? "" : fail.name,
                       strerrordesc_np(errno));
        return;
    }
    if (open("/x", O_CREAT | O_WRONLY | O_CLOEXEC, 0600) >= 0 || access("/sys", F_OK) == 0) {
        writ_trial_saw(t, WRIT_HAVE_NO, "the new root could be written to");
    } else if (open("/tmp/x", O_CREAT | O_WRONLY | O_CLOEXEC, 0600) < 0) {
        writ_trial_saw(t, WRIT_HAVE_NO, "/tmp in the new root: %s", strerrordesc_np(errno));
    } else if (proc < 0) {
        writ_trial_saw(
            t, WRIT_HAVE_PARTLY,
            "built and entered; a container around us covers parts of /proc, so the kernel "
            "gives a task none of its own (root: the launcher makes it)");
    } else if (access("/proc/1/status", F_OK) < 0 || access("/proc/2/status", F_OK) == 0) {
        writ_trial_saw(t, WRIT_HAVE_NO, "/proc is not that of the new pid namespace");
    } else {
        writ_trial_saw(t, WRIT_HAVE_YES,
                       "built and entered; only /tmp took a file, /proc had one process");
    }
}

static void
try_root(struct writ_trial *t)
{
    writ_trial_in_child(t, WRIT_TRIAL_SPACES, root_inner);
}

static void
disk_inner(struct writ_trial *t, int parent)
{
    static char block[65536];
    int fd = -1;
    size_t wrote = 0;

    root_inner(t, parent);
    if (t->have == WRIT_HAVE_NO)
        return;
    fd = open("/tmp/y", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    while (fd >= 0 && wrote < (4U << 20) && write(fd, block, sizeof(block)) > 0)
        wrote += sizeof(block);
    if (fd >= 0 && wrote < (2U << 20) && errno == ENOSPC) {
        writ_trial_saw(t, WRIT_HAVE_YES, "a 1 MiB root took %zu KiB, then: %s", wrote / 1024,
                       strerrordesc_np(ENOSPC));
    } else {
        writ_trial_saw(t, WRIT_HAVE_NO, "a 1 MiB root took %zu KiB", wrote / 1024);
    }
}

static void
try_disk(struct writ_trial *t)
{
    writ_trial_in_child(t, WRIT_TRIAL_SPACES, disk_inner);
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
    if (writ_inner_proc_new(-1, &proc, &fail) == WRIT_OK &&
        writ_inner_net(&plan, proc, &fail) == WRIT_OK &&
        writ_wire_recv(pair[1], WRIT_TRIAL_MS, ret) == WRIT_OK && ret->type == WRIT_WIRE_LISTENERS)
        return true;
    writ_trial_saw(t, WRIT_HAVE_NO, "%s %s: %s", fail.what == NULL ? "listen" : fail.what,
                   fail.name == NULL ? "" : fail.name, strerrordesc_np(errno));
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
    writ_trial_saw(t,
                   got4 && got6 ? WRIT_HAVE_YES
                   : got4       ? WRIT_HAVE_PARTLY
                                : WRIT_HAVE_NO,
                   "dialled 203.0.113.7 (%s) and 2001:db8::7 (%s)", got4 ? "arrived" : "did not",
                   got6 ? "arrived" : "did not");
}

static void
try_anyip(struct writ_trial *t)
{
    writ_trial_in_child(t, WRIT_TRIAL_SPACES, anyip_inner);
}

static void
tap_inner(struct writ_trial *t, int parent)
{
    struct writ_wire_msg m;

    (void)parent;
    if (!network(t, &m))
        return;
    if (knock("::ffff:203.0.113.7", 22)) {
        writ_trial_saw(t, WRIT_HAVE_NO, "a port without a listener answered");
        return;
    }
    for (size_t i = 0; i < m.fd_count; i++) {
        struct writ_tap_event ev;

        if (m.text[i * 3] == WRIT_LISTENER_PACKETS && writ_tap_read(m.fds[i], &ev) == WRIT_OK &&
            ev.to_port == 22) {
            writ_trial_saw(t, WRIT_HAVE_YES, "dialled 203.0.113.7 port 22: refused, and seen");
            return;
        }
    }
    writ_trial_saw(t, WRIT_HAVE_NO, "dialled 203.0.113.7 port 22: refused, but not seen");
}

static void
try_tap(struct writ_trial *t)
{
    writ_trial_in_child(t, WRIT_TRIAL_SPACES, tap_inner);
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
    {"capabilities dropped", "everything: a task must have none", writ_trial_caps, true},
    {"system call filter", "the kernel's whole surface is open", writ_trial_seccomp, true},
    {"programs are told", "the ledger does not say which programs were started", writ_trial_notify,
     true},
    {"Landlock", "the second wall around files", writ_trial_landlock, false},
    {"secret memory", "the keeper's secrets are locked memory only", writ_trial_secret, false},
    {"process limit", "a task could use up the host's processes", writ_trial_pids, true},
    {"ends with its launcher", "a task could outlive a killed launcher", writ_trial_death, true},
    {"cgroup", "freezing and killing go by signals", writ_trial_cgroup, false},
    {"memory limit", "only each process by itself is limited, by RLIMIT_DATA", writ_trial_memory,
     false},
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
