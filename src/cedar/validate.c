/* A policy against a schema: that its names exist, that it can apply, that its conditions have
 * types in every environment in which its scope can be true. */
#include "cedar/suggest.h"
#include "cedar/typecheck.h"

struct validator {
    const struct cedar_policies *ps;
    const struct cx_policy *p;
    const struct cedar_source *src;
    struct cx_env env;
};

static bool
known_type(struct validator *v, struct cedar_span name, uint32_t pos)
{
    struct cx_suggest s;
    char shown[CX_SHOW];

    if (cx_schema_etype(v->env.types.schema, name) != NULL)
        return true;
    if (cx_is_action_type(name)) {
        for (size_t i = 0; i < v->env.types.schema->action_n; i++) {
            if (cx_span_eq(cx_type(&v->env.types.schema->actions[i].uid), name))
                return true;
        }
    }
    cx_suggest_init(&s, name);
    for (size_t i = 0; i < v->env.types.schema->etype_n; i++)
        cx_suggest_try(&s, v->env.types.schema->etypes[i].name);
    return cx_type_error(&v->env, pos, "the schema has no entity type `%s`%s",
                         cx_show(name, shown, sizeof shown), cx_suggested(&s));
}

static bool
no_action(struct validator *v, const struct cedar_uid *u, uint32_t pos)
{
    struct cx_suggest s;
    char shown[CX_SHOW];

    cx_suggest_init(&s, cx_id(u));
    for (size_t i = 0; i < v->env.types.schema->action_n; i++)
        cx_suggest_try(&s, cx_id(&v->env.types.schema->actions[i].uid));
    return cx_type_error(&v->env, pos, "the schema has no action \"%s\"%s",
                         cx_show(cx_id(u), shown, sizeof shown), cx_suggested(&s));
}

static bool
known_uid(struct validator *v, const struct cedar_uid *u, uint32_t pos)
{
    const struct cx_etype *e = cx_schema_etype(v->env.types.schema, cx_type(u));
    char shown[CX_SHOW];

    if (cx_is_action_type(cx_type(u)) && cx_schema_action(v->env.types.schema, u) == NULL)
        return no_action(v, u, pos);
    if (!known_type(v, cx_type(u), pos))
        return false;
    if (e != NULL && e->is_enum && !cx_etype_has_id(e, cx_id(u))) {
        return cx_type_error(&v->env, pos, "\"%s\" is none of those that its type lists",
                             cx_show(cx_id(u), shown, sizeof shown));
    }
    return true;
}

/* Every name in an expression, in branches that are never taken as well. */
static bool
names_known(struct validator *v, const struct cx_expr *e)
{
    if (e->op == CX_LIT && e->u.lit.kind == CEDAR_ENTITY && !known_uid(v, e->u.lit.u.uid, e->pos))
        return false;
    if (e->op == CX_IS && !known_type(v, e->u.names[0], e->pos))
        return false;
    for (uint32_t i = 0; i < e->n; i++) {
        if (!names_known(v, e->args[i]))
            return false;
    }
    return true;
}

static bool
all_names_known(struct validator *v)
{
    for (size_t k = 0; k < 3; k++) {
        const struct cx_scope *s = &v->p->scope[k];

        for (uint32_t i = 0; i < s->n; i++) {
            if (!known_uid(v, &s->uids[i], s->pos))
                return false;
        }
        if ((s->kind == CX_SCOPE_IS || s->kind == CX_SCOPE_IS_IN) &&
            !known_type(v, s->type, s->pos))
            return false;
    }
    for (uint32_t i = 0; i < v->p->cond_n; i++) {
        if (!names_known(v, v->p->conds[i].body))
            return false;
    }
    return true;
}

/* Whether an entity of type t can be within the scope of principal or resource. */
static bool
scope_allows(const struct validator *v, const struct cx_scope *s, const struct cx_etype *t)
{
    bool grouped = s->kind == CX_SCOPE_IN || s->kind == CX_SCOPE_IS_IN;

    (void)v;
    if ((s->kind == CX_SCOPE_IS || s->kind == CX_SCOPE_IS_IN) && !cx_span_eq(s->type, t->name))
        return false;
    if (s->slot || s->kind == CX_SCOPE_ANY || s->kind == CX_SCOPE_IS)
        return true;
    return cx_span_eq(cx_type(&s->uids[0]), t->name) ||
           (grouped && cx_etype_below(t, cx_type(&s->uids[0])));
}

