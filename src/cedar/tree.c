#include "cedar/tree.h"

static bool
eval_bool(const struct cx_world *w, struct cx_arena *a, const struct cx_expr *e, bool *ret)
{
    struct cedar_value v;

    if (!cx_tree_eval(w, a, e, &v) || v.kind != CEDAR_BOOL)
        return false;
    *ret = v.u.num != 0;
    return true;
}

static void
eval_var(const struct cx_world *w, const struct cx_expr *e, struct cedar_value *ret)
{
    if (e->sub == CX_PRINCIPAL)
        *ret = cedar_entity(&w->req->principal);
    else if (e->sub == CX_ACTION)
        *ret = cedar_entity(&w->req->action);
    else if (e->sub == CX_RESOURCE)
        *ret = cedar_entity(&w->req->resource);
    else
        *ret = w->context;
}

static bool
eval_logic(const struct cx_world *w, struct cx_arena *a, const struct cx_expr *e,
           struct cedar_value *ret)
{
    bool yes;

    if (!eval_bool(w, a, e->args[0], &yes))
        return false;
    if (e->op == CX_IF)
        return cx_tree_eval(w, a, e->args[yes ? 1 : 2], ret);
    if (e->op == CX_NOT)
        yes = !yes;
    else if (yes == (e->op == CX_AND) && !eval_bool(w, a, e->args[1], &yes))
        return false;
    *ret = cedar_bool(yes);
    return true;
}

