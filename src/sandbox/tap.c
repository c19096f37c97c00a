#include "sandbox/tap.h"

#include <errno.h>
#include <linux/filter.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "sandbox/sandbox.h"

/* Enough for some hundred attempts between two turns of the gateway's loop; what is more is not
 * recorded, so that a task cannot fill memory by knocking. */
enum { TAP_RCVBUF_BYTES = 256 * 1024, TAP_INSNS_MAX = 16 + WRIT_SANDBOX_LISTENERS_MAX };

struct tap_program {
    struct sock_filter insn[TAP_INSNS_MAX];
    unsigned short len;
};

static void
emit(struct tap_program *p, uint16_t code, uint8_t jt, uint8_t jf, uint32_t k)
{
    p->insn[p->len++] = (struct sock_filter){code, jt, jf, k};
}

/* X holds the offset of the transport header in what the socket sees: IPv4 raw sockets get the IP
 * header too, IPv6 ones do not. */
static void
emit_start(struct tap_program *p, int family)
{
    if (family == AF_INET) {
        emit(p, BPF_LDX | BPF_B | BPF_MSH, 0, 0, 0);
    } else {
        emit(p, BPF_LDX | BPF_IMM, 0, 0, 0);
    }
}

/* SYN without ACK to a port that nobody listens on, cut to its headers. Data never comes here. */
static bool
tap_tcp(int fd, int family, const uint16_t *ports, size_t count)
{
    static const int on = 1;
    struct tap_program p = {.len = 0};
    struct sock_fprog prog;

    emit_start(&p, family);
    emit(&p, BPF_LD | BPF_B | BPF_IND, 0, 0, 13); /* flags */
    emit(&p, BPF_ALU | BPF_AND | BPF_K, 0, 0, 0x12);
    emit(&p, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 0x02);
    emit(&p, BPF_RET | BPF_K, 0, 0, 0);
    emit(&p, BPF_LD | BPF_H | BPF_IND, 0, 0, 2); /* destination port */
    for (size_t i = 0; i < count; i++)
        emit(&p, BPF_JMP | BPF_JEQ | BPF_K, (uint8_t)(count - i), 0, ports[i]);
    emit(&p, BPF_RET | BPF_K, 0, 0, WRIT_TAP_SNAP);
    emit(&p, BPF_RET | BPF_K, 0, 0, 0);
    prog = (struct sock_fprog){p.len, p.insn};
    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)) == 0 &&
           setsockopt(fd, SOL_SOCKET, SO_LOCK_FILTER, &on, sizeof(on)) == 0;
}

static int
tap_socket(int family, int protocol, const uint16_t *ports, size_t count)
{
    static const int on = 1;
    static const int rcvbuf = TAP_RCVBUF_BYTES;
    WRIT_FD_AUTO int fd = socket(family, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);

    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &rcvbuf, sizeof(rcvbuf)) < 0)
        return -1;
    /* UDP has no filter of its own: translating one costs more than a task's few questions for
     * names, which writ_tap_read passes over */
    if (protocol == IPPROTO_TCP && !tap_tcp(fd, family, ports, count))
        return -1;
    if (family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on)) < 0)
        return -1;
    return writ_fd_take(&fd);
}

enum writ_err
writ_tap_open(const uint16_t *ports, size_t port_count, int ret[WRIT_TAP_COUNT], size_t *ret_count)
{
    static const int kinds[WRIT_TAP_COUNT][2] = {{AF_INET, IPPROTO_TCP},
                                                 {AF_INET, IPPROTO_UDP},
                                                 {AF_INET6, IPPROTO_TCP},
                                                 {AF_INET6, IPPROTO_UDP}};
    size_t n = 0;

    if (port_count > WRIT_SANDBOX_LISTENERS_MAX)
        return WRIT_E_LIMIT;
    for (size_t i = 0; i < WRIT_TAP_COUNT; i++) {
        int fd = tap_socket(kinds[i][0], kinds[i][1], ports, port_count);

        if (fd < 0 && kinds[i][0] == AF_INET6 && errno == EAFNOSUPPORT)
            continue;
        if (fd < 0) {
            while (n > 0)
                (void)close(ret[--n]);
            return WRIT_E_SYS;
        }
        ret[n++] = fd;
    }
    *ret_count = n;
    return WRIT_OK;
}

