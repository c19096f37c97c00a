#include "sandbox/exec_notify.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/text.h"

enum {
    NOTIFY_PAGE = 4096,
    NOTIFY_STRUCT_MAX = 1024, /* the kernel's own struct may be larger than our headers' */
};

/* The kernel refuses buffers smaller than its own structs, and writes no more than those. */
union notify_request {
    struct seccomp_notif n;
    uint8_t room[NOTIFY_STRUCT_MAX];
};

union notify_answer {
    struct seccomp_notif_resp r;
    uint8_t room[NOTIFY_STRUCT_MAX];
};

/* --- the task's memory ----------------------------------------------------------------------- */

/* Bytes at `at`, up to n or to the end of what can be read there; 0 if nothing can. */
static size_t
peek(pid_t pid, uint64_t at, void *mem, size_t n)
{
    struct iovec local = {mem, n};
    struct iovec remote = {(void *)(uintptr_t)at, n}; // NOLINT(performance-no-int-to-ptr)
    ssize_t got = process_vm_readv(pid, &local, 1, &remote, 1, 0);

    return got < 0 ? 0 : (size_t)got;
}

/* A string, read page by page so that one that ends just before an unmapped page is whole. Returns
 * its length, at most cap - 1, and whether it was cut; ret is always terminated. */
static size_t
peek_string(pid_t pid, uint64_t at, char *ret, size_t cap, bool *ret_cut)
{
    size_t len = 0;

    *ret_cut = true;
    while (len + 1 < cap) {
        size_t n = NOTIFY_PAGE - (size_t)((at + len) % NOTIFY_PAGE);
        size_t got;
        const char *end;

        if (n > cap - 1 - len)
            n = cap - 1 - len;
        got = peek(pid, at + len, ret + len, n);
        if (got == 0)
            break;
        end = memchr(ret + len, '\0', got);
        if (end != NULL) {
            *ret_cut = false;
            return (size_t)(end - ret);
        }
        len += got;
    }
    ret[len] = '\0';
    return len;
}

static void
read_args(struct writ_exec_event *ev, uint64_t argv)
{
    while (argv != 0) {
        uint64_t at = 0;
        bool cut = false;
        size_t len;

        if (peek(ev->pid, argv, &at, sizeof(at)) != sizeof(at)) {
            ev->args_cut = true;
            return;
        }
        if (at == 0)
            return;
        if (ev->arg_count == WRIT_EXEC_ARGS_MAX || ev->args_len == sizeof(ev->args)) {
            ev->args_cut = true;
            return;
        }
        len = peek_string(ev->pid, at, ev->args + ev->args_len, sizeof(ev->args) - ev->args_len,
                          &cut);
        ev->args_len += len + 1;
        ev->arg_count++;
        ev->args_cut |= cut;
        argv += sizeof(at);
    }
}

/* --- the file -------------------------------------------------------------------------------- */

static int
proc_open(pid_t pid, const char *what, int flags)
{
    char path[64];

    (void)snprintf(path, sizeof(path), "/proc/%d/%s", pid, what);
    return open(path, flags | O_CLOEXEC);
}

/* Where a relative path begins, as a path inside the task: the link of its working directory or of
 * an open directory. */
static bool
base_path(pid_t pid, const char *link, char *ret, size_t cap)
{
    char path[64];
    ssize_t n;

    (void)snprintf(path, sizeof(path), "/proc/%d/%s", pid, link);
    n = readlink(path, ret, cap - 1);
    if (n <= 0 || ret[0] != '/')
        return false;
    ret[n] = '\0';
    return true;
}

