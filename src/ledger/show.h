/*
 * show.h - a task's log as a timeline for people.
 *
 * Everything shown comes from lines that were read strictly, so that nothing from a task reaches
 * the terminal as a command; a log that is not intact is shown with a warning.
 */
#ifndef WRIT_LEDGER_SHOW_H
#define WRIT_LEDGER_SHOW_H

#include <stdio.h>

#include "ledger/line.h"
#include "ledger/store.h"

struct writ_show_style {
    bool all;   /* every record on a line of its own, nothing shortened */
    bool brief; /* without program starts and names that were answered; they are still counted */
    bool utf8;
    bool color;
    unsigned width; /* columns */
};

/* STATE: there is no such log. */
enum writ_err writ_show(const struct writ_store *s, const char *task,
                        const struct writ_show_style *style, FILE *out) WRIT_CHECK;

/* --- one event, for show.c --------------------------------------------------------------------
 */

enum writ_mark {
    WRIT_MARK_NONE = 0,
    WRIT_MARK_ALLOW,
    WRIT_MARK_DENY,
    WRIT_MARK_WARN,
};

struct writ_event {
    int64_t wall_us;
    enum writ_mark mark;
    bool quiet; /* left out unless everything was asked for */
    char verb[12];
    struct writ_buf text; /* what happened to what */
    struct writ_buf tail; /* how it ended, and why */
    struct writ_buf note; /* sizes and times: two events that differ only here are alike */
    struct writ_buf by;   /* by which policy, with which credential */
};

void writ_event_init(struct writ_event *e);
void writ_event_done(struct writ_event *e);
/*
 * Describes the record. end is the request.end that belongs to a request.decision, or NULL. depth
 * is how deep a program stands below the first one.
 */
void writ_event_make(struct writ_event *e, const struct writ_line *l, const struct writ_line *end,
                     unsigned depth);

/* "1.2 kB", "12 ms". */
void writ_show_bytes(struct writ_buf *b, uint64_t n);
void writ_show_us(struct writ_buf *b, uint64_t us);

#endif
