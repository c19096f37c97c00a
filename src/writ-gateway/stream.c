#include "writ-gateway/stream.h"

#include <errno.h>
#include <openssl/err.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"

void
stream_init(struct stream *s, int fd)
{
    *s = (struct stream){.fd = fd};
}

void
stream_close(struct stream *s)
{
    if (s->ssl != NULL)
        SSL_free(s->ssl);
    s->ssl = NULL;
    writ_fd_close(&s->fd);
}

void
stream_abort(struct stream *s)
{
    const struct linger now = {.l_onoff = 1, .l_linger = 0};

    (void)setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

/* What OpenSSL's answer means for us; reads and writes may each wait for either direction. */
static ssize_t
tls_result(struct stream *s, int r)
{
    switch (SSL_get_error(s->ssl, r)) {
    case SSL_ERROR_WANT_READ:
        s->readable = false;
        s->wants_write = false;
        return STREAM_AGAIN;
    case SSL_ERROR_WANT_WRITE:
        s->wants_write = true;
        return STREAM_AGAIN;
    case SSL_ERROR_ZERO_RETURN:
        s->eof = true;
        return STREAM_EOF;
    default:
        ERR_clear_error();
        return STREAM_ERROR;
    }
}

static ssize_t
tls_done(struct stream *s, int r)
{
    if (r <= 0)
        return tls_result(s, r);
    s->wants_write = false; /* or epoll would go on telling that the socket takes bytes */
    return r;
}

ssize_t
stream_read(struct stream *s, void *mem, size_t n)
{
    ssize_t r;

    if (s->ssl != NULL) {
        int got = SSL_read(s->ssl, mem, n > INT32_MAX ? INT32_MAX : (int)n);

        if (got > 0 && SSL_has_pending(s->ssl) == 0) {
            s->readable =
                false; /* nothing is left inside the library: epoll tells when there is more */
        }
        return tls_done(s, got);
    }
    do {
        r = recv(s->fd, mem, n, 0);
    } while (r < 0 && errno == EINTR);
    if (r < 0) {
        s->readable = false;
        return errno == EAGAIN ? STREAM_AGAIN : STREAM_ERROR;
    }
    if ((size_t)r < n)
        s->readable = false; /* the socket is dry; epoll tells when there is more */
    if (r == 0)
        s->eof = true;
    return r;
}

ssize_t
stream_write(struct stream *s, struct writ_span data)
{
    ssize_t r;

    if (data.len == 0)
        return 0;
    if (s->ssl != NULL) {
        int n = SSL_write(s->ssl, data.ptr, data.len > INT32_MAX ? INT32_MAX : (int)data.len);

        return tls_done(s, n);
    }
    do {
        r = send(s->fd, data.ptr, data.len, MSG_NOSIGNAL);
    } while (r < 0 && errno == EINTR);
    if (r < 0)
        return errno == EAGAIN ? STREAM_AGAIN : STREAM_ERROR;
    return r;
}

enum writ_err
stream_handshake(struct stream *s)
{
    int r = SSL_do_handshake(s->ssl);

    if (r == 1) {
        s->wants_write = false;
        s->readable = true; /* the first request may be decrypted already */
        return WRIT_OK;
    }
    switch (SSL_get_error(s->ssl, r)) {
    case SSL_ERROR_WANT_READ:
        s->wants_write = false;
        return WRIT_E_AGAIN;
    case SSL_ERROR_WANT_WRITE:
        s->wants_write = true;
        return WRIT_E_AGAIN;
    default:
        return WRIT_E_FORMAT;
    }
}

enum writ_err
stream_fill(struct stream *s, struct writ_buf *b, size_t n)
{
    uint8_t *at;
    ssize_t r;
    enum writ_err e = writ_buf_reserve(b, n, &at);

    if (e != WRIT_OK)
        return e;
    r = stream_read(s, at, n);
    if (r > 0) {
        writ_buf_commit(b, (size_t)r);
        return WRIT_OK;
    }
    return r == STREAM_AGAIN ? WRIT_E_AGAIN : r == STREAM_EOF ? WRIT_E_CLOSED : WRIT_E_SYS;
}

enum writ_err
stream_flush(struct stream *s, struct writ_buf *b)
{
    while (writ_buf_len(b) != 0) {
        ssize_t r = stream_write(s, writ_buf_span(b));

        if (r == STREAM_AGAIN)
            return WRIT_E_AGAIN;
        if (r <= 0)
            return WRIT_E_CLOSED;
        writ_buf_consume(b, (size_t)r);
    }
    return WRIT_OK;
}

void
stream_shutdown(struct stream *s)
{
    if (s->ssl != NULL && SSL_shutdown(s->ssl) < 0)
        ERR_clear_error();
    (void)shutdown(s->fd, SHUT_WR);
}
