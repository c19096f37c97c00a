/*
 * sandbox_driver.c - runs one program in a sandbox, for the end-to-end tests: no gateway, no
 * keeper, no ledger. What the sandbox tells its launcher goes line by line to the report file.
 *
 *   sandbox_driver --init FILE [options] -- PROGRAM [ARGUMENT...]
 *     --id PREFIX --cwd DIR --env NAME=VALUE --read HOST=INSIDE --write HOST=INSIDE --put PATH=TEXT
 *     --memory N --disk N --pids N --port N --report FILE --tty
 *     --signal N        sent to the program as soon as it said something on descriptor 3 (a pipe)
 *     --freeze          freeze, wait a second, then end
 *     --deny NAME       refuse programs whose path ends in NAME
 *     --loop N          N times over; --bench prints the median of each step instead
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/id.h"
#include "base/text.h"
#include "sandbox/exec_notify.h"
#include "sandbox/sandbox.h"
#include "sandbox/tap.h"

enum { MANY = 64, LOOP_MAX = 1000, STEPS = 4 };

struct driver {
    struct writ_sandbox_spec spec;
    struct writ_sandbox_bind binds[MANY];
    char *envp[MANY];
    size_t env_count;
    uint16_t ports[MANY];
    const char *put[MANY];
    size_t put_count;
    const char *deny;
    const char *id;
    FILE *report;
    int signal;
    bool freeze;
    bool bench;
    unsigned loop;
    uint64_t took_us[STEPS][LOOP_MAX];
};

static void
die(const char *what)
{
    (void)fprintf(stderr, "sandbox_driver: %s\n", what);
    exit(125);
}

static uint64_t
number(const char *text)
{
    uint64_t v = 0;

    if (!writ_parse_dec(writ_span_str(text), UINT64_MAX, &v))
        die("not a number");
    return v;
}

/* HOST=INSIDE */
static void
add_bind(struct driver *d, char *value, bool write)
{
    char *sep = strchr(value, '=');

    if (sep == NULL || d->spec.bind_count == MANY)
        die("a bind is HOST=INSIDE");
    *sep = '\0';
    d->binds[d->spec.bind_count++] =
        (struct writ_sandbox_bind){.host = value, .inside = sep + 1, .write = write};
}

static bool
option_number(struct driver *d, const char *name, const char *value)
{
    if (strcmp(name, "--memory") == 0) {
        d->spec.memory_bytes = number(value);
    } else if (strcmp(name, "--disk") == 0) {
        d->spec.disk_bytes = number(value);
    } else if (strcmp(name, "--pids") == 0) {
        d->spec.pids = (uint32_t)number(value);
    } else if (strcmp(name, "--port") == 0) {
        d->ports[d->spec.port_count++ % MANY] = (uint16_t)number(value);
    } else if (strcmp(name, "--signal") == 0) {
        d->signal = (int)number(value);
    } else if (strcmp(name, "--loop") == 0) {
        d->loop = (unsigned)number(value) % (LOOP_MAX + 1);
    } else {
        return false;
    }
    return true;
}

static void
option(struct driver *d, const char *name, char *value)
{
    if (option_number(d, name, value))
        return;
    if (strcmp(name, "--init") == 0) {
        d->spec.init_path = value;
    } else if (strcmp(name, "--id") == 0) {
        d->id = value;
    } else if (strcmp(name, "--cwd") == 0) {
        d->spec.cwd = value;
    } else if (strcmp(name, "--env") == 0 && d->env_count + 1 < MANY) {
        d->envp[d->env_count++] = value;
    } else if (strcmp(name, "--read") == 0) {
        add_bind(d, value, false);
    } else if (strcmp(name, "--write") == 0) {
        add_bind(d, value, true);
    } else if (strcmp(name, "--put") == 0 && d->put_count < MANY) {
        d->put[d->put_count++] = value;
    } else if (strcmp(name, "--deny") == 0) {
        d->deny = value;
    } else if (strcmp(name, "--report") == 0) {
        d->report = fopen(value, "we");
    } else {
        die(name);
    }
}

static void
parse(struct driver *d, int argc, char **argv)
{
    int i = 1;

    for (; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--tty") == 0) {
            d->spec.tty = true;
        } else if (strcmp(argv[i], "--freeze") == 0) {
            d->freeze = true;
        } else if (strcmp(argv[i], "--bench") == 0) {
            d->bench = true;
        } else if (i + 1 < argc) {
            option(d, argv[i], argv[i + 1]);
            i++;
        }
    }
    d->spec.argv = &argv[i < argc ? i + 1 : i];
    d->spec.binds = d->binds;
    d->spec.envp = d->envp;
    d->spec.ports = d->ports;
}

