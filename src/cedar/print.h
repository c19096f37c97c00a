/*
 * print.h - policies back to text and to JSON, into a buffer.
 *
 * The text of a policy parses to the same tree again, and so does its JSON form.
 */
#ifndef CEDAR_PRINT_H
#define CEDAR_PRINT_H

#include "base/buf.h"
#include "cedar/ast.h"

void cx_print_policy(struct writ_buf *b, const struct cx_policy *p);
/* "principal in Group::\"a\"" */
void cx_print_scope(struct writ_buf *b, const struct cx_scope *s, const char *name);
void cx_print_expr(struct writ_buf *b, const struct cx_expr *e);
/* A string literal with its quotes. */
void cx_print_string(struct writ_buf *b, struct cedar_span s);
void cx_print_uid(struct writ_buf *b, const struct cedar_uid *u);

void cx_est_policy(struct writ_buf *b, const struct cx_policy *p);

static inline void
cx_put(struct writ_buf *b, struct cedar_span s)
{
    writ_buf_put(b, writ_span(s.ptr, s.len));
}

#endif
