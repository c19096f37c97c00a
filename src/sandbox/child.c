#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "sandbox/inner.h"
#include "sandbox/wire.h"

enum {
    CHILD_FIXED_ARGS = 8,
    CHILD_NOFILE = 4096, /* open files per process: enough for servers and builds */
};

static enum writ_err
failed(struct writ_inner_fail *fail, const char *what, const char *name)
{
    fail->what = what;
    fail->name = name;
    return WRIT_E_SYS;
}

static enum writ_err
wait_mapped(int control, struct writ_inner_fail *fail)
{
    struct writ_wire_msg m;

    /* an end of file here means that the launcher is gone; nobody is left to tell */
    if (writ_wire_recv(control, -1, &m) != WRIT_OK || m.type != WRIT_WIRE_MAPPED)
        return failed(fail, "hear from", "the launcher");
    writ_wire_close_fds(&m);
    if (syscall(SYS_setresgid, WRIT_INNER_ID, WRIT_INNER_ID, WRIT_INNER_ID) < 0 ||
        syscall(SYS_setresuid, WRIT_INNER_ID, WRIT_INNER_ID, WRIT_INNER_ID) < 0)
        return failed(fail, "become", "the task's user");
    return WRIT_OK;
}

enum writ_err
writ_inner_drop(struct writ_inner_fail *fail)
{
    static const unsigned long bits = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED |
                                      SECBIT_NO_SETUID_FIXUP | SECBIT_NO_SETUID_FIXUP_LOCKED |
                                      SECBIT_KEEP_CAPS_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE |
                                      SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED;
    struct __user_cap_header_struct h = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {0};

    for (unsigned long cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++) {
        if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
            return failed(fail, "drop", "the capability bounding set");
    }
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 ||
        prctl(PR_SET_SECUREBITS, bits, 0, 0, 0) < 0 || syscall(SYS_capset, &h, none) < 0)
        return failed(fail, "drop", "capabilities");
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
        return failed(fail, "set", "no_new_privs");
    return WRIT_OK;
}

static bool
limit(int what, rlim_t soft, rlim_t hard)
{
    struct rlimit now;
    struct rlimit r = {soft, hard};

    if (getrlimit((__rlimit_resource_t)what, &now) < 0)
        return false;
    if (now.rlim_max < r.rlim_max)
        r.rlim_max = now.rlim_max; /* no capability raises it again */
    if (r.rlim_cur > r.rlim_max)
        r.rlim_cur = r.rlim_max;
    return setrlimit((__rlimit_resource_t)what, &r) == 0;
}

static enum writ_err
set_limits(const struct writ_inner_plan *plan, struct writ_inner_fail *fail)
{
    /* counted for the user namespace and so for this task alone (kernel 5.14); pid 1 counts too */
    rlim_t procs = (rlim_t)plan->pids + 1;

    if (!limit(RLIMIT_CORE, 0, 0) || !limit(RLIMIT_NPROC, procs, procs) ||
        !limit(RLIMIT_NOFILE, CHILD_NOFILE, CHILD_NOFILE) || !limit(RLIMIT_NICE, 0, 0) ||
        !limit(RLIMIT_RTPRIO, 0, 0) || !limit(RLIMIT_MEMLOCK, 8U << 20, 8U << 20))
        return failed(fail, "set", "resource limits");
    return WRIT_OK;
}

/* Whatever the launcher ignores or blocks is not the task's business. */
static void
reset_signals(void)
{
    sigset_t none;

    for (int sig = 1; sig < NSIG; sig++) {
        struct sigaction sa = {.sa_handler = SIG_DFL};

        (void)sigaction(sig, &sa, NULL);
    }
    (void)sigemptyset(&none);
    (void)pthread_sigmask(SIG_SETMASK, &none, NULL);
}

