/*
 * writ-ledger - keeps the record of one task.
 *
 * usage: writ-ledger --state DIR, with the launcher's channel as descriptor 3. Writes one log,
 * answers the launcher and the keeper, empties the rings. If the launcher goes without sealing, it
 * seals the log itself: the record does not depend on who is still alive.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "base/fd.h"
#include "writ-ledger/ledger.h"

enum {
    LAUNCHER_FD = 3,
    /*
     * After a turn with records the next look at the rings is this much later, whether or not a
     * bell rang: under load no writer pays for waking us, and we are woken once for many records.
     */
    LINGER_MS = 1,
    RECOVER_MAX = 16,
};

#if defined(__SANITIZE_ADDRESS__)
#    define SANITIZED 1
#elif defined(__has_feature)
#    if __has_feature(address_sanitizer)
#        define SANITIZED 1
#    endif
#endif

#ifdef SANITIZED
const char *__asan_default_options(void);

/* The leak check traces its own process, which nobody may do to this one. */
const char *
__asan_default_options(void)
{
    return "detect_leaks=0";
}
#endif

static enum writ_err
answer_count(struct ledger *l, struct writ_chan *c, enum writ_msg type)
{
    WRIT_BUF_AUTO struct writ_buf b;

    writ_buf_init(&b, 64);
    writ_buf_put_u64(&b, l->log.records);
    return writ_chan_send(c, type, writ_buf_span(&b), NULL, 0);
}

/* The launcher gets the log too: while it has it, the lock outlives us. */
static enum writ_err
answer_opened(struct ledger *l)
{
    WRIT_BUF_AUTO struct writ_buf b;

    writ_buf_init(&b, 64);
    writ_buf_put_u64(&b, l->log.records);
    return writ_chan_send(&l->launcher, WRIT_MSG_LEDGER_OPENED, writ_buf_span(&b), &l->log.fd, 1);
}

static enum writ_err
answer_resumed(struct ledger *l)
{
    WRIT_BUF_AUTO struct writ_buf b;

    writ_buf_init(&b, 64);
    writ_buf_put_u64(&b, l->log.records);
    writ_buf_put_u8(&b, l->log.sealed ? 1 : 0);
    return writ_chan_send(&l->launcher, WRIT_MSG_LEDGER_RESUMED, writ_buf_span(&b), NULL, 0);
}

static enum writ_err
answer_sealed(struct ledger *l)
{
    WRIT_BUF_AUTO struct writ_buf b;

    writ_buf_init(&b, 128);
    writ_buf_put_u64(&b, l->log.records);
    writ_buf_put_blob(&b, writ_span(l->log.head, sizeof(l->log.head)));
    return writ_chan_send(&l->launcher, WRIT_MSG_LEDGER_SEALED, writ_buf_span(&b), NULL, 0);
}

/* A record by message: in the file before it is acknowledged. */
static enum writ_err
append(struct ledger *l, struct writ_chan *c, struct writ_span record)
{
    enum writ_msg ack =
        c->peer == WRIT_ROLE_KEEPER ? WRIT_MSG_LEDGER_ACK_KEEPER : WRIT_MSG_LEDGER_ACK;
    enum writ_err e = ledger_accept(l, record, c->peer);

    if (e == WRIT_E_FORMAT || e == WRIT_E_DENIED)
        return e;
    if (e == WRIT_OK)
        e = ledger_flush(l);
    if (e == WRIT_OK)
        return answer_count(l, c, ack);
    if (!l->failed) {
        ledger_fail(l, "a record could not be kept", e);
    } else if (c->peer == WRIT_ROLE_LAUNCHER) {
        ledger_tell(l);
    }
    return c->peer == WRIT_ROLE_KEEPER ? WRIT_E_CLOSED : WRIT_OK; /* no answer is a no */
}

