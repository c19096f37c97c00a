#include "proto/http1_path.h"

#include "proto/http1_chars.h"
#include "proto/http1_head.h"

/* Reading an escape: the byte, or -1 if what stands at i is no escape. */
static int
escape_at(struct writ_span s, size_t i)
{
    unsigned hi;
    unsigned lo;

    if (s.len - i < 3 || s.ptr[i] != '%')
        return -1;
    hi = writ_http1_hex[s.ptr[i + 1]];
    lo = writ_http1_hex[s.ptr[i + 2]];
    return hi < 16 && lo < 16 ? (int)(hi << 4 | lo) : -1;
}

struct path_writer {
    struct writ_span raw;
    size_t at;
    struct writ_buf *out;
    unsigned flags;
    bool nested; /* "%25" was written: what follows may be an escape to whoever decodes twice */
    struct writ_http1_path info;
    struct writ_http1_fault *fault;
};

static enum writ_err
refuse_path(struct path_writer *w, const char *reason)
{
    return writ_http1_refuse(w->fault, 400, reason);
}

static void
put_escape(struct writ_buf *b, unsigned v)
{
    static const char hex[] = "0123456789ABCDEF";
    const char three[3] = {'%', hex[v >> 4], hex[v & 15]};

    writ_buf_put(b, writ_span(three, 3));
}

struct utf8_head {
    uint8_t first; /* the last byte that begins such a sequence */
    uint8_t more;
    uint8_t mask;
    uint32_t min;
};

/* RFC 3629, where each length has its least value so that there are no overlong forms; with two
 * bytes it is above the C1 control characters. */
static const struct utf8_head utf8_heads[] = {
    {0xc1, 0, 0, 0},
    {0xdf, 1, 0x1f, 0xa0},
    {0xef, 2, 0x0f, 0x800},
    {0xf4, 3, 0x07, 0x10000},
};

/* How many escapes make one character; 0 if they are no UTF-8 text. */
static unsigned
utf8_escapes(struct writ_span s, size_t at, uint8_t first)
{
    const struct utf8_head *h = utf8_heads;
    uint32_t v;

    while (first > h->first) {
        if (++h == utf8_heads + WRIT_COUNT(utf8_heads))
            return 0;
    }
    v = first & h->mask;
    for (size_t i = 1; i <= h->more; i++) {
        int next = at + 3 * i < s.len ? escape_at(s, at + 3 * i) : -1;

        if (next < 0x80 || next > 0xbf)
            return 0;
        v = v << 6 | ((uint32_t)next & 0x3f);
    }
    if (h->more == 0 || v < h->min || v > 0x10ffff || (v >= 0xd800 && v <= 0xdfff))
        return 0;
    return h->more + 1U;
}

static enum writ_err
put_utf8(struct path_writer *w, uint8_t first)
{
    unsigned n = utf8_escapes(w->raw, w->at, first);

    if (n == 0)
        return refuse_path(w, "the path holds escapes that are no UTF-8 text");
    for (unsigned i = 0; i < n; i++, w->at += 3)
        put_escape(w->out, (unsigned)escape_at(w->raw, w->at));
    return WRIT_OK;
}

/* Of what may stand in a path as it is, only these two mean something else when they do: some
 * servers cut at ';' and take '+' for a blank. "%3A" and ':' are one path to all who route by the
 * decoded one, so they have one form here. */
static bool
needs_no_escape(uint8_t v)
{
    return (writ_http1_chars[v] & WRIT_HTTP1_C_PCHAR) != 0 && v != ';' && v != '+';
}

static enum writ_err
put_escaped(struct path_writer *w)
{
    int v = escape_at(w->raw, w->at);

    if (v < 0)
        return refuse_path(w, "the path holds a '%' that begins no escape");
    if (v >= 0x80)
        return put_utf8(w, (uint8_t)v);
    if (v < 0x20 || v == 0x7f)
        return refuse_path(w, "the path holds an escaped control character");
    if (v == '/' || v == '\\')
        return refuse_path(w, "the path holds an escaped slash or backslash");
    w->at += 3;
    if (needs_no_escape((uint8_t)v)) {
        writ_buf_put_u8(w->out, (uint8_t)v);
        return WRIT_OK;
    }
    w->info.reserved_escapes = w->info.reserved_escapes || strchr("?#[]+;", v) != NULL;
    w->nested = w->nested || v == '%';
    put_escape(w->out, (unsigned)v);
    return WRIT_OK;
}

/* One segment, up to '/' or the end. Plain runs are copied as one. */
static enum writ_err
put_segment(struct path_writer *w)
{
    while (w->at < w->raw.len && w->raw.ptr[w->at] != '/') {
        const uint8_t *begin = w->raw.ptr + w->at;
        size_t n = 0;
        enum writ_err e;

        if (*begin == '%') {
            e = put_escaped(w);
            if (e != WRIT_OK)
                return e;
            continue;
        }
        while (n < w->raw.len - w->at && (writ_http1_chars[begin[n]] & WRIT_HTTP1_C_PCHAR) != 0)
            n++;
        if (n == 0)
            return refuse_path(w, "the path holds a character that must be escaped");
        if ((w->flags & WRIT_HTTP1_PATH_PARAMS) == 0 && memchr(begin, ';', n) != NULL)
            return refuse_path(w, "the path holds a ';' that some servers cut at");
        writ_buf_put(w->out, writ_span(begin, n));
        w->at += n;
    }
    return WRIT_OK;
}

