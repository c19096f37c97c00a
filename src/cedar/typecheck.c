#include "cedar/type_ops.h"

#include <stdarg.h>
#include <stdio.h>

#include "cedar/suggest.h"

static const struct cx_caps nothing = {NULL, 0};

bool
cx_type_error(struct cx_env *env, uint32_t pos, const char *fmt, ...)
{
    char text[256];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    cx_error_at(env->err, env->src, pos, "%s", text);
    return false;
}

const struct cedar_uid *
cx_known_uid(const struct cx_env *env, const struct cx_expr *e)
{
    if (e->op == CX_LIT && e->u.lit.kind == CEDAR_ENTITY)
        return e->u.lit.u.uid;
    return e->op == CX_VAR && e->sub == CX_ACTION ? &env->action->uid : NULL;
}

/* The type of an entity that is named outright. */
static const struct cx_ty *
uid_type(struct cx_env *env, const struct cedar_uid *uid)
{
    const struct cx_etype *e = cx_schema_etype(env->types.schema, cx_type(uid));
    struct cedar_span *name;
    struct cx_ty *t;

    if (e != NULL)
        return e->self;
    t = (struct cx_ty *)cx_alloc(env->types.arena, sizeof *t);
    name = (struct cedar_span *)cx_alloc(env->types.arena, sizeof *name);
    if (t == NULL || name == NULL)
        return NULL;
    *name = cx_type(uid);
    *t = (struct cx_ty){.kind = CX_TY_ENTITY, .height = 1, .n = 1, .u.types = name};
    return t;
}

static bool
type_lit(struct cx_env *env, const struct cx_expr *e, const struct cx_ty **ret)
{
    const struct cedar_value *v = &e->u.lit;

    if (v->kind == CEDAR_BOOL) {
        *ret = cx_ty_truth(v->u.num != 0);
    } else if (v->kind == CEDAR_LONG) {
        *ret = &cx_ty_long;
    } else if (v->kind == CEDAR_STRING) {
        *ret = &cx_ty_string;
    } else {
        *ret = uid_type(env, v->u.uid);
    }
    return *ret != NULL;
}

static void
type_var(const struct cx_env *env, const struct cx_expr *e, const struct cx_ty **ret)
{
    if (e->sub == CX_PRINCIPAL) {
        *ret = env->principal;
    } else if (e->sub == CX_ACTION) {
        *ret = env->action_type;
    } else {
        *ret = e->sub == CX_RESOURCE ? env->resource : env->action->context;
    }
}

static bool
type_bool(struct cx_env *env, const struct cx_expr *e, struct cx_caps in, const struct cx_ty **ret,
          struct cx_caps *out)
{
    if (!cx_typecheck(env, e, in, ret, out))
        return false;
    return cx_ty_is_bool(*ret) || cx_mismatch(env, e, "Bool", *ret);
}

static bool
type_and(struct cx_env *env, const struct cx_expr *e, struct cx_caps in, const struct cx_ty **ret,
         struct cx_caps *out)
{
    struct cx_caps left = {NULL, 0};
    struct cx_caps right = {NULL, 0};
    const struct cx_ty *a = &cx_ty_never;
    const struct cx_ty *b = &cx_ty_never;

    *out = nothing;
    if (!type_bool(env, e->args[0], in, &a, &left))
        return false;
    *ret = a;
    if (a->kind == CX_TY_FALSE)
        return true;
    if (!type_bool(env, e->args[1], cx_caps_both(env, in, left), &b, &right))
        return false;
    if (b->kind == CX_TY_FALSE) {
        *ret = b;
        return true;
    }
    *ret = a->kind == CX_TY_TRUE && b->kind == CX_TY_TRUE ? a : &cx_ty_bool;
    *out = cx_caps_both(env, left, right);
    return true;
}

static bool
type_or(struct cx_env *env, const struct cx_expr *e, struct cx_caps in, const struct cx_ty **ret,
        struct cx_caps *out)
{
    struct cx_caps left = {NULL, 0};
    struct cx_caps right = {NULL, 0};
    const struct cx_ty *a = &cx_ty_never;
    const struct cx_ty *b = &cx_ty_never;

