/* Names to what they name, and the closure of both hierarchies. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "cedar/resolve.h"

enum { NEW, OPEN, DONE };

bool
cx_raw_fail(struct cx_raw_schema *r, struct cx_place at, const char *fmt, ...)
{
    char text[256];
    va_list ap;

    if (r->e != CEDAR_OK)
        return false;
    r->e = CEDAR_E_INVALID;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (at.col == 0) {
        cx_error_at(r->err, r->src, at.line, "%s", text);
    } else {
        cx_error_set(r->err, r->src->name, at.line, at.col, "%s", text);
    }
    return false;
}

bool
cx_raw_nomem(struct cx_raw_schema *r)
{
    if (r->e == CEDAR_OK)
        r->e = CEDAR_E_NOMEM;
    return false;
}

/* "ns::name", or the name alone in the empty namespace. */
bool
cx_qualify(struct cx_resolver *r, struct cedar_span ns, struct cedar_span name,
           struct cedar_span *ret)
{
    char *mem;

    if (ns.len == 0) {
        *ret = name;
        return true;
    }
    mem = (char *)cx_alloc(r->arena, ns.len + 2 + name.len);
    if (mem == NULL)
        return cx_raw_nomem(r->raw);
    memcpy(mem, ns.ptr, ns.len);
    mem[ns.len] = mem[ns.len + 1] = ':';
    memcpy(mem + ns.len + 2, name.ptr, name.len);
    *ret = cx_span(mem, ns.len + 2 + name.len);
    return true;
}

int
cx_common_cmp(const void *a, const void *b)
{
    return cx_span_cmp(((const struct cx_common *)a)->name, ((const struct cx_common *)b)->name);
}

struct cx_common *
cx_find_common(const struct cx_resolver *r, struct cedar_span name)
{
    struct cx_common key = {.name = name};

    if (r->common_n == 0)
        return NULL;
    return (struct cx_common *)bsearch(&key, r->commons, r->common_n, sizeof key, cx_common_cmp);
}

static const struct cx_ty *
builtin(struct cedar_span name)
{
    static const struct {
        const char *name;
        const struct cx_ty *type;
        enum cedar_kind ext;
    } list[] = {{"Long", &cx_ty_long, 0},           {"String", &cx_ty_string, 0},
                {"Bool", &cx_ty_bool, 0},           {"Boolean", &cx_ty_bool, 0},
                {"ipaddr", NULL, CEDAR_IP},         {"decimal", NULL, CEDAR_DECIMAL},
                {"datetime", NULL, CEDAR_DATETIME}, {"duration", NULL, CEDAR_DURATION}};

    for (size_t i = 0; i < WRIT_COUNT(list); i++) {
        if (cx_span_is(name, list[i].name))
            return list[i].type != NULL ? list[i].type : cx_ty_ext(list[i].ext);
    }
    return NULL;
}

const struct cx_ty *
cx_resolve_common(struct cx_resolver *r, struct cx_common *c)
{
    char shown[CX_SHOW];

    if (c->state == OPEN) {
        (void)cx_raw_fail(r->raw, c->raw->at, "the type `%s` is defined by itself",
                          cx_show(c->name, shown, sizeof shown));
        return NULL;
    }
    if (c->state == NEW) {
        c->state = OPEN;
        c->type = cx_resolve(r, c->raw->type, c->raw->ns);
        c->state = DONE;
    }
    return c->type;
}

/* What the absolute name stands for; NULL, without a failure, if nothing. */
static const struct cx_ty *
lookup(struct cx_resolver *r, enum cx_raw_kind kind, struct cedar_span name)
{
    struct cx_common *c = kind == CX_RAW_ENTITY ? NULL : cx_find_common(r, name);
    const struct cx_etype *e;

    if (c != NULL)
        return cx_resolve_common(r, c);
    e = kind == CX_RAW_COMMON ? NULL : cx_schema_etype(r->raw->schema, name);
    return e == NULL ? NULL : e->self;
}

/* A name without `::` is looked for in its namespace, then without one, then among the built-in
 * types; a name with `::` is absolute. */
