#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "sandbox/filter.h"
#include "sandbox/landlock.h"
#include "sandbox/tap.h"
#include "sandbox/wire.h"
#include "test.h"

/* --- the filter, run as the kernel would (Documentation/networking/filter.rst) ---------------- */

struct verdict {
    uint32_t action;
    unsigned steps;
};

static bool
jump(const struct sock_filter *i, uint32_t a)
{
    switch (BPF_OP(i->code)) {
    case BPF_JEQ:
        return a == i->k;
    case BPF_JGE:
        return a >= i->k;
    case BPF_JSET:
        return (a & i->k) != 0;
    default:
        return false;
    }
}

/* Every instruction it does not know, and every way off the end, is a verdict of 0xdead. */
static struct verdict
run(const struct writ_filter *f, const struct seccomp_data *d)
{
    struct verdict v = {.action = 0xdead};
    uint32_t a = 0;

    for (size_t pc = 0; pc < f->len; pc++) {
        const struct sock_filter *i = &f->insn[pc];

        v.steps++;
        if (i->code == (BPF_LD | BPF_W | BPF_ABS)) {
            if (i->k % 4 != 0 || i->k + sizeof(a) > sizeof(*d))
                return v;
            memcpy(&a, (const uint8_t *)d + i->k, sizeof(a));
        } else if (i->code == (BPF_ALU | BPF_AND | BPF_K)) {
            a &= i->k;
        } else if (i->code == (BPF_RET | BPF_K)) {
            v.action = i->k;
            return v;
        } else if (i->code == (BPF_JMP | BPF_JA)) {
            pc += i->k;
        } else if (BPF_CLASS(i->code) == BPF_JMP) {
            pc += jump(i, a) ? i->jt : i->jf;
        } else {
            return v;
        }
    }
    return v;
}

static uint32_t
ask(const struct writ_filter *f, int nr, uint64_t a0, uint64_t a1, uint64_t a2)
{
    struct seccomp_data d = {.nr = nr, .arch = AUDIT_ARCH_X86_64, .args = {a0, a1, a2}};

    return run(f, &d).action;
}

static uint32_t
refuse(int err)
{
    return SECCOMP_RET_ERRNO | (uint32_t)err;
}

/* clang-format off */
static const int yes[] = {
    SYS_read, SYS_write, SYS_openat, SYS_mmap, SYS_futex, SYS_clone, SYS_fork, SYS_wait4,
    SYS_connect, SYS_statx, SYS_rseq, SYS_openat2, SYS_close_range, SYS_getrandom, SYS_epoll_pwait2,
    449, 452, 454, 462,
};
static const int no[] = {
    SYS_ptrace, SYS_mount, SYS_umount2, SYS_bpf, SYS_io_uring_setup, SYS_io_uring_enter,
    SYS_io_uring_register, SYS_userfaultfd, SYS_keyctl, SYS_add_key, SYS_request_key, SYS_unshare,
    SYS_setns, SYS_chroot, SYS_pivot_root, SYS_perf_event_open, SYS_process_vm_readv,
    SYS_process_vm_writev, SYS_kexec_load, SYS_kexec_file_load, SYS_init_module, SYS_finit_module,
    SYS_delete_module, SYS_swapon, SYS_swapoff, SYS_reboot, SYS_sethostname, SYS_setdomainname,
    SYS_acct, SYS_quotactl, SYS_settimeofday, SYS_clock_settime, SYS_adjtimex, SYS_clock_adjtime,
    SYS_name_to_handle_at, SYS_open_by_handle_at, SYS_modify_ldt, SYS_ioperm, SYS_iopl, SYS_vhangup,
    SYS_syslog, SYS_memfd_secret, SYS_pidfd_getfd, SYS_kcmp, SYS_process_madvise,
    SYS_process_mrelease, SYS_fanotify_init, SYS_fanotify_mark, SYS_lookup_dcookie, SYS_nfsservctl,
    SYS_uselib, SYS__sysctl, SYS_ustat, SYS_sysfs, SYS_fsopen, SYS_fsconfig, SYS_fsmount,
    SYS_fspick, SYS_open_tree, SYS_move_mount, SYS_mount_setattr, SYS_move_pages, SYS_mbind,
    SYS_migrate_pages, SYS_set_mempolicy, SYS_quotactl_fd, 453, 457, 458, 459,
};

