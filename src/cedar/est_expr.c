/* Expressions of the JSON form. */
#include "cedar/est_in.h"
#include "cedar/from_json.h"

bool
cx_est_fail(struct cx_reader *r, const struct writ_jval *v, const char *what)
{
    return cx_fail(r, CEDAR_E_SYNTAX, v->pos, "%s", what);
}

static bool
nomem(struct cx_reader *r)
{
    return cx_fail(r, CEDAR_E_NOMEM, 0, "out of memory");
}

bool
cx_est_only(struct cx_reader *r, const struct writ_jval *v, const char *const *names)
{
    if (v->kind != WRIT_J_OBJECT)
        return cx_est_fail(r, v, "expected an object");
    for (const struct writ_jval *m = v->first; m != NULL; m = m->next) {
        char shown[CX_SHOW];
        size_t i = 0;

        while (names[i] != NULL && !writ_span_is(m->key, names[i]))
            i++;
        if (names[i] == NULL) {
            return cx_fail(r, CEDAR_E_SYNTAX, m->pos, "unknown member \"%s\"",
                           cx_show(cx_jspan(m->key), shown, sizeof shown));
        }
    }
    return true;
}

bool
cx_est_string(struct cx_reader *r, const struct writ_jval *v, struct cedar_span *ret)
{
    if (v->kind != WRIT_J_STRING)
        return cx_est_fail(r, v, "expected a string");
    return cx_copy(r->arena, cx_jspan(v->text), ret) || nomem(r);
}

bool
cx_est_uid(struct cx_reader *r, const struct writ_jval *v, struct cedar_uid *ret)
{
    struct cx_json j = {.file = r->src->name, .arena = r->arena, .err = r->err};

    if (cx_json_uid(&j, v, ret))
        return true;
    return cx_fail(r, j.e, v->pos, "expected an entity");
}

/* A member that must be there. */
static const struct writ_jval *
member(struct cx_reader *r, const struct writ_jval *v, const char *name)
{
    const struct writ_jval *m = writ_jval_get(v, name);

    if (m == NULL)
        (void)cx_fail(r, CEDAR_E_SYNTAX, v->pos, "expected a member \"%s\"", name);
    return m;
}

static struct cx_expr *
lit(struct cx_reader *r, const struct writ_jval *v, struct cedar_value value)
{
    struct cx_expr *e = cx_expr_new(r, CX_LIT, v->pos, 0);

    if (e != NULL)
        e->u.lit = value;
    return e;
}

static bool
give_names(struct cx_reader *r, struct cx_expr *e, size_t n)
{
    e->u.names = (struct cedar_span *)cx_alloc_array(r->arena, n, sizeof *e->u.names);
    e->names_n = (uint32_t)n;
    return e->u.names != NULL || nomem(r);
}

/* ---- Values: what may stand in {"Value": ..} ---- */

static struct cx_expr *value_expr(struct cx_reader *r, const struct writ_jval *v);

/* Elements or members through `read`, into the arguments of a new node. */
static struct cx_expr *
list_expr(struct cx_reader *r, const struct writ_jval *v, enum cx_op op,
          struct cx_expr *(*read)(struct cx_reader *r, const struct writ_jval *v))
{
    struct cx_expr *e = cx_expr_new(r, op, v->pos, v->count);
    uint32_t i = 0;

    if (e == NULL || (op == CX_RECORD && !give_names(r, e, v->count)))
        return NULL;
    for (const struct writ_jval *m = v->first; m != NULL; m = m->next, i++) {
        if (op == CX_RECORD && !cx_copy(r->arena, cx_jspan(m->key), &e->u.names[i])) {
            (void)nomem(r);
            return NULL;
        }
        e->args[i] = read(r, m);
        if (e->args[i] == NULL)
            return NULL;
    }
    return cx_expr_done(r, e);
}

static struct cx_expr *
value_extn(struct cx_reader *r, const struct writ_jval *v)
{
    const struct writ_jval *name = member(r, v, "fn");
    const struct writ_jval *arg = writ_jval_get(v, "arg");
    const struct writ_jval *args = writ_jval_get(v, "args");
    struct cx_expr *e;

    if (name == NULL)
        return NULL;
    if (v->count != 2 || (arg == NULL && (args == NULL || args->kind != WRIT_J_ARRAY)) ||
        cx_fn_find(cx_jspan(name->text)) == CX_FN_NONE) {
        (void)cx_est_fail(r, v, "expected {\"fn\": NAME, \"arg\": VALUE}");
        return NULL;
    }
    if (args != NULL) {
        e = list_expr(r, args, CX_CALL, value_expr);
    } else {
        e = cx_expr_new(r, CX_CALL, v->pos, 1);
        if (e == NULL)
            return NULL;
        e->args[0] = value_expr(r, arg);
        e = cx_expr_done(r, e);
    }
    if (e != NULL)
        e->sub = (uint8_t)cx_fn_find(cx_jspan(name->text));
    return e;
}

