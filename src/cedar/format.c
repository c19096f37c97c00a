/* The usual layout of policy text, made from its tokens so that comments stay where they were. */
#include "base/limits.h"
#include "cedar/lex.h"
#include "cedar/print.h"

enum { WIDTH = 88, INDENT = 2 };

struct layout {
    struct cx_reader r;
    struct writ_buf *out;
    struct cx_token prev; /* the token written last; CX_T_END at the start of a line */
    bool prev_unary;      /* it was a minus sign or an exclamation mark before an operand */
    unsigned indent;
    bool fresh;    /* at the start of a line */
    bool must_end; /* a comment ended this line */
    size_t seen;   /* comments up to here are written */
};

static void
end_line(struct layout *l)
{
    if (!l->fresh)
        writ_buf_put_u8(l->out, '\n');
    l->fresh = true;
    l->must_end = false;
    l->prev = (struct cx_token){.kind = CX_T_END};
}

static void
begin_text(struct layout *l)
{
    if (l->must_end)
        end_line(l);
    for (unsigned i = 0; l->fresh && i < l->indent; i++)
        writ_buf_put_u8(l->out, ' ');
    l->fresh = false;
}

static bool
is_keyword(const struct cx_token *t)
{
    static const char *const words[] = {"if", "then", "else", "in", "like", "has", "is"};

    for (size_t i = 0; t->kind == CX_T_IDENT && i < WRIT_COUNT(words); i++) {
        if (cx_span_is(t->text, words[i]))
            return true;
    }
    return false;
}

/* Whether t ends an operand, so that a minus sign, a bracket or a parenthesis after it belongs to
 * it or stands between two. */
static bool
ends_operand(const struct cx_token *t)
{
    if (t->kind == CX_T_PUNCT)
        return t->punct == CX_P(')') || t->punct == CX_P(']') || t->punct == CX_P('}');
    return t->kind != CX_T_END && !is_keyword(t);
}

static bool
wants_space(const struct layout *l, const struct cx_token *t)
{
    static const unsigned tight_after[] = {CX_P('('), CX_P('['), CX_P('{'),
                                           CX_P('.'), CX_P('@'), CX_PP(':', ':')};
    static const unsigned tight_before[] = {CX_P(')'), CX_P(']'), CX_P('}'), CX_P('.'),
                                            CX_P(','), CX_P(';'), CX_P(':'), CX_PP(':', ':')};

    if (l->prev.kind == CX_T_END || l->prev_unary)
        return false;
    for (size_t i = 0; l->prev.kind == CX_T_PUNCT && i < WRIT_COUNT(tight_after); i++) {
        if (l->prev.punct == tight_after[i])
            return false;
    }
    for (size_t i = 0; t->kind == CX_T_PUNCT && i < WRIT_COUNT(tight_before); i++) {
        if (t->punct == tight_before[i])
            return false;
    }
    if (t->kind == CX_T_PUNCT && t->punct == CX_P('('))
        return !(l->prev.kind == CX_T_IDENT && ends_operand(&l->prev));
    if (t->kind == CX_T_PUNCT && t->punct == CX_P('['))
        return !ends_operand(&l->prev);
    return true;
}

/* One comment, on a line of its own or behind what was written last. */
static void
put_comment(struct layout *l, struct cedar_span text, bool own_line)
{
    if (own_line) {
        end_line(l);
    } else if (!l->fresh) {
        writ_buf_put_u8(l->out, ' ');
    }
    begin_text(l);
    cx_put(l->out, text);
    l->must_end = true;
}

/* Comments before the current token that are not written yet. */
static void
put_comments(struct layout *l)
{
    const char *text = l->r.src->text;
    size_t at = l->r.last_end > l->seen ? l->r.last_end : l->seen;
    bool own_line = at == 0;

    while (at < l->r.tok.pos) {
        size_t end = at;

        if (text[at] != '/') {
            own_line = own_line || text[at] == '\n';
            at++;
            continue;
        }
        while (end < l->r.src->len && text[end] != '\n' && text[end] != '\r')
            end++;
        put_comment(l, cx_span(text + at, end - at), own_line);
        at = end;
    }
    l->seen = l->r.tok.pos;
}

