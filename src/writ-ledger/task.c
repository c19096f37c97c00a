#include "writ-ledger/ledger.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>

#include "base/fd.h"

enum {
    DURABLE_US = 50000,    /* a record is on the disk this long after it was made */
    ANCHOR_US = 1000000,   /* the main log knows the head of a busy log this often */
    ANCHOR_RECORDS = 1000, /* or after so many records, when they are durable */
    BATCH_RECORDS = 4096,  /* of one ring in one turn: the others wait that long */
    BATCH_BYTES = 256 * 1024,
    SEAL_TURNS_MAX = 1024, /* a writer that never stops does not hold up the end for ever */
    ANCHOR_WAIT_MS = 20,
    CREATE_TRIES = 100,
};

static uint8_t scratch[WRIT_RECORD_BYTES_MAX];

static const char *
cause(enum writ_err e)
{
    switch (e) {
    case WRIT_E_AGAIN:
        return "another process holds it locked";
    case WRIT_E_FORMAT:
        return "its last line is not a record";
    case WRIT_E_STATE:
        return "exists already";
    case WRIT_E_SYS:
    case WRIT_E_LIMIT: /* the reserve could not be had */
        return strerror(errno);
    case WRIT_OK:
    case WRIT_E_CLOSED:
    case WRIT_E_DENIED:
    case WRIT_E_NOMEM:
        break;
    }
    return writ_err_name(e);
}

void
ledger_tell(struct ledger *l)
{
    WRIT_BUF_AUTO struct writ_buf b;

    writ_buf_init(&b, 1024);
    writ_buf_put_blob(&b, writ_span_str(l->fail));
    if (writ_chan_send(&l->launcher, WRIT_MSG_LEDGER_FAIL, writ_buf_span(&b), NULL, 0) != WRIT_OK)
        return; /* a launcher that has gone is noticed where its channel is read */
}

void
ledger_fail(struct ledger *l, const char *what, enum writ_err e)
{
    bool first = !l->failed;

    if (first)
        (void)snprintf(l->fail, sizeof(l->fail), "%s: %s", what, cause(e));
    l->failed = true;
    for (unsigned i = 0; i < l->source_count; i++) {
        if (!l->sources[i].broken)
            writ_ring_refuse(&l->sources[i].ring);
    }
    if (first)
        ledger_tell(l);
}

static bool
read_task(struct writ_span body, char *ret, size_t cap)
{
    struct writ_reader r = writ_reader(body);

    return writ_read_str(&r, ret, cap) && writ_read_done(&r) && writ_id_valid(writ_span_str(ret));
}

/* Another ledger, which looks for logs of dead ones, may find ours in the moment in which it is
 * made but not locked, and remove it: then it is made again. */
static enum writ_err
create_log(struct ledger *l, const char *task)
{
    enum writ_err e = WRIT_E_AGAIN;
    bool made = false;

    for (unsigned i = 0; i < CREATE_TRIES && e == WRIT_E_AGAIN; i++) {
        if (made)
            (void)poll(NULL, 0, 1);
        e = writ_store_mark(&l->store, task);
        if (e == WRIT_OK)
            e = writ_log_create(l->store.tasks, task, &l->log);
        if (e == WRIT_E_STATE && made)
            e = WRIT_E_AGAIN; /* it is still there, and being removed */
        made = made || e == WRIT_E_AGAIN;
    }
    return e;
}

enum writ_err
ledger_open(struct ledger *l, struct writ_span body)
{
    char task[WRIT_TASK_ID_BYTES + 1];
    enum writ_err e;

    if (!read_task(body, task, sizeof(task)))
        return WRIT_E_FORMAT;
    if (l->open)
        return WRIT_E_STATE;
    e = create_log(l, task);
    if (e == WRIT_OK) {
        l->open = true;
        return WRIT_OK;
    }
    ledger_fail(l, task, e);
    return e;
}

enum writ_err
ledger_resume(struct ledger *l, struct writ_span body, int log)
{
    WRIT_FD_AUTO int owned = log;
    char task[WRIT_TASK_ID_BYTES + 1];
    enum writ_err e;

    if (!read_task(body, task, sizeof(task)))
        return WRIT_E_FORMAT;
    if (l->open)
        return WRIT_E_STATE;
    e = writ_log_adopt(l->store.tasks, task, writ_fd_take(&owned), &l->log);
    if (e == WRIT_OK && l->log.written == 0)
        e = WRIT_E_STATE; /* there was no first record, so the task had not begun */
    if (e == WRIT_OK) {
        l->open = true;
        l->unsynced_us = writ_clock_mono_us(); /* what the dead one wrote may not be durable */
        return WRIT_OK;
    }
    ledger_fail(l, task, e);
    return e;
}

