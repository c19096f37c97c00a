/* What an expression is made of: literals, names, sets, records, calls. */
#include "cedar/parse_node.h"

struct cx_expr *
cx_make_lit(struct cx_reader *r, uint32_t pos, struct cedar_value v)
{
    struct cx_expr *e = cx_expr_new(r, CX_LIT, pos, 0);

    if (e != NULL)
        e->u.lit = v;
    return e;
}

/* A node with room for n names. */
struct cx_expr *
cx_make_named(struct cx_reader *r, enum cx_op op, uint32_t pos, size_t args, size_t names)
{
    struct cx_expr *e = cx_expr_new(r, op, pos, args);

    if (e == NULL)
        return NULL;
    e->u.names = (struct cedar_span *)cx_alloc_array(r->arena, names, sizeof *e->u.names);
    if (e->u.names == NULL) {
        (void)cx_fail(r, CEDAR_E_NOMEM, pos, "out of memory");
        return NULL;
    }
    e->names_n = (uint32_t)names;
    return e;
}

static const struct {
    const char *name;
    enum cx_op op;
    unsigned arity;
} methods[] = {
    {"contains", CX_CONTAINS, 1}, {"containsAll", CX_CONTAINS_ALL, 1},
    {"getTag", CX_GET_TAG, 1},    {"containsAny", CX_CONTAINS_ANY, 1},
    {"hasTag", CX_HAS_TAG, 1},    {"isEmpty", CX_IS_EMPTY, 0},
};

enum cx_op
cx_method_find(struct cedar_span name, unsigned *arity)
{
    for (size_t i = 0; i < WRIT_COUNT(methods); i++) {
        if (cx_span_is(name, methods[i].name)) {
            *arity = methods[i].arity;
            return methods[i].op;
        }
    }
    return CX_OP_COUNT;
}

const char *
cx_method_name(enum cx_op op)
{
    for (size_t i = 0; i < WRIT_COUNT(methods); i++) {
        if (methods[i].op == op)
            return methods[i].name;
    }
    return NULL;
}

/* Expr { ',' Expr } [','] up to the closing bracket, which is taken. */
bool
cx_parse_list(struct cx_reader *r, unsigned close, const char *what, struct cx_vec *ret)
{
    while (!cx_is(r, close)) {
        struct cx_expr *e = cx_parse_expr(r);
        struct cx_expr **slot;

        if (e == NULL)
            return false;
        slot = (struct cx_expr **)cx_vec_push(ret, sizeof(struct cx_expr *));
        if (slot == NULL)
            return cx_fail(r, CEDAR_E_NOMEM, r->tok.pos, "out of memory");
        *slot = e;
        if (!cx_take(r, CX_P(',')))
            break;
    }
    return cx_need(r, close, what);
}

/* A node whose arguments are `first`, if not NULL, and then the list. */
struct cx_expr *
cx_make_list(struct cx_reader *r, enum cx_op op, uint32_t pos, struct cx_expr *first,
             const struct cx_vec *list)
{
    size_t n = 0;
    struct cx_expr *e = cx_expr_new(r, op, pos, list->len + (first != NULL ? 1 : 0));

    if (e == NULL)
        return NULL;
    if (first != NULL)
        e->args[n++] = first;
    for (size_t i = 0; i < list->len; i++)
        e->args[n++] = ((struct cx_expr **)list->mem)[i];
    return e;
}

static struct cx_expr *
parse_set(struct cx_reader *r, uint32_t pos)
{
    CX_VEC_AUTO struct cx_vec items = {0};
    struct cx_expr *e;

    cx_next(r);
    if (!cx_parse_list(r, CX_P(']'), "`,` or `]`", &items))
        return NULL;
    e = cx_make_list(r, CX_SET, pos, NULL, &items);
    return e == NULL ? NULL : cx_expr_done(r, e);
}

struct pair {
    struct cedar_span name;
    struct cx_expr *value;
};

