#include "cedar/from_json.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "cedar/lex.h"
#include "cedar/store.h"

bool
cx_json_fail(struct cx_json *j, const struct writ_jval *v, const char *fmt, ...)
{
    char text[256];
    va_list ap;

    if (j->e != CEDAR_OK)
        return false;
    j->e = CEDAR_E_INVALID;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    cx_error_set(j->err, j->file, v->line, v->col, "%s", text);
    return false;
}

bool
cx_json_nomem(struct cx_json *j)
{
    if (j->e == CEDAR_OK)
        j->e = CEDAR_E_NOMEM;
    return false;
}

bool
cx_json_read(struct cx_json *j, const struct cedar_source *src, struct writ_jdoc **ret)
{
    struct writ_diag d = {0};
    enum writ_err e = writ_jdoc_read(writ_span(src->text, src->len), ret, &d);

    if (e == WRIT_OK)
        return true;
    j->e = e == WRIT_E_NOMEM ? CEDAR_E_NOMEM : e == WRIT_E_LIMIT ? CEDAR_E_LIMIT : CEDAR_E_SYNTAX;
    cx_error_set(j->err, src->name, d.line, d.col, "%s", d.text);
    return false;
}

static bool
json_span(struct cx_json *j, const struct writ_jval *v, struct cedar_span *ret)
{
    if (v->kind != WRIT_J_STRING)
        return cx_json_fail(j, v, "expected a string");
    return cx_copy(j->arena, cx_jspan(v->text), ret) || cx_json_nomem(j);
}

bool
cx_json_uid(struct cx_json *j, const struct writ_jval *v, struct cedar_uid *ret)
{
    const struct writ_jval *escaped = writ_jval_get(v, "__entity");
    const struct writ_jval *type;
    const struct writ_jval *id;
    struct cedar_span t = {NULL, 0};
    struct cedar_span i = {NULL, 0};
    char shown[CX_SHOW];

    if (escaped != NULL && v->count == 1)
        v = escaped;
    type = writ_jval_get(v, "type");
    id = writ_jval_get(v, "id");
    if (type == NULL || id == NULL || v->count != 2)
        return cx_json_fail(j, v, "expected an entity: {\"type\": .., \"id\": ..}");
    if (!json_span(j, type, &t) || !json_span(j, id, &i))
        return false;
    if (!cx_is_path(t)) {
        return cx_json_fail(j, type, "`%s` is not the name of an entity type",
                            cx_show(t, shown, sizeof shown));
    }
    *ret = cedar_uid(t, i);
    return true;
}

static bool
json_call(struct cx_json *j, const struct writ_jval *v, enum cx_fn fn, struct cedar_value *args,
          struct cedar_value *ret)
{
    struct cedar_ip *ip = (struct cedar_ip *)cx_alloc(j->arena, sizeof *ip);

    if (ip == NULL)
        return cx_json_nomem(j);
    if (!cx_call(fn, args, cx_fns[fn].arity, ip, ret))
        return cx_json_fail(j, v, "%s() does not take this value", cx_fns[fn].name);
    return true;
}

/* The type of an argument of fn, so that it too can do without escapes. */
static const struct cx_ty *
arg_type(enum cx_fn fn, uint32_t i)
{
    return cx_ty_ext((enum cedar_kind)(i == 0 ? cx_fns[fn].self : cx_fns[fn].arg));
}

/* {"fn": NAME, "arg": V} or {"fn": NAME, "args": [V, ..]} */
static bool
json_extn(struct cx_json *j, const struct writ_jval *v, struct cedar_value *ret)
{
    const struct writ_jval *name = writ_jval_get(v, "fn");
    const struct writ_jval *arg = writ_jval_get(v, "arg");
    const struct writ_jval *list = writ_jval_get(v, "args");
    struct cedar_value args[2];
    enum cx_fn fn;
    uint32_t n = 1;

    if (name == NULL || name->kind != WRIT_J_STRING || (arg == NULL) == (list == NULL) ||
        v->count != 2)
        return cx_json_fail(j, v, "expected {\"fn\": NAME, \"arg\": VALUE}");
    fn = cx_fn_find(cx_jspan(name->text));
    if (fn == CX_FN_NONE)
        return cx_json_fail(j, name, "there is no such function");
    if (list != NULL) {
        n = list->count;
        arg = list->first;
        if (list->kind != WRIT_J_ARRAY)
            return cx_json_fail(j, list, "expected an array");
    }
    if (n != cx_fns[fn].arity)
        return cx_json_fail(j, v, "%s takes %d arguments", cx_fns[fn].name, cx_fns[fn].arity);
    for (uint32_t i = 0; i < n; i++, arg = arg->next) {
        if (!cx_json_value(j, arg, arg_type(fn, i), &args[i]))
            return false;
    }
    return json_call(j, v, fn, args, ret);
}

