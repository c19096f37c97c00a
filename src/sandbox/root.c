#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "sandbox/inner.h"

bool
writ_inner_attach(int tree, int dirfd, const char *path)
{
    return move_mount(tree, "", dirfd, path, MOVE_MOUNT_F_EMPTY_PATH) == 0;
}

static struct mount_attr
narrowed(unsigned attr)
{
    struct mount_attr a = {.attr_set = MOUNT_ATTR_NOSUID};

    if ((attr & WRIT_ATTR_RO) != 0)
        a.attr_set |= MOUNT_ATTR_RDONLY;
    if ((attr & WRIT_ATTR_DEV) == 0)
        a.attr_set |= MOUNT_ATTR_NODEV;
    if ((attr & WRIT_ATTR_NOEXEC) != 0)
        a.attr_set |= MOUNT_ATTR_NOEXEC;
    return a;
}

bool
writ_inner_bind(const char *from, const char *to, unsigned attr)
{
    struct mount_attr a = narrowed(attr);
    char at[512];
    int n = snprintf(at, sizeof(at), WRIT_INNER_STAGE "/%s", to);

    if (n < 0 || (size_t)n >= sizeof(at)) {
        errno = ENAMETOOLONG;
        return false;
    }
    return mount(from, at, NULL, MS_BIND | MS_REC, NULL) == 0 &&
           mount_setattr(AT_FDCWD, at, AT_RECURSIVE, &a, sizeof(a)) == 0;
}

bool
writ_inner_bind_staged(const char *from, const char *to, unsigned attr)
{
    char path[512];
    int n = snprintf(path, sizeof(path), WRIT_INNER_STAGE "/%s", from);

    if (n < 0 || (size_t)n >= sizeof(path)) {
        errno = ENAMETOOLONG;
        return false;
    }
    return writ_inner_bind(path, to, attr);
}

static enum writ_err
failed(struct writ_inner_fail *fail, const char *what, const char *name)
{
    fail->what = what;
    fail->name = name;
    return WRIT_E_SYS;
}

static bool
make_file(int root, const char *path, const char *text)
{
    WRIT_FD_AUTO int fd =
        openat(root, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);

    return fd >= 0 && (text == NULL || writ_write_full(fd, writ_span_str(text)) == WRIT_OK);
}

/* One tmpfs is the whole of the root: its top is mounted read-only at the end, and the directories
 * a task may write to are mounted over themselves, writable. So one size limit holds for all. */
