/*
 * json_read.h - reading JSON (RFC 8259), strictly, into a tree.
 *
 * Refused, because two readers could disagree about it: a name twice in one object, text that is
 * not UTF-8, half of a surrogate pair, a byte order mark, anything after the value, more than
 * WRIT_JSON_READ_DEPTH_MAX arrays and objects within each other. A document owns its tree and
 * every string in it; the text it was read from may be freed.
 */
#ifndef WRIT_BASE_JSON_READ_H
#define WRIT_BASE_JSON_READ_H

#include "base/err.h"
#include "base/span.h"

enum writ_jkind {
    WRIT_J_NULL,
    WRIT_J_BOOL,
    WRIT_J_NUMBER,
    WRIT_J_STRING,
    WRIT_J_ARRAY,
    WRIT_J_OBJECT,
};

struct writ_jval {
    enum writ_jkind kind;
    bool yes;       /* WRIT_J_BOOL */
    bool is_int;    /* WRIT_J_NUMBER without fraction and exponent that fits num; not "-0" */
    uint32_t count; /* elements or members */
    uint32_t pos;   /* where it begins: the byte offset in the text */
    uint32_t line;  /* from 1 */
    uint32_t col;   /* in bytes, from 1 */
    int64_t num;
    struct writ_span key;          /* of a member of an object */
    struct writ_span text;         /* WRIT_J_STRING: its value; WRIT_J_NUMBER: as written */
    const struct writ_jval *first; /* element or member, in the order of the text */
    const struct writ_jval *next;
};

struct writ_jdoc;

#define WRIT_JDOC_AUTO WRIT_CLEANUP(writ_jdoc_freep)

/* On failure *d, which may be NULL, says where and what; its file name is left alone. */
enum writ_err writ_jdoc_read(struct writ_span text, struct writ_jdoc **ret,
                             struct writ_diag *d) WRIT_CHECK;
void writ_jdoc_freep(struct writ_jdoc **d);
const struct writ_jval *writ_jdoc_root(const struct writ_jdoc *d) WRIT_CHECK;

/* The member of that name; NULL if v is no object or has none. */
const struct writ_jval *writ_jval_get(const struct writ_jval *v, const char *key) WRIT_CHECK;

#endif
