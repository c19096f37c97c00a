#include "cedar/store.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"

enum cedar_err
cedar_store_new(struct cedar_store **ret)
{
    struct cedar_store *s = (struct cedar_store *)calloc(1, sizeof *s);

    if (s == NULL)
        return CEDAR_E_NOMEM;
    *ret = s;
    return CEDAR_OK;
}

void
cedar_store_free(struct cedar_store *s)
{
    if (s == NULL)
        return;
    cx_arena_done(&s->arena);
    cx_vec_done(&s->ents);
    free(s->table);
    free(s);
}

size_t
cedar_store_count(const struct cedar_store *s)
{
    return s->ents.len;
}

static struct cx_ent *
ent_at(const struct cedar_store *s, size_t i)
{
    return (struct cx_ent *)s->ents.mem + i;
}

const struct cx_ent *
cx_store_find(const struct cedar_store *s, const struct cedar_uid *uid)
{
    if (s == NULL || s->table == NULL)
        return NULL;
    for (size_t at = uid->hash & s->table_mask; s->table[at] != 0; at = (at + 1) & s->table_mask) {
        const struct cx_ent *e = ent_at(s, s->table[at] - 1);

        if (cx_uid_eq(&e->uid, uid))
            return e;
    }
    return NULL;
}

static void
table_put(struct cedar_store *s, uint64_t hash, size_t index)
{
    size_t at = hash & s->table_mask;

    while (s->table[at] != 0)
        at = (at + 1) & s->table_mask;
    s->table[at] = (uint32_t)(index + 1);
}

/* Keeps the table at most half full. */
static bool
table_grow(struct cedar_store *s)
{
    size_t size = s->table == NULL ? 16 : (s->table_mask + 1) * 2;
    uint32_t *table;

    if (s->table != NULL && (s->ents.len + 1) * 2 <= s->table_mask + 1)
        return true;
    table = (uint32_t *)calloc(size, sizeof *table);
    if (table == NULL)
        return false;
    free(s->table);
    s->table = table;
    s->table_mask = size - 1;
    for (size_t i = 0; i < s->ents.len; i++)
        table_put(s, ent_at(s, i)->uid.hash, i);
    return true;
}

static bool
copy_uid(struct cx_arena *a, const struct cedar_uid *u, struct cedar_uid *ret)
{
    struct cedar_span type;
    struct cedar_span id;

    if (!cx_copy(a, cx_type(u), &type) || !cx_copy(a, cx_id(u), &id))
        return false;
    *ret = cedar_uid(type, id);
    return true;
}

static bool
copy_fields(struct cx_arena *a, const struct cedar_field *f, size_t n,
            const struct cedar_field **ret, struct cedar_span *dup)
{
    struct cedar_field *out = (struct cedar_field *)cx_alloc_array(a, n, sizeof *out);

    if (out == NULL)
        return false;
    for (size_t i = 0; i < n; i++) {
        struct cedar_span name;

        if (!cx_copy(a, cx_span(f[i].name, f[i].name_len), &name) ||
            !cx_value_copy(a, &f[i].value, &out[i].value, dup))
            return false;
        out[i].name = name.ptr;
        out[i].name_len = (uint32_t)name.len;
    }
    if (!cx_fields_sort(out, n, dup))
        return false;
    *ret = out;
    return true;
}

static bool
copy_set(struct cx_arena *a, const struct cedar_value *v, struct cedar_value *ret,
         struct cedar_span *dup)
{
    struct cedar_value *out = (struct cedar_value *)cx_alloc_array(a, v->len, sizeof *out);

    if (out == NULL)
        return false;
    for (uint32_t i = 0; i < v->len; i++) {
        if (!cx_value_copy(a, &v->u.items[i], &out[i], dup))
            return false;
    }
    *ret = cedar_set(out, cx_set_sort(out, v->len));
    ret->sorted = 1;
    return true;
}

/* Recurses as deep as the value nests, which its maker bounds. */
bool
cx_value_copy(struct cx_arena *a, const struct cedar_value *v, struct cedar_value *ret,
              struct cedar_span *dup)
{
    struct cedar_span s;
    struct cedar_uid *uid;
    struct cedar_ip *ip;

