/* The JSON form of a schema: { namespace: { commonTypes, entityTypes, actions } }. */
#include "cedar/from_json.h"
#include "cedar/lex.h"
#include "cedar/schema_raw.h"

struct json {
    struct cx_json j;
    struct cx_raw_schema *raw;
    struct cedar_span ns;
};

/* Where a type stands decides which members it may have besides its own. */
enum where { NESTED, NAMED, ATTRIBUTE };

static struct cx_raw_type *parse_type(struct json *s, const struct writ_jval *v, enum where where);

static struct cx_place
place(const struct writ_jval *v)
{
    return (struct cx_place){v->line, v->col};
}

static struct cedar_span
copy(struct json *s, struct writ_span text)
{
    struct cedar_span ret = {"", 0};

    if (!cx_copy(s->j.arena, cx_jspan(text), &ret))
        (void)cx_json_nomem(&s->j);
    return ret;
}

static void *
array(struct json *s, size_t n, size_t size)
{
    void *mem = cx_alloc_array(s->j.arena, n, size);

    if (mem == NULL)
        (void)cx_json_nomem(&s->j);
    return mem;
}

/* Refuses members that are not in the list, which ends with NULL, and anything but an object. */
static bool
only(struct json *s, const struct writ_jval *v, const char *const *names)
{
    char shown[CX_SHOW];

    if (v->kind != WRIT_J_OBJECT)
        return cx_json_fail(&s->j, v, "expected an object");
    for (const struct writ_jval *m = v->first; m != NULL; m = m->next) {
        size_t i = 0;

        while (names[i] != NULL && !writ_span_is(m->key, names[i]))
            i++;
        if (names[i] == NULL) {
            return cx_json_fail(&s->j, m, "unknown member \"%s\"",
                                cx_show(cx_jspan(m->key), shown, sizeof shown));
        }
    }
    return true;
}

static bool
string(struct json *s, const struct writ_jval *v, struct cedar_span *ret)
{
    if (v == NULL || v->kind != WRIT_J_STRING)
        return v == NULL ? false : cx_json_fail(&s->j, v, "expected a string");
    *ret = copy(s, v->text);
    return s->j.e == CEDAR_OK;
}

static bool
parse_attr(struct json *s, const struct writ_jval *v, struct cx_raw_attr *ret)
{
    const struct writ_jval *required = writ_jval_get(v, "required");

    ret->name = copy(s, v->key);
    ret->required = required == NULL || required->yes;
    if (required != NULL && required->kind != WRIT_J_BOOL)
        return cx_json_fail(&s->j, required, "expected true or false");
    ret->type = parse_type(s, v, ATTRIBUTE);
    return ret->type != NULL;
}

static bool
parse_record(struct json *s, const struct writ_jval *v, struct cx_raw_type *ret)
{
    const struct writ_jval *attrs = writ_jval_get(v, "attributes");
    const struct writ_jval *more = writ_jval_get(v, "additionalAttributes");
    size_t i = 0;

    ret->kind = CX_RAW_RECORD;
    if (more != NULL && (more->kind != WRIT_J_BOOL || more->yes))
        return cx_json_fail(&s->j, more, "additionalAttributes can only be false");
    if (attrs == NULL)
        return cx_json_fail(&s->j, v, "a Record needs `attributes`");
    if (attrs->kind != WRIT_J_OBJECT)
        return cx_json_fail(&s->j, attrs, "expected an object");
    ret->n = attrs->count;
    ret->attrs = (struct cx_raw_attr *)array(s, attrs->count, sizeof *ret->attrs);
    for (const struct writ_jval *m = attrs->first; ret->attrs != NULL && m != NULL; m = m->next) {
        if (!parse_attr(s, m, &ret->attrs[i++]))
            return false;
    }
    return ret->attrs != NULL;
}

/* A name given as "name", of an entity type, an extension type or either. */
static bool
parse_ref(struct json *s, const struct writ_jval *v, enum cx_raw_kind kind, struct cx_raw_type *ret)
{
    const struct writ_jval *name = writ_jval_get(v, "name");

    ret->kind = kind;
    if (name == NULL)
        return cx_json_fail(&s->j, v, "expected `name`");
    if (!string(s, name, &ret->name))
        return false;
    if (cx_span_eq(cx_span(ret->name.ptr, ret->name.len < 9 ? ret->name.len : 9),
                   cx_span("__cedar::", 9))) {
        ret->name = cx_span(ret->name.ptr + 9, ret->name.len - 9);
        ret->kind = CX_RAW_BUILTIN;
    }
    return cx_is_path(ret->name) || cx_json_fail(&s->j, name, "this is not the name of a type");
}

