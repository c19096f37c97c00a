#include "sandbox/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"

/* Rights and fields that are newer than this libc's headers (landlock(7)). */
#define LL_REFER     (1ULL << 13) /* ABI 2 */
#define LL_TRUNCATE  (1ULL << 14) /* ABI 3 */
#define LL_IOCTL_DEV (1ULL << 15) /* ABI 5 */

#define LL_SCOPE_ABSTRACT_UNIX (1ULL << 0) /* ABI 6 */
#define LL_SCOPE_SIGNAL        (1ULL << 1)

struct ll_ruleset_attr {
    uint64_t fs;
    uint64_t net;
    uint64_t scoped;
};

static const uint64_t ll_read =
    LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
static const uint64_t ll_write_file = LANDLOCK_ACCESS_FS_WRITE_FILE;
static const uint64_t ll_write_dir =
    LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_CHAR |
    LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK |
    LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM;

int
writ_landlock_abi(void)
{
    long v = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

    return v < 0 ? 0 : (int)v;
}

/* Beyond the plain rights: what this ABI adds for directories or files. */
static uint64_t
ll_more(int abi)
{
    uint64_t more = 0;

    if (abi >= 2)
        more |= LL_REFER;
    if (abi >= 3)
        more |= LL_TRUNCATE;
    return more;
}

enum writ_err
writ_landlock_new(int abi, int *ret)
{
    struct ll_ruleset_attr a = {.fs = ll_read | ll_write_file | ll_write_dir | ll_more(abi)};
    size_t size = sizeof(a.fs); /* an older kernel refuses fields it does not know */
    long fd;

    if (abi >= 5)
        a.fs |= LL_IOCTL_DEV;
    if (abi >= 6) {
        a.scoped = LL_SCOPE_ABSTRACT_UNIX | LL_SCOPE_SIGNAL;
        size = sizeof(a);
    }
    fd = syscall(SYS_landlock_create_ruleset, &a, size, 0);
    if (fd < 0)
        return WRIT_E_SYS;
    *ret = (int)fd;
    return WRIT_OK;
}

static enum writ_err
ll_rule(int ruleset, const char *path, uint64_t file_rights, uint64_t dir_rights)
{
    WRIT_FD_AUTO int fd = open(path, O_PATH | O_CLOEXEC);
    struct landlock_path_beneath_attr a = {.allowed_access = file_rights};
    struct stat st;

    if (fd < 0)
        return errno == ENOENT ? WRIT_OK : WRIT_E_SYS;
    if (fstat(fd, &st) < 0)
        return WRIT_E_SYS;
    if (S_ISDIR(st.st_mode))
        a.allowed_access |= dir_rights;
    a.parent_fd = fd;
    if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &a, 0) < 0)
        return WRIT_E_SYS;
    return WRIT_OK;
}

enum writ_err
writ_landlock_read(int ruleset, const char *path)
{
    return ll_rule(ruleset, path, LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE,
                   LANDLOCK_ACCESS_FS_READ_DIR);
}

enum writ_err
writ_landlock_write(int ruleset, int abi, const char *path)
{
    uint64_t more = ll_more(abi);

    return ll_rule(ruleset, path,
                   LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | ll_write_file |
                       (more & LL_TRUNCATE),
                   LANDLOCK_ACCESS_FS_READ_DIR | ll_write_dir | more);
}

enum writ_err
writ_landlock_device(int ruleset, int abi, const char *path)
{
    return ll_rule(ruleset, path,
                   LANDLOCK_ACCESS_FS_READ_FILE | ll_write_file | (abi >= 5 ? LL_IOCTL_DEV : 0) |
                       (ll_more(abi) & LL_TRUNCATE),
                   0);
}

enum writ_err
writ_landlock_restrict(int ruleset)
{
    if (syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
        return WRIT_E_SYS;
    return WRIT_OK;
}
