#include "writ/ledger_client.h"

#include "base/fd.h"

enum {
    READY_MS = 10000,
    ANSWER_MS = 30000, /* a slow disk */
};

static enum writ_err
send_task(struct ledger_client *c, enum writ_msg type, const int *fds, unsigned fd_count)
{
    WRIT_BUF_AUTO struct writ_buf body = {0};

    writ_buf_init(&body, 64);
    writ_buf_put_blob(&body, writ_span_str(c->task));
    return writ_chan_send(&c->child.chan, type, writ_buf_span(&body), fds, fd_count);
}

static enum writ_err
send_ring(struct ledger_client *c)
{
    const uint8_t gateway = WRIT_ROLE_GATEWAY;

    return writ_chan_send(&c->child.chan, WRIT_MSG_LEDGER_RING, writ_span(&gateway, 1), c->ring, 2);
}

static enum writ_err
ask(struct ledger_client *c, enum writ_msg type, struct writ_span body, enum writ_msg answer,
    struct writ_diag *diag)
{
    struct writ_msg_in m;
    enum writ_err e =
        c->child.chan.fd < 0 ? WRIT_E_CLOSED : writ_chan_send(&c->child.chan, type, body, NULL, 0);

    if (e != WRIT_OK) {
        writ_diag_set(diag, 0, 0, "%s ended unexpectedly", c->child.name);
        return e;
    }
    return child_expect(&c->child, answer, ANSWER_MS, diag, &m);
}

enum writ_err
ledger_client_start(struct ledger_client *c, struct writ_diag *diag)
{
    return child_start(&c->child, "writ-ledger", WRIT_ROLE_LEDGER, c->state, diag);
}

/* The ring comes after the first record, before which no other may be. */
enum writ_err
ledger_client_tell(struct ledger_client *c, struct writ_span first)
{
    enum writ_err e = send_task(c, WRIT_MSG_LEDGER_OPEN, NULL, 0);

    if (e == WRIT_OK)
        e = writ_chan_send(&c->child.chan, WRIT_MSG_LEDGER_APPEND, first, NULL, 0);
    return e == WRIT_OK ? send_ring(c) : e;
}

static enum writ_err
hear_ready(struct ledger_client *c, struct writ_diag *diag)
{
    struct writ_msg_in m;
    enum writ_err e = child_expect(&c->child, WRIT_MSG_LEDGER_READY, READY_MS, diag, &m);

    if (e == WRIT_OK)
        c->child.chan.phase = WRIT_PHASE_RUN;
    return e;
}

enum writ_err
ledger_client_hear(struct ledger_client *c, struct writ_diag *diag)
{
    struct writ_msg_in m;
    enum writ_err e = hear_ready(c, diag);

    if (e == WRIT_OK)
        e = child_expect(&c->child, WRIT_MSG_LEDGER_OPENED, ANSWER_MS, diag, &m);
    if (e != WRIT_OK)
        return e;
    c->log = writ_fd_take(&m.fds[0]);
    return child_expect(&c->child, WRIT_MSG_LEDGER_ACK, ANSWER_MS, diag, &m);
}

enum writ_err
ledger_client_append(struct ledger_client *c, struct writ_span record, struct writ_diag *diag)
{
    return ask(c, WRIT_MSG_LEDGER_APPEND, record, WRIT_MSG_LEDGER_ACK, diag);
}

enum writ_err
ledger_client_seal(struct ledger_client *c, struct writ_span last, struct writ_diag *diag)
{
    return ask(c, WRIT_MSG_LEDGER_SEAL, last, WRIT_MSG_LEDGER_SEALED, diag);
}

/* Whether the log is sealed already. */
static enum writ_err
hear_resumed(struct ledger_client *c, bool *ret_sealed, struct writ_diag *diag)
{
    struct writ_msg_in m;
    struct writ_reader r;
    uint64_t records;
    uint8_t sealed;
    enum writ_err e = child_expect(&c->child, WRIT_MSG_LEDGER_RESUMED, ANSWER_MS, diag, &m);

    if (e != WRIT_OK)
        return e;
    r = writ_reader(m.body);
    if (!writ_read_u64(&r, &records) || !writ_read_u8(&r, &sealed) || !writ_read_done(&r))
        return WRIT_E_FORMAT;
    *ret_sealed = sealed != 0;
    return WRIT_OK;
}

enum writ_err
ledger_client_replace(struct ledger_client *c, struct writ_span died, bool *ret_sealed,
                      struct writ_diag *diag)
{
    bool sealed = false;
    enum writ_err e;

    child_reap(&c->child, 0);
    e = ledger_client_start(c, diag);
    if (e == WRIT_OK)
        e = hear_ready(c, diag);
    if (e == WRIT_OK)
        e = send_task(c, WRIT_MSG_LEDGER_RESUME, &c->log, 1);
    if (e == WRIT_OK)
        e = hear_resumed(c, &sealed, diag);
    /* the ring before the death: its records are older */
    if (e == WRIT_OK && !sealed)
        e = send_ring(c);
    if (e == WRIT_OK && !sealed)
        e = ledger_client_append(c, died, diag);
    if (e == WRIT_OK)
        *ret_sealed = sealed;
    return e;
}

void
ledger_client_release(struct ledger_client *c)
{
    child_release(&c->child);
    writ_fd_close(&c->log);
}
