/*
 * types.h - the lattice of types that the validator works with.
 *
 * Strict mode joins only types that are the same up to the value of a bool; permissive mode joins
 * entity types to unions and records to what they share.
 */
#ifndef CEDAR_TYPES_H
#define CEDAR_TYPES_H

#include "cedar/schema.h"

struct cx_types {
    const struct cedar_schema *schema;
    struct cx_arena *arena;
    bool strict;
};

static inline bool
cx_ty_is_bool(const struct cx_ty *t)
{
    return t->kind == CX_TY_BOOL || t->kind == CX_TY_TRUE || t->kind == CX_TY_FALSE;
}

static inline bool
cx_ty_is_entity(const struct cx_ty *t)
{
    return t->kind == CX_TY_ENTITY || t->kind == CX_TY_ANY_ENTITY;
}

/* The least type that both fit; NULL if there is none. */
const struct cx_ty *cx_ty_join(const struct cx_types *c, const struct cx_ty *a,
                               const struct cx_ty *b) WRIT_CHECK;
/* No value is of both types: entity types without a common member. */
bool cx_ty_disjoint(const struct cx_ty *a, const struct cx_ty *b) WRIT_CHECK;
/* The attribute of a record or entity type that every value of it may have; false if there is
 * none. *may: some value of the type could have such an attribute all the same. */
bool cx_ty_find(const struct cx_types *c, const struct cx_ty *t, struct cedar_span name,
                struct cx_tattr *ret, bool *may) WRIT_CHECK;
/* The type of the tags; NULL if one of the types has none. *may: one of them has. */
const struct cx_ty *cx_ty_tags(const struct cx_types *c, const struct cx_ty *t,
                               bool *may) WRIT_CHECK;
/* Whether an entity of type a can be in one of type b. */
bool cx_ty_can_be_in(const struct cx_types *c, const struct cx_ty *a,
                     const struct cx_ty *b) WRIT_CHECK;
/* For messages: "Long", "Set<String>", "a record". */
const char *cx_ty_show(const struct cx_ty *t, char *out, size_t cap);

#endif