/* clang-format on */

static void
test_calls(void)
{
    struct writ_filter f;

    writ_filter_build(&f, true);
    for (size_t i = 0; i < WRIT_COUNT(yes); i++)
        CHECK(ask(&f, yes[i], 0, 0, 0) == SECCOMP_RET_ALLOW);
    for (size_t i = 0; i < WRIT_COUNT(no); i++)
        CHECK(ask(&f, no[i], 0, 0, 0) == refuse(EPERM));
    CHECK(ask(&f, SYS_execve, 0, 0, 0) == SECCOMP_RET_USER_NOTIF);
    CHECK(ask(&f, SYS_execveat, 0, 0, 0) == SECCOMP_RET_USER_NOTIF);
    CHECK(ask(&f, SYS_clone3, 0, 0, 0) == refuse(ENOSYS));
    for (int nr = 463; nr < 4096; nr++)
        CHECK(ask(&f, nr, 0, 0, 0) == refuse(ENOSYS));
    CHECK(ask(&f, -1, 0, 0, 0) == refuse(ENOSYS));
    writ_filter_build(&f, false);
    CHECK(ask(&f, SYS_execve, 0, 0, 0) == SECCOMP_RET_ALLOW);
}

static void
test_length(void)
{
    struct writ_filter f;
    unsigned worst = 0;

    writ_filter_build(&f, true);
    /* no call has a way off the program, and none has a long one */
    for (int nr = 0; nr < 600; nr++) {
        struct seccomp_data d = {.nr = nr, .arch = AUDIT_ARCH_X86_64};
        struct verdict v = run(&f, &d);

        CHECK(v.action != 0xdead && v.action != SECCOMP_RET_LOG);
        worst = v.steps > worst ? v.steps : worst;
    }
    CHECK(worst < 48);
}

static void
test_architectures(void)
{
    static const uint32_t other[] = {AUDIT_ARCH_I386, AUDIT_ARCH_AARCH64, 0};
    struct writ_filter f;

    writ_filter_build(&f, true);
    for (size_t i = 0; i < WRIT_COUNT(other); i++) {
        for (int nr = 0; nr < 500; nr++) {
            struct seccomp_data d = {.nr = nr, .arch = other[i]};

            CHECK(run(&f, &d).action == SECCOMP_RET_KILL_PROCESS);
        }
    }
    for (int nr = 0; nr < 600; nr++)
        CHECK(ask(&f, nr | 0x40000000, 0, 0, 0) == refuse(ENOSYS));
}