static bool
is_primitive(struct writ_span word, struct cx_raw_type *ret)
{
    static const char *const names[][2] = {
        {"Long", "Long"}, {"String", "String"}, {"Boolean", "Bool"}};

    for (size_t i = 0; i < WRIT_COUNT(names); i++) {
        if (writ_span_is(word, names[i][0])) {
            ret->kind = CX_RAW_BUILTIN;
            ret->name = cedar_span_str(names[i][1]);
            return true;
        }
    }
    return false;
}

static bool
parse_type_body(struct json *s, const struct writ_jval *v, const struct writ_jval *type,
                struct cx_raw_type *ret)
{
    const struct writ_jval *elem = writ_jval_get(v, "element");

    if (is_primitive(type->text, ret))
        return true;
    if (writ_span_is(type->text, "Set")) {
        ret->kind = CX_RAW_SET;
        if (elem == NULL)
            return cx_json_fail(&s->j, v, "a Set needs `element`");
        ret->elem = parse_type(s, elem, NESTED);
        return ret->elem != NULL;
    }
    if (writ_span_is(type->text, "Record"))
        return parse_record(s, v, ret);
    if (writ_span_is(type->text, "Entity"))
        return parse_ref(s, v, CX_RAW_ENTITY, ret);
    if (writ_span_is(type->text, "EntityOrCommon"))
        return parse_ref(s, v, CX_RAW_NAME, ret);
    if (writ_span_is(type->text, "Extension"))
        return parse_ref(s, v, CX_RAW_BUILTIN, ret);
    ret->kind = CX_RAW_COMMON;
    ret->name = copy(s, type->text);
    if (cx_span_eq(cx_span(ret->name.ptr, ret->name.len < 9 ? ret->name.len : 9),
                   cx_span("__cedar::", 9))) {
        ret->name = cx_span(ret->name.ptr + 9, ret->name.len - 9);
        ret->kind = CX_RAW_BUILTIN;
    }
    return cx_is_path(ret->name) || cx_json_fail(&s->j, type, "this is not the name of a type");
}

/* The members that a type of this kind has; others would be overlooked. */
static bool
members_fit(struct json *s, const struct writ_jval *v, enum where where,
            const struct cx_raw_type *t)
{
    char shown[CX_SHOW];

    for (const struct writ_jval *m = v->first; m != NULL; m = m->next) {
        bool ok = writ_span_is(m->key, "type") ||
                  (writ_span_is(m->key, "required") && where == ATTRIBUTE) ||
                  (writ_span_is(m->key, "annotations") && where != NESTED);

        if (t->kind == CX_RAW_SET) {
            ok = ok || writ_span_is(m->key, "element");
        } else if (t->kind == CX_RAW_RECORD) {
            ok = ok || writ_span_is(m->key, "attributes") ||
                 writ_span_is(m->key, "additionalAttributes");
        } else {
            ok = ok || writ_span_is(m->key, "name");
        }
        if (!ok) {
            return cx_json_fail(&s->j, m, "unknown member \"%s\"",
                                cx_show(cx_jspan(m->key), shown, sizeof shown));
        }
    }
    return true;
}

/* Recurses as deep as the JSON nests, which its reader bounds. */
static struct cx_raw_type *
parse_type(struct json *s, const struct writ_jval *v, enum where where)
{
    const struct writ_jval *type = writ_jval_get(v, "type");
    struct cx_raw_type *ret;

    if (type == NULL || type->kind != WRIT_J_STRING) {
        (void)cx_json_fail(&s->j, v, "expected a type: {\"type\": ..}");
        return NULL;
    }
    ret = (struct cx_raw_type *)array(s, 1, sizeof *ret);
    if (ret == NULL)
        return NULL;
    ret->at = place(v);
    return parse_type_body(s, v, type, ret) && members_fit(s, v, where, ret) ? ret : NULL;
}

