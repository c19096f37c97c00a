#include "proto/addr.h"

#include <assert.h>

#include "base/text.h"

enum { V6_GROUPS = 8 };

static const uint8_t mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

struct writ_addr
writ_addr_v4(const uint8_t bytes[4])
{
    struct writ_addr a = {.family = 4};

    memcpy(a.bytes, bytes, 4);
    return a;
}

struct writ_addr
writ_addr_v6(const uint8_t bytes[16])
{
    struct writ_addr a = {.family = 6};

    memcpy(a.bytes, bytes, 16);
    return a;
}

bool
writ_addr_eq(const struct writ_addr *a, const struct writ_addr *b)
{
    return a->family == b->family && memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

static bool
is_mapped(const struct writ_addr *a)
{
    return a->family == 6 && memcmp(a->bytes, mapped_prefix, sizeof(mapped_prefix)) == 0;
}

struct writ_addr
writ_addr_unmap(const struct writ_addr *a)
{
    return is_mapped(a) ? writ_addr_v4(a->bytes + 12) : *a;
}

static bool
parse_v4(struct writ_span s, uint8_t ret[4])
{
    size_t at = 0;

    for (unsigned i = 0; i < 4; i++) {
        unsigned v = 0;
        size_t begin = at;

        while (at < s.len && s.ptr[at] >= '0' && s.ptr[at] <= '9' && at - begin < 3)
            v = v * 10 + (unsigned)(s.ptr[at++] - '0');
        /* "010" is 8 to inet_aton and 10 to others */
        if (at == begin || v > 255 || (s.ptr[begin] == '0' && at - begin > 1))
            return false;
        if (i < 3 && (at == s.len || s.ptr[at++] != '.'))
            return false;
        ret[i] = (uint8_t)v;
    }
    return at == s.len;
}

static int
hex_value(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

struct v6_text {
    struct writ_span s;
    size_t at;
    uint16_t groups[V6_GROUPS];
    unsigned count;
    int gap; /* groups before "::", or -1 */
};

static bool
put_group(struct v6_text *t, unsigned v)
{
    if (t->count == V6_GROUPS)
        return false;
    t->groups[t->count++] = (uint16_t)v;
    return true;
}

/* One group, or the four numbers at the end, which count for two groups. */
static bool
parse_group(struct v6_text *t)
{
    size_t begin = t->at;
    unsigned v = 0;
    uint8_t v4[4];

    while (t->at < t->s.len && t->at - begin < 4 && hex_value(t->s.ptr[t->at]) >= 0)
        v = v << 4 | (unsigned)hex_value(t->s.ptr[t->at++]);
    if (t->at < t->s.len && t->s.ptr[t->at] == '.') {
        if (!parse_v4(writ_span_from(t->s, begin), v4))
            return false;
        t->at = t->s.len;
        return put_group(t, (unsigned)v4[0] << 8 | v4[1]) &&
               put_group(t, (unsigned)v4[2] << 8 | v4[3]);
    }
    return t->at != begin && put_group(t, v);
}

static bool
at_gap(const struct v6_text *t)
{
    return t->s.len - t->at >= 2 && t->s.ptr[t->at] == ':' && t->s.ptr[t->at + 1] == ':';
}

static bool
parse_groups(struct v6_text *t)
{
    while (t->at < t->s.len) {
        if (at_gap(t)) {
            if (t->gap >= 0)
                return false;
            t->gap = (int)t->count;
            t->at += 2;
            if (t->at == t->s.len)
                return true;
        } else if (t->count != 0) {
            if (t->s.ptr[t->at++] != ':')
                return false;
        }
        if (!parse_group(t))
            return false;
    }
    return true;
}

static bool
parse_v6(struct writ_span s, uint8_t ret[16])
{
    struct v6_text t = {.s = s, .gap = -1};
    unsigned before;

    /* "::" stands for at least one group */
    if (!parse_groups(&t) || (t.gap < 0 ? t.count != V6_GROUPS : t.count >= V6_GROUPS))
        return false;
    before = t.gap < 0 ? V6_GROUPS : (unsigned)t.gap;
    memset(ret, 0, 16);
    for (unsigned i = 0; i < t.count; i++) {
        size_t to = (size_t)2 * (i < before ? i : V6_GROUPS - t.count + i);

        ret[to] = (uint8_t)(t.groups[i] >> 8);
        ret[to + 1] = (uint8_t)t.groups[i];
    }
    return true;
}

bool
writ_addr_parse(struct writ_span s, struct writ_addr *ret)
{
    uint8_t bytes[16];

    if (s.len == 0 || s.len >= WRIT_ADDR_TEXT_MAX)
        return false;
    if (parse_v4(s, bytes)) {
        *ret = writ_addr_v4(bytes);
        return true;
    }
    if (!parse_v6(s, bytes))
        return false;
    *ret = writ_addr_v6(bytes);
    return true;
}

static size_t
put_dec(char *to, unsigned v)
{
    size_t n = 0;

    if (v >= 100)
        to[n++] = (char)('0' + v / 100);
    if (v >= 10)
        to[n++] = (char)('0' + v / 10 % 10);
    to[n++] = (char)('0' + v % 10);
    return n;
}

static size_t
print_v4(const uint8_t *bytes, char *ret)
{
    size_t n = 0;

    for (unsigned i = 0; i < 4; i++) {
        if (i != 0)
            ret[n++] = '.';
        n += put_dec(ret + n, bytes[i]);
    }
    ret[n] = '\0';
    return n;
}

static unsigned
group_at(const uint8_t *bytes, unsigned i)
{
    bytes += (size_t)2 * i;
    return (unsigned)bytes[0] << 8 | bytes[1];
}

static size_t
put_group_hex(char *to, unsigned v)
{
    static const char hex[] = "0123456789abcdef";
    size_t n = 0;

    for (int shift = 12; shift >= 0; shift -= 4) {
        if (n != 0 || shift == 0 || v >> shift != 0)
            to[n++] = hex[v >> shift & 15];
    }
    return n;
}

/* RFC 5952 4.2: the longest run of at least two zero groups, the first of equal ones. */
static unsigned
longest_zeros(const uint8_t *bytes, unsigned *ret_len)
{
    unsigned best = 0;
    unsigned run = 0;

    *ret_len = 0;
    for (unsigned i = 0; i < V6_GROUPS; i++) {
        run = group_at(bytes, i) == 0 ? run + 1 : 0;
        if (run > *ret_len) {
            *ret_len = run;
            best = i + 1 - run;
        }
    }
    if (*ret_len < 2)
        *ret_len = 0;
    return best;
}

static size_t
print_v6(const uint8_t *bytes, char *ret)
{
    unsigned len;
    unsigned zeros = longest_zeros(bytes, &len);
    size_t n = 0;

    for (unsigned i = 0; i < V6_GROUPS; i++) {
        if (len != 0 && i == zeros) {
            ret[n++] = ':';
            ret[n++] = ':';
            i += len - 1;
            continue;
        }
        if (n != 0 && ret[n - 1] != ':')
            ret[n++] = ':';
        n += put_group_hex(ret + n, group_at(bytes, i));
    }
    ret[n] = '\0';
    return n;
}

size_t
writ_addr_print(const struct writ_addr *a, char ret[WRIT_ADDR_TEXT_MAX])
{
    static const char mapped_text[] = "::ffff:";

    assert(a->family == 4 || a->family == 6);
    if (a->family == 4)
        return print_v4(a->bytes, ret);
    if (!is_mapped(a))
        return print_v6(a->bytes, ret);
    for (size_t i = 0; i < sizeof(mapped_text) - 1; i++)
        ret[i] = mapped_text[i];
    return sizeof(mapped_text) - 1 + print_v4(a->bytes + 12, ret + sizeof(mapped_text) - 1);
}

static bool
parse_port(struct writ_span s, uint16_t *ret)
{
    uint64_t v;

    if (s.len > 5 || !writ_parse_dec(s, UINT16_MAX, &v) || s.ptr[0] == '0')
        return false;
    *ret = (uint16_t)v;
    return true;
}

bool
writ_host_port_split(struct writ_span s, struct writ_span *ret_host, uint16_t *ret_port,
                     bool *ret_v6)
{
    bool v6 = s.len != 0 && s.ptr[0] == '[';
    const uint8_t *end = s.len == 0 ? NULL : memchr(s.ptr, v6 ? ']' : ':', s.len);
    struct writ_span host = s;
    struct writ_span rest = writ_span(NULL, 0);
    uint16_t port = 0;

    if (v6 && end == NULL)
        return false;
    if (end != NULL) {
        host = writ_span(s.ptr, (size_t)(end - s.ptr));
        rest = writ_span_from(s, host.len + (v6 ? 1 : 0));
    }
    if (v6)
        host = writ_span_from(host, 1);
    if (host.len == 0 ||
        (rest.len != 0 && (rest.ptr[0] != ':' || !parse_port(writ_span_from(rest, 1), &port))))
        return false;
    *ret_host = host;
    *ret_port = port;
    *ret_v6 = v6;
    return true;
}

bool
writ_addr_in_prefix(const struct writ_addr *a, const uint8_t prefix[16], unsigned bits)
{
    unsigned whole = bits / 8;
    unsigned part = bits % 8;

    assert(bits <= 8 * sizeof(a->bytes));
    if (memcmp(a->bytes, prefix, whole) != 0)
        return false;
    return part == 0 || ((a->bytes[whole] ^ prefix[whole]) >> (8 - part)) == 0;
}

static bool
tail_is_zero(const struct writ_addr *a, unsigned bits)
{
    static const uint8_t zero[16];
    unsigned whole = bits / 8;

    if (bits % 8 != 0 && (uint8_t)(a->bytes[whole] << bits % 8) != 0)
        return false;
    whole += bits % 8 != 0 ? 1 : 0;
    return memcmp(a->bytes + whole, zero, sizeof(zero) - whole) == 0;
}

bool
writ_cidr_parse(struct writ_span s, struct writ_cidr *ret)
{
    const uint8_t *slash = s.len == 0 ? NULL : memchr(s.ptr, '/', s.len);
    size_t len = slash == NULL ? s.len : (size_t)(slash - s.ptr);
    struct writ_addr a;
    uint64_t bits;

    if (!writ_addr_parse(writ_span(s.ptr, len), &a))
        return false;
    bits = a.family == 4 ? 32 : 128;
    if (slash != NULL) {
        struct writ_span digits = writ_span_from(s, len + 1);

        if (!writ_parse_dec(digits, bits, &bits) || (digits.len > 1 && digits.ptr[0] == '0'))
            return false;
    }
    if (!tail_is_zero(&a, (unsigned)bits))
        return false;
    if (is_mapped(&a) && bits >= 96) {
        a = writ_addr_unmap(&a);
        bits -= 96;
    }
    *ret = (struct writ_cidr){.addr = a, .bits = (uint8_t)bits};
    return true;
}

bool
writ_cidr_match(const struct writ_cidr *c, const struct writ_addr *a)
{
    struct writ_addr plain = writ_addr_unmap(a);

    return plain.family != 0 && c->addr.family == plain.family &&
           writ_addr_in_prefix(&plain, c->addr.bytes, c->bits);
}
