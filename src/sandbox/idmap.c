#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/id.h"
#include "sandbox/launch.h"

/* A user namespace in which the file system's fs_uid and fs_gid are the task's ids: the map that an
 * id-mapped mount needs. A child is born into it, gets the map, and has done its work. */
static int
mapping_namespace(const struct stat *owner, const struct writ_launch_identity *who)
{
    struct clone_args args = {.flags = CLONE_NEWUSER, .exit_signal = SIGCHLD};
    char text[64];
    char path[64];
    int fd = -1;
    long pid = syscall(SYS_clone3, &args, sizeof(args));

    if (pid == 0) {
        for (;;)
            (void)pause();
    }
    if (pid < 0)
        return -1;
    for (int i = 0; i < 2; i++) {
        WRIT_FD_AUTO int map = -1;

        (void)snprintf(path, sizeof(path), "/proc/%ld/%s", pid, i == 0 ? "uid_map" : "gid_map");
        (void)snprintf(text, sizeof(text), "%u %u 1\n", i == 0 ? owner->st_uid : owner->st_gid,
                       i == 0 ? who->uid : who->gid);
        map = open(path, O_WRONLY | O_CLOEXEC);
        if (map < 0 || writ_write_full(map, writ_span_str(text)) != WRIT_OK)
            path[0] = '\0';
    }
    if (path[0] != '\0') {
        (void)snprintf(path, sizeof(path), "/proc/%ld/ns/user", pid);
        fd = open(path, O_RDONLY | O_CLOEXEC);
    }
    (void)kill((pid_t)pid, SIGKILL);
    (void)waitpid((pid_t)pid, NULL, 0);
    return fd;
}

/* The bind as a detached mount in which its owner is the task. Everything below comes along if it
 * can be mapped; else only the file system itself. */
static int
mapped_tree(const struct writ_inner_bind *b, int userns)
{
    uint64_t ro = b->write ? 0 : MOUNT_ATTR_RDONLY;
    struct mount_attr a = {.attr_set = MOUNT_ATTR_IDMAP | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | ro,
                           .propagation = MS_PRIVATE,
                           .userns_fd = (__u64)userns};

    for (int rec = AT_RECURSIVE; rec >= 0; rec -= AT_RECURSIVE) {
        WRIT_FD_AUTO int tree = open_tree(
            b->fd, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | (unsigned)rec);

        if (tree >= 0 &&
            mount_setattr(tree, "", (unsigned)(AT_EMPTY_PATH | rec), &a, sizeof(a)) == 0)
            return writ_fd_take(&tree);
    }
    return -1;
}

static bool
map_binds(struct writ_inner_plan *plan, const struct writ_launch_identity *who)
{
    WRIT_FD_AUTO int userns = -1;
    struct stat last = {0};

    for (size_t i = 0; i < plan->bind_count; i++) {
        struct writ_inner_bind *b = &plan->binds[i];
        struct stat st;

        if (fstat(b->fd, &st) < 0)
            return false;
        if (userns < 0 || st.st_uid != last.st_uid || st.st_gid != last.st_gid) {
            writ_fd_close(&userns);
            userns = mapping_namespace(&st, who);
        }
        last = st;
        if (userns < 0)
            return false;
        b->tree = mapped_tree(b, userns);
        if (b->tree < 0)
            return false;
    }
    return true;
}

static struct writ_launch_identity
own_identity(void)
{
    return (struct writ_launch_identity){geteuid(), getegid(), true};
}

void
writ_launch_identity(struct writ_inner_plan *plan, struct writ_sandbox *s,
                     struct writ_launch_identity *ret)
{
    uint32_t r;

    if (geteuid() != 0) {
        *ret = own_identity();
        if (getgroups(0, NULL) > 1)
            writ_launch_missing(s, "the invoker's other groups stay with the task");
        return;
    }
    writ_random(&r, sizeof(r));
    r = WRIT_SANDBOX_UID_BASE + r % WRIT_SANDBOX_UID_COUNT;
    *ret = (struct writ_launch_identity){r, r, false};
    if (map_binds(plan, ret))
        return;
    for (size_t i = 0; i < plan->bind_count; i++)
        writ_fd_close(&plan->binds[i].tree);
    *ret = own_identity();
    writ_launch_missing(s, "an id of its own: a mounted file system cannot be id-mapped, so the "
                           "task has root's id outside (without any capability)");
}

static bool
write_map(pid_t pid, const char *file, const char *text)
{
    char path[64];
    WRIT_FD_AUTO int fd = -1;

    (void)snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    return fd >= 0 && writ_write_full(fd, writ_span_str(text)) == WRIT_OK;
}

static bool
write_maps(pid_t pid, const struct writ_launch_identity *who)
{
    char uid[48];
    char gid[48];

    (void)snprintf(uid, sizeof(uid), "%d %u 1\n", WRIT_INNER_ID, who->uid);
    (void)snprintf(gid, sizeof(gid), "%d %u 1\n", WRIT_INNER_ID, who->gid);
    return write_map(pid, "uid_map", uid) && write_map(pid, "gid_map", gid);
}

enum writ_err
writ_launch_map(pid_t pid, struct writ_sandbox *s, struct writ_launch_identity *who)
{
    if (!write_map(pid, "setgroups", "deny"))
        return WRIT_E_SYS;
    if (write_maps(pid, who))
        return WRIT_OK;
    if (who->own)
        return WRIT_E_SYS;
    /* root of a container, whose own user namespace does not have that id */
    *who = own_identity();
    writ_launch_missing(s, "an id of its own: this user namespace has none to give, so the task "
                           "has the invoker's id outside (without any capability)");
    return write_maps(pid, who) ? WRIT_OK : WRIT_E_SYS;
}
