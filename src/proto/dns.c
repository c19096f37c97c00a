#include "proto/dns.h"

#include <assert.h>

enum {
    DNS_HEADER = 12,
    DNS_LABEL_MAX = 63,
    DNS_WIRE_NAME_MAX = 255,
    DNS_CLASS_IN = 1,
    DNS_TYPE_OPT = 41,
    DNS_UDP_PLAIN = 512, /* RFC 1035 4.2.1 */
    DNS_UDP_MAX = 1232,  /* what passes everywhere without fragments: DNS flag day 2020 */
    DNS_FLAG_QR = 0x8000,
    DNS_FLAG_AA = 0x0400,
    DNS_FLAG_TC = 0x0200,
    DNS_FLAG_RD = 0x0100,
    DNS_FLAG_RA = 0x0080,
    DNS_FLAG_CD = 0x0010,
    DNS_OPCODE_MASK = 0x7800,
    DNS_OPT_BYTES = 11,
    DNS_POINTER = 0xc00c, /* the name right behind the header */
};

static bool
is_name_char(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

static void
put_text(struct writ_dns_query *q, uint8_t c)
{
    assert(q->name_len + 5U <= sizeof(q->name));
    if (c >= 'A' && c <= 'Z')
        c |= 0x20;
    if (is_name_char(c)) {
        q->name[q->name_len++] = (char)c;
        return;
    }
    /* a dot inside a label, a NUL or a byte above ASCII must not look like anything else */
    q->odd = true;
    q->name[q->name_len++] = '\\';
    q->name[q->name_len++] = (char)('0' + c / 100);
    q->name[q->name_len++] = (char)('0' + c / 10 % 10);
    q->name[q->name_len++] = (char)('0' + c % 10);
}

static bool
read_name(struct writ_reader *r, struct writ_dns_query *q)
{
    size_t wire = 0;

    for (;;) {
        struct writ_span label;
        uint8_t len;

        /* a length above 63 is a pointer or reserved; in a question there is nothing to point to */
        if (!writ_read_u8(r, &len) || len > DNS_LABEL_MAX || !writ_read_span(r, len, &label))
            return false;
        wire += (size_t)len + 1;
        if (wire > DNS_WIRE_NAME_MAX)
            return false;
        if (len == 0)
            break;
        if (q->name_len != 0)
            q->name[q->name_len++] = '.';
        for (size_t i = 0; i < label.len; i++)
            put_text(q, label.ptr[i]);
    }
    if (q->name_len == 0)
        q->name[q->name_len++] = '.';
    q->name[q->name_len] = '\0';
    return true;
}

/* The one record that may follow the question: OPT with the root as its name (RFC 6891 6.1). */
static bool
read_opt(struct writ_reader *r, struct writ_dns_query *q, uint8_t *ret_version)
{
    struct writ_span options;
    uint8_t root;
    uint8_t rcode;
    uint16_t type;
    uint16_t size;
    uint16_t flags;
    uint16_t len;

    if (!writ_read_u8(r, &root) || root != 0 || !writ_read_u16(r, &type) || type != DNS_TYPE_OPT ||
        !writ_read_u16(r, &size) || !writ_read_u8(r, &rcode) || !writ_read_u8(r, ret_version) ||
        !writ_read_u16(r, &flags) || !writ_read_u16(r, &len) || !writ_read_span(r, len, &options))
        return false;
    q->edns = true;
    if (size > DNS_UDP_PLAIN)
        q->udp_max = size < DNS_UDP_MAX ? size : DNS_UDP_MAX;
    return true;
}

struct dns_header {
    uint16_t id;
    uint16_t flags;
    uint16_t counts[4];
};

static bool
read_header(struct writ_reader *r, struct dns_header *h)
{
    bool ok = writ_read_u16(r, &h->id) && writ_read_u16(r, &h->flags);

    for (unsigned i = 0; i < 4; i++)
        ok = ok && writ_read_u16(r, &h->counts[i]);
    return ok;
}

static enum writ_err
fail(enum writ_dns_rcode *ret_rcode, enum writ_dns_rcode rcode, enum writ_err e)
{
    *ret_rcode = rcode;
    return e;
}

enum writ_err
writ_dns_parse_query(struct writ_span msg, struct writ_dns_query *ret,
                     enum writ_dns_rcode *ret_rcode)
{
    struct writ_reader r = writ_reader(msg);
    struct dns_header h = {.id = 0};
    struct writ_dns_query q = {.udp_max = DNS_UDP_PLAIN};
    uint16_t class;
    uint8_t version = 0;

    if (!read_header(&r, &h) || (h.flags & DNS_FLAG_QR) != 0)
        return WRIT_E_CLOSED;
    if (msg.len > WRIT_DNS_MSG_BYTES_MAX)
        return fail(ret_rcode, WRIT_DNS_FORMERR, WRIT_E_LIMIT);
    if ((h.flags & DNS_OPCODE_MASK) != 0)
        return fail(ret_rcode, WRIT_DNS_NOTIMP, WRIT_E_STATE);
    if (h.counts[0] != 1 || h.counts[1] != 0 || h.counts[2] != 0 || h.counts[3] > 1)
        return fail(ret_rcode, WRIT_DNS_FORMERR, WRIT_E_FORMAT);
    if (!read_name(&r, &q) || !writ_read_u16(&r, &q.type) || !writ_read_u16(&r, &class))
        return fail(ret_rcode, WRIT_DNS_FORMERR, WRIT_E_FORMAT);
    q.question = writ_span(msg.ptr + DNS_HEADER, msg.len - DNS_HEADER - r.rest.len);
    if ((h.counts[3] == 1 && !read_opt(&r, &q, &version)) || !writ_read_done(&r))
        return fail(ret_rcode, WRIT_DNS_FORMERR, WRIT_E_FORMAT);
    if (class != DNS_CLASS_IN)
        return fail(ret_rcode, WRIT_DNS_NOTIMP, WRIT_E_STATE);
    if (version != 0)
        return fail(ret_rcode, WRIT_DNS_BADVERS, WRIT_E_STATE);
    q.id = h.id;
    q.rd = (h.flags & DNS_FLAG_RD) != 0;
    q.cd = (h.flags & DNS_FLAG_CD) != 0;
    *ret = q;
    return WRIT_OK;
}

static void
put_header(struct writ_buf *b, uint16_t id, unsigned flags, const uint16_t counts[4])
{
    writ_buf_put_u16(b, id);
    writ_buf_put_u16(b, (uint16_t)flags);
    for (unsigned i = 0; i < 4; i++)
        writ_buf_put_u16(b, counts[i]);
}

static void
put_opt(struct writ_buf *b, unsigned rcode)
{
    writ_buf_put_u8(b, 0);
    writ_buf_put_u16(b, DNS_TYPE_OPT);
    writ_buf_put_u16(b, DNS_UDP_MAX);
    writ_buf_put_u32(b, (uint32_t)(rcode >> 4) << 24); /* the upper bits of rcode; version 0 */
    writ_buf_put_u16(b, 0);
}

static bool
is_asked_for(const struct writ_dns_query *q, const struct writ_addr *a)
{
    return (q->type == WRIT_DNS_TYPE_A && a->family == 4) ||
           (q->type == WRIT_DNS_TYPE_AAAA && a->family == 6);
}

static size_t
count_matching(const struct writ_dns_query *q, const struct writ_dns_answer *a)
{
    size_t n = 0;

    if (a->rcode != WRIT_DNS_NOERROR)
        return 0;
    for (size_t i = 0; i < a->count; i++)
        n += is_asked_for(q, &a->addrs[i]) ? 1 : 0;
    return n;
}

static void
put_address(struct writ_buf *b, const struct writ_dns_query *q, const struct writ_addr *a,
            uint32_t ttl_s)
{
    uint16_t len = a->family == 4 ? 4 : 16;

    writ_buf_put_u16(b, DNS_POINTER);
    writ_buf_put_u16(b, q->type);
    writ_buf_put_u16(b, DNS_CLASS_IN);
    writ_buf_put_u32(b, ttl_s);
    writ_buf_put_u16(b, len);
    writ_buf_put(b, writ_span(a->bytes, len));
}

void
writ_dns_put_answer(struct writ_buf *b, const struct writ_dns_query *q,
                    const struct writ_dns_answer *a, size_t bytes_max)
{
    unsigned flags = DNS_FLAG_QR | DNS_FLAG_RA | ((unsigned)a->rcode & 15);
    uint16_t counts[4] = {1, 0, 0, q->edns ? 1 : 0};
    size_t each = q->type == WRIT_DNS_TYPE_A ? 16 : 28;
    size_t fixed = DNS_HEADER + q->question.len + (q->edns ? DNS_OPT_BYTES : 0);
    size_t matching;

    flags |= q->rd ? (unsigned)DNS_FLAG_RD : 0;
    flags |= q->cd ? (unsigned)DNS_FLAG_CD : 0;
    matching = count_matching(q, a);
    counts[1] = (uint16_t)matching;
    if (bytes_max > UINT16_MAX)
        bytes_max = UINT16_MAX;
    if (bytes_max < fixed || matching > (bytes_max - fixed) / each) {
        flags |= DNS_FLAG_TC;
        counts[1] = 0;
    }
    put_header(b, q->id, flags, counts);
    writ_buf_put(b, q->question);
    for (size_t i = 0; counts[1] != 0 && i < a->count; i++) {
        if (is_asked_for(q, &a->addrs[i]))
            put_address(b, q, &a->addrs[i], a->ttl_s);
    }
    if (q->edns)
        put_opt(b, a->rcode);
}

void
writ_dns_put_error(struct writ_buf *b, struct writ_span msg, enum writ_dns_rcode rcode)
{
    struct writ_reader r = writ_reader(msg);
    struct dns_header h = {.id = 0};
    uint16_t counts[4] = {0, 0, 0, rcode > 15 ? 1 : 0};

    if (!read_header(&r, &h)) {
        b->failed = true;
        return;
    }
    put_header(b, h.id,
               DNS_FLAG_QR | (h.flags & (DNS_OPCODE_MASK | DNS_FLAG_RD)) | ((unsigned)rcode & 15),
               counts);
    if (rcode > 15)
        put_opt(b, rcode);
}

enum writ_err
writ_dns_tcp_next(struct writ_span in, struct writ_span *ret, size_t *ret_consumed)
{
    struct writ_reader r = writ_reader(in);
    struct writ_span msg;
    uint16_t len;

    if (!writ_read_u16(&r, &len))
        return WRIT_E_AGAIN;
    if (len > WRIT_DNS_MSG_BYTES_MAX)
        return WRIT_E_LIMIT;
    if (len < DNS_HEADER)
        return WRIT_E_FORMAT;
    if (!writ_read_span(&r, len, &msg))
        return WRIT_E_AGAIN;
    *ret = msg;
    *ret_consumed = (size_t)len + 2;
    return WRIT_OK;
}

void
writ_dns_put_tcp(struct writ_buf *b, struct writ_span msg)
{
    if (msg.len > UINT16_MAX) {
        b->failed = true;
        return;
    }
    writ_buf_put_u16(b, (uint16_t)msg.len);
    writ_buf_put(b, msg);
}
