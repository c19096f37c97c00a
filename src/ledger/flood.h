/*
 * flood.h - a task that makes refusals faster than they can be kept: the first of each second are
 * written singly, the others are counted by kind. Nothing is lost silently. Pure: no clock.
 */
#ifndef WRIT_LEDGER_FLOOD_H
#define WRIT_LEDGER_FLOOD_H

#include "ledger/record.h"

enum { WRIT_FLOOD_WINDOW_US = 1000000 };

struct writ_flood_state {
    uint64_t begin_us; /* of the current second, monotonic */
    uint64_t written;
    uint64_t held; /* sum of `of` */
    uint64_t of[WRIT_KINDS];
};

/* True if this record is to be counted (and was) instead of written. */
bool writ_flood_hold(struct writ_flood_state *f, struct writ_span record, uint64_t now_us);
/* True if counts wait and their second is over; always true for counts if `ending`. */
bool writ_flood_due(const struct writ_flood_state *f, uint64_t now_us, bool ending) WRIT_CHECK;
/* Takes one count out, as a finished flood.summary record in mem. False when none is left. */
bool writ_flood_take(struct writ_flood_state *f, int64_t wall_us, void *mem, size_t cap,
                     struct writ_span *ret) WRIT_CHECK;

#endif