bool
cx_parse_key(struct cx_reader *r, struct cedar_span *ret)
{
    char shown[CX_SHOW];

    if (r->tok.kind == CX_T_STRING) {
        if (!cx_string(r, ret))
            return false;
    } else if (r->tok.kind != CX_T_IDENT) {
        return cx_expected(r, "an attribute name");
    } else if (cx_is_reserved(r->tok.text)) {
        return cx_fail(r, CEDAR_E_SYNTAX, r->tok.pos, "`%s` is a reserved word: write it in quotes",
                       cx_show(r->tok.text, shown, sizeof shown));
    } else {
        *ret = r->tok.text;
    }
    cx_next(r);
    return r->e == CEDAR_OK;
}

static bool
parse_pair(struct cx_reader *r, struct cx_vec *list)
{
    uint32_t pos = r->tok.pos;
    struct pair pair = {.value = NULL};
    struct pair *slot;
    char shown[CX_SHOW];

    if (!cx_parse_key(r, &pair.name) || !cx_need(r, CX_P(':'), "`:`"))
        return false;
    for (size_t i = 0; i < list->len; i++) {
        if (cx_span_eq(((struct pair *)list->mem)[i].name, pair.name)) {
            return cx_fail(r, CEDAR_E_SYNTAX, pos, "the attribute `%s` is there twice",
                           cx_show(pair.name, shown, sizeof shown));
        }
    }
    pair.value = cx_parse_expr(r);
    if (pair.value == NULL)
        return false;
    slot = (struct pair *)cx_vec_push(list, sizeof pair);
    if (slot == NULL)
        return cx_fail(r, CEDAR_E_NOMEM, pos, "out of memory");
    *slot = pair;
    return true;
}

static bool
parse_pairs(struct cx_reader *r, struct cx_vec *ret)
{
    while (!cx_is(r, CX_P('}'))) {
        if (!parse_pair(r, ret))
            return false;
        if (!cx_take(r, CX_P(',')))
            break;
    }
    return cx_need(r, CX_P('}'), "`,` or `}`");
}

static struct cx_expr *
parse_record(struct cx_reader *r, uint32_t pos)
{
    CX_VEC_AUTO struct cx_vec pairs = {0};
    struct cx_expr *e;

    cx_next(r);
    if (!parse_pairs(r, &pairs))
        return NULL;
    e = cx_make_named(r, CX_RECORD, pos, pairs.len, pairs.len);
    if (e == NULL)
        return NULL;
    for (size_t i = 0; i < pairs.len; i++) {
        e->u.names[i] = ((struct pair *)pairs.mem)[i].name;
        e->args[i] = ((struct pair *)pairs.mem)[i].value;
    }
    return cx_expr_done(r, e);
}

static struct cx_expr *
parse_call(struct cx_reader *r, uint32_t pos, struct cedar_span name)
{
    CX_VEC_AUTO struct cx_vec args = {0};
    enum cx_fn fn = cx_fn_find(name);
    unsigned arity;
    char shown[CX_SHOW];
    struct cx_expr *e;

    (void)cx_show(name, shown, sizeof shown);
    if ((fn != CX_FN_NONE && cx_fns[fn].method) || cx_method_find(name, &arity) != CX_OP_COUNT) {
        (void)cx_fail(r, CEDAR_E_SYNTAX, pos, "`%s` is a method: write x.%s(..)", shown, shown);
        return NULL;
    }
    if (fn == CX_FN_NONE) {
        (void)cx_fail(r, CEDAR_E_SYNTAX, pos, "there is no function `%s`", shown);
        return NULL;
    }
    cx_next(r);
    if (!cx_parse_list(r, CX_P(')'), "`,` or `)`", &args))
        return NULL;
    e = cx_make_list(r, CX_CALL, pos, NULL, &args);
    if (e == NULL)
        return NULL;
    e->sub = (uint8_t)fn;
    return cx_expr_done(r, e);
}

