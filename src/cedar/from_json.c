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
    struct cedar_span t;
    struct cedar_span i;
    char shown[CX_SHOW];

    if (escaped != NULL && v->count == 1)
        v = escaped;
    type = writ_jval_get(v, "type");
    id = writ_jval_get(v, "id");
    if (type == NULL || id == NULL || v->count != 2)
        return cx_json_fail(j, v, "expected an entity: {\"type\": .., \"id\": ..}");
    if (!json_span(j, type, &t) || !json_span(j, id, &i))
        return false;
    if (!cx_is_path(t))
        return cx_json_fail(j, type, "`%s` is not the name of an entity type",
                            cx_show(t, shown, sizeof shown));
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
        if (!cx_json_value(j, arg, &args[i]))
            return false;
    }
    return json_call(j, v, fn, args, ret);
}

bool
cx_json_fields(struct cx_json *j, const struct writ_jval *v, struct cedar_field **ret, uint32_t *n)
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
        struct cedar_span name;

        if (!cx_copy(j->arena, cx_jspan(m->key), &name))
            return cx_json_nomem(j);
        f[i].name = name.ptr;
        f[i].name_len = (uint32_t)name.len;
        if (!cx_json_value(j, m, &f[i].value))
            return false;
    }
    if (!cx_fields_sort(f, v->count, &dup))
        return cx_json_fail(j, v, "an attribute is there twice");
    *ret = f;
    *n = v->count;
    return true;
}

static bool
json_record(struct cx_json *j, const struct writ_jval *v, struct cedar_value *ret)
{
    struct cedar_field *f;
    uint32_t n;

    if (!cx_json_fields(j, v, &f, &n))
        return false;
    *ret = cedar_record(f, n);
    ret->sorted = 1;
    return true;
}

static bool
json_object(struct cx_json *j, const struct writ_jval *v, struct cedar_value *ret)
{
    const struct writ_jval *escaped = v->count == 1 ? v->first : NULL;
    struct cedar_uid *uid;

    if (escaped != NULL && writ_span_is(escaped->key, "__entity")) {
        uid = (struct cedar_uid *)cx_alloc(j->arena, sizeof *uid);
        if (uid == NULL)
            return cx_json_nomem(j);
        *ret = cedar_entity(uid);
        return cx_json_uid(j, v, uid);
    }
    if (escaped != NULL && writ_span_is(escaped->key, "__extn"))
        return json_extn(j, escaped, ret);
    if (escaped != NULL && writ_span_is(escaped->key, "__expr"))
        return cx_json_fail(j, v, "__expr is not supported");
    return json_record(j, v, ret);
}

static bool
json_set(struct cx_json *j, const struct writ_jval *v, struct cedar_value *ret)
{
    struct cedar_value *items;
    size_t n = 0;

    items = (struct cedar_value *)cx_alloc_array(j->arena, v->count, sizeof *items);
    if (items == NULL)
        return cx_json_nomem(j);
    for (const struct writ_jval *m = v->first; m != NULL; m = m->next) {
        if (!cx_json_value(j, m, &items[n++]))
            return false;
    }
    *ret = cedar_set(items, cx_set_sort(items, n));
    ret->sorted = 1;
    return true;
}

/* Recurses as deep as the JSON nests, which its reader bounds. */
bool
cx_json_value(struct cx_json *j, const struct writ_jval *v, struct cedar_value *ret)
{
    struct cedar_span s;

    switch (v->kind) {
    case WRIT_J_BOOL:
        *ret = cedar_bool(v->yes);
        return true;
    case WRIT_J_NUMBER:
        *ret = cedar_long(v->num);
        return v->is_int || cx_json_fail(j, v, "expected an integer of 64 bits");
    case WRIT_J_STRING:
        if (!json_span(j, v, &s))
            return false;
        *ret = cedar_string(s.ptr, s.len);
        return true;
    case WRIT_J_ARRAY:
        return json_set(j, v, ret);
    case WRIT_J_OBJECT:
        return json_object(j, v, ret);
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

static bool
json_entity(struct cx_json *j, const struct writ_jval *v, struct cedar_entity *ret)
{
    const struct writ_jval *uid = writ_jval_get(v, "uid");
    const struct writ_jval *attrs = writ_jval_get(v, "attrs");
    const struct writ_jval *parents = writ_jval_get(v, "parents");
    const struct writ_jval *tags = writ_jval_get(v, "tags");
    struct cedar_field *f;

    if (uid == NULL || attrs == NULL || parents == NULL)
        return cx_json_fail(j, v, "expected an entity with `uid`, `attrs` and `parents`");
    if (!cx_json_uid(j, uid, &ret->uid) || !json_parents(j, parents, ret) ||
        !cx_json_fields(j, attrs, &f, &ret->attr_count))
        return false;
    ret->attrs = f;
    if (tags == NULL)
        return true;
    if (!cx_json_fields(j, tags, &f, &ret->tag_count))
        return false;
    ret->tags = f;
    return true;
}

static bool
add_one(struct cx_json *j, struct cedar_store *s, const struct writ_jval *v)
{
    struct cx_arena scratch = {0};
    struct cedar_entity e = {0};
    struct cedar_error err = {.text = ""};
    bool ok;

    j->arena = &scratch;
    ok = json_entity(j, v, &e);
    if (ok) {
        j->e = cedar_store_add(s, &e, &err);
        ok = j->e == CEDAR_OK;
        if (!ok)
            cx_error_set(j->err, j->file, v->line, v->col, "%s", err.text);
    }
    cx_arena_done(&scratch);
    return ok;
}

enum cedar_err
cedar_store_add_json(struct cedar_store *s, const struct cedar_source *json,
                     struct cedar_error *err)
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
        if (!add_one(&j, s, v))
            return j.e;
    }
    return CEDAR_OK;
}

struct cedar_document {
    struct cx_arena arena;
    struct cedar_value value;
};

enum cedar_err
cedar_document_new(const struct cedar_source *json, struct cedar_document **ret,
                   struct cedar_error *err)
{
    WRIT_JDOC_AUTO struct writ_jdoc *doc = NULL;
    struct cedar_document *d = (struct cedar_document *)calloc(1, sizeof *d);
    struct cx_json j = {.file = json->name, .err = err};

    if (d == NULL)
        return CEDAR_E_NOMEM;
    j.arena = &d->arena;
    if (!cx_json_read(&j, json, &doc) || !cx_json_value(&j, writ_jdoc_root(doc), &d->value) ||
        (d->value.kind != CEDAR_RECORD &&
         !cx_json_fail(&j, writ_jdoc_root(doc), "expected a record"))) {
        cedar_document_free(d);
        return j.e;
    }
    *ret = d;
    return CEDAR_OK;
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
