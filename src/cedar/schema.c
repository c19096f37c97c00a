#include "cedar/schema.h"

#include <stdlib.h>

#include "cedar/schema_raw.h"

const struct cx_ty cx_ty_never = {.kind = CX_TY_NEVER, .height = 1};
const struct cx_ty cx_ty_bool = {.kind = CX_TY_BOOL, .height = 1};
const struct cx_ty cx_ty_true = {.kind = CX_TY_TRUE, .height = 1};
const struct cx_ty cx_ty_false = {.kind = CX_TY_FALSE, .height = 1};
const struct cx_ty cx_ty_long = {.kind = CX_TY_LONG, .height = 1};
const struct cx_ty cx_ty_string = {.kind = CX_TY_STRING, .height = 1};
const struct cx_ty cx_ty_any_entity = {.kind = CX_TY_ANY_ENTITY, .height = 1};
const struct cx_ty cx_ty_empty_record = {.kind = CX_TY_RECORD, .height = 1};

const struct cx_ty *
cx_ty_ext(enum cedar_kind kind)
{
    static const struct cx_ty types[] = {{.kind = CX_TY_EXT, .ext = CEDAR_DECIMAL, .height = 1},
                                         {.kind = CX_TY_EXT, .ext = CEDAR_DATETIME, .height = 1},
                                         {.kind = CX_TY_EXT, .ext = CEDAR_DURATION, .height = 1},
                                         {.kind = CX_TY_EXT, .ext = CEDAR_IP, .height = 1}};

    for (size_t i = 0; i < WRIT_COUNT(types); i++) {
        if (types[i].ext == (uint8_t)kind)
            return &types[i];
    }
    return NULL;
}

static int
etype_cmp(const void *a, const void *b)
{
    return cx_span_cmp(((const struct cx_etype *)a)->name, ((const struct cx_etype *)b)->name);
}

const struct cx_etype *
cx_schema_etype(const struct cedar_schema *s, struct cedar_span name)
{
    struct cx_etype key = {.name = name};

    if (s->etype_n == 0)
        return NULL;
    return (const struct cx_etype *)bsearch(&key, s->etypes, s->etype_n, sizeof key, etype_cmp);
}

const struct cx_action *
cx_schema_action(const struct cedar_schema *s, const struct cedar_uid *uid)
{
    size_t lo = 0;
    size_t hi = s->action_n;

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        const struct cedar_uid *at = &s->actions[mid].uid;
        int c = cx_span_cmp(cx_type(at), cx_type(uid));

        if (c == 0)
            c = cx_span_cmp(cx_id(at), cx_id(uid));
        if (c == 0)
            return &s->actions[mid];
        if (c < 0) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return NULL;
}

bool
cx_etype_below(const struct cx_etype *of, struct cedar_span above)
{
    for (uint32_t i = 0; i < of->ancestor_n; i++) {
        if (cx_span_eq(of->ancestors[i], above))
            return true;
    }
    return false;
}

bool
cx_action_below(const struct cx_action *of, const struct cedar_uid *above)
{
    for (uint32_t i = 0; i < of->ancestor_n; i++) {
        if (cx_uid_eq(&of->ancestors[i], above))
            return true;
    }
    return false;
}

const struct cx_tattr *
cx_ty_attr(const struct cx_ty *record, struct cedar_span name)
{
    size_t lo = 0;
    size_t hi = record->n;

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        int c = cx_span_cmp(record->u.attrs[mid].name, name);

        if (c == 0)
            return &record->u.attrs[mid];
        if (c < 0) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return NULL;
}

bool
cx_is_action_type(struct cedar_span type)
{
    if (type.len == 6)
        return cx_span_is(type, "Action");
    return type.len > 8 && cx_span_is(cx_span(type.ptr + type.len - 8, 8), "::Action");
}

bool
cx_etype_has_id(const struct cx_etype *t, struct cedar_span id)
{
    for (uint32_t i = 0; i < t->id_n; i++) {
        if (cx_span_eq(t->ids[i], id))
            return true;
    }
    return false;
}

static enum cedar_err
load(const struct cedar_source *src, bool json, struct cedar_schema *s, struct cedar_error *err)
{
    struct cx_raw_schema raw = {.schema = s, .src = src, .err = err};
    struct cedar_source copy = *src;
    struct cedar_span text;

    if (!cx_copy(&s->arena, cx_span(src->text, src->len), &text))
        return CEDAR_E_NOMEM;
    copy.text = text.ptr; /* names point into it */
    raw.src = &copy;
    if ((json ? cx_schema_parse_json(&raw) : cx_schema_parse_text(&raw)) &&
        !cx_schema_resolve(&raw) && raw.e == CEDAR_OK)
        raw.e = CEDAR_E_NOMEM; /* whoever fails says why; this is for the one who forgets */
    cx_vec_done(&raw.namespaces);
    cx_vec_done(&raw.commons);
    cx_vec_done(&raw.etypes);
    cx_vec_done(&raw.actions);
    return raw.e;
}

enum cedar_err
cedar_schema_load(const struct cedar_source *src, enum cedar_syntax syntax,
                  struct cedar_schema **ret, struct cedar_error *err)
{
    struct cedar_schema *s = (struct cedar_schema *)calloc(1, sizeof *s);
    enum cedar_err e;

    if (s == NULL)
        return CEDAR_E_NOMEM;
    e = load(src, syntax == CEDAR_JSON, s, err);
    if (e != CEDAR_OK) {
        cedar_schema_free(s);
    } else {
        *ret = s;
    }
    return e;
}

void
cedar_schema_free(struct cedar_schema *s)
{
    if (s == NULL)
        return;
    cx_arena_done(&s->arena);
    free(s);
}
