/* Which policies can match a request: see program.h. */
#include <stdlib.h>
#include <string.h>

#include "cedar/program.h"

enum {
    KEYS_MAX = 64, /* of one request and one part of the scope; more means a plain scan */
    SCAN_MAX = 4,  /* policies of a shape that are not worth a search */
};

/* ---- Building ---- */

static uint64_t
mix(uint64_t h, uint64_t v)
{
    h = (h ^ v) * 0x9e3779b97f4a7c15U;
    return h ^ (h >> 32);
}

static uint64_t
type_hash(struct cedar_span type)
{
    return cedar_uid(type, cx_span("", 0)).hash;
}

/* IS_IN is looked up by its group; the type is then tested with the rest of the scope. */
static unsigned
key_kind(const struct cx_scope *s)
{
    return s->kind == CX_SCOPE_IS_IN ? CX_SCOPE_IN : s->kind;
}

static uint64_t
scope_key(const struct cx_scope *s, uint32_t elem)
{
    if (s->kind == CX_SCOPE_ANY)
        return 0;
    return s->kind == CX_SCOPE_IS ? type_hash(s->type) : s->uids[elem].hash;
}

static unsigned
shape_of(const struct cx_policy *p)
{
    return (key_kind(&p->scope[0]) * 3 + p->scope[1].kind) * 4 + key_kind(&p->scope[2]);
}

static uint64_t
full_key(unsigned shape, uint64_t principal, uint64_t action, uint64_t resource)
{
    return mix(mix(mix(shape + 1, principal), action), resource);
}

static uint32_t
elems_of(const struct cx_policy *p)
{
    if (p->is_template)
        return 0;
    return p->scope[1].kind == CX_SCOPE_ANY ? 1 : p->scope[1].n;
}

struct build_entry {
    struct cx_entry entry;
    unsigned shape;
};

static int
entry_cmp(const void *pa, const void *pb)
{
    const struct build_entry *a = (const struct build_entry *)pa;
    const struct build_entry *b = (const struct build_entry *)pb;

    if (a->shape != b->shape)
        return a->shape < b->shape ? -1 : 1;
    if (a->entry.hash != b->entry.hash)
        return a->entry.hash < b->entry.hash ? -1 : 1;
    if (a->entry.policy != b->entry.policy)
        return a->entry.policy < b->entry.policy ? -1 : 1;
    return (a->entry.elem > b->entry.elem) - (a->entry.elem < b->entry.elem);
}

static void
collect(const struct cedar_policies *ps, struct build_entry *list)
{
    size_t n = 0;

    for (size_t i = 0; i < ps->n; i++) {
        const struct cx_policy *p = &ps->policies[i];

        for (uint32_t k = 0; k < elems_of(p); k++) {
            unsigned shape = shape_of(p);
            uint64_t key = full_key(shape, scope_key(&p->scope[0], 0), scope_key(&p->scope[1], k),
                                    scope_key(&p->scope[2], 0));

            list[n++] = (struct build_entry){{key, (uint32_t)i, k}, shape};
        }
    }
    qsort(list, n, sizeof *list, entry_cmp);
}

/* Sorted entries into shapes and table. */
static void
fill(struct cx_program *prog, const struct build_entry *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        bool new_shape = i == 0 || list[i].shape != list[i - 1].shape;
        uint64_t at = list[i].entry.hash & prog->table_mask;

        prog->entries[i] = list[i].entry;
        if (new_shape) {
            prog->shapes[prog->shape_n++] =
                (struct cx_shape){.principal = (uint8_t)(list[i].shape / 12),
                                  .action = (uint8_t)(list[i].shape / 4 % 3),
                                  .resource = (uint8_t)(list[i].shape % 4),
                                  .begin = (uint32_t)i};
        }
        prog->shapes[prog->shape_n - 1].end = (uint32_t)(i + 1);
        if (!new_shape && list[i].entry.hash == list[i - 1].entry.hash)
            continue;
        while (prog->table[at] != 0)
            at = (at + 1) & prog->table_mask;
        prog->table[at] = (uint32_t)(i + 1);
    }
}

