/*
 * http1_body.h - message bodies of HTTP/1.1: by length, chunked (RFC 9112 7.1) or until close.
 *
 * Zero copy: each call returns the next piece of data as a span of `in`. Call it in a loop, consume
 * out.consumed bytes each time, until it says MORE (feed again with what was not consumed and more
 * bytes) or DONE. Trailers are consumed only as a whole, so that their spans are valid: the buffer
 * that feeds must be able to hold WRIT_HTTP_TRAILER_BYTES_MAX. Chunk extensions are dropped.
 * Framing, routing, authentication and content-* fields in trailers are refused (RFC 9110 6.5.1).
 */
#ifndef WRIT_PROTO_HTTP1_BODY_H
#define WRIT_PROTO_HTTP1_BODY_H

#include "proto/http1.h"

enum writ_http1_body_event {
    WRIT_HTTP1_BODY_MORE, /* everything that could be used was; data is empty */
    WRIT_HTTP1_BODY_DATA,
    WRIT_HTTP1_BODY_DONE, /* the body is complete; bytes after `consumed` are not its own */
};

struct writ_http1_body {
    enum writ_http1_framing framing;
    uint8_t state;       /* enum body_state of http1_body.c */
    uint8_t digits;      /* of the chunk size so far */
    uint64_t left;       /* bytes of data still to come in this body or chunk */
    uint64_t bytes;      /* of data so far */
    uint32_t line_bytes; /* of this chunk line */
    uint32_t ext_bytes;  /* of all chunk extensions so far */
    size_t scanned;      /* of the trailer section */
    size_t trailer_count;
    struct writ_http1_header trailers[WRIT_HTTP_TRAILERS_MAX]; /* valid from DONE on */
};

struct writ_http1_body_out {
    enum writ_http1_body_event event;
    size_t consumed;
    struct writ_span data; /* DATA only; a part of the bytes consumed */
};

/* framing and length as the head says. NO_BODY is DONE at once. */
void writ_http1_body_init(struct writ_http1_body *b, enum writ_http1_framing framing,
                          uint64_t length);
/* After an error the body stays broken. fault->status is meant for a request's body; a response's
 * broken body can only be cut off. */
enum writ_err writ_http1_body_feed(struct writ_http1_body *b, struct writ_span in,
                                   struct writ_http1_body_out *ret,
                                   struct writ_http1_fault *fault) WRIT_CHECK;
/* Nothing more belongs to the body; feeding would say DONE without looking at a byte. */
bool writ_http1_body_is_done(const struct writ_http1_body *b) WRIT_CHECK;
/* The peer closed: OK if that is a complete body, else CLOSED (it was cut off). */
enum writ_err writ_http1_body_end(const struct writ_http1_body *b) WRIT_CHECK;

enum { WRIT_HTTP1_CHUNK_HEADER_MAX = 18 };

/* "1a2b\r\n" for a chunk of n > 0 bytes; the caller sends "\r\n" after its data. Returns the
 * length. */
size_t writ_http1_chunk_header(uint64_t n, char ret[WRIT_HTTP1_CHUNK_HEADER_MAX]);

#endif