static enum writ_err
add_ring(struct ledger *l, struct writ_msg_in *m)
{
    struct writ_reader r = writ_reader(m->body);
    struct ledger_source *s = &l->sources[l->source_count];
    uint8_t role;
    enum writ_err e;

    if (!writ_read_u8(&r, &role) || !writ_read_done(&r) || role != WRIT_ROLE_GATEWAY)
        return WRIT_E_FORMAT;
    if (!l->open || l->source_count == WRIT_COUNT(l->sources))
        return WRIT_E_STATE;
    e = writ_ring_map(&s->ring, writ_fd_take(&m->fds[0]), writ_fd_take(&m->fds[1]));
    if (e != WRIT_OK)
        return e;
    s->role = (enum writ_role)role;
    s->broken = false;
    l->source_count++;
    if (l->failed)
        writ_ring_refuse(&s->ring);
    return WRIT_OK;
}

static enum writ_err
add_channel(struct ledger *l, struct writ_msg_in *m)
{
    struct writ_reader r = writ_reader(m->body);
    uint8_t role;

    if (!writ_read_u8(&r, &role) || !writ_read_done(&r) || role != WRIT_ROLE_KEEPER)
        return WRIT_E_FORMAT;
    if (!l->open || l->keeper.fd >= 0)
        return WRIT_E_STATE;
    writ_chan_init(&l->keeper, writ_fd_take(&m->fds[0]), WRIT_ROLE_LEDGER, WRIT_ROLE_KEEPER);
    l->keeper.phase = WRIT_PHASE_RUN;
    return WRIT_OK;
}

static enum writ_err
seal(struct ledger *l, struct writ_span last)
{
    enum writ_err e = ledger_seal(l, last, NULL);

    if (e == WRIT_OK) {
        l->launcher.phase = WRIT_PHASE_END;
        return answer_sealed(l);
    }
    if (e == WRIT_E_FORMAT || e == WRIT_E_DENIED || e == WRIT_E_STATE)
        return e;
    ledger_fail(l, "the log could not be sealed", e);
    ledger_tell(l);
    return WRIT_OK;
}

/* A launcher that asks for what cannot be is not heard again; a log that cannot be had is told. */
static enum writ_err
begin(struct ledger *l, struct writ_msg_in *m)
{
    bool resume = m->type == WRIT_MSG_LEDGER_RESUME;
    enum writ_err e =
        resume ? ledger_resume(l, m->body, writ_fd_take(&m->fds[0])) : ledger_open(l, m->body);

    if ((e == WRIT_E_FORMAT || e == WRIT_E_STATE) && !l->failed)
        return e;
    if (e != WRIT_OK)
        return WRIT_OK;
    return resume ? answer_resumed(l) : answer_opened(l);
}

static enum writ_err
handle(struct ledger *l, struct writ_msg_in *m)
{
    /* in a switch over our own enum the compiler asks for every message of every process */
    if (m->type == WRIT_MSG_LEDGER_APPEND)
        return l->sealed ? WRIT_E_STATE : append(l, &l->launcher, m->body);
    if (m->type == WRIT_MSG_LEDGER_RING)
        return add_ring(l, m);
    if (m->type == WRIT_MSG_LEDGER_CHANNEL)
        return add_channel(l, m);
    if (m->type == WRIT_MSG_LEDGER_SEAL)
        return l->sealed ? WRIT_E_STATE : seal(l, m->body);
    if (m->type == WRIT_MSG_LEDGER_OPEN || m->type == WRIT_MSG_LEDGER_RESUME)
        return begin(l, m);
    return WRIT_E_STATE;
}

/* Not OK: the launcher has gone, or is not to be heard any more. */
static enum writ_err
serve_launcher(struct ledger *l)
{
    struct writ_msg_in m;
    enum writ_err e = writ_chan_recv(&l->launcher, &m);

    if (e != WRIT_OK)
        return e;
    e = handle(l, &m);
    writ_msg_in_close(&m);
    return e;
}

static void
serve_keeper(struct ledger *l)
{
    struct writ_msg_in m;
    enum writ_err e = writ_chan_recv(&l->keeper, &m);

    if (e == WRIT_OK) {
        e = append(l, &l->keeper, m.body); /* the only message a keeper may send */
        writ_msg_in_close(&m);
    }
    if (e == WRIT_OK || e == WRIT_E_AGAIN)
        return;
    if (e != WRIT_E_CLOSED)
        ledger_gap(l, WRIT_ROLE_KEEPER, "it sent what it may not send");
    writ_chan_done(&l->keeper);
}

