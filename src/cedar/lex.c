#include "cedar/lex.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/text.h"

bool
cx_fail(struct cx_reader *r, enum cedar_err e, uint32_t pos, const char *fmt, ...)
{
    char text[256];
    va_list ap;

    if (r->e != CEDAR_OK)
        return false;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    r->e = e;
    cx_error_at(r->err, r->src, pos, "%s", text);
    r->tok.kind = CX_T_END;
    return false;
}

bool
cx_expected(struct cx_reader *r, const char *what)
{
    char shown[CX_SHOW];

    if (r->tok.kind == CX_T_END) {
        return cx_fail(r, CEDAR_E_SYNTAX, r->tok.pos, "expected %s, found the end of the text",
                       what);
    }
    (void)cx_show(cx_span(r->src->text + r->tok.pos, r->tok.end - r->tok.pos), shown, sizeof shown);
    return cx_fail(r, CEDAR_E_SYNTAX, r->tok.pos, "expected %s, found `%s`", what, shown);
}

/* Bytes of the white space character at p, 0 if it is none: Unicode's White_Space property. */
static size_t
space(const char *p, size_t len)
{
    static const char *const wide[] = {
        "\xc2\x85",     "\xc2\xa0",     "\xe1\x9a\x80", "\xe2\x80\x80", "\xe2\x80\x81",
        "\xe2\x80\x82", "\xe2\x80\x83", "\xe2\x80\x84", "\xe2\x80\x85", "\xe2\x80\x86",
        "\xe2\x80\x87", "\xe2\x80\x88", "\xe2\x80\x89", "\xe2\x80\x8a", "\xe2\x80\xa8",
        "\xe2\x80\xa9", "\xe2\x80\xaf", "\xe2\x81\x9f", "\xe3\x80\x80"};
    unsigned char c = (unsigned char)p[0];

    if (c < 0x80)
        return c == ' ' || (c >= 9 && c <= 13) ? 1 : 0;
    for (size_t i = 0; i < WRIT_COUNT(wide); i++) {
        size_t n = strlen(wide[i]);

        if (len >= n && memcmp(p, wide[i], n) == 0)
            return n;
    }
    return 0;
}

static size_t
skip_blank(const struct cedar_source *src, size_t at)
{
    while (at < src->len) {
        size_t n = space(src->text + at, src->len - at);

        if (n == 0 && src->len - at >= 2 && src->text[at] == '/' && src->text[at + 1] == '/') {
            while (at + n < src->len && src->text[at + n] != '\n' && src->text[at + n] != '\r')
                n++;
        }
        if (n == 0)
            break;
        at += n;
    }
    return at;
}

