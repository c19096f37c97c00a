/*
 * ledger.h - the state of the ledger process: one task's log and everybody who writes into it.
 */
#ifndef WRIT_WRIT_LEDGER_LEDGER_H
#define WRIT_WRIT_LEDGER_LEDGER_H

#include "base/limits.h"
#include "ipc/chan.h"
#include "ipc/ring.h"
#include "ledger/flood.h"
#include "ledger/store.h"

struct ledger_source {
    struct writ_ring ring;
    enum writ_role role;
    bool broken; /* closed, or never to be read again */
};

struct ledger {
    struct writ_store store;
    struct writ_log log;
    struct writ_chan launcher;
    struct writ_chan keeper; /* fd -1 while there is none */
    struct ledger_source sources[WRIT_LEDGER_RINGS_MAX];
    unsigned source_count;
    struct writ_flood_state flood;
    uint64_t unsynced_us; /* when the oldest record that is not durable was written; 0: none */
    uint64_t anchored_us; /* when the last anchor was made */
    uint64_t anchored;    /* records it covered */
    bool open;            /* the task's log exists */
    bool sealed;
    bool failed; /* nothing new is accepted; fail says why */
    char fail[256];
};

/* --- task.c -----------------------------------------------------------------------------------
 */

enum writ_err ledger_open(struct ledger *l, struct writ_span body) WRIT_CHECK;
/* Takes up the log of a ledger that died; log is taken over. */
enum writ_err ledger_resume(struct ledger *l, struct writ_span body, int log) WRIT_CHECK;
/* Takes one record in, from a ring or a channel. FORMAT or DENIED: the sender is not to be heard
 * again. */
enum writ_err ledger_accept(struct ledger *l, struct writ_span record,
                            enum writ_role from) WRIT_CHECK;
/* Empties the rings as far as one turn goes; true if there was anything. */
bool ledger_drain(struct ledger *l);
/* Writes what has gathered. A failure is remembered and told to everybody. */
enum writ_err ledger_flush(struct ledger *l) WRIT_CHECK;
/* What is due by the clock: durability, anchors, summaries. */
void ledger_tick(struct ledger *l);
/* Milliseconds until ledger_tick has something to do; -1: nothing is waiting. */
int ledger_wait_ms(const struct ledger *l);
/* The end: drains, appends last (may be empty), seals. died is NULL or why nobody asked for it. */
enum writ_err ledger_seal(struct ledger *l, struct writ_span last, const char *died) WRIT_CHECK;
/* Records that something is missing. */
void ledger_gap(struct ledger *l, enum writ_role of, const char *reason);
/* No record is kept any more: the rings refuse, the launcher is told. */
void ledger_fail(struct ledger *l, const char *what, enum writ_err e);
/* Tells the launcher why, once more. */
void ledger_tell(struct ledger *l);

/* --- harden.c ---------------------------------------------------------------------------------
 */

/* From here on: no program, no network, no file but below the store. */
enum writ_err ledger_harden(const struct writ_store *s) WRIT_CHECK;

#endif
