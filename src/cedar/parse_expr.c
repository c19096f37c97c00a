/* Expressions, by recursive descent; cx_enter bounds the recursion. */
#include "base/limits.h"
#include "cedar/parse_node.h"

static struct cx_expr *parse_add(struct cx_reader *r);

struct cx_expr *
cx_expr_new(struct cx_reader *r, enum cx_op op, uint32_t pos, size_t n)
{
    struct cx_expr *e;

    e = (struct cx_expr *)cx_alloc(r->arena, sizeof *e + n * sizeof(struct cx_expr *));
    if (e == NULL) {
        (void)cx_fail(r, CEDAR_E_NOMEM, pos, "out of memory");
        return NULL;
    }
    e->op = (uint8_t)op;
    e->pos = pos;
    e->n = (uint32_t)n;
    e->args = (struct cx_expr **)(void *)(e + 1);
    e->height = 1;
    return e;
}

struct cx_expr *
cx_expr_done(struct cx_reader *r, struct cx_expr *e)
{
    for (uint32_t i = 0; i < e->n; i++) {
        if (e->args[i] == NULL)
            return NULL; /* r holds the reason */
        if (e->args[i]->height >= e->height)
            e->height = (uint16_t)(e->args[i]->height + 1);
    }
    if (e->height > WRIT_CEDAR_HEIGHT_MAX) {
        (void)cx_fail(r, CEDAR_E_LIMIT, e->pos, "the expression is more than %d operators deep",
                      WRIT_CEDAR_HEIGHT_MAX);
        return NULL;
    }
    return e;
}

static struct cx_expr *
make1(struct cx_reader *r, enum cx_op op, uint32_t pos, struct cx_expr *a)
{
    struct cx_expr *e = a == NULL ? NULL : cx_expr_new(r, op, pos, 1);

    if (e == NULL)
        return NULL;
    e->args[0] = a;
    return cx_expr_done(r, e);
}

static struct cx_expr *
make2(struct cx_reader *r, enum cx_op op, uint32_t pos, struct cx_expr *a, struct cx_expr *b)
{
    struct cx_expr *e = a == NULL || b == NULL ? NULL : cx_expr_new(r, op, pos, 2);

    if (e == NULL)
        return NULL;
    e->args[0] = a;
    e->args[1] = b;
    return cx_expr_done(r, e);
}

static struct cx_expr *
parse_method(struct cx_reader *r, struct cx_expr *self, uint32_t pos, struct cedar_span name)
{
    CX_VEC_AUTO struct cx_vec args = {0};
    unsigned arity = 0;
    enum cx_op op = cx_method_find(name, &arity);
    enum cx_fn fn = cx_fn_find(name);
    char shown[CX_SHOW];
    struct cx_expr *e;

    (void)cx_show(name, shown, sizeof shown);
    if (op == CX_OP_COUNT && (fn == CX_FN_NONE || !cx_fns[fn].method)) {
        (void)cx_fail(r, CEDAR_E_SYNTAX, pos,
                      fn == CX_FN_NONE ? "there is no method `%s`"
                                       : "`%s` is a function, not a method",
                      shown);
        return NULL;
    }
    cx_next(r);
    if (!cx_parse_list(r, CX_P(')'), "`,` or `)`", &args))
        return NULL;
    if (op != CX_OP_COUNT && args.len != arity) {
        (void)cx_fail(r, CEDAR_E_SYNTAX, pos, "`%s` takes %u argument%s, not %zu", shown, arity,
                      arity == 1 ? "" : "s", args.len);
        return NULL;
    }
    e = cx_make_list(r, op == CX_OP_COUNT ? CX_CALL : op, pos, self, &args);
    if (e == NULL)
        return NULL;
    e->sub = (uint8_t)(op == CX_OP_COUNT ? fn : CX_FN_NONE);
    return cx_expr_done(r, e);
}

static struct cx_expr *
make_get(struct cx_reader *r, struct cx_expr *self, uint32_t pos, struct cedar_span name)
{
    struct cx_expr *e = cx_make_named(r, CX_GET, pos, 1, 1);

    if (e == NULL)
        return NULL;
    e->args[0] = self;
    e->u.names[0] = name;
    return cx_expr_done(r, e);
}

/* .name or .name(..); the point is taken. */
static struct cx_expr *
parse_dot(struct cx_reader *r, struct cx_expr *self)
{
    uint32_t pos = r->tok.pos;
    struct cedar_span name;

    if (r->tok.kind != CX_T_IDENT) {
        (void)cx_expected(r, "an attribute or method name");
        return NULL;
    }
    if (!cx_parse_key(r, &name))
        return NULL;
    return cx_is(r, CX_P('(')) ? parse_method(r, self, pos, name) : make_get(r, self, pos, name);
}

