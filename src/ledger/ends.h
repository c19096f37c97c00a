/*
 * ends.h - where in a log the end of each request stands.
 *
 * A request is told in one line although its end is recorded later, perhaps after many others; the
 * index costs 24 bytes for each.
 */
#ifndef WRIT_LEDGER_ENDS_H
#define WRIT_LEDGER_ENDS_H

#include "base/buf.h"
#include "ledger/line.h"

struct writ_ends {
    int fd; /* borrowed */
    struct writ_buf places;
};

enum writ_err writ_ends_init(struct writ_ends *s, int fd) WRIT_CHECK;
void writ_ends_done(struct writ_ends *s);
/* The request.end that belongs to l, borrowed until the next call; false if none is recorded. */
bool writ_ends_find(struct writ_ends *s, const struct writ_line *l,
                    struct writ_line *ret) WRIT_CHECK;
/* True if writ_ends_find gave this request.end to somebody. */
bool writ_ends_used(struct writ_ends *s, const struct writ_line *l) WRIT_CHECK;
/* The line that begins at this offset. */
bool writ_line_at(int fd, uint64_t at, struct writ_line *ret) WRIT_CHECK;

#endif
