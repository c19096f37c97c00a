#include "cedar/value.h"

#include <stdlib.h>
#include <string.h>

/* The last up to 8 bytes in one word, the length in another place of it. */
static inline uint64_t
tail_word(const char *s, size_t len)
{
    if (len >= 4)
        return cx_load(s, 4) | (cx_load(s + len - 4, 4) << 32);
    if (len == 0)
        return 0;
    return cx_load(s, 1) | (cx_load(s + len / 2, 1) << 8) | (cx_load(s + len - 1, 1) << 16);
}

static inline uint64_t
hash_bytes(uint64_t h, const char *s, size_t len)
{
    h ^= (uint64_t)len << 56;
    for (; len > 8; s += 8, len -= 8) {
        h = (h ^ cx_load(s, 8)) * 0x9e3779b97f4a7c15U;
        h ^= h >> 29;
    }
    h = (h ^ tail_word(s, len)) * 0xbf58476d1ce4e5b9U;
    return h ^ (h >> 31);
}

struct cedar_uid
cedar_uid(struct cedar_span type, struct cedar_span id)
{
    uint64_t h = hash_bytes(0x2545f4914f6cdd1dU, type.ptr, type.len);

    h = hash_bytes(h, id.ptr, id.len);
    return (struct cedar_uid){type.ptr, id.ptr, (uint32_t)type.len, (uint32_t)id.len, h};
}

static bool
set_eq(const struct cedar_value *a, const struct cedar_value *b)
{
    if (a->sorted == 0 || b->sorted == 0)
        return cx_set_has_all(a, b) && cx_set_has_all(b, a);
    if (a->len != b->len)
        return false;
    for (uint32_t i = 0; i < a->len; i++) {
        if (!cx_eq(&a->u.items[i], &b->u.items[i]))
            return false;
    }
    return true;
}

static bool
record_eq(const struct cedar_value *a, const struct cedar_value *b)
{
    if (a->len != b->len)
        return false;
    for (uint32_t i = 0; i < a->len; i++) {
        const struct cedar_field *f = &a->u.fields[i];
        const struct cedar_value *v =
            cx_field_get(b->u.fields, b->len, b->sorted != 0, cx_span(f->name, f->name_len));

        if (v == NULL || !cx_eq(&f->value, v))
            return false;
    }
    return true;
}

static int
ip_cmp(const struct cedar_ip *a, const struct cedar_ip *b)
{
    int c;

    if (a->v6 != b->v6)
        return a->v6 ? 1 : -1;
    c = memcmp(a->addr, b->addr, a->v6 ? 16 : 4);
    return c != 0 ? c : (int)a->prefix - (int)b->prefix;
}

bool
cx_eq(const struct cedar_value *a, const struct cedar_value *b)
{
    if (a->kind != b->kind)
        return false;
    switch (a->kind) {
    case CEDAR_STRING:
        return cx_span_eq(cx_str(a), cx_str(b));
    case CEDAR_ENTITY:
        return cx_uid_eq(a->u.uid, b->u.uid);
    case CEDAR_SET:
        return set_eq(a, b);
    case CEDAR_RECORD:
        return record_eq(a, b);
    case CEDAR_IP:
        return ip_cmp(a->u.ip, b->u.ip) == 0;
    default:
        return a->u.num == b->u.num;
    }
}

static int
uid_cmp(const struct cedar_uid *a, const struct cedar_uid *b)
{
    int c = cx_span_cmp(cx_type(a), cx_type(b));

    return c != 0 ? c : cx_span_cmp(cx_id(a), cx_id(b));
}

static int
field_cmp(const void *pa, const void *pb)
{
    const struct cedar_field *a = (const struct cedar_field *)pa;
    const struct cedar_field *b = (const struct cedar_field *)pb;

    return cx_span_cmp(cx_span(a->name, a->name_len), cx_span(b->name, b->name_len));
}

static int
members_cmp(const struct cedar_value *a, const struct cedar_value *b)
{
    if (a->len != b->len)
        return a->len < b->len ? -1 : 1;
    for (uint32_t i = 0; i < a->len; i++) {
        int c;

        if (a->kind == CEDAR_SET) {
            c = cx_cmp(&a->u.items[i], &b->u.items[i]);
        } else {
            c = field_cmp(&a->u.fields[i], &b->u.fields[i]);
            if (c == 0)
                c = cx_cmp(&a->u.fields[i].value, &b->u.fields[i].value);
        }
        if (c != 0)
            return c;
    }
    return 0;
}

