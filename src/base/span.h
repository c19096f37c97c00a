/*
 * span.h - borrowed bytes, and a reader that cannot run past their end.
 *
 * A span never owns memory: it is valid while the buffer it points into is neither changed nor
 * freed. A getter that returns false has consumed nothing and has not touched *ret. Lengths are in
 * bytes; integers on the wire are big-endian.
 */
#ifndef WRIT_BASE_SPAN_H
#define WRIT_BASE_SPAN_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/attr.h"

struct writ_span {
    const uint8_t *ptr; /* NULL only if len is 0 */
    size_t len;
};

struct writ_reader {
    struct writ_span rest;
};

static inline struct writ_span
writ_span(const void *ptr, size_t len)
{
    return (struct writ_span){(const uint8_t *)ptr, len};
}

static inline struct writ_span
writ_span_str(const char *s)
{
    return writ_span(s, strlen(s));
}

/* The part of s that begins at byte from; empty if from is past the end. */
struct writ_span writ_span_from(struct writ_span s, size_t from);
bool writ_span_eq(struct writ_span a, struct writ_span b) WRIT_CHECK;
bool writ_span_is(struct writ_span a, const char *s) WRIT_CHECK;
/* ASCII letters only: names on the wire are ASCII, and a locale must not change what matches. */
bool writ_span_ieq(struct writ_span a, struct writ_span b) WRIT_CHECK;
bool writ_span_iis(struct writ_span a, const char *s) WRIT_CHECK;
bool writ_span_starts(struct writ_span a, const char *prefix) WRIT_CHECK;
/* Copies into a C string of cap bytes; false if it does not fit or holds a NUL. */
bool writ_span_copy(struct writ_span a, char *ret, size_t cap) WRIT_CHECK;

struct writ_reader writ_reader(struct writ_span s);
bool writ_read_u8(struct writ_reader *r, uint8_t *ret) WRIT_CHECK;
bool writ_read_u16(struct writ_reader *r, uint16_t *ret) WRIT_CHECK;
bool writ_read_u32(struct writ_reader *r, uint32_t *ret) WRIT_CHECK;
bool writ_read_u64(struct writ_reader *r, uint64_t *ret) WRIT_CHECK;
bool writ_read_span(struct writ_reader *r, size_t n, struct writ_span *ret) WRIT_CHECK;
/* A u32 length followed by that many bytes. */
bool writ_read_blob(struct writ_reader *r, struct writ_span *ret) WRIT_CHECK;
/* A blob that fits a C string of cap bytes with its terminator and holds no NUL. */
bool writ_read_str(struct writ_reader *r, char *ret, size_t cap) WRIT_CHECK;
/* True once every byte was read. A parser that does not ask has a bug. */
bool writ_read_done(const struct writ_reader *r) WRIT_CHECK;

#endif
