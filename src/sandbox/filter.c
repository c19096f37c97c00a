#include "sandbox/filter.h"

#include <assert.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/attr.h"

#if !defined(__x86_64__)
#    error "the table of system calls is for x86-64"
#endif

#ifndef CLONE_NEWTIME
#    define CLONE_NEWTIME 0x00000080
#endif
#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#    define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

/* Numbers that this libc's headers do not know yet. */
enum {
    NR_FUTEX_WAITV = 449,
    NR_CACHESTAT = 451,
    NR_FCHMODAT2 = 452,
    NR_FUTEX_WAKE = 454,
    NR_FUTEX_WAIT = 455,
    NR_FUTEX_REQUEUE = 456,
    NR_MSEAL = 462,
    FILTER_NEWEST = 462, /* above this a call is answered as an older kernel would: ENOSYS */
    FILTER_X32_BIT = 0x40000000,
    FILTER_CLONE_NEW = CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID |
                       CLONE_NEWNET | CLONE_NEWCGROUP | CLONE_NEWTIME,
};

/* Sorted by number at build time of the program; grouped here by what they are for. */
/* clang-format off */
static const uint16_t allowed[] = {
    /* files and directories */
    SYS_read, SYS_write, SYS_open, SYS_close, SYS_stat, SYS_fstat, SYS_lstat, SYS_lseek,
    SYS_pread64, SYS_pwrite64, SYS_readv, SYS_writev, SYS_access, SYS_pipe, SYS_select, SYS_dup,
    SYS_dup2, SYS_sendfile, SYS_fcntl, SYS_flock, SYS_fsync, SYS_fdatasync, SYS_truncate,
    SYS_ftruncate, SYS_getdents, SYS_getcwd, SYS_chdir, SYS_fchdir, SYS_rename, SYS_mkdir,
    SYS_rmdir, SYS_creat, SYS_link, SYS_unlink, SYS_symlink, SYS_readlink, SYS_chmod, SYS_fchmod,
    SYS_chown, SYS_fchown, SYS_lchown, SYS_umask, SYS_utime, SYS_mknod, SYS_statfs, SYS_fstatfs,
    SYS_sync, SYS_readahead, SYS_setxattr, SYS_lsetxattr, SYS_fsetxattr, SYS_getxattr,
    SYS_lgetxattr, SYS_fgetxattr, SYS_listxattr, SYS_llistxattr, SYS_flistxattr, SYS_removexattr,
    SYS_lremovexattr, SYS_fremovexattr, SYS_getdents64, SYS_fadvise64, SYS_utimes, SYS_openat,
    SYS_mkdirat, SYS_mknodat, SYS_fchownat, SYS_futimesat, SYS_newfstatat, SYS_unlinkat,
    SYS_renameat, SYS_linkat, SYS_symlinkat, SYS_readlinkat, SYS_fchmodat, SYS_faccessat,
    SYS_splice, SYS_tee, SYS_sync_file_range, SYS_vmsplice, SYS_utimensat, SYS_fallocate, SYS_dup3,
    SYS_pipe2, SYS_preadv, SYS_pwritev, SYS_syncfs, SYS_renameat2, SYS_copy_file_range, SYS_preadv2,
    SYS_pwritev2, SYS_statx, SYS_close_range, SYS_openat2, SYS_faccessat2, NR_CACHESTAT,
    NR_FCHMODAT2,
    /* waiting */
    SYS_poll, SYS_pselect6, SYS_ppoll, SYS_epoll_create, SYS_epoll_ctl_old, SYS_epoll_wait_old,
    SYS_epoll_wait, SYS_epoll_ctl, SYS_epoll_pwait, SYS_epoll_create1, SYS_epoll_pwait2,
    SYS_signalfd, SYS_signalfd4, SYS_timerfd_create, SYS_timerfd_settime, SYS_timerfd_gettime,
    SYS_eventfd, SYS_eventfd2, SYS_inotify_init, SYS_inotify_init1, SYS_inotify_add_watch,
    SYS_inotify_rm_watch, SYS_io_setup, SYS_io_destroy, SYS_io_getevents, SYS_io_submit,
    SYS_io_cancel, SYS_io_pgetevents,
    /* memory */
    SYS_mmap, SYS_mprotect, SYS_munmap, SYS_brk, SYS_mremap, SYS_msync, SYS_mincore, SYS_madvise,
    SYS_mlock, SYS_munlock, SYS_mlockall, SYS_munlockall, SYS_mlock2, SYS_remap_file_pages,
    SYS_memfd_create, SYS_membarrier, SYS_pkey_mprotect, SYS_pkey_alloc, SYS_pkey_free, NR_MSEAL,
    /* processes, threads and signals; clone is looked at below */
    SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_rt_sigreturn, SYS_rt_sigpending, SYS_rt_sigtimedwait,
    SYS_rt_sigqueueinfo, SYS_rt_sigsuspend, SYS_sigaltstack, SYS_rt_tgsigqueueinfo, SYS_fork,
    SYS_vfork, SYS_exit, SYS_wait4, SYS_kill, SYS_exit_group, SYS_waitid, SYS_tkill, SYS_tgkill,
    SYS_getpid, SYS_gettid, SYS_getppid, SYS_getpgrp, SYS_setpgid, SYS_setsid, SYS_getpgid,
    SYS_getsid, SYS_pause, SYS_restart_syscall, SYS_prctl, SYS_arch_prctl, SYS_set_tid_address,
    SYS_set_robust_list, SYS_get_robust_list, SYS_futex, NR_FUTEX_WAITV, NR_FUTEX_WAKE,
    NR_FUTEX_WAIT, NR_FUTEX_REQUEUE, SYS_rseq, SYS_sched_yield, SYS_sched_setparam,
    SYS_sched_getparam, SYS_sched_setscheduler, SYS_sched_getscheduler, SYS_sched_get_priority_max,
    SYS_sched_get_priority_min, SYS_sched_rr_get_interval, SYS_sched_setaffinity,
    SYS_sched_getaffinity, SYS_sched_setattr, SYS_sched_getattr, SYS_getpriority, SYS_setpriority,
    SYS_ioprio_get, SYS_ioprio_set, SYS_getrlimit, SYS_setrlimit, SYS_prlimit64, SYS_getrusage,
    SYS_times, SYS_getcpu, SYS_pidfd_open, SYS_pidfd_send_signal, SYS_set_thread_area,
    SYS_get_thread_area, SYS_landlock_create_ruleset, SYS_landlock_add_rule,
    SYS_landlock_restrict_self,
    /* who am I; without a capability none of these gives anything */
    SYS_getuid, SYS_getgid, SYS_geteuid, SYS_getegid, SYS_getgroups, SYS_getresuid, SYS_getresgid,
    SYS_setuid, SYS_setgid, SYS_setreuid, SYS_setregid, SYS_setgroups, SYS_setresuid, SYS_setresgid,
    SYS_setfsuid, SYS_setfsgid, SYS_capget, SYS_capset, SYS_uname, SYS_sysinfo,
    /* time */
    SYS_nanosleep, SYS_getitimer, SYS_alarm, SYS_setitimer, SYS_gettimeofday, SYS_time,
    SYS_timer_create, SYS_timer_settime, SYS_timer_gettime, SYS_timer_getoverrun, SYS_timer_delete,
    SYS_clock_gettime, SYS_clock_getres, SYS_clock_nanosleep, SYS_getrandom,
    /* sockets; socket and socketpair are looked at below */
    SYS_connect, SYS_accept, SYS_sendto, SYS_recvfrom, SYS_sendmsg, SYS_recvmsg, SYS_shutdown,
    SYS_bind, SYS_listen, SYS_getsockname, SYS_getpeername, SYS_setsockopt, SYS_getsockopt,
    SYS_accept4, SYS_recvmmsg, SYS_sendmmsg,
    /* System V and POSIX IPC, in a namespace of its own */
    SYS_shmget, SYS_shmat, SYS_shmctl, SYS_shmdt, SYS_semget, SYS_semop, SYS_semctl, SYS_semtimedop,
    SYS_msgget, SYS_msgsnd, SYS_msgrcv, SYS_msgctl, SYS_mq_open, SYS_mq_unlink, SYS_mq_timedsend,
    SYS_mq_timedreceive, SYS_mq_notify, SYS_mq_getsetattr,
};

