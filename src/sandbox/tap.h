/*
 * tap.h - what the task tried to reach and no listener takes, read from the tap sockets.
 *
 * A tap is a raw socket of the task's network namespace (TCP or UDP, IPv4 or IPv6: one each) that
 * can only receive: a filter lets nothing through but TCP connection attempts to ports without a
 * listener, and DNS datagrams are passed over when read. The kernel has already refused what is
 * left (RST, ICMP unreachable); the tap is for the record. Raw sockets are used and not AF_PACKET
 * because closing one of those waits for a grace period of the kernel, 8 ms and more, at every
 * task's end. The reader owns nothing and allocates nothing.
 */
#ifndef WRIT_SANDBOX_TAP_H
#define WRIT_SANDBOX_TAP_H

#include <netinet/in.h>

#include "base/err.h"
#include "base/span.h"

enum { WRIT_TAP_COUNT = 4, WRIT_TAP_SNAP = 128 };

struct writ_tap_event {
    uint8_t protocol; /* IPPROTO_TCP or IPPROTO_UDP */
    uint16_t from_port;
    uint16_t to_port;
    struct in6_addr from; /* IPv4 as ::ffff:a.b.c.d */
    struct in6_addr to;
};

/* The filters, for sockets made in the current network namespace. ports are those with a listener;
 * at most WRIT_SANDBOX_LISTENERS_MAX. *ret_count sockets; without IPv6 only two. */
enum writ_err writ_tap_open(const uint16_t *ports, size_t port_count, int ret[WRIT_TAP_COUNT],
                            size_t *ret_count) WRIT_CHECK;
/* The next attempt; WRIT_E_AGAIN if none is waiting (never blocks), WRIT_E_FORMAT for a packet that
 * is none: it is gone, go on. */
enum writ_err writ_tap_read(int fd, struct writ_tap_event *ret) WRIT_CHECK;

/* What one IPv4 packet from a tap says, or false; writ_tap_read uses it. */
bool writ_tap_parse_v4(struct writ_span packet, struct writ_tap_event *ret) WRIT_CHECK;

#endif
