#include "base/span.h"

static uint8_t
lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

struct writ_span
writ_span_from(struct writ_span s, size_t from)
{
    if (from >= s.len)
        return writ_span(NULL, 0);
    return writ_span(s.ptr + from, s.len - from);
}

bool
writ_span_eq(struct writ_span a, struct writ_span b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

bool
writ_span_is(struct writ_span a, const char *s)
{
    return writ_span_eq(a, writ_span_str(s));
}

bool
writ_span_ieq(struct writ_span a, struct writ_span b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++) {
        if (lower(a.ptr[i]) != lower(b.ptr[i]))
            return false;
    }
    return true;
}

bool
writ_span_iis(struct writ_span a, const char *s)
{
    return writ_span_ieq(a, writ_span_str(s));
}

bool
writ_span_starts(struct writ_span a, const char *prefix)
{
    size_t n = strlen(prefix);

    return a.len >= n && (n == 0 || memcmp(a.ptr, prefix, n) == 0);
}

bool
writ_span_copy(struct writ_span a, char *ret, size_t cap)
{
    if (a.len >= cap || (a.len != 0 && memchr(a.ptr, 0, a.len) != NULL))
        return false;
    if (a.len != 0)
        memcpy(ret, a.ptr, a.len);
    ret[a.len] = '\0';
    return true;
}

struct writ_reader
writ_reader(struct writ_span s)
{
    return (struct writ_reader){s};
}

bool
writ_read_span(struct writ_reader *r, size_t n, struct writ_span *ret)
{
    if (n > r->rest.len)
        return false;
    *ret = writ_span(r->rest.ptr, n);
    r->rest = writ_span_from(r->rest, n);
    return true;
}

static bool
read_be(struct writ_reader *r, size_t n, uint64_t *ret)
{
    struct writ_span s;
    uint64_t v = 0;

    if (!writ_read_span(r, n, &s))
        return false;
    for (size_t i = 0; i < n; i++)
        v = v << 8 | s.ptr[i];
    *ret = v;
    return true;
}

bool
writ_read_u8(struct writ_reader *r, uint8_t *ret)
{
    uint64_t v;

    if (!read_be(r, 1, &v))
        return false;
    *ret = (uint8_t)v;
    return true;
}

bool
writ_read_u16(struct writ_reader *r, uint16_t *ret)
{
    uint64_t v;

    if (!read_be(r, 2, &v))
        return false;
    *ret = (uint16_t)v;
    return true;
}

bool
writ_read_u32(struct writ_reader *r, uint32_t *ret)
{
    uint64_t v;

    if (!read_be(r, 4, &v))
        return false;
    *ret = (uint32_t)v;
    return true;
}

bool
writ_read_u64(struct writ_reader *r, uint64_t *ret)
{
    return read_be(r, 8, ret);
}

bool
writ_read_blob(struct writ_reader *r, struct writ_span *ret)
{
    struct writ_reader before = *r;
    uint32_t n;

    if (writ_read_u32(r, &n) && writ_read_span(r, n, ret))
        return true;
    *r = before;
    return false;
}

bool
writ_read_str(struct writ_reader *r, char *ret, size_t cap)
{
    struct writ_reader before = *r;
    struct writ_span s;

    if (writ_read_blob(r, &s) && writ_span_copy(s, ret, cap))
        return true;
    *r = before;
    return false;
}

bool
writ_read_done(const struct writ_reader *r)
{
    return r->rest.len == 0;
}