/* Between two policies: what stands behind the first, one empty line, what stands above the
 * second. */
static void
put_between(struct layout *l)
{
    struct layout all = *l;
    const char *text = l->r.src->text;
    size_t at = l->r.last_end;

    while (at < l->r.tok.pos && text[at] != '\n')
        at++;
    all.r.tok.pos = (uint32_t)at;
    put_comments(&all);
    all.r.tok.pos = l->r.tok.pos;
    end_line(&all);
    if (l->r.tok.kind != CX_T_END)
        writ_buf_put_u8(l->out, '\n');
    *l = all;
    put_comments(l);
    end_line(l);
}

/* Writes the current token and goes to the next. */
static void
put_token(struct layout *l)
{
    struct cx_token t = l->r.tok;
    bool operand = ends_operand(&l->prev);

    put_comments(l);
    if (l->must_end)
        end_line(l);
    if (!l->fresh && wants_space(l, &t))
        writ_buf_put_u8(l->out, ' ');
    begin_text(l);
    cx_put(l->out, cx_span(l->r.src->text + t.pos, t.end - t.pos));
    l->prev_unary =
        t.kind == CX_T_PUNCT && (t.punct == CX_P('!') || (t.punct == CX_P('-') && !operand));
    l->prev = t;
    cx_next(&l->r);
}

static void
put_word(struct layout *l, const char *word)
{
    begin_text(l);
    writ_buf_put_str(l->out, word);
}

/* Goes past a bracket that the layout writes by itself. */
static void
skip(struct layout *l)
{
    put_comments(l);
    cx_next(&l->r);
}

static bool
opens(const struct layout *l)
{
    return cx_is(&l->r, CX_P('(')) || cx_is(&l->r, CX_P('[')) || cx_is(&l->r, CX_P('{'));
}

static bool
closes(const struct layout *l)
{
    return cx_is(&l->r, CX_P(')')) || cx_is(&l->r, CX_P(']')) || cx_is(&l->r, CX_P('}'));
}

/* Tokens up to the bracket that closes what is open, which is left. broken: a new line after each
 * comma or logical operator that is in no bracket. */
static void
put_inside(struct layout *l, bool broken)
{
    unsigned depth = 0;

    while (l->r.tok.kind != CX_T_END && (depth != 0 || !closes(l))) {
        bool ends = cx_is(&l->r, CX_P(',')) || cx_is(&l->r, CX_PP('&', '&')) ||
                    cx_is(&l->r, CX_PP('|', '|'));

        if (opens(l)) {
            depth++;
        } else if (closes(l)) {
            depth--;
        }
        put_token(l);
        if (broken && ends && depth == 0)
            l->must_end = true;
    }
}

/* Whether the tokens up to the closing bracket fit what is left of the line, without a comment. */
static bool
fits_line(const struct layout *l, size_t used)
{
    WRIT_BUF_AUTO struct writ_buf out;
    struct layout trial = *l;

    writ_buf_init(&out, WRIT_CEDAR_OUT_BYTES_MAX);
    trial.out = &out;
    trial.indent = 0;
    trial.fresh = true;
    trial.must_end = false;
    trial.prev = (struct cx_token){.kind = CX_T_END};
    put_inside(&trial, false);
    put_comments(&trial);
    return !out.failed && out.mem != NULL && memchr(out.mem, '\n', out.end) == NULL &&
           !trial.must_end && used + writ_buf_len(&out) <= WIDTH;
}

static void
put_block(struct layout *l, bool one_line, const char *space)
{
    if (one_line) {
        writ_buf_put_str(l->out, space);
        l->prev = (struct cx_token){.kind = CX_T_END};
        put_inside(l, false);
        writ_buf_put_str(l->out, space);
    } else {
        l->must_end = true;
        l->indent = INDENT;
        put_inside(l, true);
        put_comments(l);
        l->indent = 0;
        end_line(l);
        begin_text(l);
    }
}

