/* Capabilities, and whether two expressions are written the same. */
#include "cedar/typecheck.h"

static bool
names_same(const struct cedar_span *a, const struct cedar_span *b, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        if (!cx_span_eq(a[i], b[i]))
            return false;
    }
    return true;
}

static bool
pattern_same(const struct cx_pattern *a, const struct cx_pattern *b)
{
    return a->n == b->n && names_same(a->pieces, b->pieces, a->n);
}

/* Recurses by the height of the expressions. */
static bool
expr_same(const struct cx_expr *a, const struct cx_expr *b)
{
    if (a == b)
        return true;
    if (a->op != b->op || a->sub != b->sub || a->n != b->n || a->names_n != b->names_n ||
        a->height != b->height)
        return false;
    if (a->op == CX_LIT && !cx_eq(&a->u.lit, &b->u.lit))
        return false;
    if (a->op == CX_LIKE && !pattern_same(&a->u.pattern, &b->u.pattern))
        return false;
    if (a->names_n != 0 && !names_same(a->u.names, b->u.names, a->names_n))
        return false;
    for (uint32_t i = 0; i < a->n; i++) {
        if (!expr_same(a->args[i], b->args[i]))
            return false;
    }
    return true;
}

static bool
cap_same(const struct cx_cap *a, const struct cx_cap *b)
{
    if (a->path_n != b->path_n || (a->tag == NULL) != (b->tag == NULL))
        return false;
    return names_same(a->path, b->path, a->path_n) && expr_same(a->base, b->base) &&
           (a->tag == NULL || expr_same(a->tag, b->tag));
}

bool
cx_caps_has(const struct cx_env *env, struct cx_caps c, const struct cx_cap *want)
{
    (void)env;
    for (uint32_t i = 0; i < c.n; i++) {
        if (cap_same(&c.list[i], want))
            return true;
    }
    return false;
}

struct cx_caps
cx_caps_both(struct cx_env *env, struct cx_caps a, struct cx_caps b)
{
    struct cx_cap *list;
    uint32_t n = a.n;

    if (a.n == 0 || b.n == 0)
        return a.n == 0 ? b : a;
    list = (struct cx_cap *)cx_alloc_array(env->types.arena, (size_t)a.n + b.n, sizeof *list);
    if (list == NULL)
        return a; /* knowing less is safe */
    for (uint32_t i = 0; i < a.n; i++)
        list[i] = a.list[i];
    for (uint32_t i = 0; i < b.n; i++) {
        if (!cx_caps_has(env, a, &b.list[i]))
            list[n++] = b.list[i];
    }
    return (struct cx_caps){list, n};
}

struct cx_caps
cx_caps_common(struct cx_env *env, struct cx_caps a, struct cx_caps b)
{
    struct cx_cap *list;
    uint32_t n = 0;

    if (a.n == 0 || b.n == 0)
        return (struct cx_caps){NULL, 0};
    list = (struct cx_cap *)cx_alloc_array(env->types.arena, a.n, sizeof *list);
    for (uint32_t i = 0; list != NULL && i < a.n; i++) {
        if (cx_caps_has(env, b, &a.list[i]))
            list[n++] = a.list[i];
    }
    return (struct cx_caps){list, n};
}

struct cx_caps
cx_caps_add(struct cx_env *env, struct cx_caps a, const struct cx_cap *cap)
{
    struct cx_cap *one = (struct cx_cap *)cx_alloc(env->types.arena, sizeof *one);

    if (one == NULL)
        return a;
    *one = *cap;
    return cx_caps_both(env, a, (struct cx_caps){one, 1});
}

bool
cx_cap_path(struct cx_env *env, const struct cx_expr *e, const struct cedar_span *names, size_t n,
            struct cx_cap *ret)
{
    const struct cx_expr *base = e;
    struct cedar_span *path;
    size_t depth = 0;

    for (; base->op == CX_GET; base = base->args[0])
        depth++;
    path = (struct cedar_span *)cx_alloc_array(env->types.arena, depth + n, sizeof *path);
    if (path == NULL)
        return false;
    for (size_t i = 0; i < n; i++)
        path[depth + i] = names[i];
    *ret = (struct cx_cap){.base = base, .path = path, .path_n = (uint32_t)(depth + n)};
    for (base = e; base->op == CX_GET; base = base->args[0])
        path[--depth] = base->u.names[0];
    return true;
}
