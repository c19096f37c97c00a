/* The types of operators whose operands have theirs already. */
#include "cedar/type_ops.h"

bool
cx_mismatch(struct cx_env *env, const struct cx_expr *e, const char *wanted,
            const struct cx_ty *got)
{
    char shown[2 * CX_SHOW];

    return cx_type_error(env, e->pos, "expected %s, found %s", wanted,
                         cx_ty_show(got, shown, sizeof shown));
}

bool
cx_incompatible(struct cx_env *env, uint32_t pos, const struct cx_ty *a, const struct cx_ty *b)
{
    char x[2 * CX_SHOW];
    char y[2 * CX_SHOW];

    return cx_type_error(env, pos, "%s and %s are not the same type", cx_ty_show(a, x, sizeof x),
                         cx_ty_show(b, y, sizeof y));
}

const struct cx_ty *
cx_ty_truth(bool yes)
{
    return yes ? &cx_ty_true : &cx_ty_false;
}

bool
cx_type_eq(struct cx_env *env, const struct cx_expr *e, const struct cx_ty *a,
           const struct cx_ty *b, const struct cx_ty **ret)
{
    const struct cx_expr *x = e->args[0];
    const struct cx_expr *y = e->args[1];
    const struct cedar_uid *u = cx_known_uid(env, x);
    const struct cedar_uid *v = cx_known_uid(env, y);
    bool equal = e->op == CX_EQ;

    if (u != NULL && v != NULL) {
        *ret = cx_ty_truth(cx_uid_eq(u, v) == equal);
    } else if (x->op == CX_LIT && y->op == CX_LIT) {
        *ret = cx_ty_truth(cx_eq(&x->u.lit, &y->u.lit) == equal);
    } else if (cx_ty_disjoint(a, b)) {
        *ret = cx_ty_truth(!equal);
    } else if (env->types.strict && cx_ty_join(&env->types, a, b) == NULL) {
        return cx_incompatible(env, e->pos, a, b);
    } else {
        *ret = &cx_ty_bool;
    }
    return true;
}

bool
cx_type_order(struct cx_env *env, const struct cx_expr *e, const struct cx_ty *a,
              const struct cx_ty *b, const struct cx_ty **ret)
{
    bool timed = a->kind == CX_TY_EXT && (a->ext == CEDAR_DATETIME || a->ext == CEDAR_DURATION);

    if (a->kind != CX_TY_LONG && !timed)
        return cx_mismatch(env, e->args[0], "Long, datetime or duration", a);
    if (b->kind != a->kind || b->ext != a->ext)
        return cx_incompatible(env, e->pos, a, b);
    *ret = &cx_ty_bool;
    return true;
}

bool
cx_type_arith(struct cx_env *env, const struct cx_expr *e, const struct cx_ty *const *t,
              const struct cx_ty **ret)
{
    for (uint32_t i = 0; i < e->n; i++) {
        if (t[i]->kind != CX_TY_LONG)
            return cx_mismatch(env, e->args[i], "Long", t[i]);
    }
    *ret = &cx_ty_long;
    return true;
}

/* Whether action a is, or is below, any of the actions that y names; false if y names others. */
static bool
known_in(const struct cx_env *env, const struct cx_expr *x, const struct cx_expr *y, bool *ret)
{
    const struct cedar_uid *u = cx_known_uid(env, x);
    const struct cx_action *a = u == NULL ? NULL : cx_schema_action(env->types.schema, u);
    uint32_t n = y->op == CX_SET ? y->n : 1;

    *ret = false;
    if (a == NULL || n == 0)
        return false;
    for (uint32_t i = 0; i < n; i++) {
        const struct cedar_uid *v = cx_known_uid(env, y->op == CX_SET ? y->args[i] : y);

        if (v == NULL)
            return false;
        *ret = *ret || cx_uid_eq(u, v) || cx_action_below(a, v);
    }
    return true;
}

bool
cx_type_in(struct cx_env *env, const struct cx_expr *x, const struct cx_expr *y,
           const struct cx_ty *a, const struct cx_ty *b, const struct cx_ty **ret)
{
    const struct cx_ty *group = b->kind == CX_TY_SET ? b->elem : b;
    bool yes;

    if (!cx_ty_is_entity(a))
        return cx_mismatch(env, x, "an entity", a);
    if (!cx_ty_is_entity(group) && !(b->kind == CX_TY_SET && group->kind == CX_TY_NEVER))
        return cx_mismatch(env, y, "an entity or a set of entities", b);
    if (known_in(env, x, y, &yes)) {
        *ret = cx_ty_truth(yes);
    } else {
        *ret = cx_ty_can_be_in(&env->types, a, group) ? &cx_ty_bool : &cx_ty_false;
    }
    return true;
}

bool
cx_type_set_op(struct cx_env *env, const struct cx_expr *e, const struct cx_ty *const *t,
               const struct cx_ty **ret)
{
    const struct cx_ty *other = &cx_ty_never;

    *ret = &cx_ty_bool;
    if (t[0]->kind != CX_TY_SET)
        return cx_mismatch(env, e->args[0], "a set", t[0]);
    if (e->op == CX_IS_EMPTY)
        return true;
    if (e->op != CX_CONTAINS && t[1]->kind != CX_TY_SET)
        return cx_mismatch(env, e->args[1], "a set", t[1]);
    other = e->op == CX_CONTAINS ? t[1] : t[1]->elem;
    if (env->types.strict && cx_ty_join(&env->types, t[0]->elem, other) == NULL)
        return cx_incompatible(env, e->pos, t[0]->elem, other);
    return true;
}
