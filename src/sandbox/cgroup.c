#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "sandbox/launch.h"

enum { CGROUP_SELF_BYTES_MAX = 65536 };

static bool
write_at(int dir, const char *file, const char *value)
{
    WRIT_FD_AUTO int fd = openat(dir, file, O_WRONLY | O_CLOEXEC);

    return fd >= 0 && writ_write_full(fd, writ_span_str(value)) == WRIT_OK;
}

static bool
write_number(int dir, const char *file, uint64_t value)
{
    char text[24];

    (void)snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
    return write_at(dir, file, text);
}

/* The path after "0::" (v2) or ":memory:" in /proc/self/cgroup; cgroups(7). */
static bool
own_path(struct writ_span text, const char *marker, char *ret, size_t cap)
{
    size_t n = strlen(marker);

    for (size_t i = 0; i + n <= text.len; i++) {
        bool at_start = i == 0 || text.ptr[i - 1] == '\n' || marker[0] == ':';

        if (at_start && memcmp(text.ptr + i, marker, n) == 0) {
            struct writ_span rest = writ_span_from(text, i + n);
            const uint8_t *end = memchr(rest.ptr, '\n', rest.len);

            return end != NULL &&
                   writ_span_copy(writ_span(rest.ptr, (size_t)(end - rest.ptr)), ret, cap);
        }
    }
    return false;
}

/* A launcher holds a shared lock on its task's directory for as long as it lives; a directory that
 * can be locked alone belongs to nobody. */
