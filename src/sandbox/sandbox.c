#include "sandbox/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/text.h"
#include "sandbox/landlock.h"
#include "sandbox/launch.h"
#include "sandbox/wire.h"

#ifndef CLONE_NEWTIME
#    define CLONE_NEWTIME 0x00000080
#endif

enum {
    SANDBOX_GROUPS_MAX = 65536,
    SANDBOX_SETUP_MS = 10000, /* a millisecond or two; a machine that is swapping is given longer */
    SANDBOX_FREEZE_MS = 100,
};

static const struct writ_wire_fds no_fds = {NULL, 0};

static struct writ_sandbox
nothing(void)
{
    return (struct writ_sandbox){.pid = -1,
                                 .pidfd = -1,
                                 .control = -1,
                                 .notify_fd = -1,
                                 .cgroup_fd = -1,
                                 .cgroup_v1_fd = -1};
}

/* What the kernel or this account lacks is told to the caller, who decides whether it matters. */
static void
note_landlock(struct writ_inner_plan *plan, struct writ_sandbox *s)
{
    plan->landlock_abi = writ_landlock_abi();
    if (plan->landlock_abi == 0) {
        writ_launch_missing(s, "Landlock");
    } else if (plan->landlock_abi < 6) {
        writ_launch_missing(s,
                            "Landlock scopes for signals and abstract sockets (namespaces hold)");
    }
}

/* The supplementary groups of root are left behind for the moment of the clone: inside there is no
 * way to drop them where setgroups is denied. */
struct groups {
    gid_t *list;
    int count;
};

static void
groups_leave(struct groups *g)
{
    g->count = geteuid() == 0 ? getgroups(0, NULL) : 0;
    g->list = NULL;
    if (g->count <= 0 || g->count > SANDBOX_GROUPS_MAX)
        return;
    g->list = calloc((size_t)g->count, sizeof(*g->list));
    if (g->list == NULL || getgroups(g->count, g->list) < 0 || setgroups(0, NULL) < 0)
        g->count = 0;
}

static void
groups_return(struct groups *g)
{
    if (g->count > 0 && g->list != NULL && setgroups((size_t)g->count, g->list) < 0)
        g->count = 0; /* we could give them up and so can take them again */
    free(g->list);
}

static long
clone_into(struct writ_sandbox *s, uint64_t flags)
{
    struct clone_args args = {
        .flags = flags | CLONE_PIDFD, .pidfd = (__u64)(uintptr_t)&s->pidfd, .exit_signal = SIGCHLD};

    if (s->cgroup_fd >= 0) {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = (__u64)s->cgroup_fd;
    }
    return syscall(SYS_clone3, &args, sizeof(args));
}

static long
clone_task(struct writ_sandbox *s)
{
    /* the child makes its network namespace itself: that takes longer than all else together */
    static const uint64_t spaces =
        CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;
    long pid = clone_into(s, spaces | CLONE_NEWTIME);

    if (pid < 0 && errno == EINVAL) {
        pid = clone_into(s, spaces);
        if (pid > 0)
            writ_launch_missing(s, "a time namespace");
    }
    if (pid < 0 && s->cgroup_fd >= 0 &&
        (errno == EACCES || errno == EOPNOTSUPP || errno == EBUSY)) {
        /* the directory is ours but the way into it is not (no delegation) */
        writ_launch_cgroup_remove(s);
        writ_launch_missing(s, "a cgroup (freezing and killing go by signals)");
        pid = clone_into(s, spaces);
    }
    return pid;
}

static enum writ_err
start_child(struct writ_inner_plan *plan, struct writ_sandbox *s, struct writ_launch_identity *who,
            struct writ_diag *diag)
{
    struct groups groups;
    int pair[2];
    long pid;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
        writ_diag_set(diag, 0, 0, "socketpair: %s", strerrordesc_np(errno));
        return WRIT_E_SYS;
    }
    s->control = pair[0];
    plan->control = pair[1];
    groups_leave(&groups);
    pid = clone_task(s);
    if (pid == 0) {
        (void)close(pair[0]); /* else the launcher's death would not be an end of file */
        _exit(writ_inner_main(plan));
    }
    groups_return(&groups);
    writ_fd_close(&plan->control);
    if (pid < 0) {
        s->pidfd = -1;
        writ_diag_set(diag, 0, 0, "this kernel or account gives no namespaces: %s",
                      strerrordesc_np(errno));
        return WRIT_E_SYS;
    }
    s->pid = (pid_t)pid;
    if (writ_launch_map(s->pid, s, who) != WRIT_OK ||
        writ_wire_send(s->control, WRIT_WIRE_MAPPED, 0, writ_span(NULL, 0), no_fds) != WRIT_OK) {
        writ_diag_set(diag, 0, 0, "cannot map the task's user: %s", strerrordesc_np(errno));
        return WRIT_E_SYS;
    }
    return WRIT_OK;
}

/* In the task's pid namespace but in our mount namespace, which is allowed to have a whole /proc:
 * sends the mount to the task's first process and ends. */
