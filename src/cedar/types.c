#include "cedar/types.h"

#include <stdio.h>
#include <stdlib.h>

static struct cx_ty *
new_type(const struct cx_types *c, enum cx_tkind kind)
{
    struct cx_ty *t = (struct cx_ty *)cx_alloc(c->arena, sizeof *t);

    if (t != NULL) {
        t->kind = (uint8_t)kind;
        t->height = 1;
    }
    return t;
}

static bool
has_name(const struct cx_ty *t, struct cedar_span name)
{
    for (uint32_t i = 0; i < t->n; i++) {
        if (cx_span_eq(t->u.types[i], name))
            return true;
    }
    return false;
}

static int
span_cmp(const void *a, const void *b)
{
    return cx_span_cmp(*(const struct cedar_span *)a, *(const struct cedar_span *)b);
}

static const struct cx_ty *
join_entities(const struct cx_types *c, const struct cx_ty *a, const struct cx_ty *b)
{
    struct cedar_span *names;
    struct cx_ty *t;
    uint32_t n = 0;
    bool same = a->n == b->n;

    for (uint32_t i = 0; i < a->n; i++)
        same = same && has_name(b, a->u.types[i]);
    if (same)
        return a;
    if (c->strict)
        return NULL;
    t = new_type(c, CX_TY_ENTITY);
    names = (struct cedar_span *)cx_alloc_array(c->arena, (size_t)a->n + b->n, sizeof *names);
    if (t == NULL || names == NULL)
        return NULL;
    for (uint32_t i = 0; i < a->n; i++)
        names[n++] = a->u.types[i];
    for (uint32_t i = 0; i < b->n; i++) {
        if (!has_name(a, b->u.types[i]))
            names[n++] = b->u.types[i];
    }
    qsort(names, n, sizeof *names, span_cmp);
    t->n = n;
    t->u.types = names;
    return t;
}

/* The attribute that both records have; false if their types do not join. */
static bool
join_attr(const struct cx_types *c, const struct cx_tattr *x, const struct cx_ty *b,
          struct cx_tattr *ret)
{
    const struct cx_tattr *y = cx_ty_attr(b, x->name);
    const struct cx_ty *both = y == NULL ? NULL : cx_ty_join(c, x->type, y->type);

    if (both == NULL || (c->strict && x->required != y->required))
        return false;
    *ret = (struct cx_tattr){x->name, both, x->required && y->required};
    return true;
}

static const struct cx_ty *
join_records(const struct cx_types *c, const struct cx_ty *a, const struct cx_ty *b)
{
    struct cx_ty *t = new_type(c, CX_TY_RECORD);
    struct cx_tattr *attrs;

    if (c->strict && a->n != b->n)
        return NULL;
    attrs = (struct cx_tattr *)cx_alloc_array(c->arena, a->n, sizeof *attrs);
    if (t == NULL || attrs == NULL)
        return NULL;
    t->open = a->open || b->open || a->n != b->n;
    for (uint32_t i = 0; i < a->n; i++) {
        if (join_attr(c, &a->u.attrs[i], b, &attrs[t->n])) {
            t->n++;
        } else if (c->strict) {
            return NULL;
        } else {
            t->open = true;
        }
    }
    t->u.attrs = attrs;
    return t;
}

static const struct cx_ty *
join_sets(const struct cx_types *c, const struct cx_ty *a, const struct cx_ty *b)
{
    const struct cx_ty *elem = cx_ty_join(c, a->elem, b->elem);
    struct cx_ty *t;

    if (elem == NULL || elem == a->elem)
        return elem == NULL ? NULL : a;
    t = new_type(c, CX_TY_SET);
    if (t != NULL)
        t->elem = elem;
    return t;
}

/* Types of different kinds, which only permissive mode joins. */
static const struct cx_ty *
join_kinds(const struct cx_types *c, const struct cx_ty *a, const struct cx_ty *b)
{
    if (c->strict)
        return NULL;
    if (a->kind == CX_TY_NEVER || b->kind == CX_TY_NEVER)
        return a->kind == CX_TY_NEVER ? b : a;
    return cx_ty_is_entity(a) && cx_ty_is_entity(b) ? &cx_ty_any_entity : NULL;
}

/* Recurses by the height of the types. */
const struct cx_ty *
cx_ty_join(const struct cx_types *c, const struct cx_ty *a, const struct cx_ty *b)
{
    if (a == b)
        return a;
    if (cx_ty_is_bool(a) && cx_ty_is_bool(b))
        return a->kind == b->kind ? a : &cx_ty_bool;
    if (a->kind != b->kind)
        return join_kinds(c, a, b);
    if (a->kind == CX_TY_ENTITY)
        return join_entities(c, a, b);
    if (a->kind == CX_TY_SET)
        return join_sets(c, a, b);
    if (a->kind == CX_TY_RECORD)
        return join_records(c, a, b);
    return a->kind != CX_TY_EXT || a->ext == b->ext ? a : NULL;
}

bool
cx_ty_disjoint(const struct cx_ty *a, const struct cx_ty *b)
{
    if (a->kind != CX_TY_ENTITY || b->kind != CX_TY_ENTITY)
        return false;
    for (uint32_t i = 0; i < a->n; i++) {
        if (has_name(b, a->u.types[i]))
            return false;
    }
    return true;
}