/* ["name"]; the bracket is taken. */
static struct cx_expr *
parse_index(struct cx_reader *r, struct cx_expr *self)
{
    uint32_t pos = r->tok.pos;
    struct cedar_span name;

    if (!cx_string(r, &name))
        return NULL;
    cx_next(r);
    return cx_need(r, CX_P(']'), "`]`") ? make_get(r, self, pos, name) : NULL;
}

/* What follows a primary. */
static struct cx_expr *
parse_access(struct cx_reader *r, struct cx_expr *e)
{
    while (e != NULL && r->e == CEDAR_OK) {
        if (cx_is(r, CX_P('['))) {
            cx_next(r);
            e = parse_index(r, e);
            continue;
        }
        if (!cx_take(r, CX_P('.')))
            return e;
        e = parse_dot(r, e);
    }
    return NULL;
}

static struct cx_expr *
parse_negative(struct cx_reader *r, unsigned *dashes)
{
    uint32_t pos = r->tok.pos;
    struct cx_expr *e;
    uint64_t v;

    if (r->tok.kind != CX_T_INT)
        return parse_access(r, cx_parse_primary(r));
    if (!cx_parse_digits(r, &v))
        return NULL;
    cx_next(r);
    if (cx_is(r, CX_P('.')) || cx_is(r, CX_P('[')))
        return parse_access(r, cx_make_long(r, pos, v));
    (*dashes)--;
    e = cx_make_lit(r, pos, cedar_long(0));
    if (e != NULL)
        e->u.lit.u.num = (int64_t)(0 - v); /* two's complement: 2^63 becomes the least Long */
    return e;
}

static struct cx_expr *
parse_unary(struct cx_reader *r)
{
    uint32_t pos = r->tok.pos;
    unsigned sign = cx_is(r, CX_P('-')) ? CX_P('-') : CX_P('!');
    enum cx_op op = sign == CX_P('-') ? CX_NEG : CX_NOT;
    unsigned n = 0;
    struct cx_expr *e;

    while (cx_take(r, sign))
        n++;
    if (n > 4) {
        (void)cx_fail(r, CEDAR_E_SYNTAX, pos, "more than four `%c` in a row", (int)sign);
        return NULL;
    }
    if (op == CX_NEG && n != 0) {
        e = parse_negative(r, &n);
    } else {
        e = parse_access(r, cx_parse_primary(r));
    }
    while (e != NULL && n-- != 0)
        e = make1(r, op, pos, e);
    return e;
}

static struct cx_expr *
parse_mul(struct cx_reader *r)
{
    struct cx_expr *e = parse_unary(r);

    while (e != NULL) {
        uint32_t pos = r->tok.pos;

        if (cx_is(r, CX_P('/')) || cx_is(r, CX_P('%'))) {
            (void)cx_fail(r, CEDAR_E_SYNTAX, pos, "there is no operator `%c`", (int)r->tok.punct);
            return NULL;
        }
        if (!cx_take(r, CX_P('*')))
            break;
        e = make2(r, CX_MUL, pos, e, parse_unary(r));
    }
    return e;
}

static struct cx_expr *
parse_add(struct cx_reader *r)
{
    struct cx_expr *e = parse_mul(r);

    while (e != NULL) {
        uint32_t pos = r->tok.pos;
        enum cx_op op = cx_is(r, CX_P('+')) ? CX_ADD : CX_SUB;

        if (!cx_take(r, CX_P('+')) && !cx_take(r, CX_P('-')))
            break;
        e = make2(r, op, pos, e, parse_mul(r));
    }
    return e;
}

static struct cx_expr *
parse_has(struct cx_reader *r, struct cx_expr *self, uint32_t pos)
{
    CX_VEC_AUTO struct cx_vec names = {0};
    bool quoted = r->tok.kind == CX_T_STRING;
    struct cx_expr *e;

    do {
        struct cedar_span *slot = (struct cedar_span *)cx_vec_push(&names, sizeof *slot);

        if (slot == NULL) {
            (void)cx_fail(r, CEDAR_E_NOMEM, pos, "out of memory");
            return NULL;
        }
        if (names.len > 1 && r->tok.kind == CX_T_STRING) {
            (void)cx_expected(r, "an attribute name without quotes");
            return NULL;
        }
        if (!cx_parse_key(r, slot))
            return NULL;
    } while (!quoted && cx_take(r, CX_P('.')));
    e = cx_make_named(r, CX_HAS, pos, 1, names.len);
    if (e == NULL)
        return NULL;
    for (size_t i = 0; i < names.len; i++)
        e->u.names[i] = ((struct cedar_span *)names.mem)[i];
    e->args[0] = self;
    return cx_expr_done(r, e);
}