static bool
parse_names(struct json *s, const struct writ_jval *v, struct cx_raw_name **ret, uint32_t *n)
{
    size_t i = 0;

    if (v == NULL)
        return true;
    if (v->kind != WRIT_J_ARRAY)
        return cx_json_fail(&s->j, v, "expected an array of names");
    *n = v->count;
    *ret = (struct cx_raw_name *)array(s, v->count, sizeof **ret);
    for (const struct writ_jval *m = v->first; *ret != NULL && m != NULL; m = m->next, i++) {
        (*ret)[i].at = place(m);
        if (!string(s, m, &(*ret)[i].name))
            return false;
        if (!cx_is_path((*ret)[i].name))
            return cx_json_fail(&s->j, m, "this is not the name of an entity type");
    }
    return *ret != NULL;
}

static bool
parse_enum(struct json *s, const struct writ_jval *v, struct cx_raw_etype *e)
{
    size_t i = 0;

    e->is_enum = true;
    e->id_n = v->count;
    if (v->kind != WRIT_J_ARRAY || v->count == 0)
        return cx_json_fail(&s->j, v, "expected an array of at least one id");
    e->ids = (struct cedar_span *)array(s, v->count, sizeof *e->ids);
    for (const struct writ_jval *m = v->first; e->ids != NULL && m != NULL; m = m->next) {
        if (!string(s, m, &e->ids[i++]))
            return false;
    }
    return e->ids != NULL;
}

static bool
parse_entity(struct json *s, const struct writ_jval *v)
{
    static const char *const names[] = {"memberOfTypes", "shape",       "tags",
                                        "enum",          "annotations", NULL};
    struct cx_raw_etype e = {.ns = s->ns, .at = place(v)};
    const struct writ_jval *ids = writ_jval_get(v, "enum");
    const struct writ_jval *shape = writ_jval_get(v, "shape");
    const struct writ_jval *tags = writ_jval_get(v, "tags");
    struct cx_raw_etype *slot;

    e.name = copy(s, v->key);
    if (!only(s, v, names) ||
        !parse_names(s, writ_jval_get(v, "memberOfTypes"), &e.parents, &e.parent_n))
        return false;
    if (!cx_is_ident(e.name) || cx_is_reserved(e.name))
        return cx_json_fail(&s->j, v, "this is not the name of an entity type");
    if (ids != NULL && (e.parent_n != 0 || shape != NULL || tags != NULL))
        return cx_json_fail(&s->j, v, "an enumerated type has nothing but its ids");
    if (ids != NULL && !parse_enum(s, ids, &e))
        return false;
    if (shape != NULL && (e.shape = parse_type(s, shape, NESTED)) == NULL)
        return false;
    if (tags != NULL && (e.tags = parse_type(s, tags, NESTED)) == NULL)
        return false;
    slot = (struct cx_raw_etype *)cx_vec_push(&s->raw->etypes, sizeof *slot);
    if (slot == NULL)
        return cx_json_nomem(&s->j);
    *slot = e;
    return true;
}

static bool
parse_applies(struct json *s, const struct writ_jval *v, struct cx_raw_action *a)
{
    static const char *const names[] = {"principalTypes", "resourceTypes", "context", NULL};
    const struct writ_jval *context;

    if (v == NULL || v->kind == WRIT_J_NULL)
        return true;
    context = writ_jval_get(v, "context");
    if (!only(s, v, names) ||
        !parse_names(s, writ_jval_get(v, "principalTypes"), &a->principals, &a->principal_n) ||
        !parse_names(s, writ_jval_get(v, "resourceTypes"), &a->resources, &a->resource_n))
        return false;
    if (writ_jval_get(v, "principalTypes") == NULL || writ_jval_get(v, "resourceTypes") == NULL)
        return cx_json_fail(&s->j, v, "expected principalTypes and resourceTypes");
    if (context != NULL)
        a->context = parse_type(s, context, NESTED);
    return context == NULL || a->context != NULL;
}

