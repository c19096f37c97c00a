/*
 * typecheck.h - the type of an expression for one kind of request.
 *
 * A request environment is an action with one type of principal and one of resource. What is
 * certain there (`principal is T`, `action == A`) has the type True or False, and what False cuts
 * off is not looked at. A capability records that an optional attribute or a tag was tested.
 */
#ifndef CEDAR_TYPECHECK_H
#define CEDAR_TYPECHECK_H

#include "cedar/ast.h"
#include "cedar/types.h"

struct cx_env {
    struct cx_types types;
    const struct cx_action *action;
    const struct cx_ty *principal;
    const struct cx_ty *resource;
    const struct cx_ty *action_type;
    const struct cedar_source *src; /* for messages */
    struct cedar_error *err;
};

/* "This attribute of that expression is there." */
struct cx_cap {
    const struct cx_expr *base;
    const struct cedar_span *path; /* base.path[0].path[1].. */
    uint32_t path_n;
    const struct cx_expr *tag; /* instead: base has that tag */
};

struct cx_caps {
    const struct cx_cap *list;
    uint32_t n;
};

/* False, with a message, if e has no type. *out: what is known when e is true. */
bool cx_typecheck(struct cx_env *env, const struct cx_expr *e, struct cx_caps in,
                  const struct cx_ty **ret, struct cx_caps *out) WRIT_CHECK;
/* Records the first message; always returns false. */
bool cx_type_error(struct cx_env *env, uint32_t pos, const char *fmt, ...) WRIT_PRINTF(3, 4);
/* The entity that e names in this environment: a literal, or the action; NULL if it is none. */
const struct cedar_uid *cx_known_uid(const struct cx_env *env, const struct cx_expr *e) WRIT_CHECK;

/* caps.c */
bool cx_caps_has(const struct cx_env *env, struct cx_caps c, const struct cx_cap *want) WRIT_CHECK;
struct cx_caps cx_caps_both(struct cx_env *env, struct cx_caps a, struct cx_caps b);
struct cx_caps cx_caps_common(struct cx_env *env, struct cx_caps a, struct cx_caps b);
struct cx_caps cx_caps_add(struct cx_env *env, struct cx_caps a, const struct cx_cap *cap);
/* e as a base and a path below it, followed by the given names. */
bool cx_cap_path(struct cx_env *env, const struct cx_expr *e, const struct cedar_span *names,
                 size_t n, struct cx_cap *ret) WRIT_CHECK;

#endif
