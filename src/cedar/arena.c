#include "cedar/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK_MIN = 4096, CHUNK_MAX = 1024 * 1024, ALIGN = 16 };

struct cx_chunk {
    struct cx_chunk *next;
    size_t size;
};

void
cx_arena_done(struct cx_arena *a)
{
    while (a->chunks != NULL) {
        struct cx_chunk *next = a->chunks->next;

        free(a->chunks);
        a->chunks = next;
    }
    a->at = a->end = NULL;
    a->bytes = 0;
    a->failed = false;
}

static bool
grow(struct cx_arena *a, size_t need)
{
    struct cx_chunk *c;
    size_t size = a->bytes < CHUNK_MIN ? CHUNK_MIN : a->bytes;

    if (size > CHUNK_MAX)
        size = CHUNK_MAX;
    if (size < need + 2 * (size_t)ALIGN)
        size = need + 2 * (size_t)ALIGN;
    c = (struct cx_chunk *)calloc(1, size);
    if (c == NULL)
        return false;
    c->next = a->chunks;
    c->size = size;
    a->chunks = c;
    a->bytes += size;
    a->at = (char *)c + ALIGN;
    a->end = (char *)c + size;
    return true;
}

void *
cx_alloc(struct cx_arena *a, size_t n)
{
    void *mem;

    if (a->failed || n > SIZE_MAX / 4) {
        a->failed = true;
        return NULL;
    }
    n = (n + ALIGN - 1) / ALIGN * ALIGN;
    if (n == 0)
        n = ALIGN;
    if ((size_t)(a->end - a->at) < n && !grow(a, n)) {
        a->failed = true;
        return NULL;
    }
    mem = a->at;
    a->at += n;
    return mem;
}

void *
cx_alloc_array(struct cx_arena *a, size_t n, size_t size)
{
    size_t total;

    if (!writ_mul(n, size, &total)) {
        a->failed = true;
        return NULL;
    }
    return cx_alloc(a, total);
}

bool
cx_copy(struct cx_arena *a, struct cedar_span s, struct cedar_span *ret)
{
    char *mem = (char *)cx_alloc(a, s.len);

    if (mem == NULL)
        return false;
    if (s.len != 0)
        memcpy(mem, s.ptr, s.len);
    *ret = cx_span(mem, s.len);
    return true;
}

void
cx_vec_done(struct cx_vec *v)
{
    free(v->mem);
    *v = (struct cx_vec){0};
}

void *
cx_vec_push(struct cx_vec *v, size_t size)
{
    char *slot;

    if (v->len == v->cap) {
        size_t cap = v->cap == 0 ? 8 : v->cap * 2;
        size_t total;
        void *mem;

        if (!writ_mul(cap, size, &total))
            return NULL;
        mem = realloc(v->mem, total);
        if (mem == NULL)
            return NULL;
        v->mem = mem;
        v->cap = cap;
    }
    slot = (char *)v->mem + v->len * size;
    memset(slot, 0, size);
    v->len++;
    return slot;
}

void *
cx_vec_keep(const struct cx_vec *v, size_t size, struct cx_arena *a)
{
    void *mem;

    if (v->len == 0)
        return NULL;
    mem = cx_alloc_array(a, v->len, size);
    if (mem != NULL)
        memcpy(mem, v->mem, v->len * size);
    return mem;
}

const char *
cx_show(struct cedar_span s, char *out, size_t cap)
{
    static const char hex[] = "0123456789abcdef";
    size_t n = 0;

    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];

        if (n + 8 > cap) {
            memcpy(out + n, "...", 3);
            n += 3;
            break;
        }
        if (c >= 0x20 && c < 0x7f) {
            out[n++] = (char)c;
        } else {
            out[n++] = '\\';
            out[n++] = 'x';
            out[n++] = hex[c >> 4];
            out[n++] = hex[c & 15];
        }
    }
    out[n] = '\0';
    return out;
}

static void
error_fill(struct cedar_error *err, const char *file, uint32_t line, uint32_t col)
{
    (void)cx_show(cedar_span_str(file), err->file, sizeof err->file);
    err->line = line;
    err->col = col;
}

void
cx_error_set(struct cedar_error *err, const char *file, uint32_t line, uint32_t col,
             const char *fmt, ...)
{
    va_list ap;

    if (err == NULL || err->text[0] != '\0')
        return;
    error_fill(err, file, line, col);
    va_start(ap, fmt);
    (void)vsnprintf(err->text, sizeof err->text, fmt, ap);
    va_end(ap);
}

void
cx_error_at(struct cedar_error *err, const struct cedar_source *src, size_t pos, const char *fmt,
            ...)
{
    uint32_t line = 1;
    uint32_t col = 1;
    va_list ap;

    if (err == NULL || err->text[0] != '\0')
        return;
    for (size_t i = 0; i < pos && i < src->len; i++) {
        if (src->text[i] == '\n') {
            line++;
            col = 1;
        } else if (((unsigned char)src->text[i] & 0xc0) != 0x80) {
            col++; /* a column is a character, not a byte of one */
        }
    }
    error_fill(err, src->name, line, col);
    va_start(ap, fmt);
    (void)vsnprintf(err->text, sizeof err->text, fmt, ap);
    va_end(ap);
}

bool
cx_span_is(struct cedar_span a, const char *s)
{
    return cx_span_eq(a, cedar_span_str(s));
}

int
cx_span_cmp(struct cedar_span a, struct cedar_span b)
{
    size_t n = a.len < b.len ? a.len : b.len;
    int c = n == 0 ? 0 : memcmp(a.ptr, b.ptr, n);

    if (c != 0)
        return c;
    return (a.len > b.len) - (a.len < b.len);
}