static const struct cx_ty *
resolve_name(struct cx_resolver *r, const struct cx_raw_type *t, struct cedar_span ns)
{
    bool qualified = memchr(t->name.ptr, ':', t->name.len) != NULL;
    const struct cx_ty *ret = NULL;
    struct cedar_span full;
    char shown[CX_SHOW];

    if (t->kind == CX_RAW_BUILTIN) {
        ret = builtin(t->name);
    } else {
        if (!qualified && ns.len != 0) {
            if (!cx_qualify(r, ns, t->name, &full))
                return NULL;
            ret = lookup(r, t->kind, full);
        }
        if (ret == NULL && r->raw->e == CEDAR_OK)
            ret = lookup(r, t->kind, t->name);
        if (ret == NULL && r->raw->e == CEDAR_OK && !qualified && t->kind != CX_RAW_ENTITY)
            ret = builtin(t->name);
    }
    if (ret == NULL) {
        (void)cx_raw_fail(r->raw, t->at, "there is no type `%s`",
                          cx_show(t->name, shown, sizeof shown));
    }
    return ret;
}

static int
attr_cmp(const void *a, const void *b)
{
    return cx_span_cmp(((const struct cx_tattr *)a)->name, ((const struct cx_tattr *)b)->name);
}

static const struct cx_ty *
resolve_record(struct cx_resolver *r, const struct cx_raw_type *t, struct cedar_span ns)
{
    struct cx_ty *ty = (struct cx_ty *)cx_alloc(r->arena, sizeof *ty);
    struct cx_tattr *attrs = (struct cx_tattr *)cx_alloc_array(r->arena, t->n, sizeof *attrs);

    if (ty == NULL || attrs == NULL) {
        (void)cx_raw_nomem(r->raw);
        return NULL;
    }
    ty->kind = CX_TY_RECORD;
    ty->height = 1;
    ty->n = t->n;
    for (uint32_t i = 0; i < t->n; i++) {
        attrs[i].name = t->attrs[i].name;
        attrs[i].required = t->attrs[i].required;
        attrs[i].type = cx_resolve(r, t->attrs[i].type, ns);
        if (attrs[i].type == NULL)
            return NULL;
        if (attrs[i].type->height >= ty->height)
            ty->height = (uint16_t)(attrs[i].type->height + 1);
    }
    if (t->n != 0)
        qsort(attrs, t->n, sizeof *attrs, attr_cmp);
    ty->u.attrs = attrs;
    return ty;
}

static const struct cx_ty *
resolve_set(struct cx_resolver *r, const struct cx_raw_type *t, struct cedar_span ns)
{
    struct cx_ty *ty = (struct cx_ty *)cx_alloc(r->arena, sizeof *ty);

    if (ty == NULL) {
        (void)cx_raw_nomem(r->raw);
        return NULL;
    }
    ty->kind = CX_TY_SET;
    ty->elem = cx_resolve(r, t->elem, ns);
    if (ty->elem == NULL)
        return NULL;
    ty->height = (uint16_t)(ty->elem->height + 1);
    return ty;
}

/* Types that name each other are as good as nested ones: both count as depth here. */
const struct cx_ty *
cx_resolve(struct cx_resolver *r, const struct cx_raw_type *t, struct cedar_span ns)
{
    const struct cx_ty *ret;

    if (++r->depth > WRIT_CEDAR_NESTING_MAX) {
        (void)cx_raw_fail(r->raw, t->at, "types are nested more than %d deep",
                          WRIT_CEDAR_NESTING_MAX);
        return NULL;
    }
    if (t->kind == CX_RAW_RECORD) {
        ret = resolve_record(r, t, ns);
    } else {
        ret = t->kind == CX_RAW_SET ? resolve_set(r, t, ns) : resolve_name(r, t, ns);
    }
    r->depth--;
    if (ret != NULL && ret->height > WRIT_CEDAR_NESTING_MAX) {
        (void)cx_raw_fail(r->raw, t->at, "types are nested more than %d deep",
                          WRIT_CEDAR_NESTING_MAX);
        return NULL;
    }
    return ret;
}
