/*
 * main.c - writ-init, pid 1 of a task.
 *
 * It starts without a capability, inside the finished root and network (src/sandbox/child.c), with
 * the launcher's control socket as 3 and the root's writable file system as 4. It writes the files
 * the launcher puts in, puts up the last walls at `go`, starts the program, reaps, passes signals
 * on, and reports. When it exits the kernel kills whatever is left of the task. It reads nothing
 * from the task, and from the launcher only what wire.h names.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "sandbox/filter.h"
#include "sandbox/inner.h"
#include "sandbox/landlock.h"
#include "sandbox/wire.h"

enum {
    INIT_NOT_FOUND = 127, /* as env(1) */
    INIT_NOT_RUN = 126,
    INIT_OUR_FAILURE = 125,
    INIT_PATH_MAX = 4096,
    INIT_PUT_BYTES_MAX = 16 * 1024 * 1024, /* a bundle of every public root is 250 KB */
};

struct init_args {
    bool tty;
    int landlock_abi;
    const char *cwd;
    char **writable; /* up to writable_end */
    char **writable_end;
    char **program;
};

static char **init_env;

static void
say(enum writ_wire type, uint32_t value, const char *text)
{
    /* if the launcher is gone there is nobody to tell, and the end of file will end us */
    if (writ_wire_send(WRIT_INNER_CONTROL_FD, type, value, writ_span_str(text),
                       (struct writ_wire_fds){NULL, 0}) != WRIT_OK)
        return;
}

static WRIT_NORETURN void
fail(const char *what)
{
    say(WRIT_WIRE_FAIL, (uint32_t)errno, what);
    _exit(INIT_OUR_FAILURE);
}

/* TTY ABI CWD [WRITABLE...] -- PROGRAM [ARGUMENT...]. Our own launcher wrote this; anything
 * unexpected is a bug and ends the task. */
static bool
parse_args(int argc, char **argv, struct init_args *ret)
{
    int end = 4;

    while (end < argc && argv[end][0] == '/')
        end++;
    if (end + 1 >= argc || strcmp(argv[end], "--") != 0 || argv[2][0] < '0' || argv[2][0] > '9')
        return false;
    *ret = (struct init_args){
        .tty = strcmp(argv[1], "tty") == 0,
        .landlock_abi = argv[2][1] == '\0' ? argv[2][0] - '0' : 9, /* above 9 nothing is used */
        .cwd = argv[3],
        .writable = &argv[4],
        .writable_end = &argv[end],
        .program = &argv[end + 1],
    };
    return true;
}

/* Below the root and nowhere else: not through a link, not through a mount of the profile's. */
static int
open_inside(const char *path, int flags, mode_t mode)
{
    struct open_how how = {.flags = (__u64)(flags | O_CLOEXEC),
                           .mode = mode,
                           .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV};

    return (int)syscall(SYS_openat2, WRIT_INNER_PUT_FD, path, &how, sizeof(how));
}

static bool
make_parents(const char *path)
{
    char dir[INIT_PATH_MAX];
    size_t n = strlen(path);

    if (n >= sizeof(dir) || path[0] != '/')
        return false;
    for (size_t i = 1; i < n; i++) {
        WRIT_FD_AUTO int at = -1;

        if (path[i] != '/')
            continue;
        memcpy(dir, path, i);
        dir[i] = '\0';
        at = open_inside(dir, O_PATH | O_DIRECTORY, 0);
        if (at < 0 && (errno != ENOENT || mkdirat(WRIT_INNER_PUT_FD, dir + 1, 0755) < 0))
            return false;
    }
    return true;
}

static void
put(struct writ_wire_msg *m)
{
    WRIT_FD_AUTO int to = -1;
    struct stat st;
    off_t at = 0;

    if (m->fd_count != 1 || fstat(m->fds[0], &st) < 0 || st.st_size > INIT_PUT_BYTES_MAX)
        fail("take a file from the launcher");
    if (make_parents(m->text))
        to = open_inside(m->text, O_WRONLY | O_CREAT | O_TRUNC, 0444);
    if (to < 0)
        fail("make a file inside");
    while (at < st.st_size) {
        if (sendfile(to, m->fds[0], &at, (size_t)(st.st_size - at)) <= 0)
            fail("write a file inside");
    }
    writ_wire_close_fds(m);
}

static void
wait_for_go(void)
{
    for (;;) {
        struct writ_wire_msg m;

        if (writ_wire_recv(WRIT_INNER_CONTROL_FD, -1, &m) != WRIT_OK)
            _exit(INIT_OUR_FAILURE); /* the launcher is gone */
        if (m.type == WRIT_WIRE_GO)
            return;
        if (m.type == WRIT_WIRE_PUT) {
            put(&m);
        } else {
            writ_wire_close_fds(&m);
        }
    }
}

