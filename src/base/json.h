/*
 * json.h - writing JSON (RFC 8259) into a buffer.
 *
 * The writer keeps commas and nesting right; names are our own constants, values may be anything.
 * Text is taken as UTF-8: a byte that is not part of a valid sequence is written as U+FFFD, control
 * characters, DEL, marks of direction and invisible characters are escaped, so that no value can
 * end a line, forge a field, reach a terminal as a command or look like another text.
 */
#ifndef WRIT_BASE_JSON_H
#define WRIT_BASE_JSON_H

#include "base/buf.h"

enum { WRIT_JSON_DEPTH_MAX = 32 };

struct writ_json {
    struct writ_buf *out;
    uint32_t wrote; /* bit d: level d already has a member, so the next one needs a comma */
    unsigned depth;
};

void writ_json_init(struct writ_json *j, struct writ_buf *out);

/* key is NULL inside an array and at the top. */
void writ_json_object(struct writ_json *j, const char *key);
void writ_json_object_end(struct writ_json *j);
void writ_json_array(struct writ_json *j, const char *key);
void writ_json_array_end(struct writ_json *j);
void writ_json_span(struct writ_json *j, const char *key, struct writ_span v);
void writ_json_str(struct writ_json *j, const char *key, const char *v);
void writ_json_u64(struct writ_json *j, const char *key, uint64_t v);
void writ_json_i64(struct writ_json *j, const char *key, int64_t v);
void writ_json_bool(struct writ_json *j, const char *key, bool v);
void writ_json_null(struct writ_json *j, const char *key);

/* One quoted string, as writ_json_span writes it; for those who do their own nesting. */
void writ_json_quote(struct writ_buf *b, struct writ_span s);
/* True if s, without its quotes, is exactly what writ_json_quote writes for some text. */
bool writ_json_quoted(struct writ_span s) WRIT_CHECK;

#endif
