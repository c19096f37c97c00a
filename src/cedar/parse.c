/* Policies: annotations, effect, scope, conditions. */
#include "cedar/parse.h"

#include "cedar/schema.h"

static bool
nomem(struct cx_reader *r)
{
    return cx_fail(r, CEDAR_E_NOMEM, r->tok.pos, "out of memory");
}

static bool
parse_annotation(struct cx_reader *r, struct cx_vec *list)
{
    struct cx_annotation a = {.bare = true};
    struct cx_annotation *slot;
    char shown[CX_SHOW];

    if (r->tok.kind != CX_T_IDENT)
        return cx_expected(r, "the name of an annotation");
    a.key = r->tok.text;
    for (size_t i = 0; i < list->len; i++) {
        if (cx_span_eq(((struct cx_annotation *)list->mem)[i].key, a.key)) {
            return cx_fail(r, CEDAR_E_SYNTAX, r->tok.pos, "the annotation @%s is there twice",
                           cx_show(a.key, shown, sizeof shown));
        }
    }
    cx_next(r);
    if (cx_take(r, CX_P('('))) {
        a.bare = false;
        if (!cx_string(r, &a.value))
            return false;
        cx_next(r);
        if (!cx_need(r, CX_P(')'), "`)`"))
            return false;
    }
    slot = (struct cx_annotation *)cx_vec_push(list, sizeof *slot);
    if (slot == NULL)
        return nomem(r);
    *slot = a;
    return true;
}

bool
cx_parse_annotations(struct cx_reader *r, struct cx_annotation **ret, uint32_t *n)
{
    CX_VEC_AUTO struct cx_vec list = {0};

    while (cx_take(r, CX_P('@'))) {
        if (!parse_annotation(r, &list))
            return false;
    }
    *n = (uint32_t)list.len;
    *ret = (struct cx_annotation *)cx_vec_keep(&list, sizeof **ret, r->arena);
    if (r->arena->failed)
        return nomem(r);
    return r->e == CEDAR_OK;
}

static bool
parse_uid(struct cx_reader *r, struct cedar_uid *ret)
{
    struct cedar_span path;
    struct cedar_span id;
    bool has_id;
    bool parens = cx_take(r, CX_P('('));

    if (r->tok.kind != CX_T_IDENT)
        return cx_expected(r, "an entity, as in Type::\"id\"");
    if (!cx_path(r, &path, &id, &has_id))
        return false;
    if (!has_id)
        return cx_expected(r, "`::` and the id of the entity in quotes");
    *ret = cedar_uid(path, id);
    return !parens || cx_need(r, CX_P(')'), "`)`");
}

static bool
parse_uid_or_slot(struct cx_reader *r, const char *var, struct cx_scope *ret)
{
    ret->uids = (struct cedar_uid *)cx_alloc(r->arena, sizeof *ret->uids);
    if (ret->uids == NULL)
        return nomem(r);
    ret->n = 1;
    if (r->tok.kind != CX_T_SLOT)
        return parse_uid(r, ret->uids);
    if (!cx_span_is(r->tok.text, var))
        return cx_fail(r, CEDAR_E_SYNTAX, r->tok.pos, "the slot here can only be ?%s", var);
    ret->slot = true;
    ret->n = 0;
    cx_next(r);
    return true;
}

/* principal | principal == E | principal in E | principal is T | principal is T in E */
static bool
parse_scope(struct cx_reader *r, const char *var, struct cx_scope *ret)
{
    ret->pos = r->tok.pos;
    if (!cx_take_word(r, var))
        return cx_expected(r, var);
    if (cx_take(r, CX_PP('=', '='))) {
        ret->kind = CX_SCOPE_EQ;
        return parse_uid_or_slot(r, var, ret);
    }
    if (cx_take_word(r, "in")) {
        ret->kind = CX_SCOPE_IN;
        return parse_uid_or_slot(r, var, ret);
    }
    if (!cx_take_word(r, "is"))
        return r->e == CEDAR_OK;
    ret->kind = CX_SCOPE_IS;
    if (!cx_path(r, &ret->type, NULL, NULL))
        return false;
    if (!cx_take_word(r, "in"))
        return r->e == CEDAR_OK;
    ret->kind = CX_SCOPE_IS_IN;
    return parse_uid_or_slot(r, var, ret);
}

