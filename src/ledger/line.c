#include "ledger/line.h"

#include "base/id.h"
#include "base/json.h"
#include "base/text.h"
#include "ledger/json.h"

static bool
eat(struct writ_span *s, const char *literal)
{
    if (!writ_span_starts(*s, literal))
        return false;
    *s = writ_span_from(*s, strlen(literal));
    return true;
}

/* A quoted string at the start of s; *ret is what stands between the quotes. */
static bool
eat_quoted(struct writ_span *s, struct writ_span *ret)
{
    size_t n = 1;

    if (s->len < 2 || s->ptr[0] != '"')
        return false;
    while (n < s->len && s->ptr[n] != '"')
        n += s->ptr[n] == '\\' ? 2 : 1;
    if (n >= s->len)
        return false;
    *ret = writ_span(s->ptr + 1, n - 1);
    *s = writ_span_from(*s, n + 1);
    return writ_json_quoted(*ret);
}

/* Digits without a leading zero, so that a number has one spelling. */
static bool
eat_number(struct writ_span *s, bool sign, struct writ_span *ret)
{
    uint64_t v;
    size_t n = sign && s->len != 0 && s->ptr[0] == '-' ? 1 : 0;
    size_t first = n;

    while (n < s->len && s->ptr[n] >= '0' && s->ptr[n] <= '9')
        n++;
    if (n == first || (s->ptr[first] == '0' && n != 1))
        return false;
    *ret = writ_span(s->ptr, n);
    *s = writ_span_from(*s, n);
    return writ_parse_dec(writ_span_from(*ret, first),
                          first == 0 ? UINT64_MAX : (uint64_t)INT64_MAX + 1, &v);
}

bool
writ_line_item(struct writ_span *raw, struct writ_span *ret)
{
    struct writ_span s = *raw;

    (void)eat(&s, ",");
    if (!eat_quoted(&s, ret))
        return false;
    *raw = s;
    return true;
}

static bool
eat_list(struct writ_span *s, struct writ_span *ret)
{
    const uint8_t *begin = s->ptr + 1;
    struct writ_span item;

    if (!eat(s, "["))
        return false;
    if (s->len != 0 && s->ptr[0] != ']') {
        do {
            if (!eat_quoted(s, &item))
                return false;
        } while (eat(s, ","));
    }
    *ret = writ_span(begin, (size_t)(s->ptr - begin));
    return eat(s, "]");
}

static bool
eat_bool(struct writ_span *s, struct writ_span *ret)
{
    size_t n = writ_span_starts(*s, "true") ? 4 : 5;

    if (n == 5 && !writ_span_starts(*s, "false"))
        return false;
    *ret = writ_span(s->ptr, n);
    *s = writ_span_from(*s, n);
    return true;
}

static bool
is_hex(struct writ_span s)
{
    for (size_t i = 0; i < s.len; i++) {
        if ((s.ptr[i] < '0' || s.ptr[i] > '9') && (s.ptr[i] < 'a' || s.ptr[i] > 'f'))
            return false;
    }
    return s.len % 2 == 0;
}

static bool
eat_value(struct writ_span *s, enum writ_field_type type, struct writ_span *ret)
{
    int64_t us;

    switch (type) {
    case WRIT_TYPE_TEXT:
        return eat_quoted(s, ret);
    case WRIT_TYPE_BYTES:
        return eat_quoted(s, ret) && is_hex(*ret);
    case WRIT_TYPE_TIME:
        return eat_quoted(s, ret) && writ_time_parse(*ret, &us);
    case WRIT_TYPE_LIST:
        return eat_list(s, ret);
    case WRIT_TYPE_U64:
        return eat_number(s, false, ret);
    case WRIT_TYPE_I64:
        return eat_number(s, true, ret);
    case WRIT_TYPE_BOOL:
        return eat_bool(s, ret);
    }
    return false;
}

static enum writ_field
field_named(struct writ_span name)
{
    for (unsigned i = 1; i < WRIT_FIELDS; i++) {
        if (writ_span_is(name, writ_field_rule(i)->json))
            return (enum writ_field)i;
    }
    return WRIT_FIELD_NONE;
}

static enum writ_role
role_named(struct writ_span name)
{
    for (unsigned i = 0; i <= WRIT_ROLE_LEDGER; i++) {
        const char *own = writ_role_name((enum writ_role)i);

        if (own != NULL && writ_span_is(name, own))
            return (enum writ_role)i;
    }
    return WRIT_ROLE_NONE;
}

