#include "proto/http1_chars.h"
#include "proto/http1_head.h"
#include "proto/http1_path.h"

/*
 * Keys are compared without being written anywhere: a cursor gives their bytes one by one as a
 * server would have them after decoding, or as a lenient one would have them.
 */
struct cursor {
    struct writ_span s;
    size_t at;
    bool plus; /* '+' is a blank */
};

enum { CURSOR_END = -1, CURSOR_BAD = -2 };

static int
cursor_next(struct cursor *c)
{
    uint8_t b;
    unsigned hi;
    unsigned lo;

    if (c->at == c->s.len)
        return CURSOR_END;
    b = c->s.ptr[c->at++];
    if (b == '+' && c->plus)
        return ' ';
    if (b != '%')
        return b;
    if (c->s.len - c->at < 2)
        return CURSOR_BAD;
    hi = writ_http1_hex[c->s.ptr[c->at]];
    lo = writ_http1_hex[c->s.ptr[c->at + 1]];
    if (hi > 15 || lo > 15)
        return CURSOR_BAD;
    c->at += 2;
    return (int)(hi << 4 | lo);
}

static bool
is_blank(int v)
{
    return v == ' ' || (v >= '\t' && v <= '\r');
}

/* Letter case is nothing to ASP.NET; PHP makes '_' of '.', ' ' and '['. So are '-' and '_' one. */
static int
loosen(int v)
{
    if (v >= 'A' && v <= 'Z')
        return v | 0x20;
    if (v == '.' || v == ' ' || v == '-' || v == '[')
        return '_';
    return v;
}

/* Is key, decoded, byte for byte the name? */
static bool
same(struct cursor key, struct writ_span name)
{
    for (size_t i = 0; i < name.len; i++) {
        if (cursor_next(&key) != name.ptr[i])
            return false;
    }
    return cursor_next(&key) == CURSOR_END;
}

/*
 * Could some server take key for the name? Leading blanks and '=' are skipped; what ends the name
 * in the key is its end, a blank, NUL, '=', '[' (an array to PHP and Rails) or a broken escape.
 */
static bool
like(struct cursor key, struct writ_span name)
{
    struct cursor before;
    int v;

    do {
        before = key;
        v = cursor_next(&key);
    } while (is_blank(v) || v == '=');
    key = before;
    for (size_t i = 0; i < name.len; i++) {
        v = cursor_next(&key);
        if (v < 0 || loosen(v) != loosen(name.ptr[i]))
            return false;
    }
    v = cursor_next(&key);
    return v < 0 || v == 0 || v == '=' || v == '[' || is_blank(v);
}

static struct cursor
cursor(struct writ_span s, bool plus)
{
    return (struct cursor){.s = s, .plus = plus};
}

static struct writ_span
up_to(struct writ_span s, uint8_t c)
{
    const uint8_t *end = s.len == 0 ? NULL : memchr(s.ptr, c, s.len);

    return end == NULL ? s : writ_span(s.ptr, (size_t)(end - s.ptr));
}

/* Does any piece behind a sep in the pair begin with a key like the name? */
static bool
like_behind(struct writ_span pair, uint8_t sep, bool plus, struct writ_span name)
{
    struct writ_span rest = writ_span_from(pair, up_to(pair, sep).len + 1);

    while (rest.len != 0) {
        struct writ_span piece = up_to(rest, sep);

        if (like(cursor(up_to(piece, '='), plus), name))
            return true;
        rest = writ_span_from(rest, piece.len + 1);
    }
    return false;
}

static bool
pair_next(struct writ_span *rest, uint8_t sep, struct writ_http1_pair *ret)
{
    while (rest->len != 0) {
        struct writ_span raw = up_to(*rest, sep);

        *rest = writ_span_from(*rest, raw.len + 1);
        if (sep == ';')
            raw = writ_http1_trim(raw);
        if (raw.len == 0)
            continue;
        ret->raw = raw;
        ret->key = up_to(raw, '=');
        ret->has_value = ret->key.len != raw.len;
        ret->value = writ_span_from(raw, ret->key.len + 1);
        return true;
    }
    return false;
}

bool
writ_http1_query_next(struct writ_span *rest, struct writ_http1_pair *ret)
{
    return pair_next(rest, '&', ret);
}

enum writ_http1_match
writ_http1_query_match(const struct writ_http1_pair *p, struct writ_span name)
{
    if (like_behind(p->raw, ';', true, name))
        return WRIT_HTTP1_MATCH_AMBIGUOUS;
    if (same(cursor(p->key, true), name))
        return WRIT_HTTP1_MATCH_YES;
    if (like(cursor(p->key, true), name) || like(cursor(up_to(p->raw, ';'), true), name))
        return WRIT_HTTP1_MATCH_AMBIGUOUS;
    return WRIT_HTTP1_MATCH_NO;
}

