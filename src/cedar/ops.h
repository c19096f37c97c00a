/*
 * ops.h - operators on values that are already there; false is an evaluation error.
 */
#ifndef CEDAR_OPS_H
#define CEDAR_OPS_H

#include "cedar/ast.h"
#include "cedar/store.h"

/* The operators that take one or two evaluated operands: == != < <= > >= - + * in contains.. */
bool cx_op_apply(const struct cx_world *w, uint8_t op, const struct cedar_value *v,
                 struct cedar_value *ret) WRIT_CHECK;
/* The attribute of a record or an entity, NULL if it has none; *typed is false if v is neither. */
const struct cedar_value *cx_op_attr(const struct cx_world *w, const struct cedar_value *v,
                                     struct cedar_span name, bool *typed) WRIT_CHECK;
/* Follows names from v; *ret is NULL if one of them is not there. False if an attribute was asked
 * of what can have none. */
bool cx_op_names(const struct cx_world *w, const struct cedar_span *names, size_t n,
                 const struct cedar_value *v, const struct cedar_value **ret) WRIT_CHECK;

#endif
