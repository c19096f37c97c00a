/*
 * record.h - one record on its way to the ledger: typed, bounded, made without allocation.
 *
 * A sender builds a record in memory of its own and pushes the bytes (ipc/ring.h) or sends them
 * (LEDGER_APPEND):
 *
 *     static uint8_t mem[WRIT_RECORD_BYTES_MAX];
 *     struct writ_record r;
 *
 *     writ_record_begin(&r, mem, sizeof(mem), WRIT_KIND_REQUEST_DECISION, writ_clock_wall_us());
 *     writ_record_text(&r, WRIT_FIELD_PATH, path);
 *     writ_record_item(&r, WRIT_FIELD_POLICIES, id);
 *     writ_record_u64(&r, WRIT_FIELD_DECIDE_US, us);
 *     if (writ_record_end(&r, &bytes) != WRIT_OK || writ_ring_push(&ring, bytes) != WRIT_OK)
 *         ... refuse what was to be recorded ...
 *
 * Each field at most once. The ledger adds what no sender may say: sequence number, task, sender
 * and chain. The bytes pass between processes of one build only; the form that lasts is JSON
 * (json.h). The reading side trusts nothing: a byte that this file could not have written is
 * WRIT_E_FORMAT.
 */
#ifndef WRIT_LEDGER_RECORD_H
#define WRIT_LEDGER_RECORD_H

#include "base/err.h"
#include "base/limits.h"
#include "base/span.h"
#include "ipc/msg.h"

enum writ_kind {
    WRIT_KIND_NONE = 0,

#define K(name, json, senders, flood) WRIT_KIND_##name,
#include "ledger/kinds.def"
#undef K
    WRIT_KINDS,
};

enum writ_field {
    WRIT_FIELD_NONE = 0,

#define F(name, json, type, max) WRIT_FIELD_##name,
#include "ledger/fields.def"
#undef F
    WRIT_FIELDS,
};

enum writ_field_type {
    WRIT_TYPE_TEXT = 1,
    WRIT_TYPE_BYTES,
    WRIT_TYPE_LIST,
    WRIT_TYPE_U64,
    WRIT_TYPE_I64,
    WRIT_TYPE_BOOL,
    WRIT_TYPE_TIME,
};

enum writ_flood {
    WRIT_FLOOD_KEEP = 0,
    WRIT_FLOOD_DENY,
    WRIT_FLOOD_ANY,
};

struct writ_kind_rule {
    const char *json;
    unsigned senders; /* bit 1 << enum writ_role */
    enum writ_flood flood;
};

struct writ_field_rule {
    const char *json;
    const char *key; /* ,"name": as it stands in the line */
    size_t key_len;
    enum writ_field_type type;
    size_t max;
};

/* NULL for a number that is none. */
const struct writ_kind_rule *writ_kind_rule(unsigned kind);
const struct writ_field_rule *writ_field_rule(unsigned field);
/* WRIT_KIND_NONE for a name that is none. */
enum writ_kind writ_kind_named(struct writ_span json);
/* "gateway" ...; NULL for a role that writes no records. */
const char *writ_role_name(enum writ_role role);

/* --- building ---------------------------------------------------------------------------------
 */

struct writ_record {
    uint8_t *mem; /* the caller's */
    size_t cap;
    size_t len;
    size_t list; /* where the list that is being added to begins; 0: none */
    enum writ_field list_field;
    bool failed; /* a field did not fit at all */
};

void writ_record_begin(struct writ_record *r, void *mem, size_t cap, enum writ_kind kind,
                       int64_t wall_us);
/* An empty text is left out, so that an optional "" needs no question. */
void writ_record_text(struct writ_record *r, enum writ_field f, struct writ_span v);
void writ_record_str(struct writ_record *r, enum writ_field f, const char *v);
void writ_record_u64(struct writ_record *r, enum writ_field f, uint64_t v);
void writ_record_i64(struct writ_record *r, enum writ_field f, int64_t v); /* I64 and TIME */
void writ_record_bool(struct writ_record *r, enum writ_field f, bool v);
void writ_record_bytes(struct writ_record *r, enum writ_field f, struct writ_span v);
/* One item of a list; the items of one list are added one after another. Empty ones are kept. */
void writ_record_item(struct writ_record *r, enum writ_field f, struct writ_span v);
/* Marks the list that is being added to as incomplete. */
void writ_record_list_cut(struct writ_record *r);
/* The finished bytes, borrowed from mem. WRIT_E_LIMIT if a field did not fit. */
enum writ_err writ_record_end(struct writ_record *r, struct writ_span *ret) WRIT_CHECK;

/* --- reading ----------------------------------------------------------------------------------
 */

struct writ_record_head {
    enum writ_kind kind;
    int64_t wall_us;
};

struct writ_record_value {
    enum writ_field field;
    const struct writ_field_rule *rule;
    bool cut;
    struct writ_span text;    /* TEXT, BYTES */
    struct writ_reader items; /* LIST: ask writ_record_item_next */
    uint64_t number;          /* U64; I64 and TIME as two's complement; BOOL 0 or 1 */
};

struct writ_record_view {
    struct writ_reader rest;
    uint64_t seen[(WRIT_FIELDS + 63) / 64];
};

enum writ_err writ_record_open(struct writ_span record, struct writ_record_head *ret_head,
                               struct writ_record_view *ret) WRIT_CHECK;
/* WRIT_E_AGAIN after the last field; WRIT_E_FORMAT for anything malformed or given twice. */
enum writ_err writ_record_next(struct writ_record_view *v,
                               struct writ_record_value *ret) WRIT_CHECK;
/* False after the last item; items of a value that writ_record_next gave are well formed. */
bool writ_record_item_next(struct writ_record_value *v, struct writ_span *ret) WRIT_CHECK;
/* True if role may send kind. */
bool writ_kind_allowed(enum writ_kind kind, enum writ_role role) WRIT_CHECK;

#endif
