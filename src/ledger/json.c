#include "ledger/json.h"

#include "base/id.h"
#include "base/json.h"
#include "base/text.h"

static void
put(struct writ_buf *b, const char *s, size_t n)
{
    writ_buf_put(b, writ_span(s, n));
}

/* Our own constant between two others: no measuring, no escaping. */
#define PUT(b, literal) put((b), literal, sizeof(literal) - 1)

static void
put_list(struct writ_buf *out, struct writ_record_value *v)
{
    struct writ_span item;
    bool first = true;

    PUT(out, "[");
    while (writ_record_item_next(v, &item)) {
        if (!first)
            PUT(out, ",");
        first = false;
        writ_json_quote(out, item);
    }
    PUT(out, "]");
}

static void
put_i64(struct writ_buf *out, uint64_t v)
{
    if ((int64_t)v < 0) {
        PUT(out, "-");
        v = 0 - v;
    }
    writ_buf_put_dec(out, v);
}

static void
put_time(struct writ_buf *out, int64_t wall_us)
{
    char text[WRIT_TIME_TEXT];

    writ_time_text(wall_us, text);
    PUT(out, "\"");
    put(out, text, WRIT_TIME_TEXT - 1);
    PUT(out, "\"");
}

static void
put_value(struct writ_buf *out, struct writ_record_value *v)
{
    put(out, v->rule->key, v->rule->key_len);
    switch (v->rule->type) {
    case WRIT_TYPE_TEXT:
        writ_json_quote(out, v->text);
        break;
    case WRIT_TYPE_BYTES:
        PUT(out, "\"");
        writ_put_hex(out, v->text);
        PUT(out, "\"");
        break;
    case WRIT_TYPE_LIST:
        put_list(out, v);
        break;
    case WRIT_TYPE_U64:
        writ_buf_put_dec(out, v->number);
        break;
    case WRIT_TYPE_I64:
        put_i64(out, v->number);
        break;
    case WRIT_TYPE_TIME:
        put_time(out, (int64_t)v->number);
        break;
    case WRIT_TYPE_BOOL:
        writ_buf_put_str(out, v->number != 0 ? "true" : "false");
        break;
    }
}

static void
put_cut(struct writ_buf *out, const uint64_t *cut)
{
    bool any = false;

    for (unsigned i = 1; i < WRIT_FIELDS; i++) {
        if ((cut[i / 64] >> i % 64 & 1) == 0)
            continue;
        if (any) {
            PUT(out, ",\"");
        } else {
            PUT(out, ",\"cut\":[\"");
        }
        any = true;
        writ_buf_put_str(out, writ_field_rule(i)->json);
        PUT(out, "\"");
    }
    if (any)
        PUT(out, "]");
}

static void
put_head(struct writ_buf *out, const struct writ_record_head *head,
         const struct writ_json_line *line)
{
    PUT(out, "{\"v\":1,\"seq\":");
    writ_buf_put_dec(out, line->seq);
    PUT(out, ",\"time\":");
    put_time(out, head->wall_us);
    PUT(out, ",\"task\":\"");
    put(out, line->task, WRIT_TASK_ID_BYTES);
    PUT(out, "\",\"kind\":\"");
    writ_buf_put_str(out, writ_kind_rule((unsigned)head->kind)->json);
    PUT(out, "\",\"from\":\"");
    writ_buf_put_str(out, writ_role_name(line->from));
    PUT(out, "\"");
}

enum writ_err
writ_ledger_json(struct writ_span record, const struct writ_json_line *line, struct writ_buf *out)
{
    uint64_t cut[(WRIT_FIELDS + 63) / 64] = {0};
    size_t before = writ_buf_len(out);
    struct writ_record_head head;
    struct writ_record_view view;
    struct writ_record_value v;
    uint8_t *at;
    enum writ_err e;

    e = writ_record_open(record, &head, &view);
    if (e != WRIT_OK)
        return e;
    /* once, for the longest line there can be: no append below can fail or move the rest */
    e = writ_buf_reserve(out, WRIT_LEDGER_LINE_MAX, &at);
    if (e != WRIT_OK)
        return e;
    put_head(out, &head, line);
    while ((e = writ_record_next(&view, &v)) == WRIT_OK) {
        cut[(unsigned)v.field / 64] |= (uint64_t)(v.cut ? 1 : 0) << (unsigned)v.field % 64;
        put_value(out, &v);
    }
    if (e != WRIT_E_AGAIN) {
        out->end = out->start + before;
        return e;
    }
    put_cut(out, cut);
    PUT(out, ",\"prev\":\"");
    writ_put_hex(out, writ_span(line->prev, WRIT_HASH_BYTES));
    PUT(out, "\"}\n");
    return WRIT_OK;
}