/* May we sleep until a bell rings? Asks every ring, so that all of them are armed. */
static bool
arm(struct ledger *l)
{
    bool sleep = true;

    for (unsigned i = 0; i < l->source_count; i++) {
        if (!l->sources[i].broken && !writ_ring_sleep(&l->sources[i].ring))
            sleep = false;
    }
    return sleep;
}

static enum writ_err
turn(struct ledger *l)
{
    struct pollfd fds[2 + WRIT_LEDGER_RINGS_MAX];
    nfds_t n = 0;
    bool busy = ledger_drain(l);
    int wait;

    ledger_tick(l);
    wait = ledger_wait_ms(l);
    fds[n++] = (struct pollfd){.fd = l->launcher.fd, .events = POLLIN};
    fds[n++] = (struct pollfd){.fd = l->keeper.fd, .events = POLLIN};
    if (busy) {
        wait = wait < 0 || wait > LINGER_MS ? LINGER_MS : wait;
    } else if (!arm(l)) {
        wait = 0;
    } else {
        for (unsigned i = 0; i < l->source_count; i++) {
            fds[n++] = (struct pollfd){.fd = l->sources[i].broken ? -1 : l->sources[i].ring.bell,
                                       .events = POLLIN};
        }
    }
    if (poll(fds, n, wait) < 0 && errno != EINTR)
        return WRIT_E_SYS;
    if (fds[1].revents != 0)
        serve_keeper(l);
    return fds[0].revents != 0 ? serve_launcher(l) : WRIT_OK;
}

/* The launcher has gone: what can still be recorded is, and the log ends in order. */
static int
finish(struct ledger *l, enum writ_err why)
{
    enum writ_err e;

    if (l->sealed || !l->open || l->log.records == 0)
        return 0;
    writ_chan_done(&l->launcher);
    e = ledger_seal(l, writ_span(NULL, 0),
                    why == WRIT_E_CLOSED ? "closed its channel before the log was sealed"
                                         : "sent what it may not send");
    if (e == WRIT_OK)
        return 0;
    (void)fprintf(stderr, "writ-ledger: %s: not sealed: %s\n", l->log.task, writ_err_name(e));
    return 1;
}

static int
refuse(struct ledger *l, const char *text)
{
    (void)snprintf(l->fail, sizeof(l->fail), "%.*s", (int)sizeof(l->fail) - 1, text);
    ledger_tell(l);
    return 1;
}

/* The end of a task comes by the channel; a terminal's Ctrl-C is the launcher's to handle. */
static void
block_signals(void)
{
    static const int all[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGPIPE, SIGXFSZ};
    sigset_t set;

    (void)sigemptyset(&set);
    for (size_t i = 0; i < WRIT_COUNT(all); i++)
        (void)sigaddset(&set, all[i]);
    (void)pthread_sigmask(SIG_BLOCK, &set, NULL);
}

int
main(int argc, char **argv)
{
    static struct ledger l;
    struct writ_diag diag = {0};
    enum writ_err e;

    if (argc != 3 || strcmp(argv[1], "--state") != 0) {
        (void)fprintf(stderr, "usage: writ-ledger --state DIR (started by writ)\n");
        return 2;
    }
    block_signals();
    (void)close_range(LAUNCHER_FD + 1, ~0U, 0);
    writ_log_init(&l.log);
    writ_chan_init(&l.launcher, LAUNCHER_FD, WRIT_ROLE_LEDGER, WRIT_ROLE_LAUNCHER);
    writ_chan_init(&l.keeper, -1, WRIT_ROLE_LEDGER, WRIT_ROLE_KEEPER);
    if (writ_store_make(argv[2], &l.store, &diag) != WRIT_OK)
        return refuse(&l, diag.text);
    if (ledger_harden(&l.store) != WRIT_OK)
        return refuse(&l, "the ledger could not confine itself");
    e = writ_chan_send(&l.launcher, WRIT_MSG_LEDGER_READY, writ_span(NULL, 0), NULL, 0);
    l.launcher.phase = WRIT_PHASE_RUN;
    (void)writ_store_recover(&l.store, RECOVER_MAX);
    while (e == WRIT_OK)
        e = turn(&l);
    return finish(&l, e);
}
