#include "sandbox/wire.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { WIRE_HEADER_BYTES = 8 };

union wire_control {
    struct cmsghdr align;
    uint8_t bytes[CMSG_SPACE(sizeof(int) * WRIT_WIRE_FDS_MAX)];
};

static void
put_u32(uint8_t *at, uint32_t v)
{
    for (unsigned i = 0; i < 4; i++)
        at[i] = (uint8_t)(v >> (24 - 8 * i));
}

static uint32_t
get_u32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

enum writ_err
writ_wire_send(int fd, enum writ_wire type, uint32_t value, struct writ_span text,
               struct writ_wire_fds fds)
{
    uint8_t header[WIRE_HEADER_BYTES];
    union wire_control control;
    struct iovec iov[2] = {{header, sizeof(header)}, {NULL, text.len}};
    struct msghdr m = {.msg_iov = iov, .msg_iovlen = 2};
    ssize_t n;

    if (text.len > WRIT_WIRE_TEXT_MAX || fds.count > WRIT_WIRE_FDS_MAX)
        return WRIT_E_LIMIT;
    put_u32(header, (uint32_t)type);
    put_u32(header + 4, value);
    memcpy(&iov[1].iov_base, &text.ptr, sizeof(void *)); /* sendmsg does not write through it */
    if (fds.count != 0) {
        struct cmsghdr *h;

        memset(&control, 0, sizeof(control));
        m.msg_control = control.bytes;
        m.msg_controllen = CMSG_SPACE(sizeof(int) * fds.count);
        h = CMSG_FIRSTHDR(&m);
        h->cmsg_level = SOL_SOCKET;
        h->cmsg_type = SCM_RIGHTS;
        h->cmsg_len = CMSG_LEN(sizeof(int) * fds.count);
        memcpy(CMSG_DATA(h), fds.fds, sizeof(int) * fds.count);
    }
    do {
        n = sendmsg(fd, &m, MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == EPIPE || errno == ECONNRESET ? WRIT_E_CLOSED : WRIT_E_SYS;
    return WRIT_OK;
}

/* Counted from cmsg_len: the padding of the buffer can let one more descriptor in. */
static void
take_fds_of(const struct cmsghdr *h, struct writ_wire_msg *ret)
{
    size_t n = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);

    for (size_t i = 0; i < n; i++) {
        int fd;

        memcpy(&fd, CMSG_DATA(h) + i * sizeof(int), sizeof(int));
        if (ret->fd_count < WRIT_WIRE_FDS_MAX) {
            ret->fds[ret->fd_count++] = fd;
        } else {
            (void)close(fd);
        }
    }
}

static void
take_fds(struct msghdr *m, struct writ_wire_msg *ret)
{
    for (struct cmsghdr *h = CMSG_FIRSTHDR(m); h != NULL; h = CMSG_NXTHDR(m, h)) {
        if (h->cmsg_level == SOL_SOCKET && h->cmsg_type == SCM_RIGHTS)
            take_fds_of(h, ret);
    }
}

void
writ_wire_close_fds(struct writ_wire_msg *m)
{
    for (size_t i = 0; i < m->fd_count; i++) {
        if (m->fds[i] >= 0)
            (void)close(m->fds[i]);
    }
    m->fd_count = 0;
}

static enum writ_err
wait_readable(int fd, int timeout_ms)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    int n;

    if (timeout_ms < 0)
        return WRIT_OK; /* recvmsg itself waits */
    do {
        n = poll(&p, 1, timeout_ms);
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        return WRIT_E_SYS;
    return n == 0 ? WRIT_E_AGAIN : WRIT_OK;
}

enum writ_err
writ_wire_recv(int fd, int timeout_ms, struct writ_wire_msg *ret)
{
    uint8_t header[WIRE_HEADER_BYTES];
    union wire_control control;
    struct iovec iov[2] = {{header, sizeof(header)}, {ret->text, WRIT_WIRE_TEXT_MAX}};
    struct msghdr m = {.msg_iov = iov,
                       .msg_iovlen = 2,
                       .msg_control = control.bytes,
                       .msg_controllen = sizeof(control.bytes)};
    enum writ_err e = wait_readable(fd, timeout_ms);
    ssize_t n;

    ret->fd_count = 0;
    if (e != WRIT_OK)
        return e;
    do {
        n = recvmsg(fd, &m, MSG_CMSG_CLOEXEC);
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == ECONNRESET ? WRIT_E_CLOSED : errno == EAGAIN ? WRIT_E_AGAIN : WRIT_E_SYS;
    take_fds(&m, ret);
    if (n == 0) {
        writ_wire_close_fds(ret);
        return WRIT_E_CLOSED;
    }
    if ((m.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0 || n < WIRE_HEADER_BYTES ||
        get_u32(header) < WRIT_WIRE_MAPPED || get_u32(header) > WRIT_WIRE_FAIL) {
        writ_wire_close_fds(ret);
        return WRIT_E_FORMAT;
    }
    ret->type = (enum writ_wire)get_u32(header);
    ret->value = get_u32(header + 4);
    ret->text_len = (size_t)n - WIRE_HEADER_BYTES;
    ret->text[ret->text_len] = '\0';
    return WRIT_OK;
}
