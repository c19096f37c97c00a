/*
 * arena.h - memory that is given out piece by piece and freed all at once.
 *
 * Whatever is loaded (a policy set, a store, a schema) owns one arena. Allocation returns zeroed
 * memory, or NULL and the sticky `failed` bit. The prefix cx_ marks what is internal to libcedar.
 */
#ifndef CEDAR_ARENA_H
#define CEDAR_ARENA_H

#include <string.h>

#include "base/attr.h"
#include "cedar/cedar.h"

struct cx_chunk;

struct cx_arena {
    struct cx_chunk *chunks;
    char *at;
    char *end;
    size_t bytes; /* asked from the system so far */
    bool failed;
};

void cx_arena_done(struct cx_arena *a);
void *cx_alloc(struct cx_arena *a, size_t n) WRIT_CHECK;
/* n elements of size bytes; refuses a product that overflows. */
void *cx_alloc_array(struct cx_arena *a, size_t n, size_t size) WRIT_CHECK;
/* A copy of s in the arena. */
bool cx_copy(struct cx_arena *a, struct cedar_span s, struct cedar_span *ret) WRIT_CHECK;

/* A list that grows while something is parsed and is then copied into an arena; on the heap. */
struct cx_vec {
    void *mem;
    size_t len;
    size_t cap;
};

#define CX_VEC_AUTO WRIT_CLEANUP(cx_vec_done)

void cx_vec_done(struct cx_vec *v);
/* Room for one more element of size bytes, zeroed; NULL if there is no memory. */
void *cx_vec_push(struct cx_vec *v, size_t size) WRIT_CHECK;
/* Copies the elements into the arena; NULL when there are none or when the arena failed. */
void *cx_vec_keep(const struct cx_vec *v, size_t size, struct cx_arena *a);

/* Fills *err, which may be NULL, unless it already holds a message. */
void cx_error_set(struct cedar_error *err, const char *file, uint32_t line, uint32_t col,
                  const char *fmt, ...) WRIT_PRINTF(5, 6);
/* The same, with the line and column of byte pos of text. */
void cx_error_at(struct cedar_error *err, const struct cedar_source *src, size_t pos,
                 const char *fmt, ...) WRIT_PRINTF(4, 5);
/* Copies at most cap - 1 bytes of s, escaping what is not printable ASCII; returns out. */
const char *cx_show(struct cedar_span s, char *out, size_t cap);

enum { CX_SHOW = 72 }; /* enough of a name for a person to find it */

static inline struct cedar_span
cx_span(const char *ptr, size_t len)
{
    return (struct cedar_span){ptr, len};
}

static inline uint64_t
cx_load(const char *p, size_t n)
{
    uint64_t w = 0;

    memcpy(&w, p, n);
    return w;
}

/* Names are short, and a call of memcmp takes longer than comparing them. */
static inline bool
cx_mem_eq(const char *a, const char *b, size_t n)
{
    if (n > 16)
        return memcmp(a, b, n) == 0;
    if (n >= 8)
        return cx_load(a, 8) == cx_load(b, 8) && cx_load(a + n - 8, 8) == cx_load(b + n - 8, 8);
    if (n >= 4)
        return cx_load(a, 4) == cx_load(b, 4) && cx_load(a + n - 4, 4) == cx_load(b + n - 4, 4);
    for (size_t i = 0; i < n; i++) {
        if (a[i] != b[i])
            return false;
    }
    return true;
}

static inline bool
cx_span_eq(struct cedar_span a, struct cedar_span b)
{
    return a.len == b.len && cx_mem_eq(a.ptr, b.ptr, a.len);
}

bool cx_span_is(struct cedar_span a, const char *s) WRIT_CHECK;
int cx_span_cmp(struct cedar_span a, struct cedar_span b) WRIT_CHECK;

#endif
