#include "schema_same.h"

static bool
type_same(const struct cx_ty *a, const struct cx_ty *b)
{
    if (a == NULL || b == NULL)
        return a == b;
    if (a->kind != b->kind || a->ext != b->ext || a->n != b->n || a->open != b->open)
        return false;
    if (a->kind == CX_TY_SET)
        return type_same(a->elem, b->elem);
    for (uint32_t i = 0; i < a->n; i++) {
        if (a->kind == CX_TY_ENTITY) {
            if (!cx_span_eq(a->u.types[i], b->u.types[i]))
                return false;
        } else if (!cx_span_eq(a->u.attrs[i].name, b->u.attrs[i].name) ||
                   a->u.attrs[i].required != b->u.attrs[i].required ||
                   !type_same(a->u.attrs[i].type, b->u.attrs[i].type)) {
            return false;
        }
    }
    return true;
}

static bool
has_span(const struct cedar_span *list, uint32_t n, struct cedar_span s)
{
    for (uint32_t i = 0; i < n; i++) {
        if (cx_span_eq(list[i], s))
            return true;
    }
    return false;
}

static bool
spans_same(const struct cedar_span *a, uint32_t an, const struct cedar_span *b, uint32_t bn)
{
    for (uint32_t i = 0; i < an; i++) {
        if (!has_span(b, bn, a[i]))
            return false;
    }
    for (uint32_t i = 0; i < bn; i++) {
        if (!has_span(a, an, b[i]))
            return false;
    }
    return true;
}

static bool
etype_same(const struct cx_etype *a, const struct cx_etype *b)
{
    return cx_span_eq(a->name, b->name) && a->is_enum == b->is_enum &&
           type_same(a->attrs, b->attrs) && type_same(a->tags, b->tags) &&
           spans_same(a->parents, a->parent_n, b->parents, b->parent_n) &&
           spans_same(a->ancestors, a->ancestor_n, b->ancestors, b->ancestor_n) &&
           spans_same(a->ids, a->id_n, b->ids, b->id_n);
}

static bool
action_same(const struct cx_action *a, const struct cx_action *b)
{
    if (!cx_uid_eq(&a->uid, &b->uid) || !type_same(a->context, b->context) ||
        !spans_same(a->principals, a->principal_n, b->principals, b->principal_n) ||
        !spans_same(a->resources, a->resource_n, b->resources, b->resource_n) ||
        a->ancestor_n != b->ancestor_n)
        return false;
    for (uint32_t i = 0; i < a->ancestor_n; i++) {
        if (!cx_action_below(b, &a->ancestors[i]))
            return false;
    }
    return true;
}

bool
schema_same(const struct cedar_schema *a, const struct cedar_schema *b)
{
    if (a->etype_n != b->etype_n || a->action_n != b->action_n)
        return false;
    for (size_t i = 0; i < a->etype_n; i++) {
        if (!etype_same(&a->etypes[i], &b->etypes[i]))
            return false;
    }
    for (size_t i = 0; i < a->action_n; i++) {
        if (!action_same(&a->actions[i], &b->actions[i]))
            return false;
    }
    return true;
}
