/* The declarations of a schema: entity types and actions, and the closure of both hierarchies. */
#include <stdlib.h>
#include <string.h>

#include "cedar/resolve.h"

/* ---- Declarations ---- */

/* The names that the JSON form gives a meaning of its own. */
static bool
is_taken(struct cedar_span name)
{
    static const char *const taken[] = {"Bool", "Boolean", "Entity", "Extension",
                                        "Long", "Record",  "Set",    "String"};

    for (size_t k = 0; k < WRIT_COUNT(taken); k++) {
        if (cx_span_is(name, taken[k]))
            return true;
    }
    return false;
}

static bool
collect_commons(struct cx_resolver *r)
{
    const struct cx_raw_common *raw = (const struct cx_raw_common *)r->raw->commons.mem;

    r->common_n = r->raw->commons.len;
    r->commons = (struct cx_common *)cx_alloc_array(r->arena, r->common_n, sizeof *r->commons);
    if (r->commons == NULL)
        return cx_raw_nomem(r->raw);
    for (size_t i = 0; i < r->common_n; i++) {
        if (is_taken(raw[i].name))
            return cx_raw_fail(r->raw, raw[i].at, "this is the name of a built-in type");
        r->commons[i].raw = &raw[i];
        if (!cx_qualify(r, raw[i].ns, raw[i].name, &r->commons[i].name))
            return false;
    }
    if (r->common_n != 0)
        qsort(r->commons, r->common_n, sizeof *r->commons, cx_common_cmp);
    for (size_t i = 1; i < r->common_n; i++) {
        if (cx_common_cmp(&r->commons[i - 1], &r->commons[i]) == 0)
            return cx_raw_fail(r->raw, r->commons[i].raw->at, "this type is there twice");
    }
    return true;
}

static int
etype_cmp(const void *a, const void *b)
{
    return cx_span_cmp(((const struct cx_etype *)a)->name, ((const struct cx_etype *)b)->name);
}

static struct cx_ty *
entity_type(struct cx_resolver *r, struct cedar_span name)
{
    struct cx_ty *ty = (struct cx_ty *)cx_alloc(r->arena, sizeof *ty);
    struct cedar_span *types = (struct cedar_span *)cx_alloc(r->arena, sizeof *types);

    if (ty == NULL || types == NULL) {
        (void)cx_raw_nomem(r->raw);
        return NULL;
    }
    *types = name;
    *ty = (struct cx_ty){.kind = CX_TY_ENTITY, .height = 1, .n = 1, .u.types = types};
    return ty;
}

/* Names only: their content may refer to any other. */
static bool
collect_etypes(struct cx_resolver *r)
{
    struct cedar_schema *s = r->raw->schema;
    const struct cx_raw_etype *raw = (const struct cx_raw_etype *)r->raw->etypes.mem;

    s->etype_n = r->raw->etypes.len;
    s->etypes = (struct cx_etype *)cx_alloc_array(r->arena, s->etype_n, sizeof *s->etypes);
    if (s->etypes == NULL)
        return cx_raw_nomem(r->raw);
    for (size_t i = 0; i < s->etype_n; i++) {
        struct cx_etype *e = &s->etypes[i];

        if (!cx_qualify(r, raw[i].ns, raw[i].name, &e->name))
            return false;
        e->is_enum = raw[i].is_enum;
        e->ids = raw[i].ids;
        e->id_n = raw[i].id_n;
        e->self = entity_type(r, e->name);
        if (e->self == NULL)
            return false;
        if (cx_span_is(raw[i].name, "Action"))
            return cx_raw_fail(r->raw, raw[i].at, "`Action` is the type of actions");
    }
    if (s->etype_n != 0)
        qsort(s->etypes, s->etype_n, sizeof *s->etypes, etype_cmp);
    for (size_t i = 1; i < s->etype_n; i++) {
        if (etype_cmp(&s->etypes[i - 1], &s->etypes[i]) == 0)
            return cx_raw_fail(r->raw, (struct cx_place){0, 0}, "an entity type is declared twice");
    }
    return true;
}

