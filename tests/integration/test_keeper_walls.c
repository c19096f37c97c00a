/*
 * What the keeper withstands: channels that break the rules, neighbours that want its memory, and
 * code of its own that was taken over.
 *
 * usage: test_keeper_walls PATH-OF-writ-keeper
 */
#include <dirent.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "keeper_env.h"
#include "writ-keeper/narrow.h"

static const struct service one[] = {{"tracker", "staging", "token"}};

/* In no other memory than the one that a test puts it into. */
static const char secret_start[] = "qX7";
static char secret[64];

/* --- channels that break the rules ----------------------------------------------------------- */

struct raw {
    uint32_t magic;
    uint16_t type;
    uint16_t zero;
    uint32_t len; /* as claimed */
    uint32_t seq;
    size_t body; /* as sent */
    unsigned fds;
};

static void
raw_send(int fd, const struct raw *r)
{
    static uint8_t out[16 + 70000];

    union {
        struct cmsghdr align;
        uint8_t bytes[CMSG_SPACE(sizeof(int) * 4)];
    } control = {0};
    struct iovec iov = {out, 16 + r->body};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};

    for (unsigned i = 0; i < 4; i++) {
        out[i] = (uint8_t)(r->magic >> (24 - 8 * i));
        out[8 + i] = (uint8_t)(r->len >> (24 - 8 * i));
        out[12 + i] = (uint8_t)(r->seq >> (24 - 8 * i));
    }
    out[4] = (uint8_t)(r->type >> 8);
    out[5] = (uint8_t)r->type;
    out[6] = (uint8_t)(r->zero >> 8);
    out[7] = (uint8_t)r->zero;
    if (r->fds != 0) {
        struct cmsghdr *h;

        m.msg_control = control.bytes;
        m.msg_controllen = CMSG_SPACE(sizeof(int) * r->fds);
        h = CMSG_FIRSTHDR(&m);
        h->cmsg_level = SOL_SOCKET;
        h->cmsg_type = SCM_RIGHTS;
        h->cmsg_len = CMSG_LEN(sizeof(int) * r->fds);
        for (unsigned i = 0; i < r->fds; i++)
            memcpy(CMSG_DATA(h) + i * sizeof(int), &(int){2}, sizeof(int));
    }
    (void)sendmsg(fd, &m, MSG_NOSIGNAL);
}

static bool
closed(const struct writ_chan *c)
{
    struct pollfd p = {.fd = c->fd, .events = POLLIN};
    char byte;

    return poll(&p, 1, ENV_WAIT_MS) == 1 && recv(c->fd, &byte, 1, 0) <= 0;
}

#define GOOD  0x77726974U
#define NEED  WRIT_MSG_KEEPER_NEED
#define ADMIN WRIT_MSG_KEEPER_ADMIN

static void
test_bad_gateways(void)
{
    static const struct raw rows[] = {
        {0, NEED, 0, 20, 0, 20, 0},                        /* no message of ours */
        {GOOD, 0, 0, 0, 0, 0, 0},                          /* no type */
        {GOOD, WRIT_MSG_COUNT, 0, 0, 0, 0, 0},             /* unknown */
        {GOOD, ADMIN, 0, 20, 0, 20, 0},                    /* the launcher's */
        {GOOD, WRIT_MSG_KEEPER_TASK_END, 0, 20, 0, 20, 0}, /* the same */
        {GOOD, WRIT_MSG_KEEPER_SECRET, 0, 20, 0, 20, 0},   /* ours, the other way */
        {GOOD, WRIT_MSG_LEDGER_ACK_KEEPER, 0, 8, 0, 8, 0}, /* the ledger's */
        {GOOD, NEED, 0, 20, 1, 20, 0},                     /* out of sequence */
        {GOOD, NEED, 1, 20, 0, 20, 0},                     /* what must be zero is not */
        {GOOD, NEED, 0, 21, 0, 20, 0},                     /* shorter than it says */
        {GOOD, NEED, 0, 19, 0, 20, 0},                     /* longer than it says */
        {GOOD, NEED, 0, 600, 0, 600, 0},                   /* over its maximum */
        {GOOD, NEED, 0, 69000, 0, 69000, 0},               /* over every maximum */
        {GOOD, NEED, 0, 20, 0, 20, 1},                     /* with a descriptor */
        {GOOD, NEED, 0, 20, 0, 20, 4},                     /* with four */
        {GOOD, NEED, 0, 20, 0, 20, 0},                     /* zeros for a body */
        {GOOD, NEED, 0, 16, 0, 16, 0},                     /* two empty names, then a half */
        {GOOD, NEED, 0, 0, 0, 0, 0},                       /* nothing for a body */
    };
    struct keeper k;
    struct task good;

    env_state_new();
    k = keeper_start();
    CHECK(keeper_add(&k, "token", "staging", "s3cret"));
    CHECK(task_new(&k, &good, "staging", one, 1));
    for (size_t i = 0; i < WRIT_COUNT(rows); i++) {
        struct task t;
        char row[16];

        (void)snprintf(row, sizeof(row), "row %zu", i);
        CHECK(task_new(&k, &t, "staging", one, 1));
        if (i == 16)
            CHECK_ROW(rows[i].body == 16, row); /* decodes as two names and a u64: a valid need */
        raw_send(t.gateway.fd, &rows[i]);
        if (i != 16)
            CHECK_ROW(closed(&t.gateway), row);
        task_done(&t);
        CHECK_ROW(keeper_alive(&k) && task_gets(&good, "tracker", "s3cret"), row);
    }
    task_done(&good);
    CHECK(keeper_end(&k) == 0);
    env_state_remove();
}