static struct cx_expr *
parse_like(struct cx_reader *r, struct cx_expr *self, uint32_t pos)
{
    struct cx_expr *e = make1(r, CX_LIKE, pos, self);

    if (e == NULL || !cx_string_pattern(r, &e->u.pattern))
        return NULL;
    cx_next(r);
    return e;
}

static struct cx_expr *
parse_is(struct cx_reader *r, struct cx_expr *self, uint32_t pos)
{
    struct cedar_span type;
    struct cx_expr *group = NULL;
    struct cx_expr *e;

    if (!cx_path(r, &type, NULL, NULL))
        return NULL;
    if (cx_take_word(r, "in")) {
        group = parse_add(r);
        if (group == NULL)
            return NULL;
    }
    e = cx_make_named(r, CX_IS, pos, group != NULL ? 2 : 1, 1);
    if (e == NULL)
        return NULL;
    e->args[0] = self;
    if (group != NULL)
        e->args[1] = group;
    e->u.names[0] = type;
    return cx_expr_done(r, e);
}

static struct cx_expr *
parse_relation(struct cx_reader *r)
{
    static const struct {
        unsigned punct;
        enum cx_op op;
    } ops[] = {{CX_PP('=', '='), CX_EQ}, {CX_PP('!', '='), CX_NE}, {CX_P('<'), CX_LT},
               {CX_PP('<', '='), CX_LE}, {CX_P('>'), CX_GT},       {CX_PP('>', '='), CX_GE}};
    struct cx_expr *e = parse_add(r);
    uint32_t pos = r->tok.pos;

    if (e == NULL)
        return NULL;
    for (size_t i = 0; i < WRIT_COUNT(ops); i++) {
        if (cx_take(r, ops[i].punct))
            return make2(r, ops[i].op, pos, e, parse_add(r));
    }
    if (cx_take_word(r, "in"))
        return make2(r, CX_IN, pos, e, parse_add(r));
    if (cx_take_word(r, "has"))
        return parse_has(r, e, pos);
    if (cx_take_word(r, "like"))
        return parse_like(r, e, pos);
    if (cx_take_word(r, "is"))
        return parse_is(r, e, pos);
    if (cx_is(r, CX_P('='))) {
        (void)cx_fail(r, CEDAR_E_SYNTAX, pos, "there is no operator `=`: write `==`");
        return NULL;
    }
    return e;
}

static struct cx_expr *
parse_and(struct cx_reader *r)
{
    struct cx_expr *e = parse_relation(r);

    while (e != NULL) {
        uint32_t pos = r->tok.pos;

        if (!cx_take(r, CX_PP('&', '&')))
            break;
        e = make2(r, CX_AND, pos, e, parse_relation(r));
    }
    return e;
}

static struct cx_expr *
parse_or(struct cx_reader *r)
{
    struct cx_expr *e = parse_and(r);

    while (e != NULL) {
        uint32_t pos = r->tok.pos;

        if (!cx_take(r, CX_PP('|', '|')))
            break;
        e = make2(r, CX_OR, pos, e, parse_and(r));
    }
    return e;
}

static struct cx_expr *
parse_if(struct cx_reader *r, uint32_t pos)
{
    struct cx_expr *e = cx_expr_new(r, CX_IF, pos, 3);
    static const char *const words[] = {"then", "else"};

    cx_next(r);
    for (size_t i = 0; e != NULL && i < 3; i++) {
        e->args[i] = cx_parse_expr(r);
        if (e->args[i] == NULL)
            return NULL;
        if (i < 2 && !cx_take_word(r, words[i])) {
            (void)cx_expected(r, i == 0 ? "`then`" : "`else`");
            return NULL;
        }
    }
    return e == NULL ? NULL : cx_expr_done(r, e);
}

struct cx_expr *
cx_parse_expr(struct cx_reader *r)
{
    struct cx_expr *e;

    if (!cx_enter(r))
        return NULL;
    e = cx_is_word(r, "if") ? parse_if(r, r->tok.pos) : parse_or(r);
    r->nesting--;
    return r->e == CEDAR_OK ? e : NULL;
}