    *ret = *v;
    switch (v->kind) {
    case CEDAR_STRING:
        if (!cx_copy(a, cx_str(v), &s))
            return false;
        ret->u.str = s.ptr;
        return true;
    case CEDAR_ENTITY:
        uid = (struct cedar_uid *)cx_alloc(a, sizeof *uid);
        ret->u.uid = uid;
        return uid != NULL && copy_uid(a, v->u.uid, uid);
    case CEDAR_IP:
        ip = (struct cedar_ip *)cx_alloc(a, sizeof *ip);
        ret->u.ip = ip;
        if (ip != NULL)
            *ip = *v->u.ip;
        return ip != NULL;
    case CEDAR_SET:
        return copy_set(a, v, ret, dup);
    case CEDAR_RECORD:
        ret->sorted = 1;
        return copy_fields(a, v->u.fields, v->len, &ret->u.fields, dup);
    default:
        return true;
    }
}

static bool
fields_eq(const struct cedar_field *a, size_t an, const struct cedar_field *b, size_t bn)
{
    struct cedar_value va = cedar_record(a, an);
    struct cedar_value vb = cedar_record(b, bn);

    return cx_eq(&va, &vb);
}

static bool
has_uid(const struct cedar_uid *list, size_t n, const struct cedar_uid *u)
{
    for (size_t i = 0; i < n; i++) {
        if (cx_uid_eq(&list[i], u))
            return true;
    }
    return false;
}

static bool
ent_eq(const struct cx_ent *a, const struct cedar_entity *b)
{
    for (uint32_t i = 0; i < b->parent_count; i++) {
        if (!has_uid(a->parents, a->parent_n, &b->parents[i]))
            return false;
    }
    for (uint32_t i = 0; i < a->parent_n; i++) {
        if (!has_uid(b->parents, b->parent_count, &a->parents[i]))
            return false;
    }
    return fields_eq(a->attrs, a->attr_n, b->attrs, b->attr_count) &&
           fields_eq(a->tags, a->tag_n, b->tags, b->tag_count);
}

static bool
ent_copy(struct cedar_store *s, const struct cedar_entity *e, struct cx_ent *ret,
         struct cedar_span *dup)
{
    struct cedar_uid *parents;

    parents = (struct cedar_uid *)cx_alloc_array(&s->arena, e->parent_count, sizeof *parents);
    if (parents == NULL || !copy_uid(&s->arena, &e->uid, &ret->uid))
        return false;
    for (uint32_t i = 0; i < e->parent_count; i++) {
        if (!copy_uid(&s->arena, &e->parents[i], &parents[i]))
            return false;
    }
    ret->parents = parents;
    ret->parent_n = e->parent_count;
    ret->attr_n = e->attr_count;
    ret->tag_n = e->tag_count;
    return copy_fields(&s->arena, e->attrs, e->attr_count, &ret->attrs, dup) &&
           copy_fields(&s->arena, e->tags, e->tag_count, &ret->tags, dup);
}

enum cedar_err
cedar_store_add(struct cedar_store *s, const struct cedar_entity *e, struct cedar_error *err)
{
    const struct cx_ent *old = cx_store_find(s, &e->uid);
    struct cx_ent copy = {0};
    struct cedar_span dup = {NULL, 0};
    struct cx_ent *slot;
    char shown[CX_SHOW];

    if (s->sealed || s->ents.len >= WRIT_CEDAR_ENTITIES_MAX) {
        cx_error_set(err, "", 0, 0, "%s", s->sealed ? "the store is sealed" : "too many entities");
        return s->sealed ? CEDAR_E_INVALID : CEDAR_E_LIMIT;
    }
    if (old != NULL) {
        if (ent_eq(old, e))
            return CEDAR_OK;
        cx_error_set(err, "", 0, 0, "the entity \"%s\" is there twice, with different content",
                     cx_show(cx_id(&e->uid), shown, sizeof shown));
        return CEDAR_E_INVALID;
    }
    if (!ent_copy(s, e, &copy, &dup)) {
        if (s->arena.failed)
            return CEDAR_E_NOMEM;
        cx_error_set(err, "", 0, 0, "the attribute \"%s\" is there twice",
                     cx_show(dup, shown, sizeof shown));
        return CEDAR_E_INVALID;
    }
    if (!table_grow(s))
        return CEDAR_E_NOMEM;
    slot = (struct cx_ent *)cx_vec_push(&s->ents, sizeof *slot);
    if (slot == NULL)
        return CEDAR_E_NOMEM;
    *slot = copy;
    table_put(s, copy.uid.hash, s->ents.len - 1);
    return CEDAR_OK;
}

/* ---- Ancestors ---- */

enum { NEW, OPEN, DONE };