static struct cx_expr *
parse_var(struct cx_reader *r, uint32_t pos, struct cedar_span name)
{
    static const char *const names[] = {"principal", "action", "resource", "context"};
    struct cx_expr *e;
    char shown[CX_SHOW];

    for (size_t i = 0; i < WRIT_COUNT(names); i++) {
        if (!cx_span_is(name, names[i]))
            continue;
        e = cx_expr_new(r, CX_VAR, pos, 0);
        if (e != NULL)
            e->sub = (uint8_t)i;
        return e;
    }
    (void)cx_fail(r, CEDAR_E_SYNTAX, pos,
                  "`%s` is not a variable: expected principal, action, resource or context",
                  cx_show(name, shown, sizeof shown));
    return NULL;
}

static struct cx_expr *
parse_name(struct cx_reader *r, uint32_t pos)
{
    struct cedar_span path;
    struct cedar_span id;
    struct cedar_uid *uid;
    bool has_id;

    if (!cx_path(r, &path, &id, &has_id))
        return NULL;
    if (!has_id)
        return cx_is(r, CX_P('(')) ? parse_call(r, pos, path) : parse_var(r, pos, path);
    uid = (struct cedar_uid *)cx_alloc(r->arena, sizeof *uid);
    if (uid == NULL) {
        (void)cx_fail(r, CEDAR_E_NOMEM, pos, "out of memory");
        return NULL;
    }
    *uid = cedar_uid(path, id);
    return cx_make_lit(r, pos, cedar_entity(uid));
}

/* The digits of the current token; true up to 2^63, which only a minus sign makes a Long. */
bool
cx_parse_digits(struct cx_reader *r, uint64_t *ret)
{
    uint64_t v = 0;

    for (size_t i = 0; i < r->tok.text.len; i++) {
        if (__builtin_mul_overflow(v, (uint64_t)10, &v) ||
            __builtin_add_overflow(v, (uint64_t)(r->tok.text.ptr[i] - '0'), &v) ||
            v > (uint64_t)INT64_MAX + 1)
            return cx_fail(r, CEDAR_E_SYNTAX, r->tok.pos, "this number does not fit 64 bits");
    }
    *ret = v;
    return true;
}

struct cx_expr *
cx_make_long(struct cx_reader *r, uint32_t pos, uint64_t v)
{
    if (v > INT64_MAX) {
        (void)cx_fail(r, CEDAR_E_SYNTAX, pos, "this number does not fit 64 bits");
        return NULL;
    }
    return cx_make_lit(r, pos, cedar_long((int64_t)v));
}

static struct cx_expr *
parse_word(struct cx_reader *r, uint32_t pos)
{
    bool yes = cx_is_word(r, "true");

    if (!yes && !cx_is_word(r, "false"))
        return parse_name(r, pos);
    cx_next(r);
    return cx_make_lit(r, pos, cedar_bool(yes));
}

static struct cx_expr *
parse_string_lit(struct cx_reader *r, uint32_t pos)
{
    struct cedar_span s;

    if (!cx_string(r, &s))
        return NULL;
    cx_next(r);
    return cx_make_lit(r, pos, cedar_string(s.ptr, s.len));
}

struct cx_expr *
cx_parse_primary(struct cx_reader *r)
{
    uint32_t pos = r->tok.pos;
    struct cx_expr *e;
    uint64_t v = 0;

    switch (r->tok.kind) {
    case CX_T_INT:
        if (!cx_parse_digits(r, &v))
            return NULL;
        cx_next(r);
        return cx_make_long(r, pos, v);
    case CX_T_STRING:
        return parse_string_lit(r, pos);
    case CX_T_IDENT:
        return parse_word(r, pos);
    case CX_T_SLOT:
        (void)cx_fail(r, CEDAR_E_SYNTAX, pos, "a slot can only stand in the scope, after == or in");
        return NULL;
    case CX_T_PUNCT:
    case CX_T_END:
        break;
    }
    if (cx_is(r, CX_P('[')))
        return parse_set(r, pos);
    if (cx_is(r, CX_P('{')))
        return parse_record(r, pos);
    if (!cx_take(r, CX_P('('))) {
        (void)cx_expected(r, "an expression");
        return NULL;
    }
    e = cx_parse_expr(r);
    return e != NULL && cx_need(r, CX_P(')'), "`)`") ? e : NULL;
}
