/*
 * sandbox_probe.c - tries what a task must not be able to do, and says what it got.
 *
 * One line for each attempt: its name and "ok", an errno's name, or "killed". Run outside first: an
 * attempt that is refused there too proves nothing about the sandbox. Every attempt runs in a child
 * of its own, with arguments that do nothing if they are let through.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/io_uring.h>
#include <linux/keyctl.h>
#include <linux/perf_event.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/attr.h"

static long
try_io_uring(void)
{
    struct io_uring_params p = {0};

    return syscall(SYS_io_uring_setup, 1, &p);
}

static long
try_bpf(void)
{
    union bpf_attr a;

    memset(&a, 0, sizeof(a));
    a.map_type = BPF_MAP_TYPE_ARRAY;
    a.key_size = 4;
    a.value_size = 4;
    a.max_entries = 1;
    return syscall(SYS_bpf, BPF_MAP_CREATE, &a, sizeof(a));
}

static long
try_userfaultfd(void)
{
    return syscall(SYS_userfaultfd, O_CLOEXEC);
}

static long
try_keyctl(void)
{
    return syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 1);
}

static long
try_add_key(void)
{
    return syscall(SYS_add_key, "user", "writ-probe", "x", 1, KEY_SPEC_PROCESS_KEYRING);
}

static long
try_perf(void)
{
    struct perf_event_attr a = {.type = PERF_TYPE_SOFTWARE,
                                .size = sizeof(a),
                                .config = PERF_COUNT_SW_CPU_CLOCK,
                                .exclude_kernel = 1};

    return syscall(SYS_perf_event_open, &a, 0, -1, -1, 0);
}

static long
try_ptrace(void)
{
    return ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}

static long
try_process_vm(void)
{
    char from = 'x';
    char to;
    struct iovec l = {&to, 1};
    struct iovec r = {&from, 1};

    return process_vm_readv(getpid(), &l, 1, &r, 1, 0);
}

static long
try_unshare_user(void)
{
    return unshare(CLONE_NEWUSER);
}

static long
try_unshare_mount(void)
{
    return unshare(CLONE_NEWNS);
}

static long
try_unshare_net(void)
{
    return unshare(CLONE_NEWNET);
}

static long
try_clone_user(void)
{
    long pid = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL);

    if (pid == 0)
        _exit(0);
    if (pid > 0)
        (void)waitpid((pid_t)pid, NULL, 0);
    return pid;
}

static long
try_clone3(void)
{
    struct {
        uint64_t words[11];
    } args = {{0}};

    long pid;

    args.words[4] = SIGCHLD;
    pid = syscall(SYS_clone3, &args, sizeof(args));
    if (pid == 0)
        _exit(0);
    if (pid > 0)
        (void)waitpid((pid_t)pid, NULL, 0);
    return pid;
}

static long
try_setns(void)
{
    int fd = open("/proc/self/ns/uts", O_RDONLY | O_CLOEXEC);

    return fd < 0 ? -1 : setns(fd, CLONE_NEWUTS);
}

static long
try_mount(void)
{
    return mount("tmpfs", "/tmp/.writ-no-such-dir", "tmpfs", 0, NULL);
}

static long
try_umount(void)
{
    return umount2("/tmp/.writ-no-such-dir", MNT_DETACH);
}

static long
try_fsopen(void)
{
    return fsopen("tmpfs", FSOPEN_CLOEXEC);
}

static long
try_open_tree(void)
{
    return open_tree(AT_FDCWD, "/tmp", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
}

static long
try_move_mount(void)
{
    return move_mount(-1, "", -1, "", MOVE_MOUNT_F_EMPTY_PATH);
}

static long
try_mount_setattr(void)
{
    struct mount_attr a = {0};

    return mount_setattr(AT_FDCWD, "/tmp/.writ-no-such-dir", 0, &a, sizeof(a));
}

static long
try_pivot_root(void)
{
    return syscall(SYS_pivot_root, "/tmp/.writ-no-such-dir", "/tmp");
}

static long
try_chroot(void)
{
    return chroot("/tmp");
}

static long
try_kexec(void)
{
    return syscall(SYS_kexec_load, 0, 17UL, NULL, 0);
}

static long
try_init_module(void)
{
    return syscall(SYS_init_module, "", 0, "");
}

static long
try_swapon(void)
{
    return syscall(SYS_swapon, "/tmp/.writ-no-such-file", 0);
}

static long
try_reboot(void)
{
    return syscall(SYS_reboot, 1, 2, 3, NULL); /* wrong magic numbers */
}

