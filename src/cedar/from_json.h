/*
 * from_json.h - entities and values out of Cedar's JSON forms.
 */
#ifndef CEDAR_FROM_JSON_H
#define CEDAR_FROM_JSON_H

#include "base/json_read.h"
#include "cedar/schema.h"

struct cx_json {
    const char *file;
    struct cx_arena *arena; /* of the values */
    struct cedar_error *err;
    enum cedar_err e;
};

/* Records the first failure, at v; always returns false. */
bool cx_json_fail(struct cx_json *j, const struct writ_jval *v, const char *fmt, ...)
    WRIT_PRINTF(3, 4);
bool cx_json_nomem(struct cx_json *j);
/* Reads the text; j->e and *err on failure. */
bool cx_json_read(struct cx_json *j, const struct cedar_source *src,
                  struct writ_jdoc **ret) WRIT_CHECK;

static inline struct cedar_span
cx_jspan(struct writ_span s)
{
    return cx_span((const char *)s.ptr, s.len);
}

/* {"type","id"} or {"__entity":{"type","id"}}, into the arena. */
bool cx_json_uid(struct cx_json *j, const struct writ_jval *v, struct cedar_uid *ret) WRIT_CHECK;
/* `want` is the type that a schema expects here, which allows entities and extension values
 * without their escapes; NULL if nothing is known. What does not fit is not refused here. */
bool cx_json_value(struct cx_json *j, const struct writ_jval *v, const struct cx_ty *want,
                   struct cedar_value *ret) WRIT_CHECK;

#endif
