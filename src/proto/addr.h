/*
 * addr.h - IP addresses as bytes: strict text forms, prefixes, and what kind of place they name.
 *
 * Text is read in one way only: four decimal numbers without leading zeros, or RFC 4291 section 2.2
 * without a zone. Everything a resolver of another make might read as an address (127.1,
 * 0x7f000001, 2852039166, 0251.0376.1.1) is no address here, and writ_is_host refuses it as a name.
 * Bytes are in network order. Nothing allocates; getters that return false leave *ret alone.
 */
#ifndef WRIT_PROTO_ADDR_H
#define WRIT_PROTO_ADDR_H

#include "base/span.h"

enum { WRIT_ADDR_TEXT_MAX = 46 }; /* with the final NUL */

struct writ_addr {
    uint8_t family;    /* 4 or 6; 0 is no address */
    uint8_t bytes[16]; /* the first 4 for family 4; the rest is zero */
};

struct writ_cidr {
    struct writ_addr addr; /* bits past the prefix are zero */
    uint8_t bits;
};

/* IANA IPv4 and IPv6 special-purpose address registries (RFC 6890 and its updates). Only GLOBAL may
 * be dialled without being named; see writ_addr_may_dial. */
enum writ_addr_class {
    WRIT_ADDR_RESERVED, /* first: what is not known is not reachable */
    WRIT_ADDR_GLOBAL,
    WRIT_ADDR_LOOPBACK,
    WRIT_ADDR_PRIVATE,    /* RFC 1918, unique local, site local */
    WRIT_ADDR_LINK_LOCAL, /* never dialled */
    WRIT_ADDR_METADATA,   /* credentials of the machine for whoever asks; never dialled */
    WRIT_ADDR_CGNAT,      /* 100.64.0.0/10 */
    WRIT_ADDR_MULTICAST,
    WRIT_ADDR_BROADCAST,
    WRIT_ADDR_UNSPECIFIED,
    WRIT_ADDR_DOCUMENTATION,
    WRIT_ADDR_TRANSLATED, /* IPv6 that carries an IPv4 address: mapped, NAT64, 6to4, Teredo ... */
};

/* "192.0.2.1" or "2001:db8::1"; no brackets, zone, prefix or blanks. */
bool writ_addr_parse(struct writ_span s, struct writ_addr *ret) WRIT_CHECK;
struct writ_addr writ_addr_v4(const uint8_t bytes[4]);
struct writ_addr writ_addr_v6(const uint8_t bytes[16]);
/* RFC 5952; a mapped address as ::ffff:192.0.2.1. Returns the length without the NUL. */
size_t writ_addr_print(const struct writ_addr *a, char ret[WRIT_ADDR_TEXT_MAX]);
bool writ_addr_eq(const struct writ_addr *a, const struct writ_addr *b) WRIT_CHECK;
/* ::ffff:a.b.c.d becomes a.b.c.d, which is what the kernel would dial; else a copy. */
struct writ_addr writ_addr_unmap(const struct writ_addr *a);

/*
 * "host", "host:port", "[v6]", "[v6]:port". The host is not looked at beyond this: *ret_host is
 * what stands before the port, without brackets. *ret_port is 0 if none was written; a port is
 * 1..65535 without leading zeros. *ret_v6 is true if there were brackets (whose content the caller
 * must parse as a v6 address). More than one colon without brackets is refused.
 */
bool writ_host_port_split(struct writ_span s, struct writ_span *ret_host, uint16_t *ret_port,
                          bool *ret_v6) WRIT_CHECK;

/* "10.0.0.0/8" or an address alone; bits set past the prefix are refused: somebody meant another
 * prefix. A prefix inside ::ffff:0:0/96 becomes the IPv4 one. */
bool writ_cidr_parse(struct writ_span s, struct writ_cidr *ret) WRIT_CHECK;
/* A mapped address is matched as its IPv4 one; families never match across otherwise. */
bool writ_cidr_match(const struct writ_cidr *c, const struct writ_addr *a) WRIT_CHECK;
/* The bytes alone: the caller compares families, and nothing is unmapped. */
bool writ_addr_in_prefix(const struct writ_addr *a, const uint8_t prefix[16],
                         unsigned bits) WRIT_CHECK;

enum writ_addr_class writ_addr_classify(const struct writ_addr *a) WRIT_CHECK;
/* For TRANSLATED: the class of the IPv4 address inside (the worst one, where two can be read);
 * otherwise the same as writ_addr_classify. Never TRANSLATED itself. */
enum writ_addr_class writ_addr_classify_inner(const struct writ_addr *a) WRIT_CHECK;
const char *writ_addr_class_name(enum writ_addr_class c);

/* GLOBAL always; METADATA and LINK_LOCAL, also inside another form, never; the rest only if one of
 * the prefixes of the profile holds it. */
bool writ_addr_may_dial(const struct writ_addr *a, const struct writ_cidr *allowed,
                        size_t count) WRIT_CHECK;

#endif