static struct cx_expr *
value_object(struct cx_reader *r, const struct writ_jval *v)
{
    struct cedar_uid *uid;

    if (v->count == 1 && writ_span_is(v->first->key, "__entity")) {
        uid = (struct cedar_uid *)cx_alloc(r->arena, sizeof *uid);
        if (uid == NULL || !cx_est_uid(r, v, uid))
            return NULL;
        return lit(r, v, cedar_entity(uid));
    }
    if (v->count == 1 && writ_span_is(v->first->key, "__extn"))
        return value_extn(r, v->first);
    return list_expr(r, v, CX_RECORD, value_expr);
}

/* Recurses as deep as the JSON nests. */
static struct cx_expr *
value_expr(struct cx_reader *r, const struct writ_jval *v)
{
    struct cedar_span s;

    switch (v->kind) {
    case WRIT_J_BOOL:
        return lit(r, v, cedar_bool(v->yes));
    case WRIT_J_NUMBER:
        if (v->is_int)
            return lit(r, v, cedar_long(v->num));
        break;
    case WRIT_J_STRING:
        return cx_est_string(r, v, &s) ? lit(r, v, cedar_string(s.ptr, s.len)) : NULL;
    case WRIT_J_ARRAY:
        return list_expr(r, v, CX_SET, value_expr);
    case WRIT_J_OBJECT:
        return value_object(r, v);
    case WRIT_J_NULL:
        break;
    }
    (void)cx_est_fail(r, v, "this is not a value of Cedar");
    return NULL;
}

/* ---- Operators ---- */

static const struct {
    const char *name;
    enum cx_op op;
    uint8_t n;
} operators[] = {
    {"!", CX_NOT, 1},
    {"neg", CX_NEG, 1},
    {"isEmpty", CX_IS_EMPTY, 1},
    {"==", CX_EQ, 2},
    {"!=", CX_NE, 2},
    {"in", CX_IN, 2},
    {"<", CX_LT, 2},
    {"<=", CX_LE, 2},
    {">", CX_GT, 2},
    {">=", CX_GE, 2},
    {"&&", CX_AND, 2},
    {"||", CX_OR, 2},
    {"+", CX_ADD, 2},
    {"-", CX_SUB, 2},
    {"*", CX_MUL, 2},
    {"contains", CX_CONTAINS, 2},
    {"containsAll", CX_CONTAINS_ALL, 2},
    {"containsAny", CX_CONTAINS_ANY, 2},
    {"getTag", CX_GET_TAG, 2},
    {"hasTag", CX_HAS_TAG, 2},
};

/* A node of which the arguments are the members of those names. */
static struct cx_expr *
members_expr(struct cx_reader *r, const struct writ_jval *v, enum cx_op op,
             const char *const *names)
{
    struct cx_expr *e;
    size_t n = 0;

    while (names[n] != NULL)
        n++;
    if (!cx_est_only(r, v, names))
        return NULL;
    e = cx_expr_new(r, op, v->pos, n);
    for (size_t i = 0; e != NULL && i < n; i++) {
        const struct writ_jval *m = member(r, v, names[i]);

        e->args[i] = m == NULL ? NULL : cx_est_expr(r, m);
        if (e->args[i] == NULL)
            return NULL;
    }
    return e == NULL ? NULL : cx_expr_done(r, e);
}

static struct cx_expr *
operator_expr(struct cx_reader *r, const struct writ_jval *v, size_t i)
{
    static const char *const one[] = {"arg", NULL};
    static const char *const two[] = {"left", "right", NULL};

    return members_expr(r, v, operators[i].op, operators[i].n == 1 ? one : two);
}

static struct cx_expr *
var_expr(struct cx_reader *r, const struct writ_jval *v)
{
    static const char *const names[] = {"principal", "action", "resource", "context"};
    struct cx_expr *e = cx_expr_new(r, CX_VAR, v->pos, 0);

    for (size_t i = 0; e != NULL && i < WRIT_COUNT(names); i++) {
        if (v->kind == WRIT_J_STRING && writ_span_is(v->text, names[i])) {
            e->sub = (uint8_t)i;
            return e;
        }
    }
    (void)cx_est_fail(r, v, "expected principal, action, resource or context");
    return NULL;
}