    if (!type_bool(env, e->args[0], in, &a, &left))
        return false;
    *ret = a;
    *out = left;
    if (a->kind == CX_TY_TRUE)
        return true;
    if (!type_bool(env, e->args[1], in, &b, &right))
        return false;
    if (a->kind == CX_TY_FALSE || b->kind == CX_TY_TRUE) {
        *ret = b;
        *out = right;
    } else if (b->kind != CX_TY_FALSE) {
        *ret = &cx_ty_bool;
        *out = cx_caps_common(env, left, right);
    }
    return true;
}

static bool
type_if(struct cx_env *env, const struct cx_expr *e, struct cx_caps in, const struct cx_ty **ret,
        struct cx_caps *out)
{
    struct cx_caps test = {NULL, 0};
    struct cx_caps yes = {NULL, 0};
    struct cx_caps no = {NULL, 0};
    const struct cx_ty *t = &cx_ty_never;
    const struct cx_ty *a = &cx_ty_never;
    const struct cx_ty *b = &cx_ty_never;

    if (!type_bool(env, e->args[0], in, &t, &test))
        return false;
    if (t->kind == CX_TY_FALSE)
        return cx_typecheck(env, e->args[2], in, ret, out);
    if (!cx_typecheck(env, e->args[1], cx_caps_both(env, in, test), &a, &yes))
        return false;
    yes = cx_caps_both(env, test, yes);
    if (t->kind == CX_TY_TRUE) {
        *ret = a;
        *out = yes;
        return true;
    }
    if (!cx_typecheck(env, e->args[2], in, &b, &no))
        return false;
    *ret = cx_ty_join(&env->types, a, b);
    *out = cx_caps_common(env, yes, no);
    return *ret != NULL || cx_incompatible(env, e->pos, a, b);
}

static bool
type_not(struct cx_env *env, const struct cx_expr *e, struct cx_caps in, const struct cx_ty **ret)
{
    struct cx_caps caps = {NULL, 0};
    const struct cx_ty *t = &cx_ty_never;

    if (!type_bool(env, e->args[0], in, &t, &caps))
        return false;
    *ret = t->kind == CX_TY_BOOL ? t : cx_ty_truth(t->kind == CX_TY_FALSE);
    return true;
}

/* One step of `has`; *next is the type of what was asked for, NULL if that cannot be there. */
static bool /* NOLINTNEXTLINE(readability-function-size): all of one step */
has_step(struct cx_env *env, const struct cx_expr *e, uint32_t i, struct cx_caps in,
         const struct cx_ty **next, const struct cx_ty **ret, struct cx_cap *cap)
{
    const struct cx_ty *t = *next;
    struct cx_tattr attr = {0};
    bool may;
    bool found;

    if (t->kind != CX_TY_RECORD && !cx_ty_is_entity(t))
        return cx_mismatch(env, e, "an entity or a record", t);
    found = cx_ty_find(&env->types, t, e->u.names[i], &attr, &may);
    *next = found ? attr.type : NULL;
    if (!cx_cap_path(env, e->args[0], e->u.names, (size_t)i + 1, cap))
        return false;
    if (!found) {
        *ret = may ? &cx_ty_bool : &cx_ty_false;
    } else if ((attr.required && t->kind == CX_TY_RECORD) || cx_caps_has(env, in, cap)) {
        *ret = &cx_ty_true;
    } else {
        *ret = &cx_ty_bool;
    }
    return true;
}

/* x has a.b.c is x has a && x.a has b && x.a.b has c */
static bool
type_has(struct cx_env *env, const struct cx_expr *e, struct cx_caps in, const struct cx_ty **ret,
         struct cx_caps *out)
{
    struct cx_caps caps = {NULL, 0};
    const struct cx_ty *at = &cx_ty_never;
    char shown[CX_SHOW];