enum cedar_err
cx_index_build(struct cedar_policies *ps)
{
    struct cx_program *prog = ps->program;
    struct build_entry *list;
    size_t n = 0;
    size_t size = 16;

    for (size_t i = 0; i < ps->n; i++)
        n += elems_of(&ps->policies[i]);
    while (size < n * 2)
        size *= 2;
    prog->entries = (struct cx_entry *)cx_alloc_array(&ps->arena, n, sizeof *prog->entries);
    prog->shapes = (struct cx_shape *)cx_alloc_array(&ps->arena, CX_SHAPES, sizeof *prog->shapes);
    prog->table = (uint32_t *)cx_alloc_array(&ps->arena, size, sizeof *prog->table);
    list = (struct build_entry *)calloc(n + 1, sizeof *list);
    if (prog->table == NULL || list == NULL) {
        free(list);
        return CEDAR_E_NOMEM;
    }
    prog->table_mask = size - 1;
    collect(ps, list);
    fill(prog, list, n);
    free(list);
    return CEDAR_OK;
}

/* ---- Asking ---- */

struct keys {
    uint64_t eq;
    uint64_t type;
    struct cedar_span name; /* of the type */
    bool typed;             /* `type` is filled */
    bool listed;            /* `in` is filled */
    bool over;              /* more than fit */
    uint32_t n;
    uint64_t in[KEYS_MAX]; /* the entity and all above it */
};

struct query {
    const struct cedar_policies *ps;
    const struct cx_world *w;
    cx_candidate_fn *fn;
    void *arg;
    struct keys *keys; /* principal, action, resource */
};

static void
keys_add(struct keys *k, uint64_t hash)
{
    for (uint32_t i = 0; i < k->n; i++) {
        if (k->in[i] == hash)
            return;
    }
    if (k->n == KEYS_MAX) {
        k->over = true;
    } else {
        k->in[k->n++] = hash;
    }
}

static void
keys_above(struct keys *k, const struct cx_world *w, const struct cx_ent *e, unsigned depth)
{
    for (uint32_t i = 0; e != NULL && i < e->ancestor_n && !k->over; i++)
        keys_add(k, e->ancestors[i].hash);
    for (uint32_t i = 0; e != NULL && e->local && i < e->parent_n && !k->over; i++) {
        keys_add(k, e->parents[i].hash);
        if (depth < CEDAR_LOCALS_MAX)
            keys_above(k, w, cx_world_find(w, &e->parents[i]), depth + 1);
    }
}

static void
keys_list(struct keys *k, const struct cx_world *w, const struct cx_ent *e)
{
    if (k->listed)
        return;
    k->listed = true;
    k->over = false;
    k->n = 0;
    keys_add(k, k->eq);
    keys_above(k, w, e, 0);
}

static const struct cx_ent *
part(const struct cx_world *w, size_t i)
{
    if (i == 0)
        return w->principal;
    return i == 1 ? w->action : w->resource;
}

static const uint64_t *
keys_for(struct query *q, size_t i, unsigned kind, uint32_t *n)
{
    static const uint64_t any = 0;
    struct keys *k = &q->keys[i];

    *n = 1;
    if (kind == CX_SCOPE_ANY)
        return &any;
    if (kind == CX_SCOPE_EQ)
        return &k->eq;
    if (kind == CX_SCOPE_IS) {
        if (!k->typed)
            k->type = type_hash(k->name);
        k->typed = true;
        return &k->type;
    }
    keys_list(k, q->w, part(q->w, i));
    *n = k->over ? UINT32_MAX : k->n;
    return k->in;
}

static void
try_entry(const struct query *q, const struct cx_entry *e)
{
    uint32_t elem;

    if (cx_scope_match(q->w, &q->ps->policies[e->policy], &elem) && elem == e->elem)
        q->fn(q->arg, e->policy);
}