/* "." and "..", also before ';' or its escape, because some servers cut parameters before they
 * climb, and before blanks, which some file systems do not see. */
static bool
is_dots(struct writ_span s)
{
    size_t n = 0;

    while (n < s.len && n < 3 && s.ptr[n] == '.')
        n++;
    if (n == 0 || n == 3)
        return false;
    while (n < s.len && escape_at(s, n) == ' ')
        n += 3;
    return n == s.len || s.ptr[n] == ';' || escape_at(s, n) == ';';
}

static bool
is_danger(unsigned v)
{
    return v < 0x20 || v == 0x7f || v == '.' || v == '/' || v == '\\' || v == ';' || v == 0xc0 ||
           v == 0xc1 || v == 0xe0 || v == 0xf0 || v >= 0xf5; /* may begin an overlong form */
}

/*
 * What a second decoding would make of it: "%252e", "%25252f" ... The bytes here are canonical, so
 * that "%25%32%65" has become "%252e" already. A dot counts in any place, a control character too.
 */
static bool
is_nested_danger(struct writ_span s)
{
    for (size_t i = 0; i + 5 <= s.len; i++) {
        size_t at = i + 3;
        unsigned v;

        if (escape_at(s, i) != '%')
            continue;
        while (s.len - at >= 2 && s.ptr[at] == '2' && s.ptr[at + 1] == '5')
            at += 2;
        if (s.len - at < 2 || writ_http1_hex[s.ptr[at]] > 15 || writ_http1_hex[s.ptr[at + 1]] > 15)
            continue;
        v = (unsigned)writ_http1_hex[s.ptr[at]] << 4 | writ_http1_hex[s.ptr[at + 1]];
        if (is_danger(v))
            return true;
    }
    return false;
}

static enum writ_err
check_segment(struct path_writer *w, struct writ_span s)
{
    if (is_dots(s))
        return refuse_path(w, "the path holds a dot segment");
    if (w->nested && is_nested_danger(s))
        return refuse_path(w, "the path holds an escape inside an escape");
    return WRIT_OK;
}

static enum writ_err
put_segments(struct path_writer *w)
{
    while (w->at < w->raw.len) {
        size_t begin;
        enum writ_err e;

        w->at++; /* the slash */
        writ_buf_put_u8(w->out, '/');
        if (w->at == w->raw.len) {
            w->info.trailing_slash = true;
            return WRIT_OK;
        }
        if (w->raw.ptr[w->at] == '/')
            return refuse_path(w, "the path holds an empty segment");
        begin = writ_buf_len(w->out);
        w->nested = false;
        e = put_segment(w);
        if (e == WRIT_OK && !w->out->failed)
            e = check_segment(w, writ_span_from(writ_buf_span(w->out), begin));
        if (e != WRIT_OK)
            return e;
        w->info.segments++;
    }
    return WRIT_OK;
}

enum writ_err
writ_http1_path_canonical(struct writ_span raw, unsigned flags, struct writ_buf *ret,
                          struct writ_http1_path *ret_info, struct writ_http1_fault *fault)
{
    struct path_writer w = {
        .raw = raw.len == 0 ? writ_span_str("/") : raw, .out = ret, .flags = flags, .fault = fault};
    size_t before = writ_buf_len(ret);
    bool failed_before = ret->failed;
    enum writ_err e;

    if (w.raw.ptr[0] != '/')
        return writ_http1_refuse(fault, 400, "the path does not begin with '/'");
    if (raw.len > WRIT_HTTP_TARGET_BYTES_MAX)
        return writ_http1_exceed(fault, 414, "the path is too long");
    e = put_segments(&w);
    if (e == WRIT_OK && ret->failed)
        e = writ_http1_exceed(fault, 414, "the path is too long");
    if (e != WRIT_OK) {
        ret->end -= writ_buf_len(ret) - before;
        ret->failed = failed_before;
        return e;
    }
    *ret_info = w.info;
    return WRIT_OK;
}

bool
writ_http1_path_next(struct writ_span *rest, struct writ_span *ret)
{
    const uint8_t *slash;
    struct writ_span s;

    if (rest->len < 2)
        return false;
    s = writ_span(rest->ptr + 1, rest->len - 1);
    slash = memchr(s.ptr, '/', s.len);
    if (slash != NULL)
        s.len = (size_t)(slash - s.ptr);
    *rest = writ_span_from(*rest, s.len + 1);
    *ret = s;
    return true;
}

bool
writ_http1_unescape(struct writ_span s, bool plus, struct writ_buf *ret)
{
    for (size_t i = 0; i < s.len; i++) {
        int v = s.ptr[i];

        if (v == '%') {
            v = escape_at(s, i);
            i += 2;
        } else if (v == '+' && plus) {
            v = ' ';
        }
        if (v < 0)
            return false;
        writ_buf_put_u8(ret, (uint8_t)v);
    }
    return true;
}