/* One step of `has` or `.`: left, and a name that may be any string. */
static struct cx_expr *
name_expr(struct cx_reader *r, const struct writ_jval *at, enum cx_op op, struct cx_expr *left,
          const struct writ_jval *name)
{
    struct cx_expr *e = left == NULL ? NULL : cx_expr_new(r, op, at->pos, 1);

    if (e == NULL || !give_names(r, e, 1) || !cx_est_string(r, name, &e->u.names[0]))
        return NULL;
    e->args[0] = left;
    return cx_expr_done(r, e);
}

static struct cx_expr *
and_expr(struct cx_reader *r, const struct writ_jval *at, struct cx_expr *a, struct cx_expr *b)
{
    struct cx_expr *e = a == NULL || b == NULL ? NULL : cx_expr_new(r, CX_AND, at->pos, 2);

    if (e == NULL)
        return NULL;
    e->args[0] = a;
    e->args[1] = b;
    return cx_expr_done(r, e);
}

/* "attr" may be a list: x has a.b is x has a && x.a has b */
static struct cx_expr *
has_expr(struct cx_reader *r, const struct writ_jval *v)
{
    static const char *const names[] = {"left", "attr", NULL};
    const struct writ_jval *left = writ_jval_get(v, "left");
    const struct writ_jval *attr = writ_jval_get(v, "attr");
    struct cx_expr *all = NULL;
    struct cx_expr *at;

    if (!cx_est_only(r, v, names) || left == NULL || attr == NULL ||
        (attr->kind == WRIT_J_ARRAY && attr->count == 0)) {
        (void)cx_est_fail(r, v, "expected `left` and `attr`");
        return NULL;
    }
    at = cx_est_expr(r, left);
    if (attr->kind != WRIT_J_ARRAY)
        return name_expr(r, v, CX_HAS, at, attr);
    for (const struct writ_jval *m = attr->first; m != NULL && at != NULL; m = m->next) {
        struct cx_expr *one = name_expr(r, v, CX_HAS, at, m);

        all = all == NULL ? one : and_expr(r, v, all, one);
        if (all == NULL)
            return NULL;
        at = name_expr(r, v, CX_GET, at, m);
    }
    return at == NULL ? NULL : all;
}

static struct cx_expr *
get_expr(struct cx_reader *r, const struct writ_jval *v)
{
    static const char *const names[] = {"left", "attr", NULL};
    const struct writ_jval *left = writ_jval_get(v, "left");
    const struct writ_jval *attr = writ_jval_get(v, "attr");

    if (!cx_est_only(r, v, names) || left == NULL || attr == NULL) {
        (void)cx_est_fail(r, v, "expected `left` and `attr`");
        return NULL;
    }
    return name_expr(r, v, CX_GET, cx_est_expr(r, left), attr);
}

/* Adds one element of a pattern: "Wildcard" or {"Literal": TEXT}. */
static bool
pattern_item(struct cx_reader *r, const struct writ_jval *v, struct cx_vec *pieces,
             struct cx_vec *text)
{
    const struct writ_jval *literal = writ_jval_get(v, "Literal");

    if (v->kind == WRIT_J_STRING && writ_span_is(v->text, "Wildcard")) {
        size_t *end = (size_t *)cx_vec_push(pieces, sizeof *end);

        if (end == NULL)
            return nomem(r);
        *end = text->len;
        return true;
    }
    if (literal == NULL || literal->kind != WRIT_J_STRING || v->count != 1)
        return cx_est_fail(r, v, "expected \"Wildcard\" or {\"Literal\": TEXT}");
    for (size_t i = 0; i < literal->text.len; i++) {
        char *c = (char *)cx_vec_push(text, 1);

        if (c == NULL)
            return nomem(r);
        *c = (char)literal->text.ptr[i];
    }
    return true;
}

static bool
pattern(struct cx_reader *r, const struct writ_jval *v, struct cx_pattern *ret)
{
    CX_VEC_AUTO struct cx_vec ends = {0}; /* where each piece but the last ends */
    CX_VEC_AUTO struct cx_vec text = {0};
    struct cedar_span all;
    struct cedar_span *pieces;
    size_t from = 0;

    if (v->kind != WRIT_J_ARRAY)
        return cx_est_fail(r, v, "expected an array");
    for (const struct writ_jval *m = v->first; m != NULL; m = m->next) {
        if (!pattern_item(r, m, &ends, &text))
            return false;
    }
    pieces = (struct cedar_span *)cx_alloc_array(r->arena, ends.len + 1, sizeof *pieces);
    if (pieces == NULL || !cx_copy(r->arena, cx_span((const char *)text.mem, text.len), &all))
        return nomem(r);
    for (size_t i = 0; i <= ends.len; i++) {
        size_t end = i < ends.len ? ((size_t *)ends.mem)[i] : all.len;

        pieces[i] = cx_span(all.ptr + from, end - from);
        from = end;
    }
    *ret = (struct cx_pattern){pieces, (uint32_t)ends.len + 1};
    return true;
}

