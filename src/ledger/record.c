#include "ledger/record.h"

#include <assert.h>

/*
 * u8 version, u8 zero, u16 kind, i64 time; then for each field u16 id, u16 length (bit 15: cut) and
 * the value. A list is a row of u16 length and text. Big-endian.
 */
enum {
    RECORD_VERSION = 1,
    HEAD_BYTES = 12,
    FIELD_HEAD_BYTES = 4,
    ITEM_HEAD_BYTES = 2,
    CUT_BIT = 0x8000,
};

static_assert(WRIT_RECORD_BYTES_MAX < CUT_BIT, "a length leaves room for the cut mark");

#define LAUNCHER (1U << WRIT_ROLE_LAUNCHER)
#define GATEWAY  (1U << WRIT_ROLE_GATEWAY)
#define KEEPER   (1U << WRIT_ROLE_KEEPER)
#define LEDGER   (1U << WRIT_ROLE_LEDGER)

static const struct writ_kind_rule kinds[WRIT_KINDS] = {
#define K(name, json, senders, flood) [WRIT_KIND_##name] = {json, senders, WRIT_FLOOD_##flood},
#include "ledger/kinds.def"
#undef K
};

static const struct writ_field_rule fields[WRIT_FIELDS] = {
#define F(name, json, type, max)                                                                   \
    [WRIT_FIELD_##name] = {json, ",\"" json "\":", sizeof(json) + 3, WRIT_TYPE_##type, max},
#include "ledger/fields.def"
#undef F
};

const struct writ_kind_rule *
writ_kind_rule(unsigned kind)
{
    return kind == WRIT_KIND_NONE || kind >= WRIT_KINDS ? NULL : &kinds[kind];
}

const struct writ_field_rule *
writ_field_rule(unsigned field)
{
    return field == WRIT_FIELD_NONE || field >= WRIT_FIELDS ? NULL : &fields[field];
}

enum writ_kind
writ_kind_named(struct writ_span json)
{
    for (unsigned i = WRIT_KIND_NONE + 1; i < WRIT_KINDS; i++) {
        if (writ_span_is(json, kinds[i].json))
            return (enum writ_kind)i;
    }
    return WRIT_KIND_NONE;
}

const char *
writ_role_name(enum writ_role role)
{
    static const char *const names[] = {
        [WRIT_ROLE_LAUNCHER] = "launcher",
        [WRIT_ROLE_GATEWAY] = "gateway",
        [WRIT_ROLE_KEEPER] = "keeper",
        [WRIT_ROLE_LEDGER] = "ledger",
    };

    return (size_t)role < WRIT_COUNT(names) ? names[role] : NULL;
}

bool
writ_kind_allowed(enum writ_kind kind, enum writ_role role)
{
    const struct writ_kind_rule *rule = writ_kind_rule((unsigned)kind);

    return rule != NULL && (rule->senders & 1U << role) != 0;
}

static void
store16(uint8_t *at, size_t v)
{
    at[0] = (uint8_t)(v >> 8);
    at[1] = (uint8_t)v;
}

static void
store64(uint8_t *at, uint64_t v)
{
    for (unsigned i = 0; i < 8; i++)
        at[i] = (uint8_t)(v >> (56 - 8 * i));
}

static size_t
load16(const uint8_t *at)
{
    return (size_t)at[0] << 8 | at[1];
}

static uint64_t
load64(const uint8_t *at)
{
    uint64_t v = 0;

    for (unsigned i = 0; i < 8; i++)
        v = v << 8 | at[i];
    return v;
}

void
writ_record_begin(struct writ_record *r, void *mem, size_t cap, enum writ_kind kind,
                  int64_t wall_us)
{
    assert(cap >= HEAD_BYTES);
    *r = (struct writ_record){.mem = mem, .cap = cap, .len = HEAD_BYTES};
    if (r->cap > WRIT_RECORD_BYTES_MAX)
        r->cap = WRIT_RECORD_BYTES_MAX;
    r->mem[0] = RECORD_VERSION;
    r->mem[1] = 0;
    store16(r->mem + 2, (size_t)kind);
    store64(r->mem + 4, (uint64_t)wall_us);
}

/* Room for a field and its n bytes, or NULL and the failed mark. */
static uint8_t *
field(struct writ_record *r, enum writ_field f, size_t n)
{
    uint8_t *at = r->mem + r->len;

    r->list = 0;
    if (r->cap - r->len < FIELD_HEAD_BYTES + n) {
        r->failed = true;
        return NULL;
    }
    store16(at, (size_t)f);
    store16(at + 2, n);
    r->len += FIELD_HEAD_BYTES + n;
    return at + FIELD_HEAD_BYTES;
}

/* Not in the middle of a character: what is left must not look worse than what was sent. */
static size_t
cut_at(struct writ_span v, size_t max)
{
    size_t n = max;

    while (n > 0 && max - n < 4 && (v.ptr[n] & 0xc0) == 0x80)
        n--;
    return n == 0 || max - n >= 4 ? max : n;
}

static void
put_bounded(struct writ_record *r, enum writ_field f, struct writ_span v, bool text)
{
    size_t max = fields[f].max;
    bool cut = v.len > max;
    uint8_t *at;

    if (cut)
        v.len = text ? cut_at(v, max) : max;
    at = field(r, f, v.len);
    if (at == NULL)
        return;
    memcpy(at, v.ptr, v.len);
    if (cut)
        at[-2] |= CUT_BIT >> 8;
}

void
writ_record_text(struct writ_record *r, enum writ_field f, struct writ_span v)
{
    assert(fields[f].type == WRIT_TYPE_TEXT);
    if (v.len != 0)
        put_bounded(r, f, v, true);
}

void
writ_record_str(struct writ_record *r, enum writ_field f, const char *v)
{
    writ_record_text(r, f, writ_span_str(v));
}

void
writ_record_bytes(struct writ_record *r, enum writ_field f, struct writ_span v)
{
    assert(fields[f].type == WRIT_TYPE_BYTES);
    if (v.len != 0)
        put_bounded(r, f, v, false);
}

void
writ_record_u64(struct writ_record *r, enum writ_field f, uint64_t v)
{
    uint8_t *at;

    assert(fields[f].type == WRIT_TYPE_U64);
    at = field(r, f, 8);
    if (at != NULL)
        store64(at, v);
}

void
writ_record_i64(struct writ_record *r, enum writ_field f, int64_t v)
{
    uint8_t *at;

    assert(fields[f].type == WRIT_TYPE_I64 || fields[f].type == WRIT_TYPE_TIME);
    at = field(r, f, 8);
    if (at != NULL)
        store64(at, (uint64_t)v);
}

void
writ_record_bool(struct writ_record *r, enum writ_field f, bool v)
{
    uint8_t *at;

    assert(fields[f].type == WRIT_TYPE_BOOL);
    at = field(r, f, 1);
    if (at != NULL)
        *at = v ? 1 : 0;
}

void
writ_record_list_cut(struct writ_record *r)
{
    if (r->list != 0)
        r->mem[r->list + 2] |= CUT_BIT >> 8;
}

void
writ_record_item(struct writ_record *r, enum writ_field f, struct writ_span v)
{
    size_t used;
    size_t room;

    assert(fields[f].type == WRIT_TYPE_LIST);
    if (r->list == 0 || r->list_field != f) {
        size_t begin = r->len;

        if (field(r, f, 0) == NULL)
            return;
        r->list = begin;
        r->list_field = f;
    }
    used = r->len - r->list - FIELD_HEAD_BYTES;
    room = fields[f].max - used;
    if (room > r->cap - r->len)
        room = r->cap - r->len;
    if ((r->mem[r->list + 2] & CUT_BIT >> 8) != 0 || room <= ITEM_HEAD_BYTES) {
        writ_record_list_cut(r); /* never an item after one that was left out */
        return;
    }
    if (v.len > room - ITEM_HEAD_BYTES) {
        v.len = cut_at(v, room - ITEM_HEAD_BYTES);
        writ_record_list_cut(r);
    }
    store16(r->mem + r->len, v.len);
    if (v.len != 0)
        memcpy(r->mem + r->len + ITEM_HEAD_BYTES, v.ptr, v.len);
    r->len += ITEM_HEAD_BYTES + v.len;
    used += ITEM_HEAD_BYTES + v.len;
    store16(r->mem + r->list + 2, used | (load16(r->mem + r->list + 2) & CUT_BIT));
}

enum writ_err
writ_record_end(struct writ_record *r, struct writ_span *ret)
{
    if (r->failed)
        return WRIT_E_LIMIT;
    *ret = writ_span(r->mem, r->len);
    return WRIT_OK;
}

enum writ_err
writ_record_open(struct writ_span record, struct writ_record_head *ret_head,
                 struct writ_record_view *ret)
{
    unsigned kind;

    if (record.len > WRIT_RECORD_BYTES_MAX)
        return WRIT_E_LIMIT;
    if (record.len < HEAD_BYTES || record.ptr[0] != RECORD_VERSION || record.ptr[1] != 0)
        return WRIT_E_FORMAT;
    kind = (unsigned)load16(record.ptr + 2);
    if (writ_kind_rule(kind) == NULL)
        return WRIT_E_FORMAT;
    ret_head->kind = (enum writ_kind)kind;
    ret_head->wall_us = (int64_t)load64(record.ptr + 4);
    *ret = (struct writ_record_view){writ_reader(writ_span_from(record, HEAD_BYTES)), {0}};
    return WRIT_OK;
}

static bool
list_well_formed(struct writ_span s)
{
    while (s.len != 0) {
        size_t n;

        if (s.len < ITEM_HEAD_BYTES)
            return false;
        n = load16(s.ptr);
        if (n > s.len - ITEM_HEAD_BYTES)
            return false;
        s = writ_span_from(s, ITEM_HEAD_BYTES + n);
    }
    return true;
}

static bool
take_value(struct writ_span s, struct writ_record_value *v)
{
    switch (v->rule->type) {
    case WRIT_TYPE_TEXT:
    case WRIT_TYPE_BYTES:
        v->text = s;
        return s.len != 0 && s.len <= v->rule->max;
    case WRIT_TYPE_LIST:
        v->items = writ_reader(s);
        return s.len <= v->rule->max && list_well_formed(s);
    case WRIT_TYPE_BOOL:
        if (s.len != 1 || s.ptr[0] > 1 || v->cut)
            return false;
        v->number = s.ptr[0];
        return true;
    case WRIT_TYPE_U64:
    case WRIT_TYPE_I64:
    case WRIT_TYPE_TIME:
        if (s.len != 8 || v->cut)
            return false;
        v->number = load64(s.ptr);
        return true;
    }
    return false;
}

enum writ_err
writ_record_next(struct writ_record_view *v, struct writ_record_value *ret)
{
    struct writ_record_value out = {0};
    struct writ_span rest = v->rest.rest;
    unsigned id;
    size_t n;

    if (rest.len == 0)
        return WRIT_E_AGAIN;
    if (rest.len < FIELD_HEAD_BYTES)
        return WRIT_E_FORMAT;
    id = (unsigned)load16(rest.ptr);
    n = load16(rest.ptr + 2);
    out.rule = writ_field_rule(id);
    if (out.rule == NULL || (v->seen[id / 64] >> id % 64 & 1) != 0)
        return WRIT_E_FORMAT;
    out.field = (enum writ_field)id;
    out.cut = (n & CUT_BIT) != 0;
    n &= CUT_BIT - 1;
    if (n > rest.len - FIELD_HEAD_BYTES ||
        !take_value(writ_span(rest.ptr + FIELD_HEAD_BYTES, n), &out))
        return WRIT_E_FORMAT;
    v->seen[id / 64] |= (uint64_t)1 << id % 64;
    v->rest = writ_reader(writ_span_from(rest, FIELD_HEAD_BYTES + n));
    *ret = out;
    return WRIT_OK;
}

bool
writ_record_item_next(struct writ_record_value *v, struct writ_span *ret)
{
    struct writ_span rest = v->items.rest;
    size_t n;

    if (rest.len == 0)
        return false;
    n = load16(rest.ptr);
    *ret = writ_span(rest.ptr + ITEM_HEAD_BYTES, n);
    v->items = writ_reader(writ_span_from(rest, ITEM_HEAD_BYTES + n));
    return true;
}
