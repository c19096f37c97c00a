#include <errno.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "sandbox/inner.h"
#include "sandbox/tap.h"
#include "sandbox/wire.h"

enum {
    NET_LOOPBACK_INDEX = 1, /* the kernel makes lo first in every namespace */
    NET_BACKLOG = 1024,
};

static enum writ_err
failed(struct writ_inner_fail *fail, const char *what, const char *name)
{
    fail->what = what;
    fail->name = name;
    return WRIT_E_SYS;
}

static bool
loopback_up(void)
{
    WRIT_FD_AUTO int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct ifreq r = {.ifr_name = "lo"};

    r.ifr_flags = IFF_UP | IFF_RUNNING;
    return fd >= 0 && ioctl(fd, SIOCSIFFLAGS, &r) == 0;
}

/* "local 0.0.0.0/0 dev lo": every address is this machine's (AnyIP). rtnetlink(7). */
static bool
route_everything_here(int nl, uint8_t family)
{
    struct {
        struct nlmsghdr h;
        struct rtmsg r;
        struct rtattr a;
        uint32_t oif;
    } req = {
        .h = {.nlmsg_len = sizeof(req),
              .nlmsg_type = RTM_NEWROUTE,
              .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL},
        .r = {.rtm_family = family,
              .rtm_table = RT_TABLE_LOCAL,
              .rtm_protocol = RTPROT_BOOT,
              .rtm_scope = family == AF_INET ? RT_SCOPE_HOST : RT_SCOPE_UNIVERSE,
              .rtm_type = RTN_LOCAL},
        .a = {.rta_len = RTA_LENGTH(sizeof(uint32_t)), .rta_type = RTA_OIF},
        .oif = NET_LOOPBACK_INDEX,
    };

    struct {
        struct nlmsghdr h;
        struct nlmsgerr e;
        uint8_t more[256]; /* the kernel's own words */
    } answer;

    ssize_t n;

    if (send(nl, &req, sizeof(req), 0) != (ssize_t)sizeof(req))
        return false;
    n = recv(nl, &answer, sizeof(answer), 0);
    if (n < (ssize_t)(sizeof(answer.h) + sizeof(answer.e)) || answer.h.nlmsg_type != NLMSG_ERROR) {
        errno = EPROTO;
        return false;
    }
    errno = -answer.e.error;
    return answer.e.error == 0;
}

/* With AnyIP the kernel itself would answer a ping to any address in the world. */
static bool
no_echo(int proc, const char *path)
{
    WRIT_FD_AUTO int fd = openat(proc, path, O_WRONLY | O_CLOEXEC);

    /* without a /proc there is no switch; the task can make no socket to ping with in any case */
    return proc < 0 || (fd >= 0 && write(fd, "1", 1) == 1);
}

static bool
has_ipv6(void)
{
    WRIT_FD_AUTO int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    return fd >= 0;
}

static enum writ_err
net_everywhere(int proc, bool v6, struct writ_inner_fail *fail)
{
    WRIT_FD_AUTO int nl = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

    if (!loopback_up())
        return failed(fail, "bring up", "lo");
    if (nl < 0 || !route_everything_here(nl, AF_INET))
        return failed(fail, "route 0.0.0.0/0 to", "lo");
    if (!no_echo(proc, "sys/net/ipv4/icmp_echo_ignore_all"))
        return failed(fail, "silence", "ICMP echo");
    if (!v6)
        return WRIT_OK;
    if (!route_everything_here(nl, AF_INET6))
        return failed(fail, "route ::/0 to", "lo");
    if (!no_echo(proc, "sys/net/ipv6/icmp/echo_ignore_all"))
        return failed(fail, "silence", "ICMPv6 echo");
    return WRIT_OK;
}

/* One socket for both families: getsockname of an accepted connection tells the address that was
 * dialled, IPv4 as ::ffff:a.b.c.d. */
