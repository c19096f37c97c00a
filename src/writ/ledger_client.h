/*
 * ledger_client.h - the launcher's side of writ-ledger: one task's log from its first record to its
 * seal, whoever dies in between.
 *
 * The log itself is kept open here beside the ledger. Its lock goes with the last descriptor, so
 * that a log whose ledger was killed is nobody's to seal but ours.
 */
#ifndef WRIT_WRIT_LEDGER_CLIENT_H
#define WRIT_WRIT_LEDGER_CLIENT_H

#include "base/span.h"
#include "writ/children.h"

struct ledger_client {
    struct child child;
    const char *state; /* borrowed, as task and ring are */
    const char *task;
    const int *ring; /* the gateway's: memory and doorbell */
    int log;         /* -1 until the ledger gave it to us */
};

/* Starts the process and hears nothing from it yet. */
enum writ_err ledger_client_start(struct ledger_client *c, struct writ_diag *diag) WRIT_CHECK;
/*
 * Everything a ledger needs to begin is sent at once, ledger_client_hear waits for its answers:
 * each wait in between would be a turn of the scheduler.
 */
enum writ_err ledger_client_tell(struct ledger_client *c, struct writ_span first) WRIT_CHECK;
enum writ_err ledger_client_hear(struct ledger_client *c, struct writ_diag *diag) WRIT_CHECK;
/* OK: the record is in the file. DENIED: the ledger said why not, in *diag. */
enum writ_err ledger_client_append(struct ledger_client *c, struct writ_span record,
                                   struct writ_diag *diag) WRIT_CHECK;
/* Empties the ring, appends last, seals. */
enum writ_err ledger_client_seal(struct ledger_client *c, struct writ_span last,
                                 struct writ_diag *diag) WRIT_CHECK;
/*
 * The ledger died or does not answer: another one takes up the log and the ring, in which the dead
 * one left what it had not written, and appends died. *ret_sealed: the dead one had just sealed the
 * log, nothing may be appended; it is to be sealed again all the same, for the main log.
 */
enum writ_err ledger_client_replace(struct ledger_client *c, struct writ_span died,
                                    bool *ret_sealed, struct writ_diag *diag) WRIT_CHECK;
/* Lets go of the process and of the log. */
void ledger_client_release(struct ledger_client *c);

#endif