static long
try_sethostname(void)
{
    return syscall(SYS_sethostname, "x", -1);
}

static long
try_settimeofday(void)
{
    return syscall(SYS_settimeofday, NULL, NULL);
}

static long
try_adjtimex(void)
{
    char timex[256] = {0};

    return syscall(SYS_adjtimex, timex);
}

static long
try_name_to_handle(void)
{
    struct {
        struct file_handle h;
        char room[128];
    } f;

    int id;

    memset(&f, 0, sizeof(f));
    f.h.handle_bytes = sizeof(f.room);
    return name_to_handle_at(AT_FDCWD, "/usr", &f.h, &id, 0);
}

static long
try_open_by_handle(void)
{
    struct file_handle h = {.handle_bytes = 0};

    return open_by_handle_at(AT_FDCWD, &h, O_RDONLY | O_CLOEXEC);
}

static long
try_personality(void)
{
    return personality(ADDR_NO_RANDOMIZE);
}

static long
try_modify_ldt(void)
{
    char ldt[64];

    return syscall(SYS_modify_ldt, 0, ldt, sizeof(ldt));
}

static long
try_iopl(void)
{
    return syscall(SYS_iopl, 0);
}

static long
try_syslog(void)
{
    return syscall(SYS_syslog, 10, NULL, 0); /* size of the buffer */
}

static long
try_memfd_secret(void)
{
    return syscall(SYS_memfd_secret, 0);
}

static long
try_pidfd_getfd(void)
{
    int fd = (int)syscall(SYS_pidfd_open, getpid(), 0);

    return fd < 0 ? -1 : syscall(SYS_pidfd_getfd, fd, 1, 0);
}

static long
try_kcmp(void)
{
    return syscall(SYS_kcmp, getpid(), getpid(), 0, 0, 0);
}

static long
try_fanotify(void)
{
    return syscall(SYS_fanotify_init, 0x200, O_RDONLY);
}

static long
try_seccomp_listener(void)
{
    struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    struct sock_fprog p = {1, &allow};

    (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &p);
}

/* On a terminal of its own; the second time with rubbish in the half that the kernel ignores. */
static long
sti(unsigned long request)
{
    int master = posix_openpt(O_RDWR | O_NOCTTY);
    int slave;

    if (master < 0 || grantpt(master) < 0 || unlockpt(master) < 0)
        return -1;
    (void)setsid();
    slave = open(ptsname(master), O_RDWR | O_CLOEXEC);
    if (slave < 0 || ioctl(slave, TIOCSCTTY, 0) < 0)
        return -1;
    return syscall(SYS_ioctl, slave, request, "x");
}

static long
try_tiocsti(void)
{
    return sti(TIOCSTI);
}

static long
try_tiocsti_high(void)
{
    return sti(TIOCSTI | 0x100000000UL);
}

static long
try_mknod(void)
{
    (void)unlink("/tmp/.writ-node");
    return mknod("/tmp/.writ-node", S_IFCHR | 0600, 0x103);
}

static long
try_x32(void)
{
    return syscall(0x40000000 | SYS_getpid);
}

static long
try_int80(void)
{
    long r = 20; /* getpid of the 32-bit table */

    __asm__ volatile("int $0x80" : "+a"(r)::"memory", "r8", "r9", "r10", "r11");
    return r;
}

static long
try_new_call(void)
{
    return syscall(5000);
}

static long
try_setuid(void)
{
    return setuid(0);
}

static long
try_nice(void)
{
    return setpriority(PRIO_PROCESS, 0, -10);
}