/* An object as fields sorted by name. `want` is a record type or NULL; all, if not NULL, the type
 * of every member. */
static bool
json_fields(struct cx_json *j, const struct writ_jval *v, const struct cx_ty *want,
            const struct cx_ty *all, struct cedar_value *ret)
{
    struct cedar_field *f;
    struct cedar_span dup;
    size_t i = 0;

    if (v->kind != WRIT_J_OBJECT)
        return cx_json_fail(j, v, "expected an object");
    f = (struct cedar_field *)cx_alloc_array(j->arena, v->count, sizeof *f);
    if (f == NULL)
        return cx_json_nomem(j);
    for (const struct writ_jval *m = v->first; m != NULL; m = m->next, i++) {
        const struct cx_tattr *attr;
        struct cedar_span name;

        if (!cx_copy(j->arena, cx_jspan(m->key), &name))
            return cx_json_nomem(j);
        f[i].name = name.ptr;
        f[i].name_len = (uint32_t)name.len;
        attr = want == NULL ? NULL : cx_ty_attr(want, name);
        if (!cx_json_value(j, m, attr == NULL ? all : attr->type, &f[i].value))
            return false;
    }
    if (!cx_fields_sort(f, v->count, &dup))
        return cx_json_fail(j, v, "an attribute is there twice");
    *ret = cedar_record(f, v->count);
    ret->sorted = 1;
    return true;
}

static bool
json_entity_value(struct cx_json *j, const struct writ_jval *v, struct cedar_value *ret)
{
    struct cedar_uid *uid = (struct cedar_uid *)cx_alloc(j->arena, sizeof *uid);

    if (uid == NULL)
        return cx_json_nomem(j);
    *ret = cedar_entity(uid);
    return cx_json_uid(j, v, uid);
}

static bool
json_object(struct cx_json *j, const struct writ_jval *v, const struct cx_ty *want,
            struct cedar_value *ret)
{
    const struct writ_jval *escaped = v->count == 1 ? v->first : NULL;
    unsigned kind = want == NULL ? CX_TY_NEVER : want->kind;

    if (kind == CX_TY_ENTITY || (escaped != NULL && writ_span_is(escaped->key, "__entity")))
        return json_entity_value(j, v, ret);
    if (escaped != NULL && writ_span_is(escaped->key, "__extn"))
        return json_extn(j, escaped, ret);
    if (kind == CX_TY_EXT)
        return json_extn(j, v, ret);
    if (escaped != NULL && writ_span_is(escaped->key, "__expr"))
        return cx_json_fail(j, v, "__expr is not supported");
    return json_fields(j, v, kind == CX_TY_RECORD ? want : NULL, NULL, ret);
}

static bool
json_set(struct cx_json *j, const struct writ_jval *v, const struct cx_ty *want,
         struct cedar_value *ret)
{
    const struct cx_ty *elem = want != NULL && want->kind == CX_TY_SET ? want->elem : NULL;
    struct cedar_value *items;
    size_t n = 0;

    items = (struct cedar_value *)cx_alloc_array(j->arena, v->count, sizeof *items);
    if (items == NULL)
        return cx_json_nomem(j);
    for (const struct writ_jval *m = v->first; m != NULL; m = m->next) {
        if (!cx_json_value(j, m, elem, &items[n++]))
            return false;
    }
    *ret = cedar_set(items, cx_set_sort(items, n));
    ret->sorted = 1;
    return true;
}