static int
open_in_root(pid_t pid, const char *path)
{
    struct open_how how = {.flags = O_PATH | O_CLOEXEC,
                           .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
    WRIT_FD_AUTO int root = proc_open(pid, "root", O_PATH | O_DIRECTORY);

    if (root < 0)
        return -1;
    return (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
}

/* As execve and execveat find it: an absolute path, a path from a directory, or (an empty path) the
 * descriptor itself. */
static int
open_asked(const struct writ_exec_event *ev, const struct seccomp_data *d)
{
    char path[2 * WRIT_EXEC_PATH_MAX];
    char link[32] = "cwd";
    bool at = d->nr == SYS_execveat;

    if (at && (int)d->args[0] != AT_FDCWD)
        (void)snprintf(link, sizeof(link), "fd/%d", (int)d->args[0]);
    if (ev->path[0] == '\0')
        return at && (d->args[4] & AT_EMPTY_PATH) != 0 ? proc_open(ev->pid, link, O_PATH) : -1;
    if (ev->path[0] == '/')
        return open_in_root(ev->pid, ev->path);
    if (!base_path(ev->pid, link, path, WRIT_EXEC_PATH_MAX))
        return -1;
    path[strlen(path) + 1] = '\0';
    path[strlen(path)] = '/';
    memcpy(path + strlen(path), ev->path, strlen(ev->path) + 1);
    return open_in_root(ev->pid, path);
}

static int64_t
nanoseconds(struct timespec t)
{
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void
open_program(struct writ_exec_event *ev, const struct seccomp_data *d)
{
    WRIT_FD_AUTO int found = ev->path_cut ? -1 : open_asked(ev, d);
    char again[40];
    struct stat st;

    /* looked at before it is opened: opening a FIFO or a device does something */
    if (found < 0 || fstat(found, &st) < 0 || !S_ISREG(st.st_mode))
        return;
    (void)snprintf(again, sizeof(again), "/proc/self/fd/%d", found);
    ev->exe_fd = open(again, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    ev->dev = st.st_dev;
    ev->ino = st.st_ino;
    ev->size = (uint64_t)st.st_size;
    ev->mtime_ns = nanoseconds(st.st_mtim);
    ev->ctime_ns = nanoseconds(st.st_ctim);
}

/* The fourth field of /proc/PID/stat, counted from the last ')': a command's name can hold anything
 * (proc(5)). */
static pid_t
parent_of(pid_t pid)
{
    WRIT_FD_AUTO int fd = proc_open(pid, "stat", O_RDONLY);
    char text[512];
    uint64_t parent;
    const char *at;
    ssize_t n;

    if (fd < 0)
        return 0;
    n = writ_read_full(fd, text, sizeof(text) - 1);
    if (n <= 0)
        return 0;
    text[n] = '\0';
    at = strrchr(text, ')');
    if (at == NULL || strlen(at) < 5 ||
        !writ_parse_dec(writ_span(at + 4, strcspn(at + 4, " ")), INT32_MAX, &parent))
        return 0;
    return (pid_t)parent;
}

/* --- the listener ---------------------------------------------------------------------------- */

static bool
still_asking(int notify_fd, uint64_t id)
{
    return ioctl(notify_fd, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0;
}

enum writ_err
writ_exec_notify_read(int notify_fd, struct writ_exec_event *ret)
{
    struct pollfd p = {.fd = notify_fd, .events = POLLIN};
    union notify_request req;
    bool at;

    /* the one who asked may have been killed since the caller's own poll: waiting for another could
     * take for ever */
    if (poll(&p, 1, 0) < 0)
        return errno == EINTR ? WRIT_E_AGAIN : WRIT_E_SYS;
    if ((p.revents & POLLIN) == 0)
        return p.revents == 0 ? WRIT_E_AGAIN : WRIT_E_CLOSED;
    memset(&req, 0, sizeof(req)); /* the kernel insists */
    if (ioctl(notify_fd, SECCOMP_IOCTL_NOTIF_RECV, &req) < 0)
        return errno == ENOENT || errno == EINTR ? WRIT_E_AGAIN : WRIT_E_SYS;
    at = req.n.data.nr == SYS_execveat;
    memset(ret, 0, offsetof(struct writ_exec_event, path) + 1);
    ret->id = req.n.id;
    ret->pid = (pid_t)req.n.pid;
    ret->exe_fd = -1;
    ret->args_len = 0;
    ret->arg_count = 0;
    ret->args_cut = false;
    ret->dev = 0;
    ret->ino = 0;
    ret->size = 0;
    ret->mtime_ns = 0;
    ret->ctime_ns = 0;
    if (peek_string(ret->pid, req.n.data.args[at ? 1 : 0], ret->path, sizeof(ret->path),
                    &ret->path_cut) == 0 &&
        ret->path_cut)
        ret->path[0] = '\0';
    read_args(ret, req.n.data.args[at ? 2 : 1]);
    open_program(ret, &req.n.data);
    ret->parent = parent_of(ret->pid);
    /* what was read is that process's own only if it is still the one that asks: pids are reused */
    if (!still_asking(notify_fd, ret->id)) {
        writ_exec_event_done(ret);
        return WRIT_E_AGAIN;
    }
    return WRIT_OK;
}

void
writ_exec_event_done(struct writ_exec_event *ev)
{
    writ_fd_close(&ev->exe_fd);
}

static enum writ_err
answer(int notify_fd, const struct seccomp_notif_resp *r)
{
    union notify_answer a;

    memset(&a, 0, sizeof(a));
    a.r = *r;
    if (ioctl(notify_fd, SECCOMP_IOCTL_NOTIF_SEND, &a) < 0)
        return errno == ENOENT ? WRIT_E_AGAIN : WRIT_E_SYS;
    return WRIT_OK;
}

enum writ_err
writ_exec_notify_continue(int notify_fd, uint64_t id)
{
    struct seccomp_notif_resp r = {.id = id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};

    return answer(notify_fd, &r);
}

enum writ_err
writ_exec_notify_deny(int notify_fd, uint64_t id, int err)
{
    struct seccomp_notif_resp r = {.id = id, .error = -err};

    return answer(notify_fd, &r);
}
