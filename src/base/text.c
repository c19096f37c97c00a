#include "base/text.h"

#include "base/limits.h"

/* 16 for what is no digit in any base that we read. */
static unsigned
digit_value(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return (unsigned)c - '0';
    if (c >= 'a' && c <= 'f')
        return (unsigned)c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return (unsigned)c - 'A' + 10;
    return 16;
}

static bool
parse_number(struct writ_span s, unsigned base, uint64_t max, uint64_t *ret)
{
    uint64_t v = 0;

    if (s.len == 0)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        unsigned d = digit_value(s.ptr[i]);

        if (d >= base || !writ_mul(v, (uint64_t)base, &v) || !writ_add(v, (uint64_t)d, &v) ||
            v > max)
            return false;
    }
    *ret = v;
    return true;
}

bool
writ_parse_dec(struct writ_span s, uint64_t max, uint64_t *ret)
{
    return parse_number(s, 10, max, ret);
}

bool
writ_parse_hex(struct writ_span s, uint64_t max, uint64_t *ret)
{
    return parse_number(s, 16, max, ret);
}

struct unit {
    const char *name;
    uint64_t factor;
};

static bool
parse_with_unit(struct writ_span s, const struct unit *units, size_t count, uint64_t max,
                uint64_t *ret)
{
    size_t digits = 0;
    uint64_t v;

    while (digits < s.len && s.ptr[digits] >= '0' && s.ptr[digits] <= '9')
        digits++;
    if (!writ_parse_dec(writ_span(s.ptr, digits), UINT64_MAX, &v))
        return false;
    for (size_t i = 0; i < count; i++) {
        if (!writ_span_is(writ_span_from(s, digits), units[i].name))
            continue;
        if (!writ_mul(v, units[i].factor, &v) || v == 0 || v > max)
            return false;
        *ret = v;
        return true;
    }
    return false;
}

bool
writ_parse_duration(struct writ_span s, uint64_t max_ms, uint64_t *ret_ms)
{
    static const struct unit units[] = {
        {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};

    return parse_with_unit(s, units, WRIT_COUNT(units), max_ms, ret_ms);
}

bool
writ_parse_size(struct writ_span s, uint64_t max, uint64_t *ret)
{
    static const struct unit units[] = {
        {"", 1},      {"KiB", 1U << 10}, {"MiB", 1U << 20},  {"GiB", 1U << 30},
        {"kB", 1000}, {"MB", 1000000},   {"GB", 1000000000},
    };

    return parse_with_unit(s, units, WRIT_COUNT(units), max, ret);
}

static bool
is_alnum(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool
writ_is_name(struct writ_span s)
{
    if (s.len == 0 || s.len > WRIT_NAME_MAX || !is_alnum(s.ptr[0]))
        return false;
    for (size_t i = 1; i < s.len; i++) {
        if (!is_alnum(s.ptr[i]) && s.ptr[i] != '.' && s.ptr[i] != '_' && s.ptr[i] != '-')
            return false;
    }
    return true;
}

/* True if an IPv4 address in any notation cannot have c there, at the n-th place of a label. */
static bool
is_only_in_names(uint8_t c, size_t n)
{
    if (c == '-' || c == '_')
        return true;
    if (c >= 'a' && c <= 'f')
        return n == 1; /* later it may be a hexadecimal digit */
    /* "x" follows a leading 0 in a hexadecimal number */
    return c >= 'g' && c <= 'z' && !(c == 'x' && n == 2);
}

/* True if c may stand at the n-th place of a label, counted from 1. */
static bool
fits_label(uint8_t c, size_t n)
{
    if (c == '-')
        return n > 1 && n <= 63;
    return ((is_alnum(c) && !(c >= 'A' && c <= 'Z')) || c == '_') && n <= 63;
}

bool
writ_is_host(struct writ_span s)
{
    size_t label = 0;
    bool letter = false; /* in the last label: some parsers take "1.2.3.4", "0x7f.1" as addresses */

    if (s.len == 0 || s.len > WRIT_HOST_MAX)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        uint8_t c = s.ptr[i];

        if (c == '.') {
            if (label == 0 || s.ptr[i - 1] == '-')
                return false;
            label = 0;
            letter = false;
            continue;
        }
        if (!fits_label(c, ++label))
            return false;
        letter = letter || is_only_in_names(c, label);
    }
    return label != 0 && letter && s.ptr[s.len - 1] != '-';
}

void
writ_put_hex(struct writ_buf *b, struct writ_span s)
{
    static const char hex[] = "0123456789abcdef";

    for (size_t i = 0; i < s.len; i++) {
        const char two[2] = {hex[s.ptr[i] >> 4], hex[s.ptr[i] & 15]};

        writ_buf_put(b, writ_span(two, 2));
    }
}

bool
writ_unhex(struct writ_span s, uint8_t *ret, size_t n)
{
    if (s.len != 2 * n)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        if (digit_value(s.ptr[i]) == 16)
            return false;
    }
    for (size_t i = 0; i < n; i++)
        ret[i] = (uint8_t)(digit_value(s.ptr[2 * i]) << 4 | digit_value(s.ptr[2 * i + 1]));
    return true;
}