static bool
parse_member_of(struct json *s, const struct writ_jval *v, struct cx_raw_action *a)
{
    static const char *const names[] = {"id", "type", NULL};
    size_t i = 0;

    if (v == NULL || v->kind == WRIT_J_NULL)
        return true;
    if (v->kind != WRIT_J_ARRAY)
        return cx_json_fail(&s->j, v, "expected an array of actions");
    a->parent_n = v->count;
    a->parents = (struct cx_raw_ref *)array(s, v->count, sizeof *a->parents);
    for (const struct writ_jval *m = v->first; a->parents != NULL && m != NULL; m = m->next) {
        const struct writ_jval *type = writ_jval_get(m, "type");
        struct cx_raw_ref *ref = &a->parents[i++];

        ref->at = place(m);
        if (!only(s, m, names) || !string(s, writ_jval_get(m, "id"), &ref->id))
            return cx_json_fail(&s->j, m, "expected an action: {\"id\": ..}");
        if (type != NULL && type->kind != WRIT_J_NULL && !string(s, type, &ref->type))
            return false;
    }
    return a->parents != NULL;
}

static bool
parse_action(struct json *s, const struct writ_jval *v)
{
    static const char *const names[] = {"appliesTo", "memberOf", "attributes", "annotations", NULL};
    struct cx_raw_action a = {.ns = s->ns, .at = place(v)};
    const struct writ_jval *attrs = writ_jval_get(v, "attributes");
    struct cx_raw_action *slot;

    a.id = copy(s, v->key);
    if (!only(s, v, names) || !parse_applies(s, writ_jval_get(v, "appliesTo"), &a) ||
        !parse_member_of(s, writ_jval_get(v, "memberOf"), &a))
        return false;
    if (attrs != NULL && attrs->kind != WRIT_J_NULL && attrs->count != 0)
        return cx_json_fail(&s->j, attrs, "attributes of actions are not supported");
    slot = (struct cx_raw_action *)cx_vec_push(&s->raw->actions, sizeof *slot);
    if (slot == NULL)
        return cx_json_nomem(&s->j);
    *slot = a;
    return true;
}

static bool
parse_common(struct json *s, const struct writ_jval *v)
{
    struct cx_raw_common c = {.ns = s->ns, .at = place(v)};
    struct cx_raw_common *slot;

    c.name = copy(s, v->key);
    if (!cx_is_ident(c.name) || cx_is_reserved(c.name))
        return cx_json_fail(&s->j, v, "this is not the name of a type");
    c.type = parse_type(s, v, NAMED);
    slot =
        c.type == NULL ? NULL : (struct cx_raw_common *)cx_vec_push(&s->raw->commons, sizeof *slot);
    if (slot == NULL)
        return cx_json_nomem(&s->j);
    *slot = c;
    return true;
}

static bool
each(struct json *s, const struct writ_jval *v,
     bool (*parse)(struct json *s, const struct writ_jval *v))
{
    if (v == NULL)
        return true;
    if (v->kind != WRIT_J_OBJECT)
        return cx_json_fail(&s->j, v, "expected an object");
    for (const struct writ_jval *m = v->first; m != NULL; m = m->next) {
        if (!parse(s, m))
            return false;
    }
    return true;
}

static bool
parse_namespace(struct json *s, const struct writ_jval *v)
{
    static const char *const names[] = {"commonTypes", "entityTypes", "actions", "annotations",
                                        NULL};

    s->ns = copy(s, v->key);
    if (s->ns.len != 0 && !cx_is_path(s->ns))
        return cx_json_fail(&s->j, v, "this is not the name of a namespace");
    if (!only(s, v, names))
        return false;
    if (writ_jval_get(v, "entityTypes") == NULL || writ_jval_get(v, "actions") == NULL)
        return cx_json_fail(&s->j, v, "a namespace needs `entityTypes` and `actions`");
    return each(s, writ_jval_get(v, "commonTypes"), parse_common) &&
           each(s, writ_jval_get(v, "entityTypes"), parse_entity) &&
           each(s, writ_jval_get(v, "actions"), parse_action);
}

bool
cx_schema_parse_json(struct cx_raw_schema *raw)
{
    WRIT_JDOC_AUTO struct writ_jdoc *doc = NULL;
    struct json s = {.j = {.file = raw->src->name, .arena = &raw->schema->arena, .err = raw->err},
                     .raw = raw};

    if (cx_json_read(&s.j, raw->src, &doc))
        (void)each(&s, writ_jdoc_root(doc), parse_namespace);
    raw->e = s.j.e;
    return raw->e == CEDAR_OK;
}