static bool
action_allowed(const struct cx_scope *s, const struct cx_action *a)
{
    if (s->kind == CX_SCOPE_ANY)
        return true;
    for (uint32_t i = 0; i < s->n; i++) {
        if (cx_uid_eq(&s->uids[i], &a->uid) ||
            (s->kind == CX_SCOPE_IN && cx_action_below(a, &s->uids[i])))
            return true;
    }
    return false;
}

static bool
conditions_typed(struct validator *v)
{
    struct cx_caps known = {NULL, 0};

    for (uint32_t i = 0; i < v->p->cond_n; i++) {
        const struct cx_cond *c = &v->p->conds[i];
        struct cx_caps out = {NULL, 0};
        const struct cx_ty *t = &cx_ty_never;
        char shown[2 * CX_SHOW];

        if (!cx_typecheck(&v->env, c->body, known, &t, &out))
            return false;
        if (!cx_ty_is_bool(t)) {
            return cx_type_error(&v->env, c->body->pos, "a condition must be Bool, not %s",
                                 cx_ty_show(t, shown, sizeof shown));
        }
        if (t->kind == (c->unless ? CX_TY_TRUE : CX_TY_FALSE))
            return true; /* never satisfied here: what follows is not evaluated */
        if (!c->unless)
            known = cx_caps_both(&v->env, known, out);
    }
    return true;
}

/* One action with all types of principal and resource; counts those within the scope. */
static bool
action_typed(struct validator *v, const struct cx_action *a, size_t *count)
{
    const struct cedar_schema *s = v->env.types.schema;

    for (uint32_t i = 0; i < a->principal_n; i++) {
        const struct cx_etype *principal = cx_schema_etype(s, a->principals[i]);

        if (!scope_allows(v, &v->p->scope[0], principal))
            continue;
        for (uint32_t k = 0; k < a->resource_n; k++) {
            const struct cx_etype *resource = cx_schema_etype(s, a->resources[k]);

            if (!scope_allows(v, &v->p->scope[2], resource))
                continue;
            v->env.action = a;
            v->env.principal = principal->self;
            v->env.resource = resource->self;
            (*count)++;
            if (!conditions_typed(v))
                return false;
        }
    }
    return true;
}

static bool
policy_valid(struct validator *v)
{
    const struct cedar_schema *s = v->env.types.schema;
    size_t environments = 0;

    if (!all_names_known(v))
        return false;
    for (size_t i = 0; i < s->action_n; i++) {
        struct cedar_span name = cx_type(&s->actions[i].uid);
        struct cx_ty type = {.kind = CX_TY_ENTITY, .height = 1, .n = 1, .u.types = &name};
        bool ok;

        if (!action_allowed(&v->p->scope[1], &s->actions[i]))
            continue;
        v->env.action_type = &type;
        ok = action_typed(v, &s->actions[i], &environments);
        v->env.action_type = NULL;
        if (!ok)
            return false;
    }
    return environments != 0 ||
           cx_type_error(&v->env, v->p->begin,
                         "no action of the schema applies to a principal and a resource of this "
                         "scope");
}

enum cedar_err
cedar_policy_validate(const struct cedar_policies *ps, size_t i, const struct cedar_schema *schema,
                      enum cedar_mode mode, struct cedar_error *err)
{
    struct cx_arena arena = {0};
    struct cedar_error mine = {.text = ""};
    const struct cx_policy *p = &ps->policies[i];
    struct validator v = {.ps = ps, .p = p, .src = &ps->files[p->file].src};
    bool ok;

    v.env.types = (struct cx_types){schema, &arena, mode == CEDAR_STRICT};
    v.env.src = v.src;
    v.env.err = err != NULL ? err : &mine;
    ok = policy_valid(&v);
    if (arena.failed) {
        cx_arena_done(&arena);
        return CEDAR_E_NOMEM;
    }
    cx_arena_done(&arena);
    return ok ? CEDAR_OK : CEDAR_E_INVALID;
}

enum cedar_err
cedar_policies_validate(const struct cedar_policies *ps, const struct cedar_schema *schema,
                        enum cedar_mode mode, struct cedar_error *err)
{
    for (size_t i = 0; i < ps->n; i++) {
        enum cedar_err e = cedar_policy_validate(ps, i, schema, mode, err);

        if (e != CEDAR_OK)
            return e;
    }
    return CEDAR_OK;
}
