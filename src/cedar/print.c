#include "cedar/print.h"

#include "base/text.h"
#include "cedar/lex.h"
#include "cedar/parse.h"

/* How tightly an expression binds; one that binds less than its place asks for gets brackets. */
enum { P_IF, P_OR, P_AND, P_RELATION, P_ADD, P_MUL, P_UNARY, P_MEMBER, P_PRIMARY };

static void print(struct writ_buf *b, const struct cx_expr *e, int place);

static void
put_char(struct writ_buf *b, unsigned char c)
{
    static const char special[] = "\"\\\n\r\t";
    static const char letter[] = "\"\\nrt";
    const char *hit = (const char *)memchr(special, c, sizeof special - 1);

    if (hit != NULL) {
        writ_buf_put_u8(b, '\\');
        writ_buf_put_u8(b, (uint8_t)letter[hit - special]);
    } else if (c < 0x20 || c == 0x7f) {
        writ_buf_putf(b, "\\u{%x}", c);
    } else {
        writ_buf_put_u8(b, c);
    }
}

void
cx_print_string(struct writ_buf *b, struct cedar_span s)
{
    writ_buf_put_u8(b, '"');
    for (size_t i = 0; i < s.len; i++)
        put_char(b, (unsigned char)s.ptr[i]);
    writ_buf_put_u8(b, '"');
}

void
cx_print_uid(struct writ_buf *b, const struct cedar_uid *u)
{
    cx_put(b, cx_type(u));
    writ_buf_put_str(b, "::");
    cx_print_string(b, cx_id(u));
}

static bool
plain_name(struct cedar_span s)
{
    return cx_is_ident(s) && !cx_is_reserved(s);
}

static void
put_name(struct writ_buf *b, struct cedar_span s)
{
    if (plain_name(s)) {
        cx_put(b, s);
    } else {
        cx_print_string(b, s);
    }
}

static int
binding(const struct cx_expr *e)
{
    switch (e->op) {
    case CX_IF:
        return P_IF;
    case CX_OR:
        return P_OR;
    case CX_AND:
        return P_AND;
    case CX_EQ:
    case CX_NE:
    case CX_LT:
    case CX_LE:
    case CX_GT:
    case CX_GE:
    case CX_IN:
    case CX_HAS:
    case CX_LIKE:
    case CX_IS:
        return P_RELATION;
    case CX_ADD:
    case CX_SUB:
        return P_ADD;
    case CX_MUL:
        return P_MUL;
    case CX_NOT:
    case CX_NEG:
        return P_UNARY;
    case CX_LIT:
        return e->u.lit.kind == CEDAR_LONG && e->u.lit.u.num < 0 ? P_UNARY : P_PRIMARY;
    case CX_VAR:
    case CX_SET:
    case CX_RECORD:
        return P_PRIMARY;
    default:
        return P_MEMBER;
    }
}

static void
print_lit(struct writ_buf *b, const struct cedar_value *v)
{
    if (v->kind == CEDAR_BOOL) {
        writ_buf_put_str(b, v->u.num != 0 ? "true" : "false");
    } else if (v->kind == CEDAR_LONG) {
        writ_buf_putf(b, "%lld", (long long)v->u.num);
    } else if (v->kind == CEDAR_STRING) {
        cx_print_string(b, cx_str(v));
    } else {
        cx_print_uid(b, v->u.uid);
    }
}

static void
print_infix(struct writ_buf *b, const struct cx_expr *e)
{
    static const char *const names[CX_OP_COUNT] = {
        [CX_OR] = " || ", [CX_AND] = " && ", [CX_EQ] = " == ", [CX_NE] = " != ",
        [CX_LT] = " < ",  [CX_LE] = " <= ",  [CX_GT] = " > ",  [CX_GE] = " >= ",
        [CX_IN] = " in ", [CX_ADD] = " + ",  [CX_SUB] = " - ", [CX_MUL] = " * "};
    int at = binding(e);

    /* Chains group to the left; relations do not chain at all. */
    print(b, e->args[0], at == P_RELATION ? P_ADD : at);
    writ_buf_put_str(b, names[e->op]);
    print(b, e->args[1], at + 1);
}

