/*
 * buf.h - bytes that grow up to a cap that is given at birth.
 *
 * A buffer owns its memory; a span taken from it is valid until the next call that adds to,
 * consumes from or frees it. Appending sets the sticky `failed` bit when the cap or memory is
 * exhausted and then does nothing more: append freely, ask once before sending. Bytes are taken
 * from the front. Freed memory is wiped: what passes through here may be a person's data.
 */
#ifndef WRIT_BASE_BUF_H
#define WRIT_BASE_BUF_H

#include "base/err.h"
#include "base/span.h"

struct writ_buf {
    uint8_t *mem;
    size_t start; /* first byte not yet consumed */
    size_t end;   /* first free byte */
    size_t size;  /* allocated */
    size_t cap;   /* size never passes this */
    bool failed;
};

#define WRIT_BUF_AUTO WRIT_CLEANUP(writ_buf_done)

void writ_buf_init(struct writ_buf *b, size_t cap);
/* Wipes and frees; the buffer may be used again with its old cap. */
void writ_buf_done(struct writ_buf *b);
/* Forgets the content and the failed bit, keeps the memory. */
void writ_buf_reset(struct writ_buf *b);

static inline size_t
writ_buf_len(const struct writ_buf *b)
{
    return b->end - b->start;
}

static inline struct writ_span
writ_buf_span(const struct writ_buf *b)
{
    return b->mem == NULL ? writ_span(NULL, 0) : writ_span(b->mem + b->start, b->end - b->start);
}

/* Room for at least n more bytes at *ret, to be confirmed with writ_buf_commit. */
enum writ_err writ_buf_reserve(struct writ_buf *b, size_t n, uint8_t **ret) WRIT_CHECK;
void writ_buf_commit(struct writ_buf *b, size_t n);
void writ_buf_consume(struct writ_buf *b, size_t n);

void writ_buf_put(struct writ_buf *b, struct writ_span s);
void writ_buf_put_str(struct writ_buf *b, const char *s);
void writ_buf_put_u8(struct writ_buf *b, uint8_t v);
void writ_buf_put_u16(struct writ_buf *b, uint16_t v);
void writ_buf_put_u32(struct writ_buf *b, uint32_t v);
void writ_buf_put_u64(struct writ_buf *b, uint64_t v);
/* A u32 length and the bytes: the counterpart of writ_read_blob. */
void writ_buf_put_blob(struct writ_buf *b, struct writ_span s);
void writ_buf_put_dec(struct writ_buf *b, uint64_t v);
void writ_buf_putf(struct writ_buf *b, const char *fmt, ...) WRIT_PRINTF(2, 3);

#endif