/* clang-format on */

/* --- the program ----------------------------------------------------------------------------- */

static void
emit(struct writ_filter *f, uint16_t code, uint8_t jt, uint8_t jf, uint32_t k)
{
    if (f->len == WRIT_FILTER_INSNS_MAX) {
        f->overflow = true;
        return;
    }
    f->insn[f->len++] = (struct sock_filter){code, jt, jf, k};
}

static void
emit_ret(struct writ_filter *f, uint32_t action)
{
    emit(f, BPF_RET | BPF_K, 0, 0, action);
}

static void
emit_errno(struct writ_filter *f, int err)
{
    emit_ret(f, SECCOMP_RET_ERRNO | (uint32_t)err);
}

static void
emit_load(struct writ_filter *f, size_t offset)
{
    emit(f, BPF_LD | BPF_W | BPF_ABS, 0, 0, (uint32_t)offset);
}

/* The low half: these arguments are ints to the kernel, whatever is in the high half. */
static void
emit_arg(struct writ_filter *f, unsigned n)
{
    emit_load(f, offsetof(struct seccomp_data, args) + n * sizeof(uint64_t));
}

/* If the accumulator is k, the next instruction is executed, else it is passed over. */
static void
emit_unless_skip(struct writ_filter *f, uint32_t k)
{
    emit(f, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, k);
}

