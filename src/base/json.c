#include "base/json.h"

#include <assert.h>
#include <stdio.h>

#include "base/text.h"

void
writ_json_init(struct writ_json *j, struct writ_buf *out)
{
    *j = (struct writ_json){.out = out};
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
        n = writ_utf8_len(s);
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
