#include "proto/http1_body.h"

#include <assert.h>

#include "proto/http1_chars.h"
#include "proto/http1_head.h"

enum body_state {
    BODY_BROKEN, /* zero: a body that was never begun gives nothing */
    BODY_DATA,   /* by length, or inside a chunk */
    BODY_CLOSE,  /* until the peer closes */
    BODY_SIZE,   /* digits of a chunk size */
    BODY_EXT,    /* after ';' */
    BODY_SIZE_LF,
    BODY_DATA_CR,
    BODY_DATA_LF,
    BODY_TRAILERS,
    BODY_DONE,
};

enum { CHUNK_DIGITS_MAX = 16 };

void
writ_http1_body_init(struct writ_http1_body *b, enum writ_http1_framing framing, uint64_t length)
{
    *b = (struct writ_http1_body){.framing = framing};
    switch (framing) {
    case WRIT_HTTP1_NO_BODY:
        b->state = BODY_DONE;
        break;
    case WRIT_HTTP1_LENGTH:
        b->left = length;
        b->state = length == 0 ? BODY_DONE : BODY_DATA;
        break;
    case WRIT_HTTP1_CHUNKED:
        b->state = BODY_SIZE;
        break;
    case WRIT_HTTP1_UNTIL_CLOSE:
        b->state = BODY_CLOSE;
        break;
    }
}

static enum writ_err
break_body(struct writ_http1_body *b, struct writ_http1_fault *fault, const char *reason)
{
    b->state = BODY_BROKEN;
    return writ_http1_refuse(fault, 400, reason);
}

static void
begin_chunk(struct writ_http1_body *b)
{
    b->state = BODY_SIZE;
    b->digits = 0;
    b->line_bytes = 0;
    b->left = 0;
}

static enum writ_err
step_size(struct writ_http1_body *b, uint8_t c, struct writ_http1_fault *fault)
{
    uint8_t digit = writ_http1_hex[c];

    if (digit < 16) {
        if (b->digits == CHUNK_DIGITS_MAX)
            return break_body(b, fault, "a chunk size with more than 16 digits");
        b->left = b->left << 4 | digit;
        b->digits++;
        return WRIT_OK;
    }
    if (b->digits == 0)
        return break_body(b, fault, "a chunk without a size");
    if (c != ';' && c != '\r')
        return break_body(b, fault, "a chunk size with a character that is no digit");
    b->state = c == ';' ? BODY_EXT : BODY_SIZE_LF;
    return WRIT_OK;
}

/* What a chunk extension says is of no interest; that it cannot end the line early is. */
static enum writ_err
step_ext(struct writ_http1_body *b, uint8_t c, struct writ_http1_fault *fault)
{
    if (c == '\r') {
        b->state = BODY_SIZE_LF;
        return WRIT_OK;
    }
    if (c >= 0x80 || (writ_http1_chars[c] & WRIT_HTTP1_C_VALUE) == 0)
        return break_body(b, fault, "a byte that no chunk extension has");
    if (++b->ext_bytes > WRIT_HTTP_CHUNK_EXT_MAX || ++b->line_bytes > WRIT_HTTP_CHUNK_LINE_MAX) {
        b->state = BODY_BROKEN;
        return writ_http1_exceed(fault, 400, "too many bytes of chunk extensions");
    }
    return WRIT_OK;
}

static enum writ_err
step_lf(struct writ_http1_body *b, uint8_t c, struct writ_http1_fault *fault)
{
    if (c != '\n')
        return break_body(b, fault, "a CR that no LF follows in a chunked body");
    if (b->state == BODY_DATA_LF) {
        begin_chunk(b);
    } else {
        b->state = b->left == 0 ? BODY_TRAILERS : BODY_DATA;
    }
    return WRIT_OK;
}

/* One byte of what stands around the data. */
static enum writ_err
step(struct writ_http1_body *b, uint8_t c, struct writ_http1_fault *fault)
{
    switch ((enum body_state)b->state) {
    case BODY_SIZE:
        return step_size(b, c, fault);
    case BODY_EXT:
        return step_ext(b, c, fault);
    case BODY_SIZE_LF:
    case BODY_DATA_LF:
        return step_lf(b, c, fault);
    case BODY_DATA_CR:
        if (c != '\r')
            return break_body(b, fault, "chunk data longer than its size");
        b->state = BODY_DATA_LF;
        return WRIT_OK;
    case BODY_BROKEN:
    case BODY_DATA:
    case BODY_CLOSE:
    case BODY_TRAILERS:
    case BODY_DONE:
        break;
    }
    return break_body(b, fault, "the body is broken");
}

