/*
 * parse.h - text to syntax tree.
 */
#ifndef CEDAR_PARSE_H
#define CEDAR_PARSE_H

#include "cedar/ast.h"
#include "cedar/lex.h"

/* A node with n arguments still to be set, then cx_expr_done; NULL and r failed without memory. */
struct cx_expr *cx_expr_new(struct cx_reader *r, enum cx_op op, uint32_t pos, size_t n) WRIT_CHECK;
/* Computes the height from the arguments; NULL and r failed when it is over the limit. */
struct cx_expr *cx_expr_done(struct cx_reader *r, struct cx_expr *e) WRIT_CHECK;

/* The operator that is written as a method, x.name(..), with its number of arguments besides x;
 * CX_OP_COUNT if there is none of that name. */
enum cx_op cx_method_find(struct cedar_span name, unsigned *arity) WRIT_CHECK;
const char *cx_method_name(enum cx_op op) WRIT_CHECK;

/* One expression; NULL and r->e set on failure. */
struct cx_expr *cx_parse_expr(struct cx_reader *r) WRIT_CHECK;
/* One policy, without id and file; false and r->e set on failure. */
bool cx_parse_policy(struct cx_reader *r, struct cx_policy *ret) WRIT_CHECK;
/* { '@' NAME [ '(' STRING ')' ] } */
bool cx_parse_annotations(struct cx_reader *r, struct cx_annotation **ret, uint32_t *n) WRIT_CHECK;

#endif