static void
report(struct driver *d, const char *what, const char *value)
{
    if (d->report == NULL)
        return;
    (void)fprintf(d->report, "%s %s\n", what, value);
    (void)fflush(d->report);
}

static void
on_exec(struct driver *d, int notify_fd)
{
    static struct writ_exec_event ev;
    char line[WRIT_EXEC_PATH_MAX + WRIT_EXEC_ARGS_BYTES_MAX + 128];
    size_t deny = d->deny == NULL ? 0 : strlen(d->deny);
    size_t len;
    enum writ_err e = writ_exec_notify_read(notify_fd, &ev);

    if (e != WRIT_OK)
        return;
    (void)snprintf(line, sizeof(line), "%s exe=%d args=%u first=%s parent=%d", ev.path,
                   ev.exe_fd >= 0, ev.arg_count, ev.arg_count != 0 ? ev.args : "", ev.parent);
    report(d, "exec", line);
    len = strlen(ev.path);
    if (deny != 0 && len >= deny && strcmp(ev.path + len - deny, d->deny) == 0) {
        e = writ_exec_notify_deny(notify_fd, ev.id, EACCES);
    } else {
        e = writ_exec_notify_continue(notify_fd, ev.id);
    }
    if (e != WRIT_OK && e != WRIT_E_AGAIN)
        report(d, "error", "exec answer");
    writ_exec_event_done(&ev);
}

static void
address_text(const struct in6_addr *a, char *ret, size_t cap)
{
    if (IN6_IS_ADDR_V4MAPPED(a)) {
        (void)inet_ntop(AF_INET, &a->s6_addr[12], ret, (socklen_t)cap);
    } else {
        (void)inet_ntop(AF_INET6, a, ret, (socklen_t)cap);
    }
}

static void
on_listener(struct driver *d, const struct writ_sandbox_listener *l)
{
    char addr[INET6_ADDRSTRLEN];
    char line[INET6_ADDRSTRLEN + 64];

    if (l->kind == WRIT_LISTENER_PACKETS) {
        struct writ_tap_event ev;

        if (writ_tap_read(l->fd, &ev) != WRIT_OK)
            return;
        address_text(&ev.to, addr, sizeof(addr));
        (void)snprintf(line, sizeof(line), "%s %s %u", ev.protocol == IPPROTO_TCP ? "tcp" : "udp",
                       addr, ev.to_port);
        report(d, "tap", line);
    } else if (l->kind == WRIT_LISTENER_TCP) {
        struct sockaddr_in6 to = {0};
        socklen_t len = sizeof(to);
        int fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC);

        if (fd < 0)
            return;
        if (getsockname(fd, (struct sockaddr *)&to, &len) == 0) {
            address_text(&to.sin6_addr, addr, sizeof(addr));
            (void)snprintf(line, sizeof(line), "%s %u", addr, ntohs(to.sin6_port));
            report(d, "tcp", line);
        }
        (void)!write(fd, "gateway\n", 8);
        (void)close(fd);
    } else {
        /* echo, from the address that was asked */
        uint8_t mem[512];
        uint8_t control[256];
        struct sockaddr_in6 from;
        struct iovec iov = {mem, sizeof(mem)};
        struct msghdr m = {.msg_name = &from,
                           .msg_namelen = sizeof(from),
                           .msg_iov = &iov,
                           .msg_iovlen = 1,
                           .msg_control = control,
                           .msg_controllen = sizeof(control)};
        ssize_t n = recvmsg(l->fd, &m, MSG_DONTWAIT);

        if (n < 0)
            return;
        iov.iov_len = (size_t)n;
        report(d, "dns", "datagram");
        if (sendmsg(l->fd, &m, 0) < 0)
            report(d, "error", strerrordesc_np(errno));
    }
}

/* True once the program has ended; *ret_status is its wait status. */
static bool
on_control(struct driver *d, struct writ_sandbox *s, int *ret_status)
{
    enum writ_err e = writ_sandbox_status(s, ret_status);

    if (e == WRIT_OK)
        return true;
    if (e == WRIT_E_AGAIN)
        return false;
    report(d, "status", writ_err_name(e));
    *ret_status = SIGKILL;
    return true;
}

static void
on_listeners(struct driver *d, const struct writ_sandbox *s, const struct pollfd *p)
{
    for (size_t i = 0; i < s->listener_count; i++) {
        if (p[i].revents != 0)
            on_listener(d, &s->listeners[i]);
    }
}

/* True if the program is to be left as it is. */
static bool
on_cue(struct driver *d, struct writ_sandbox *s, struct pollfd *p)
{
    if (p->revents == 0)
        return false;
    p->fd = -1;
    if (writ_sandbox_signal(s, d->signal) != WRIT_OK)
        report(d, "error", "signal");
    return d->freeze;
}

