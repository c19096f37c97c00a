/*
 * What the ledger may do once its files are open. It reads what a broken gateway may have written,
 * so it is confined as if it were one: no program, no network, no file outside the store.
 */
#include <sys/syscall.h>

#include "sandbox/self.h"
#include "writ-ledger/ledger.h"

enum writ_err
ledger_harden(const struct writ_store *s)
{
    static const unsigned calls[] =
        {
            SYS_pwrite64,       SYS_read,       SYS_write,
            SYS_pread64,        SYS_ppoll,
#ifdef SYS_poll
            SYS_poll,
#endif
            SYS_recvmsg,        SYS_sendmsg,    SYS_close,
            SYS_fcntl,          SYS_fstat,      SYS_newfstatat,
            SYS_openat,         SYS_unlinkat,   SYS_getdents64,
            SYS_lseek,          SYS_flock,      SYS_ftruncate,
            SYS_fallocate,      SYS_fdatasync,  SYS_fsync,
            SYS_munmap,         SYS_brk,        SYS_madvise,
            SYS_clock_gettime, /* where the vdso cannot read the clock */
            SYS_getrandom,      SYS_futex,      SYS_restart_syscall,
            SYS_rt_sigprocmask, /* this and the next four: abort() */
            SYS_rt_sigaction,   SYS_getpid,     SYS_gettid,
            SYS_tgkill,         SYS_exit_group,
        };
    const struct writ_self_path store = {.path = NULL, .dir = s->dir, .write = true};
    const struct writ_self self = {
        .paths = &store, .path_count = 1, .calls = calls, .call_count = WRIT_COUNT(calls)};

    return writ_self_narrow(&self);
}