static void
test_arguments(void)
{
    static const uint64_t junk = UINT64_C(0xdeadbeef00000000);
    static const uint64_t spaces[] = {CLONE_NEWNS,   CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWPID,
                                      CLONE_NEWUSER, CLONE_NEWNET, 0x80,         CLONE_NEWCGROUP};
    struct writ_filter f;

    writ_filter_build(&f, true);
    for (size_t i = 0; i < WRIT_COUNT(spaces); i++) {
        CHECK(ask(&f, SYS_clone, spaces[i], 0, 0) == refuse(EPERM));
        CHECK(ask(&f, SYS_clone, junk | spaces[i] | 17, 0, 0) == refuse(EPERM));
    }
    CHECK(ask(&f, SYS_clone, 0x3d0f00, 0, 0) == SECCOMP_RET_ALLOW); /* a thread */
    CHECK(ask(&f, SYS_ioctl, 1, TCGETS, 0) == SECCOMP_RET_ALLOW);
    CHECK(ask(&f, SYS_ioctl, 1, TIOCSTI, 0) == refuse(EPERM));
    CHECK(ask(&f, SYS_ioctl, 1, junk | TIOCSTI, 0) == refuse(EPERM));
    CHECK(ask(&f, SYS_ioctl, 1, 0x541c, 0) == refuse(EPERM)); /* TIOCLINUX */
    CHECK(ask(&f, SYS_ioctl, 1, TIOCSETD, 0) == refuse(EPERM));
    CHECK(ask(&f, SYS_personality, 0, 0, 0) == SECCOMP_RET_ALLOW);
    CHECK(ask(&f, SYS_personality, 0xffffffff, 0, 0) == SECCOMP_RET_ALLOW);
    CHECK(ask(&f, SYS_personality, 0x40000, 0, 0) == refuse(EPERM));
    CHECK(ask(&f, SYS_seccomp, 1, 0, 0) == SECCOMP_RET_ALLOW);
    CHECK(ask(&f, SYS_seccomp, 1, 8, 0) == refuse(EPERM)); /* NEW_LISTENER */
    CHECK(ask(&f, SYS_socketpair, AF_UNIX, SOCK_STREAM, 0) == SECCOMP_RET_ALLOW);
    CHECK(ask(&f, SYS_socketpair, AF_TIPC, SOCK_STREAM, 0) == refuse(EAFNOSUPPORT));
}

static void
test_sockets(void)
{
    struct writ_filter f;
    unsigned families = 0;

    writ_filter_build(&f, true);
    for (uint64_t family = 0; family < 64; family++)
        families += ask(&f, SYS_socket, family, SOCK_STREAM, 0) != refuse(EAFNOSUPPORT);
    CHECK(families == 4); /* UNIX, INET, INET6, and NETLINK for ROUTE */
    for (uint64_t type = 0; type < 16; type++) {
        for (uint64_t protocol = 0; protocol < 300; protocol++) {
            bool ok = (type == SOCK_STREAM && (protocol == 0 || protocol == 6)) ||
                      (type == SOCK_DGRAM && (protocol == 0 || protocol == 17));
            uint64_t flags = type | SOCK_CLOEXEC | SOCK_NONBLOCK;

            CHECK((ask(&f, SYS_socket, AF_INET, flags, protocol) == SECCOMP_RET_ALLOW) == ok);
            CHECK((ask(&f, SYS_socket, AF_INET6, flags, protocol) == SECCOMP_RET_ALLOW) == ok);
        }
    }
    for (uint64_t protocol = 1; protocol < 32; protocol++)
        CHECK(ask(&f, SYS_socket, AF_NETLINK, SOCK_RAW, protocol) == refuse(EPROTONOSUPPORT));
    CHECK(ask(&f, SYS_socket, AF_NETLINK, SOCK_RAW, 0) == SECCOMP_RET_ALLOW);
}

static void
test_init_filter(void)
{
    struct writ_filter f;
    unsigned allowed = 0;

    writ_filter_build_init(&f);
    for (int nr = 0; nr < 600; nr++) {
        uint32_t action = ask(&f, nr, 0, 0, 0);

        CHECK(action == SECCOMP_RET_ALLOW || action == SECCOMP_RET_KILL_PROCESS);
        allowed += action == SECCOMP_RET_ALLOW;
    }
    CHECK(allowed <= 16);
    CHECK(ask(&f, SYS_execve, 0, 0, 0) == SECCOMP_RET_KILL_PROCESS);
    CHECK(ask(&f, SYS_openat, 0, 0, 0) == SECCOMP_RET_KILL_PROCESS);
    CHECK(ask(&f, SYS_kill, 0, 0, 0) == SECCOMP_RET_ALLOW);
}

/* --- wire ------------------------------------------------------------------------------------ */

