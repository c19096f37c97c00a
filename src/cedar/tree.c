#include "cedar/tree.h"

#include "cedar/ops.h"

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
    if (e->sub == CX_PRINCIPAL) {
        *ret = cedar_entity(&w->req->principal);
    } else if (e->sub == CX_ACTION) {
        *ret = cedar_entity(&w->req->action);
    } else if (e->sub == CX_RESOURCE) {
        *ret = cedar_entity(&w->req->resource);
    } else {
        *ret = w->context;
    }
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
    if (e->op == CX_NOT) {
        yes = !yes;
    } else if (yes == (e->op == CX_AND) && !eval_bool(w, a, e->args[1], &yes)) {
        return false;
    }
    *ret = cedar_bool(yes);
    return true;
}

static bool
eval_attr(const struct cx_world *w, const struct cx_expr *e, const struct cedar_value *v,
          struct cedar_value *ret)
{
    const struct cedar_value *at;

    if (!cx_op_names(w, e->u.names, e->names_n, v, &at) || (e->op == CX_GET && at == NULL))
        return false;
    *ret = e->op == CX_GET ? *at : cedar_bool(at != NULL);
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
    return cx_tree_eval(w, a, e->args[1], &v[1]) && cx_op_apply(w, CX_IN, v, ret);
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
    if (e->op == CX_HAS || e->op == CX_GET)
        return eval_attr(w, e, &v[0], ret);
    if (e->op != CX_LIKE)
        return cx_op_apply(w, e->op, v, ret);
    *ret = cedar_bool(v[0].kind == CEDAR_STRING && cx_like(cx_str(&v[0]), &e->u.pattern));
    return v[0].kind == CEDAR_STRING;
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

enum cx_verdict
cx_tree_policy(const struct cx_world *w, struct cx_arena *a, const struct cx_policy *p)
{
    uint32_t elem;

    if (!cx_scope_match(w, p, &elem))
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
