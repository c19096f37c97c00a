/*
 * type_ops.h - the types of operators, given those of their operands; false with a message.
 */
#ifndef CEDAR_TYPE_OPS_H
#define CEDAR_TYPE_OPS_H

#include "cedar/typecheck.h"

/* "expected WANTED, found GOT" at e; always false. */
bool cx_mismatch(struct cx_env *env, const struct cx_expr *e, const char *wanted,
                 const struct cx_ty *got);
bool cx_incompatible(struct cx_env *env, uint32_t pos, const struct cx_ty *a,
                     const struct cx_ty *b);
const struct cx_ty *cx_ty_truth(bool yes) WRIT_CHECK;

bool cx_type_eq(struct cx_env *env, const struct cx_expr *e, const struct cx_ty *a,
                const struct cx_ty *b, const struct cx_ty **ret) WRIT_CHECK;
bool cx_type_order(struct cx_env *env, const struct cx_expr *e, const struct cx_ty *a,
                   const struct cx_ty *b, const struct cx_ty **ret) WRIT_CHECK;
bool cx_type_arith(struct cx_env *env, const struct cx_expr *e, const struct cx_ty *const *t,
                   const struct cx_ty **ret) WRIT_CHECK;
bool cx_type_in(struct cx_env *env, const struct cx_expr *x, const struct cx_expr *y,
                const struct cx_ty *a, const struct cx_ty *b, const struct cx_ty **ret) WRIT_CHECK;
/* contains, containsAll, containsAny, isEmpty */
bool cx_type_set_op(struct cx_env *env, const struct cx_expr *e, const struct cx_ty *const *t,
                    const struct cx_ty **ret) WRIT_CHECK;

#endif