/* The record of attributes of an entity type; actions have none. */
static const struct cx_ty *
attrs_of(const struct cx_types *c, struct cedar_span name)
{
    const struct cx_etype *e = cx_schema_etype(c->schema, name);

    return e == NULL ? &cx_ty_empty_record : e->attrs;
}

bool
cx_ty_find(const struct cx_types *c, const struct cx_ty *t, struct cedar_span name,
           struct cx_tattr *ret, bool *may)
{
    bool all = true;

    *may = t->kind == CX_TY_ANY_ENTITY || (t->kind == CX_TY_RECORD && t->open);
    if (t->kind == CX_TY_RECORD) {
        const struct cx_tattr *a = cx_ty_attr(t, name);

        if (a != NULL)
            *ret = *a;
        return a != NULL;
    }
    if (t->kind != CX_TY_ENTITY)
        return false;
    for (uint32_t i = 0; i < t->n; i++) {
        const struct cx_tattr *a = cx_ty_attr(attrs_of(c, t->u.types[i]), name);

        if (a == NULL) {
            all = false;
            continue;
        }
        *may = true;
        if (i == 0 || !all) {
            *ret = *a;
            continue;
        }
        ret->required = ret->required && a->required;
        ret->type = cx_ty_join(c, ret->type, a->type);
        all = ret->type != NULL;
    }
    return all && t->n != 0;
}

const struct cx_ty *
cx_ty_tags(const struct cx_types *c, const struct cx_ty *t, bool *may)
{
    const struct cx_ty *ret = NULL;
    bool all = true;

    *may = t->kind == CX_TY_ANY_ENTITY;
    for (uint32_t i = 0; t->kind == CX_TY_ENTITY && i < t->n; i++) {
        const struct cx_etype *e = cx_schema_etype(c->schema, t->u.types[i]);

        if (e == NULL || e->tags == NULL) {
            all = false;
            continue;
        }
        *may = true;
        ret = ret == NULL ? e->tags : cx_ty_join(c, ret, e->tags);
        all = all && ret != NULL;
    }
    return all ? ret : NULL;
}

static bool
action_in(const struct cx_action *x, struct cedar_span a, struct cedar_span b)
{
    if (!cx_span_eq(cx_type(&x->uid), a))
        return false;
    for (uint32_t k = 0; k < x->ancestor_n; k++) {
        if (cx_span_eq(cx_type(&x->ancestors[k]), b))
            return true;
    }
    return false;
}

/* Whether an entity of the one type can be in one of the other; for actions, whether any is. */
static bool
name_in(const struct cx_types *c, struct cedar_span a, struct cedar_span b)
{
    const struct cx_etype *e = cx_schema_etype(c->schema, a);

    if (cx_span_eq(a, b))
        return true;
    for (size_t i = 0; cx_is_action_type(a) && i < c->schema->action_n; i++) {
        if (action_in(&c->schema->actions[i], a, b))
            return true;
    }
    return e != NULL && cx_etype_below(e, b);
}

bool
cx_ty_can_be_in(const struct cx_types *c, const struct cx_ty *a, const struct cx_ty *b)
{
    if (b->kind == CX_TY_NEVER)
        return false;
    if (a->kind == CX_TY_ANY_ENTITY || b->kind == CX_TY_ANY_ENTITY)
        return true;
    for (uint32_t i = 0; i < a->n; i++) {
        for (uint32_t k = 0; k < b->n; k++) {
            if (name_in(c, a->u.types[i], b->u.types[k]))
                return true;
        }
    }
    return false;
}

const char *
cx_ty_show(const struct cx_ty *t, char *out, size_t cap)
{
    static const char *const names[] = {
        [CX_TY_NEVER] = "nothing",        [CX_TY_BOOL] = "Bool",      [CX_TY_TRUE] = "Bool",
        [CX_TY_FALSE] = "Bool",           [CX_TY_LONG] = "Long",      [CX_TY_STRING] = "String",
        [CX_TY_ANY_ENTITY] = "an entity", [CX_TY_RECORD] = "a record"};
    char inner[CX_SHOW];

    switch ((enum cx_tkind)t->kind) {
    case CX_TY_ENTITY:
        (void)cx_show(t->u.types[0], inner, sizeof inner);
        (void)snprintf(out, cap, t->n == 1 ? "%s" : "%s or another entity", inner);
        break;
    case CX_TY_SET: /* one level is enough for a message */
        (void)snprintf(out, cap, "Set<%s>",
                       t->elem->kind == CX_TY_SET ? "Set"
                                                  : cx_ty_show(t->elem, inner, sizeof inner));
        break;
    case CX_TY_EXT:
        (void)snprintf(out, cap, "%s",
                       t->ext == CEDAR_IP         ? "ipaddr"
                       : t->ext == CEDAR_DECIMAL  ? "decimal"
                       : t->ext == CEDAR_DATETIME ? "datetime"
                                                  : "duration");
        break;
    case CX_TY_NEVER:
    case CX_TY_BOOL:
    case CX_TY_TRUE:
    case CX_TY_FALSE:
    case CX_TY_LONG:
    case CX_TY_STRING:
    case CX_TY_ANY_ENTITY:
    case CX_TY_RECORD:
        (void)snprintf(out, cap, "%s", names[t->kind]);
        break;
    }
    return out;
}
