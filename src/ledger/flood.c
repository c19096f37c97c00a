#include "ledger/flood.h"

#include "base/limits.h"

/* A malformed record is none of ours: whoever writes it will say so. */
static bool
denied(struct writ_record_view *view)
{
    struct writ_record_value v;

    while (writ_record_next(view, &v) == WRIT_OK) {
        if (v.field == WRIT_FIELD_DECISION)
            return writ_span_is(v.text, "deny");
    }
    return false;
}

bool
writ_flood_hold(struct writ_flood_state *f, struct writ_span record, uint64_t now_us)
{
    struct writ_record_head head;
    struct writ_record_view view;
    enum writ_flood rule;

    if (writ_record_open(record, &head, &view) != WRIT_OK)
        return false;
    rule = writ_kind_rule((unsigned)head.kind)->flood;
    if (rule == WRIT_FLOOD_KEEP || (rule == WRIT_FLOOD_DENY && !denied(&view)))
        return false;
    /* while counts wait, their second lasts until they are taken */
    if (f->held == 0 && now_us - f->begin_us >= WRIT_FLOOD_WINDOW_US) {
        f->begin_us = now_us;
        f->written = 0;
    }
    if (f->written < WRIT_FLOOD_PER_SECOND) {
        f->written++;
        return false;
    }
    f->of[head.kind]++;
    f->held++;
    return true;
}

bool
writ_flood_due(const struct writ_flood_state *f, uint64_t now_us, bool ending)
{
    return f->held != 0 && (ending || now_us - f->begin_us >= WRIT_FLOOD_WINDOW_US);
}

bool
writ_flood_take(struct writ_flood_state *f, int64_t wall_us, void *mem, size_t cap,
                struct writ_span *ret)
{
    struct writ_record r;

    for (unsigned i = 1; i < WRIT_KINDS && f->held != 0; i++) {
        if (f->of[i] == 0)
            continue;
        writ_record_begin(&r, mem, cap, WRIT_KIND_FLOOD_SUMMARY, wall_us);
        writ_record_str(&r, WRIT_FIELD_OF, writ_kind_rule(i)->json);
        writ_record_u64(&r, WRIT_FIELD_COUNT, f->of[i]);
        f->held -= f->of[i];
        f->of[i] = 0;
        return writ_record_end(&r, ret) == WRIT_OK;
    }
    return false;
}