/* A scope that names nothing stays on one line; others get a line for each part. */
static bool
plain_scope(const struct layout *l)
{
    struct layout look = *l;
    static const char *const words[] = {"principal", "action", "resource"};

    for (size_t i = 0; i < WRIT_COUNT(words); i++) {
        if (!cx_take_word(&look.r, words[i]) || (i < 2 && !cx_take(&look.r, CX_P(','))))
            return false;
    }
    cx_take(&look.r, CX_P(','));
    return cx_is(&look.r, CX_P(')')) && fits_line(l, 0);
}

static void
put_scope(struct layout *l)
{
    put_token(l); /* permit or forbid */
    put_word(l, " (");
    skip(l);
    put_block(l, !l->must_end && plain_scope(l), "");
    put_word(l, ")");
    cx_next(&l->r);
}

static void
put_condition(struct layout *l)
{
    size_t used = l->r.tok.text.len + 6; /* " { ", " }" and the ";" that may follow */

    put_comments(l);
    end_line(l);
    put_token(l); /* when or unless */
    put_word(l, " {");
    skip(l);
    put_block(l, !l->must_end && fits_line(l, used), " ");
    put_word(l, "}");
    cx_next(&l->r);
}

static void
put_annotation(struct layout *l)
{
    do {
        put_token(l);
    } while (l->r.tok.kind != CX_T_END && !cx_is(&l->r, CX_P('@')) &&
             !(cx_is_word(&l->r, "permit") && !cx_is(&l->r, CX_P('('))) &&
             !(cx_is_word(&l->r, "forbid")));
    put_comments(l);
    end_line(l);
}

/* One policy, which is known to be well-formed. */
static void
put_policy(struct layout *l)
{
    while (cx_is(&l->r, CX_P('@')))
        put_annotation(l);
    put_scope(l);
    while (cx_is_word(&l->r, "when") || cx_is_word(&l->r, "unless"))
        put_condition(l);
    put_comments(l);
    l->prev = (struct cx_token){.kind = CX_T_END};
    put_token(l); /* ; */
}

static void
put_all(struct layout *l)
{
    l->fresh = true;
    put_comments(l);
    end_line(l);
    while (l->r.e == CEDAR_OK && l->r.tok.kind != CX_T_END) {
        put_policy(l);
        put_between(l);
    }
}

static enum cedar_err
load(const struct cedar_source *src, struct writ_buf *json, struct cedar_error *err)
{
    struct cedar_policies *ps = NULL;
    enum cedar_err e = cedar_policies_load(src, 1, CEDAR_IDS_NUMBERED, &ps, err);

    for (size_t i = 0; e == CEDAR_OK && i < ps->n; i++)
        cx_est_policy(json, &ps->policies[i]);
    cedar_policies_free(ps);
    return e;
}

enum cedar_err
cedar_format(const struct cedar_source *src, cedar_put_fn *put, void *arg, struct cedar_error *err)
{
    WRIT_BUF_AUTO struct writ_buf out;
    WRIT_BUF_AUTO struct writ_buf before;
    WRIT_BUF_AUTO struct writ_buf after;
    struct cx_arena arena = {0};
    struct layout l = {.out = &out};
    struct cedar_source again;
    enum cedar_err e;

    writ_buf_init(&out, WRIT_CEDAR_OUT_BYTES_MAX);
    writ_buf_init(&before, WRIT_CEDAR_OUT_BYTES_MAX);
    writ_buf_init(&after, WRIT_CEDAR_OUT_BYTES_MAX);
    e = load(src, &before, err);
    if (e != CEDAR_OK)
        return e;
    e = cx_reader_init(&l.r, src, &arena, err);
    if (e == CEDAR_OK)
        put_all(&l);
    cx_arena_done(&arena);
    again =
        (struct cedar_source){src->name, (const char *)writ_buf_span(&out).ptr, writ_buf_len(&out)};
    /* A layout that changed the meaning would be worse than none. */
    if (out.failed || load(&again, &after, NULL) != CEDAR_OK || after.failed ||
        !writ_span_eq(writ_buf_span(&before), writ_buf_span(&after))) {
        cx_error_set(err, src->name, 0, 0, "this text cannot be laid out");
        return CEDAR_E_LIMIT;
    }
    put(arg, again.text, again.len);
    return CEDAR_OK;
}
