#include "ledger/lines.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"

enum { READ_BYTES = 2 * WRIT_LEDGER_LINE_MAX };

enum writ_err
writ_lines_init(struct writ_lines *l, int fd)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return WRIT_E_SYS;
    *l = (struct writ_lines){.fd = fd, .size = st.st_size};
    writ_buf_init(&l->buf, (size_t)4 * READ_BYTES);
    return WRIT_OK;
}

void
writ_lines_done(struct writ_lines *l)
{
    writ_buf_done(&l->buf);
}

/* AGAIN: the file has no more. */
static enum writ_err
fill(struct writ_lines *l)
{
    size_t want = l->size - l->at < READ_BYTES ? (size_t)(l->size - l->at) : READ_BYTES;
    uint8_t *at;
    ssize_t n;
    enum writ_err e;

    if (want == 0)
        return WRIT_E_AGAIN;
    e = writ_buf_reserve(&l->buf, want, &at);
    if (e != WRIT_OK)
        return e;
    do {
        n = pread(l->fd, at, want, l->at);
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        return WRIT_E_SYS;
    if (n == 0)
        l->size = l->at; /* it became shorter while we read */
    writ_buf_commit(&l->buf, (size_t)n);
    l->at += n;
    return WRIT_OK;
}

/* The line that begins `skip` bytes into the buffer. */
static enum writ_err
find(struct writ_lines *l, size_t skip, struct writ_span *ret)
{
    size_t seen = 0;

    for (;;) {
        struct writ_span s = writ_span_from(writ_buf_span(&l->buf), skip);
        const uint8_t *nl = s.len == seen ? NULL : memchr(s.ptr + seen, '\n', s.len - seen);
        enum writ_err e;

        if (nl != NULL) {
            *ret = writ_span(s.ptr, (size_t)(nl - s.ptr));
            return ret->len < WRIT_LEDGER_LINE_MAX ? WRIT_OK : WRIT_E_LIMIT;
        }
        seen = s.len;
        if (seen >= WRIT_LEDGER_LINE_MAX)
            return WRIT_E_LIMIT;
        e = fill(l);
        if (e == WRIT_E_AGAIN && s.len != 0) {
            *ret = s;
            return WRIT_E_CLOSED;
        }
        if (e != WRIT_OK)
            return e;
    }
}

enum writ_err
writ_lines_next(struct writ_lines *l, struct writ_span *ret)
{
    enum writ_err e;

    writ_buf_consume(&l->buf, l->given);
    l->line_at += (off_t)l->given;
    l->given = 0;
    e = find(l, 0, ret);
    if (e == WRIT_OK) {
        l->given = ret->len + 1;
        l->number++;
    }
    return e;
}

enum writ_err
writ_lines_peek(struct writ_lines *l, struct writ_span *ret)
{
    return find(l, l->given, ret);
}