static const struct {
    const char *name;
    long (*fn)(void);
} attempts[] = {
    {"io_uring_setup", try_io_uring},
    {"bpf", try_bpf},
    {"userfaultfd", try_userfaultfd},
    {"keyctl", try_keyctl},
    {"add_key", try_add_key},
    {"perf_event_open", try_perf},
    {"ptrace", try_ptrace},
    {"process_vm_readv", try_process_vm},
    {"unshare-user", try_unshare_user},
    {"unshare-mount", try_unshare_mount},
    {"unshare-net", try_unshare_net},
    {"clone-user", try_clone_user},
    {"clone3", try_clone3},
    {"setns", try_setns},
    {"mount", try_mount},
    {"umount", try_umount},
    {"fsopen", try_fsopen},
    {"open_tree", try_open_tree},
    {"move_mount", try_move_mount},
    {"mount_setattr", try_mount_setattr},
    {"pivot_root", try_pivot_root},
    {"chroot", try_chroot},
    {"kexec_load", try_kexec},
    {"init_module", try_init_module},
    {"swapon", try_swapon},
    {"reboot", try_reboot},
    {"sethostname", try_sethostname},
    {"settimeofday", try_settimeofday},
    {"adjtimex", try_adjtimex},
    {"name_to_handle_at", try_name_to_handle},
    {"open_by_handle_at", try_open_by_handle},
    {"personality", try_personality},
    {"modify_ldt", try_modify_ldt},
    {"iopl", try_iopl},
    {"syslog", try_syslog},
    {"memfd_secret", try_memfd_secret},
    {"pidfd_getfd", try_pidfd_getfd},
    {"kcmp", try_kcmp},
    {"fanotify_init", try_fanotify},
    {"seccomp-listener", try_seccomp_listener},
    {"TIOCSTI", try_tiocsti},
    {"TIOCSTI-high", try_tiocsti_high},
    {"mknod", try_mknod},
    {"x32", try_x32},
    {"int80", try_int80},
    {"new-call", try_new_call},
    {"setuid", try_setuid},
    {"nice", try_nice},
};

static const struct {
    const char *name;
    int family;
    int type;
    int protocol;
} sockets[] = {
    {"unix", AF_UNIX, SOCK_STREAM, 0},
    {"tcp", AF_INET, SOCK_STREAM, 0},
    {"udp6", AF_INET6, SOCK_DGRAM, 17},
    {"netlink-route", AF_NETLINK, SOCK_RAW, 0},
    {"netlink-sock_diag", AF_NETLINK, SOCK_RAW, 4},
    {"netlink-netfilter", AF_NETLINK, SOCK_RAW, 12},
    {"netlink-audit", AF_NETLINK, SOCK_RAW, 9},
    {"netlink-uevent", AF_NETLINK, SOCK_RAW, 15},
    {"netlink-generic", AF_NETLINK, SOCK_RAW, 16},
    {"raw", AF_INET, SOCK_RAW, 1},
    {"raw6", AF_INET6, SOCK_RAW, 58},
    {"ping", AF_INET, SOCK_DGRAM, 1},
    {"mptcp", AF_INET, SOCK_STREAM, 262},
    {"udplite", AF_INET, SOCK_DGRAM, 136},
    {"packet", AF_PACKET, SOCK_RAW, 0},
    {"vsock", 40, SOCK_STREAM, 0},
    {"alg", 38, SOCK_SEQPACKET, 0},
};

static void
say(const char *name, long r)
{
    const char *text = r < 0 ? strerrorname_np(errno) : "ok";

    (void)printf("%s %s\n", name, text == NULL ? "unknown" : text);
    (void)fflush(stdout);
}

int
main(void)
{
    for (size_t i = 0; i < WRIT_COUNT(attempts); i++) {
        pid_t pid = fork();
        int status = 0;

        if (pid == 0) {
            say(attempts[i].name, attempts[i].fn());
            _exit(0);
        }
        if (pid < 0 || waitpid(pid, &status, 0) < 0)
            return 1;
        if (WIFSIGNALED(status))
            (void)printf("%s killed\n", attempts[i].name);
        (void)fflush(stdout);
    }
    for (size_t i = 0; i < WRIT_COUNT(sockets); i++) {
        char name[64];
        int fd = socket(sockets[i].family, sockets[i].type | SOCK_CLOEXEC, sockets[i].protocol);

        (void)snprintf(name, sizeof(name), "socket-%s", sockets[i].name);
        say(name, fd);
        if (fd >= 0)
            (void)close(fd);
    }
    return 0;
}