/* A launcher that breaks the rules has lost its keeper, and the store is as it was. */
static void
test_bad_launchers(void)
{
    static const struct raw rows[] = {
        {GOOD, ADMIN, 0, 20, 0, 20, 0},                  /* verb 0 */
        {GOOD, WRIT_MSG_KEEPER_UNLOCK, 0, 4, 0, 4, 0},   /* in the wrong phase */
        {GOOD, WRIT_MSG_KEEPER_NEED, 0, 20, 0, 20, 0},   /* a gateway's */
        {GOOD, WRIT_MSG_KEEPER_TASK, 0, 30, 0, 30, 2},   /* a descriptor too few */
        {GOOD, WRIT_MSG_KEEPER_TASK, 0, 30, 0, 30, 4},   /* one too many */
        {GOOD, WRIT_MSG_KEEPER_TASK_END, 0, 2, 0, 2, 0}, /* half a name */
        {GOOD, ADMIN, 0, 69000, 0, 69000, 0},            /* over every maximum */
    };
    struct keeper k;

    env_state_new();
    k = keeper_start();
    CHECK(keeper_add(&k, "token", "staging", "s3cret"));
    CHECK(keeper_end(&k) == 0);
    for (size_t i = 0; i < WRIT_COUNT(rows); i++) {
        k = keeper_start();
        raw_send(k.c.fd, &rows[i]);
        CHECK(closed(&k.c));
        (void)keeper_end(&k);
    }
    k = keeper_start();
    CHECK(keeper_admin(&k, WRIT_KEEPER_LIST, "", "", writ_span(NULL, 0)) == WRIT_OK &&
          k.items == 1 && k.version == 1);
    CHECK(keeper_end(&k) == 0);
    env_state_remove();
}

