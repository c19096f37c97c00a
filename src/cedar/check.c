/* Entities and requests against a schema. */
#include <stdio.h>

#include "cedar/schema.h"
#include "cedar/store.h"

struct check {
    const struct cedar_schema *schema;
    struct cedar_error *err;
    const char *what; /* "attribute", "tag", "context" */
};

static bool
bad(struct check *c, struct cedar_span name, const char *problem)
{
    char shown[CX_SHOW];

    cx_error_set(c->err, "", 0, 0, "%s `%s`: %s", c->what, cx_show(name, shown, sizeof shown),
                 problem);
    return false;
}

static bool value_fits(struct check *c, const struct cedar_value *v, const struct cx_ty *t,
                       struct cedar_span name);

/* An entity that is referred to need not exist, but one of an enumerated type must be listed. */
static bool
uid_exists(struct check *c, const struct cedar_uid *u, struct cedar_span name)
{
    const struct cx_etype *t = cx_schema_etype(c->schema, cx_type(u));

    if (t != NULL && t->is_enum && !cx_etype_has_id(t, cx_id(u)))
        return bad(c, name, "the entity is none of those that its enumerated type lists");
    return true;
}

static bool
fields_fit(struct check *c, const struct cedar_field *f, uint32_t n, bool sorted,
           const struct cx_ty *t)
{
    for (uint32_t i = 0; i < t->n; i++) {
        if (t->u.attrs[i].required && cx_field_get(f, n, sorted, t->u.attrs[i].name) == NULL)
            return bad(c, t->u.attrs[i].name, "it is required and missing");
    }
    for (uint32_t i = 0; i < n; i++) {
        struct cedar_span name = cx_span(f[i].name, f[i].name_len);
        const struct cx_tattr *a = cx_ty_attr(t, name);

        if (a == NULL && t->open)
            continue;
        if (a == NULL)
            return bad(c, name, "the schema has no such attribute");
        if (!value_fits(c, &f[i].value, a->type, name))
            return false;
    }
    return true;
}

static bool
set_fits(struct check *c, const struct cedar_value *v, const struct cx_ty *t,
         struct cedar_span name)
{
    for (uint32_t i = 0; i < v->len; i++) {
        if (!value_fits(c, &v->u.items[i], t->elem, name))
            return false;
    }
    return true;
}

/* Recurses as deep as types nest, which the schema bounds. */
static bool
value_fits(struct check *c, const struct cedar_value *v, const struct cx_ty *t,
           struct cedar_span name)
{
    bool ok = false;

    switch ((enum cx_tkind)t->kind) {
    case CX_TY_BOOL:
    case CX_TY_TRUE:
    case CX_TY_FALSE:
        ok = v->kind == CEDAR_BOOL;
        break;
    case CX_TY_LONG:
        ok = v->kind == CEDAR_LONG;
        break;
    case CX_TY_STRING:
        ok = v->kind == CEDAR_STRING;
        break;
    case CX_TY_EXT:
        ok = v->kind == t->ext;
        break;
    case CX_TY_ENTITY:
        ok = v->kind == CEDAR_ENTITY && cx_span_eq(cx_type(v->u.uid), t->u.types[0]);
        if (ok)
            return uid_exists(c, v->u.uid, name);
        break;
    case CX_TY_SET:
        if (v->kind == CEDAR_SET)
            return set_fits(c, v, t, name);
        break;
    case CX_TY_RECORD:
        if (v->kind == CEDAR_RECORD)
            return fields_fit(c, v->u.fields, v->len, v->sorted != 0, t);
        break;
    case CX_TY_NEVER:
    case CX_TY_ANY_ENTITY:
        break;
    }
    return ok || bad(c, name, "the value is not of the type that the schema says");
}

/* An action must be what the schema says it is: same groups, nothing else. */
static bool
action_fits(struct check *c, const struct cedar_entity *e)
{
    const struct cx_action *a = cx_schema_action(c->schema, &e->uid);

    c->what = "action";
    if (a == NULL)
        return bad(c, cx_id(&e->uid), "the schema has no such action");
    if (e->attr_count != 0 || e->tag_count != 0)
        return bad(c, cx_id(&e->uid), "an action has neither attributes nor tags");
    for (uint32_t i = 0; i < e->parent_count; i++) {
        if (!cx_action_below(a, &e->parents[i]))
            return bad(c, cx_id(&e->uid), "the schema does not put it into all these groups");
    }
    for (uint32_t i = 0; i < a->parent_n; i++) {
        bool found = false;

        for (uint32_t k = 0; k < e->parent_count; k++)
            found = found || cx_uid_eq(&a->parents[i], &e->parents[k]);
        if (!found)
            return bad(c, cx_id(&e->uid), "the schema puts it into more groups than these");
    }
    return true;
}

