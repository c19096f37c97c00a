#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "ipc/chan.h"
#include "ipc/ring.h"
#include "test.h"

struct ends {
    struct writ_chan a; /* launcher */
    struct writ_chan b; /* gateway */
};

static void
ends_open(struct ends *e)
{
    int fds[2];

    CHECK(writ_chan_pair(fds) == WRIT_OK);
    writ_chan_init(&e->a, fds[0], WRIT_ROLE_LAUNCHER, WRIT_ROLE_GATEWAY);
    writ_chan_init(&e->b, fds[1], WRIT_ROLE_GATEWAY, WRIT_ROLE_LAUNCHER);
}

static void
ends_close(struct ends *e)
{
    writ_chan_done(&e->a);
    writ_chan_done(&e->b);
}

static void
test_messages(void)
{
    struct ends e;
    struct writ_msg_in m;
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

    ends_open(&e);
    CHECK(writ_chan_send(&e.a, WRIT_MSG_GATEWAY_WRIT, writ_span(NULL, 0), &null, 1) == WRIT_OK);
    CHECK(writ_chan_recv(&e.b, &m) == WRIT_OK && m.type == WRIT_MSG_GATEWAY_WRIT &&
          m.fd_count == 1);
    CHECK((fcntl(m.fds[0], F_GETFD) & FD_CLOEXEC) != 0);
    writ_msg_in_close(&m);
    CHECK(writ_chan_send(&e.b, WRIT_MSG_GATEWAY_FAIL, writ_span_str("no"), NULL, 0) == WRIT_OK);
    CHECK(writ_chan_recv(&e.a, &m) == WRIT_OK && writ_span_is(m.body, "no"));
    writ_chan_done(&e.a);
    CHECK(writ_chan_recv(&e.b, &m) == WRIT_E_CLOSED && e.b.fd == -1);
    ends_close(&e);
    writ_fd_close(&null);
}

/* Sends raw bytes with raw descriptors to a gateway's end; what it answers must be want. */
static void
expect_raw(const uint8_t *bytes, size_t n, unsigned fd_count, enum writ_err want, const char *row)
{
    struct ends e;
    struct writ_msg_in m;

    union {
        struct cmsghdr align;
        uint8_t bytes[CMSG_SPACE(sizeof(int) * 8)];
    } control = {0};
    struct iovec iov = {NULL, n};
    struct msghdr h = {.msg_iov = &iov, .msg_iovlen = 1};
    uint8_t copy[256];
    int before = dup(0);
    int after;

    memcpy(copy, bytes, n);
    iov.iov_base = copy;
    ends_open(&e);
    if (fd_count != 0) {
        struct cmsghdr *c;
        int fds[8] = {0};

        h.msg_control = control.bytes;
        h.msg_controllen = CMSG_SPACE(sizeof(int) * fd_count);
        c = CMSG_FIRSTHDR(&h);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int) * fd_count);
        memcpy(CMSG_DATA(c), fds, sizeof(int) * fd_count);
    }
    CHECK_ROW(sendmsg(e.a.fd, &h, 0) == (ssize_t)n, row);
    CHECK_ROW(writ_chan_recv(&e.b, &m) == want, row);
    if (want == WRIT_OK)
        writ_msg_in_close(&m);
    CHECK_ROW(want == WRIT_OK || e.b.fd == -1, row);
    ends_close(&e);
    after = dup(0);
    CHECK_ROW(before + 0 < after && after - before <= 1, row); /* no descriptor leaked */
    (void)close(before);
    (void)close(after);
}

static void
test_refusals(void)
{
    uint8_t good[16] = {'w', 'r', 'i', 't', 0, WRIT_MSG_GATEWAY_SERVE};
    uint8_t m[20];

    expect_raw(good, 16, 0, WRIT_OK, "a well-formed message");
    for (size_t n = 1; n < 16; n++)
        expect_raw(good, n, 0, WRIT_E_FORMAT, "truncated");
    for (size_t i = 0; i < 16; i++) { /* every single bit of the header matters */
        for (unsigned bit = 0; bit < 8; bit++) {
            memcpy(m, good, 16);
            m[i] ^= (uint8_t)(1U << bit);
            if (i == 5 && (m[i] == WRIT_MSG_GATEWAY_END))
                continue;
            expect_raw(m, 16, 0, WRIT_E_FORMAT, "one bit flipped");
        }
    }
    memcpy(m, good, 16);
    m[11] = 4;
    expect_raw(m, 20, 0, WRIT_E_FORMAT, "a body where none may be");
    expect_raw(good, 16, 1, WRIT_E_FORMAT, "a descriptor too many");
    m[11] = 0;
    m[5] = WRIT_MSG_GATEWAY_WRIT;
    expect_raw(m, 16, 0, WRIT_E_FORMAT, "a descriptor too few");
    expect_raw(m, 16, 2, WRIT_E_FORMAT, "two descriptors for one");
    m[5] = WRIT_MSG_GATEWAY_READY;
    expect_raw(m, 16, 0, WRIT_E_FORMAT, "the wrong direction");
    m[5] = WRIT_MSG_KEEPER_READY;
    expect_raw(m, 16, 0, WRIT_E_FORMAT, "somebody else's message");
}

