#include "writ-keeper/narrow.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"

#if defined(__x86_64__)
#    define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#    define ARCH AUDIT_ARCH_AARCH64
#else
#    error "no system call filter is written for this architecture"
#endif

/* What SQLite, the cryptography, the C library and the loop call once they run. */
static const uint16_t allowed[] = {
#ifdef SYS_open /* the old names, which not every architecture has */
    SYS_open,
    SYS_stat,
    SYS_lstat,
    SYS_access,
    SYS_unlink,
    SYS_readlink,
    SYS_poll,
    SYS_epoll_wait,
#endif
    SYS_read,
    SYS_write,
    SYS_pread64,
    SYS_pwrite64,
    SYS_close,
    SYS_openat,
    SYS_fstat,
    SYS_newfstatat,
    SYS_statx,
    SYS_faccessat,
    SYS_faccessat2,
    SYS_readlinkat,
    SYS_linkat,
    SYS_unlinkat,
    SYS_lseek,
    SYS_ftruncate,
    SYS_fsync,
    SYS_fdatasync,
    SYS_fchmod,
    SYS_fchown,
    SYS_flock,
    SYS_fcntl,
    SYS_getcwd,
    SYS_epoll_create1,
    SYS_epoll_ctl,
    SYS_epoll_pwait,
    SYS_ppoll,
    SYS_sendmsg,
    SYS_recvmsg,
    SYS_getsockopt,
    SYS_brk,
    SYS_munmap,
    SYS_mremap,
    SYS_madvise,
    SYS_mlock,
    SYS_munlock,
    SYS_memfd_secret,
    SYS_getrandom,
    SYS_clock_gettime,
    SYS_gettimeofday,
    SYS_clock_nanosleep,
    SYS_nanosleep,
    SYS_futex,
    SYS_getpid,
    SYS_gettid,
    SYS_geteuid,
    SYS_rt_sigprocmask,
    SYS_rt_sigreturn,
    SYS_rt_sigaction,
    SYS_restart_syscall,
    SYS_exit,
    SYS_exit_group,
};

/* No code of ours calls these: whoever does has taken the process over. */
static const uint16_t deadly[] = {
    SYS_socket,
    SYS_socketpair,
    SYS_connect,
    SYS_bind,
    SYS_listen,
    SYS_accept,
    SYS_accept4,
    SYS_execve,
    SYS_execveat,
    SYS_clone,
    SYS_clone3,
#ifdef SYS_fork
    SYS_fork,
    SYS_vfork,
#endif
    SYS_ptrace,
    SYS_process_vm_readv,
    SYS_process_vm_writev,
    SYS_kill,
    SYS_io_uring_setup,
    SYS_bpf,
    SYS_mount,
    SYS_unshare,
    SYS_setns,
};

enum {
    PROGRAM_MAX = 2 * (WRIT_COUNT(allowed) + WRIT_COUNT(deadly)) + 32,
    X32_BIT = 0x40000000,
};

struct program {
    struct sock_filter code[PROGRAM_MAX];
    uint16_t len;
};

static void
emit(struct program *p, uint16_t code, uint32_t k, uint8_t yes, uint8_t no)
{
    p->code[p->len++] = (struct sock_filter){code, yes, no, k};
}

/* If the accumulator equals nr: return action. */
static void
emit_case(struct program *p, uint32_t nr, uint32_t action)
{
    emit(p, BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1);
    emit(p, BPF_RET | BPF_K, action, 0, 0);
}

/* Allowed if the jump on one argument's lower half says yes, deadly otherwise. */
static void
emit_arg(struct program *p, uint32_t nr, unsigned arg, uint16_t jump, uint32_t k)
{
    const size_t at = offsetof(struct seccomp_data, args) + 8 * (size_t)arg;

    emit(p, BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 4);
    emit(p, BPF_LD | BPF_W | BPF_ABS, (uint32_t)at, 0, 0); /* both architectures: little-endian */
    emit(p, (uint16_t)(BPF_JMP | jump | BPF_K), k, 0, 1);
    emit(p, BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0, 0);
    emit(p, BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS, 0, 0);
}

/* The same the other way round: deadly if any of the bits is set. */
static void
emit_no_exec(struct program *p, uint32_t nr)
{
    const size_t prot = offsetof(struct seccomp_data, args) + 8 * (size_t)2;

    emit(p, BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 4);
    emit(p, BPF_LD | BPF_W | BPF_ABS, (uint32_t)prot, 0, 0);
    emit(p, BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 1, 0);
    emit(p, BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0, 0);
    emit(p, BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS, 0, 0);
}

static enum writ_err
filter_syscalls(void)
{
    struct program p = {.len = 0};
    struct sock_fprog prog;

    emit(&p, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offsetof(struct seccomp_data, arch), 0, 0);
    emit(&p, BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0);
    emit(&p, BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS, 0, 0);
    emit(&p, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offsetof(struct seccomp_data, nr), 0, 0);
    emit(&p, BPF_JMP | BPF_JGE | BPF_K, X32_BIT, 0, 1);
    emit(&p, BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS, 0, 0);
    for (size_t i = 0; i < WRIT_COUNT(allowed); i++)
        emit_case(&p, allowed[i], SECCOMP_RET_ALLOW);
    emit_no_exec(&p, SYS_mmap);
    emit_no_exec(&p, SYS_mprotect);
    emit_arg(&p, SYS_tgkill, 0, BPF_JEQ, (uint32_t)getpid()); /* abort(3), and no one else */
    for (size_t i = 0; i < WRIT_COUNT(deadly); i++)
        emit_case(&p, deadly[i], SECCOMP_RET_KILL_PROCESS);
    emit(&p, BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS, 0, 0);

    prog = (struct sock_fprog){.len = p.len, .filter = p.code};
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog, 0, 0) < 0 ? WRIT_E_SYS : WRIT_OK;
}

/* Every right that this kernel's Landlock knows: what is not granted below is refused. */
static uint64_t
landlock_rights(long abi)
{
    const unsigned bits = abi >= 5 ? 16 : abi >= 3 ? 15 : abi == 2 ? 14 : 13;

    return ((uint64_t)1 << bits) - 1;
}

static enum writ_err
confine_paths(int dirfd)
{
    WRIT_FD_AUTO int ruleset = -1;
    const uint64_t truncate_right = (uint64_t)1 << 14; /* LANDLOCK_ACCESS_FS_TRUNCATE, ABI 3 */
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    struct landlock_ruleset_attr attr = {0};
    struct landlock_path_beneath_attr rule = {0};

    if (abi < 1)
        return WRIT_E_SYS;
    attr.handled_access_fs = landlock_rights(abi);
    rule.allowed_access = (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE |
                           LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |
                           LANDLOCK_ACCESS_FS_MAKE_REG | truncate_right) &
                          attr.handled_access_fs;
    rule.parent_fd = dirfd;
    ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr.handled_access_fs), 0);
    if (ruleset < 0 ||
        syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0 ||
        syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
        return WRIT_E_SYS;
    return WRIT_OK;
}

enum writ_err
writ_keeper_narrow(int dirfd, struct writ_diag *diag)
{
    const char *wall = NULL;

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
        wall = "no_new_privs";
    } else if (confine_paths(dirfd) != WRIT_OK) {
        wall = "Landlock";
    } else if (filter_syscalls() != WRIT_OK) {
        wall = "a seccomp filter";
    }
    if (wall == NULL)
        return WRIT_OK;
    writ_diag_set(diag, 0, 0, "this kernel does not give the keeper %s: %s", wall,
                  writ_errno_text(errno));
    return WRIT_E_SYS;
}