static void
probe(const struct query *q, uint64_t hash)
{
    const struct cx_program *prog = q->ps->program;
    const struct cx_entry *end = prog->entries + prog->shapes[prog->shape_n - 1].end;

    for (uint64_t at = hash & prog->table_mask; prog->table[at] != 0;
         at = (at + 1) & prog->table_mask) {
        const struct cx_entry *e = &prog->entries[prog->table[at] - 1];

        if (e->hash != hash)
            continue;
        for (; e < end && e->hash == hash; e++)
            try_entry(q, e);
        return;
    }
}

static void
scan(const struct query *q, const struct cx_shape *s)
{
    for (uint32_t i = s->begin; i < s->end; i++)
        try_entry(q, &q->ps->program->entries[i]);
}

static void
match_shape(struct query *q, const struct cx_shape *s)
{
    unsigned shape = (s->principal * 3U + s->action) * 4U + s->resource;
    const uint64_t *p;
    const uint64_t *a;
    const uint64_t *r;
    uint32_t np;
    uint32_t na;
    uint32_t nr;
    uint32_t total;

    if (s->end - s->begin <= SCAN_MAX) { /* quicker than making keys */
        scan(q, s);
        return;
    }
    p = keys_for(q, 0, s->principal, &np);
    a = keys_for(q, 1, s->action, &na);
    r = keys_for(q, 2, s->resource, &nr);
    if (__builtin_mul_overflow(np, na, &total) || __builtin_mul_overflow(total, nr, &total) ||
        total >= s->end - s->begin) {
        scan(q, s); /* fewer policies than keys */
        return;
    }
    for (uint32_t i = 0; i < total; i++) /* keys_for filled as many as it says */
        /* NOLINTNEXTLINE(clang-analyzer-core.CallAndMessage) */
        probe(q, full_key(shape, p[i % np], a[i / np % na], r[i / np / na]));
}

static void
keys_init(struct keys *k, const struct cedar_uid *uid)
{
    k->eq = uid->hash;
    k->name = cx_type(uid);
    k->typed = false;
    k->listed = false;
    k->over = false;
    k->n = 0;
}

void
cx_index_match(const struct cedar_policies *ps, const struct cx_world *w, cx_candidate_fn *fn,
               void *arg)
{
    WRIT_UNINIT struct keys keys[3]; /* 1.6 kB that keys_init and keys_list fill as needed */
    struct query q = {ps, w, fn, arg, keys};

    keys_init(&keys[0], &w->req->principal);
    keys_init(&keys[1], &w->req->action);
    keys_init(&keys[2], &w->req->resource);
    for (uint32_t i = 0; i < ps->program->shape_n; i++)
        match_shape(&q, &ps->program->shapes[i]);
}

static bool
part_match(const struct cx_world *w, const struct cx_scope *s, const struct cx_ent *e,
           const struct cedar_uid *uid)
{
    if ((s->kind == CX_SCOPE_IS || s->kind == CX_SCOPE_IS_IN) && !cx_span_eq(s->type, cx_type(uid)))
        return false;
    if (s->kind == CX_SCOPE_EQ)
        return cx_uid_eq(&s->uids[0], uid);
    return s->kind == CX_SCOPE_ANY || s->kind == CX_SCOPE_IS || cx_ent_in(w, e, uid, &s->uids[0]);
}

static bool
action_match(const struct cx_world *w, const struct cx_scope *s, uint32_t *elem)
{
    *elem = 0;
    if (s->kind != CX_SCOPE_IN)
        return s->kind == CX_SCOPE_ANY || cx_uid_eq(&s->uids[0], &w->req->action);
    for (; *elem < s->n; (*elem)++) {
        if (cx_ent_in(w, w->action, &w->req->action, &s->uids[*elem]))
            return true;
    }
    return false;
}

bool
cx_scope_match(const struct cx_world *w, const struct cx_policy *p, uint32_t *elem)
{
    return !p->is_template && action_match(w, &p->scope[1], elem) &&
           part_match(w, &p->scope[0], w->principal, &w->req->principal) &&
           part_match(w, &p->scope[2], w->resource, &w->req->resource);
}