static unsigned
count_fds(pid_t pid)
{
    char path[64];
    unsigned n = 0;
    DIR *d;

    (void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
    d = opendir(path);
    while (d != NULL && readdir(d) != NULL)
        n++;
    if (d != NULL)
        (void)closedir(d);
    return n;
}

/* Descriptors of tasks that are over, and those that came with refused messages, are not kept. */
static void
test_no_leak(void)
{
    struct keeper k;
    struct task t;
    unsigned before;

    env_state_new();
    k = keeper_start();
    CHECK(keeper_add(&k, "token", "staging", "s3cret"));
    before = count_fds(k.pid);
    for (unsigned i = 0; i < 30; i++) {
        CHECK(task_new(&k, &t, "staging", one, 1));
        if (i % 3 == 0)
            raw_send(t.gateway.fd, &(struct raw){GOOD, NEED, 0, 20, 0, 20, 3});
        task_done(&t);
        writ_id_new(&t.id);
        CHECK(!task_register(&k, &t, open("/dev/null", O_RDONLY | O_CLOEXEC)));
        task_done(&t);
    }
    /* it sees the last gateway's end a little later than we do */
    for (unsigned i = 0; i < 500 && count_fds(k.pid) > before; i++)
        (void)usleep(10000);
    CHECK(count_fds(k.pid) == before);
    CHECK(before > 0 || geteuid() != 0); /* others may not look */
    CHECK(keeper_end(&k) == 0);
    env_state_remove();
}

/* --- neighbours ------------------------------------------------------------------------------ */

struct found {
    size_t bytes; /* that could be read */
    int copies;
};

static void
scan_range(int mem, unsigned long at, unsigned long to, struct found *ret)
{
    static uint8_t page[1 << 16];

    if (to - at > 1UL << 32)
        return; /* a sanitizer's shadow: bits about memory, not memory */
    for (; at < to; at += sizeof(page) - sizeof(secret)) { /* a copy may lie across two reads */
        size_t want = to - at < sizeof(page) ? to - at : sizeof(page);
        ssize_t n = pread(mem, page, want, (off_t)at);

        if (n <= 0)
            return;
        ret->bytes += (size_t)n;
        if (memmem(page, (size_t)n, secret, strlen(secret)) != NULL)
            ret->copies++;
    }
}

/* How often the secret is in memory of the process that can be read; -1: none can be. */
static int
scan(pid_t pid)
{
    char path[64];
    char line[512];
    struct found found = {0, 0};
    FILE *maps;
    int mem;

    (void)snprintf(path, sizeof(path), "/proc/%d/mem", (int)pid);
    mem = open(path, O_RDONLY | O_CLOEXEC);
    (void)snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
    maps = fopen(path, "re");
    while (maps != NULL && mem >= 0 && fgets(line, sizeof(line), maps) != NULL) {
        char *end;
        unsigned long from = strtoul(line, &end, 16);

        scan_range(mem, from, strtoul(end + 1, NULL, 16), &found);
    }
    if (maps != NULL)
        (void)fclose(maps);
    if (mem >= 0)
        (void)close(mem);
    return found.bytes == 0 ? -1 : found.copies;
}

/* A process that keeps the secret as a program without our care would. */
static pid_t
careless(void)
{
    int fds[2];
    char byte;
    pid_t pid;

    if (pipe(fds) < 0)
        abort();
    pid = fork();
    if (pid == 0) {
        char *copy = strdup(secret);

        if (copy == NULL || write(fds[1], "x", 1) != 1)
            _exit(1);
        for (;;)
            (void)pause();
    }
    CHECK(read(fds[0], &byte, 1) == 1);
    (void)close(fds[0]);
    (void)close(fds[1]);
    return pid;
}

static bool
can_trace(pid_t pid)
{
    if (ptrace(PTRACE_ATTACH, pid, NULL, NULL) < 0)
        return false;
    (void)waitpid(pid, NULL, 0);
    (void)ptrace(PTRACE_DETACH, pid, NULL, NULL);
    return true;
}

static bool
can_vm_read(pid_t pid)
{
    /* main's address is no secret to a parent; any mapped byte will do */
    char path[64];
    char line[256];
    char byte;
    FILE *maps;
    struct iovec to = {&byte, 1};
    struct iovec from = {NULL, 1};
    bool ok;

    (void)snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
    maps = fopen(path, "re");
    if (maps == NULL)
        return false;
    ok = fgets(line, sizeof(line), maps) != NULL;
    (void)fclose(maps);
    if (!ok)
        return false;
    from.iov_base = (void *)strtoul(line, NULL, 16); /* NOLINT(performance-no-int-to-ptr) */
    return process_vm_readv(pid, &to, 1, &from, 1, 0) == 1;
}

/* After it has stored and released the secret several times. */
static void
busy_keeper(struct keeper *k, struct task *t)
{
    *k = keeper_start();
    CHECK(keeper_add(k, "token", "staging", secret));
    CHECK(keeper_admin(k, WRIT_KEEPER_ROTATE, "token", "", writ_span_str(secret)) == WRIT_OK);
    CHECK(task_new(k, t, "staging", one, 1));
    for (unsigned i = 0; i < 3; i++)
        CHECK(task_gets(t, "tracker", secret));
}

/* As root every page can be asked for: those that can be read hold no copy, also while the keeper
 * waits with the unsealed secret in its hands. */
static void
test_memory_as_root(void)
{
    struct keeper k;
    struct task t;
    char text[ENV_TEXT];
    pid_t other;

    env_state_new();
    busy_keeper(&k, &t);
    other = careless();
    CHECK(scan(other) > 0);
    CHECK(scan(k.pid) == 0);
    CHECK(task_ask(&t, "tracker"));
    CHECK(task_record(&t, text, sizeof(text)) == WRIT_KIND_CREDENTIAL_RELEASE);
    CHECK(scan(k.pid) == 0);
    (void)kill(other, SIGKILL);
    (void)waitpid(other, NULL, 0);
    task_done(&t);
    CHECK(keeper_end(&k) == 0);
    env_state_remove();
}

static void
test_neighbours(void)
{
    struct keeper k;
    struct task t;
    struct stat st;
    char path[64];
    pid_t other;

    env_state_new();
    busy_keeper(&k, &t);
    other = careless();
    CHECK(scan(other) > 0 && can_trace(other) && can_vm_read(other));
    CHECK(scan(k.pid) == -1);
    CHECK(!can_trace(k.pid));
    CHECK(!can_vm_read(k.pid));
    (void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)k.pid);
    CHECK(opendir(path) == NULL);
    (void)snprintf(path, sizeof(path), "/proc/%d/environ", (int)k.pid);
    CHECK(open(path, O_RDONLY | O_CLOEXEC) < 0);
    (void)snprintf(path, sizeof(path), "/proc/%d/mem", (int)k.pid);
    CHECK(stat(path, &st) == 0 && st.st_uid == 0);
    CHECK(keeper_alive(&k) && task_gets(&t, "tracker", secret));
    (void)kill(other, SIGKILL);
    (void)waitpid(other, NULL, 0);
    task_done(&t);
    CHECK(keeper_end(&k) == 0);
    env_state_remove();
}

