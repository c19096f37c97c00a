/*
 * line.h - one line of a log, read strictly: exactly what json.c could have written.
 *
 * Every span is borrowed from the line. Text values stay in their JSON form without the quotes,
 * which is safe to show on a terminal; a verified line holds no other bytes.
 */
#ifndef WRIT_LEDGER_LINE_H
#define WRIT_LEDGER_LINE_H

#include "base/buf.h"
#include "ledger/hash.h"
#include "ledger/record.h"

struct writ_line_field {
    enum writ_field field;
    struct writ_span raw; /* TEXT, BYTES, TIME: without quotes; LIST: without brackets */
};

struct writ_line {
    uint64_t seq;
    int64_t wall_us;
    struct writ_span time;
    char task[WRIT_TASK_ID_BYTES + 1];
    enum writ_kind kind;
    enum writ_role from;
    uint8_t prev[WRIT_HASH_BYTES];
    uint64_t cut[(WRIT_FIELDS + 63) / 64];
    unsigned count;
    struct writ_line_field fields[WRIT_FIELDS];
};

/* line is without its newline. On FORMAT *why names what was expected. */
enum writ_err writ_line_parse(struct writ_span line, struct writ_line *ret,
                              const char **why) WRIT_CHECK;

/* The raw value, or a span of length 0 with ptr NULL if the field is not there. */
struct writ_span writ_line_raw(const struct writ_line *l, enum writ_field f);
bool writ_line_u64(const struct writ_line *l, enum writ_field f, uint64_t *ret) WRIT_CHECK;
bool writ_line_hash(const struct writ_line *l, enum writ_field f,
                    uint8_t ret[WRIT_HASH_BYTES]) WRIT_CHECK;
bool writ_line_is(const struct writ_line *l, enum writ_field f, const char *text) WRIT_CHECK;
bool writ_line_cut(const struct writ_line *l, enum writ_field f) WRIT_CHECK;
/* Items of a LIST: takes the next one off *raw. */
bool writ_line_item(struct writ_span *raw, struct writ_span *ret) WRIT_CHECK;
/* Appends raw text with \" and \\ undone: for people, not for programs. */
void writ_line_show(struct writ_buf *b, struct writ_span raw);

#endif
