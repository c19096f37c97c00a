/*
 * value.h - what can be done with values without knowing a policy: compare, order, look up, and
 * the 22 functions of the extension types. Nothing here allocates.
 *
 * Values nest at most as deep as the reader or the parser let them; the functions that compare
 * recurse by that depth.
 */
#ifndef CEDAR_VALUE_H
#define CEDAR_VALUE_H

#include "cedar/arena.h"

enum cx_fn {
    CX_FN_NONE,
    CX_FN_IP,
    CX_FN_DECIMAL,
    CX_FN_DATETIME,
    CX_FN_DURATION,
    CX_FN_IS_IPV4,
    CX_FN_IS_IPV6,
    CX_FN_IS_LOOPBACK,
    CX_FN_IS_MULTICAST,
    CX_FN_IS_IN_RANGE,
    CX_FN_LESS,
    CX_FN_LESS_EQ,
    CX_FN_GREATER,
    CX_FN_GREATER_EQ,
    CX_FN_OFFSET,
    CX_FN_DURATION_SINCE,
    CX_FN_TO_DATE,
    CX_FN_TO_TIME,
    CX_FN_TO_MILLIS,
    CX_FN_TO_SECONDS,
    CX_FN_TO_MINUTES,
    CX_FN_TO_HOURS,
    CX_FN_TO_DAYS,
    CX_FN_COUNT,
};

struct cx_fn_info {
    const char *name;
    uint8_t arity;   /* the receiver of a method included */
    bool method;     /* written x.name(..), otherwise name(..) */
    uint8_t self;    /* enum cedar_kind of the first argument */
    uint8_t arg;     /* of the second, 0 if there is none */
    uint8_t returns; /* enum cedar_kind */
};

extern const struct cx_fn_info cx_fns[CX_FN_COUNT];
enum cx_fn cx_fn_find(struct cedar_span name) WRIT_CHECK;

/* Applies a function; false is an evaluation error. An address is written to *ip and pointed to. */
bool cx_call(enum cx_fn fn, const struct cedar_value *args, size_t n, struct cedar_ip *ip,
             struct cedar_value *ret) WRIT_CHECK;

bool cx_eq(const struct cedar_value *a, const struct cedar_value *b) WRIT_CHECK;
/* A total order, for sets; records must be sorted by name. */
int cx_cmp(const struct cedar_value *a, const struct cedar_value *b) WRIT_CHECK;
bool cx_set_has(const struct cedar_value *set, const struct cedar_value *item) WRIT_CHECK;
bool cx_set_has_all(const struct cedar_value *set, const struct cedar_value *items) WRIT_CHECK;
bool cx_set_has_any(const struct cedar_value *set, const struct cedar_value *items) WRIT_CHECK;
/* Orders the members and drops duplicates; returns how many remain. */
size_t cx_set_sort(struct cedar_value *items, size_t n);
/* Orders by name; false if a name is there twice, which is then in *dup. */
bool cx_fields_sort(struct cedar_field *f, size_t n, struct cedar_span *dup) WRIT_CHECK;
/* The same as cx_field_get where there are many, in the order of cx_fields_sort. */
const struct cedar_value *cx_field_search(const struct cedar_field *f, size_t n,
                                          struct cedar_span name) WRIT_CHECK;

/* NULL if there is none. sorted: the fields are in the order of cx_fields_sort. */
static inline const struct cedar_value *
cx_field_get(const struct cedar_field *f, size_t n, bool sorted, struct cedar_span name)
{
    if (sorted && n > 8)
        return cx_field_search(f, n, name);
    for (size_t i = 0; i < n; i++) {
        if (f[i].name_len == name.len && cx_mem_eq(f[i].name, name.ptr, name.len))
            return &f[i].value;
    }
    return NULL;
}

static inline struct cedar_span
cx_str(const struct cedar_value *v)
{
    return cx_span(v->u.str, v->len);
}

static inline struct cedar_span
cx_type(const struct cedar_uid *u)
{
    return cx_span(u->type, u->type_len);
}

static inline struct cedar_span
cx_id(const struct cedar_uid *u)
{
    return cx_span(u->id, u->id_len);
}

static inline bool
cx_uid_eq(const struct cedar_uid *a, const struct cedar_uid *b)
{
    return a->hash == b->hash && cx_span_eq(cx_id(a), cx_id(b)) &&
           cx_span_eq(cx_type(a), cx_type(b));
}

/* A pattern of `like`: pieces of text with a wildcard between each two. */
struct cx_pattern {
    const struct cedar_span *pieces;
    uint32_t n; /* at least 1 */
};

bool cx_like(struct cedar_span text, const struct cx_pattern *p) WRIT_CHECK;

#endif