bool
writ_http1_cookie_next(struct writ_span *rest, struct writ_http1_pair *ret)
{
    return pair_next(rest, ';', ret);
}

/* A quote that opens and does not close: to some servers the ';' behind it was no separator. */
static bool
odd_quotes(struct writ_span s)
{
    size_t quotes = 0;

    for (size_t i = 0; i < s.len; i++)
        quotes += s.ptr[i] == '"' ? 1 : 0;
    return quotes != 0 && (quotes != 2 || s.ptr[0] != '"' || s.ptr[s.len - 1] != '"');
}

enum writ_http1_match
writ_http1_cookie_match(const struct writ_http1_pair *p, struct writ_span name)
{
    if (odd_quotes(p->value) || memchr(p->key.ptr, '"', p->key.len) != NULL)
        return WRIT_HTTP1_MATCH_AMBIGUOUS;
    if (like_behind(p->raw, ',', false, name) || like_behind(p->raw, ' ', false, name) ||
        like_behind(p->raw, '\t', false, name))
        return WRIT_HTTP1_MATCH_AMBIGUOUS;
    if (writ_span_eq(p->key, name))
        return WRIT_HTTP1_MATCH_YES;
    if (like(cursor(p->key, false), name) || like(cursor(p->key, true), name) ||
        (p->key.len == 0 && like(cursor(up_to(p->value, '='), false), name)))
        return WRIT_HTTP1_MATCH_AMBIGUOUS;
    return WRIT_HTTP1_MATCH_NO;
}

static enum writ_err
check_key(struct writ_span key, struct writ_http1_fault *fault)
{
    struct cursor c = cursor(key, true);
    int v;

    do {
        v = cursor_next(&c);
        if ((v >= 0 && v < 0x20) || v == 0x7f)
            return writ_http1_refuse(fault, 400, "a control character in a name of the query");
    } while (v >= 0);
    return WRIT_OK;
}

static enum writ_err
check_escape(struct writ_span s, size_t i, struct writ_http1_fault *fault)
{
    if (s.len - i < 3 || writ_http1_hex[s.ptr[i + 1]] > 15 || writ_http1_hex[s.ptr[i + 2]] > 15)
        return writ_http1_refuse(fault, 400, "the query holds a '%' that begins no escape");
    if (s.ptr[i + 1] == '0' && s.ptr[i + 2] == '0')
        return writ_http1_refuse(fault, 400, "the query holds an escaped NUL");
    return WRIT_OK;
}

enum writ_err
writ_http1_query_check(struct writ_span raw, struct writ_http1_fault *fault)
{
    struct writ_http1_pair p;
    enum writ_err e = WRIT_OK;

    for (size_t i = 0; i < raw.len && e == WRIT_OK; i++) {
        if ((writ_http1_chars[raw.ptr[i]] & WRIT_HTTP1_C_TARGET) == 0)
            return writ_http1_refuse(fault, 400, "the query holds a byte that must be escaped");
        if (raw.ptr[i] == '%')
            e = check_escape(raw, i, fault);
    }
    while (e == WRIT_OK && writ_http1_query_next(&raw, &p))
        e = check_key(p.key, fault);
    return e;
}

/* As it is in the canonical query, if it came escaped or not. */
static bool
plain_in_query(uint8_t v)
{
    return (writ_http1_chars[v] & WRIT_HTTP1_C_PCHAR) != 0 || v == '/' || v == '?';
}

enum writ_err
writ_http1_query_canonical(struct writ_span raw, struct writ_buf *ret,
                           struct writ_http1_fault *fault)
{
    static const char hex[] = "0123456789ABCDEF";
    size_t before = writ_buf_len(ret);
    bool failed_before = ret->failed;
    enum writ_err e = writ_http1_query_check(raw, fault);

    for (size_t i = 0; e == WRIT_OK && i < raw.len; i++) {
        uint8_t v = raw.ptr[i];
        bool escaped = v == '%';

        if (escaped) {
            v = (uint8_t)(writ_http1_hex[raw.ptr[i + 1]] << 4 | writ_http1_hex[raw.ptr[i + 2]]);
            i += 2;
        }
        if (plain_in_query(v) && !(escaped && strchr("&+;=", v) != NULL)) {
            writ_buf_put_u8(ret, v);
        } else {
            const char three[3] = {'%', hex[v >> 4], hex[v & 15]};

            writ_buf_put(ret, writ_span(three, 3));
        }
    }
    if (e == WRIT_OK && ret->failed)
        e = writ_http1_exceed(fault, 414, "the query is too long");
    if (e != WRIT_OK) {
        ret->end -= writ_buf_len(ret) - before;
        ret->failed = failed_before;
    }
    return e;
}