static struct cx_expr *
like_expr(struct cx_reader *r, const struct writ_jval *v)
{
    static const char *const names[] = {"left", "pattern", NULL};
    const struct writ_jval *left = writ_jval_get(v, "left");
    const struct writ_jval *text = writ_jval_get(v, "pattern");
    struct cx_expr *e;

    if (!cx_est_only(r, v, names) || left == NULL || text == NULL) {
        (void)cx_est_fail(r, v, "expected `left` and `pattern`");
        return NULL;
    }
    e = cx_expr_new(r, CX_LIKE, v->pos, 1);
    if (e == NULL)
        return NULL;
    e->args[0] = cx_est_expr(r, left);
    e = cx_expr_done(r, e);
    return e != NULL && pattern(r, text, &e->u.pattern) ? e : NULL;
}

static struct cx_expr *
is_expr(struct cx_reader *r, const struct writ_jval *v)
{
    static const char *const names[] = {"left", "entity_type", "in", NULL};
    const struct writ_jval *left = writ_jval_get(v, "left");
    const struct writ_jval *type = writ_jval_get(v, "entity_type");
    const struct writ_jval *group = writ_jval_get(v, "in");
    struct cx_expr *e;

    if (!cx_est_only(r, v, names) || left == NULL || type == NULL) {
        (void)cx_est_fail(r, v, "expected `left` and `entity_type`");
        return NULL;
    }
    e = cx_expr_new(r, CX_IS, v->pos, group == NULL ? 1 : 2);
    if (e == NULL || !give_names(r, e, 1) || !cx_est_string(r, type, &e->u.names[0]))
        return NULL;
    if (!cx_is_path(e->u.names[0])) {
        (void)cx_est_fail(r, type, "this is not the name of an entity type");
        return NULL;
    }
    e->args[0] = cx_est_expr(r, left);
    if (group != NULL && e->args[0] != NULL)
        e->args[1] = cx_est_expr(r, group);
    return cx_expr_done(r, e);
}

static struct cx_expr *
call_expr(struct cx_reader *r, const struct writ_jval *v)
{
    enum cx_fn fn = cx_fn_find(cx_jspan(v->key));
    struct cx_expr *e;

    if (fn == CX_FN_NONE || v->kind != WRIT_J_ARRAY || (cx_fns[fn].method && v->count == 0)) {
        (void)cx_est_fail(r, v, "there is no such operator or function");
        return NULL;
    }
    e = list_expr(r, v, CX_CALL, cx_est_expr);
    if (e != NULL)
        e->sub = (uint8_t)fn;
    return e;
}

static struct cx_expr *
body_list(struct cx_reader *r, const struct writ_jval *v, enum cx_op op)
{
    if (v->kind == (op == CX_SET ? WRIT_J_ARRAY : WRIT_J_OBJECT))
        return list_expr(r, v, op, cx_est_expr);
    (void)cx_est_fail(r, v, op == CX_SET ? "expected an array" : "expected an object");
    return NULL;
}

/* Recurses as deep as the JSON nests, which its reader bounds. */
struct cx_expr *
cx_est_expr(struct cx_reader *r, const struct writ_jval *v)
{
    static const char *const if_names[] = {"if", "then", "else", NULL};
    const struct writ_jval *body = v->first;

    if (v->kind != WRIT_J_OBJECT || v->count != 1) {
        (void)cx_est_fail(r, v, "expected an expression: an object with one member");
        return NULL;
    }
    for (size_t i = 0; i < WRIT_COUNT(operators); i++) {
        if (writ_span_is(body->key, operators[i].name))
            return operator_expr(r, body, i);
    }
    if (writ_span_is(body->key, "Value"))
        return value_expr(r, body);
    if (writ_span_is(body->key, "Var"))
        return var_expr(r, body);
    if (writ_span_is(body->key, "."))
        return get_expr(r, body);
    if (writ_span_is(body->key, "has"))
        return has_expr(r, body);
    if (writ_span_is(body->key, "like"))
        return like_expr(r, body);
    if (writ_span_is(body->key, "is"))
        return is_expr(r, body);
    if (writ_span_is(body->key, "if-then-else"))
        return members_expr(r, body, CX_IF, if_names);
    if (writ_span_is(body->key, "Set"))
        return body_list(r, body, CX_SET);
    if (writ_span_is(body->key, "Record"))
        return body_list(r, body, CX_RECORD);
    return call_expr(r, body);
}