static const char *
parse_head(struct writ_span *s, struct writ_line *l)
{
    struct writ_span v;

    if (!eat(s, "{\"v\":1,"))
        return "a record of version 1";
    if (!eat(s, "\"seq\":") || !eat_number(s, false, &v) ||
        !writ_parse_dec(v, UINT64_MAX, &l->seq) || l->seq == 0)
        return "a sequence number";
    if (!eat(s, ",\"time\":") || !eat_quoted(s, &l->time) || !writ_time_parse(l->time, &l->wall_us))
        return "a time";
    if (!eat(s, ",\"task\":") || !eat_quoted(s, &v) || !writ_id_valid(v) ||
        !writ_span_copy(v, l->task, sizeof(l->task)))
        return "a task id";
    if (!eat(s, ",\"kind\":") || !eat_quoted(s, &v) ||
        (l->kind = writ_kind_named(v)) == WRIT_KIND_NONE)
        return "a known kind";
    if (!eat(s, ",\"from\":") || !eat_quoted(s, &v) || (l->from = role_named(v)) == WRIT_ROLE_NONE)
        return "a sender";
    return writ_kind_allowed(l->kind, l->from) ? NULL : "a kind that this sender may make";
}

static const char *
parse_cut(struct writ_span *s, struct writ_line *l)
{
    struct writ_span list;
    struct writ_span name;

    if (!eat_list(s, &list) || list.len == 0)
        return "a list of cut fields";
    while (writ_line_item(&list, &name)) {
        unsigned f = (unsigned)field_named(name);

        if (f == WRIT_FIELD_NONE)
            return "a list of cut fields";
        l->cut[f / 64] |= (uint64_t)1 << f % 64;
    }
    return NULL;
}

/* One member of a record's own, behind its name. */
static const char *
parse_field(struct writ_span *s, struct writ_span name, struct writ_line *l,
            uint64_t seen[(WRIT_FIELDS + 63) / 64])
{
    struct writ_line_field *f = &l->fields[l->count];
    unsigned id = (unsigned)field_named(name);

    if (id == WRIT_FIELD_NONE || (seen[id / 64] >> id % 64 & 1) != 0)
        return "known members, each once";
    seen[id / 64] |= (uint64_t)1 << id % 64;
    f->field = (enum writ_field)id;
    if (!eat_value(s, writ_field_rule(id)->type, &f->raw))
        return writ_field_rule(id)->json;
    l->count++;
    return NULL;
}

/* The members between the head and "prev". */
static const char *
parse_fields(struct writ_span *s, struct writ_line *l)
{
    uint64_t seen[(WRIT_FIELDS + 63) / 64] = {0};
    const char *why = NULL;
    bool cut = false;

    while (why == NULL && !writ_span_starts(*s, ",\"prev\":")) {
        struct writ_span name;

        if (cut)
            return "prev after cut";
        if (!eat(s, ",") || !eat_quoted(s, &name) || !eat(s, ":"))
            return "a member";
        cut = writ_span_is(name, "cut");
        why = cut ? parse_cut(s, l) : parse_field(s, name, l, seen);
    }
    return why;
}

enum writ_err
writ_line_parse(struct writ_span line, struct writ_line *ret, const char **why)
{
    struct writ_span s = line;
    struct writ_span hex;

    ret->count = 0;
    memset(ret->cut, 0, sizeof(ret->cut));
    *why = parse_head(&s, ret);
    if (*why == NULL)
        *why = parse_fields(&s, ret);
    if (*why == NULL &&
        (!eat(&s, ",\"prev\":") || !eat_quoted(&s, &hex) || !is_hex(hex) ||
         !writ_unhex(hex, ret->prev, sizeof(ret->prev)) || !eat(&s, "}") || s.len != 0))
        *why = "the hash of the line before and the end of the record";
    return *why == NULL ? WRIT_OK : WRIT_E_FORMAT;
}

struct writ_span
writ_line_raw(const struct writ_line *l, enum writ_field f)
{
    for (unsigned i = 0; i < l->count; i++) {
        if (l->fields[i].field == f)
            return l->fields[i].raw;
    }
    return writ_span(NULL, 0);
}

bool
writ_line_u64(const struct writ_line *l, enum writ_field f, uint64_t *ret)
{
    return writ_parse_dec(writ_line_raw(l, f), UINT64_MAX, ret);
}

bool
writ_line_hash(const struct writ_line *l, enum writ_field f, uint8_t ret[WRIT_HASH_BYTES])
{
    return writ_unhex(writ_line_raw(l, f), ret, WRIT_HASH_BYTES);
}

bool
writ_line_is(const struct writ_line *l, enum writ_field f, const char *text)
{
    return writ_span_is(writ_line_raw(l, f), text);
}

bool
writ_line_cut(const struct writ_line *l, enum writ_field f)
{
    return (l->cut[(unsigned)f / 64] >> (unsigned)f % 64 & 1) != 0;
}

void
writ_line_show(struct writ_buf *b, struct writ_span raw)
{
    for (size_t i = 0; i < raw.len; i++) {
        if (raw.ptr[i] == '\\' && i + 1 < raw.len &&
            (raw.ptr[i + 1] == '"' || raw.ptr[i + 1] == '\\'))
            i++;
        writ_buf_put_u8(b, raw.ptr[i]);
    }
}