    if (!cx_typecheck(env, e->args[0], in, &at, &caps))
        return false;
    *ret = &cx_ty_true;
    *out = nothing;
    for (uint32_t i = 0; i < e->names_n; i++) {
        const struct cx_ty *one = &cx_ty_never;
        struct cx_cap cap = {.base = NULL};

        if (at == NULL) {
            return cx_type_error(env, e->pos, "the type of `%s` is not known here",
                                 cx_show(e->u.names[i - 1], shown, sizeof shown));
        }
        if (!has_step(env, e, i, cx_caps_both(env, in, *out), &at, &one, &cap))
            return false;
        if (one->kind == CX_TY_FALSE) {
            *ret = one;
            *out = nothing;
            return true;
        }
        if (one->kind == CX_TY_BOOL)
            *ret = one;
        *out = cx_caps_add(env, *out, &cap);
    }
    return true;
}

static bool
no_attribute(struct cx_env *env, const struct cx_expr *e, const struct cx_ty *t)
{
    struct cx_suggest s;
    char shown[CX_SHOW];
    char type[2 * CX_SHOW];

    cx_suggest_init(&s, e->u.names[0]);
    cx_suggest_attrs(&s, env->types.schema, t);
    return cx_type_error(env, e->pos, "%s has no attribute `%s`%s",
                         cx_ty_show(t, type, sizeof type),
                         cx_show(e->u.names[0], shown, sizeof shown), cx_suggested(&s));
}

static bool
type_get(struct cx_env *env, const struct cx_expr *e, struct cx_caps in, const struct cx_ty **ret)
{
    struct cx_caps caps = {NULL, 0};
    const struct cx_ty *t = &cx_ty_never;
    struct cx_tattr attr = {0};
    struct cx_cap cap = {.base = NULL};
    bool may;
    char shown[CX_SHOW];

    if (!cx_typecheck(env, e->args[0], in, &t, &caps))
        return false;
    if (t->kind != CX_TY_RECORD && !cx_ty_is_entity(t))
        return cx_mismatch(env, e->args[0], "an entity or a record", t);
    (void)cx_show(e->u.names[0], shown, sizeof shown);
    if (!cx_ty_find(&env->types, t, e->u.names[0], &attr, &may))
        return no_attribute(env, e, t);
    *ret = attr.type;
    if (attr.required)
        return true;
    if (!cx_cap_path(env, e->args[0], e->u.names, 1, &cap))
        return false;
    return cx_caps_has(env, in, &cap) ||
           cx_type_error(env, e->pos, "the attribute `%s` is optional: test it with `has` first",
                         shown);
}

static bool
type_tag(struct cx_env *env, const struct cx_expr *e, struct cx_caps in,
         const struct cx_ty *const *t, const struct cx_ty **ret, struct cx_caps *out)
{
    const struct cx_ty *tags = &cx_ty_never;
    struct cx_cap cap = {.base = NULL};
    bool may;

    if (!cx_ty_is_entity(t[0]))
        return cx_mismatch(env, e->args[0], "an entity", t[0]);
    if (t[1]->kind != CX_TY_STRING)
        return cx_mismatch(env, e->args[1], "String", t[1]);
    if (!cx_cap_path(env, e->args[0], NULL, 0, &cap))
        return false;
    cap.tag = e->args[1];
    tags = cx_ty_tags(&env->types, t[0], &may);
    if (e->op == CX_HAS_TAG) {
        *ret = cx_caps_has(env, in, &cap) ? &cx_ty_true : &cx_ty_bool;
        if (!may) {
            *ret = &cx_ty_false;
        } else {
            *out = cx_caps_add(env, nothing, &cap);
        }
        return true;
    }
    *ret = tags;
    if (tags == NULL)
        return cx_type_error(env, e->pos, "entities of this type have no tags");
    return cx_caps_has(env, in, &cap) ||
           cx_type_error(env, e->pos, "the tag may be missing: test it with hasTag() first");
}

