#include "writ/launch_in.h"

#include <poll.h>
#include <stdio.h>

static void
end_gateway(struct launch *l)
{
    struct writ_msg_in m;
    enum writ_err e = WRIT_E_CLOSED;

    if (l->gateway.pid == 0)
        return;
    writ_loop_remove(&l->loop, &l->gateway.io);
    if (l->gateway.chan.fd >= 0)
        e = writ_chan_send(&l->gateway.chan, WRIT_MSG_GATEWAY_END, writ_span(NULL, 0), NULL, 0);
    if (e == WRIT_OK && l->gateway.chan.phase == WRIT_PHASE_RUN)
        e = child_expect(&l->gateway, WRIT_MSG_GATEWAY_ENDED, LAUNCH_END_MS, &l->diag, &m);
    if (e == WRIT_OK)
        child_release(&l->gateway);
    else
        child_reap(&l->gateway, 0); /* its last record is in the ring before the log is sealed */
}

/* The ledger died: another one takes the log up where it was left, and the ring with it. */
static enum writ_err
replace_ledger(struct launch *l, bool *ret_sealed, struct writ_diag *diag)
{
    struct writ_span record;
    enum writ_err e = record_died("ledger", l->record, &record);

    writ_loop_remove(&l->loop, &l->ledger.child.io);
    return e == WRIT_OK ? ledger_client_replace(&l->ledger, record, ret_sealed, diag) : e;
}

static enum writ_err
seal_once(struct launch *l, struct writ_diag *diag)
{
    struct writ_span record;
    enum writ_err e = WRIT_OK;

    if (l->died != NULL)
        e = record_died(l->died, l->record, &record);
    if (e == WRIT_OK && l->died != NULL)
        e = ledger_client_append(&l->ledger, record, diag);
    if (e != WRIT_OK)
        return e;
    l->died = NULL;
    e = record_task_end(l->wait_status, l->reason, l->record, &record);
    return e == WRIT_OK ? ledger_client_seal(&l->ledger, record, diag) : e;
}

static void
seal(struct launch *l)
{
    struct writ_diag diag = {0};
    bool sealed = false;
    enum writ_err e;

    if (!l->log_open)
        return;
    e = seal_once(l, &diag);
    if (e != WRIT_OK && e != WRIT_E_DENIED) { /* it gave no reason: it is dead, or as good as */
        diag = (struct writ_diag){0};
        e = replace_ledger(l, &sealed, &diag);
        if (e == WRIT_OK && sealed)
            l->died = NULL; /* said before the seal */
        if (e == WRIT_OK)
            e = seal_once(l, &diag);
    }
    if (e == WRIT_OK)
        return;
    (void)snprintf(l->text, sizeof(l->text), "%s%sthe log of task %s is not sealed: %s",
                   l->reason == NULL ? "" : l->reason, l->reason == NULL ? "" : "; ",
                   l->doc->task.text, diag.text[0] == '\0' ? writ_err_name(e) : diag.text);
    l->exit_code = LAUNCH_EXIT_OWN;
    l->reason = l->text;
}

void
launch_end(struct launch *l)
{
    if (l->task_running && l->reason != NULL && writ_sandbox_freeze(&l->box) != WRIT_OK)
        (void)fprintf(stderr, "writ: the task could not be frozen; it is killed at once\n");
    end_gateway(l);
    writ_loop_remove(&l->loop, &l->control_io);
    writ_loop_remove(&l->loop, &l->notify_io);
    if (l->box_started)
        writ_sandbox_end(&l->box);
    l->box_started = false;
    seal(l);
    child_release(&l->keeper);
    ledger_client_release(&l->ledger);
}

/* What the task wrote before it ended is still in the pipes. Whoever reads them may have stopped:
 * we do not wait for ever when the task was ended, nor after another signal. */
void
launch_drain(struct launch *l)
{
    relay_task_gone(&l->relay);
    writ_loop_remove(&l->loop, &l->ledger.child.io);
    writ_loop_remove(&l->loop, &l->keeper.io);
    writ_loop_remove(&l->loop, &l->timer_io);
    l->drain_until_us = l->reason != NULL ? l->loop.now_us + LAUNCH_END_MS * 1000ULL : UINT64_MAX;
    writ_loop_tick_every(&l->loop, 100000);
    l->loop.stop = false;
    while (!l->loop.stop && !relay_drained(&l->relay)) {
        if (writ_loop_turn(&l->loop) != WRIT_OK)
            break;
    }
}

/* One of ours that could not be told something has often said why before it closed. */
void
launch_last_words(struct launch *l)
{
    struct child *all[] = {&l->ledger.child, &l->keeper, &l->gateway};

    for (size_t i = 0; i < WRIT_COUNT(all) && l->diag.text[0] == '\0'; i++) {
        struct child *c = all[i];
        struct pollfd p = {.fd = c->pid == 0 ? -1 : c->chan.fd, .events = POLLIN};
        struct writ_msg_in m = {0};

        while (poll(&p, 1, 0) == 1 && writ_chan_recv(&c->chan, &m) == WRIT_OK) {
            if (m.type == WRIT_MSG_GATEWAY_FAIL || m.type == WRIT_MSG_KEEPER_FAIL ||
                m.type == WRIT_MSG_LEDGER_FAIL)
                (void)child_failed(c, WRIT_OK, &m, &l->diag);
            writ_msg_in_close(&m);
        }
    }
}
