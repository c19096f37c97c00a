/*
 * stream.h - a non-blocking socket, with or without TLS on it: bytes in, bytes out.
 *
 * Owns the descriptor and the TLS session. `readable` remembers that epoll reported something that
 * has not been read yet; reading clears it when the socket runs dry, so that no read is made only
 * to hear EAGAIN. A TLS peer that vanishes without close_notify is an error, not an end: what came
 * before may have been cut off by somebody else.
 */
#ifndef WRIT_GATEWAY_STREAM_H
#define WRIT_GATEWAY_STREAM_H

#include <openssl/ssl.h>
#include <sys/types.h>

#include "base/buf.h"
#include "loop/loop.h"

enum { STREAM_EOF = 0, STREAM_AGAIN = -1, STREAM_ERROR = -2 };

struct stream {
    int fd;
    SSL *ssl; /* NULL: plain */
    bool readable;
    bool wants_write; /* a read or a handshake waits for the socket to take bytes */
    bool eof;
};

void stream_init(struct stream *s, int fd);
void stream_close(struct stream *s);
/* Sends a reset instead of an orderly end: the peer must not take what it got for the whole. */
void stream_abort(struct stream *s);
/* A count above 0, or one of the values above. */
ssize_t stream_read(struct stream *s, void *mem, size_t n);
ssize_t stream_write(struct stream *s, struct writ_span data);
/* OK once the handshake is complete. */
enum writ_err stream_handshake(struct stream *s) WRIT_CHECK;
/* Reads once into b, at most n bytes: OK, AGAIN, CLOSED at the end, SYS on an error. */
enum writ_err stream_fill(struct stream *s, struct writ_buf *b, size_t n) WRIT_CHECK;
/* Writes what b holds: OK if it is empty now, AGAIN if the socket is full, CLOSED if it is gone. */
enum writ_err stream_flush(struct stream *s, struct writ_buf *b) WRIT_CHECK;
/* No more bytes will be sent. */
void stream_shutdown(struct stream *s);

#endif
