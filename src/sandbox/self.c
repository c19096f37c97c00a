#include "sandbox/self.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"

#if defined(__x86_64__)
#    define OUR_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#    define OUR_ARCH AUDIT_ARCH_AARCH64
#else
#    error "no system call table for this architecture"
#endif

/* The sanitizers' run time needs calls of its own. */
#if defined(__SANITIZE_ADDRESS__)
#    define SANITIZED 1
#elif defined(__has_feature)
#    if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer)
#        define SANITIZED 1
#    endif
#endif
#ifndef SANITIZED
#    define SANITIZED 0
#endif

enum { FILTER_MAX = 512 };

struct code {
    struct sock_filter at[FILTER_MAX];
    unsigned short n;
    bool full;
};

static void
emit(struct code *c, uint16_t op, uint8_t jt, uint8_t jf, uint32_t k)
{
    if (c->n == FILTER_MAX) {
        c->full = true;
        return;
    }
    c->at[c->n++] = (struct sock_filter){op, jt, jf, k};
}

static void
load(struct code *c, size_t offset)
{
    emit(c, BPF_LD | BPF_W | BPF_ABS, 0, 0, (uint32_t)offset);
}

static void
ret(struct code *c, uint32_t action)
{
    emit(c, BPF_RET | BPF_K, 0, 0, action);
}

static void
allow(struct code *c, unsigned nr)
{
    emit(c, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, nr);
    ret(c, SECCOMP_RET_ALLOW);
}

/* Only memory that nobody executes: a bit of the third argument. */
static void
allow_noexec(struct code *c, unsigned nr)
{
    emit(c, BPF_JMP | BPF_JEQ | BPF_K, 0, 4, nr);
    load(c, offsetof(struct seccomp_data, args[2]));
    emit(c, BPF_JMP | BPF_JSET | BPF_K, 0, 1, PROT_EXEC);
    ret(c, SECCOMP_RET_KILL_PROCESS);
    ret(c, SECCOMP_RET_ALLOW);
}

/* Any other family is refused, not fatal: libraries try AF_UNIX and AF_NETLINK and go on without.
 */
static void
allow_inet(struct code *c)
{
    emit(c, BPF_JMP | BPF_JEQ | BPF_K, 0, 5, (unsigned)SYS_socket);
    load(c, offsetof(struct seccomp_data, args[0]));
    emit(c, BPF_JMP | BPF_JEQ | BPF_K, 2, 0, AF_INET);
    emit(c, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, AF_INET6);
    ret(c, SECCOMP_RET_ERRNO | EAFNOSUPPORT);
    ret(c, SECCOMP_RET_ALLOW);
}

static enum writ_err
filter(const struct writ_self *s)
{
    struct code c;
    struct sock_fprog program;

    if (SANITIZED)
        return WRIT_OK;
    c.n = 0;
    c.full = false;
    load(&c, offsetof(struct seccomp_data, arch));
    emit(&c, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, OUR_ARCH);
    ret(&c, SECCOMP_RET_KILL_PROCESS);
    load(&c, offsetof(struct seccomp_data, nr)); /* x32 numbers are none of those below */
    for (size_t i = 0; i < s->call_count; i++)
        allow(&c, s->calls[i]);
    if (s->inet)
        allow_inet(&c);
    allow_noexec(&c, (unsigned)SYS_mmap);
    allow_noexec(&c, (unsigned)SYS_mprotect);
    ret(&c, SECCOMP_RET_KILL_PROCESS);
    if (c.full)
        return WRIT_E_LIMIT;
    program = (struct sock_fprog){c.n, c.at};
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0 ? WRIT_E_SYS : WRIT_OK;
}

static enum writ_err
add_path(int set, const struct writ_self_path *p)
{
    const uint64_t read = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
    const uint64_t write = LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_FILE |
                           LANDLOCK_ACCESS_FS_MAKE_REG;
    struct landlock_path_beneath_attr rule = {.allowed_access = p->write ? read | write : read};
    WRIT_FD_AUTO int fd = -1;

    if (p->path != NULL) {
        fd = open(p->path, O_PATH | O_CLOEXEC);
        if (fd < 0)
            return errno == ENOENT ? WRIT_OK : WRIT_E_SYS;
        struct landlock_path_beneath_attr file = {.allowed_access = LANDLOCK_ACCESS_FS_READ_FILE};
        file.parent_fd = fd;
        rule.parent_fd = fd;
        /* a right to a folder's entries is refused on a file: try the folder first */
        if (syscall(SYS_landlock_add_rule, set, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0)
            return WRIT_OK;
        return syscall(SYS_landlock_add_rule, set, LANDLOCK_RULE_PATH_BENEATH, &file, 0) < 0
                   ? WRIT_E_SYS
                   : WRIT_OK;
    }
    rule.parent_fd = p->dir;
    return syscall(SYS_landlock_add_rule, set, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0
               ? WRIT_E_SYS
               : WRIT_OK;
}

/* Where the kernel has no Landlock the filter remains; `writ doctor` tells the user. */
static enum writ_err
landlock(const struct writ_self *s)
{
    /* all of the first version; every kernel with Landlock knows these */
    const struct landlock_ruleset_attr attr = {.handled_access_fs =
                                                   (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1};
    WRIT_FD_AUTO int set = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);

    if (set < 0)
        return errno == ENOSYS || errno == EOPNOTSUPP ? WRIT_OK : WRIT_E_SYS;
    for (size_t i = 0; i < s->path_count; i++) {
        if (add_path(set, &s->paths[i]) != WRIT_OK)
            return WRIT_E_SYS;
    }
    return syscall(SYS_landlock_restrict_self, set, 0) < 0 ? WRIT_E_SYS : WRIT_OK;
}

static enum writ_err
give_up_root(uid_t uid)
{
    if (uid == 0 || geteuid() != 0)
        return WRIT_OK;
    if (setgroups(0, NULL) < 0 || setresgid(uid, uid, uid) < 0 || setresuid(uid, uid, uid) < 0)
        return WRIT_E_SYS;
    return WRIT_OK;
}

enum writ_err
writ_self_narrow(const struct writ_self *s)
{
    const struct rlimit none = {0, 0};
    enum writ_err e;

    if (give_up_root(s->uid) != WRIT_OK || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
        prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 || setrlimit(RLIMIT_CORE, &none) < 0)
        return WRIT_E_SYS;
    e = landlock(s);
    return e == WRIT_OK ? filter(s) : e;
}
