/*
 * json.h - a record as it is kept: one JSON object on one line.
 *
 *     {"v":1,"seq":7,"time":"...","task":"...","kind":"request.decision","from":"gateway",
 *      <fields>,"cut":["path"],"prev":"<hex>"}
 *
 * v, seq, task, from and prev are the ledger's own words; time is the sender's. `prev` is the
 * SHA-256 of the line before without its newline, zeros for the first. Everything from outside is
 * escaped by base/json.h: nothing can end the line, add a member or reach a terminal.
 */
#ifndef WRIT_LEDGER_JSON_H
#define WRIT_LEDGER_JSON_H

#include "base/buf.h"
#include "ledger/hash.h"
#include "ledger/record.h"

enum { WRIT_LEDGER_VERSION = 1 };

struct writ_json_line {
    uint64_t seq;
    const char *task; /* a valid id */
    enum writ_role from;
    const uint8_t *prev; /* WRIT_HASH_BYTES */
};

/*
 * Appends the line and its newline. FORMAT if the record is malformed; then out is as it was.
 * LIMIT if out is full.
 */
enum writ_err writ_ledger_json(struct writ_span record, const struct writ_json_line *line,
                               struct writ_buf *out) WRIT_CHECK;

#endif