static void
on_notify(struct driver *d, struct pollfd *p)
{
    if ((p->revents & POLLIN) != 0) {
        on_exec(d, p->fd);
    } else if (p->revents != 0) {
        p->fd = -1;
    }
}

static int
watch(struct driver *d, struct writ_sandbox *s)
{
    struct pollfd p[3 + WRIT_SANDBOX_LISTENERS_MAX];
    int status = 0;

    p[0] = (struct pollfd){.fd = s->control, .events = POLLIN};
    p[1] = (struct pollfd){.fd = s->notify_fd, .events = POLLIN};
    p[2] = (struct pollfd){.fd = d->signal != 0 ? 3 : -1, .events = POLLIN};
    for (size_t i = 0; i < s->listener_count; i++)
        p[3 + i] = (struct pollfd){.fd = s->listeners[i].fd, .events = POLLIN};
    while (poll(p, 3 + s->listener_count, -1) >= 0 || errno == EINTR) {
        on_notify(d, &p[1]);
        if (on_cue(d, s, &p[2]))
            return 0;
        on_listeners(d, s, &p[3]);
        if (p[0].revents != 0 && on_control(d, s, &status))
            return status;
    }
    return 125 << 8;
}

static int
run_once(struct driver *d, unsigned round)
{
    struct writ_sandbox s;
    struct writ_diag diag = {0};
    static char name[WRIT_NAME_MAX];
    struct writ_id id;
    uint64_t t[STEPS + 1];
    char line[64];
    int status;

    writ_id_new(&id);
    (void)snprintf(name, sizeof(name), "%s%s", d->id, id.text);
    d->spec.task_id = name;
    t[0] = writ_clock_mono_us();
    if (writ_sandbox_start(&d->spec, &s, &diag) != WRIT_OK) {
        writ_diag_print(&diag);
        return 125 << 8;
    }
    t[1] = writ_clock_mono_us();
    if (writ_sandbox_listen(&s, &diag) != WRIT_OK) {
        writ_diag_print(&diag);
        writ_sandbox_end(&s);
        return 125 << 8;
    }
    for (size_t i = 0; i < d->put_count; i++) {
        const char *sep = strchr(d->put[i], '=');
        char path[WRIT_PATH_BYTES_MAX];

        if (sep == NULL ||
            !writ_span_copy(writ_span(d->put[i], (size_t)(sep - d->put[i])), path, sizeof(path)) ||
            writ_sandbox_put(&s, path, writ_span_str(sep + 1)) != WRIT_OK)
            die("put");
    }
    report(d, "missing", s.missing);
    report(d, "cgroup", s.cgroup);
    (void)snprintf(line, sizeof(line), "%d", s.pid);
    report(d, "pid", line);
    if (writ_sandbox_go(&s, &diag) != WRIT_OK) {
        writ_diag_print(&diag);
        writ_sandbox_end(&s);
        return 125 << 8;
    }
    t[2] = writ_clock_mono_us();
    status = watch(d, &s);
    (void)snprintf(line, sizeof(line), "%d errno %d", status, s.exec_errno);
    report(d, "status", line);
    t[3] = writ_clock_mono_us();
    if (d->freeze) {
        report(d, "frozen", writ_err_name(writ_sandbox_freeze(&s)));
        (void)sleep(1);
    }
    writ_sandbox_end(&s);
    t[4] = writ_clock_mono_us();
    for (unsigned i = 0; i < STEPS && round < LOOP_MAX; i++)
        d->took_us[i][round] = t[i + 1] - t[i];
    return status;
}

static int
by_value(const void *a, const void *b)
{
    uint64_t x;
    uint64_t y;

    memcpy(&x, a, sizeof(x));
    memcpy(&y, b, sizeof(y));
    return (x > y) - (x < y);
}

int
main(int argc, char **argv)
{
    static struct driver d;
    int status = 0;

    d.loop = 1;
    d.id = "";
    d.spec.cwd = "/home/task";
    for (int i = 0; i < 3; i++)
        d.spec.stdio[i] = i;
    parse(&d, argc, argv);
    for (unsigned i = 0; i < d.loop; i++)
        status = run_once(&d, i);
    if (d.bench) {
        static const char *const names[STEPS] = {"start", "go", "run", "end"};
        uint64_t sum = 0;

        for (unsigned i = 0; i < STEPS; i++) {
            qsort(d.took_us[i], d.loop, sizeof(uint64_t), by_value);
            (void)printf("%s %llu us\n", names[i], (unsigned long long)d.took_us[i][d.loop / 2]);
            sum += d.took_us[i][d.loop / 2];
        }
        (void)printf("total %llu us\n", (unsigned long long)sum);
    }
    if (WIFSIGNALED(status))
        return 128 + WTERMSIG(status);
    return WEXITSTATUS(status);
}