static void
remove_stale(const char *base)
{
    DIR *d = opendir(base);
    const struct dirent *e;

    while (d != NULL && (e = readdir(d)) != NULL) {
        WRIT_FD_AUTO int fd = -1;

        if (strncmp(e->d_name, "writ-", 5) != 0)
            continue;
        fd = openat(dirfd(d), e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
            (void)unlinkat(dirfd(d), e->d_name, AT_REMOVEDIR);
    }
    if (d != NULL)
        (void)closedir(d);
}

/* Makes base/writ-ID, opens and locks it. -1 if this account may not. */
static int
make_dir(const char *base, const char *id, char *path, size_t cap)
{
    WRIT_FD_AUTO int fd = -1;
    struct stat mine;
    struct stat there;
    int n = snprintf(path, cap, "%s/writ-%s", base, id);

    if (n < 0 || (size_t)n >= cap)
        return -1;
    for (int tries = 0; tries < 3; tries++) {
        if (mkdir(path, 0755) < 0 && errno != EEXIST)
            break;
        writ_fd_close(&fd);
        fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        /* between mkdir and flock another launcher may have taken it for a stale one */
        if (fd >= 0 && flock(fd, LOCK_SH) == 0 && fstat(fd, &mine) == 0 &&
            stat(path, &there) == 0 && there.st_ino == mine.st_ino)
            return writ_fd_take(&fd);
    }
    path[0] = '\0';
    return -1;
}

static bool
is_v2(const char *path)
{
    struct statfs fs;

    return statfs(path, &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC;
}

/* Beside our own cgroup rather than in it: a v2 group that has processes of its own cannot hand
 * controllers down. */
static void
make_v2(struct writ_span self, const char *id, struct writ_sandbox *s)
{
    const char *top = is_v2("/sys/fs/cgroup") ? "/sys/fs/cgroup" : "/sys/fs/cgroup/unified";
    char own[256];
    char base[512];

    if (!is_v2(top) || !own_path(self, "0::", own, sizeof(own)))
        return;
    for (int up = 1; up >= 0; up--) {
        (void)snprintf(base, sizeof(base), "%s%s", top, own[1] == '\0' ? "" : own);
        if (up == 1) {
            char *slash = strrchr(base, '/');

            if (own[1] == '\0')
                continue;
            *slash = '\0';
        }
        remove_stale(base);
        s->cgroup_fd = make_dir(base, id, s->cgroup, sizeof(s->cgroup));
        if (s->cgroup_fd >= 0)
            return;
    }
}

/* Asks the group above to hand the controller down, if it does not yet. */
static bool
has_controller(const struct writ_sandbox *s, const char *file, const char *enable)
{
    WRIT_FD_AUTO int up = -1;

    if (s->cgroup_fd < 0)
        return false;
    if (faccessat(s->cgroup_fd, file, W_OK, AT_EACCESS) == 0)
        return true;
    up = openat(s->cgroup_fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return up >= 0 && write_at(up, "cgroup.subtree_control", enable) &&
           faccessat(s->cgroup_fd, file, W_OK, AT_EACCESS) == 0;
}

static bool
limit_memory_v2(const struct writ_sandbox *s, uint64_t bytes)
{
    if (!has_controller(s, "memory.max", "+memory") ||
        !write_number(s->cgroup_fd, "memory.max", bytes))
        return false;
    /* these two exist where the kernel has swap accounting; without them the limit still holds */
    (void)write_at(s->cgroup_fd, "memory.swap.max", "0");
    (void)write_at(s->cgroup_fd, "memory.oom.group", "1");
    return true;
}

static bool
limit_memory_v1(struct writ_span self, const struct writ_sandbox_spec *spec,
                struct writ_inner_plan *plan, struct writ_sandbox *s)
{
    char own[256];
    char base[512];

    if (!own_path(self, ":memory:", own, sizeof(own)))
        return false;
    (void)snprintf(base, sizeof(base), "/sys/fs/cgroup/memory%s", own[1] == '\0' ? "" : own);
    remove_stale(base);
    s->cgroup_v1_fd = make_dir(base, spec->task_id, s->cgroup_v1, sizeof(s->cgroup_v1));
    if (s->cgroup_v1_fd < 0 ||
        !write_number(s->cgroup_v1_fd, "memory.limit_in_bytes", spec->memory_bytes))
        return false;
    (void)write_number(s->cgroup_v1_fd, "memory.memsw.limit_in_bytes", spec->memory_bytes);
    plan->cgroup_v1 = openat(s->cgroup_v1_fd, "cgroup.procs", O_WRONLY | O_CLOEXEC);
    return plan->cgroup_v1 >= 0;
}

void
writ_launch_cgroup(const struct writ_sandbox_spec *spec, struct writ_inner_plan *plan,
                   struct writ_sandbox *s)
{
    WRIT_BUF_AUTO struct writ_buf self;
    struct writ_span text;

    writ_buf_init(&self, CGROUP_SELF_BYTES_MAX);
    if (writ_read_file(AT_FDCWD, "/proc/self/cgroup", CGROUP_SELF_BYTES_MAX, &self) == WRIT_OK)
        make_v2(writ_buf_span(&self), spec->task_id, s);
    text = writ_buf_span(&self);
    if (s->cgroup_fd < 0) {
        writ_launch_missing(s, "a cgroup (freezing and killing go by signals)");
    } else if (has_controller(s, "pids.max", "+pids")) {
        (void)write_number(s->cgroup_fd, "pids.max", (uint64_t)plan->pids + 1);
    }
    if (spec->memory_bytes == 0 || limit_memory_v2(s, spec->memory_bytes) ||
        limit_memory_v1(text, spec, plan, s))
        return;
    plan->data_limit = true;
    writ_launch_missing(s, "a memory limit for the task as a whole (each process has it)");
}

bool
writ_launch_cgroup_write(const struct writ_sandbox *s, const char *file, const char *value)
{
    return s->cgroup_fd >= 0 && write_at(s->cgroup_fd, file, value);
}

void
writ_launch_cgroup_frozen(const struct writ_sandbox *s, int timeout_ms)
{
    WRIT_FD_AUTO int fd = openat(s->cgroup_fd, "cgroup.events", O_RDONLY | O_CLOEXEC);

    for (int tries = 0; fd >= 0 && tries < 8; tries++) {
        struct pollfd p = {.fd = fd, .events = POLLPRI};
        char text[128];
        ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

        if (n <= 0)
            return;
        text[n] = '\0';
        if (strstr(text, "frozen 1") != NULL || poll(&p, 1, timeout_ms) <= 0)
            return;
    }
}

static void
remove_dir(int *fd, char *path)
{
    /* the last process has been waited for; the group may still count it for a moment */
    for (int tries = 0; *fd >= 0 && rmdir(path) < 0 && errno == EBUSY && tries < 50; tries++)
        (void)poll(NULL, 0, 2);
    writ_fd_close(fd);
    path[0] = '\0';
}

void
writ_launch_cgroup_remove(struct writ_sandbox *s)
{
    remove_dir(&s->cgroup_fd, s->cgroup);
    remove_dir(&s->cgroup_v1_fd, s->cgroup_v1);
}
