/*
 * dns.h - one question in, one answer out (RFC 1035; EDNS as far as RFC 6891 forces a server).
 *
 * A query's spans borrow from the message. Only what a stub resolver sends is read: one question,
 * class IN, opcode QUERY, no compression, at most an OPT record behind it. Everything else gets an
 * error answer made of the header alone, or none where the bytes are no query at all.
 */
#ifndef WRIT_PROTO_DNS_H
#define WRIT_PROTO_DNS_H

#include "base/buf.h"
#include "base/limits.h"
#include "proto/addr.h"

enum writ_dns_rcode {
    WRIT_DNS_NOERROR = 0,
    WRIT_DNS_FORMERR = 1,
    WRIT_DNS_SERVFAIL = 2,
    WRIT_DNS_NXDOMAIN = 3,
    WRIT_DNS_NOTIMP = 4,
    WRIT_DNS_REFUSED = 5,
    WRIT_DNS_BADVERS = 16, /* only in answers with OPT */
};

enum { WRIT_DNS_TYPE_A = 1, WRIT_DNS_TYPE_AAAA = 28, WRIT_DNS_TYPE_HTTPS = 65 };

enum { WRIT_DNS_TEXT_MAX = 1017 }; /* 253 bytes, each as \DDD, dots, NUL */

struct writ_dns_query {
    uint16_t id;
    uint16_t type;
    bool rd;           /* recursion desired: echoed */
    bool cd;           /* checking disabled: echoed */
    bool odd;          /* the name holds bytes that no host name has; it is data, not a name */
    bool edns;         /* asked with OPT: answered with OPT */
    uint16_t udp_max;  /* bytes that fit an answer over UDP: 512..1232 */
    uint16_t name_len; /* of name, without the NUL */
    /* Lower case, without the final dot ("." for the root); odd bytes as \DDD (RFC 1035 5.1). */
    char name[WRIT_DNS_TEXT_MAX];
    struct writ_span question; /* as sent: letter case is echoed (RFC 5452 9.2 and 0x20) */
};

/*
 * OK: *ret is a question. FORMAT, LIMIT, STATE: *ret_rcode is what to answer with
 * writ_dns_put_error. CLOSED: no query at all (too short, or a response): send nothing.
 */
enum writ_err writ_dns_parse_query(struct writ_span msg, struct writ_dns_query *ret,
                                   enum writ_dns_rcode *ret_rcode) WRIT_CHECK;

struct writ_dns_answer {
    enum writ_dns_rcode rcode;
    uint32_t ttl_s;
    const struct writ_addr *addrs; /* those of the family that was asked for are sent */
    size_t count;
};

/* Appends the message. What is longer than bytes_max (q->udp_max, or 65535 over TCP) is sent
 * without answers and with TC set, so that the client asks again over TCP. */
void writ_dns_put_answer(struct writ_buf *b, const struct writ_dns_query *q,
                         const struct writ_dns_answer *a, size_t bytes_max);
/* Appends a header-only answer to msg, of which at least the header was there. */
void writ_dns_put_error(struct writ_buf *b, struct writ_span msg, enum writ_dns_rcode rcode);

/* TCP (RFC 1035 4.2.2): the next whole message; consume *ret_consumed bytes. LIMIT: it is longer
 * than WRIT_DNS_MSG_BYTES_MAX; FORMAT: shorter than a header. */
enum writ_err writ_dns_tcp_next(struct writ_span in, struct writ_span *ret,
                                size_t *ret_consumed) WRIT_CHECK;
/* Two bytes of length before each message. Only for a message of at most 65535 bytes. */
void writ_dns_put_tcp(struct writ_buf *b, struct writ_span msg);

#endif