static void
test_wire(void)
{
    static struct writ_wire_msg m;
    static uint8_t big[WRIT_WIRE_TEXT_MAX + 1];
    int p[2];

    CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, p) == 0);
    CHECK(writ_wire_send(p[0], WRIT_WIRE_PUT, 7, writ_span_str("/a"),
                         (struct writ_wire_fds){(int[]){0, 1}, 2}) == WRIT_OK);
    CHECK(writ_wire_recv(p[1], 1000, &m) == WRIT_OK);
    CHECK(m.type == WRIT_WIRE_PUT && m.value == 7 && strcmp(m.text, "/a") == 0 && m.fd_count == 2);
    CHECK((fcntl(m.fds[0], F_GETFD) & FD_CLOEXEC) != 0);
    writ_wire_close_fds(&m);
    CHECK(m.fd_count == 0);
    CHECK(writ_wire_recv(p[1], 0, &m) == WRIT_E_AGAIN);
    CHECK(writ_wire_send(p[0], WRIT_WIRE_PUT, 0, writ_span(big, sizeof(big)),
                         (struct writ_wire_fds){NULL, 0}) == WRIT_E_LIMIT);
    CHECK(writ_wire_send(p[0], WRIT_WIRE_PUT, 0, writ_span(big, sizeof(big) - 1),
                         (struct writ_wire_fds){NULL, 0}) == WRIT_OK);
    CHECK(writ_wire_recv(p[1], 0, &m) == WRIT_OK && m.text_len == sizeof(big) - 1);
    /* too short, no type, a type that is none, too long */
    for (size_t n = 1; n < 8; n++)
        CHECK(send(p[0], big, n, 0) == (ssize_t)n && writ_wire_recv(p[1], 0, &m) == WRIT_E_FORMAT);
    CHECK(send(p[0], big, 8, 0) == 8 && writ_wire_recv(p[1], 0, &m) == WRIT_E_FORMAT);
    big[3] = WRIT_WIRE_FAIL + 1;
    CHECK(send(p[0], big, 8, 0) == 8 && writ_wire_recv(p[1], 0, &m) == WRIT_E_FORMAT);
    big[3] = WRIT_WIRE_FAIL;
    CHECK(send(p[0], big, 8, 0) == 8 && writ_wire_recv(p[1], 0, &m) == WRIT_OK);
    CHECK(close(p[0]) == 0);
    CHECK(writ_wire_recv(p[1], 0, &m) == WRIT_E_CLOSED);
    CHECK(writ_wire_send(p[1], WRIT_WIRE_GO, 0, writ_span(NULL, 0),
                         (struct writ_wire_fds){NULL, 0}) == WRIT_E_CLOSED);
    CHECK(close(p[1]) == 0);
}

/* --- the tap --------------------------------------------------------------------------------- */

static void
test_tap(void)
{
    static const uint8_t packet[] = {0x46, 0,  0,    48,   1, 2,   0x40, 0,   64, 6, 9,
                                     9,    10, 0,    0,    1, 203, 0,    113, 7,  1, 1,
                                     1,    1,  0xc0, 0x01, 0, 22,  0,    0,   0,  0};
    static const uint8_t to[] = {203, 0, 113, 7};
    struct writ_tap_event ev = {0};
    uint8_t copy[sizeof(packet)];

    CHECK(writ_tap_parse_v4(writ_span(packet, sizeof(packet)), &ev));
    CHECK(ev.protocol == 6 && ev.from_port == 0xc001 && ev.to_port == 22);
    CHECK(IN6_IS_ADDR_V4MAPPED(&ev.to) && memcmp(&ev.to.s6_addr[12], to, 4) == 0);
    for (size_t n = 0; n < sizeof(packet) - 4; n++)
        CHECK(!writ_tap_parse_v4(writ_span(packet, n), &ev));
    memcpy(copy, packet, sizeof(copy));
    for (unsigned first = 0; first < 256; first++) {
        copy[0] = (uint8_t)first;
        CHECK(writ_tap_parse_v4(writ_span(copy, sizeof(copy)), &ev) ==
              (first >= 0x45 && first <= 0x47));
    }
}

int
main(void)
{
    test_calls();
    test_length();
    test_architectures();
    test_arguments();
    test_sockets();
    test_init_filter();
    test_wire();
    test_tap();
    return test_end();
}