/* The same name in a namespace and without one would be two things that look alike. */
static bool
check_shadowing(struct cx_resolver *r)
{
    const struct cx_raw_etype *e = (const struct cx_raw_etype *)r->raw->etypes.mem;
    const struct cx_raw_common *c = (const struct cx_raw_common *)r->raw->commons.mem;

    for (size_t i = 0; i < r->raw->etypes.len; i++) {
        if (e[i].ns.len != 0 && (cx_schema_etype(r->raw->schema, e[i].name) != NULL ||
                                 cx_find_common(r, e[i].name) != NULL)) {
            return cx_raw_fail(r->raw, e[i].at,
                               "this name is also declared outside of any namespace");
        }
    }
    for (size_t i = 0; i < r->raw->commons.len; i++) {
        if (c[i].ns.len != 0 && (cx_schema_etype(r->raw->schema, c[i].name) != NULL ||
                                 cx_find_common(r, c[i].name) != NULL)) {
            return cx_raw_fail(r->raw, c[i].at,
                               "this name is also declared outside of any namespace");
        }
    }
    return true;
}

static bool
resolve_names(struct cx_resolver *r, const struct cx_raw_name *names, uint32_t n,
              struct cedar_span ns, struct cedar_span **ret)
{
    *ret = (struct cedar_span *)cx_alloc_array(r->arena, n, sizeof **ret);
    if (*ret == NULL)
        return cx_raw_nomem(r->raw);
    for (uint32_t i = 0; i < n; i++) {
        struct cx_raw_type t = {.kind = CX_RAW_ENTITY, .at = names[i].at, .name = names[i].name};
        const struct cx_ty *ty = cx_resolve(r, &t, ns);

        if (ty == NULL)
            return false;
        (*ret)[i] = ty->u.types[0];
    }
    return true;
}

static bool
resolve_etype(struct cx_resolver *r, const struct cx_raw_etype *raw)
{
    struct cedar_span name;
    struct cx_etype *e;

    if (!cx_qualify(r, raw->ns, raw->name, &name))
        return false;
    e = r->raw->schema->etypes + (cx_schema_etype(r->raw->schema, name) - r->raw->schema->etypes);
    e->attrs = raw->shape == NULL ? &cx_ty_empty_record : cx_resolve(r, raw->shape, raw->ns);
    if (e->attrs == NULL)
        return false;
    if (e->attrs->kind != CX_TY_RECORD)
        return cx_raw_fail(r->raw, raw->at, "the attributes of an entity type must be a record");
    if (raw->tags != NULL) {
        e->tags = cx_resolve(r, raw->tags, raw->ns);
        if (e->tags == NULL)
            return false;
    }
    e->parent_n = raw->parent_n;
    return resolve_names(r, raw->parents, raw->parent_n, raw->ns, &e->parents);
}

static int
span_cmp(const void *a, const void *b)
{
    return cx_span_cmp(*(const struct cedar_span *)a, *(const struct cedar_span *)b);
}

/* Everything reachable through parents; types may form circles. */
static bool
close_etype(struct cx_resolver *r, struct cx_etype *e, uint8_t *seen)
{
    struct cedar_schema *s = r->raw->schema;
    CX_VEC_AUTO struct cx_vec found = {0};
    const struct cx_etype *at = e;

    memset(seen, 0, s->etype_n);
    for (size_t next = 0;; next++) {
        for (uint32_t i = 0; i < at->parent_n; i++) {
            const struct cx_etype *p = cx_schema_etype(s, at->parents[i]);
            struct cedar_span *slot;

            if (seen[p - s->etypes] != 0)
                continue;
            seen[p - s->etypes] = 1;
            slot = (struct cedar_span *)cx_vec_push(&found, sizeof *slot);
            if (slot == NULL)
                return cx_raw_nomem(r->raw);
            *slot = p->name;
        }
        if (next == found.len)
            break;
        at = cx_schema_etype(s, ((struct cedar_span *)found.mem)[next]);
    }
    if (found.len != 0)
        qsort(found.mem, found.len, sizeof(struct cedar_span), span_cmp);
    e->ancestor_n = (uint32_t)found.len;
    e->ancestors = (struct cedar_span *)cx_vec_keep(&found, sizeof(struct cedar_span), r->arena);
    return r->arena->failed ? cx_raw_nomem(r->raw) : true;
}