static bool
type_set(struct cx_env *env, const struct cx_expr *e, struct cx_caps in, const struct cx_ty **ret)
{
    struct cx_ty *set = (struct cx_ty *)cx_alloc(env->types.arena, sizeof *set);
    const struct cx_ty *elem = NULL;

    if (set == NULL)
        return false;
    if (e->n == 0 && env->types.strict)
        return cx_type_error(env, e->pos, "the type of an empty set is not known");
    for (uint32_t i = 0; i < e->n; i++) {
        struct cx_caps caps = {NULL, 0};
        const struct cx_ty *t = &cx_ty_never;
        const struct cx_ty *both = &cx_ty_never;

        if (!cx_typecheck(env, e->args[i], in, &t, &caps))
            return false;
        both = elem == NULL ? t : cx_ty_join(&env->types, elem, t);
        if (both == NULL)
            return cx_incompatible(env, e->args[i]->pos, elem, t);
        elem = both;
    }
    *set = (struct cx_ty){.kind = CX_TY_SET, .elem = elem == NULL ? &cx_ty_never : elem};
    set->height = (uint16_t)(set->elem->height + 1);
    *ret = set;
    return true;
}

static bool
type_record(struct cx_env *env, const struct cx_expr *e, struct cx_caps in,
            const struct cx_ty **ret)
{
    struct cx_ty *t = (struct cx_ty *)cx_alloc(env->types.arena, sizeof *t);
    struct cx_tattr *attrs;

    attrs = (struct cx_tattr *)cx_alloc_array(env->types.arena, e->n, sizeof *attrs);
    if (t == NULL || attrs == NULL)
        return false;
    for (uint32_t i = 0; i < e->n; i++) {
        struct cx_tattr a = {.name = e->u.names[i], .required = true};
        struct cx_caps caps = {NULL, 0};
        uint32_t at = i;

        if (!cx_typecheck(env, e->args[i], in, &a.type, &caps))
            return false;
        for (; at > 0 && cx_span_cmp(attrs[at - 1].name, a.name) > 0; at--)
            attrs[at] = attrs[at - 1];
        attrs[at] = a;
    }
    *t = (struct cx_ty){.kind = CX_TY_RECORD, .height = 1, .n = e->n, .u.attrs = attrs};
    *ret = t;
    return true;
}

/* The type that an argument or a result of that kind has. */
static const struct cx_ty *
kind_type(uint8_t kind)
{
    if (kind == CEDAR_STRING)
        return &cx_ty_string;
    if (kind == CEDAR_BOOL)
        return &cx_ty_bool;
    return kind == CEDAR_LONG ? &cx_ty_long : cx_ty_ext((enum cedar_kind)kind);
}

static bool
type_literal_arg(struct cx_env *env, const struct cx_expr *e)
{
    const struct cx_expr *arg = e->args[0];
    struct cedar_value v;
    struct cedar_ip ip;
    char shown[CX_SHOW];

    if (arg->op != CX_LIT) {
        return !env->types.strict ||
               cx_type_error(env, e->pos, "%s() needs a literal string", cx_fns[e->sub].name);
    }
    return cx_call((enum cx_fn)e->sub, &arg->u.lit, 1, &ip, &v) ||
           cx_type_error(env, arg->pos, "%s() does not take \"%s\"", cx_fns[e->sub].name,
                         cx_show(cx_str(&arg->u.lit), shown, sizeof shown));
}

static bool
wrong_count(struct cx_env *env, const struct cx_expr *e)
{
    const struct cx_fn_info *fn = &cx_fns[e->sub];
    unsigned self = fn->method ? 1 : 0;

    return cx_type_error(env, e->pos, "%s takes %u argument%s, not %u", fn->name, fn->arity - self,
                         fn->arity - self == 1 ? "" : "s", e->n - self);
}

static bool
type_call(struct cx_env *env, const struct cx_expr *e, struct cx_caps in, const struct cx_ty **ret)
{
    const struct cx_fn_info *fn = &cx_fns[e->sub];
    char wanted[2 * CX_SHOW];

    if (e->n != fn->arity)
        return wrong_count(env, e);
    for (uint32_t i = 0; i < e->n; i++) {
        const struct cx_ty *want = kind_type(i == 0 ? fn->self : fn->arg);
        struct cx_caps caps = {NULL, 0};
        const struct cx_ty *t = &cx_ty_never;

        if (!cx_typecheck(env, e->args[i], in, &t, &caps))
            return false;
        if (t->kind != want->kind || t->ext != want->ext)
            return cx_mismatch(env, e->args[i], cx_ty_show(want, wanted, sizeof wanted), t);
    }
    *ret = kind_type(fn->returns);
    return fn->method || type_literal_arg(env, e);
}