static struct in6_addr
mapped(struct writ_span four)
{
    struct in6_addr a = {0};

    a.s6_addr[10] = 0xff;
    a.s6_addr[11] = 0xff;
    memcpy(&a.s6_addr[12], four.ptr, 4);
    return a;
}

static bool
read_ports(struct writ_reader *r, struct writ_tap_event *ev)
{
    return writ_read_u16(r, &ev->from_port) && writ_read_u16(r, &ev->to_port);
}

/* The packet begins with its IPv4 header (RFC 791 3.1). */
bool
writ_tap_parse_v4(struct writ_span packet, struct writ_tap_event *ret)
{
    struct writ_reader r = writ_reader(packet);
    struct writ_tap_event ev = {0};
    struct writ_span skip;
    struct writ_span from;
    struct writ_span to;
    uint8_t first;

    if (!writ_read_u8(&r, &first) || first >> 4 != 4 || (first & 15U) < 5)
        return false;
    if (!writ_read_span(&r, 8, &skip) || !writ_read_u8(&r, &ev.protocol) ||
        !writ_read_span(&r, 2, &skip) || !writ_read_span(&r, 4, &from) ||
        !writ_read_span(&r, 4, &to) ||
        !writ_read_span(&r, (size_t)((first & 15U) - 5U) * 4, &skip) || !read_ports(&r, &ev))
        return false;
    ev.from = mapped(from);
    ev.to = mapped(to);
    *ret = ev;
    return true;
}

/* The packet begins with its transport header; the addresses are beside it. */
static bool
read_v6(int fd, struct msghdr *m, struct writ_span packet, struct writ_tap_event *ev)
{
    struct writ_reader r = writ_reader(packet);
    struct sockaddr_in6 from;
    socklen_t len = sizeof(int);
    int protocol;

    if (m->msg_namelen != sizeof(from) ||
        getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &len) < 0)
        return false;
    memcpy(&from, m->msg_name, sizeof(from));
    ev->protocol = (uint8_t)protocol;
    ev->from = from.sin6_addr;
    for (struct cmsghdr *h = CMSG_FIRSTHDR(m); h != NULL; h = CMSG_NXTHDR(m, h)) {
        if (h->cmsg_level == IPPROTO_IPV6 && h->cmsg_type == IPV6_PKTINFO &&
            h->cmsg_len >= CMSG_LEN(sizeof(struct in6_pktinfo))) {
            struct in6_pktinfo info;

            memcpy(&info, CMSG_DATA(h), sizeof(info));
            ev->to = info.ipi6_addr;
            return read_ports(&r, ev);
        }
    }
    return false;
}

enum writ_err
writ_tap_read(int fd, struct writ_tap_event *ret)
{
    union {
        struct cmsghdr align;
        uint8_t bytes[CMSG_SPACE(sizeof(struct in6_pktinfo))];
    } control;

    uint8_t mem[WRIT_TAP_SNAP];
    struct sockaddr_storage from;
    struct iovec iov = {mem, sizeof(mem)};
    struct msghdr m = {.msg_name = &from,
                       .msg_namelen = sizeof(from),
                       .msg_iov = &iov,
                       .msg_iovlen = 1,
                       .msg_control = control.bytes,
                       .msg_controllen = sizeof(control.bytes)};
    struct writ_tap_event ev = {0};
    ssize_t n = recvmsg(fd, &m, MSG_DONTWAIT);
    struct writ_span packet;

    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? WRIT_E_AGAIN : WRIT_E_SYS;
    packet = writ_span(mem, (size_t)n);
    if (from.ss_family == AF_INET ? !writ_tap_parse_v4(packet, &ev) : !read_v6(fd, &m, packet, &ev))
        return WRIT_E_FORMAT;
    /* a question for a name, or its answer: the task itself cannot bind port 53 */
    if (ev.protocol == IPPROTO_UDP && (ev.to_port == 53 || ev.from_port == 53))
        return WRIT_E_FORMAT;
    *ret = ev;
    return WRIT_OK;
}