void
writ_put_base64(struct writ_buf *b, struct writ_span s)
{
    static const char set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=";

    for (size_t i = 0; i < s.len; i += 3) {
        size_t left = s.len - i;
        uint32_t v = (uint32_t)s.ptr[i] << 16;
        char out[4];

        if (left > 1)
            v |= (uint32_t)s.ptr[i + 1] << 8;
        if (left > 2)
            v |= s.ptr[i + 2];
        out[0] = set[v >> 18];
        out[1] = set[v >> 12 & 63];
        out[2] = set[left > 1 ? v >> 6 & 63 : 64];
        out[3] = set[left > 2 ? v & 63 : 64];
        writ_buf_put(b, writ_span(out, 4));
    }
}

/* Unicode, table 3-7: what may follow which first byte; the rest is 80..BF. */
struct utf8_lead {
    uint8_t first;
    uint8_t last;
    uint8_t low; /* bounds of the second byte */
    uint8_t high;
    uint8_t len;
};

static const struct utf8_lead *
utf8_lead(uint8_t c)
{
    static const struct utf8_lead leads[] = {
        {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3}, {0xe1, 0xec, 0x80, 0xbf, 3},
        {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3}, {0xf0, 0xf0, 0x90, 0xbf, 4},
        {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };

    for (size_t i = 0; i < WRIT_COUNT(leads); i++) {
        if (c >= leads[i].first && c <= leads[i].last)
            return &leads[i];
    }
    return NULL;
}

size_t
writ_utf8_len(struct writ_span s)
{
    const struct utf8_lead *lead;

    if (s.len == 0)
        return 0;
    if (s.ptr[0] < 0x80)
        return 1;
    lead = utf8_lead(s.ptr[0]);
    if (lead == NULL || s.len < lead->len || s.ptr[1] < lead->low || s.ptr[1] > lead->high)
        return 0;
    for (size_t i = 2; i < lead->len; i++) {
        if (s.ptr[i] < 0x80 || s.ptr[i] > 0xbf)
            return 0;
    }
    return lead->len;
}

size_t
writ_utf8_check(struct writ_span s)
{
    size_t at = 0;

    while (at < s.len) {
        size_t n = s.ptr[at] < 0x80 ? 1 : writ_utf8_len(writ_span_from(s, at));

        if (n == 0)
            break;
        at += n;
    }
    return at;
}

size_t
writ_utf8_put(uint32_t c, uint8_t ret[4])
{
    if (c < 0x80) {
        ret[0] = (uint8_t)c;
        return 1;
    }
    if (c < 0x800) {
        ret[0] = (uint8_t)(0xc0 | (c >> 6));
        ret[1] = (uint8_t)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        ret[0] = (uint8_t)(0xe0 | (c >> 12));
        ret[1] = (uint8_t)(0x80 | ((c >> 6) & 0x3f));
        ret[2] = (uint8_t)(0x80 | (c & 0x3f));
        return 3;
    }
    ret[0] = (uint8_t)(0xf0 | (c >> 18));
    ret[1] = (uint8_t)(0x80 | ((c >> 12) & 0x3f));
    ret[2] = (uint8_t)(0x80 | ((c >> 6) & 0x3f));
    ret[3] = (uint8_t)(0x80 | (c & 0x3f));
    return 4;
}

/* Levenshtein's distance, letters compared without case. */
static unsigned
distance(struct writ_span a, const char *b, size_t len)
{
    unsigned row[WRIT_NAME_MAX + 1];

    for (unsigned k = 0; k <= len; k++)
        row[k] = k;
    for (size_t i = 0; i < a.len; i++) {
        unsigned corner = row[0];

        row[0] = (unsigned)i + 1;
        for (size_t k = 0; k < len; k++) {
            bool same = writ_span_ieq(writ_span(a.ptr + i, 1), writ_span(b + k, 1));
            unsigned best = corner + (same ? 0 : 1);

            corner = row[k + 1];
            best = row[k] + 1 < best ? row[k] + 1 : best;
            row[k + 1] = corner + 1 < best ? corner + 1 : best;
        }
    }
    return row[len];
}

void
writ_nearest_try(struct writ_nearest *n, const char *name)
{
    size_t len = strlen(name);
    unsigned far;

    if (len > WRIT_NAME_MAX || n->typed.len > WRIT_NAME_MAX)
        return;
    far = distance(n->typed, name, len);
    if (far <= 1 + n->typed.len / 4 && far < len && (n->name == NULL || far < n->distance)) {
        n->name = name;
        n->distance = far;
    }
}