static bool
parse_action_uid(struct cx_reader *r, struct cx_vec *list)
{
    uint32_t pos = r->tok.pos;
    struct cedar_uid *slot = (struct cedar_uid *)cx_vec_push(list, sizeof *slot);

    if (slot == NULL)
        return nomem(r);
    if (!parse_uid(r, slot))
        return false;
    if (!cx_is_action_type(cx_type(slot)))
        return cx_fail(r, CEDAR_E_SYNTAX, pos, "the type of an action must be `Action`");
    return true;
}

static bool
parse_action_list(struct cx_reader *r, struct cx_scope *ret, struct cx_vec *list)
{
    if (!cx_take(r, CX_P('[')))
        return parse_action_uid(r, list);
    ret->list = true;
    while (!cx_is(r, CX_P(']'))) {
        if (!parse_action_uid(r, list))
            return false;
        if (!cx_take(r, CX_P(',')))
            break;
    }
    return cx_need(r, CX_P(']'), "`,` or `]`");
}

/* action | action == E | action in E | action in [E, ..] */
static bool
parse_action(struct cx_reader *r, struct cx_scope *ret)
{
    CX_VEC_AUTO struct cx_vec list = {0};

    ret->pos = r->tok.pos;
    if (!cx_take_word(r, "action"))
        return cx_expected(r, "action");
    if (cx_take(r, CX_PP('=', '='))) {
        ret->kind = CX_SCOPE_EQ;
        if (!parse_action_uid(r, &list))
            return false;
    } else if (cx_take_word(r, "in")) {
        ret->kind = CX_SCOPE_IN;
        if (!parse_action_list(r, ret, &list))
            return false;
    }
    ret->n = (uint32_t)list.len;
    ret->uids = (struct cedar_uid *)cx_vec_keep(&list, sizeof *ret->uids, r->arena);
    return r->arena->failed ? nomem(r) : r->e == CEDAR_OK;
}

static bool
parse_conds(struct cx_reader *r, struct cx_policy *ret)
{
    CX_VEC_AUTO struct cx_vec list = {0};

    while (cx_is_word(r, "when") || cx_is_word(r, "unless")) {
        struct cx_cond *c = (struct cx_cond *)cx_vec_push(&list, sizeof *c);

        if (c == NULL)
            return nomem(r);
        c->unless = cx_is_word(r, "unless");
        c->pos = r->tok.pos;
        cx_next(r);
        if (!cx_need(r, CX_P('{'), "`{`"))
            return false;
        c->body = cx_parse_expr(r);
        if (c->body == NULL || !cx_need(r, CX_P('}'), "an operator or `}`"))
            return false;
    }
    ret->cond_n = (uint32_t)list.len;
    ret->conds = (struct cx_cond *)cx_vec_keep(&list, sizeof *ret->conds, r->arena);
    return r->arena->failed ? nomem(r) : true;
}

bool
cx_parse_policy(struct cx_reader *r, struct cx_policy *ret)
{
    ret->begin = r->tok.pos;
    if (!cx_parse_annotations(r, &ret->annotations, &ret->annotation_n))
        return false;
    if (cx_take_word(r, "forbid")) {
        ret->effect = CEDAR_FORBID;
    } else if (!cx_take_word(r, "permit")) {
        return cx_expected(r, "`permit` or `forbid`");
    }
    if (!cx_need(r, CX_P('('), "`(`") || !parse_scope(r, "principal", &ret->scope[0]) ||
        !cx_need(r, CX_P(','), "`,` and action") || !parse_action(r, &ret->scope[1]) ||
        !cx_need(r, CX_P(','), "`,` and resource") || !parse_scope(r, "resource", &ret->scope[2]))
        return false;
    cx_take(r, CX_P(','));
    if (!cx_need(r, CX_P(')'), "`)`") || !parse_conds(r, ret))
        return false;
    ret->end = r->tok.end;
    ret->is_template = ret->scope[0].slot || ret->scope[2].slot;
    return cx_need(r, CX_P(';'), "`when`, `unless` or `;`");
}