/* The first record is the launcher's task.start: the main log learns of the task by it. */
static enum writ_err
anchor(struct ledger *l, enum writ_kind kind, int wait_ms)
{
    struct writ_record r;
    struct writ_span bytes;
    uint8_t mem[256];
    enum writ_err e;

    writ_record_begin(&r, mem, sizeof(mem), kind, writ_clock_wall_us());
    writ_record_u64(&r, WRIT_FIELD_RECORDS, l->log.written);
    writ_record_bytes(&r, WRIT_FIELD_HEAD, writ_span(l->log.written_head, WRIT_HASH_BYTES));
    e = writ_record_end(&r, &bytes);
    if (e == WRIT_OK)
        e = writ_store_anchor(&l->store, l->log.task, bytes, wait_ms);
    if (e == WRIT_OK) {
        l->anchored = l->log.written;
        l->anchored_us = writ_clock_mono_us();
    }
    return e;
}

enum writ_err
ledger_flush(struct ledger *l)
{
    bool first = l->log.written == 0 && l->log.records != 0;
    enum writ_err e;

    if (l->log.records == l->log.written)
        return WRIT_OK;
    e = writ_log_flush(&l->log);
    if (e != WRIT_OK)
        ledger_fail(l, l->log.task, e);
    if (e == WRIT_E_LIMIT)
        e = WRIT_OK; /* written; and nothing new will come */
    if (e == WRIT_OK && l->unsynced_us == 0)
        l->unsynced_us = writ_clock_mono_us();
    if (e == WRIT_OK && first) {
        e = anchor(l, WRIT_KIND_TASK_START, 5000);
        if (e != WRIT_OK) {
            ledger_fail(l, "main.jsonl", e);
            writ_store_forget(&l->store, l->log.task); /* the launcher gets no answer: no task */
        }
    }
    return e;
}

void
ledger_gap(struct ledger *l, enum writ_role of, const char *reason)
{
    struct writ_record r;
    struct writ_span bytes;
    uint8_t mem[256];

    if (!l->open || l->log.sealed || l->log.records == 0)
        return; /* no record is missing where none was taken */
    writ_record_begin(&r, mem, sizeof(mem), WRIT_KIND_LEDGER_GAP, writ_clock_wall_us());
    writ_record_str(&r, WRIT_FIELD_PROCESS, writ_role_name(of));
    writ_record_str(&r, WRIT_FIELD_REASON, reason);
    if (writ_record_end(&r, &bytes) != WRIT_OK ||
        writ_log_add(&l->log, bytes, WRIT_ROLE_LEDGER) != WRIT_OK)
        ledger_fail(l, "a gap could not be recorded", WRIT_E_NOMEM);
}

enum writ_err
ledger_accept(struct ledger *l, struct writ_span record, enum writ_role from)
{
    struct writ_record_head head;
    struct writ_record_view view;
    enum writ_err e = writ_record_open(record, &head, &view);

    if (e != WRIT_OK)
        return WRIT_E_FORMAT;
    if (!l->open || l->log.sealed || !writ_kind_allowed(head.kind, from))
        return WRIT_E_DENIED;
    if (l->log.records == 0 && head.kind != WRIT_KIND_TASK_START)
        return WRIT_E_DENIED;
    if (writ_flood_hold(&l->flood, record, writ_clock_mono_us()))
        return WRIT_OK;
    e = writ_log_add(&l->log, record, from);
    if (e != WRIT_E_LIMIT)
        return e;
    e = ledger_flush(l);
    return e == WRIT_OK ? writ_log_add(&l->log, record, from) : e;
}

static void
break_source(struct ledger *l, struct ledger_source *s, const char *reason)
{
    writ_ring_refuse(&s->ring);
    s->broken = true;
    ledger_gap(l, s->role, reason);
}

/* True if something was there. */
static bool
drain_one(struct ledger *l, struct ledger_source *s)
{
    unsigned n = 0;

    while (n < BATCH_RECORDS && writ_buf_len(&l->log.pending) < BATCH_BYTES) {
        struct writ_span record;
        enum writ_err e = writ_ring_pop(&s->ring, scratch, &record);

        if (e == WRIT_E_AGAIN)
            break;
        n++;
        if (e != WRIT_OK) {
            break_source(l, s, "its ring is broken");
            break;
        }
        e = ledger_accept(l, record, s->role);
        if (e == WRIT_E_FORMAT || e == WRIT_E_DENIED) {
            break_source(l, s,
                         e == WRIT_E_FORMAT ? "it sent a malformed record"
                                            : "it sent a record that is not its to make");
            break;
        }
    }
    return n != 0;
}

bool
ledger_drain(struct ledger *l)
{
    bool any = false;

    for (unsigned i = 0; i < l->source_count; i++) {
        if (!l->sources[i].broken && drain_one(l, &l->sources[i]))
            any = true;
    }
    if (!any || ledger_flush(l) != WRIT_OK)
        return false;
    for (unsigned i = 0; i < l->source_count; i++) {
        if (!l->sources[i].broken)
            writ_ring_release(&l->sources[i].ring);
    }
    return true;
}

