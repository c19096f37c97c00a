/* The JSON form of policies. */
#include "base/json.h"
#include "cedar/parse.h"
#include "cedar/print.h"

static void put_expr(struct writ_buf *b, const struct cx_expr *e);

static void
quote(struct writ_buf *b, struct cedar_span s)
{
    writ_json_quote(b, writ_span(s.ptr, s.len));
}

static void
put_uid(struct writ_buf *b, const struct cedar_uid *u)
{
    writ_buf_put_str(b, "{\"type\":");
    quote(b, cx_type(u));
    writ_buf_put_str(b, ",\"id\":");
    quote(b, cx_id(u));
    writ_buf_put_u8(b, '}');
}

static void
put_lit(struct writ_buf *b, const struct cedar_value *v)
{
    writ_buf_put_str(b, "{\"Value\":");
    if (v->kind == CEDAR_BOOL) {
        writ_buf_put_str(b, v->u.num != 0 ? "true" : "false");
    } else if (v->kind == CEDAR_LONG) {
        writ_buf_putf(b, "%lld", (long long)v->u.num);
    } else if (v->kind == CEDAR_STRING) {
        quote(b, cx_str(v));
    } else {
        writ_buf_put_str(b, "{\"__entity\":");
        put_uid(b, v->u.uid);
        writ_buf_put_u8(b, '}');
    }
    writ_buf_put_u8(b, '}');
}

/* {"OP":{"left":..,"right":..}} or {"OP":{"arg":..}} */
static void
put_operator(struct writ_buf *b, const char *name, const struct cx_expr *e)
{
    writ_buf_putf(b, "{\"%s\":{\"%s\":", name, e->n == 1 ? "arg" : "left");
    put_expr(b, e->args[0]);
    if (e->n == 2) {
        writ_buf_put_str(b, ",\"right\":");
        put_expr(b, e->args[1]);
    }
    writ_buf_put_str(b, "}}");
}

static void
put_list(struct writ_buf *b, const char *name, const struct cx_expr *e)
{
    writ_buf_putf(b, "{\"%s\":[", name);
    for (uint32_t i = 0; i < e->n; i++) {
        if (i != 0)
            writ_buf_put_u8(b, ',');
        put_expr(b, e->args[i]);
    }
    writ_buf_put_str(b, "]}");
}

static void
put_record(struct writ_buf *b, const struct cx_expr *e)
{
    writ_buf_put_str(b, "{\"Record\":{");
    for (uint32_t i = 0; i < e->n; i++) {
        if (i != 0)
            writ_buf_put_u8(b, ',');
        quote(b, e->u.names[i]);
        writ_buf_put_u8(b, ':');
        put_expr(b, e->args[i]);
    }
    writ_buf_put_str(b, "}}");
}

static void
put_attr(struct writ_buf *b, const char *name, const struct cx_expr *e)
{
    writ_buf_putf(b, "{\"%s\":{\"left\":", name);
    put_expr(b, e->args[0]);
    writ_buf_put_str(b, ",\"attr\":");
    quote(b, e->u.names[0]);
    writ_buf_put_str(b, "}}");
}

/* e.names[0]..[n - 1] */
static void
put_gets(struct writ_buf *b, const struct cx_expr *e, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        writ_buf_put_str(b, "{\".\":{\"left\":");
    put_expr(b, e->args[0]);
    for (uint32_t i = 0; i < n; i++) {
        writ_buf_put_str(b, ",\"attr\":");
        quote(b, e->u.names[i]);
        writ_buf_put_str(b, "}}");
    }
}

/* x has a.b is x has a && x.a has b */
static void
put_has(struct writ_buf *b, const struct cx_expr *e)
{
    for (uint32_t i = 1; i < e->names_n; i++)
        writ_buf_put_str(b, "{\"&&\":{\"left\":");
    for (uint32_t i = 0; i < e->names_n; i++) {
        if (i != 0)
            writ_buf_put_str(b, ",\"right\":");
        writ_buf_put_str(b, "{\"has\":{\"left\":");
        put_gets(b, e, i);
        writ_buf_put_str(b, ",\"attr\":");
        quote(b, e->u.names[i]);
        writ_buf_put_str(b, "}}");
        if (i != 0)
            writ_buf_put_str(b, "}}");
    }
}

/* The next character of s, at most 4 bytes. */
static size_t
char_len(struct cedar_span s)
{
    size_t n = 1;

    while (n < s.len && ((unsigned char)s.ptr[n] & 0xc0) == 0x80)
        n++;
    return n;
}

static void
put_like(struct writ_buf *b, const struct cx_expr *e)
{
    const char *comma = "";

    writ_buf_put_str(b, "{\"like\":{\"left\":");
    put_expr(b, e->args[0]);
    writ_buf_put_str(b, ",\"pattern\":[");
    for (uint32_t i = 0; i < e->u.pattern.n; i++) {
        struct cedar_span s = e->u.pattern.pieces[i];

        if (i != 0) {
            writ_buf_putf(b, "%s\"Wildcard\"", comma);
            comma = ",";
        }
        while (s.len != 0) {
            size_t n = char_len(s);

            writ_buf_putf(b, "%s{\"Literal\":", comma);
            quote(b, cx_span(s.ptr, n));
            writ_buf_put_u8(b, '}');
            comma = ",";
            s = cx_span(s.ptr + n, s.len - n);
        }
    }
    writ_buf_put_str(b, "]}}");
}