/* The peer says why it ends, and has not read what we sent meanwhile. */
static void
test_last_words(void)
{
    struct ends e;
    struct writ_msg_in m;

    ends_open(&e);
    CHECK(writ_chan_send(&e.a, WRIT_MSG_GATEWAY_SERVE, writ_span(NULL, 0), NULL, 0) == WRIT_OK);
    CHECK(writ_chan_send(&e.b, WRIT_MSG_GATEWAY_FAIL, writ_span_str("because"), NULL, 0) ==
          WRIT_OK);
    writ_chan_done(&e.b);
    CHECK(writ_chan_recv(&e.a, &m) == WRIT_OK);
    CHECK(m.type == WRIT_MSG_GATEWAY_FAIL && writ_span_is(m.body, "because"));
    CHECK(writ_chan_recv(&e.a, &m) == WRIT_E_CLOSED);
    ends_close(&e);
}

static void
test_phases(void)
{
    struct ends e;
    struct writ_msg_in m;

    ends_open(&e);
    CHECK(writ_chan_send(&e.a, WRIT_MSG_GATEWAY_SERVE, writ_span(NULL, 0), NULL, 0) == WRIT_OK);
    e.b.phase = WRIT_PHASE_RUN;
    CHECK(writ_chan_recv(&e.b, &m) == WRIT_E_STATE && e.b.fd == -1);
    ends_close(&e);
}

static void
test_ring(void)
{
    struct writ_ring w;
    struct writ_ring r;
    struct writ_ring again;
    uint8_t record[1000];
    uint8_t scratch[WRIT_RECORD_BYTES_MAX];
    struct writ_span got;
    int mem;
    int bell;
    unsigned pushed = 0;
    unsigned popped = 0;

    CHECK(writ_ring_make(&mem, &bell) == WRIT_OK);
    CHECK(writ_ring_map(&w, dup(mem), dup(bell)) == WRIT_OK);
    CHECK(writ_ring_map(&r, dup(mem), bell) == WRIT_OK);
    CHECK(writ_ring_pop(&r, scratch, &got) == WRIT_E_AGAIN);
    CHECK(writ_ring_sleep(&r));
    /* several times round, with lengths that wrap at every offset */
    for (unsigned i = 0; i < 20000; i++) {
        size_t n = 1 + (i * 37) % sizeof(record);

        memset(record, (int)i, n);
        if (writ_ring_push(&w, writ_span(record, n)) == WRIT_OK)
            pushed++;
        if (i % 3 != 0) {
            while (writ_ring_pop(&r, scratch, &got) == WRIT_OK)
                popped++;
            writ_ring_release(&r);
        }
    }
    while (writ_ring_pop(&r, scratch, &got) == WRIT_OK)
        popped++;
    writ_ring_release(&r);
    CHECK(pushed == 20000 && popped == pushed);
    memset(record, 7, sizeof(record));
    pushed = 0;
    while (writ_ring_push(&w, writ_span(record, sizeof(record))) == WRIT_OK)
        pushed++;
    CHECK(pushed > 1000); /* full now, and nothing of what is in it was lost */
    popped = 0;
    while (writ_ring_pop(&r, scratch, &got) == WRIT_OK && got.len == sizeof(record) &&
           got.ptr[999] == 7)
        popped++;
    CHECK(popped == pushed);
    /* the reader died before it had written them: the next one finds them all again */
    CHECK(writ_ring_push(&w, writ_span(record, sizeof(record))) == WRIT_E_AGAIN);
    CHECK(writ_ring_map(&again, dup(mem), dup(r.bell)) == WRIT_OK);
    for (popped = 0; writ_ring_pop(&again, scratch, &got) == WRIT_OK;)
        popped++;
    CHECK(popped == pushed);
    writ_ring_release(&again);
    writ_ring_done(&again);
    CHECK(!writ_ring_sleep(&r) || writ_ring_push(&w, writ_span(record, 1)) == WRIT_OK);
    struct pollfd p = {.fd = r.bell, .events = POLLIN};
    CHECK(poll(&p, 1, 0) == 1);
    CHECK(writ_ring_push(&w, writ_span(record, 0)) == WRIT_E_LIMIT);
    CHECK(writ_ring_alive(&w));
    writ_ring_refuse(&r);
    CHECK(!writ_ring_alive(&w) && writ_ring_push(&w, writ_span(record, 1)) == WRIT_E_CLOSED);
    /* a writer gone mad: whatever stands in the memory, the reader ends with a word, not a crash */
    for (unsigned i = 0; i < 2000; i++) {
        memset(record, (int)(i * 31), 64);
        memcpy((uint8_t *)w.shared + (i * 64) % 4096, record, 64);
        for (unsigned k = 0; k < 64 && writ_ring_pop(&r, scratch, &got) == WRIT_OK; k++)
            CHECK(got.len <= WRIT_RECORD_BYTES_MAX);
    }
    writ_ring_done(&w);
    writ_ring_done(&r);
    (void)close(mem);
}

int
main(void)
{
    test_messages();
    test_refusals();
    test_last_words();
    test_phases();
    test_ring();
    return test_end();
}