static int
net_bind(bool v6, int type, uint16_t port)
{
    static const int on = 1;
    static const int off = 0;
    struct sockaddr_in6 six = {
        .sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = IN6ADDR_ANY_INIT};
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(port)};
    WRIT_FD_AUTO int fd = socket(v6 ? AF_INET6 : AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int r;

    if (fd < 0)
        return -1;
    /* without this a listener's address cannot be bound again; on UDP it would let the task share
     * the port */
    if (type == SOCK_STREAM && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0)
        return -1;
    if (v6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) < 0)
        return -1;
    if (v6) {
        r = bind(fd, (const struct sockaddr *)&six, sizeof(six));
    } else {
        r = bind(fd, (const struct sockaddr *)&four, sizeof(four));
    }
    if (r < 0 || (type == SOCK_STREAM && listen(fd, NET_BACKLOG) < 0))
        return -1;
    return writ_fd_take(&fd);
}

static int
net_dns(bool v6)
{
    static const int on = 1;
    WRIT_FD_AUTO int fd = net_bind(v6, SOCK_DGRAM, 53);

    /* freebind: IPv6 lets an answer come from an address that only a route makes ours no other way
     */
    if (fd < 0 || setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &on, sizeof(on)) < 0 ||
        (v6 && setsockopt(fd, IPPROTO_IPV6, IPV6_FREEBIND, &on, sizeof(on)) < 0))
        return -1;
    if (v6 ? setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on)) < 0
           : setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on)) < 0)
        return -1;
    return writ_fd_take(&fd);
}

struct net_set {
    int fds[WRIT_WIRE_FDS_MAX];
    uint8_t table[WRIT_WIRE_FDS_MAX * 3]; /* kind, port (big-endian) */
    size_t count;
};

static bool
net_add(struct net_set *s, int fd, enum writ_listener kind, uint16_t port)
{
    uint8_t *row;

    if (fd < 0 || s->count == WRIT_WIRE_FDS_MAX)
        return false;
    row = &s->table[s->count * 3];
    row[0] = (uint8_t)kind;
    row[1] = (uint8_t)(port >> 8);
    row[2] = (uint8_t)port;
    s->fds[s->count++] = fd;
    return true;
}

static bool
net_listeners(struct net_set *s, const struct writ_sandbox_spec *spec, bool v6)
{
    uint16_t ports[WRIT_SANDBOX_LISTENERS_MAX];
    int taps[WRIT_TAP_COUNT];
    size_t port_count = 0;
    size_t tap_count = 0;

    ports[port_count++] = 53;
    for (size_t i = 0; i < spec->port_count && port_count < WRIT_COUNT(ports); i++) {
        if (spec->ports[i] != 53)
            ports[port_count++] = spec->ports[i];
    }
    for (size_t i = 0; i < port_count; i++) {
        if (!net_add(s, net_bind(v6, SOCK_STREAM, ports[i]), WRIT_LISTENER_TCP, ports[i]))
            return false;
    }
    if (!net_add(s, net_dns(v6), WRIT_LISTENER_UDP_DNS, 53) ||
        writ_tap_open(ports, port_count, taps, &tap_count) != WRIT_OK)
        return false;
    for (size_t i = 0; i < tap_count; i++) {
        if (!net_add(s, taps[i], WRIT_LISTENER_PACKETS, 0))
            return false;
    }
    return true;
}

enum writ_err
writ_inner_net(const struct writ_inner_plan *plan, int proc, struct writ_inner_fail *fail)
{
    struct net_set set = {.count = 0};
    bool v6;
    enum writ_err e;

    if (unshare(CLONE_NEWNET) < 0)
        return failed(fail, "make", "a network namespace");
    v6 = has_ipv6();
    e = net_everywhere(proc, v6, fail);
    if (e != WRIT_OK)
        return e;
    if (!net_listeners(&set, plan->spec, v6))
        return failed(fail, "listen in", "the task's network");
    e = writ_wire_send(plan->control, WRIT_WIRE_LISTENERS, (uint32_t)set.count,
                       writ_span(set.table, set.count * 3),
                       (struct writ_wire_fds){set.fds, set.count});
    for (size_t i = 0; i < set.count; i++)
        (void)close(set.fds[i]);
    if (e != WRIT_OK)
        return failed(fail, "hand out", "the listeners");
    if (!v6) {
        e = writ_wire_send(plan->control, WRIT_WIRE_MISSING, 0, writ_span_str("IPv6"),
                           (struct writ_wire_fds){NULL, 0});
    }
    return e == WRIT_OK ? WRIT_OK : failed(fail, "report", "missing IPv6");
}