static void
put_is(struct writ_buf *b, const struct cx_expr *e)
{
    writ_buf_put_str(b, "{\"is\":{\"left\":");
    put_expr(b, e->args[0]);
    writ_buf_put_str(b, ",\"entity_type\":");
    quote(b, e->u.names[0]);
    if (e->n == 2) {
        writ_buf_put_str(b, ",\"in\":");
        put_expr(b, e->args[1]);
    }
    writ_buf_put_str(b, "}}");
}

static void
put_if(struct writ_buf *b, const struct cx_expr *e)
{
    static const char *const names[] = {"{\"if-then-else\":{\"if\":", ",\"then\":", ",\"else\":"};

    for (uint32_t i = 0; i < 3; i++) {
        writ_buf_put_str(b, names[i]);
        put_expr(b, e->args[i]);
    }
    writ_buf_put_str(b, "}}");
}

/* Recurses by the height of the expression. */
static void
put_expr(struct writ_buf *b, const struct cx_expr *e)
{
    static const char *const vars[] = {"principal", "action", "resource", "context"};
    static const char *const operators[CX_OP_COUNT] = {
        [CX_NOT] = "!", [CX_NEG] = "neg", [CX_AND] = "&&", [CX_OR] = "||", [CX_EQ] = "==",
        [CX_NE] = "!=", [CX_LT] = "<",    [CX_LE] = "<=",  [CX_GT] = ">",  [CX_GE] = ">=",
        [CX_IN] = "in", [CX_ADD] = "+",   [CX_SUB] = "-",  [CX_MUL] = "*"};
    const char *method = cx_method_name((enum cx_op)e->op);

    if (e->op == CX_LIT) {
        put_lit(b, &e->u.lit);
    } else if (e->op == CX_VAR) {
        writ_buf_putf(b, "{\"Var\":\"%s\"}", vars[e->sub]);
    } else if (e->op == CX_IF) {
        put_if(b, e);
    } else if (e->op == CX_HAS) {
        put_has(b, e);
    } else if (e->op == CX_GET) {
        put_attr(b, ".", e);
    } else if (e->op == CX_LIKE) {
        put_like(b, e);
    } else if (e->op == CX_IS) {
        put_is(b, e);
    } else if (e->op == CX_SET) {
        put_list(b, "Set", e);
    } else if (e->op == CX_RECORD) {
        put_record(b, e);
    } else if (e->op == CX_CALL) {
        put_list(b, cx_fns[e->sub].name, e);
    } else {
        put_operator(b, method != NULL ? method : operators[e->op], e);
    }
}

static void
put_uid_or_slot(struct writ_buf *b, const struct cx_scope *s, const char *name)
{
    if (s->slot) {
        writ_buf_putf(b, "\"slot\":\"?%s\"", name);
        return;
    }
    writ_buf_put_str(b, "\"entity\":");
    put_uid(b, &s->uids[0]);
}

static void
put_scope(struct writ_buf *b, const struct cx_scope *s, const char *name)
{
    static const char *const ops[] = {"All", "==", "in", "is", "is"};

    writ_buf_putf(b, "\"%s\":{\"op\":\"%s\"", name, ops[s->kind]);
    if (s->kind == CX_SCOPE_IS || s->kind == CX_SCOPE_IS_IN) {
        writ_buf_put_str(b, ",\"entity_type\":");
        quote(b, s->type);
    }
    if (s->list && s->n != 1) { /* a list of one is written as the one */
        writ_buf_put_str(b, ",\"entities\":[");
        for (uint32_t i = 0; i < s->n; i++) {
            if (i != 0)
                writ_buf_put_u8(b, ',');
            put_uid(b, &s->uids[i]);
        }
        writ_buf_put_u8(b, ']');
    } else if (s->kind == CX_SCOPE_IS_IN) {
        writ_buf_put_str(b, ",\"in\":{");
        put_uid_or_slot(b, s, name);
        writ_buf_put_u8(b, '}');
    } else if (s->kind == CX_SCOPE_EQ || s->kind == CX_SCOPE_IN) {
        writ_buf_put_u8(b, ',');
        put_uid_or_slot(b, s, name);
    }
    writ_buf_put_str(b, "},");
}

static void
put_annotations(struct writ_buf *b, const struct cx_policy *p)
{
    if (p->annotation_n == 0)
        return;
    writ_buf_put_str(b, ",\"annotations\":{");
    for (uint32_t i = 0; i < p->annotation_n; i++) {
        if (i != 0)
            writ_buf_put_u8(b, ',');
        quote(b, p->annotations[i].key);
        writ_buf_put_u8(b, ':');
        if (p->annotations[i].bare) {
            writ_buf_put_str(b, "null");
        } else {
            quote(b, p->annotations[i].value);
        }
    }
    writ_buf_put_u8(b, '}');
}

void
cx_est_policy(struct writ_buf *b, const struct cx_policy *p)
{
    static const char *const names[] = {"principal", "action", "resource"};

    writ_buf_putf(b, "{\"effect\":\"%s\",", p->effect == CEDAR_FORBID ? "forbid" : "permit");
    for (size_t i = 0; i < 3; i++)
        put_scope(b, &p->scope[i], names[i]);
    writ_buf_put_str(b, "\"conditions\":[");
    for (uint32_t i = 0; i < p->cond_n; i++) {
        writ_buf_putf(b, "%s{\"kind\":\"%s\",\"body\":", i == 0 ? "" : ",",
                      p->conds[i].unless ? "unless" : "when");
        put_expr(b, p->conds[i].body);
        writ_buf_put_u8(b, '}');
    }
    writ_buf_put_u8(b, ']');
    put_annotations(b, p);
    writ_buf_put_u8(b, '}');
}
