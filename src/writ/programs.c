#include "writ/programs.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/limits.h"

static bool
format_path(char *ret, size_t cap, const char *dir, const char *rest, const char *name)
{
    int n = snprintf(ret, cap, "%s%s%s", dir, rest, name);

    return n > 0 && (size_t)n < cap;
}

static bool
is_program(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

/* The folder of the running program, without a final slash. */
static bool
own_folder(char *ret, size_t cap)
{
    ssize_t n = readlink("/proc/self/exe", ret, cap - 1);
    char *slash;

    if (n <= 0 || (size_t)n >= cap - 1 || ret[0] != '/')
        return false;
    ret[n] = '\0';
    slash = strrchr(ret, '/');
    *slash = '\0';
    return true;
}

enum writ_err
writ_program_path(const char *name, char *ret, size_t cap, struct writ_diag *diag)
{
    const char *fixed = secure_getenv("WRIT_LIBEXEC");
    char own[WRIT_PATH_BYTES_MAX];
    char within[2 * WRIT_NAME_MAX + 8];

    if (fixed != NULL && fixed[0] == '/') {
        if (format_path(ret, cap, fixed, "/", name) && is_program(ret))
            return WRIT_OK;
        writ_diag_set(diag, 0, 0, "the program %s is not in %s ($WRIT_LIBEXEC)", name, fixed);
        return WRIT_E_SYS;
    }
    if (own_folder(own, sizeof(own))) {
        if (format_path(ret, cap, own, "/../libexec/writ/", name) && is_program(ret))
            return WRIT_OK;
        /* the build folder has each program in a folder of its own name */
        (void)snprintf(within, sizeof(within), "/../%s/", name);
        if (format_path(ret, cap, own, within, name) && is_program(ret))
            return WRIT_OK;
    }
    writ_diag_set(diag, 0, 0,
                  "the program %s is not where writ was installed: install writ again, or set "
                  "WRIT_LIBEXEC to the folder that has it",
                  name);
    return WRIT_E_SYS;
}

/* Only an absolute path: "the folder I happen to be in" is no place for secrets. */
static const char *
absolute_env(const char *name)
{
    const char *v = secure_getenv(name);

    return v != NULL && v[0] == '/' ? v : NULL;
}

static bool
choose(char *ret, size_t cap)
{
    const char *dir = absolute_env("WRIT_HOME");
    const struct passwd *pw;

    if (dir != NULL)
        return format_path(ret, cap, dir, "", "");
    if (geteuid() == 0)
        return format_path(ret, cap, "/var/lib/writ", "", "");
    dir = absolute_env("XDG_STATE_HOME");
    if (dir != NULL)
        return format_path(ret, cap, dir, "/writ", "");
    dir = absolute_env("HOME");
    if (dir == NULL) {
        pw = getpwuid(geteuid());
        dir = pw != NULL && pw->pw_dir[0] == '/' ? pw->pw_dir : NULL;
    }
    return dir != NULL && format_path(ret, cap, dir, "/.local/state", "/writ");
}

/* Makes path and what is missing above it; those above get the usual mode. */
static enum writ_err
make_folders(char *path)
{
    for (char *p = path + 1; *p != '\0'; p++) {
        if (*p != '/')
            continue;
        *p = '\0';
        if (mkdir(path, 0755) < 0 && errno != EEXIST && access(path, F_OK) < 0) {
            *p = '/';
            return WRIT_E_SYS;
        }
        *p = '/';
    }
    return mkdir(path, 0700) < 0 && errno != EEXIST ? WRIT_E_SYS : WRIT_OK;
}

enum writ_err
writ_state_dir(char *ret, size_t cap, struct writ_diag *diag)
{
    WRIT_FD_AUTO int fd = -1;
    char path[WRIT_PATH_BYTES_MAX];
    struct stat st;
    size_t len;

    if (!choose(path, sizeof(path))) {
        writ_diag_set(diag, 0, 0, "there is no folder for writ's state: set WRIT_HOME to one");
        return WRIT_E_SYS;
    }
    len = strlen(path);
    while (len > 1 && path[len - 1] == '/')
        path[--len] = '\0';
    if (len >= cap)
        return WRIT_E_LIMIT;
    if (make_folders(path) != WRIT_OK) {
        writ_diag_set(diag, 0, 0, "the state folder %s cannot be made: %s", path,
                      writ_errno_text(errno));
        return WRIT_E_SYS;
    }
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0) {
        writ_diag_set(diag, 0, 0, "the state folder %s cannot be opened: %s", path,
                      writ_errno_text(errno));
        return WRIT_E_SYS;
    }
    if (st.st_uid != geteuid() || (st.st_mode & 022) != 0) {
        writ_diag_set(diag, 0, 0,
                      "the state folder %s belongs to user %u with mode %04o: it must be yours "
                      "(user %u) and writable by you alone",
                      path, (unsigned)st.st_uid, (unsigned)(st.st_mode & 07777),
                      (unsigned)geteuid());
        return WRIT_E_DENIED;
    }
    memcpy(ret, path, len + 1);
    return WRIT_OK;
}
