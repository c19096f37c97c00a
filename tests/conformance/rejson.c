#include "rejson.h"

static void
put_quoted(struct writ_buf *b, struct writ_span s)
{
    writ_buf_put_u8(b, '"');
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '"' || s.ptr[i] == '\\' || s.ptr[i] < 0x20)
            writ_buf_putf(b, "\\u%04x", s.ptr[i]);
        else
            writ_buf_put_u8(b, s.ptr[i]);
    }
    writ_buf_put_u8(b, '"');
}

static void
put_members(struct writ_buf *b, const struct writ_jval *v)
{
    bool object = v->kind == WRIT_J_OBJECT;

    writ_buf_put_u8(b, object ? '{' : '[');
    for (const struct writ_jval *m = v->first; m != NULL; m = m->next) {
        if (m != v->first)
            writ_buf_put_u8(b, ',');
        if (object) {
            put_quoted(b, m->key);
            writ_buf_put_u8(b, ':');
        }
        put_json(b, m);
    }
    writ_buf_put_u8(b, object ? '}' : ']');
}

void
put_json(struct writ_buf *b, const struct writ_jval *v)
{
    if (v->kind == WRIT_J_STRING)
        put_quoted(b, v->text);
    else if (v->kind == WRIT_J_NUMBER)
        writ_buf_put(b, v->text);
    else if (v->kind == WRIT_J_BOOL)
        writ_buf_put_str(b, v->yes ? "true" : "false");
    else if (v->kind == WRIT_J_NULL)
        writ_buf_put_str(b, "null");
    else
        put_members(b, v);
}