static void
emit_start(struct writ_filter *f)
{
    f->len = 0;
    f->overflow = false;
    emit_load(f, offsetof(struct seccomp_data, arch));
    emit(f, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, AUDIT_ARCH_X86_64);
    emit_ret(f, SECCOMP_RET_KILL_PROCESS);
    emit_load(f, offsetof(struct seccomp_data, nr));
    emit(f, BPF_JMP | BPF_JGE | BPF_K, 0, 1, FILTER_X32_BIT);
    emit_errno(f, ENOSYS);
}

/* A block of instructions for one call: entered with the number in the accumulator, it leaves with
 * a return; other numbers jump over it. The jump is filled in at the end of the block. */
static unsigned short
block_begin(struct writ_filter *f, uint32_t nr)
{
    unsigned short at = f->len;

    emit(f, BPF_JMP | BPF_JEQ | BPF_K, 0, 0, nr);
    return at;
}

static void
block_end(struct writ_filter *f, unsigned short at)
{
    assert(f->overflow || f->len - at - 1 <= UINT8_MAX);
    if (!f->overflow)
        f->insn[at].jf = (uint8_t)(f->len - at - 1);
}

static void
rule_simple(struct writ_filter *f, uint32_t nr, uint32_t action)
{
    emit_unless_skip(f, nr);
    emit_ret(f, action);
}

static void
rule_clone(struct writ_filter *f)
{
    unsigned short b = block_begin(f, SYS_clone);

    emit_arg(f, 0);
    emit(f, BPF_JMP | BPF_JSET | BPF_K, 0, 1, (uint32_t)FILTER_CLONE_NEW);
    emit_errno(f, EPERM);
    emit_ret(f, SECCOMP_RET_ALLOW);
    block_end(f, b);
    /* its flags are in memory, where a filter cannot look: libc then uses clone */
    rule_simple(f, SYS_clone3, SECCOMP_RET_ERRNO | ENOSYS);
}

/* Terminal tricks on whoever reads the other end, line disciplines, and the console. */
static void
rule_ioctl(struct writ_filter *f)
{
    static const uint32_t refused[] = {TIOCSTI, 0x541C /* TIOCLINUX */, TIOCSETD, TIOCCONS};
    unsigned short b = block_begin(f, SYS_ioctl);

    emit_arg(f, 1);
    for (size_t i = 0; i < WRIT_COUNT(refused); i++)
        rule_simple(f, refused[i], SECCOMP_RET_ERRNO | EPERM);
    emit_ret(f, SECCOMP_RET_ALLOW);
    block_end(f, b);
}

static void
rule_personality(struct writ_filter *f)
{
    unsigned short b = block_begin(f, SYS_personality);

    emit_arg(f, 0);
    rule_simple(f, 0, SECCOMP_RET_ALLOW);
    rule_simple(f, 0xffffffff, SECCOMP_RET_ALLOW);
    emit_errno(f, EPERM);
    block_end(f, b);
}

/* Programs may narrow themselves further, but not become somebody's supervisor. */
static void
rule_seccomp(struct writ_filter *f)
{
    unsigned short b = block_begin(f, SYS_seccomp);

    emit_arg(f, 1);
    emit(f, BPF_JMP | BPF_JSET | BPF_K, 0, 1, SECCOMP_FILTER_FLAG_NEW_LISTENER);
    emit_errno(f, EPERM);
    emit_ret(f, SECCOMP_RET_ALLOW);
    block_end(f, b);
}

