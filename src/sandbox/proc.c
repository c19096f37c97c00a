#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/id.h"
#include "sandbox/inner.h"
#include "sandbox/wire.h"

static enum writ_err
failed(struct writ_inner_fail *fail, const char *what, const char *name)
{
    fail->what = what;
    fail->name = name;
    return WRIT_E_SYS;
}

int
writ_inner_proc_mount(void)
{
    WRIT_FD_AUTO int fs = fsopen("proc", FSOPEN_CLOEXEC);

    if (fs < 0 || fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
        return -1;
    return fsmount(fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
}

/* Where parts of the machine's own /proc are covered (a container), the kernel refuses a new one to
 * a user namespace. The launcher may be allowed to make it for us. */
static enum writ_err
ask_launcher(int control, int *ret, struct writ_inner_fail *fail)
{
    struct writ_wire_msg m;

    if (writ_wire_send(control, WRIT_WIRE_NEED_PROC, 0, writ_span(NULL, 0),
                       (struct writ_wire_fds){NULL, 0}) != WRIT_OK ||
        writ_wire_recv(control, -1, &m) != WRIT_OK || m.type != WRIT_WIRE_PROC)
        return failed(fail, "mount", "/proc");
    *ret = m.fd_count == 1 ? m.fds[0] : -1;
    return WRIT_OK;
}

enum writ_err
writ_inner_proc_new(int control, int *ret, struct writ_inner_fail *fail)
{
    int mnt = writ_inner_proc_mount();

    if (mnt < 0 && errno == EPERM && control >= 0)
        return ask_launcher(control, ret, fail);
    if (mnt < 0 && errno != EPERM)
        return failed(fail, "mount", "/proc");
    *ret = mnt;
    return WRIT_OK;
}

/* What programs read and what says nothing about the host that the CPU would not say too. `sys` is
 * kept too, read-only. Everything else that is not a process is covered, whatever a later kernel
 * adds. */
static bool
proc_kept(const char *name)
{
    static const char *const kept[] = {"cpuinfo",     "filesystems", "loadavg", "meminfo",
                                       "mounts",      "net",         "self",    "stat",
                                       "thread-self", "uptime",      "version"};

    if (name[0] == '.' || (name[0] >= '0' && name[0] <= '9'))
        return true;
    for (size_t i = 0; i < WRIT_COUNT(kept); i++) {
        if (strcmp(name, kept[i]) == 0)
            return true;
    }
    return false;
}

/* A boot id of the task's own: the real one is the same in every task and on the host. */
static bool
proc_boot_id(int root)
{
    uint8_t r[16];
    char text[40];
    WRIT_FD_AUTO int fd = -1;

    writ_random(r, sizeof(r));
    (void)snprintf(text, sizeof(text),
                   "%02x%02x%02x%02x-%02x%02x-4%x%02x-a%x%02x-%02x%02x%02x%02x%02x%02x\n", r[0],
                   r[1], r[2], r[3], r[4], r[5], r[6] & 15U, r[7], r[8] & 15U, r[9], r[10], r[11],
                   r[12], r[13], r[14], r[15]);
    fd = openat(root, ".boot_id", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
    if (fd < 0 || writ_write_full(fd, writ_span_str(text)) != WRIT_OK)
        return false;
    return writ_inner_bind_staged(".boot_id", "proc/sys/kernel/random/boot_id",
                                  WRIT_ATTR_RO | WRIT_ATTR_NOEXEC) &&
           unlinkat(root, ".boot_id", 0) == 0;
}

/* What belongs to the host's root and to nobody else needs no cover: the task is not that user. (It
 * is where it could get no id of its own; then the file seems to be the task's here.) */
static bool
proc_closed(const struct stat *st)
{
    return st->st_uid != WRIT_INNER_ID && (st->st_mode & 077) == 0;
}

static bool
proc_cover(const char *name)
{
    char path[300];
    struct stat st;

    (void)snprintf(path, sizeof(path), WRIT_INNER_STAGE "/proc/%s", name);
    if (lstat(path, &st) < 0)
        return errno == ENOENT;
    if (S_ISLNK(st.st_mode) || proc_closed(&st))
        return true; /* a link leads to a process or to what is covered itself */
    if (S_ISDIR(st.st_mode)) {
        return writ_inner_bind_staged(".empty", path + sizeof(WRIT_INNER_STAGE),
                                      WRIT_ATTR_RO | WRIT_ATTR_NOEXEC);
    }
    return writ_inner_bind("/dev/null", path + sizeof(WRIT_INNER_STAGE),
                           WRIT_ATTR_RO | WRIT_ATTR_NOEXEC | WRIT_ATTR_DEV);
}

static bool
proc_cover_all(void)
{
    DIR *d = opendir(WRIT_INNER_STAGE "/proc");
    const struct dirent *e;
    bool ok = true;

    if (d == NULL)
        return false;
    while (ok && (e = readdir(d)) != NULL) {
        if (!proc_kept(e->d_name) && strcmp(e->d_name, "sys") != 0)
            ok = proc_cover(e->d_name);
    }
    (void)closedir(d);
    return ok;
}

enum writ_err
writ_inner_proc_mask(int root, struct writ_inner_fail *fail)
{
    if (mkdirat(root, ".empty", 0555) < 0)
        return failed(fail, "cover", "/proc");
    if (!writ_inner_bind_staged("proc/sys", "proc/sys", WRIT_ATTR_RO | WRIT_ATTR_NOEXEC))
        return failed(fail, "make read-only", "/proc/sys");
    if (!proc_boot_id(root))
        return failed(fail, "cover", "/proc/sys/kernel/random/boot_id");
    if (!proc_cover_all())
        return failed(fail, "cover the host's files in", "/proc");
    /* the mounts keep the directory; its name need not stay */
    return unlinkat(root, ".empty", AT_REMOVEDIR) == 0 ? WRIT_OK : failed(fail, "clean up", "/");
}
