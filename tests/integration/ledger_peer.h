/*
 * ledger_peer.h - the launcher's side of a real writ-ledger, for tests.
 */
#ifndef WRIT_TESTS_LEDGER_PEER_H
#define WRIT_TESTS_LEDGER_PEER_H

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/id.h"
#include "ipc/chan.h"
#include "ipc/ring.h"
#include "ledger/record.h"
#include "ledger/store.h"
#include "ledger/verify.h"

static const char *peer_program; /* the path of writ-ledger */

struct peer {
    pid_t pid;
    struct writ_chan chan;
    struct writ_id task;
    int log;        /* as LEDGER_OPENED gave it, or -1 */
    char fail[512]; /* what LEDGER_FAIL said */
};

static uint8_t peer_mem[WRIT_RECORD_BYTES_MAX];

static inline struct writ_span
peer_record(enum writ_kind kind, uint64_t n, const char *decision)
{
    struct writ_record r;
    struct writ_span s = writ_span(NULL, 0);

    writ_record_begin(&r, peer_mem, sizeof(peer_mem), kind, writ_clock_wall_us());
    writ_record_u64(&r, WRIT_FIELD_COUNT, n);
    writ_record_str(&r, WRIT_FIELD_PATH, "/v2/issues/\x1b[31m\n\"{}");
    writ_record_str(&r, WRIT_FIELD_DECISION, decision);
    if (writ_record_end(&r, &s) != WRIT_OK)
        abort();
    return s;
}

static inline void
peer_start(struct peer *p, const char *state)
{
    int pair[2];

    *p = (struct peer){.pid = -1, .log = -1};
    if (writ_chan_pair(pair) != WRIT_OK)
        abort();
    p->pid = fork();
    if (p->pid == 0) {
        if (dup2(pair[1], 3) != 3)
            (void)fcntl(3, F_SETFD, 0);
        (void)execl(peer_program, "writ-ledger", "--state", state, (char *)NULL);
        _exit(127);
    }
    (void)close(pair[1]);
    writ_chan_init(&p->chan, pair[0], WRIT_ROLE_LAUNCHER, WRIT_ROLE_LEDGER);
    writ_id_new(&p->task);
}

/* The type of the next message, or WRIT_MSG_NONE when the ledger has gone or says nothing. */
static inline enum writ_msg
peer_answer(struct peer *p, uint64_t *ret_count)
{
    struct writ_msg_in m;
    struct writ_reader r;
    enum writ_msg type;

    if (writ_chan_recv(&p->chan, &m) != WRIT_OK)
        return WRIT_MSG_NONE;
    type = m.type;
    if (type == WRIT_MSG_LEDGER_OPENED) {
        writ_fd_close(&p->log);
        p->log = writ_fd_take(&m.fds[0]);
    }
    r = writ_reader(m.body);
    if (type == WRIT_MSG_LEDGER_FAIL && !writ_read_str(&r, p->fail, sizeof(p->fail)))
        type = WRIT_MSG_NONE;
    else if (type != WRIT_MSG_LEDGER_FAIL && ret_count != NULL && !writ_read_u64(&r, ret_count))
        type = WRIT_MSG_NONE;
    writ_msg_in_close(&m);
    return type;
}

static inline enum writ_msg
peer_ask(struct peer *p, enum writ_msg type, struct writ_span body, uint64_t *ret_count)
{
    if (writ_chan_send(&p->chan, type, body, NULL, 0) != WRIT_OK)
        return WRIT_MSG_NONE;
    return peer_answer(p, ret_count);
}

static inline bool
peer_ready(struct peer *p)
{
    bool ready = peer_answer(p, NULL) == WRIT_MSG_LEDGER_READY;

    p->chan.phase = WRIT_PHASE_RUN;
    return ready;
}

static inline bool
peer_open(struct peer *p)
{
    struct writ_buf b;
    bool ok;

    writ_buf_init(&b, 64);
    writ_buf_put_blob(&b, writ_span_str(p->task.text));
    ok = peer_ask(p, WRIT_MSG_LEDGER_OPEN, writ_buf_span(&b), NULL) == WRIT_MSG_LEDGER_OPENED;
    writ_buf_done(&b);
    return ok && peer_ask(p, WRIT_MSG_LEDGER_APPEND, peer_record(WRIT_KIND_TASK_START, 0, ""),
                          NULL) == WRIT_MSG_LEDGER_ACK;
}

/* A ring whose writing side is ours. */
static inline bool
peer_ring(struct peer *p, struct writ_ring *ret, enum writ_role role)
{
    const uint8_t body[1] = {(uint8_t)role};
    int fds[2];

    if (writ_ring_make(&fds[0], &fds[1]) != WRIT_OK ||
        writ_chan_send(&p->chan, WRIT_MSG_LEDGER_RING, writ_span(body, 1), fds, 2) != WRIT_OK)
        return false;
    return writ_ring_map(ret, fds[0], fds[1]) == WRIT_OK;
}

static inline bool
peer_seal(struct peer *p, uint64_t *ret_count)
{
    return peer_ask(p, WRIT_MSG_LEDGER_SEAL, peer_record(WRIT_KIND_TASK_END, 1, ""), ret_count) ==
           WRIT_MSG_LEDGER_SEALED;
}

/* A new ledger for a task whose own one died; p is the new one then, with the same log. */
static inline enum writ_msg
peer_resume(struct peer *p, const char *state)
{
    struct peer old = *p;
    struct writ_buf b;
    enum writ_msg type = WRIT_MSG_NONE;

    peer_start(p, state);
    p->task = old.task;
    p->log = old.log;
    writ_buf_init(&b, 64);
    writ_buf_put_blob(&b, writ_span_str(p->task.text));
    if (peer_ready(p) &&
        writ_chan_send(&p->chan, WRIT_MSG_LEDGER_RESUME, writ_buf_span(&b), &p->log, 1) == WRIT_OK)
        type = peer_answer(p, NULL);
    writ_buf_done(&b);
    return type;
}

/* Lets go of the channel and returns how the process ended. */
static inline int
peer_end(struct peer *p)
{
    int status = -1;

    writ_chan_done(&p->chan);
    writ_fd_close(&p->log);
    if (waitpid(p->pid, &status, 0) != p->pid)
        return -1;
    return status;
}

#endif