static bool
json_string(struct cx_json *j, const struct writ_jval *v, const struct cx_ty *want,
            struct cedar_value *ret)
{
    struct cedar_span s;
    struct cedar_value arg;

    if (!json_span(j, v, &s))
        return false;
    arg = cedar_string(s.ptr, s.len);
    if (want != NULL && want->kind == CX_TY_EXT) {
        for (unsigned fn = CX_FN_IP; fn <= CX_FN_DURATION; fn++) {
            if (cx_fns[fn].returns == want->ext)
                return json_call(j, v, (enum cx_fn)fn, &arg, ret);
        }
    }
    *ret = arg;
    return true;
}

/* Recurses as deep as the JSON nests, which its reader bounds. */
bool
cx_json_value(struct cx_json *j, const struct writ_jval *v, const struct cx_ty *want,
              struct cedar_value *ret)
{
    switch (v->kind) {
    case WRIT_J_BOOL:
        *ret = cedar_bool(v->yes);
        return true;
    case WRIT_J_NUMBER:
        *ret = cedar_long(v->num);
        return v->is_int || cx_json_fail(j, v, "expected an integer of 64 bits");
    case WRIT_J_STRING:
        return json_string(j, v, want, ret);
    case WRIT_J_ARRAY:
        return json_set(j, v, want, ret);
    case WRIT_J_OBJECT:
        return json_object(j, v, want, ret);
    case WRIT_J_NULL:
        break;
    }
    return cx_json_fail(j, v, "null is not a value");
}

static bool
json_parents(struct cx_json *j, const struct writ_jval *v, struct cedar_entity *ret)
{
    struct cedar_uid *parents;
    size_t n = 0;

    if (v->kind != WRIT_J_ARRAY)
        return cx_json_fail(j, v, "expected an array of entities");
    parents = (struct cedar_uid *)cx_alloc_array(j->arena, v->count, sizeof *parents);
    if (parents == NULL)
        return cx_json_nomem(j);
    for (const struct writ_jval *m = v->first; m != NULL; m = m->next) {
        if (!cx_json_uid(j, m, &parents[n++]))
            return false;
    }
    ret->parents = parents;
    ret->parent_count = v->count;
    return true;
}

/* What an action is in is an action too: a group of them. */
static bool
actions_only(struct cx_json *j, const struct writ_jval *v, const struct cedar_entity *e)
{
    if (!cx_is_action_type(cx_type(&e->uid)))
        return true;
    for (uint32_t i = 0; i < e->parent_count; i++) {
        if (!cx_is_action_type(cx_type(&e->parents[i])))
            return cx_json_fail(j, v, "expected the parents of an action to be actions");
    }
    return true;
}

static bool
json_entity(struct cx_json *j, const struct writ_jval *v, const struct cedar_schema *schema,
            struct cedar_entity *ret)
{
    const struct writ_jval *uid = writ_jval_get(v, "uid");
    const struct writ_jval *attrs = writ_jval_get(v, "attrs");
    const struct writ_jval *parents = writ_jval_get(v, "parents");
    const struct writ_jval *tags = writ_jval_get(v, "tags");
    const struct cx_etype *type = NULL;
    struct cedar_value f;

    if (uid == NULL || attrs == NULL || parents == NULL)
        return cx_json_fail(j, v, "expected an entity with `uid`, `attrs` and `parents`");
    if (!cx_json_uid(j, uid, &ret->uid) || !json_parents(j, parents, ret) ||
        !actions_only(j, parents, ret))
        return false;
    if (schema != NULL)
        type = cx_schema_etype(schema, cx_type(&ret->uid));
    if (!json_fields(j, attrs, type == NULL ? NULL : type->attrs, NULL, &f))
        return false;
    ret->attrs = f.u.fields;
    ret->attr_count = f.len;
    if (tags == NULL)
        return true;
    if (!json_fields(j, tags, NULL, type == NULL ? NULL : type->tags, &f))
        return false;
    ret->tags = f.u.fields;
    ret->tag_count = f.len;
    return true;
}