static bool
resolve_etypes(struct cx_resolver *r)
{
    struct cedar_schema *s = r->raw->schema;
    const struct cx_raw_etype *raw = (const struct cx_raw_etype *)r->raw->etypes.mem;
    uint8_t *seen = (uint8_t *)cx_alloc(r->arena, s->etype_n);

    if (seen == NULL)
        return cx_raw_nomem(r->raw);
    for (size_t i = 0; i < s->etype_n; i++) {
        if (!resolve_etype(r, &raw[i]))
            return false;
    }
    for (size_t i = 0; i < s->etype_n; i++) {
        if (!close_etype(r, &s->etypes[i], seen))
            return false;
    }
    return true;
}

/* ---- Actions ---- */

static int
action_cmp(const void *pa, const void *pb)
{
    const struct cx_action *a = (const struct cx_action *)pa;
    const struct cx_action *b = (const struct cx_action *)pb;
    int c = cx_span_cmp(cx_type(&a->uid), cx_type(&b->uid));

    return c != 0 ? c : cx_span_cmp(cx_id(&a->uid), cx_id(&b->uid));
}

static bool
action_uid(struct cx_resolver *r, struct cedar_span ns, struct cedar_span id, struct cedar_uid *ret)
{
    struct cedar_span type;

    if (!cx_qualify(r, ns, cx_span("Action", 6), &type))
        return false;
    *ret = cedar_uid(type, id);
    return true;
}

/* An unqualified type is looked for in the namespace, then without one. */
static bool
resolve_ref(struct cx_resolver *r, const struct cx_raw_ref *ref, struct cedar_span ns,
            struct cedar_uid *ret)
{
    struct cedar_span type = ref->type;
    char shown[CX_SHOW];

    if (type.len == 0)
        type = cx_span("Action", 6);
    if (!cx_is_action_type(type))
        return cx_raw_fail(r->raw, ref->at, "an action can only be in another action");
    if (memchr(type.ptr, ':', type.len) == NULL) {
        if (!action_uid(r, ns, ref->id, ret))
            return false;
        if (cx_schema_action(r->raw->schema, ret) != NULL)
            return true;
    }
    *ret = cedar_uid(type, ref->id);
    if (cx_schema_action(r->raw->schema, ret) != NULL)
        return true;
    return cx_raw_fail(r->raw, ref->at, "there is no action \"%s\"",
                       cx_show(ref->id, shown, sizeof shown));
}

static bool
resolve_action(struct cx_resolver *r, const struct cx_raw_action *raw)
{
    struct cedar_uid uid;
    struct cx_action *a;

    if (!action_uid(r, raw->ns, raw->id, &uid))
        return false;
    a = r->raw->schema->actions +
        (cx_schema_action(r->raw->schema, &uid) - r->raw->schema->actions);
    a->context = raw->context == NULL ? &cx_ty_empty_record : cx_resolve(r, raw->context, raw->ns);
    if (a->context == NULL)
        return false;
    if (a->context->kind != CX_TY_RECORD)
        return cx_raw_fail(r->raw, raw->at, "the context of an action must be a record");
    a->principal_n = raw->principal_n;
    a->resource_n = raw->resource_n;
    a->parent_n = raw->parent_n;
    a->parents = (struct cedar_uid *)cx_alloc_array(r->arena, raw->parent_n, sizeof *a->parents);
    if (a->parents == NULL)
        return cx_raw_nomem(r->raw);
    for (uint32_t i = 0; i < raw->parent_n; i++) {
        if (!resolve_ref(r, &raw->parents[i], raw->ns, &a->parents[i]))
            return false;
    }
    return resolve_names(r, raw->principals, raw->principal_n, raw->ns, &a->principals) &&
           resolve_names(r, raw->resources, raw->resource_n, raw->ns, &a->resources);
}