static void
summarise(struct ledger *l, bool ending)
{
    struct writ_span record;
    uint8_t mem[128];

    if (!writ_flood_due(&l->flood, writ_clock_mono_us(), ending))
        return;
    while (writ_flood_take(&l->flood, writ_clock_wall_us(), mem, sizeof(mem), &record)) {
        if (writ_log_add(&l->log, record, WRIT_ROLE_LEDGER) != WRIT_OK)
            ledger_fail(l, "a summary could not be recorded", WRIT_E_NOMEM);
    }
    if (ledger_flush(l) != WRIT_OK)
        l->failed = true;
}

static bool
sync_due(const struct ledger *l, uint64_t now)
{
    return l->unsynced_us != 0 && now - l->unsynced_us >= DURABLE_US;
}

static bool
anchor_due(const struct ledger *l, uint64_t now)
{
    uint64_t behind = l->log.written - l->anchored;

    return behind != 0 && (behind >= ANCHOR_RECORDS ? sync_due(l, now) || l->unsynced_us == 0
                                                    : now - l->anchored_us >= ANCHOR_US);
}

void
ledger_tick(struct ledger *l)
{
    uint64_t now = writ_clock_mono_us();
    bool to_anchor;
    enum writ_err e;

    if (!l->open || l->sealed)
        return;
    summarise(l, false);
    to_anchor = anchor_due(l, now);
    if (sync_due(l, now) || (to_anchor && l->unsynced_us != 0)) {
        l->unsynced_us = 0;
        if (writ_log_sync(&l->log) != WRIT_OK || writ_store_sync(&l->store) != WRIT_OK) {
            /* what the kernel dropped with this error cannot be written again */
            ledger_fail(l, l->log.task, WRIT_E_SYS);
            ledger_gap(l, WRIT_ROLE_LEDGER, "the disk reported an error");
            l->anchored = l->log.written;
            return;
        }
    }
    if (!to_anchor)
        return;
    /* only what is durable is anchored: a power cut must not look like a cut tail */
    e = anchor(l, WRIT_KIND_TASK_ANCHOR, ANCHOR_WAIT_MS);
    if (e == WRIT_E_AGAIN) {
        l->anchored_us = now; /* another process is at it: later */
    } else if (e != WRIT_OK) {
        ledger_fail(l, "main.jsonl", e);
    }
}

int
ledger_wait_ms(const struct ledger *l)
{
    uint64_t now = writ_clock_mono_us();
    uint64_t due = UINT64_MAX;

    if (!l->open || l->sealed)
        return -1;
    if (l->unsynced_us != 0)
        due = l->unsynced_us + DURABLE_US;
    if (l->log.written != l->anchored && l->anchored_us + ANCHOR_US < due)
        due = l->anchored_us + ANCHOR_US;
    if (l->flood.held != 0 && l->flood.begin_us + WRIT_FLOOD_WINDOW_US < due)
        due = l->flood.begin_us + WRIT_FLOOD_WINDOW_US;
    if (due == UINT64_MAX)
        return -1;
    return due <= now ? 0 : (int)((due - now + 999) / 1000);
}

static enum writ_err
drain_turns(struct ledger *l)
{
    enum writ_err e = ledger_flush(l); /* first: what a full disk left in memory */

    for (unsigned i = 0; e == WRIT_OK && i < SEAL_TURNS_MAX && ledger_drain(l); i++)
        continue;
    return e == WRIT_OK ? ledger_flush(l) : e;
}

/* Everything that the rings hold, into the file. */
static enum writ_err
drain_all(struct ledger *l)
{
    enum writ_err e = drain_turns(l);

    for (unsigned i = 0; i < l->source_count; i++)
        writ_ring_refuse(&l->sources[i].ring);
    /* once more: a push that came in before the refusal was told that its record is kept */
    if (e == WRIT_OK)
        e = drain_turns(l);
    if (e == WRIT_OK)
        summarise(l, true);
    return e;
}

enum writ_err
ledger_seal(struct ledger *l, struct writ_span last, const char *died)
{
    struct writ_log_mark mark;
    enum writ_err e = WRIT_OK;

    if (!l->open || l->log.records == 0)
        return WRIT_E_STATE;
    if (!l->log.sealed)
        e = drain_all(l);
    mark = writ_log_mark(&l->log);
    if (e == WRIT_OK && !l->log.sealed && last.len != 0)
        e = ledger_accept(l, last, WRIT_ROLE_LAUNCHER);
    if (e == WRIT_OK)
        e = writ_store_seal(&l->store, &l->log, died == NULL ? NULL : "launcher", died);
    if (e != WRIT_OK) {
        if (!l->log.sealed && l->log.written <= mark.records)
            writ_log_undo(&l->log, &mark); /* whoever tries again says the last word again */
        return e;
    }
    writ_store_unmark(&l->store, l->log.task);
    l->sealed = true;
    return WRIT_OK;
}