static bool
ident_start(char c)
{
    return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool
digit(char c)
{
    return c >= '0' && c <= '9';
}

static size_t
ident_end(const struct cedar_source *src, size_t at)
{
    while (at < src->len && (ident_start(src->text[at]) || digit(src->text[at])))
        at++;
    return at;
}

static void
lex_string(struct cx_reader *r, size_t at)
{
    const struct cedar_source *src = r->src;
    size_t i = at + 1;

    while (i < src->len && src->text[i] != '"')
        i += src->text[i] == '\\' ? 2 : 1;
    if (i >= src->len) {
        (void)cx_fail(r, CEDAR_E_SYNTAX, (uint32_t)at, "this string has no closing quote");
        return;
    }
    r->tok.kind = CX_T_STRING;
    r->tok.text = cx_span(src->text + at + 1, i - at - 1);
    r->tok.end = (uint32_t)(i + 1);
}

static void
lex_punct(struct cx_reader *r, size_t at)
{
    static const unsigned two[] = {CX_PP(':', ':'), CX_PP('=', '='), CX_PP('!', '='),
                                   CX_PP('<', '='), CX_PP('>', '='), CX_PP('|', '|'),
                                   CX_PP('&', '&')};
    static const char one[] = "@.,;:(){}[]<>+-*/%!=?";
    const struct cedar_source *src = r->src;
    char shown[CX_SHOW];

    r->tok.kind = CX_T_PUNCT;
    for (size_t i = 0; i < WRIT_COUNT(two) && src->len - at >= 2; i++) {
        if (CX_PP(src->text[at], src->text[at + 1]) == two[i]) {
            r->tok.punct = two[i];
            r->tok.end = (uint32_t)(at + 2);
            return;
        }
    }
    if (src->text[at] != '\0' && strchr(one, src->text[at]) != NULL) {
        r->tok.punct = CX_P(src->text[at]);
        r->tok.end = (uint32_t)(at + 1);
        return;
    }
    (void)cx_fail(r, CEDAR_E_SYNTAX, (uint32_t)at, "`%s` begins no token",
                  cx_show(cx_span(src->text + at, 1), shown, sizeof shown));
}

void
cx_next(struct cx_reader *r)
{
    const struct cedar_source *src = r->src;
    size_t at;
    size_t i;

    if (r->e != CEDAR_OK)
        return;
    r->last_end = r->tok.end;
    at = skip_blank(src, r->tok.end);
    r->tok = (struct cx_token){.pos = (uint32_t)at, .end = (uint32_t)at};
    if (at == src->len)
        return;
    if (ident_start(src->text[at])) {
        i = ident_end(src, at);
        r->tok.kind = CX_T_IDENT;
        r->tok.text = cx_span(src->text + at, i - at);
        r->tok.end = (uint32_t)i;
    } else if (digit(src->text[at])) {
        for (i = at; i < src->len && digit(src->text[i]);)
            i++;
        r->tok.kind = CX_T_INT;
        r->tok.text = cx_span(src->text + at, i - at);
        r->tok.end = (uint32_t)i;
    } else if (src->text[at] == '"') {
        lex_string(r, at);
    } else if (src->text[at] == '?' && at + 1 < src->len && ident_start(src->text[at + 1])) {
        i = ident_end(src, at + 1);
        r->tok.kind = CX_T_SLOT;
        r->tok.text = cx_span(src->text + at + 1, i - at - 1);
        r->tok.end = (uint32_t)i;
    } else {
        lex_punct(r, at);
    }
}

enum cedar_err
cx_reader_init(struct cx_reader *r, const struct cedar_source *src, struct cx_arena *arena,
               struct cedar_error *err)
{
    size_t bad;

    *r = (struct cx_reader){.src = src, .arena = arena, .err = err};
    if (src->len > WRIT_CEDAR_TEXT_BYTES_MAX) {
        (void)cx_fail(r, CEDAR_E_LIMIT, 0, "the text has more than %d bytes",
                      WRIT_CEDAR_TEXT_BYTES_MAX);
        return r->e;
    }
    bad = writ_utf8_check(writ_span(src->text, src->len));
    if (bad != src->len) {
        (void)cx_fail(r, CEDAR_E_SYNTAX, (uint32_t)bad, "the text is not UTF-8");
        return r->e;
    }
    cx_next(r);
    return r->e;
}

bool
cx_is_word(const struct cx_reader *r, const char *word)
{
    return r->tok.kind == CX_T_IDENT && cx_span_is(r->tok.text, word);
}

bool
cx_take(struct cx_reader *r, unsigned punct)
{
    if (!cx_is(r, punct))
        return false;
    cx_next(r);
    return true;
}

bool
cx_take_word(struct cx_reader *r, const char *word)
{
    if (!cx_is_word(r, word))
        return false;
    cx_next(r);
    return true;
}

bool
cx_need(struct cx_reader *r, unsigned punct, const char *what)
{
    if (!cx_is(r, punct))
        return cx_expected(r, what);
    cx_next(r);
    return r->e == CEDAR_OK;
}

bool
cx_enter(struct cx_reader *r)
{
    if (++r->nesting > WRIT_CEDAR_NESTING_MAX) {
        return cx_fail(r, CEDAR_E_LIMIT, r->tok.pos, "more than %d brackets within each other",
                       WRIT_CEDAR_NESTING_MAX);
    }
    return true;
}

bool
cx_is_reserved(struct cedar_span s)
{
    static const char *const words[] = {"true", "false", "if",  "then", "else",
                                        "in",   "like",  "has", "is",   "__cedar"};

    for (size_t i = 0; i < WRIT_COUNT(words); i++) {
        if (cx_span_is(s, words[i]))
            return true;
    }
    return false;
}

bool
cx_is_ident(struct cedar_span s)
{
    if (s.len == 0 || !ident_start(s.ptr[0]))
        return false;
    for (size_t i = 1; i < s.len; i++) {
        if (!ident_start(s.ptr[i]) && !digit(s.ptr[i]))
            return false;
    }
    return true;
}

bool
cx_is_path(struct cedar_span s)
{
    size_t from = 0;

    for (size_t i = 0; i <= s.len; i++) {
        struct cedar_span part;

        if (i < s.len && s.ptr[i] != ':')
            continue;
        part = cx_span(s.ptr + from, i - from);
        if (!cx_is_ident(part) || cx_is_reserved(part))
            return false;
        if (i == s.len)
            return true;
        if (s.len - i < 3 || s.ptr[i + 1] != ':')
            return false;
        i++;
        from = i + 1;
    }
    return false;
}

static int
hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* \u{1F600}: up to six digits, which underscores may follow. s begins after the 'u'. */
static size_t
unescape_unicode(struct cedar_span s, uint32_t *ret)
{
    uint32_t v = 0;
    size_t digits = 0;
    size_t i = 1;

    if (s.len < 3 || s.ptr[0] != '{' || s.ptr[1] == '_')
        return 0;
    for (; i < s.len && s.ptr[i] != '}'; i++) {
        if (s.ptr[i] == '_')
            continue;
        if (hex_value(s.ptr[i]) < 0 || ++digits > 6)
            return 0;
        v = v * 16 + (uint32_t)hex_value(s.ptr[i]);
    }
    if (i >= s.len || digits == 0 || v > 0x10ffff || (v >= 0xd800 && v <= 0xdfff))
        return 0;
    *ret = v;
    return i + 1;
}

/* One escape; s begins after the backslash. Returns the bytes taken, 0 if it is none. */
static size_t
unescape(struct cedar_span s, uint32_t *ret)
{
    static const char from[] = "nrt0\\'\"";
    static const char to[] = "\n\r\t\0\\'\"";
    const char *hit;

    if (s.len == 0)
        return 0;
    hit = (const char *)memchr(from, s.ptr[0], sizeof from - 1);
    if (hit != NULL) {
        *ret = (unsigned char)to[hit - from];
        return 1;
    }
    if (s.ptr[0] == 'x') {
        if (s.len < 3 || hex_value(s.ptr[1]) < 0 || hex_value(s.ptr[1]) > 7 ||
            hex_value(s.ptr[2]) < 0)
            return 0;
        *ret = (uint32_t)(hex_value(s.ptr[1]) * 16 + hex_value(s.ptr[2]));
        return 3;
    }
    if (s.ptr[0] == 'u') {
        size_t n = unescape_unicode(cx_span(s.ptr + 1, s.len - 1), ret);

        return n == 0 ? 0 : n + 1;
    }
    return 0;
}

/* Resolves one character or escape at raw[*i] into out; *star is set for a bare star. */
static bool
string_step(struct cx_reader *r, struct cedar_span raw, size_t *i, char *out, size_t *n)
{
    uint32_t c = 0;
    size_t used;

    if (raw.ptr[*i] != '\\') {
        if (raw.ptr[*i] == '\r') {
            return cx_fail(r, CEDAR_E_SYNTAX, r->tok.pos,
                           "a carriage return in a string must be written as \\r");
        }
        out[(*n)++] = raw.ptr[(*i)++];
        return true;
    }
    used = unescape(cx_span(raw.ptr + *i + 1, raw.len - *i - 1), &c);
    if (used == 0)
        return cx_fail(r, CEDAR_E_SYNTAX, r->tok.pos + 1 + (uint32_t)*i, "unknown escape");
    *i += 1 + used;
    *n += writ_utf8_put(c, (uint8_t *)out + *n);
    return true;
}

bool
cx_string(struct cx_reader *r, struct cedar_span *ret)
{
    struct cedar_span raw = r->tok.text;
    size_t n = 0;
    char *out;

    if (r->tok.kind != CX_T_STRING)
        return cx_expected(r, "a string");
    out = (char *)cx_alloc(r->arena, raw.len); /* no escape is shorter than what it stands for */
    if (out == NULL)
        return cx_fail(r, CEDAR_E_NOMEM, r->tok.pos, "out of memory");
    for (size_t i = 0; i < raw.len;) {
        if (!string_step(r, raw, &i, out, &n))
            return false;
    }
    *ret = cx_span(out, n);
    return true;
}

bool
cx_string_pattern(struct cx_reader *r, struct cx_pattern *ret)
{
    CX_VEC_AUTO struct cx_vec pieces = {0};
    struct cedar_span raw = r->tok.text;
    struct cedar_span *piece;
    size_t n = 0;
    char *out;

    if (r->tok.kind != CX_T_STRING)
        return cx_expected(r, "a pattern in quotes");
    out = (char *)cx_alloc(r->arena, raw.len);
    piece = (struct cedar_span *)cx_vec_push(&pieces, sizeof *piece);
    if (out == NULL || piece == NULL)
        return cx_fail(r, CEDAR_E_NOMEM, r->tok.pos, "out of memory");
    *piece = cx_span(out, 0);
    for (size_t i = 0; i < raw.len;) {
        size_t before = n;

        if (raw.ptr[i] == '*') {
            piece = (struct cedar_span *)cx_vec_push(&pieces, sizeof *piece);
            if (piece == NULL)
                return cx_fail(r, CEDAR_E_NOMEM, r->tok.pos, "out of memory");
            *piece = cx_span(out + n, 0);
            i++;
            continue;
        }
        if (raw.len - i >= 2 && raw.ptr[i] == '\\' && raw.ptr[i + 1] == '*') {
            out[n++] = '*';
            i += 2;
        } else if (!string_step(r, raw, &i, out, &n)) {
            return false;
        }
        piece->len += n - before;
    }
    ret->n = (uint32_t)pieces.len;
    ret->pieces = (const struct cedar_span *)cx_vec_keep(&pieces, sizeof *piece, r->arena);
    if (ret->pieces == NULL)
        return cx_fail(r, CEDAR_E_NOMEM, r->tok.pos, "out of memory");
    return true;
}

static bool
join(struct cx_reader *r, struct cx_vec *text, struct cedar_span part)
{
    for (size_t i = 0; i < part.len; i++) {
        char *c = (char *)cx_vec_push(text, 1);

        if (c == NULL)
            return cx_fail(r, CEDAR_E_NOMEM, r->tok.pos, "out of memory");
        *c = part.ptr[i];
    }
    return true;
}

static bool
path_part(struct cx_reader *r, struct cx_vec *text)
{
    char shown[CX_SHOW];

    if (r->tok.kind != CX_T_IDENT)
        return cx_expected(r, "a name");
    if (cx_is_reserved(r->tok.text)) {
        return cx_fail(r, CEDAR_E_SYNTAX, r->tok.pos,
                       "`%s` is a reserved word and cannot be a name",
                       cx_show(r->tok.text, shown, sizeof shown));
    }
    if (!join(r, text, r->tok.text))
        return false;
    cx_next(r);
    return true;
}

bool
cx_path(struct cx_reader *r, struct cedar_span *path, struct cedar_span *id, bool *has_id)
{
    CX_VEC_AUTO struct cx_vec text = {0};

    if (has_id != NULL)
        *has_id = false;
    if (!path_part(r, &text))
        return false;
    while (cx_take(r, CX_PP(':', ':'))) {
        if (id != NULL && has_id != NULL && r->tok.kind == CX_T_STRING) {
            if (!cx_string(r, id))
                return false;
            cx_next(r);
            *has_id = true;
            break;
        }
        if (!join(r, &text, cx_span("::", 2)) || !path_part(r, &text))
            return false;
    }
    if (r->e != CEDAR_OK)
        return false;
    if (!cx_copy(r->arena, cx_span((const char *)text.mem, text.len), path))
        return cx_fail(r, CEDAR_E_NOMEM, r->tok.pos, "out of memory");
    return true;
}