/* Adds the parents of `at` that are not found yet. */
static bool
add_parents(struct cx_resolver *r, const struct cx_action *a, const struct cx_action *at,
            struct cx_vec *found)
{
    for (uint32_t i = 0; i < at->parent_n; i++) {
        const struct cedar_uid *have = (const struct cedar_uid *)found->mem;
        struct cedar_uid *slot;
        size_t k = 0;

        if (cx_uid_eq(&at->parents[i], &a->uid)) {
            return cx_raw_fail(r->raw, (struct cx_place){0, 0},
                               "an action is among its own ancestors");
        }
        while (k < found->len && !cx_uid_eq(&have[k], &at->parents[i]))
            k++;
        if (k < found->len)
            continue;
        slot = (struct cedar_uid *)cx_vec_push(found, sizeof *slot);
        if (slot == NULL)
            return cx_raw_nomem(r->raw);
        *slot = at->parents[i];
    }
    return true;
}

static bool
close_action(struct cx_resolver *r, struct cx_action *a)
{
    CX_VEC_AUTO struct cx_vec found = {0};

    if (!add_parents(r, a, a, &found))
        return false;
    for (size_t next = 0; next < found.len; next++) {
        const struct cedar_uid *uid = (const struct cedar_uid *)found.mem + next;

        if (!add_parents(r, a, cx_schema_action(r->raw->schema, uid), &found))
            return false;
    }
    a->ancestor_n = (uint32_t)found.len;
    a->ancestors = (struct cedar_uid *)cx_vec_keep(&found, sizeof(struct cedar_uid), r->arena);
    return r->arena->failed ? cx_raw_nomem(r->raw) : true;
}

static bool
collect_actions(struct cx_resolver *r)
{
    struct cedar_schema *s = r->raw->schema;
    const struct cx_raw_action *raw = (const struct cx_raw_action *)r->raw->actions.mem;

    s->action_n = r->raw->actions.len;
    s->actions = (struct cx_action *)cx_alloc_array(r->arena, s->action_n, sizeof *s->actions);
    if (s->actions == NULL)
        return cx_raw_nomem(r->raw);
    for (size_t i = 0; i < s->action_n; i++) {
        if (!action_uid(r, raw[i].ns, raw[i].id, &s->actions[i].uid))
            return false;
    }
    if (s->action_n != 0)
        qsort(s->actions, s->action_n, sizeof *s->actions, action_cmp);
    for (size_t i = 1; i < s->action_n; i++) {
        if (action_cmp(&s->actions[i - 1], &s->actions[i]) == 0)
            return cx_raw_fail(r->raw, (struct cx_place){0, 0}, "an action is declared twice");
    }
    return true;
}

static bool
resolve_actions(struct cx_resolver *r)
{
    struct cedar_schema *s = r->raw->schema;
    const struct cx_raw_action *raw = (const struct cx_raw_action *)r->raw->actions.mem;

    if (!collect_actions(r))
        return false;
    for (size_t i = 0; i < s->action_n; i++) {
        struct cedar_uid plain = cedar_uid(cx_span("Action", 6), raw[i].id);

        if (raw[i].ns.len != 0 && cx_schema_action(s, &plain) != NULL) {
            return cx_raw_fail(r->raw, raw[i].at,
                               "this action is also declared outside of any namespace");
        }
        if (!resolve_action(r, &raw[i]))
            return false;
    }
    for (size_t i = 0; i < s->action_n; i++) {
        if (!close_action(r, &s->actions[i]))
            return false;
    }
    return true;
}

bool
cx_schema_resolve(struct cx_raw_schema *raw)
{
    struct cx_resolver r = {.raw = raw, .arena = &raw->schema->arena};

    if (!collect_commons(&r) || !collect_etypes(&r) || !check_shadowing(&r))
        return false;
    for (size_t i = 0; i < r.common_n; i++) { /* those that nothing uses must be right as well */
        if (cx_resolve_common(&r, &r.commons[i]) == NULL)
            return false;
    }
    return resolve_etypes(&r) && resolve_actions(&r);
}