/* With the type in the accumulator: the flags are taken off and one of two protocols is let by. */
static void
socket_protocol(struct writ_filter *f, uint32_t type, uint32_t protocol)
{
    unsigned short b = block_begin(f, type);

    emit_arg(f, 2);
    rule_simple(f, 0, SECCOMP_RET_ALLOW);
    rule_simple(f, protocol, SECCOMP_RET_ALLOW);
    emit_errno(f, EPROTONOSUPPORT); /* MPTCP, SCTP, UDP-Lite, ping ... */
    block_end(f, b);
}

static void
emit_socket_type(struct writ_filter *f)
{
    emit_arg(f, 1);
    emit(f, BPF_ALU | BPF_AND | BPF_K, 0, 0, 0xf);
}

static void
rule_socket_inet(struct writ_filter *f, uint32_t family)
{
    unsigned short b = block_begin(f, family);

    emit_socket_type(f);
    socket_protocol(f, SOCK_STREAM, IPPROTO_TCP);
    socket_protocol(f, SOCK_DGRAM, IPPROTO_UDP);
    emit_errno(f, EPERM); /* raw and packet sockets */
    block_end(f, b);
}

static void
rule_socket(struct writ_filter *f)
{
    unsigned short b = block_begin(f, SYS_socket);
    unsigned short netlink;

    emit_arg(f, 0);
    rule_simple(f, AF_UNIX, SECCOMP_RET_ALLOW);
    rule_socket_inet(f, AF_INET);
    rule_socket_inet(f, AF_INET6);
    netlink = block_begin(f, AF_NETLINK);
    emit_arg(f, 2);
    rule_simple(f, NETLINK_ROUTE, SECCOMP_RET_ALLOW); /* getifaddrs and getaddrinfo ask it */
    emit_errno(f, EPROTONOSUPPORT);
    block_end(f, netlink);
    emit_errno(f, EAFNOSUPPORT);
    block_end(f, b);

    b = block_begin(f, SYS_socketpair);
    emit_arg(f, 0);
    rule_simple(f, AF_UNIX, SECCOMP_RET_ALLOW);
    emit_errno(f, EAFNOSUPPORT);
    block_end(f, b);
}

static int
by_number(const void *a, const void *b)
{
    uint16_t x;
    uint16_t y;

    memcpy(&x, a, sizeof(x));
    memcpy(&y, b, sizeof(y));
    return (x > y) - (x < y);
}

/* Half-open ranges of allowed numbers, as their ends: edge[2i] .. edge[2i + 1]. */
struct edges {
    uint16_t at[2 * WRIT_COUNT(allowed)];
    size_t count;
};

static void
find_edges(struct edges *e)
{
    uint16_t sorted[WRIT_COUNT(allowed)];

    memcpy(sorted, allowed, sizeof(sorted));
    qsort(sorted, WRIT_COUNT(sorted), sizeof(sorted[0]), by_number);
    e->count = 0;
    for (size_t i = 0; i < WRIT_COUNT(sorted); i++) {
        if (e->count != 0 && e->at[e->count - 1] == sorted[i]) {
            e->at[e->count - 1]++;
            continue;
        }
        e->at[e->count++] = sorted[i];
        e->at[e->count++] = (uint16_t)(sorted[i] + 1U);
    }
}

/* What a number turns out to be; each has one return, behind the search. */
enum { FOUND_ALLOWED, FOUND_REFUSED, FOUND_UNKNOWN, FOUND_COUNT };

/* A binary search over the edges, written to f. The number of instructions matters: the kernel
 * translates each, and walks the way to a verdict once for every system call when the filter is put
 * on. */
struct search {
    struct writ_filter *f;
    const struct edges *e;

    /* jumps to be filled in once it is known where the returns are */
    struct {
        unsigned short at;
        uint8_t found;
        bool if_true;
    } open[2 * WRIT_COUNT(allowed) + 2];

    size_t open_count;
};

static uint8_t
found_at(const struct search *s, size_t edge)
{
    if (edge % 2 == 1)
        return FOUND_ALLOWED; /* left of the end of a range */
    return edge == s->e->count ? FOUND_UNKNOWN : FOUND_REFUSED;
}

