/*
 * parse_node.h - what the two halves of the expression parser share. NULL or false: r says why.
 */
#ifndef CEDAR_PARSE_NODE_H
#define CEDAR_PARSE_NODE_H

#include "cedar/parse.h"

struct cx_expr *cx_make_lit(struct cx_reader *r, uint32_t pos, struct cedar_value v) WRIT_CHECK;
/* A Long, which a literal without a minus sign must fit. */
struct cx_expr *cx_make_long(struct cx_reader *r, uint32_t pos, uint64_t v) WRIT_CHECK;
/* A node with room for n names. */
struct cx_expr *cx_make_named(struct cx_reader *r, enum cx_op op, uint32_t pos, size_t args,
                              size_t names) WRIT_CHECK;
/* A node whose arguments are `first`, if not NULL, and then the list. */
struct cx_expr *cx_make_list(struct cx_reader *r, enum cx_op op, uint32_t pos,
                             struct cx_expr *first, const struct cx_vec *list) WRIT_CHECK;
/* Expr { ',' Expr } [','] up to the closing bracket, which is taken. */
bool cx_parse_list(struct cx_reader *r, unsigned close, const char *what,
                   struct cx_vec *ret) WRIT_CHECK;
/* An attribute's name: an identifier that is not reserved, or a string. */
bool cx_parse_key(struct cx_reader *r, struct cedar_span *ret) WRIT_CHECK;
/* The digits of the current token; true up to 2^63, which only a minus sign makes a Long. */
bool cx_parse_digits(struct cx_reader *r, uint64_t *ret) WRIT_CHECK;
struct cx_expr *cx_parse_primary(struct cx_reader *r) WRIT_CHECK;

#endif