static void
second_wall(const struct init_args *a)
{
    static const char *const writable[] = {"/tmp", "/var/tmp", "/dev/shm", "/run", WRIT_INNER_HOME};
    static const char *const devices[] = {"/dev/null",    "/dev/zero", "/dev/full", "/dev/random",
                                          "/dev/urandom", "/dev/tty",  "/dev/pts"};
    WRIT_FD_AUTO int rules = -1;
    enum writ_err e;

    if (a->landlock_abi == 0)
        return; /* the launcher has recorded that the kernel has none */
    e = writ_landlock_new(a->landlock_abi, &rules);
    if (e == WRIT_OK)
        e = writ_landlock_read(rules, "/");
    for (size_t i = 0; e == WRIT_OK && i < WRIT_COUNT(writable); i++)
        e = writ_landlock_write(rules, a->landlock_abi, writable[i]);
    for (size_t i = 0; e == WRIT_OK && i < WRIT_COUNT(devices); i++)
        e = writ_landlock_device(rules, a->landlock_abi, devices[i]);
    for (char **w = a->writable; e == WRIT_OK && w < a->writable_end; w++)
        e = writ_landlock_write(rules, a->landlock_abi, *w);
    if (e == WRIT_OK)
        e = writ_landlock_restrict(rules);
    if (e != WRIT_OK)
        fail("restrict the task with Landlock");
}

/* --- the program ----------------------------------------------------------------------------- */

static const char *
search_path(void)
{
    for (char **e = init_env; *e != NULL; e++) {
        if (strncmp(*e, "PATH=", 5) == 0)
            return *e + 5;
    }
    return "/usr/local/bin:/usr/bin:/bin";
}

/* dir/name is a file that may be executed; *ret_errno becomes EACCES if it only is a file. */
static bool
try_dir(struct writ_span dir, const char *name, char *ret, int *ret_errno)
{
    size_t len = strlen(name);
    struct stat st;

    if (dir.len == 0 || dir.len + 1 + len >= INIT_PATH_MAX)
        return false;
    memcpy(ret, dir.ptr, dir.len);
    ret[dir.len] = '/';
    memcpy(ret + dir.len + 1, name, len + 1);
    if (stat(ret, &st) < 0 || !S_ISREG(st.st_mode))
        return false;
    if (faccessat(AT_FDCWD, ret, X_OK, AT_EACCESS) == 0)
        return true;
    *ret_errno = EACCES;
    return false;
}

/* Found by looking, not by trying: each try of execve is a question to the launcher. *ret_errno is
 * what execvp would have answered. */
static bool
find_program(const char *name, char *ret, int *ret_errno)
{
    const char *path = search_path();

    *ret_errno = ENOENT;
    if (strchr(name, '/') != NULL) {
        *ret_errno = ENAMETOOLONG;
        return writ_span_copy(writ_span_str(name), ret, INIT_PATH_MAX);
    }
    while (*name != '\0') {
        size_t dir = strcspn(path, ":");

        if (try_dir(writ_span(path, dir), name, ret, ret_errno))
            return true;
        if (path[dir] == '\0')
            break;
        path += dir + 1;
    }
    return false;
}

static WRIT_NORETURN void
exec_failed(int err)
{
    say(WRIT_WIRE_EXEC_FAIL, (uint32_t)err, "");
    _exit(err == ENOENT ? INIT_NOT_FOUND : INIT_NOT_RUN);
}

static WRIT_NORETURN void
run_program(const struct init_args *a)
{
    struct writ_filter filter;
    char path[INIT_PATH_MAX];
    int listener = -1;
    int err = ENOENT;
    sigset_t none;
    bool found;

    (void)sigemptyset(&none);
    (void)pthread_sigmask(SIG_SETMASK, &none, NULL);
    if (setsid() < 0 || (a->tty && isatty(0) && ioctl(0, TIOCSCTTY, 0) < 0))
        fail("begin a session");
    found = find_program(a->program[0], path, &err);
    writ_filter_build(&filter, true);
    if (writ_filter_install(&filter, &listener) != WRIT_OK)
        fail("load the system call filter");
    if (writ_wire_send(WRIT_INNER_CONTROL_FD, WRIT_WIRE_NOTIFY, 0, writ_span(NULL, 0),
                       (struct writ_wire_fds){&listener, 1}) != WRIT_OK)
        _exit(INIT_OUR_FAILURE);
    if (!found)
        exec_failed(err);
    /* all but 0, 1 and 2 close; the control socket stays for a moment, to say why it failed */
    if (syscall(SYS_close_range, 3, ~0U, 4U /* CLOSE_RANGE_CLOEXEC */) < 0)
        exec_failed(errno);
    (void)close(listener);
    (void)execve(path, a->program, init_env);
    exec_failed(errno);
}