static void
print_unary(struct writ_buf *b, const struct cx_expr *e)
{
    const struct cx_expr *arg = e->args[0];
    /* -5 is a number; the negation of the number 5 is -(5). */
    bool number = e->op == CX_NEG && arg->op == CX_LIT && arg->u.lit.kind == CEDAR_LONG;

    writ_buf_put_str(b, e->op == CX_NEG ? "-" : "!");
    if (number)
        writ_buf_put_u8(b, '(');
    print(b, arg, number ? P_IF : P_MEMBER);
    if (number)
        writ_buf_put_u8(b, ')');
}

static void
print_pattern(struct writ_buf *b, const struct cx_pattern *p)
{
    writ_buf_put_u8(b, '"');
    for (uint32_t i = 0; i < p->n; i++) {
        if (i != 0)
            writ_buf_put_u8(b, '*');
        for (size_t k = 0; k < p->pieces[i].len; k++) {
            if (p->pieces[i].ptr[k] == '*')
                writ_buf_put_u8(b, '\\');
            put_char(b, (unsigned char)p->pieces[i].ptr[k]);
        }
    }
    writ_buf_put_u8(b, '"');
}

static void
print_tested(struct writ_buf *b, const struct cx_expr *e)
{
    print(b, e->args[0], P_ADD);
    if (e->op == CX_LIKE) {
        writ_buf_put_str(b, " like ");
        print_pattern(b, &e->u.pattern);
        return;
    }
    writ_buf_put_str(b, e->op == CX_HAS ? " has " : " is ");
    if (e->op == CX_IS) {
        cx_put(b, e->u.names[0]);
        if (e->n == 2) {
            writ_buf_put_str(b, " in ");
            print(b, e->args[1], P_ADD);
        }
        return;
    }
    for (uint32_t i = 0; i < e->names_n; i++) {
        if (i != 0)
            writ_buf_put_u8(b, '.');
        put_name(b, e->u.names[i]);
    }
}

static void
print_list(struct writ_buf *b, const struct cx_expr *e, uint32_t from)
{
    for (uint32_t i = from; i < e->n; i++) {
        if (i != from)
            writ_buf_put_str(b, ", ");
        print(b, e->args[i], P_IF);
    }
}

static void
print_call(struct writ_buf *b, const struct cx_expr *e)
{
    bool method = e->op != CX_CALL || cx_fns[e->sub].method;

    if (method) {
        print(b, e->args[0], P_MEMBER);
        writ_buf_put_u8(b, '.');
    }
    writ_buf_put_str(b, e->op == CX_CALL ? cx_fns[e->sub].name : cx_method_name((enum cx_op)e->op));
    writ_buf_put_u8(b, '(');
    print_list(b, e, method ? 1 : 0);
    writ_buf_put_u8(b, ')');
}

static void
print_get(struct writ_buf *b, const struct cx_expr *e)
{
    print(b, e->args[0], P_MEMBER);
    if (plain_name(e->u.names[0])) {
        writ_buf_put_u8(b, '.');
        cx_put(b, e->u.names[0]);
        return;
    }
    writ_buf_put_u8(b, '[');
    cx_print_string(b, e->u.names[0]);
    writ_buf_put_u8(b, ']');
}

static void
print_record(struct writ_buf *b, const struct cx_expr *e)
{
    writ_buf_put_u8(b, '{');
    for (uint32_t i = 0; i < e->n; i++) {
        if (i != 0)
            writ_buf_put_str(b, ", ");
        put_name(b, e->u.names[i]);
        writ_buf_put_str(b, ": ");
        print(b, e->args[i], P_IF);
    }
    writ_buf_put_u8(b, '}');
}

static void
print_if(struct writ_buf *b, const struct cx_expr *e)
{
    writ_buf_put_str(b, "if ");
    print(b, e->args[0], P_IF);
    writ_buf_put_str(b, " then ");
    print(b, e->args[1], P_IF);
    writ_buf_put_str(b, " else ");
    print(b, e->args[2], P_IF);
}

