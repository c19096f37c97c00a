#include "cedar/est_in.h"

#include "cedar/from_json.h"
#include "cedar/policies.h"
#include "cedar/schema.h"

static bool
nomem(struct cx_reader *r)
{
    return cx_fail(r, CEDAR_E_NOMEM, 0, "out of memory");
}

static bool
is(const struct writ_jval *v, const char *word)
{
    return v != NULL && v->kind == WRIT_J_STRING && writ_span_is(v->text, word);
}

/* "entity" or "slot" of v into the scope. */
static bool
read_target(struct cx_reader *r, const struct writ_jval *v, const char *name, struct cx_scope *ret)
{
    const struct writ_jval *entity = writ_jval_get(v, "entity");
    const struct writ_jval *slot = writ_jval_get(v, "slot");

    ret->uids = (struct cedar_uid *)cx_alloc(r->arena, sizeof *ret->uids);
    if (ret->uids == NULL)
        return nomem(r);
    if ((entity == NULL) == (slot == NULL))
        return cx_est_fail(r, v, "expected either `entity` or `slot`");
    if (entity != NULL) {
        ret->n = 1;
        return cx_est_uid(r, entity, ret->uids);
    }
    ret->slot = true;
    if (slot->kind != WRIT_J_STRING || slot->text.len < 1 || slot->text.ptr[0] != '?' ||
        !writ_span_is(writ_span_from(slot->text, 1), name))
        return cx_est_fail(r, slot, "the slot does not belong to this part of the scope");
    return true;
}

static bool
read_is(struct cx_reader *r, const struct writ_jval *v, const char *name, struct cx_scope *ret)
{
    const struct writ_jval *type = writ_jval_get(v, "entity_type");
    const struct writ_jval *in = writ_jval_get(v, "in");

    ret->kind = in == NULL ? CX_SCOPE_IS : CX_SCOPE_IS_IN;
    if (type == NULL)
        return cx_est_fail(r, v, "expected `entity_type`");
    if (!cx_est_string(r, type, &ret->type))
        return false;
    if (!cx_is_path(ret->type))
        return cx_est_fail(r, type, "this is not the name of an entity type");
    return in == NULL || read_target(r, in, name, ret);
}

static bool
read_actions(struct cx_reader *r, const struct writ_jval *v, struct cx_scope *ret)
{
    const struct writ_jval *list = writ_jval_get(v, "entities");
    const struct writ_jval *one = writ_jval_get(v, "entity");
    uint32_t i = 0;

    if ((list == NULL) == (one == NULL) || (list != NULL && ret->kind == CX_SCOPE_EQ) ||
        (list != NULL && list->kind != WRIT_J_ARRAY))
        return cx_est_fail(r, v, "expected `entity`, or with `in` a list of `entities`");
    ret->list = list != NULL;
    ret->n = list != NULL ? list->count : 1;
    ret->uids = (struct cedar_uid *)cx_alloc_array(r->arena, ret->n, sizeof *ret->uids);
    if (ret->uids == NULL)
        return nomem(r);
    for (const struct writ_jval *m = list != NULL ? list->first : one; i < ret->n; m = m->next) {
        if (!cx_est_uid(r, m, &ret->uids[i]))
            return false;
        if (!cx_is_action_type(cx_type(&ret->uids[i++])))
            return cx_est_fail(r, m, "the type of an action must be `Action`");
    }
    return true;
}

static bool
read_scope(struct cx_reader *r, const struct writ_jval *policy, const char *name,
           struct cx_scope *ret)
{
    static const char *const is_names[] = {"op", "entity_type", "in", NULL};
    static const char *const other_names[] = {"op", "entity", "entities", "slot", NULL};
    const struct writ_jval *v = writ_jval_get(policy, name);
    bool action = name[0] == 'a';

