#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/text.h"
#include "sandbox/launch.h"

void
writ_launch_missing(struct writ_sandbox *s, const char *what)
{
    size_t at = strlen(s->missing);
    size_t room = sizeof(s->missing) - at;
    int n = snprintf(s->missing + at, room, "%s%s", at == 0 ? "" : "; ", what);

    if (n < 0 || (size_t)n >= room)
        memcpy(s->missing + sizeof(s->missing) - 4, "...", 4);
}

/* An absolute path without ".", ".." or doubled slashes, not ending in one. */
static bool
is_clean(const char *path)
{
    size_t n = strlen(path);

    if (path[0] != '/' || n >= WRIT_PATH_BYTES_MAX || (n > 1 && path[n - 1] == '/'))
        return false;
    for (const char *p = path; p != NULL; p = strchr(p + 1, '/')) {
        size_t len = strcspn(p + 1, "/");

        if (n > 1 && (len == 0 || len > 255 || (len == 1 && p[1] == '.') ||
                      (len == 2 && p[1] == '.' && p[2] == '.')))
            return false;
    }
    return true;
}

/* path is dir or below it */
static bool
is_below(const char *path, const char *dir)
{
    size_t n = strlen(dir);

    return strncmp(path, dir, n) == 0 && (path[n] == '\0' || path[n] == '/' || n == 1);
}

/* The host's kernel interfaces and its services' sockets: neither a network namespace nor a
 * read-only mount stops a connection to a socket in the file system. */
static bool
is_host_interface(const char *path)
{
    static const char *const never[] = {"/proc", "/sys", "/dev", "/run", "/var/run"};

    for (size_t i = 0; i < WRIT_COUNT(never); i++) {
        if (is_below(path, never[i]) || is_below(never[i], path))
            return true;
    }
    return false;
}

/* Places inside that are made of the host's own read-only files or are the kernel's. */
static bool
is_taken(const char *path)
{
    static const char *const taken[] = {"/usr",    "/bin", "/sbin", "/lib",  "/lib32", "/lib64",
                                        "/libx32", "/etc", "/dev",  "/proc", "/sys",   "/var/run"};
    static const char *const whole[] = {"/", "/tmp", "/var", "/var/tmp", "/run", "/home"};

    for (size_t i = 0; i < WRIT_COUNT(taken); i++) {
        if (is_below(path, taken[i]))
            return true;
    }
    for (size_t i = 0; i < WRIT_COUNT(whole); i++) {
        if (strcmp(path, whole[i]) == 0)
            return true;
    }
    return false;
}

static enum writ_err
check_paths(const struct writ_sandbox_bind *b, struct writ_diag *diag)
{
    if (!is_clean(b->host) || !is_clean(b->inside)) {
        writ_diag_set(diag, 0, 0, "%s cannot be mounted at %s: both must be plain absolute paths",
                      b->host, b->inside);
        return WRIT_E_FORMAT;
    }
    if (is_host_interface(b->host)) {
        writ_diag_set(diag, 0, 0,
                      "%s cannot be given to a task: it reaches the host's kernel or "
                      "services",
                      b->host);
        return WRIT_E_DENIED;
    }
    if (is_taken(b->inside)) {
        writ_diag_set(diag, 0, 0, "nothing can be mounted at %s: the task's system is there",
                      b->inside);
        return WRIT_E_DENIED;
    }
    return WRIT_OK;
}

static enum writ_err
open_bind(const struct writ_sandbox_bind *b, struct writ_inner_bind *ret, struct writ_diag *diag)
{
    struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_NO_SYMLINKS};
    enum writ_err e = check_paths(b, diag);
    WRIT_FD_AUTO int fd = -1;
    struct stat st;

    if (e != WRIT_OK)
        return e;
    fd = (int)syscall(SYS_openat2, AT_FDCWD, b->host, &how, sizeof(how));
    if (fd < 0 || fstat(fd, &st) < 0) {
        writ_diag_set(diag, 0, 0, "%s: %s", b->host, strerrordesc_np(errno));
        return WRIT_E_SYS;
    }
    if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode)) {
        writ_diag_set(diag, 0, 0, "%s is neither a directory nor a regular file", b->host);
        return WRIT_E_DENIED;
    }
    *ret = (struct writ_inner_bind){.host = b->host,
                                    .inside = b->inside,
                                    .write = b->write,
                                    .dir = S_ISDIR(st.st_mode),
                                    .fd = writ_fd_take(&fd),
                                    .tree = -1,
                                    .dev = st.st_dev,
                                    .ino = st.st_ino};
    return WRIT_OK;
}

/* Parents come before what is nested in them. */
static int
by_inside(const void *a, const void *b)
{
    const struct writ_inner_bind *x = a;
    const struct writ_inner_bind *y = b;

    return strcmp(x->inside, y->inside);
}

enum writ_err
writ_launch_binds(const struct writ_sandbox_spec *spec, struct writ_inner_plan *plan,
                  struct writ_diag *diag)
{
    if (spec->bind_count == 0)
        return WRIT_OK;
    plan->binds = calloc(spec->bind_count, sizeof(*plan->binds));
    if (plan->binds == NULL)
        return WRIT_E_NOMEM;
    for (size_t i = 0; i < spec->bind_count; i++) {
        enum writ_err e = open_bind(&spec->binds[i], &plan->binds[i], diag);

        if (e != WRIT_OK)
            return e;
        plan->bind_count++;
    }
    qsort(plan->binds, plan->bind_count, sizeof(*plan->binds), by_inside);
    for (size_t i = 1; i < plan->bind_count; i++) {
        if (strcmp(plan->binds[i - 1].inside, plan->binds[i].inside) == 0) {
            writ_diag_set(diag, 0, 0, "two things are to be mounted at %s", plan->binds[i].inside);
            return WRIT_E_FORMAT;
        }
    }
    return WRIT_OK;
}

void
writ_launch_plan_done(struct writ_inner_plan *plan)
{
    for (size_t i = 0; i < plan->bind_count; i++) {
        writ_fd_close(&plan->binds[i].fd);
        writ_fd_close(&plan->binds[i].tree);
    }
    free(plan->binds);
    plan->binds = NULL;
    plan->bind_count = 0;
    writ_fd_close(&plan->init);
    writ_fd_close(&plan->control);
    writ_fd_close(&plan->cgroup_v1);
}

enum writ_err
writ_launch_check(const struct writ_sandbox_spec *spec, struct writ_diag *diag)
{
    if (spec->argv == NULL || spec->argv[0] == NULL || spec->envp == NULL || spec->cwd == NULL ||
        spec->init_path == NULL || !writ_is_name(writ_span_str(spec->task_id))) {
        writ_diag_set(diag, 0, 0, "the sandbox was given no program, directory or id");
        return WRIT_E_STATE;
    }
    if (!is_clean(spec->cwd)) {
        writ_diag_set(diag, 0, 0, "the working directory %s is not a plain absolute path",
                      spec->cwd);
        return WRIT_E_FORMAT;
    }
    /* one for DNS over TCP, one for UDP, and the taps */
    if (spec->port_count > WRIT_SANDBOX_PORTS_MAX) {
        writ_diag_set(diag, 0, 0, "a task can have at most %d ports", WRIT_SANDBOX_PORTS_MAX);
        return WRIT_E_LIMIT;
    }
    for (int i = 0; i < 3; i++) {
        if (fcntl(spec->stdio[i], F_GETFD) < 0) {
            writ_diag_set(diag, 0, 0, "descriptor %d for the program is not open", i);
            return WRIT_E_STATE;
        }
    }
    return WRIT_OK;
}