static void
mount_proc_inside(const struct writ_sandbox *s)
{
    int mnt = -1;
    struct writ_wire_fds fds = {&mnt, 0};
    pid_t pid;

    if (setns(s->pidfd, CLONE_NEWPID) < 0)
        _exit(1);
    pid = fork(); /* a process takes its pid namespace on with its children only */
    if (pid == 0) {
        mnt = writ_inner_proc_mount();
        fds.count = mnt >= 0 ? 1 : 0;
        _exit(writ_wire_send(s->control, WRIT_WIRE_PROC, 0, writ_span(NULL, 0), fds) == WRIT_OK
                  ? 0
                  : 1);
    }
    if (pid > 0 && waitpid(pid, NULL, 0) == pid)
        _exit(0);
    _exit(1);
}

static enum writ_err
give_proc(struct writ_sandbox *s)
{
    pid_t pid = fork();
    int status = 1;

    if (pid == 0)
        mount_proc_inside(s);
    if (pid > 0)
        (void)waitpid(pid, &status, 0);
    if (pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return WRIT_OK;
    writ_launch_missing(s, "/proc (parts of this container's own are covered)");
    return writ_wire_send(s->control, WRIT_WIRE_PROC, 0, writ_span(NULL, 0), no_fds);
}

/* Takes note of whatever comes until the wanted message does. */
static enum writ_err
wait_for(struct writ_sandbox *s, enum writ_wire wanted, struct writ_wire_msg *m,
         struct writ_diag *diag)
{
    for (;;) {
        enum writ_err e = writ_wire_recv(s->control, SANDBOX_SETUP_MS, m);

        if (e != WRIT_OK) {
            writ_diag_set(diag, 0, 0, "the sandbox ended before it was ready (%s)",
                          writ_err_name(e));
            return e == WRIT_E_AGAIN ? WRIT_E_SYS : e;
        }
        if (m->type == wanted)
            return WRIT_OK;
        writ_wire_close_fds(m);
        if (m->type == WRIT_WIRE_FAIL) {
            writ_diag_set(diag, 0, 0, "the sandbox could not %s: %s", m->text,
                          strerrordesc_np((int)m->value));
            return WRIT_E_SYS;
        }
        if (m->type == WRIT_WIRE_MISSING) {
            writ_launch_missing(s, m->text);
        } else if (m->type != WRIT_WIRE_NEED_PROC || give_proc(s) != WRIT_OK) {
            return WRIT_E_STATE;
        }
    }
}

enum writ_err
writ_sandbox_listen(struct writ_sandbox *s, struct writ_diag *diag)
{
    struct writ_wire_msg m;
    enum writ_err e;

    if (s->listener_count != 0)
        return WRIT_OK;
    e = wait_for(s, WRIT_WIRE_LISTENERS, &m, diag);
    if (e != WRIT_OK)
        return e;
    if (m.fd_count != m.value || m.text_len != m.fd_count * 3 ||
        m.fd_count > WRIT_SANDBOX_LISTENERS_MAX) {
        writ_wire_close_fds(&m);
        writ_diag_set(diag, 0, 0, "the sandbox's listeners did not arrive whole");
        return WRIT_E_FORMAT;
    }
    for (size_t i = 0; i < m.fd_count; i++) {
        const char *row = &m.text[i * 3];

        s->listeners[i] = (struct writ_sandbox_listener){
            .fd = m.fds[i],
            .kind = (enum writ_listener)row[0],
            .port = (uint16_t)((uint8_t)row[1] << 8 | (uint8_t)row[2])};
    }
    s->listener_count = m.fd_count;
    return WRIT_OK;
}

static void
find_console(const struct writ_sandbox_spec *spec, struct writ_inner_plan *plan)
{
    if (spec->tty && ttyname_r(spec->stdio[0], plan->console, sizeof(plan->console)) != 0)
        plan->console[0] = '\0'; /* its input is not that terminal */
}

static enum writ_err
start_steps(const struct writ_sandbox_spec *spec, struct writ_inner_plan *plan,
            struct writ_sandbox *s, struct writ_diag *diag)
{
    struct writ_launch_identity who;
    enum writ_err e = writ_launch_check(spec, diag);

    if (e == WRIT_OK)
        e = writ_launch_binds(spec, plan, diag);
    if (e != WRIT_OK)
        return e;
    plan->init = open(spec->init_path, O_PATH | O_CLOEXEC);
    if (plan->init < 0) {
        writ_diag_set(diag, 0, 0, "%s: %s", spec->init_path, strerrordesc_np(errno));
        return WRIT_E_SYS;
    }
    find_console(spec, plan);
    note_landlock(plan, s);
    writ_launch_identity(plan, s, &who);
    writ_launch_cgroup(spec, plan, s);
    return start_child(plan, s, &who, diag);
}

enum writ_err
writ_sandbox_start(const struct writ_sandbox_spec *spec, struct writ_sandbox *ret,
                   struct writ_diag *diag)
{
    struct writ_inner_plan plan = {
        .spec = spec,
        .control = -1,
        .init = -1,
        .cgroup_v1 = -1,
        .disk_bytes = spec->disk_bytes != 0 ? spec->disk_bytes : WRIT_SANDBOX_DISK_DEFAULT,
        .pids = spec->pids != 0 ? spec->pids : WRIT_SANDBOX_PIDS_DEFAULT};
    struct writ_sandbox s = nothing();
    enum writ_err e = start_steps(spec, &plan, &s, diag);

    writ_launch_plan_done(&plan);
    if (e != WRIT_OK) {
        writ_sandbox_end(&s);
        return e;
    }
    *ret = s;
    return WRIT_OK;
}

enum writ_err
writ_sandbox_put(struct writ_sandbox *s, const char *inside, struct writ_span content)
{
    WRIT_FD_AUTO int fd = -1;
    enum writ_err e = writ_memfd_sealed("writ-put", content, &fd);

    if (e != WRIT_OK)
        return e;
    return writ_wire_send(s->control, WRIT_WIRE_PUT, 0, writ_span_str(inside),
                          (struct writ_wire_fds){&fd, 1});
}

enum writ_err
writ_sandbox_go(struct writ_sandbox *s, struct writ_diag *diag)
{
    struct writ_wire_msg m;
    enum writ_err e = writ_sandbox_listen(s, diag);

    if (e == WRIT_OK)
        e = writ_wire_send(s->control, WRIT_WIRE_GO, 0, writ_span(NULL, 0), no_fds);
    /* if pid 1 has ended already, its last words are still there */
    if (e != WRIT_OK && e != WRIT_E_CLOSED)
        return e;
    e = wait_for(s, WRIT_WIRE_NOTIFY, &m, diag);
    if (e != WRIT_OK)
        return e;
    if (m.fd_count != 1) {
        writ_wire_close_fds(&m);
        return WRIT_E_FORMAT;
    }
    s->notify_fd = m.fds[0];
    return WRIT_OK;
}

enum writ_err
writ_sandbox_signal(struct writ_sandbox *s, int sig)
{
    return writ_wire_send(s->control, WRIT_WIRE_SIGNAL, (uint32_t)sig, writ_span(NULL, 0), no_fds);
}

enum writ_err
writ_sandbox_status(struct writ_sandbox *s, int *ret_wait_status)
{
    while (!s->have_status) {
        struct writ_wire_msg m;
        enum writ_err e = writ_wire_recv(s->control, 0, &m);

        if (e != WRIT_OK)
            return e;
        writ_wire_close_fds(&m);
        if (m.type == WRIT_WIRE_EXEC_FAIL) {
            s->exec_errno = (int)m.value;
        } else if (m.type == WRIT_WIRE_STATUS) {
            s->status = (int)m.value;
            s->have_status = true;
        }
    }
    *ret_wait_status = s->status;
    return WRIT_OK;
}

/* Without a cgroup pid 1 stops the others and says so; its answer may come behind the status. */
static enum writ_err
freeze_by_signal(struct writ_sandbox *s)
{
    enum writ_err e = writ_wire_send(s->control, WRIT_WIRE_STOP, 0, writ_span(NULL, 0), no_fds);

    while (e == WRIT_OK) {
        struct writ_wire_msg m;

        e = writ_wire_recv(s->control, SANDBOX_FREEZE_MS, &m);
        if (e != WRIT_OK)
            break;
        writ_wire_close_fds(&m);
        if (m.type == WRIT_WIRE_STOPPED)
            return WRIT_OK;
        if (m.type == WRIT_WIRE_EXEC_FAIL)
            s->exec_errno = (int)m.value;
        if (m.type == WRIT_WIRE_STATUS) {
            s->status = (int)m.value;
            s->have_status = true;
        }
    }
    return e == WRIT_E_CLOSED ? WRIT_OK : e; /* nothing runs when pid 1 is gone */
}

enum writ_err
writ_sandbox_freeze(struct writ_sandbox *s)
{
    if (s->pid < 0)
        return WRIT_OK;
    if (!writ_launch_cgroup_write(s, "cgroup.freeze", "1"))
        return freeze_by_signal(s);
    writ_launch_cgroup_frozen(s, SANDBOX_FREEZE_MS);
    return WRIT_OK;
}

void
writ_sandbox_end(struct writ_sandbox *s)
{
    if (s->pid > 0) {
        siginfo_t info;

        (void)writ_launch_cgroup_write(s, "cgroup.kill", "1");
        /* pid 1 ends after everything else in its namespace has: waiting for it is waiting for all
         */
        if (s->pidfd >= 0)
            (void)syscall(SYS_pidfd_send_signal, s->pidfd, SIGKILL, NULL, 0);
        while (waitid(P_PID, (id_t)s->pid, &info, WEXITED) < 0 && errno == EINTR)
            ;
        s->pid = -1;
    }
    for (size_t i = 0; i < s->listener_count; i++)
        writ_fd_close(&s->listeners[i].fd);
    s->listener_count = 0;
    writ_fd_close(&s->pidfd);
    writ_fd_close(&s->control);
    writ_fd_close(&s->notify_fd);
    writ_launch_cgroup_remove(s);
}
