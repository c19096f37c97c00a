/*
 * lex.h - the tokens that policies and schemas are made of, and a reader of one token ahead.
 *
 * A reader keeps the first failure and then only says END, so that a parser may ask for several
 * tokens before it looks at `e`. Spans point into the source.
 */
#ifndef CEDAR_LEX_H
#define CEDAR_LEX_H

#include "cedar/value.h"

enum cx_token_kind {
    CX_T_END,
    CX_T_IDENT,
    CX_T_INT,
    CX_T_STRING, /* text without the quotes, escapes not yet resolved */
    CX_T_SLOT,   /* ?name; text without the question mark */
    CX_T_PUNCT,
};

/* A punctuator of one or two characters as a number. */
#define CX_P(a)     ((unsigned)(unsigned char)(a))
#define CX_PP(a, b) ((unsigned)(unsigned char)(a) | ((unsigned)(unsigned char)(b) << 8))

struct cx_token {
    enum cx_token_kind kind;
    unsigned punct;
    uint32_t pos; /* byte offset of its first character */
    uint32_t end;
    struct cedar_span text;
};

struct cx_reader {
    const struct cedar_source *src;
    struct cx_arena *arena;
    struct cedar_error *err;
    enum cedar_err e;
    unsigned nesting;    /* brackets open around the current token */
    uint32_t last_end;   /* where the token before the current one ended */
    struct cx_token tok; /* the current token */
};

/* Checks size and UTF-8 of the whole text and reads the first token. */
enum cedar_err cx_reader_init(struct cx_reader *r, const struct cedar_source *src,
                              struct cx_arena *arena, struct cedar_error *err) WRIT_CHECK;
void cx_next(struct cx_reader *r);
/* Records the first failure; always returns false. */
bool cx_fail(struct cx_reader *r, enum cedar_err e, uint32_t pos, const char *fmt, ...)
    WRIT_PRINTF(4, 5);
/* "expected WHAT, found ..." at the current token; always returns false. */
bool cx_expected(struct cx_reader *r, const char *what);

static inline bool
cx_is(const struct cx_reader *r, unsigned punct)
{
    return r->tok.kind == CX_T_PUNCT && r->tok.punct == punct;
}

/* True if the current token is that word; keywords are words. */
bool cx_is_word(const struct cx_reader *r, const char *word) WRIT_CHECK;
/* Takes the current token if it is the punctuator. */
bool cx_take(struct cx_reader *r, unsigned punct);
bool cx_take_word(struct cx_reader *r, const char *word);
/* Takes it or fails. */
bool cx_need(struct cx_reader *r, unsigned punct, const char *what) WRIT_CHECK;
/* Counts one more open bracket, up to the limit. */
bool cx_enter(struct cx_reader *r) WRIT_CHECK;

/* Words that can be neither a name nor an attribute written without quotes. */
bool cx_is_reserved(struct cedar_span s) WRIT_CHECK;
/* An identifier of the grammar, reserved or not. */
bool cx_is_ident(struct cedar_span s) WRIT_CHECK;
/* Names joined by "::", none of them reserved. */
bool cx_is_path(struct cedar_span s) WRIT_CHECK;

/* The value of the current string token, which stays current. */
bool cx_string(struct cx_reader *r, struct cedar_span *ret) WRIT_CHECK;
/* The same as a pattern: a bare * is a wildcard, \* a star. */
bool cx_string_pattern(struct cx_reader *r, struct cx_pattern *ret) WRIT_CHECK;
/* IDENT { '::' IDENT }, joined. If a string may end it ("A::B::" STRING), *id gets it and *has_id
 * says so; otherwise id is NULL. */
bool cx_path(struct cx_reader *r, struct cedar_span *path, struct cedar_span *id,
             bool *has_id) WRIT_CHECK;

#endif