static int
root_tmpfs(uint64_t disk_bytes)
{
    WRIT_FD_AUTO int fs = fsopen("tmpfs", FSOPEN_CLOEXEC);
    WRIT_FD_AUTO int mnt = -1;
    char size[24];
    char inodes[24];

    /* an inode costs about 1 KiB of kernel memory: as many as would fill the size with small files
     */
    (void)snprintf(size, sizeof(size), "%llu", (unsigned long long)disk_bytes);
    (void)snprintf(inodes, sizeof(inodes), "%llu", (unsigned long long)(disk_bytes / 4096 + 4096));
    if (fs < 0 || fsconfig(fs, FSCONFIG_SET_STRING, "size", size, 0) < 0 ||
        fsconfig(fs, FSCONFIG_SET_STRING, "nr_inodes", inodes, 0) < 0 ||
        fsconfig(fs, FSCONFIG_SET_STRING, "mode", "0755", 0) < 0 ||
        fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
        return -1;
    mnt = fsmount(fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
    if (mnt < 0 || !writ_inner_attach(mnt, AT_FDCWD, WRIT_INNER_STAGE))
        return -1;
    return writ_fd_take(&mnt);
}

static const struct {
    const char *path;
    mode_t mode;
} root_dirs[] = {
    {"etc", 0755},      {"etc/ssl", 0755},   {"etc/ssl/certs", 0755}, {"tmp", 01777},
    {"home", 0755},     {"home/task", 0700}, {"run", 0755},           {"var", 0755},
    {"var/tmp", 01777}, {"dev", 0755},       {"dev/pts", 0755},       {"dev/shm", 01777},
    {"proc", 0555},
};

/* These are the task's to write to, all within the one size limit. */
static const char *const root_writable[] = {"tmp", "var/tmp", "dev/shm", "run", "home/task"};

static enum writ_err
root_tree(int root, struct writ_inner_fail *fail)
{
    (void)umask(0);
    for (size_t i = 0; i < WRIT_COUNT(root_dirs); i++) {
        if (mkdirat(root, root_dirs[i].path, root_dirs[i].mode) < 0)
            return failed(fail, "make directory", root_dirs[i].path);
    }
    (void)umask(022); /* the program's too */
    if (symlinkat("../run", root, "var/run") < 0)
        return failed(fail, "make link", "var/run");
    return WRIT_OK;
}

/* What is at `path` on the host appears at the same place inside: a link as the same link (which
 * can only lead to what else is inside), a file or directory as a read-only mount. What does not
 * exist is left out. */
static bool
mirror(int root, const char *path)
{
    const char *inside = path + 1;
    char target[4096];
    struct stat st;
    ssize_t n;

    if (lstat(path, &st) < 0)
        return errno == ENOENT;
    if (S_ISLNK(st.st_mode)) {
        n = readlink(path, target, sizeof(target) - 1);
        if (n < 0)
            return false;
        target[n] = '\0';
        return symlinkat(target, root, inside) == 0;
    }
    if (S_ISDIR(st.st_mode) ? mkdirat(root, inside, 0755) < 0 : !make_file(root, inside, NULL))
        return false;
    return writ_inner_bind(path, inside, WRIT_ATTR_RO);
}

static enum writ_err
mirror_all(int root, const char *const *paths, size_t count, struct writ_inner_fail *fail)
{
    for (size_t i = 0; i < count; i++) {
        if (!mirror(root, paths[i]))
            return failed(fail, "mount", paths[i]);
    }
    return WRIT_OK;
}

static const char *const root_system[] = {"/usr",   "/bin",    "/sbin", "/lib",
                                          "/lib32", "/libx32", "/lib64"};

/* Configuration that libc and the runtimes read and that holds no secret and no identity. Neither
 * machine-id nor anything a person may have put a password into (gitconfig, npmrc, pip.conf,
 * environment) is here. Each costs a mount. */
static const char *const root_etc[] = {
    "/etc/alternatives", "/etc/fonts",      "/etc/ld.so.cache",
    "/etc/localtime",    "/etc/mime.types", "/etc/os-release",
    "/etc/protocols",    "/etc/services",   "/etc/ssl/openssl.cnf",
};

static const struct {
    const char *path;
    const char *text;
} root_made[] = {
    {"etc/passwd", "root:x:0:0:root:/nonexistent:/usr/sbin/nologin\n"
                   "task:x:1000:1000:task:" WRIT_INNER_HOME ":/bin/sh\n"
                   "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"},
    {"etc/group", "root:x:0:\ntask:x:1000:\nnogroup:x:65534:\n"},
    {"etc/hostname", "task\n"},
    {"etc/hosts", "127.0.0.1 localhost task\n::1 localhost ip6-localhost ip6-loopback\n"},
    {"etc/nsswitch.conf", "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\n"
                          "networks: files\nprotocols: files\nservices: files\n"},
    /* one server: every address is the gateway's, a second one would only be asked everything twice
     */
    {"etc/resolv.conf", "nameserver 127.0.0.1\n"},
};

/* Debian keeps parts of its JDKs in /etc/java-N-openjdk; nothing of Java starts without. */
static enum writ_err
root_etc_java(int root, struct writ_inner_fail *fail)
{
    DIR *d = access("/usr/lib/jvm", F_OK) == 0 ? opendir("/etc") : NULL;
    const struct dirent *e;
    bool ok = true;

    if (d == NULL)
        return WRIT_OK;
    while (ok && (e = readdir(d)) != NULL) {
        char path[300];

        if (strncmp(e->d_name, "java-", 5) == 0) {
            (void)snprintf(path, sizeof(path), "/etc/%s", e->d_name);
            ok = mirror(root, path);
        }
    }
    (void)closedir(d);
    return ok ? WRIT_OK : failed(fail, "mount Java's configuration from", "/etc");
}

static enum writ_err
root_config(int root, struct writ_inner_fail *fail)
{
    enum writ_err e = mirror_all(root, root_etc, WRIT_COUNT(root_etc), fail);

    for (size_t i = 0; e == WRIT_OK && i < WRIT_COUNT(root_made); i++) {
        if (!make_file(root, root_made[i].path, root_made[i].text))
            return failed(fail, "write", root_made[i].path);
    }
    return e == WRIT_OK ? root_etc_java(root, fail) : e;
}

static bool
root_devpts(int root)
{
    WRIT_FD_AUTO int fs = fsopen("devpts", FSOPEN_CLOEXEC);
    WRIT_FD_AUTO int mnt = -1;

    if (fs < 0 || fsconfig(fs, FSCONFIG_SET_STRING, "ptmxmode", "0666", 0) < 0 ||
        fsconfig(fs, FSCONFIG_SET_STRING, "mode", "0620", 0) < 0 ||
        fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
        return false;
    mnt = fsmount(fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
    return mnt >= 0 && writ_inner_attach(mnt, root, "dev/pts") &&
           symlinkat("pts/ptmx", root, "dev/ptmx") == 0;
}

/* The task's terminal under a name that exists inside, for ttyname(3): the name it has outside does
 * not. A terminal that has no name in our own namespace has none inside either. */
static bool
root_console(const struct writ_inner_plan *plan, int root)
{
    struct stat open_one;
    struct stat named;

    if (strncmp(plan->console, "/dev/pts/", 9) != 0 || lstat(plan->console, &named) < 0 ||
        fstat(plan->spec->stdio[0], &open_one) < 0 || !S_ISCHR(named.st_mode) ||
        named.st_dev != open_one.st_dev || named.st_ino != open_one.st_ino)
        return true;
    return make_file(root, "dev/console", NULL) &&
           writ_inner_bind(plan->console, "dev/console", WRIT_ATTR_DEV | WRIT_ATTR_NOEXEC);
}

static enum writ_err
root_devices(const struct writ_inner_plan *plan, int root, struct writ_inner_fail *fail)
{
    static const char *const nodes[] = {"/dev/null",   "/dev/zero",    "/dev/full",
                                        "/dev/random", "/dev/urandom", "/dev/tty"};
    static const char *const links[][2] = {{"/proc/self/fd", "dev/fd"},
                                           {"/proc/self/fd/0", "dev/stdin"},
                                           {"/proc/self/fd/1", "dev/stdout"},
                                           {"/proc/self/fd/2", "dev/stderr"}};
    size_t count = WRIT_COUNT(nodes) - (plan->spec->tty ? 0 : 1);

    for (size_t i = 0; i < count; i++) {
        struct stat st;

        if (lstat(nodes[i], &st) < 0 || !S_ISCHR(st.st_mode) ||
            !make_file(root, nodes[i] + 1, NULL) ||
            !writ_inner_bind(nodes[i], nodes[i] + 1, WRIT_ATTR_DEV | WRIT_ATTR_NOEXEC))
            return failed(fail, "mount", nodes[i]);
    }
    if (plan->spec->tty && !root_console(plan, root))
        return failed(fail, "mount", "dev/console");
    for (size_t i = 0; i < WRIT_COUNT(links); i++) {
        if (symlinkat(links[i][0], root, links[i][1]) < 0)
            return failed(fail, "make link", links[i][1]);
    }
    return root_devpts(root) ? WRIT_OK : failed(fail, "mount", "dev/pts");
}

/* Opens the parent of an absolute path below root, making directories as needed; no link is
 * followed, so what a mounted project contains cannot lead us elsewhere. The last name is in
 * *ret_name. */
static int
open_parent(int root, const char *path, const char **ret_name)
{
    WRIT_FD_AUTO int at = openat(root, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);

    for (const char *p = path + 1;;) {
        const char *end = strchr(p, '/');
        char name[256];
        int next;

        if (at < 0)
            return -1;
        if (end == NULL) {
            *ret_name = p;
            return writ_fd_take(&at);
        }
        if (!writ_span_copy(writ_span(p, (size_t)(end - p)), name, sizeof(name))) {
            errno = ENAMETOOLONG;
            return -1;
        }
        if (mkdirat(at, name, 0755) < 0 && errno != EEXIST && errno != EROFS)
            return -1;
        next = openat(at, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        writ_fd_close(&at);
        at = next;
        p = end + 1;
    }
}

/* The child's own view of the host file that the launcher opened: found by path again, because a
 * mount can only be copied from one's own namespace, and compared, because a path can be changed in
 * between. */
static int
bind_source(const struct writ_inner_bind *b)
{
    WRIT_FD_AUTO int tree = -1;
    struct mount_attr a = narrowed(b->write ? 0 : WRIT_ATTR_RO);
    struct stat st;

    a.propagation = MS_PRIVATE;
    tree = open_tree(AT_FDCWD, b->host,
                     OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_SYMLINK_NOFOLLOW | AT_RECURSIVE);
    if (tree < 0 || mount_setattr(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &a, sizeof(a)) < 0 ||
        fstat(tree, &st) < 0)
        return -1;
    if (st.st_dev != b->dev || st.st_ino != b->ino) {
        errno = ESTALE;
        return -1;
    }
    return writ_fd_take(&tree);
}

static enum writ_err
root_bind_sources(const struct writ_inner_plan *plan, struct writ_inner_fail *fail)
{
    for (size_t i = 0; i < plan->bind_count; i++) {
        struct writ_inner_bind *b = &plan->binds[i];

        if (b->tree < 0)
            b->tree = bind_source(b);
        if (b->tree < 0)
            return failed(fail, "copy the mount of", b->host);
    }
    return WRIT_OK;
}

static enum writ_err
root_binds(const struct writ_inner_plan *plan, int root, struct writ_inner_fail *fail)
{
    for (size_t i = 0; i < plan->bind_count; i++) {
        struct writ_inner_bind *b = &plan->binds[i];
        const char *name = NULL;
        WRIT_FD_AUTO int parent = open_parent(root, b->inside, &name);
        struct stat st;

        if (parent < 0)
            return failed(fail, "make the way to", b->inside);
        if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0 &&
            (b->dir ? mkdirat(parent, name, 0755) < 0 : !make_file(parent, name, NULL)))
            return failed(fail, "make a mount point at", b->inside);
        if (!writ_inner_attach(b->tree, parent, name))
            return failed(fail, "mount at", b->inside);
        writ_fd_close(&b->tree);
    }
    return WRIT_OK;
}

static enum writ_err
root_enter(int root, int *ret_put, struct writ_inner_fail *fail)
{
    WRIT_FD_AUTO int put = open_tree(root, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
    struct mount_attr ro = {.attr_set = MOUNT_ATTR_RDONLY};

    if (put < 0 || mount_setattr(root, "", AT_EMPTY_PATH, &ro, sizeof(ro)) < 0)
        return failed(fail, "make read-only", "/");
    /* the old root ends up on top of the new one and is let go; nothing has a way back to it */
    if (fchdir(root) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0 ||
        chdir("/") < 0)
        return failed(fail, "enter", "/");
    *ret_put = writ_fd_take(&put);
    return WRIT_OK;
}

/* /proc, if there is one, with what tells of the machine covered. */
static enum writ_err
root_proc(int proc, int root, struct writ_inner_fail *fail)
{
    if (proc < 0)
        return WRIT_OK;
    if (!writ_inner_attach(proc, root, "proc"))
        return failed(fail, "mount", "/proc");
    return writ_inner_proc_mask(root, fail);
}

enum writ_err
writ_inner_root(const struct writ_inner_plan *plan, int proc, int *ret_put,
                struct writ_inner_fail *fail)
{
    WRIT_FD_AUTO int root = -1;
    enum writ_err e;

    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return failed(fail, "make private", "/");
    e = root_bind_sources(plan, fail);
    if (e != WRIT_OK)
        return e;
    root = root_tmpfs(plan->disk_bytes);
    if (root < 0)
        return failed(fail, "mount tmpfs at", "/");
    e = root_tree(root, fail);
    if (e == WRIT_OK)
        e = mirror_all(root, root_system, WRIT_COUNT(root_system), fail);
    if (e == WRIT_OK)
        e = root_config(root, fail);
    if (e == WRIT_OK)
        e = root_devices(plan, root, fail);
    if (e == WRIT_OK)
        e = root_proc(proc, root, fail);
    if (e != WRIT_OK)
        return e;
    for (size_t i = 0; i < WRIT_COUNT(root_writable); i++) {
        if (!writ_inner_bind_staged(root_writable[i], root_writable[i], 0))
            return failed(fail, "mount", root_writable[i]);
    }
    e = root_binds(plan, root, fail);
    return e == WRIT_OK ? root_enter(root, ret_put, fail) : e;
}
