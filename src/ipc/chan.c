#include "ipc/chan.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"

enum {
    CHAN_MAGIC = 0x77726974, /* "writ" */
    CHAN_HEADER_BYTES = 16,
};

union control {
    struct cmsghdr align;
    uint8_t bytes[CMSG_SPACE(sizeof(int) * WRIT_MSG_FDS_MAX)];
};

enum writ_err
writ_chan_pair(int ret[2])
{
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ret) < 0)
        return WRIT_E_SYS;
    return WRIT_OK;
}

void
writ_chan_init(struct writ_chan *c, int fd, enum writ_role self, enum writ_role peer)
{
    *c = (struct writ_chan){.fd = fd, .self = self, .peer = peer, .phase = WRIT_PHASE_SETUP};
    writ_buf_init(&c->in, CHAN_HEADER_BYTES + WRIT_MSG_BYTES_MAX);
}

void
writ_chan_done(struct writ_chan *c)
{
    writ_fd_close(&c->fd);
    writ_buf_done(&c->in);
}

static void
put_header(uint8_t header[CHAN_HEADER_BYTES], unsigned type, uint32_t len, uint32_t seq)
{
    memset(header, 0, CHAN_HEADER_BYTES);
    for (unsigned i = 0; i < 4; i++) {
        header[i] = (uint8_t)((uint32_t)CHAN_MAGIC >> (24 - 8 * i));
        header[8 + i] = (uint8_t)(len >> (24 - 8 * i));
        header[12 + i] = (uint8_t)(seq >> (24 - 8 * i));
    }
    header[4] = (uint8_t)(type >> 8);
    header[5] = (uint8_t)type;
}

static void
put_fds(struct msghdr *m, union control *control, const int *fds, size_t count)
{
    struct cmsghdr *h;

    m->msg_control = control->bytes;
    m->msg_controllen = CMSG_SPACE(sizeof(int) * count);
    h = CMSG_FIRSTHDR(m);
    h->cmsg_level = SOL_SOCKET;
    h->cmsg_type = SCM_RIGHTS;
    h->cmsg_len = CMSG_LEN(sizeof(int) * count);
    memcpy(CMSG_DATA(h), fds, sizeof(int) * count);
}

