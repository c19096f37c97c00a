#include "writ-gateway/narrow.h"

#include <sys/syscall.h>

#include "base/id.h"
#include "sandbox/self.h"

/* A uid of its own for each gateway that root starts: two gateways cannot signal or trace each
 * other. */
enum { GATEWAY_UID_BASE = 0x78000000 };

static const unsigned calls[] = {
    SYS_read,
    SYS_write,
    SYS_close,
    SYS_fstat,
    SYS_lseek,
    SYS_munmap,
    SYS_brk,
    SYS_readv,
    SYS_writev,
    SYS_madvise,
    SYS_mremap,
    SYS_fcntl,
    SYS_getpid,
    SYS_gettid,
    SYS_exit,
    SYS_exit_group,
    SYS_futex,
    SYS_getrandom,
    SYS_clock_gettime,
    SYS_restart_syscall,
    SYS_rt_sigprocmask,
    SYS_rt_sigaction,
    SYS_rt_sigreturn,
    SYS_tgkill,
    SYS_epoll_ctl,
    SYS_epoll_pwait,
    SYS_accept4,
    SYS_connect,
    SYS_bind,
    SYS_getsockname,
    SYS_getpeername,
    SYS_setsockopt,
    SYS_getsockopt,
    SYS_sendto,
    SYS_recvfrom,
    SYS_sendmsg,
    SYS_recvmsg,
    SYS_shutdown,
    SYS_ioctl,
    /* files of the resolver and of the trusted roots, as far as Landlock lets them be read */
    SYS_openat,
    SYS_newfstatat,
    SYS_getdents64,
    SYS_memfd_secret,
    SYS_ftruncate,
    SYS_mlock,
#ifdef SYS_epoll_wait
    SYS_epoll_wait,
#endif
#ifdef SYS_stat
    SYS_stat,
    SYS_open,
    SYS_access,
#endif
    SYS_geteuid,
    SYS_getuid,
    SYS_getegid,
    SYS_getgid,
    SYS_uname,
};

enum writ_err
narrow(const struct gateway *gw)
{
    static const struct writ_self_path files[] = {
        {.path = "/etc/hosts"},
        {.path = "/etc/resolv.conf"},
        {.path = "/etc/nsswitch.conf"},
        {.path = "/etc/host.conf"},
        {.path = "/etc/ssl"},
        {.path = "/usr/lib/ssl"},
        {.path = "/usr/share/ca-certificates"},
        {.path = "/usr/local/share/ca-certificates"},
        {.path = "/run/systemd/resolve"}, /* where resolv.conf may point */
    };
    struct writ_self s = {.paths = files,
                          .path_count = WRIT_COUNT(files),
                          .calls = calls,
                          .call_count = WRIT_COUNT(calls),
                          .inet = gw->service_count != 0};
    uint16_t unique;

    writ_random(&unique, sizeof(unique));
    s.uid = (uid_t)GATEWAY_UID_BASE + unique;
    return writ_self_narrow(&s);
}