static enum cedar_err
check_and_add(struct cedar_store *s, const struct cedar_schema *schema,
              const struct cedar_entity *e, struct cedar_error *err)
{
    enum cedar_err r = schema == NULL ? CEDAR_OK : cedar_schema_check_entity(schema, e, err);

    if (r != CEDAR_OK)
        return r;
    /* The schema brings its own actions, with all their groups. */
    if (schema != NULL && cx_is_action_type(cx_type(&e->uid)))
        return CEDAR_OK;
    return cedar_store_add(s, e, err);
}

static bool
add_one(struct cx_json *j, struct cedar_store *s, const struct writ_jval *v,
        const struct cedar_schema *schema)
{
    struct cx_arena scratch = {0};
    struct cedar_entity e = {0};
    struct cedar_error err = {.text = ""};
    bool ok;

    j->arena = &scratch;
    ok = json_entity(j, v, schema, &e);
    if (ok) {
        j->e = check_and_add(s, schema, &e, &err);
        ok = j->e == CEDAR_OK;
        if (!ok)
            cx_error_set(j->err, j->file, v->line, v->col, "%s", err.text);
    }
    j->arena = NULL;
    cx_arena_done(&scratch);
    return ok;
}

enum cedar_err
cedar_store_add_json(struct cedar_store *s, const struct cedar_source *json,
                     struct cedar_error *err)
{
    return cedar_store_add_json_typed(s, json, NULL, err);
}

enum cedar_err
cedar_store_add_json_typed(struct cedar_store *s, const struct cedar_source *json,
                           const struct cedar_schema *schema, struct cedar_error *err)
{
    WRIT_JDOC_AUTO struct writ_jdoc *doc = NULL;
    struct cx_json j = {.file = json->name, .err = err};
    const struct writ_jval *root;

    if (!cx_json_read(&j, json, &doc))
        return j.e;
    root = writ_jdoc_root(doc);
    if (root->kind != WRIT_J_ARRAY) {
        (void)cx_json_fail(&j, root, "expected an array of entities");
        return j.e;
    }
    for (const struct writ_jval *v = root->first; v != NULL; v = v->next) {
        if (!add_one(&j, s, v, schema))
            return j.e;
    }
    return schema == NULL ? CEDAR_OK : cedar_store_add_actions(s, schema, err);
}

struct cedar_document {
    struct cx_arena arena;
    struct cedar_value value;
};

static enum cedar_err
document_new(const struct cedar_source *json, const struct cx_ty *want, struct cedar_document **ret,
             struct cedar_error *err)
{
    WRIT_JDOC_AUTO struct writ_jdoc *doc = NULL;
    struct cedar_document *d = (struct cedar_document *)calloc(1, sizeof *d);
    struct cx_json j = {.file = json->name, .err = err};

    if (d == NULL)
        return CEDAR_E_NOMEM;
    j.arena = &d->arena;
    if (!cx_json_read(&j, json, &doc) || !cx_json_value(&j, writ_jdoc_root(doc), want, &d->value) ||
        (d->value.kind != CEDAR_RECORD &&
         !cx_json_fail(&j, writ_jdoc_root(doc), "expected a record"))) {
        cedar_document_free(d);
        return j.e;
    }
    *ret = d;
    return CEDAR_OK;
}

enum cedar_err
cedar_document_new(const struct cedar_source *json, struct cedar_document **ret,
                   struct cedar_error *err)
{
    return document_new(json, NULL, ret, err);
}

enum cedar_err
cedar_document_new_typed(const struct cedar_source *json, const struct cedar_schema *schema,
                         const struct cedar_uid *action, struct cedar_document **ret,
                         struct cedar_error *err)
{
    const struct cx_action *a = cx_schema_action(schema, action);

    if (a == NULL) {
        cx_error_set(err, json->name, 0, 0, "the schema has no such action");
        return CEDAR_E_INVALID;
    }
    return document_new(json, a->context, ret, err);
}

struct cedar_value
cedar_document_value(const struct cedar_document *d)
{
    return d->value;
}

void
cedar_document_free(struct cedar_document *d)
{
    if (d == NULL)
        return;
    cx_arena_done(&d->arena);
    free(d);
}