enum writ_err
writ_chan_send(struct writ_chan *c, enum writ_msg type, struct writ_span body, const int *fds,
               unsigned fd_count)
{
    const struct writ_msg_rule *rule = writ_msg_rule((unsigned)type);
    uint8_t header[CHAN_HEADER_BYTES];
    union control control = {0};
    struct iovec iov[2] = {{header, sizeof(header)}, {NULL, body.len}};
    struct msghdr m = {.msg_iov = iov, .msg_iovlen = 2};
    ssize_t n;

    /* what we send is our own doing: a message against the table is a bug, not input */
    assert(rule != NULL && rule->from == c->self && rule->to == c->peer);
    assert(rule->fds == fd_count && body.len <= rule->body_max);
    if (c->fd < 0)
        return WRIT_E_CLOSED;
    put_header(header, (unsigned)type, (uint32_t)body.len, c->sent);
    memcpy(&iov[1].iov_base, &body.ptr, sizeof(void *)); /* sendmsg does not write through it */
    if (fds != NULL && fd_count != 0)
        put_fds(&m, &control, fds, fd_count);
    do {
        n = sendmsg(c->fd, &m, MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
    if (n < 0 && errno == EAGAIN)
        return WRIT_E_AGAIN;
    if (n < 0)
        return errno == EPIPE || errno == ECONNRESET ? WRIT_E_CLOSED : WRIT_E_SYS;
    c->sent++;
    return WRIT_OK;
}

/* Keeps a descriptor, or closes it where more arrive than any message may have. */
static void
take_fd(struct writ_msg_in *ret, const unsigned char *at)
{
    int fd;

    memcpy(&fd, at, sizeof(int));
    if (ret->fd_count < WRIT_MSG_FDS_MAX) {
        ret->fds[ret->fd_count++] = fd;
    } else {
        (void)close(fd);
    }
}

/* Takes every descriptor that arrived, so that none can leak, whatever is wrong with the rest. */
static void
take_fds(struct msghdr *m, struct writ_msg_in *ret)
{
    for (struct cmsghdr *h = CMSG_FIRSTHDR(m); h != NULL; h = CMSG_NXTHDR(m, h)) {
        size_t n;

        if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
            continue;
        /* counted from cmsg_len: the padding of the buffer can let one more descriptor in */
        n = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < n; i++)
            take_fd(ret, CMSG_DATA(h) + i * sizeof(int));
    }
}

static enum writ_err
check(struct writ_chan *c, const struct msghdr *m, struct writ_span in, struct writ_msg_in *ret)
{
    struct writ_reader r = writ_reader(in);
    const struct writ_msg_rule *rule;
    uint32_t magic;
    uint16_t type;
    uint16_t zero;
    uint32_t len;
    uint32_t seq;

    if ((m->msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0)
        return WRIT_E_FORMAT;
    if (!writ_read_u32(&r, &magic) || !writ_read_u16(&r, &type) || !writ_read_u16(&r, &zero) ||
        !writ_read_u32(&r, &len) || !writ_read_u32(&r, &seq))
        return WRIT_E_FORMAT;
    if (magic != CHAN_MAGIC || zero != 0 || len != r.rest.len || seq != c->received)
        return WRIT_E_FORMAT;
    rule = writ_msg_rule(type);
    if (rule == NULL || rule->from != c->peer || rule->to != c->self)
        return WRIT_E_FORMAT;
    if ((rule->phases & (unsigned)c->phase) == 0)
        return WRIT_E_STATE;
    if (len > rule->body_max || ret->fd_count != rule->fds)
        return WRIT_E_FORMAT;
    ret->type = (enum writ_msg)type;
    ret->body = r.rest;
    return WRIT_OK;
}

enum writ_err
writ_chan_recv(struct writ_chan *c, struct writ_msg_in *ret)
{
    struct writ_msg_in in = {0};
    union control control;
    struct iovec iov = {NULL, CHAN_HEADER_BYTES + WRIT_MSG_BYTES_MAX};
    struct msghdr m = {.msg_iov = &iov,
                       .msg_iovlen = 1,
                       .msg_control = control.bytes,
                       .msg_controllen = sizeof(control.bytes)};
    uint8_t *at;
    enum writ_err e;
    ssize_t n;

    if (c->fd < 0)
        return WRIT_E_CLOSED;
    writ_buf_reset(&c->in);
    e = writ_buf_reserve(&c->in, iov.iov_len, &at);
    if (e != WRIT_OK)
        return e;
    iov.iov_base = at;
    do {
        n = recvmsg(c->fd, &m, MSG_CMSG_CLOEXEC);
    } while (n < 0 && errno == EINTR);
    /* A peer that closed before it read all we sent: the kernel tells of that once, ahead of the
     * peer's own last words, which may say why. */
    if (n < 0 && errno == ECONNRESET)
        n = recvmsg(c->fd, &m, MSG_CMSG_CLOEXEC);
    if (n < 0 && errno == EAGAIN)
        return WRIT_E_AGAIN;
    if (n < 0) {
        e = errno == ECONNRESET ? WRIT_E_CLOSED : WRIT_E_SYS;
        writ_fd_close(&c->fd);
        return e;
    }
    take_fds(&m, &in);
    if (n == 0) {
        writ_msg_in_close(&in);
        writ_fd_close(&c->fd);
        return WRIT_E_CLOSED;
    }
    e = check(c, &m, writ_span(at, (size_t)n), &in);
    if (e != WRIT_OK) {
        writ_msg_in_close(&in);
        writ_fd_close(&c->fd);
        return e;
    }
    c->received++;
    *ret = in;
    return WRIT_OK;
}

enum writ_err
writ_chan_wait(struct writ_chan *c, int timeout_ms, struct writ_msg_in *ret)
{
    struct pollfd p = {.fd = c->fd, .events = POLLIN};
    int n;

    if (c->fd < 0)
        return WRIT_E_CLOSED;
    do {
        n = poll(&p, 1, timeout_ms);
    } while (n < 0 && errno == EINTR);
    if (n <= 0)
        return n == 0 ? WRIT_E_AGAIN : WRIT_E_SYS;
    return writ_chan_recv(c, ret);
}

enum writ_err
writ_chan_expect(struct writ_chan *c, enum writ_msg type, int timeout_ms, struct writ_msg_in *ret)
{
    struct writ_msg_in in;
    enum writ_err e = writ_chan_wait(c, timeout_ms, &in);

    if (e != WRIT_OK)
        return e;
    if (in.type != type) {
        writ_msg_in_close(&in);
        return WRIT_E_STATE;
    }
    *ret = in;
    return WRIT_OK;
}

void
writ_msg_in_close(struct writ_msg_in *m)
{
    for (unsigned i = 0; i < m->fd_count; i++)
        writ_fd_close(&m->fds[i]);
    m->fd_count = 0;
}