    if (v == NULL)
        return cx_fail(r, CEDAR_E_SYNTAX, policy->pos, "expected a member \"%s\"", name);
    ret->pos = v->pos;
    if (!cx_est_only(r, v, is(writ_jval_get(v, "op"), "is") ? is_names : other_names))
        return false;
    if (is(writ_jval_get(v, "op"), "All") || is(writ_jval_get(v, "op"), "all"))
        return v->count == 1 || cx_est_fail(r, v, "`All` takes nothing else");
    if (is(writ_jval_get(v, "op"), "is") && !action)
        return read_is(r, v, name, ret);
    if (is(writ_jval_get(v, "op"), "==")) {
        ret->kind = CX_SCOPE_EQ;
    } else if (is(writ_jval_get(v, "op"), "in")) {
        ret->kind = CX_SCOPE_IN;
    } else {
        return cx_est_fail(r, v, "`op` must be All, ==, in or, except of actions, is");
    }
    return action ? read_actions(r, v, ret) : read_target(r, v, name, ret);
}

static bool
read_conditions(struct cx_reader *r, const struct writ_jval *v, struct cx_policy *ret)
{
    static const char *const names[] = {"kind", "body", NULL};
    uint32_t i = 0;

    if (v == NULL || v->kind != WRIT_J_ARRAY)
        return cx_fail(r, CEDAR_E_SYNTAX, v == NULL ? 0 : v->pos, "expected an array `conditions`");
    ret->cond_n = v->count;
    ret->conds = (struct cx_cond *)cx_alloc_array(r->arena, v->count, sizeof *ret->conds);
    if (ret->conds == NULL)
        return nomem(r);
    for (const struct writ_jval *m = v->first; m != NULL; m = m->next, i++) {
        const struct writ_jval *kind = writ_jval_get(m, "kind");
        const struct writ_jval *body = writ_jval_get(m, "body");

        if (!cx_est_only(r, m, names))
            return false;
        if (body == NULL || (!is(kind, "when") && !is(kind, "unless")))
            return cx_est_fail(r, m, "expected `kind`, when or unless, and `body`");
        ret->conds[i].unless = is(kind, "unless");
        ret->conds[i].pos = m->pos;
        ret->conds[i].body = cx_est_expr(r, body);
        if (ret->conds[i].body == NULL)
            return false;
    }
    return true;
}

static bool
read_annotations(struct cx_reader *r, const struct writ_jval *v, struct cx_policy *ret)
{
    if (v == NULL)
        return true;
    if (v->kind != WRIT_J_OBJECT)
        return cx_est_fail(r, v, "expected an object");
    ret->annotations =
        (struct cx_annotation *)cx_alloc_array(r->arena, v->count, sizeof *ret->annotations);
    if (ret->annotations == NULL)
        return nomem(r);
    for (const struct writ_jval *m = v->first; m != NULL; m = m->next) {
        struct cx_annotation *a = &ret->annotations[ret->annotation_n++];

        if (!cx_copy(r->arena, cx_jspan(m->key), &a->key))
            return nomem(r);
        if (!cx_is_ident(a->key))
            return cx_est_fail(r, m, "the name of an annotation must be an identifier");
        a->bare = m->kind == WRIT_J_NULL;
        if (!a->bare && !cx_est_string(r, m, &a->value))
            return false;
    }
    return true;
}

bool
cx_est_read(struct cx_reader *r, const struct writ_jval *v, struct cx_policy *ret)
{
    static const char *const names[] = {"effect",     "principal",   "action", "resource",
                                        "conditions", "annotations", NULL};
    const struct writ_jval *effect = writ_jval_get(v, "effect");

    if (!cx_est_only(r, v, names))
        return false;
    if (!is(effect, "permit") && !is(effect, "forbid"))
        return cx_est_fail(r, v, "`effect` must be permit or forbid");
    ret->effect = is(effect, "forbid") ? CEDAR_FORBID : CEDAR_PERMIT;
    ret->begin = ret->end = v->pos;
    if (!read_scope(r, v, "principal", &ret->scope[0]) ||
        !read_scope(r, v, "action", &ret->scope[1]) ||
        !read_scope(r, v, "resource", &ret->scope[2]) ||
        !read_conditions(r, writ_jval_get(v, "conditions"), ret) ||
        !read_annotations(r, writ_jval_get(v, "annotations"), ret))
        return false;
    ret->is_template = ret->scope[0].slot || ret->scope[2].slot;
    return true;
}

/* ---- Policy sets ---- */

