#include "cedar/ops.h"

static bool
eval_arith(uint8_t op, const struct cedar_value *v, struct cedar_value *ret)
{
    int64_t n;
    bool over;

    if (v[0].kind != CEDAR_LONG || (op != CX_NEG && v[1].kind != CEDAR_LONG))
        return false;
    if (op == CX_NEG) {
        over = __builtin_sub_overflow((int64_t)0, v[0].u.num, &n);
    } else if (op == CX_ADD) {
        over = __builtin_add_overflow(v[0].u.num, v[1].u.num, &n);
    } else if (op == CX_SUB) {
        over = __builtin_sub_overflow(v[0].u.num, v[1].u.num, &n);
    } else {
        over = __builtin_mul_overflow(v[0].u.num, v[1].u.num, &n);
    }
    *ret = cedar_long(over ? 0 : n);
    return !over;
}

static bool
eval_order(uint8_t op, const struct cedar_value *v, struct cedar_value *ret)
{
    int64_t x = v[0].u.num;
    int64_t y = v[1].u.num;

    if (v[0].kind != v[1].kind ||
        (v[0].kind != CEDAR_LONG && v[0].kind != CEDAR_DATETIME && v[0].kind != CEDAR_DURATION))
        return false;
    if (op == CX_LT) {
        *ret = cedar_bool(x < y);
    } else if (op == CX_LE) {
        *ret = cedar_bool(x <= y);
    } else if (op == CX_GT) {
        *ret = cedar_bool(x > y);
    } else {
        *ret = cedar_bool(x >= y);
    }
    return true;
}

static bool
eval_in(const struct cx_world *w, const struct cedar_value *v, struct cedar_value *ret)
{
    bool yes = false;

    if (v[0].kind != CEDAR_ENTITY)
        return false;
    if (v[1].kind == CEDAR_ENTITY) {
        *ret = cedar_bool(cx_world_in(w, v[0].u.uid, v[1].u.uid));
        return true;
    }
    if (v[1].kind != CEDAR_SET)
        return false;
    for (uint32_t i = 0; i < v[1].len; i++) {
        if (v[1].u.items[i].kind != CEDAR_ENTITY)
            return false;
        yes = yes || cx_world_in(w, v[0].u.uid, v[1].u.items[i].u.uid);
    }
    *ret = cedar_bool(yes);
    return true;
}

const struct cedar_value *
cx_op_attr(const struct cx_world *w, const struct cedar_value *v, struct cedar_span name,
           bool *typed)
{
    const struct cx_ent *e;

    *typed = v->kind == CEDAR_RECORD || v->kind == CEDAR_ENTITY;
    if (v->kind == CEDAR_RECORD)
        return cx_field_get(v->u.fields, v->len, v->sorted != 0, name);
    if (v->kind != CEDAR_ENTITY)
        return NULL;
    e = cx_world_find(w, v->u.uid);
    return e == NULL ? NULL : cx_field_get(e->attrs, e->attr_n, !e->local, name);
}

static bool
eval_tag(const struct cx_world *w, uint8_t op, const struct cedar_value *v, struct cedar_value *ret)
{
    const struct cedar_value *tag = NULL;
    const struct cx_ent *e;

    if (v[0].kind != CEDAR_ENTITY || v[1].kind != CEDAR_STRING)
        return false;
    e = cx_world_find(w, v[0].u.uid);
    if (e != NULL)
        tag = cx_field_get(e->tags, e->tag_n, !e->local, cx_str(&v[1]));
    if (op == CX_GET_TAG && tag == NULL)
        return false;
    *ret = op == CX_GET_TAG ? *tag : cedar_bool(tag != NULL);
    return true;
}

static bool
eval_set_op(uint8_t op, const struct cedar_value *v, struct cedar_value *ret)
{
    if (v[0].kind != CEDAR_SET ||
        ((op == CX_CONTAINS_ALL || op == CX_CONTAINS_ANY) && v[1].kind != CEDAR_SET))
        return false;
    if (op == CX_CONTAINS) {
        *ret = cedar_bool(cx_set_has(&v[0], &v[1]));
    } else if (op == CX_CONTAINS_ALL) {
        *ret = cedar_bool(cx_set_has_all(&v[0], &v[1]));
    } else if (op == CX_CONTAINS_ANY) {
        *ret = cedar_bool(cx_set_has_any(&v[0], &v[1]));
    } else {
        *ret = cedar_bool(v[0].len == 0);
    }
    return true;
}

bool
cx_op_apply(const struct cx_world *w, uint8_t op, const struct cedar_value *v,
            struct cedar_value *ret)
{
    switch (op) {
    case CX_EQ:
    case CX_NE:
        *ret = cedar_bool(cx_eq(&v[0], &v[1]) == (op == CX_EQ));
        return true;
    case CX_LT:
    case CX_LE:
    case CX_GT:
    case CX_GE:
        return eval_order(op, v, ret);
    case CX_NEG:
    case CX_ADD:
    case CX_SUB:
    case CX_MUL:
        return eval_arith(op, v, ret);
    case CX_IN:
        return eval_in(w, v, ret);
    case CX_HAS_TAG:
    case CX_GET_TAG:
        return eval_tag(w, op, v, ret);
    default:
        return eval_set_op(op, v, ret);
    }
}

bool
cx_op_names(const struct cx_world *w, const struct cedar_span *names, size_t n,
            const struct cedar_value *v, const struct cedar_value **ret)
{
    bool typed;

    for (size_t i = 0; v != NULL && i < n; i++) {
        v = cx_op_attr(w, v, names[i], &typed);
        if (!typed)
            return false;
    }
    *ret = v;
    return true;
}