int
cx_cmp(const struct cedar_value *a, const struct cedar_value *b)
{
    if (a->kind != b->kind)
        return (int)a->kind - (int)b->kind;
    switch (a->kind) {
    case CEDAR_STRING:
        return cx_span_cmp(cx_str(a), cx_str(b));
    case CEDAR_ENTITY:
        return uid_cmp(a->u.uid, b->u.uid);
    case CEDAR_SET:
    case CEDAR_RECORD:
        return members_cmp(a, b);
    case CEDAR_IP:
        return ip_cmp(a->u.ip, b->u.ip);
    default:
        return (a->u.num > b->u.num) - (a->u.num < b->u.num);
    }
}

static int
item_cmp(const void *a, const void *b)
{
    return cx_cmp((const struct cedar_value *)a, (const struct cedar_value *)b);
}

size_t
cx_set_sort(struct cedar_value *items, size_t n)
{
    size_t kept = 0;

    if (n == 0)
        return 0;
    qsort(items, n, sizeof *items, item_cmp);
    for (size_t i = 1; i < n; i++) {
        if (cx_cmp(&items[kept], &items[i]) != 0)
            items[++kept] = items[i];
    }
    return kept + 1;
}

bool
cx_fields_sort(struct cedar_field *f, size_t n, struct cedar_span *dup)
{
    if (n != 0)
        qsort(f, n, sizeof *f, field_cmp);
    for (size_t i = 1; i < n; i++) {
        if (field_cmp(&f[i - 1], &f[i]) == 0) {
            *dup = cx_span(f[i].name, f[i].name_len);
            return false;
        }
    }
    return true;
}

const struct cedar_value *
cx_field_search(const struct cedar_field *f, size_t n, struct cedar_span name)
{
    size_t lo = 0;

    while (lo < n) {
        size_t mid = lo + (n - lo) / 2;
        int c = cx_span_cmp(cx_span(f[mid].name, f[mid].name_len), name);

        if (c == 0)
            return &f[mid].value;
        if (c < 0)
            lo = mid + 1;
        else
            n = mid;
    }
    return NULL;
}

/* A record in an unsorted set may itself be unsorted, so that only equality is safe there; sorted
 * sets hold sorted records, but the value looked for may still not be. */
static bool
ordered(const struct cedar_value *v)
{
    return (v->kind != CEDAR_SET && v->kind != CEDAR_RECORD) || v->sorted != 0;
}

bool
cx_set_has(const struct cedar_value *set, const struct cedar_value *item)
{
    size_t lo = 0;
    size_t hi = set->len;

    if (set->sorted == 0 || hi <= 8 || !ordered(item)) {
        for (size_t i = 0; i < hi; i++) {
            if (cx_eq(&set->u.items[i], item))
                return true;
        }
        return false;
    }
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        int c = cx_cmp(&set->u.items[mid], item);

        if (c == 0)
            return true;
        if (c < 0) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return false;
}

bool
cx_set_has_all(const struct cedar_value *set, const struct cedar_value *items)
{
    for (uint32_t i = 0; i < items->len; i++) {
        if (!cx_set_has(set, &items->u.items[i]))
            return false;
    }
    return true;
}

bool
cx_set_has_any(const struct cedar_value *set, const struct cedar_value *items)
{
    for (uint32_t i = 0; i < items->len; i++) {
        if (cx_set_has(set, &items->u.items[i]))
            return true;
    }
    return false;
}

bool
cx_like(struct cedar_span text, const struct cx_pattern *p)
{
    const struct cedar_span *first = &p->pieces[0];
    const struct cedar_span *last = &p->pieces[p->n - 1];
    const char *at;
    const char *end;

    if (p->n == 1)
        return cx_span_eq(text, *first);
    if (text.len < first->len + last->len || !cx_span_eq(cx_span(text.ptr, first->len), *first) ||
        !cx_span_eq(cx_span(text.ptr + (text.len - last->len), last->len), *last))
        return false;
    if (p->n == 2)
        return true;
    at = text.ptr + first->len;
    end = text.ptr + (text.len - last->len);
    /* Bytes stand for characters here: no UTF-8 sequence begins inside another one. Taking the
     * leftmost match of each piece leaves the most text for the rest, so no backtracking. */
    for (uint32_t i = 1; i + 1 < p->n; i++) {
        const struct cedar_span *s = &p->pieces[i];
        const char *hit =
            s->len == 0 ? at : (const char *)memmem(at, (size_t)(end - at), s->ptr, s->len);

        if (hit == NULL)
            return false;
        at = hit + s->len;
    }
    return true;
}

void *
cedar_arena_take(struct cedar_arena *a, size_t size)
{
    size_t pad = (size_t)(-(uintptr_t)a->at & 15U);

    if (a->failed || size > (size_t)(a->end - a->at) || pad > (size_t)(a->end - a->at) - size) {
        a->failed = true;
        return NULL;
    }
    a->at += pad + size;
    return a->at - size;
}