static void
print_bare(struct writ_buf *b, const struct cx_expr *e)
{
    static const char *const vars[] = {"principal", "action", "resource", "context"};

    switch (e->op) {
    case CX_LIT:
        print_lit(b, &e->u.lit);
        break;
    case CX_VAR:
        writ_buf_put_str(b, vars[e->sub]);
        break;
    case CX_NOT:
    case CX_NEG:
        print_unary(b, e);
        break;
    case CX_IF:
        print_if(b, e);
        break;
    case CX_HAS:
    case CX_IS:
    case CX_LIKE:
        print_tested(b, e);
        break;
    case CX_GET:
        print_get(b, e);
        break;
    case CX_SET:
        writ_buf_put_u8(b, '[');
        print_list(b, e, 0);
        writ_buf_put_u8(b, ']');
        break;
    case CX_RECORD:
        print_record(b, e);
        break;
    default:
        if (binding(e) == P_MEMBER) {
            print_call(b, e);
        } else {
            print_infix(b, e);
        }
        break;
    }
}

/* Recurses by the height of the expression. */
static void
print(struct writ_buf *b, const struct cx_expr *e, int place)
{
    bool brackets = binding(e) < place;

    if (brackets)
        writ_buf_put_u8(b, '(');
    print_bare(b, e);
    if (brackets)
        writ_buf_put_u8(b, ')');
}

void
cx_print_expr(struct writ_buf *b, const struct cx_expr *e)
{
    print(b, e, P_IF);
}

static void
print_uid_or_slot(struct writ_buf *b, const struct cx_scope *s, const char *name)
{
    if (s->slot) {
        writ_buf_putf(b, "?%s", name);
    } else {
        cx_print_uid(b, &s->uids[0]);
    }
}

void
cx_print_scope(struct writ_buf *b, const struct cx_scope *s, const char *name)
{
    writ_buf_put_str(b, name);
    if (s->kind == CX_SCOPE_IS || s->kind == CX_SCOPE_IS_IN) {
        writ_buf_put_str(b, " is ");
        cx_put(b, s->type);
    }
    if (s->kind == CX_SCOPE_EQ) {
        writ_buf_put_str(b, " == ");
    } else if (s->kind == CX_SCOPE_IN || s->kind == CX_SCOPE_IS_IN) {
        writ_buf_put_str(b, " in ");
    } else {
        return;
    }
    if (!s->list) {
        print_uid_or_slot(b, s, name);
        return;
    }
    writ_buf_put_u8(b, '[');
    for (uint32_t i = 0; i < s->n; i++) {
        if (i != 0)
            writ_buf_put_str(b, ", ");
        cx_print_uid(b, &s->uids[i]);
    }
    writ_buf_put_u8(b, ']');
}

void
cx_print_policy(struct writ_buf *b, const struct cx_policy *p)
{
    static const char *const names[] = {"principal", "action", "resource"};

    for (uint32_t i = 0; i < p->annotation_n; i++) {
        writ_buf_put_u8(b, '@');
        cx_put(b, p->annotations[i].key);
        if (!p->annotations[i].bare) {
            writ_buf_put_u8(b, '(');
            cx_print_string(b, p->annotations[i].value);
            writ_buf_put_u8(b, ')');
        }
        writ_buf_put_u8(b, '\n');
    }
    writ_buf_put_str(b, p->effect == CEDAR_FORBID ? "forbid (\n" : "permit (\n");
    for (size_t i = 0; i < 3; i++) {
        writ_buf_put_str(b, "  ");
        cx_print_scope(b, &p->scope[i], names[i]);
        writ_buf_put_str(b, i < 2 ? ",\n" : "\n)");
    }
    for (uint32_t i = 0; i < p->cond_n; i++) {
        writ_buf_put_str(b, p->conds[i].unless ? "\nunless { " : "\nwhen { ");
        cx_print_expr(b, p->conds[i].body);
        writ_buf_put_str(b, " }");
    }
    writ_buf_put_str(b, ";\n");
}