static enum writ_err
read_trailers(struct writ_http1_body *b, const uint8_t *at, const uint8_t *limit,
              struct writ_http1_fault *fault)
{
    while (*at != '\r') {
        struct writ_http1_header *h = &b->trailers[b->trailer_count];
        enum writ_err e;

        if (b->trailer_count == WRIT_HTTP_TRAILERS_MAX)
            return writ_http1_exceed(fault, 431, "too many trailer lines");
        e = writ_http1_field(&at, limit, h, fault);
        if (e != WRIT_OK)
            return e;
        if (!writ_http1_name_may_trail(h->id))
            return writ_http1_refuse(fault, 400, "a trailer that may only be a header");
        b->trailer_count++;
    }
    return WRIT_OK;
}

static enum writ_err
feed_trailers(struct writ_http1_body *b, struct writ_span in, size_t *ret_consumed,
              struct writ_http1_fault *fault)
{
    size_t len = 0;
    enum writ_err e = writ_http1_scan(in, &b->scanned, true, &len, fault);

    if ((e == WRIT_E_AGAIN && in.len >= WRIT_HTTP_TRAILER_BYTES_MAX) ||
        (e == WRIT_OK && len > WRIT_HTTP_TRAILER_BYTES_MAX))
        e = writ_http1_exceed(fault, 431, "the trailers are too long");
    if (e == WRIT_E_AGAIN)
        return e;
    if (e == WRIT_OK)
        e = read_trailers(b, in.ptr, in.ptr + len, fault);
    if (e == WRIT_OK)
        *ret_consumed += len;
    b->state = e == WRIT_OK ? BODY_DONE : BODY_BROKEN;
    return e;
}

static enum writ_err
give_data(struct writ_http1_body *b, struct writ_span in, struct writ_http1_body_out *out,
          struct writ_http1_fault *fault)
{
    size_t n = in.len;

    if (b->state == BODY_DATA && b->left < n)
        n = (size_t)b->left;
    if (!writ_add(b->bytes, (uint64_t)n, &b->bytes))
        return break_body(b, fault, "the body is too long");
    if (b->state == BODY_DATA) {
        b->left -= n;
        if (b->left == 0)
            b->state = b->framing == WRIT_HTTP1_CHUNKED ? BODY_DATA_CR : BODY_DONE;
    }
    out->event = WRIT_HTTP1_BODY_DATA;
    out->data = writ_span(in.ptr, n);
    out->consumed += n;
    return WRIT_OK;
}

static bool
wants_step(const struct writ_http1_body *b)
{
    return b->state >= BODY_SIZE && b->state <= BODY_DATA_LF;
}

static enum writ_err
give(struct writ_http1_body *b, struct writ_span in, struct writ_http1_body_out *out,
     struct writ_http1_fault *fault)
{
    if (b->state == BODY_DATA || b->state == BODY_CLOSE)
        return give_data(b, in, out, fault);
    if (b->state == BODY_TRAILERS)
        return feed_trailers(b, in, &out->consumed, fault);
    return WRIT_OK;
}

enum writ_err
writ_http1_body_feed(struct writ_http1_body *b, struct writ_span in,
                     struct writ_http1_body_out *ret, struct writ_http1_fault *fault)
{
    struct writ_http1_body_out out = {.event = WRIT_HTTP1_BODY_MORE};
    enum writ_err e = WRIT_OK;

    if (b->state == BODY_BROKEN)
        return break_body(b, fault, "the body is broken");
    while (e == WRIT_OK && out.consumed < in.len && wants_step(b))
        e = step(b, in.ptr[out.consumed++], fault);
    if (e == WRIT_OK && out.consumed < in.len)
        e = give(b, writ_span_from(in, out.consumed), &out, fault);
    if (e != WRIT_OK && e != WRIT_E_AGAIN)
        return e;
    if (out.event != WRIT_HTTP1_BODY_DATA && b->state == BODY_DONE)
        out.event = WRIT_HTTP1_BODY_DONE;
    *ret = out;
    return WRIT_OK;
}

bool
writ_http1_body_is_done(const struct writ_http1_body *b)
{
    return b->state == BODY_DONE;
}

enum writ_err
writ_http1_body_end(const struct writ_http1_body *b)
{
    return b->state == BODY_DONE || b->state == BODY_CLOSE ? WRIT_OK : WRIT_E_CLOSED;
}

size_t
writ_http1_chunk_header(uint64_t n, char ret[WRIT_HTTP1_CHUNK_HEADER_MAX])
{
    static const char hex[] = "0123456789abcdef";
    size_t len = 0;

    assert(n != 0); /* "0" would end the body */
    for (int shift = 60; shift >= 0; shift -= 4) {
        if (len != 0 || n >> shift != 0)
            ret[len++] = hex[n >> shift & 15];
    }
    ret[len++] = '\r';
    ret[len++] = '\n';
    return len;
}
