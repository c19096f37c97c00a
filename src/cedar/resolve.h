/*
 * resolve.h - names of a schema to what they name.
 */
#ifndef CEDAR_RESOLVE_H
#define CEDAR_RESOLVE_H

#include "cedar/schema_raw.h"

/* A declared common type while names are resolved. */
struct cx_common {
    struct cedar_span name; /* with its namespace */
    const struct cx_raw_common *raw;
    const struct cx_ty *type;
    uint8_t state;
};

struct cx_resolver {
    struct cx_raw_schema *raw;
    struct cx_arena *arena;
    struct cx_common *commons; /* sorted by name */
    size_t common_n;
    unsigned depth;
};

/* "ns::name", or the name alone in the empty namespace. */
bool cx_qualify(struct cx_resolver *r, struct cedar_span ns, struct cedar_span name,
                struct cedar_span *ret) WRIT_CHECK;
int cx_common_cmp(const void *a, const void *b);
struct cx_common *cx_find_common(const struct cx_resolver *r, struct cedar_span name) WRIT_CHECK;
/* NULL when the type is defined by itself or what it names does not exist. */
const struct cx_ty *cx_resolve_common(struct cx_resolver *r, struct cx_common *c) WRIT_CHECK;
const struct cx_ty *cx_resolve(struct cx_resolver *r, const struct cx_raw_type *t,
                               struct cedar_span ns) WRIT_CHECK;

#endif