struct closer {
    struct cedar_store *s;
    struct cedar_error *err;
    uint8_t *state;  /* by index of the entity */
    uint32_t *stack; /* the path from where the search began */
    uint32_t *next;  /* by depth: the parent to look at next */
    size_t depth;
    size_t total;
};

static int
anc_cmp(const void *pa, const void *pb)
{
    const struct cx_anc *a = (const struct cx_anc *)pa;
    const struct cx_anc *b = (const struct cx_anc *)pb;
    int c;

    if (a->hash != b->hash)
        return a->hash < b->hash ? -1 : 1;
    if (cx_uid_eq(a->uid, b->uid))
        return 0;
    c = cx_span_cmp(cx_type(a->uid), cx_type(b->uid));
    return c != 0 ? c : cx_span_cmp(cx_id(a->uid), cx_id(b->uid));
}

/* All parents are done: the ancestors are the parents and theirs. */
static enum cedar_err
close_ent(struct closer *c, struct cx_ent *e)
{
    CX_VEC_AUTO struct cx_vec list = {0};
    struct cx_anc *all;
    size_t n = 0;

    for (uint32_t i = 0; i < e->parent_n; i++) {
        const struct cx_ent *p = cx_store_find(c->s, &e->parents[i]);
        struct cx_anc *slot = (struct cx_anc *)cx_vec_push(&list, sizeof *slot);

        if (slot == NULL)
            return CEDAR_E_NOMEM;
        *slot = (struct cx_anc){e->parents[i].hash, &e->parents[i]};
        for (uint32_t k = 0; p != NULL && k < p->ancestor_n; k++) {
            slot = (struct cx_anc *)cx_vec_push(&list, sizeof *slot);
            if (slot == NULL)
                return CEDAR_E_NOMEM;
            *slot = p->ancestors[k];
        }
    }
    if (list.len == 0)
        return CEDAR_OK;
    all = (struct cx_anc *)list.mem;
    qsort(all, list.len, sizeof *all, anc_cmp);
    for (size_t i = 1; i < list.len; i++) {
        if (anc_cmp(&all[n], &all[i]) != 0)
            all[++n] = all[i];
    }
    list.len = n + 1;
    c->total += list.len;
    if (c->total > (size_t)WRIT_CEDAR_ANCESTORS_MAX) {
        cx_error_set(c->err, "", 0, 0, "the entities have more than %d ancestors together",
                     WRIT_CEDAR_ANCESTORS_MAX);
        return CEDAR_E_LIMIT;
    }
    e->ancestors = (const struct cx_anc *)cx_vec_keep(&list, sizeof *all, &c->s->arena);
    e->ancestor_n = (uint32_t)list.len;
    return e->ancestors == NULL ? CEDAR_E_NOMEM : CEDAR_OK;
}

/* One step down or up from the top of the stack. */
static enum cedar_err
close_step(struct closer *c)
{
    uint32_t at = c->stack[c->depth - 1];
    struct cx_ent *e = ent_at(c->s, at);
    const struct cx_ent *p;
    size_t index;
    char shown[CX_SHOW];

    if (c->next[c->depth - 1] == e->parent_n) {
        c->state[at] = DONE;
        c->depth--;
        return close_ent(c, e);
    }
    p = cx_store_find(c->s, &e->parents[c->next[c->depth - 1]++]);
    if (p == NULL)
        return CEDAR_OK;
    index = (size_t)(p - ent_at(c->s, 0));
    if (c->state[index] == OPEN) {
        cx_error_set(c->err, "", 0, 0, "the entity \"%s\" is among its own ancestors",
                     cx_show(cx_id(&p->uid), shown, sizeof shown));
        return CEDAR_E_INVALID;
    }
    if (c->state[index] == NEW) {
        c->state[index] = OPEN;
        c->stack[c->depth] = (uint32_t)index;
        c->next[c->depth++] = 0;
    }
    return CEDAR_OK;
}

static enum cedar_err
close_all(struct closer *c)
{
    for (size_t i = 0; i < c->s->ents.len; i++) {
        if (c->state[i] == DONE)
            continue;
        c->state[i] = OPEN;
        c->stack[0] = (uint32_t)i;
        c->next[0] = 0;
        c->depth = 1;
        while (c->depth != 0) {
            enum cedar_err e = close_step(c);

            if (e != CEDAR_OK)
                return e;
        }
    }
    return CEDAR_OK;
}

