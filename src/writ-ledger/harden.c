/*
 * What the ledger may do after its files are open: 30 system calls. It parses what a broken gateway
 * may have written, so it is confined as if it were one: no program, no network, no file outside
 * the store, no descriptor of another process.
 */
#include "writ-ledger/ledger.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#    define OUR_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#    define OUR_ARCH AUDIT_ARCH_AARCH64
#else
#    error "no list of system calls for this architecture"
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

#define LOAD(field)                                                                                \
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offsetof(struct seccomp_data, field))
#define ALLOW(name)                                                                                \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)SYS_##name, 0, 1),                               \
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
/* Only memory that nobody executes: the low half of the third argument. */
#define ALLOW_NOEXEC(name)                                                                         \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)SYS_##name, 0, 4), LOAD(args[2]),                \
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 0, 1),                                     \
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),                                       \
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

static enum writ_err
filter(void)
{
    static struct sock_filter code[] = {
        LOAD(arch),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, OUR_ARCH, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        LOAD(nr), /* x32 numbers are in no line below */
        ALLOW(pwrite64),
        ALLOW(read),
        ALLOW(write),
        ALLOW(pread64),
        ALLOW(ppoll),
#ifdef SYS_poll
        ALLOW(poll),
#endif
        ALLOW(recvmsg),
        ALLOW(sendmsg),
        ALLOW(close),
        ALLOW(fcntl),
        ALLOW(fstat),
        ALLOW(newfstatat),
        ALLOW(openat),
        ALLOW(unlinkat),
        ALLOW(getdents64),
        ALLOW(lseek),
        ALLOW(flock),
        ALLOW(ftruncate),
        ALLOW(fallocate),
        ALLOW(fdatasync),
        ALLOW(fsync),
        ALLOW(munmap),
        ALLOW(brk),
        ALLOW(madvise),
        ALLOW(clock_gettime),
        ALLOW(getrandom),
        ALLOW(futex),
        ALLOW(restart_syscall),
        ALLOW(rt_sigprocmask), /* abort() */
        ALLOW(rt_sigaction),
        ALLOW(getpid),
        ALLOW(gettid),
        ALLOW(tgkill),
        ALLOW(exit_group),
        ALLOW_NOEXEC(mmap),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    };
    const struct sock_fprog program = {(unsigned short)WRIT_COUNT(code), code};

    if (SANITIZED)
        return WRIT_OK;
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0 ? WRIT_E_SYS : WRIT_OK;
}

/*
 * The store's folder and nothing else. Where the kernel has no Landlock the filter above remains
 * the only wall: the launcher's own check of the walls says so to the user.
 */
static enum writ_err
landlock(const struct writ_store *s)
{
    const uint64_t below = LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_READ_FILE |
                           LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |
                           LANDLOCK_ACCESS_FS_MAKE_REG;
    /* all of the first version; every kernel with Landlock knows these */
    const struct landlock_ruleset_attr attr = {.handled_access_fs =
                                                   (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1};
    const struct landlock_path_beneath_attr rule = {.allowed_access = below, .parent_fd = s->dir};
    int set = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
    enum writ_err e = WRIT_OK;

    if (set < 0)
        return errno == ENOSYS || errno == EOPNOTSUPP ? WRIT_OK : WRIT_E_SYS;
    if (syscall(SYS_landlock_add_rule, set, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0 ||
        syscall(SYS_landlock_restrict_self, set, 0) < 0)
        e = WRIT_E_SYS;
    (void)close(set);
    return e;
}

enum writ_err
ledger_harden(const struct writ_store *s)
{
    const struct rlimit none = {0, 0};
    enum writ_err e;

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ||
        setrlimit(RLIMIT_CORE, &none) < 0)
        return WRIT_E_SYS;
    e = landlock(s);
    return e == WRIT_OK ? filter() : e;
}