/* Puts the descriptors where writ-init expects them; everything else is gone after execve. */
static int
place_descriptors(const struct writ_inner_plan *plan, int put)
{
    int from[WRIT_INNER_FIRST_FREE] = {plan->spec->stdio[0], plan->spec->stdio[1],
                                       plan->spec->stdio[2], plan->control, put};
    int init = fcntl(plan->init, F_DUPFD_CLOEXEC, WRIT_INNER_FIRST_FREE);

    for (int i = 0; i < WRIT_INNER_FIRST_FREE; i++) {
        from[i] = fcntl(from[i], F_DUPFD_CLOEXEC, WRIT_INNER_FIRST_FREE);
        if (from[i] < 0)
            return -1;
    }
    for (int i = 0; i < WRIT_INNER_FIRST_FREE; i++) {
        if (dup2(from[i], i) < 0)
            return -1;
    }
    if (init < 0 ||
        syscall(SYS_close_range, WRIT_INNER_FIRST_FREE, ~0U, 4U /* CLOSE_RANGE_CLOEXEC */) < 0)
        return -1;
    return init;
}

static bool
join_cgroup(int procs)
{
    return procs < 0 || write(procs, "0", 1) == 1;
}

/* writ-init's command line: -t tty, -l ABI, -c CWD, -w PATH for each writable bind, --, the
 * program. Its environment is the program's. */
static enum writ_err
become_init(const struct writ_inner_plan *plan, int init, struct writ_inner_fail *fail)
{
    const struct writ_sandbox_spec *s = plan->spec;
    size_t argc = 0;
    size_t n = 0;
    const char **argv;
    char abi[12];

    while (s->argv[argc] != NULL)
        argc++;
    argv = calloc(CHILD_FIXED_ARGS + plan->bind_count + argc, sizeof(*argv));
    if (argv == NULL)
        return failed(fail, "allocate", "arguments");
    (void)snprintf(abi, sizeof(abi), "%d", plan->landlock_abi);
    argv[n++] = "writ-init";
    argv[n++] = s->tty ? "tty" : "-";
    argv[n++] = abi;
    argv[n++] = s->cwd;
    for (size_t i = 0; i < plan->bind_count; i++) {
        if (plan->binds[i].write)
            argv[n++] = plan->binds[i].inside;
    }
    argv[n++] = "--";
    memcpy(&argv[n], s->argv, argc * sizeof(*argv));
    /* the last thing before: from here on this process may not be able to allocate */
    if (!plan->data_limit || limit(RLIMIT_DATA, s->memory_bytes, s->memory_bytes))
        (void)syscall(SYS_execveat, init, "", argv, s->envp, AT_EMPTY_PATH);
    free(argv);
    return failed(fail, "limit and execute", "writ-init");
}

static enum writ_err
child_steps(const struct writ_inner_plan *plan, int *control, struct writ_inner_fail *fail)
{
    WRIT_FD_AUTO int proc = -1;
    WRIT_FD_AUTO int put = -1;
    enum writ_err e = wait_mapped(plan->control, fail);
    int init;

    if (e == WRIT_OK)
        e = writ_inner_proc_new(plan->control, &proc, fail);
    if (e == WRIT_OK)
        e = writ_inner_net(plan, proc, fail);
    if (e == WRIT_OK)
        e = writ_inner_root(plan, proc, &put, fail);
    if (e != WRIT_OK)
        return e;
    if (sethostname("task", 4) < 0 || setdomainname("", 0) < 0)
        return failed(fail, "set", "the host name");
    if (!join_cgroup(plan->cgroup_v1))
        return failed(fail, "join", "the memory control group");
    e = set_limits(plan, fail);
    if (e == WRIT_OK)
        e = writ_inner_drop(fail);
    if (e != WRIT_OK)
        return e;
    reset_signals();
    init = place_descriptors(plan, put);
    if (init < 0)
        return failed(fail, "place", "descriptors");
    *control = WRIT_INNER_CONTROL_FD; /* its old number may be something else now */
    return become_init(plan, init, fail);
}

int
writ_inner_main(const struct writ_inner_plan *plan)
{
    struct writ_inner_fail fail = {NULL, NULL};
    int control = plan->control;
    char text[512];
    int saved;
    int n;

    (void)child_steps(plan, &control, &fail);
    saved = errno;
    n = snprintf(text, sizeof(text), "%s %s", fail.what == NULL ? "start" : fail.what,
                 fail.name == NULL ? "" : fail.name);
    if (n < 0 || (size_t)n >= sizeof(text))
        n = 0;
    if (writ_wire_send(control, WRIT_WIRE_FAIL, (uint32_t)saved, writ_span(text, (size_t)n),
                       (struct writ_wire_fds){NULL, 0}) != WRIT_OK)
        return 2; /* nobody is left to tell */
    return 1;
}