static void
search_leave(struct search *s, unsigned short at, bool if_true, uint8_t found)
{
    s->open[s->open_count].at = at;
    s->open[s->open_count].if_true = if_true;
    s->open[s->open_count++].found = found;
}

/* Numbers whose first edge above them is in from .. to. Recursion is as deep as log2 of the edges.
 * The part for smaller numbers comes after that for larger ones, which is short enough to be jumped
 * over. */
static void // NOLINTNEXTLINE(misc-no-recursion)
search_emit(struct search *s, size_t from, size_t to)
{
    size_t mid = from + (to - from) / 2;
    unsigned short at = s->f->len;

    emit(s->f, BPF_JMP | BPF_JGE | BPF_K, 0, 0, s->e->at[mid]);
    if (mid + 1 < to) {
        search_emit(s, mid + 1, to);
    } else {
        search_leave(s, at, true, found_at(s, mid + 1));
    }
    if (from < mid) {
        assert(s->f->overflow || s->f->len - at - 1 <= UINT8_MAX);
        if (!s->f->overflow)
            s->f->insn[at].jf = (uint8_t)(s->f->len - at - 1);
        search_emit(s, from, mid);
    } else {
        search_leave(s, at, false, found_at(s, from));
    }
}

static void
emit_search(struct writ_filter *f, const struct edges *e)
{
    static const uint32_t verdicts[FOUND_COUNT] = {[FOUND_ALLOWED] = SECCOMP_RET_ALLOW,
                                                   [FOUND_REFUSED] = SECCOMP_RET_ERRNO | EPERM,
                                                   [FOUND_UNKNOWN] = SECCOMP_RET_ERRNO | ENOSYS};
    struct search s = {.f = f, .e = e};
    unsigned short returns;

    search_emit(&s, 0, e->count);
    returns = f->len;
    for (size_t i = 0; i < FOUND_COUNT; i++)
        emit_ret(f, verdicts[i]);
    for (size_t i = 0; i < s.open_count && !f->overflow; i++) {
        size_t way = (size_t)returns + s.open[i].found - s.open[i].at - 1;
        struct sock_filter *insn = &f->insn[s.open[i].at];

        assert(way <= UINT8_MAX);
        if (s.open[i].if_true) {
            insn->jt = (uint8_t)way;
        } else {
            insn->jf = (uint8_t)way;
        }
    }
}

void
writ_filter_build(struct writ_filter *f, bool notify)
{
    struct edges e;
    uint32_t exec = notify ? SECCOMP_RET_USER_NOTIF : SECCOMP_RET_ALLOW;

    emit_start(f);
    rule_simple(f, SYS_execve, exec);
    rule_simple(f, SYS_execveat, exec);
    rule_clone(f);
    rule_ioctl(f);
    rule_socket(f);
    rule_personality(f);
    rule_seccomp(f);
    find_edges(&e);
    emit_search(f, &e);
    assert(!f->overflow);
}

/* Wait for children and the launcher, pass signals on, answer, end. */
void
writ_filter_build_init(struct writ_filter *f)
{
    static const uint32_t calls[] = {
        SYS_read,       SYS_ppoll,           SYS_poll,         SYS_wait4,   SYS_waitid,
        SYS_kill,       SYS_close,           SYS_sendmsg,      SYS_recvmsg, SYS_exit,
        SYS_exit_group, SYS_restart_syscall, SYS_rt_sigreturn,
    };

    emit_start(f);
    for (size_t i = 0; i < WRIT_COUNT(calls); i++)
        rule_simple(f, calls[i], SECCOMP_RET_ALLOW);
    emit_ret(f, SECCOMP_RET_KILL_PROCESS);
    assert(!f->overflow);
}

enum writ_err
writ_filter_install(const struct writ_filter *f, int *ret_listener)
{
    struct sock_fprog prog = {.len = f->len};
    unsigned long flags = 0;
    long fd;

    prog.filter =
        (struct sock_filter *)(uintptr_t)f->insn; // NOLINT(performance-no-int-to-ptr): only read
    if (ret_listener != NULL)
        flags = SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
    fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &prog);
    if (fd < 0 && errno == EINVAL && ret_listener != NULL) /* before 5.19 */
        fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &prog);
    if (fd < 0)
        return WRIT_E_SYS;
    if (ret_listener != NULL)
        *ret_listener = (int)fd;
    return WRIT_OK;
}