static bool
type_is(struct cx_env *env, const struct cx_expr *e, struct cx_caps in, const struct cx_ty **ret)
{
    struct cx_caps caps = {NULL, 0};
    const struct cx_ty *a = &cx_ty_never;
    const struct cx_ty *b = &cx_ty_never;
    const struct cx_ty *inside = &cx_ty_never;
    bool found = false;

    if (!cx_typecheck(env, e->args[0], in, &a, &caps))
        return false;
    if (!cx_ty_is_entity(a))
        return cx_mismatch(env, e->args[0], "an entity", a);
    for (uint32_t i = 0; a->kind == CX_TY_ENTITY && i < a->n; i++)
        found = found || cx_span_eq(a->u.types[i], e->u.names[0]);
    if (a->kind == CX_TY_ANY_ENTITY || (found && a->n > 1)) {
        *ret = &cx_ty_bool;
    } else {
        *ret = cx_ty_truth(found);
    }
    if (e->n == 1 || (*ret)->kind == CX_TY_FALSE)
        return true;
    if (!cx_typecheck(env, e->args[1], in, &b, &caps) ||
        !cx_type_in(env, e->args[0], e->args[1], a, b, &inside))
        return false;
    if (inside->kind != CX_TY_TRUE)
        *ret = inside;
    return true;
}

/* Operators whose operands are typed one after the other. */
static bool
type_strict(struct cx_env *env, const struct cx_expr *e, struct cx_caps in,
            const struct cx_ty **ret, struct cx_caps *out)
{
    const struct cx_ty *t[2] = {&cx_ty_never, &cx_ty_never};
    struct cx_caps caps = {NULL, 0};

    for (uint32_t i = 0; i < e->n && i < 2; i++) {
        if (!cx_typecheck(env, e->args[i], in, &t[i], &caps))
            return false;
    }
    switch (e->op) {
    case CX_EQ:
    case CX_NE:
        return cx_type_eq(env, e, t[0], t[1], ret);
    case CX_LT:
    case CX_LE:
    case CX_GT:
    case CX_GE:
        return cx_type_order(env, e, t[0], t[1], ret);
    case CX_NEG:
    case CX_ADD:
    case CX_SUB:
    case CX_MUL:
        return cx_type_arith(env, e, t, ret);
    case CX_IN:
        return cx_type_in(env, e->args[0], e->args[1], t[0], t[1], ret);
    case CX_LIKE:
        *ret = &cx_ty_bool;
        return t[0]->kind == CX_TY_STRING || cx_mismatch(env, e->args[0], "String", t[0]);
    case CX_HAS_TAG:
    case CX_GET_TAG:
        return type_tag(env, e, in, t, ret, out);
    default:
        return cx_type_set_op(env, e, t, ret);
    }
}

/* Recurses by the height of the expression, which the parser bounds. */
bool
cx_typecheck(struct cx_env *env, const struct cx_expr *e, struct cx_caps in,
             const struct cx_ty **ret, struct cx_caps *out)
{
    *out = nothing;
    switch (e->op) {
    case CX_LIT:
        return type_lit(env, e, ret);
    case CX_VAR:
        type_var(env, e, ret);
        return true;
    case CX_NOT:
        return type_not(env, e, in, ret);
    case CX_AND:
        return type_and(env, e, in, ret, out);
    case CX_OR:
        return type_or(env, e, in, ret, out);
    case CX_IF:
        return type_if(env, e, in, ret, out);
    case CX_HAS:
        return type_has(env, e, in, ret, out);
    case CX_GET:
        return type_get(env, e, in, ret);
    case CX_IS:
        return type_is(env, e, in, ret);
    case CX_SET:
        return type_set(env, e, in, ret);
    case CX_RECORD:
        return type_record(env, e, in, ret);
    case CX_CALL:
        return type_call(env, e, in, ret);
    default:
        return type_strict(env, e, in, ret, out);
    }
}
