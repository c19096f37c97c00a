#include "writ-gateway/tap.h"

#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

#include "base/span.h"
#include "writ-gateway/report.h"

enum { TAP_PACKETS_MAX = 64, TAP_BYTES = 128, IPV6_EXTENSIONS_MAX = 8 };

struct packet {
    struct writ_addr dest;
    uint8_t protocol;
    uint16_t port;
};

static bool
read_ports(struct writ_reader *r, struct packet *ret)
{
    uint16_t source;

    if (ret->protocol != IPPROTO_TCP && ret->protocol != IPPROTO_UDP)
        return true;
    return writ_read_u16(r, &source) && writ_read_u16(r, &ret->port);
}

/* RFC 791 3.1 */
static bool
read_v4(struct writ_span s, struct packet *ret)
{
    struct writ_reader r = writ_reader(s);
    struct writ_span fixed;
    struct writ_span options;
    size_t header;

    if (!writ_read_span(&r, 20, &fixed))
        return false;
    header = (size_t)(fixed.ptr[0] & 15) * 4;
    if (header < 20 || !writ_read_span(&r, header - 20, &options))
        return false;
    ret->protocol = fixed.ptr[9];
    ret->dest = writ_addr_v4(fixed.ptr + 16);
    if (((fixed.ptr[6] & 0x1f) | fixed.ptr[7]) != 0)
        return true; /* a later fragment has no ports */
    return read_ports(&r, ret);
}

static bool
is_extension(uint8_t next)
{
    return next == IPPROTO_HOPOPTS || next == IPPROTO_ROUTING || next == IPPROTO_DSTOPTS;
}

/* RFC 8200 3 and 4 */
static bool
read_v6(struct writ_span s, struct packet *ret)
{
    struct writ_reader r = writ_reader(s);
    struct writ_span fixed;

    if (!writ_read_span(&r, 40, &fixed))
        return false;
    ret->protocol = fixed.ptr[6];
    ret->dest = writ_addr_v6(fixed.ptr + 24);
    for (unsigned i = 0; i < IPV6_EXTENSIONS_MAX && is_extension(ret->protocol); i++) {
        struct writ_span rest;
        uint8_t next;
        uint8_t units;

        if (!writ_read_u8(&r, &next) || !writ_read_u8(&r, &units) ||
            !writ_read_span(&r, (size_t)units * 8 + 6, &rest))
            return false;
        ret->protocol = next;
    }
    return read_ports(&r, ret);
}

static const char *
protocol_name(uint8_t protocol, char ret[8])
{
    switch (protocol) {
    case IPPROTO_TCP:
        return "tcp";
    case IPPROTO_UDP:
        return "udp";
    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6:
        return "icmp";
    default:
        (void)snprintf(ret, 8, "ip-%u", protocol);
        return ret;
    }
}

void
tap_read(struct listener *l)
{
    for (unsigned i = 0; i < TAP_PACKETS_MAX; i++) {
        uint8_t bytes[TAP_BYTES];
        struct packet p = {0};
        enum writ_addr_class class;
        ssize_t n = recv(l->io.fd, bytes, sizeof(bytes), MSG_DONTWAIT);
        struct writ_span s;
        char name[8];
        bool told;

        if (n <= 0)
            return;
        s = writ_span(bytes, (size_t)n);
        if (!(bytes[0] >> 4 == 4 ? read_v4(s, &p) : bytes[0] >> 4 == 6 && read_v6(s, &p)))
            continue;
        class = writ_addr_classify_inner(&p.dest);
        told = class == WRIT_ADDR_METADATA
                   ? report_decoy(l->gw, &p.dest, p.port, protocol_name(p.protocol, name))
                   : report_attempt(l->gw, &p.dest, p.port, protocol_name(p.protocol, name));
        if (!told)
            return; /* the kernel refused the packet in any case */
    }
}
