#include "base/json.h"

#include <assert.h>
#include <stdio.h>

void
writ_json_init(struct writ_json *j, struct writ_buf *out)
{
    *j = (struct writ_json){.out = out};
}

/* Length of the valid UTF-8 sequence at the start of s (Unicode 15, table 3-7), or 0. */
static size_t
utf8_len(struct writ_span s)
{
    uint8_t c = s.ptr[0];
    uint8_t low = 0x80;
    uint8_t high = 0xbf;
    size_t n;

    if (c < 0x80)
        return 1;
    if (c >= 0xc2 && c <= 0xdf)
        n = 2;
    else if (c >= 0xe0 && c <= 0xef)
        n = 3;
    else if (c >= 0xf0 && c <= 0xf4)
        n = 4;
    else
        return 0;
    if (c == 0xe0)
        low = 0xa0;
    else if (c == 0xed)
        high = 0x9f;
    else if (c == 0xf0)
        low = 0x90;
    else if (c == 0xf4)
        high = 0x8f;
    if (s.len < n || s.ptr[1] < low || s.ptr[1] > high)
        return 0;
    for (size_t i = 2; i < n; i++) {
        if (s.ptr[i] < 0x80 || s.ptr[i] > 0xbf)
            return 0;
    }
    return n;
}

static bool
plain(uint8_t c)
{
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

/* U+0080..U+009F are controls too: some terminals obey C2 9B as an escape sequence. */
static bool
c1_control(struct writ_span s)
{
    return s.ptr[0] == 0xc2 && s.len > 1 && s.ptr[1] < 0xa0;
}

static void
put_escape(struct writ_buf *b, unsigned code)
{
    static const char hex[] = "0123456789abcdef";
    const char text[6] = {'\\', 'u', '0', '0', hex[code >> 4 & 15], hex[code & 15]};

    if (code == '"' || code == '\\') {
        const char two[2] = {'\\', (char)code};

        writ_buf_put(b, writ_span(two, 2));
    } else if (code == '\n') {
        writ_buf_put(b, writ_span("\\n", 2));
    } else {
        writ_buf_put(b, writ_span(text, 6));
    }
}

void
writ_json_quote(struct writ_buf *b, struct writ_span s)
{
    writ_buf_put_u8(b, '"');
    while (s.len != 0) {
        size_t run = 0;
        size_t n;

        while (run < s.len && plain(s.ptr[run]))
            run++;
        writ_buf_put(b, writ_span(s.ptr, run));
        s = writ_span_from(s, run);
        if (s.len == 0)
            break;
        n = utf8_len(s);
        if (n == 0) {
            writ_buf_put(b, writ_span("\xef\xbf\xbd", 3));
            n = 1;
        } else if (n == 1) {
            put_escape(b, s.ptr[0]);
        } else if (c1_control(s)) {
            put_escape(b, s.ptr[1]);
        } else {
            writ_buf_put(b, writ_span(s.ptr, n));
        }
        s = writ_span_from(s, n);
    }
    writ_buf_put_u8(b, '"');
}

static void
begin(struct writ_json *j, const char *key)
{
    if ((j->wrote >> j->depth & 1) != 0)
        writ_buf_put_u8(j->out, ',');
    j->wrote |= (uint32_t)1 << j->depth;
    if (key != NULL) {
        writ_json_quote(j->out, writ_span_str(key));
        writ_buf_put_u8(j->out, ':');
    }
}

static void
open_level(struct writ_json *j, const char *key, uint8_t bracket)
{
    begin(j, key);
    writ_buf_put_u8(j->out, bracket);
    assert(j->depth + 1 < WRIT_JSON_DEPTH_MAX);
    j->depth++;
    j->wrote &= ~((uint32_t)1 << j->depth);
}

static void
close_level(struct writ_json *j, uint8_t bracket)
{
    assert(j->depth > 0);
    j->depth--;
    writ_buf_put_u8(j->out, bracket);
}

void
writ_json_object(struct writ_json *j, const char *key)
{
    open_level(j, key, '{');
}

void
writ_json_object_end(struct writ_json *j)
{
    close_level(j, '}');
}

void
writ_json_array(struct writ_json *j, const char *key)
{
    open_level(j, key, '[');
}

void
writ_json_array_end(struct writ_json *j)
{
    close_level(j, ']');
}

void
writ_json_span(struct writ_json *j, const char *key, struct writ_span v)
{
    begin(j, key);
    writ_json_quote(j->out, v);
}

void
writ_json_str(struct writ_json *j, const char *key, const char *v)
{
    writ_json_span(j, key, writ_span_str(v));
}

void
writ_json_u64(struct writ_json *j, const char *key, uint64_t v)
{
    begin(j, key);
    writ_buf_put_dec(j->out, v);
}

void
writ_json_i64(struct writ_json *j, const char *key, int64_t v)
{
    begin(j, key);
    if (v < 0)
        writ_buf_put_u8(j->out, '-');
    writ_buf_put_dec(j->out, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

void
writ_json_bool(struct writ_json *j, const char *key, bool v)
{
    begin(j, key);
    writ_buf_put_str(j->out, v ? "true" : "false");
}

void
writ_json_null(struct writ_json *j, const char *key)
{
    begin(j, key);
    writ_buf_put_str(j->out, "null");
}