/* --- pid 1 ----------------------------------------------------------------------------------- */

static void
on_message(const struct writ_wire_msg *m, pid_t program)
{
    if (m->type == WRIT_WIRE_SIGNAL && m->value > 0 && m->value < NSIG) {
        /* its process group; or itself, should it not have made one yet */
        if (kill(-program, (int)m->value) < 0)
            (void)kill(program, (int)m->value);
    } else if (m->type == WRIT_WIRE_STOP) {
        /* every process we can see but ourselves: they stop under one lock, none can run on and
         * start another */
        (void)kill(-1, SIGSTOP);
        say(WRIT_WIRE_STOPPED, 0, "");
    }
}

/* Reaps whoever ended; true and *ret_status once the program has. */
static bool
reap(pid_t program, int *ret_status)
{
    bool ended = false;
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (pid == program) {
            *ret_status = status;
            ended = true;
        }
    }
    return ended;
}

static void
on_children(pid_t program, int children)
{
    struct signalfd_siginfo info;
    int status = 0;

    if (read(children, &info, sizeof(info)) < 0 && errno != EINTR)
        _exit(INIT_OUR_FAILURE);
    if (reap(program, &status)) {
        say(WRIT_WIRE_STATUS, (uint32_t)status, "");
        _exit(0); /* and with us whatever it left running */
    }
}

static WRIT_NORETURN void
serve(pid_t program, int children)
{
    struct pollfd p[2] = {{.fd = WRIT_INNER_CONTROL_FD, .events = POLLIN},
                          {.fd = children, .events = POLLIN}};

    for (;;) {
        struct writ_wire_msg m;

        if (poll(p, 2, -1) < 0 && errno != EINTR)
            _exit(INIT_OUR_FAILURE);
        if (p[1].revents != 0)
            on_children(program, children);
        if (p[0].revents == 0)
            continue;
        if (writ_wire_recv(WRIT_INNER_CONTROL_FD, -1, &m) != WRIT_OK)
            _exit(INIT_OUR_FAILURE); /* the launcher is gone, and so is the task */
        writ_wire_close_fds(&m);
        on_message(&m, program);
    }
}

/* When memory runs out a task goes before the gateway that watches it. It may not lower this again:
 * Landlock keeps it from writing to /proc, and the kernel from going below where it began. A
 * launcher that is to go even earlier has set a higher value, which stays. */
static void
die_first(void)
{
    WRIT_FD_AUTO int fd = open("/proc/self/oom_score_adj", O_RDWR | O_CLOEXEC);
    char now[8] = "";
    size_t digits;

    if (fd < 0 && errno == ENOENT)
        return; /* no /proc can be had here, which the launcher has recorded */
    if (fd < 0 || read(fd, now, sizeof(now) - 1) <= 0)
        fail("read oom_score_adj");
    digits = strcspn(now, "\n");
    if ((now[0] == '-' || digits < 3 || (digits == 3 && now[0] < '5')) &&
        writ_write_full(fd, writ_span_str("500")) != WRIT_OK)
        fail("set oom_score_adj");
}

int
main(int argc, char **argv, char **envp)
{
    struct writ_filter filter;
    struct init_args args;
    sigset_t chld;
    pid_t program;
    int children;

    init_env = envp;
    die_first();
    /* nobody inside may look at or into pid 1; and should the launcher have died before this was
     * asked for, the control socket is at its end */
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 ||
        prctl(PR_SET_NAME, "writ-init", 0, 0, 0) < 0)
        fail("close pid 1 to others");
    if (!parse_args(argc, argv, &args))
        fail("read its arguments");
    (void)fcntl(WRIT_INNER_CONTROL_FD, F_SETFD, FD_CLOEXEC);
    wait_for_go();
    (void)close(WRIT_INNER_PUT_FD);
    if (chdir(args.cwd) < 0)
        fail("enter the working directory");
    second_wall(&args);
    (void)sigemptyset(&chld);
    (void)sigaddset(&chld, SIGCHLD);
    if (pthread_sigmask(SIG_BLOCK, &chld, NULL) != 0)
        fail("block SIGCHLD");
    children = signalfd(-1, &chld, SFD_CLOEXEC);
    program = children < 0 ? -1 : fork();
    if (program < 0)
        fail("fork");
    if (program == 0)
        run_program(&args);
    /* the program's pipes end when it closes them, not when we do */
    for (int fd = 0; fd <= 2; fd++)
        (void)close(fd);
    writ_filter_build_init(&filter);
    if (writ_filter_install(&filter, NULL) != WRIT_OK)
        fail("load pid 1's system call filter");
    serve(program, children);
}