static bool
eval_arith(uint8_t op, const struct cedar_value *v, struct cedar_value *ret)
{
    int64_t n;
    bool over;

    if (v[0].kind != CEDAR_LONG || (op != CX_NEG && v[1].kind != CEDAR_LONG))
        return false;
    if (op == CX_NEG)
        over = __builtin_sub_overflow((int64_t)0, v[0].u.num, &n);
    else if (op == CX_ADD)
        over = __builtin_add_overflow(v[0].u.num, v[1].u.num, &n);
    else if (op == CX_SUB)
        over = __builtin_sub_overflow(v[0].u.num, v[1].u.num, &n);
    else
        over = __builtin_mul_overflow(v[0].u.num, v[1].u.num, &n);
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
    if (op == CX_LT)
        *ret = cedar_bool(x < y);
    else if (op == CX_LE)
        *ret = cedar_bool(x <= y);
    else if (op == CX_GT)
        *ret = cedar_bool(x > y);
    else
        *ret = cedar_bool(x >= y);
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

/* The attribute of a record or an entity; *typed is false if v is neither. */
static const struct cedar_value *
attribute(const struct cx_world *w, const struct cedar_value *v, struct cedar_span name,
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
eval_attr(const struct cx_world *w, const struct cx_expr *e, const struct cedar_value *v,
          struct cedar_value *ret)
{
    const struct cedar_value *at = v;
    bool typed;

    for (uint32_t i = 0; at != NULL && i < e->names_n; i++) {
        at = attribute(w, at, e->u.names[i], &typed);
        if (!typed)
            return false;
    }
    if (e->op == CX_GET && at == NULL)
        return false;
    *ret = e->op == CX_GET ? *at : cedar_bool(at != NULL);
    return true;
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
    if (op == CX_CONTAINS)
        *ret = cedar_bool(cx_set_has(&v[0], &v[1]));
    else if (op == CX_CONTAINS_ALL)
        *ret = cedar_bool(cx_set_has_all(&v[0], &v[1]));
    else if (op == CX_CONTAINS_ANY)
        *ret = cedar_bool(cx_set_has_any(&v[0], &v[1]));
    else
        *ret = cedar_bool(v[0].len == 0);
    return true;
}

static bool
eval_is(const struct cx_world *w, struct cx_arena *a, const struct cx_expr *e,
        struct cedar_value *ret)
{
    struct cedar_value v[2];

    if (!cx_tree_eval(w, a, e->args[0], &v[0]) || v[0].kind != CEDAR_ENTITY)
        return false;
    if (!cx_span_eq(cx_type(v[0].u.uid), e->u.names[0])) {
        *ret = cedar_bool(false);
        return true;
    }
    if (e->n == 1) {
        *ret = cedar_bool(true);
        return true;
    }
    return cx_tree_eval(w, a, e->args[1], &v[1]) && eval_in(w, v, ret);
}

static bool
eval_set(const struct cx_world *w, struct cx_arena *a, const struct cx_expr *e,
         struct cedar_value *ret)
{
    struct cedar_value *items = (struct cedar_value *)cx_alloc_array(a, e->n, sizeof *items);

    for (uint32_t i = 0; items != NULL && i < e->n; i++) {
        if (!cx_tree_eval(w, a, e->args[i], &items[i]))
            return false;
    }
    *ret = cedar_set(items, e->n);
    return items != NULL;
}

static bool
eval_record(const struct cx_world *w, struct cx_arena *a, const struct cx_expr *e,
            struct cedar_value *ret)
{
    struct cedar_field *f = (struct cedar_field *)cx_alloc_array(a, e->n, sizeof *f);

    for (uint32_t i = 0; f != NULL && i < e->n; i++) {
        f[i].name = e->u.names[i].ptr;
        f[i].name_len = (uint32_t)e->u.names[i].len;
        if (!cx_tree_eval(w, a, e->args[i], &f[i].value))
            return false;
    }
    *ret = cedar_record(f, e->n);
    return f != NULL;
}

static bool
eval_call(const struct cx_world *w, struct cx_arena *a, const struct cx_expr *e,
          struct cedar_value *ret)
{
    struct cedar_ip *ip = (struct cedar_ip *)cx_alloc(a, sizeof *ip);
    struct cedar_value v[2];

    if (ip == NULL || e->n > 2)
        return false;
    for (uint32_t i = 0; i < e->n; i++) {
        if (!cx_tree_eval(w, a, e->args[i], &v[i]))
            return false;
    }
    return cx_call((enum cx_fn)e->sub, v, e->n, ip, ret);
}

/* Operators that evaluate all their operands, of which there are one or two, before they act. */
static bool
eval_strict(const struct cx_world *w, struct cx_arena *a, const struct cx_expr *e,
            struct cedar_value *ret)
{
    struct cedar_value v[2] = {{0}, {0}};

    for (uint32_t i = 0; i < e->n && i < 2; i++) {
        if (!cx_tree_eval(w, a, e->args[i], &v[i]))
            return false;
    }
    switch (e->op) {
    case CX_EQ:
    case CX_NE:
        *ret = cedar_bool(cx_eq(&v[0], &v[1]) == (e->op == CX_EQ));
        return true;
    case CX_LT:
    case CX_LE:
    case CX_GT:
    case CX_GE:
        return eval_order(e->op, v, ret);
    case CX_NEG:
    case CX_ADD:
    case CX_SUB:
    case CX_MUL:
        return eval_arith(e->op, v, ret);
    case CX_IN:
        return eval_in(w, v, ret);
    case CX_HAS:
    case CX_GET:
        return eval_attr(w, e, &v[0], ret);
    case CX_LIKE:
        *ret = cedar_bool(v[0].kind == CEDAR_STRING && cx_like(cx_str(&v[0]), &e->u.pattern));
        return v[0].kind == CEDAR_STRING;
    case CX_HAS_TAG:
    case CX_GET_TAG:
        return eval_tag(w, e->op, v, ret);
    default:
        return eval_set_op(e->op, v, ret);
    }
}

/* Recurses by the height of the expression, which the parser bounds. */
bool
cx_tree_eval(const struct cx_world *w, struct cx_arena *a, const struct cx_expr *e,
             struct cedar_value *ret)
{
    switch (e->op) {
    case CX_LIT:
        *ret = e->u.lit;
        return true;
    case CX_VAR:
        eval_var(w, e, ret);
        return true;
    case CX_AND:
    case CX_OR:
    case CX_IF:
    case CX_NOT:
        return eval_logic(w, a, e, ret);
    case CX_IS:
        return eval_is(w, a, e, ret);
    case CX_SET:
        return eval_set(w, a, e, ret);
    case CX_RECORD:
        return eval_record(w, a, e, ret);
    case CX_CALL:
        return eval_call(w, a, e, ret);
    default:
        return eval_strict(w, a, e, ret);
    }
}

static bool
scope_match(const struct cx_world *w, const struct cx_scope *s, const struct cx_ent *e,
            const struct cedar_uid *uid)
{
    if ((s->kind == CX_SCOPE_IS || s->kind == CX_SCOPE_IS_IN) && !cx_span_eq(s->type, cx_type(uid)))
        return false;
    if (s->kind == CX_SCOPE_EQ)
        return s->n == 1 && cx_uid_eq(&s->uids[0], uid);
    if (s->kind == CX_SCOPE_ANY || s->kind == CX_SCOPE_IS)
        return true;
    for (uint32_t i = 0; i < s->n; i++) {
        if (cx_ent_in(w, e, uid, &s->uids[i]))
            return true;
    }
    return false;
}

bool
cx_scope_match(const struct cx_world *w, const struct cx_policy *p)
{
    return !p->is_template && scope_match(w, &p->scope[0], w->principal, &w->req->principal) &&
           scope_match(w, &p->scope[1], w->action, &w->req->action) &&
           scope_match(w, &p->scope[2], w->resource, &w->req->resource);
}

enum cx_verdict
cx_tree_policy(const struct cx_world *w, struct cx_arena *a, const struct cx_policy *p)
{
    if (!cx_scope_match(w, p))
        return CX_FALSE;
    for (uint32_t i = 0; i < p->cond_n; i++) {
        bool yes;

        if (!eval_bool(w, a, p->conds[i].body, &yes))
            return CX_ERROR;
        if (yes == p->conds[i].unless)
            return CX_FALSE;
    }
    return CX_TRUE;
}