enum cedar_err
cedar_store_seal(struct cedar_store *s, struct cedar_error *err)
{
    struct closer c = {.s = s, .err = err};
    size_t n = s->ents.len;
    enum cedar_err e = CEDAR_E_NOMEM;

    if (s->sealed)
        return CEDAR_OK;
    c.state = (uint8_t *)calloc(n + 1, sizeof *c.state);
    c.stack = (uint32_t *)calloc(n + 1, sizeof *c.stack);
    c.next = (uint32_t *)calloc(n + 1, sizeof *c.next);
    if (c.state != NULL && c.stack != NULL && c.next != NULL)
        e = close_all(&c);
    free(c.state);
    free(c.stack);
    free(c.next);
    if (e == CEDAR_OK)
        s->sealed = true;
    return e;
}

/* ---- A request's view ---- */

const struct cx_ent *
cx_world_find(const struct cx_world *w, const struct cedar_uid *uid)
{
    /* What a policy mostly asks about was looked up when the request came. */
    if (uid == &w->req->principal)
        return w->principal;
    if (uid == &w->req->resource)
        return w->resource;
    for (uint32_t i = 0; i < w->local_n; i++) {
        if (cx_uid_eq(&w->locals[i].uid, uid))
            return &w->locals[i];
    }
    return cx_store_find(w->store, uid);
}

static bool
ancestor(const struct cx_ent *e, const struct cedar_uid *b)
{
    size_t lo = 0;
    size_t hi = e->ancestor_n;

    while (hi - lo > 8) { /* the first one whose hash is not below lies in [lo, hi] */
        size_t mid = lo + (hi - lo) / 2;

        if (e->ancestors[mid].hash < b->hash) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    for (; lo < e->ancestor_n && e->ancestors[lo].hash <= b->hash; lo++) {
        if (e->ancestors[lo].hash == b->hash && cx_uid_eq(e->ancestors[lo].uid, b))
            return true;
    }
    return false;
}

/* depth ends the walk through a request's own entities, should they form a circle. */
static bool
local_in(const struct cx_world *w, const struct cx_ent *e, const struct cedar_uid *b,
         unsigned depth)
{
    for (uint32_t i = 0; i < e->parent_n; i++) {
        const struct cx_ent *p;

        if (cx_uid_eq(&e->parents[i], b))
            return true;
        p = cx_world_find(w, &e->parents[i]);
        if (p == NULL)
            continue;
        if (p->local ? depth < CEDAR_LOCALS_MAX && local_in(w, p, b, depth + 1) : ancestor(p, b))
            return true;
    }
    return false;
}

bool
cx_ent_in(const struct cx_world *w, const struct cx_ent *e, const struct cedar_uid *a,
          const struct cedar_uid *b)
{
    if (cx_uid_eq(a, b))
        return true;
    if (e == NULL)
        return false;
    return e->local ? local_in(w, e, b, 0) : ancestor(e, b);
}

bool
cx_world_in(const struct cx_world *w, const struct cedar_uid *a, const struct cedar_uid *b)
{
    return cx_ent_in(w, cx_world_find(w, a), a, b);
}

static void
local_init(struct cx_ent *ret, const struct cedar_entity *e)
{
    *ret = (struct cx_ent){.uid = e->uid,
                           .attrs = e->attrs,
                           .tags = e->tags,
                           .parents = e->parents,
                           .attr_n = e->attr_count,
                           .tag_n = e->tag_count,
                           .parent_n = e->parent_count,
                           .local = true};
}

static const struct cx_ent *
first_find(const struct cx_world *w, const struct cedar_uid *uid)
{
    for (uint32_t i = 0; i < w->local_n; i++) {
        if (cx_uid_eq(&w->locals[i].uid, uid))
            return &w->locals[i];
    }
    return cx_store_find(w->store, uid);
}

bool
cx_world_init(struct cx_world *w, const struct cedar_store *s, const struct cedar_request *req)
{
    if (req->local_count > CEDAR_LOCALS_MAX || (s != NULL && !s->sealed) ||
        (req->context.kind != 0 && req->context.kind != CEDAR_RECORD))
        return false;
    w->store = s;
    w->req = req;
    w->context = req->context.kind == 0 ? cedar_record(NULL, 0) : req->context;
    w->local_n = req->local_count;
    for (uint32_t i = 0; i < w->local_n; i++)
        local_init(&w->locals[i], &req->locals[i]);
    w->principal = first_find(w, &req->principal);
    w->action = first_find(w, &req->action);
    w->resource = first_find(w, &req->resource);
    return true;
}
