/*
 * lines.h - a log, line by line, up to the size it had when it was opened.
 *
 * The descriptor is borrowed. A line is valid until the next call.
 */
#ifndef WRIT_LEDGER_LINES_H
#define WRIT_LEDGER_LINES_H

#include <sys/types.h>

#include "base/buf.h"

struct writ_lines {
    int fd;
    off_t at;        /* where the next read begins */
    off_t size;      /* nothing behind this is read */
    off_t line_at;   /* where the line that was given last begins */
    uint64_t number; /* of the line that was given last, from 1 */
    struct writ_buf buf;
    size_t given; /* bytes to drop at the next call */
};

#define WRIT_LINES_AUTO WRIT_CLEANUP(writ_lines_done)

enum writ_err writ_lines_init(struct writ_lines *l, int fd) WRIT_CHECK;
void writ_lines_done(struct writ_lines *l);
/*
 * The next line without its newline. AGAIN at the end; CLOSED if what is left has no newline (*ret
 * is that rest); LIMIT if a line is longer than any that we write.
 */
enum writ_err writ_lines_next(struct writ_lines *l, struct writ_span *ret) WRIT_CHECK;
/* The line after the one given last, without moving on; OK or anything else. */
enum writ_err writ_lines_peek(struct writ_lines *l, struct writ_span *ret) WRIT_CHECK;

#endif
