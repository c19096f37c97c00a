#include "base/json.h"

#include <assert.h>

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

/*
 * The code of a character that is written as an escape although it is valid UTF-8, or 0: U+0080 to
 * U+009F are controls to some terminals; marks of direction, invisible spaces and separators of
 * lines make a text look like another one to the person who reads it.
 */
static bool
unseen_code(unsigned code)
{
    return (code >= 0x80 && code < 0xa0) || code == 0x61c || (code >= 0x200b && code <= 0x200f) ||
           (code >= 0x2028 && code <= 0x202e) || (code >= 0x2060 && code <= 0x206f) ||
           code == 0xfeff;
}

static unsigned
unseen(struct writ_span s, size_t n)
{
    unsigned code = 0;

    if (n == 2) {
        code = (s.ptr[0] & 31U) << 6 | (s.ptr[1] & 63U);
    } else if (n == 3) {
        code = (s.ptr[0] & 15U) << 12 | (s.ptr[1] & 63U) << 6 | (s.ptr[2] & 63U);
    }
    return unseen_code(code) ? code : 0;
}

static void
put_escape(struct writ_buf *b, unsigned code)
{
    static const char hex[] = "0123456789abcdef";
    const char text[6] = {
        '\\', 'u', hex[code >> 12 & 15], hex[code >> 8 & 15], hex[code >> 4 & 15], hex[code & 15]};

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
        } else if (unseen(s, n) != 0) {
            put_escape(b, unseen(s, n));
        } else {
            writ_buf_put(b, writ_span(s.ptr, n));
        }
        s = writ_span_from(s, n);
    }
    writ_buf_put_u8(b, '"');
}

/* Bytes of the escape at the start of s, if writ_json_quote would have written it, or 0. */
static size_t
escape_len(struct writ_span s)
{
    uint64_t code;

    if (s.len < 2)
        return 0;
    if (s.ptr[1] == '"' || s.ptr[1] == '\\' || s.ptr[1] == 'n')
        return 2;
    if (s.ptr[1] != 'u' || s.len < 6 || !writ_parse_hex(writ_span(s.ptr + 2, 4), 0xffff, &code))
        return 0;
    for (size_t i = 2; i < 6; i++) {
        if (s.ptr[i] >= 'A' && s.ptr[i] <= 'F')
            return 0;
    }
    return (code < 0x20 && code != '\n') || code == 0x7f || unseen_code((unsigned)code) ? 6 : 0;
}

bool
writ_json_quoted(struct writ_span s)
{
    while (s.len != 0) {
        size_t n = 1;

        if (s.ptr[0] == '\\') {
            n = escape_len(s);
        } else if (!plain(s.ptr[0])) {
            n = writ_utf8_len(s);
            if (n < 2 || unseen(s, n) != 0)
                return false;
        }
        if (n == 0)
            return false;
        s = writ_span_from(s, n);
    }
    return true;
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