static bool
read_group(struct cx_builder *b, struct cx_reader *r, const struct writ_jval *v, bool templates)
{
    if (v == NULL)
        return true;
    if (v->kind != WRIT_J_OBJECT)
        return cx_est_fail(r, v, "expected an object of policies by id");
    for (const struct writ_jval *m = v->first; m != NULL; m = m->next) {
        struct cx_policy p = {.file = 0};

        if (!cx_copy(r->arena, cx_jspan(m->key), &p.id))
            return nomem(r);
        if (!cx_est_read(r, m, &p))
            return false;
        if (p.is_template != templates) {
            return cx_est_fail(r, m,
                               templates ? "a template must have a slot"
                                         : "a static policy cannot have slots");
        }
        if (!cx_builder_policy(b, &p))
            return cx_fail(r, b->e, m->pos, "too many policies");
    }
    return true;
}

static bool
read_link(struct cx_builder *b, struct cx_reader *r, const struct writ_jval *v)
{
    static const char *const names[] = {"templateId", "newId", "values", NULL};
    static const char *const slots[] = {"?principal", "?resource", NULL};
    const struct writ_jval *values = writ_jval_get(v, "values");
    const struct writ_jval *of = writ_jval_get(v, "templateId");
    const struct writ_jval *id = writ_jval_get(v, "newId");
    struct cedar_uid uids[2];
    struct cedar_link link = {.principal = NULL};

    if (!cx_est_only(r, v, names))
        return false;
    if (values == NULL || of == NULL || id == NULL || of->kind != WRIT_J_STRING ||
        id->kind != WRIT_J_STRING)
        return cx_est_fail(r, v, "expected templateId, newId and values");
    if (!cx_est_only(r, values, slots))
        return false;
    for (size_t i = 0; i < 2; i++) {
        const struct writ_jval *m = writ_jval_get(values, slots[i]);

        if (m == NULL)
            continue;
        if (!cx_est_uid(r, m, &uids[i]))
            return false;
        *(i == 0 ? &link.principal : &link.resource) = &uids[i];
    }
    link.template_id = cx_jspan(of->text);
    link.id = cx_jspan(id->text);
    return cx_builder_link(b, &link) || cx_fail(r, b->e, v->pos, "this link does not fit");
}

static bool
read_set(struct cx_builder *b, struct cx_reader *r, const struct writ_jval *v)
{
    static const char *const names[] = {"staticPolicies", "templates", "templateLinks", NULL};
    const struct writ_jval *links = writ_jval_get(v, "templateLinks");

    if (!cx_est_only(r, v, names) || !read_group(b, r, writ_jval_get(v, "staticPolicies"), false) ||
        !read_group(b, r, writ_jval_get(v, "templates"), true))
        return false;
    if (links == NULL)
        return true;
    if (links->kind != WRIT_J_ARRAY)
        return cx_est_fail(r, links, "expected an array of links");
    for (const struct writ_jval *m = links->first; m != NULL; m = m->next) {
        if (!read_link(b, r, m))
            return false;
    }
    return true;
}

static bool
read_single(struct cx_builder *b, struct cx_reader *r, const struct writ_jval *v)
{
    struct cx_policy p = {.id = {"policy0", 7}};

    return cx_est_read(r, v, &p) && (cx_builder_policy(b, &p) || nomem(r));
}

enum cedar_err
cedar_policies_load_json(const struct cedar_source *src, struct cedar_policies **ret,
                         struct cedar_error *err)
{
    CX_BUILDER_AUTO struct cx_builder b = {0};
    WRIT_JDOC_AUTO struct writ_jdoc *doc = NULL;
    struct cx_json j = {.file = src->name, .err = err};
    struct cx_reader r = {.err = err};
    enum cedar_err e = cx_builder_init(&b, err);
    const struct writ_jval *root;
    uint32_t file;
    bool ok;

    if (e != CEDAR_OK)
        return e;
    if (!cx_json_read(&j, src, &doc))
        return j.e;
    if (!cx_builder_file(&b, src, &file))
        return b.e;
    r.src = src;
    r.arena = &b.ps->arena;
    root = writ_jdoc_root(doc);
    ok = writ_jval_get(root, "effect") != NULL ? read_single(&b, &r, root) : read_set(&b, &r, root);
    return ok ? cx_builder_finish(&b, ret) : r.e;
}
