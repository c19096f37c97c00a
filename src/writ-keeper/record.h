/*
 * record.h - the two things that the keeper tells the ledger: released, and refused.
 */
#ifndef WRIT_KEEPER_RECORD_H
#define WRIT_KEEPER_RECORD_H

#include "ipc/chan.h"
#include "writ-keeper/safe.h"

struct writ_keeper_event {
    const char *service; /* as asked for; may be none of the writ's */
    const char *request;
    const char *env;
    const struct writ_safe_item *released; /* NULL: refused */
    const char *credential;                /* refused: "" where none is known */
    const char *reason;                    /* refused */
};

/* Sends the record; the ledger answers with LEDGER_ACK_KEEPER once it is in the file. */
enum writ_err writ_keeper_record(struct writ_chan *ledger,
                                 const struct writ_keeper_event *ev) WRIT_CHECK;

#endif