/* --- its own walls --------------------------------------------------------------------------- */

static int
try_socket(void)
{
    return socket(AF_INET, SOCK_STREAM, 0) < 0;
}

static int
try_unix_socket(void)
{
    return socket(AF_UNIX, SOCK_SEQPACKET, 0) < 0;
}

static int
try_fork(void)
{
    pid_t pid = fork();

    if (pid == 0)
        _exit(0);
    return pid < 0;
}

static int
try_exec(void)
{
    char name[] = "/bin/true";
    char *argv[] = {name, NULL};

    (void)execv(name, argv);
    return 1;
}

static int
try_exec_memory(void)
{
    return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
           MAP_FAILED;
}

static int
try_kill(void)
{
    return kill(getppid(), 0) < 0;
}

static int
try_other_file(void)
{
    return open("/etc/passwd", O_RDONLY | O_CLOEXEC) < 0;
}

static int
try_make_outside(void)
{
    return open("/tmp/writ-keeper-was-here", O_WRONLY | O_CREAT | O_CLOEXEC, 0600) < 0;
}

static int
try_up(void)
{
    return open("../../../etc/passwd", O_RDONLY | O_CLOEXEC) < 0;
}

static int
try_own_file(void)
{
    return open("own", O_WRONLY | O_CREAT | O_CLOEXEC, 0600) < 0 || unlink("own") < 0;
}

static int
try_make_folder(void)
{
    return mkdir("folder", 0700) < 0;
}

static int
try_unknown(void)
{
    return syscall(SYS_sched_yield) < 0 && errno == ENOSYS;
}

/* 0: it went through; 1: it was refused; 2: the process was killed for it. */
static int
attempt(int (*what)(void), bool narrow)
{
    struct writ_diag diag = {0};
    int status = 0;
    pid_t pid = fork();

    if (pid == 0) {
        int dirfd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        if (narrow && writ_keeper_narrow(dirfd, &diag) != WRIT_OK)
            _exit(9);
        /* not _exit: a sanitizer would prepare for it with calls that are not allowed here */
        (void)syscall(SYS_exit_group, what());
    }
    (void)waitpid(pid, &status, 0);
    if (WIFSIGNALED(status))
        return WTERMSIG(status) == SIGSYS ? 2 : 8;
    return WEXITSTATUS(status);
}

static void
test_own_walls(void)
{
    static const struct {
        const char *name;
        int (*what)(void);
        int wide;
        int narrow;
    } rows[] = {
        {"socket", try_socket, 0, 2},
        {"unix socket", try_unix_socket, 0, 2},
        {"fork", try_fork, 0, 2},
        {"exec", try_exec, 0, 2},
        {"executable memory", try_exec_memory, 0, 2},
        {"kill", try_kill, 0, 2},
        {"another file", try_other_file, 0, 1},
        {"a new file elsewhere", try_make_outside, 0, 1},
        {"upwards", try_up, 0, 1},
        {"a file of its own", try_own_file, 0, 0},
        {"a folder", try_make_folder, 0, 1},
        {"something unknown", try_unknown, 0, 1},
    };

    char path[] = "/tmp/writ-test-walls-XXXXXX";

    if (mkdtemp(path) == NULL || chdir(path) < 0)
        abort();
    for (size_t i = 0; i < WRIT_COUNT(rows); i++) {
        CHECK_ROW(attempt(rows[i].what, false) == rows[i].wide, rows[i].name);
        (void)rmdir("folder");
        (void)unlink("/tmp/writ-keeper-was-here");
        CHECK_ROW(attempt(rows[i].what, true) == rows[i].narrow, rows[i].name);
        (void)rmdir("folder");
    }
    CHECK(chdir("/") == 0);
    (void)rmdir(path);
}

int
main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    env_program = realpath(argv[1], NULL);
    if (env_program == NULL)
        return 2;
    (void)umask(077);
    (void)snprintf(secret, sizeof(secret), "%s%u-%s", secret_start, (unsigned)getpid(),
                   "is-not-for-anyone");
    test_bad_gateways();
    test_bad_launchers();
    test_no_leak();
    if (geteuid() == 0)
        test_memory_as_root();
    test_own_walls();
    /* from here on as an ordinary user, whose processes all have the same rights */
    if (geteuid() == 0 && (setgid(65534) < 0 || setuid(65534) < 0))
        abort();
    /* the change of user made us unreadable, and with us the process of the positive control */
    CHECK(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0);
    test_neighbours();
    return test_end();
}
