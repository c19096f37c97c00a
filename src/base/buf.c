#include "base/buf.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { BUF_SIZE_MIN = 256 };

void
writ_buf_init(struct writ_buf *b, size_t cap)
{
    *b = (struct writ_buf){.cap = cap};
}

void
writ_buf_done(struct writ_buf *b)
{
    if (b->mem != NULL) {
        explicit_bzero(b->mem, b->size);
        free(b->mem);
    }
    writ_buf_init(b, b->cap);
}

void
writ_buf_reset(struct writ_buf *b)
{
    b->start = 0;
    b->end = 0;
    b->failed = false;
}

static enum writ_err
grow(struct writ_buf *b, size_t need)
{
    size_t size = b->size < BUF_SIZE_MIN ? BUF_SIZE_MIN : b->size;
    uint8_t *mem;

    if (need > b->cap)
        return WRIT_E_LIMIT;
    while (size < need)
        size *= 2;
    if (size > b->cap)
        size = b->cap;
    mem = malloc(size);
    if (mem == NULL)
        return WRIT_E_NOMEM;
    if (b->mem != NULL) {
        memcpy(mem, b->mem + b->start, writ_buf_len(b));
        explicit_bzero(b->mem, b->size);
        free(b->mem);
    }
    b->end -= b->start;
    b->start = 0;
    b->mem = mem;
    b->size = size;
    return WRIT_OK;
}

enum writ_err
writ_buf_reserve(struct writ_buf *b, size_t n, uint8_t **ret)
{
    size_t need;

    if (b->failed)
        return WRIT_E_LIMIT;
    if (b->size - b->end < n) {
        if (!writ_add(writ_buf_len(b), n, &need))
            return WRIT_E_LIMIT;
        if (need <= b->size) {
            memmove(b->mem, b->mem + b->start, writ_buf_len(b));
            b->end -= b->start;
            b->start = 0;
        } else {
            enum writ_err e = grow(b, need);
            if (e != WRIT_OK)
                return e;
        }
    }
    *ret = b->mem + b->end;
    return WRIT_OK;
}

void
writ_buf_commit(struct writ_buf *b, size_t n)
{
    assert(n <= b->size - b->end);
    b->end += n;
}

void
writ_buf_consume(struct writ_buf *b, size_t n)
{
    assert(n <= writ_buf_len(b));
    b->start += n;
    if (b->start == b->end) {
        b->start = 0;
        b->end = 0;
    }
}

void
writ_buf_put(struct writ_buf *b, struct writ_span s)
{
    uint8_t *at;

    if (s.len == 0)
        return;
    if (writ_buf_reserve(b, s.len, &at) != WRIT_OK) {
        b->failed = true;
        return;
    }
    memcpy(at, s.ptr, s.len);
    b->end += s.len;
}

void
writ_buf_put_str(struct writ_buf *b, const char *s)
{
    writ_buf_put(b, writ_span_str(s));
}

static void
put_be(struct writ_buf *b, uint64_t v, size_t n)
{
    uint8_t out[8];

    for (size_t i = 0; i < n; i++)
        out[i] = (uint8_t)(v >> (8 * (n - 1 - i)));
    writ_buf_put(b, writ_span(out, n));
}

void
writ_buf_put_u8(struct writ_buf *b, uint8_t v)
{
    put_be(b, v, 1);
}

void
writ_buf_put_u16(struct writ_buf *b, uint16_t v)
{
    put_be(b, v, 2);
}

void
writ_buf_put_u32(struct writ_buf *b, uint32_t v)
{
    put_be(b, v, 4);
}

void
writ_buf_put_u64(struct writ_buf *b, uint64_t v)
{
    put_be(b, v, 8);
}

void
writ_buf_put_blob(struct writ_buf *b, struct writ_span s)
{
    if (s.len > UINT32_MAX) {
        b->failed = true;
        return;
    }
    writ_buf_put_u32(b, (uint32_t)s.len);
    writ_buf_put(b, s);
}

void
writ_buf_put_dec(struct writ_buf *b, uint64_t v)
{
    uint8_t digits[20];
    size_t at = sizeof(digits);

    do {
        digits[--at] = (uint8_t)('0' + v % 10);
        v /= 10;
    } while (v != 0);
    writ_buf_put(b, writ_span(digits + at, sizeof(digits) - at));
}

void
writ_buf_putf(struct writ_buf *b, const char *fmt, ...)
{
    char text[1024];
    va_list ap;
    int n;

    va_start(ap, fmt);
    // NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): va_start is just above
    n = vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (n < 0 || (size_t)n >= sizeof(text)) {
        b->failed = true;
        return;
    }
    writ_buf_put(b, writ_span(text, (size_t)n));
}