static bool
parents_fit(struct check *c, const struct cedar_entity *e, const struct cx_etype *t)
{
    for (uint32_t i = 0; i < e->parent_count; i++) {
        c->what = "parent";
        if (!cx_etype_below(t, cx_type(&e->parents[i])))
            return bad(c, cx_id(&e->parents[i]), "the schema allows no parent of this type");
        if (!uid_exists(c, &e->parents[i], cx_id(&e->parents[i])))
            return false;
    }
    return true;
}

static bool
tags_fit(struct check *c, const struct cedar_entity *e, const struct cx_etype *t)
{
    c->what = "tag";
    for (uint32_t i = 0; i < e->tag_count; i++) {
        struct cedar_span name = cx_span(e->tags[i].name, e->tags[i].name_len);

        if (t->tags == NULL)
            return bad(c, name, "the schema allows no tags here");
        if (!value_fits(c, &e->tags[i].value, t->tags, name))
            return false;
    }
    return true;
}

static bool
entity_fits(struct check *c, const struct cedar_entity *e)
{
    const struct cx_etype *t = cx_schema_etype(c->schema, cx_type(&e->uid));

    if (cx_is_action_type(cx_type(&e->uid)))
        return action_fits(c, e);
    c->what = "entity";
    if (t == NULL)
        return bad(c, cx_type(&e->uid), "the schema has no such type");
    if (!uid_exists(c, &e->uid, cx_id(&e->uid)) || !parents_fit(c, e, t))
        return false;
    c->what = "attribute";
    return fields_fit(c, e->attrs, e->attr_count, false, t->attrs) && tags_fit(c, e, t);
}

enum cedar_err
cedar_schema_check_entity(const struct cedar_schema *schema, const struct cedar_entity *e,
                          struct cedar_error *err)
{
    struct check c = {schema, err, "entity"};

    return entity_fits(&c, e) ? CEDAR_OK : CEDAR_E_INVALID;
}

static bool
listed(const struct cedar_span *types, uint32_t n, struct cedar_span type)
{
    for (uint32_t i = 0; i < n; i++) {
        if (cx_span_eq(types[i], type))
            return true;
    }
    return false;
}

static bool
request_fits(struct check *c, const struct cedar_request *req)
{
    const struct cx_action *a = cx_schema_action(c->schema, &req->action);

    if (a == NULL)
        return bad(c, cx_id(&req->action), "the schema has no such action");
    c->what = "principal";
    if (!listed(a->principals, a->principal_n, cx_type(&req->principal)))
        return bad(c, cx_type(&req->principal), "the action does not apply to this type");
    if (!uid_exists(c, &req->principal, cx_id(&req->principal)))
        return false;
    c->what = "resource";
    if (!listed(a->resources, a->resource_n, cx_type(&req->resource)))
        return bad(c, cx_type(&req->resource), "the action does not apply to this type");
    if (!uid_exists(c, &req->resource, cx_id(&req->resource)))
        return false;
    c->what = "context";
    return fields_fit(c, req->context.u.fields, req->context.len, req->context.sorted != 0,
                      a->context);
}

enum cedar_err
cedar_schema_check_request(const struct cedar_schema *schema, const struct cedar_request *req,
                           struct cedar_error *err)
{
    struct check c = {schema, err, "action"};

    return request_fits(&c, req) ? CEDAR_OK : CEDAR_E_INVALID;
}

enum cedar_err
cedar_store_add_actions(struct cedar_store *s, const struct cedar_schema *schema,
                        struct cedar_error *err)
{
    for (size_t i = 0; i < schema->action_n; i++) {
        const struct cx_action *a = &schema->actions[i];
        struct cedar_entity e = {.uid = a->uid, .parents = a->parents, .parent_count = a->parent_n};
        enum cedar_err r = cedar_store_add(s, &e, err);

        if (r != CEDAR_OK)
            return r;
    }
    return CEDAR_OK;
}
