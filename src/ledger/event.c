#include "ledger/show.h"

enum { EVENT_BYTES_MAX = 4 * WRIT_LEDGER_LINE_MAX };

void
writ_event_init(struct writ_event *e)
{
    *e = (struct writ_event){0};
    writ_buf_init(&e->text, EVENT_BYTES_MAX);
    writ_buf_init(&e->tail, EVENT_BYTES_MAX);
    writ_buf_init(&e->note, EVENT_BYTES_MAX);
    writ_buf_init(&e->by, EVENT_BYTES_MAX);
}

void
writ_event_done(struct writ_event *e)
{
    writ_buf_done(&e->text);
    writ_buf_done(&e->tail);
    writ_buf_done(&e->note);
    writ_buf_done(&e->by);
}

void
writ_show_bytes(struct writ_buf *b, uint64_t n)
{
    static const char *const units[] = {"kB", "MB", "GB", "TB", "PB", "EB"};
    double v = (double)n / 1000;
    size_t i = 0;

    if (n < 1000) {
        writ_buf_putf(b, "%llu B", (unsigned long long)n);
        return;
    }
    while (v >= 999.95 && i + 1 < WRIT_COUNT(units)) {
        v /= 1000;
        i++;
    }
    writ_buf_putf(b, v < 10 ? "%.1f %s" : "%.0f %s", v, units[i]);
}

void
writ_show_us(struct writ_buf *b, uint64_t us)
{
    if (us < 9950) {
        writ_buf_putf(b, "%.1f ms", (double)us / 1e3);
    } else if (us < 999500) {
        writ_buf_putf(b, "%.0f ms", (double)us / 1e3);
    } else if (us < 599950000) {
        writ_buf_putf(b, "%.1f s", (double)us / 1e6);
    } else {
        writ_buf_putf(b, "%llum%02llus", (unsigned long long)(us / 60000000),
                      (unsigned long long)(us / 1000000 % 60));
    }
}

static void
gap(struct writ_buf *b, const char *with)
{
    if (writ_buf_len(b) != 0)
        writ_buf_put_str(b, with);
}

static void
add(struct writ_buf *b, const char *with, const char *before, const struct writ_line *l,
    enum writ_field f)
{
    struct writ_span raw = writ_line_raw(l, f);

    if (raw.len == 0)
        return;
    gap(b, with);
    writ_buf_put_str(b, before);
    if (writ_field_rule((unsigned)f)->type == WRIT_TYPE_TEXT) {
        writ_line_show(b, raw);
    } else {
        writ_buf_put(b, raw);
    }
    if (writ_line_cut(l, f))
        writ_buf_put_str(b, "...");
}

static void
add_list(struct writ_buf *b, const char *with, const struct writ_line *l, enum writ_field f)
{
    struct writ_span raw = writ_line_raw(l, f);
    struct writ_span item;

    while (writ_line_item(&raw, &item)) {
        gap(b, with);
        with = " ";
        writ_line_show(b, item);
    }
    if (writ_line_cut(l, f))
        writ_buf_put_str(b, " ...");
}

/* A fingerprint is for telling apart: its beginning does. */
static void
add_credential(struct writ_buf *b, const struct writ_line *l)
{
    struct writ_span print = writ_line_raw(l, WRIT_FIELD_FINGERPRINT);

    if (writ_line_raw(l, WRIT_FIELD_CREDENTIAL).len == 0)
        return;
    add(b, "  ", "", l, WRIT_FIELD_CREDENTIAL);
    if (print.len != 0) {
        writ_buf_put_str(b, "#");
        writ_buf_put(b, writ_span(print.ptr, print.len < 4 ? print.len : 4));
    }
}

static void
add_number(struct writ_buf *b, const struct writ_line *l, enum writ_field f,
           void (*show)(struct writ_buf *, uint64_t))
{
    uint64_t v;

    if (!writ_line_u64(l, f, &v))
        return;
    gap(b, "  ");
    show(b, v);
}

static void
verb(struct writ_event *e, enum writ_mark mark, const char *name)
{
    e->mark = mark;
    (void)snprintf(e->verb, sizeof(e->verb), "%s", name);
}

static enum writ_mark
decided(const struct writ_line *l)
{
    return writ_line_is(l, WRIT_FIELD_DECISION, "deny") ? WRIT_MARK_DENY : WRIT_MARK_ALLOW;
}

static void
target(struct writ_event *e, const struct writ_line *l)
{
    enum writ_field where = writ_line_raw(l, WRIT_FIELD_SERVICE).len != 0 ? WRIT_FIELD_SERVICE
                            : writ_line_raw(l, WRIT_FIELD_HOST).len != 0  ? WRIT_FIELD_HOST
                                                                          : WRIT_FIELD_ADDRESS;

    add(&e->text, " ", "", l, where);
    if (where != WRIT_FIELD_SERVICE)
        add(&e->text, "", ":", l, WRIT_FIELD_PORT);
    add(&e->text, " ", "", l, WRIT_FIELD_PATH);
}

static void
make_request(struct writ_event *e, const struct writ_line *l, const struct writ_line *end)
{
    struct writ_span method = writ_line_raw(l, WRIT_FIELD_METHOD);

    verb(e, decided(l), "request");
    if (method.len != 0) {
        (void)snprintf(e->verb, sizeof(e->verb), "%.*s", (int)(method.len < 11 ? method.len : 11),
                       (const char *)method.ptr);
    }
    if (l->kind == WRIT_KIND_REQUEST_END) {
        verb(e, WRIT_MARK_NONE, "answer");
        add(&e->text, "", "to ", l, WRIT_FIELD_REQUEST);
    }
    target(e, l);
    if (e->mark == WRIT_MARK_DENY) {
        writ_buf_put_str(&e->tail, "denied");
        add(&e->tail, ": ", "", l, WRIT_FIELD_REASON);
    } else if (end == NULL) {
        writ_buf_put_str(&e->tail, "no end recorded");
    } else {
        add(&e->tail, "", "", end, WRIT_FIELD_STATUS);
        add(&e->tail, "  ", "", end, WRIT_FIELD_REASON);
        add_number(&e->note, end, WRIT_FIELD_BYTES_IN, writ_show_bytes);
        add_number(&e->note, end, WRIT_FIELD_TOTAL_US, writ_show_us);
    }
    add_list(&e->by, "  ", l, WRIT_FIELD_POLICIES);
    add_credential(&e->by, end != NULL ? end : l);
}

static void
make_refused(struct writ_event *e, const struct writ_line *l, const char *name)
{
    struct writ_span method = writ_line_raw(l, WRIT_FIELD_METHOD);

    verb(e, WRIT_MARK_DENY, name);
    if (method.len != 0) {
        writ_line_show(&e->text, method);
    }
    target(e, l);
    add(&e->tail, "  ", "", l, WRIT_FIELD_REASON);
}

static void
make_connection(struct writ_event *e, const struct writ_line *l)
{
    bool refused =
        l->kind == WRIT_KIND_CONNECTION_REFUSED || l->kind == WRIT_KIND_CONNECTION_ATTEMPT;

    verb(e, refused ? WRIT_MARK_DENY : WRIT_MARK_NONE, "connect");
    e->quiet = !refused;
    if (l->kind == WRIT_KIND_CONNECTION_END)
        verb(e, WRIT_MARK_NONE, "closed");
    add(&e->text, "", "", l, WRIT_FIELD_PROTOCOL);
    add(&e->text, " ", "", l, WRIT_FIELD_ADDRESS);
    add(&e->text, "", ":", l, WRIT_FIELD_PORT);
    add(&e->text, " ", "", l, WRIT_FIELD_SERVICE);
    add(&e->tail, "  ", "", l, WRIT_FIELD_SNI);
    add(&e->tail, "  ", "", l, WRIT_FIELD_REASON);
    if (!refused)
        add(&e->tail, "  ", "#", l, WRIT_FIELD_CONNECTION);
}

static void
make_name(struct writ_event *e, const struct writ_line *l)
{
    verb(e, decided(l), "name");
    add(&e->text, "", "", l, WRIT_FIELD_NAME);
    add(&e->tail, "", "", l, WRIT_FIELD_REASON);
    add(&e->note, "", "", l, WRIT_FIELD_TYPE);
}

static void
make_program(struct writ_event *e, const struct writ_line *l, unsigned depth)
{
    struct writ_span argv = writ_line_raw(l, WRIT_FIELD_ARGV);
    struct writ_span program = writ_line_raw(l, WRIT_FIELD_PROGRAM);
    struct writ_span first = {NULL, 0};
    struct writ_span base = program;

    verb(e, l->kind == WRIT_KIND_PROGRAM_REFUSED ? WRIT_MARK_DENY : WRIT_MARK_NONE, "run");
    for (unsigned i = 0; i < depth && i < 8; i++)
        writ_buf_put_str(&e->text, "  ");
    for (size_t i = 0; i < program.len; i++) {
        if (program.ptr[i] == '/')
            base = writ_span_from(program, i + 1);
    }
    if (argv.len == 0) {
        writ_line_show(&e->text, program);
    } else {
        add_list(&e->text, "", l, WRIT_FIELD_ARGV);
    }
    /* what ran is said where the command's own name says something else (python3, python3.11) */
    if (writ_line_item(&argv, &first) && !writ_span_eq(first, program) &&
        (base.len < first.len || memcmp(base.ptr, first.ptr, first.len) != 0))
        add(&e->tail, "  ", "is ", l, WRIT_FIELD_PROGRAM);
    add(&e->tail, "  ", "", l, WRIT_FIELD_REASON);
    add(&e->note, "  ", "pid ", l, WRIT_FIELD_PID);
}

static void
make_credential(struct writ_event *e, const struct writ_line *l)
{
    bool refused = l->kind == WRIT_KIND_CREDENTIAL_REFUSED;

    verb(e, refused ? WRIT_MARK_DENY : WRIT_MARK_ALLOW, "secret");
    add_credential(&e->text, l);
    add(&e->tail, "", refused ? "not for " : "used for ", l, WRIT_FIELD_SERVICE);
    add(&e->tail, "  ", "version ", l, WRIT_FIELD_CREDENTIAL_VERSION);
    add(&e->tail, "  ", "", l, WRIT_FIELD_REASON);
}

static void
make_end(struct writ_event *e, const struct writ_line *l)
{
    verb(e, WRIT_MARK_NONE, "end");
    add(&e->text, "", "exit code ", l, WRIT_FIELD_EXIT_CODE);
    add(&e->text, "", "killed by signal ", l, WRIT_FIELD_SIGNAL);
    add(&e->tail, "", "", l, WRIT_FIELD_REASON);
}

static void
make_trouble(struct writ_event *e, const struct writ_line *l, const char *name)
{
    verb(e, WRIT_MARK_WARN, name);
    add(&e->text, "", "", l, WRIT_FIELD_PROCESS);
    add(&e->text, " ", "", l, WRIT_FIELD_COUNT);
    add(&e->text, " ", "x ", l, WRIT_FIELD_OF);
    add(&e->text, "", "half a record cut off, bytes: ", l, WRIT_FIELD_SIZE);
    add(&e->tail, "", "", l, WRIT_FIELD_REASON);
    if (l->kind == WRIT_KIND_FLOOD_SUMMARY)
        writ_buf_put_str(&e->tail, "in one second, counted and not kept singly");
}

static void
make_process(struct writ_event *e, const struct writ_line *l, const char *name)
{
    verb(e, WRIT_MARK_NONE, name);
    writ_buf_put_str(&e->text, l->kind == WRIT_KIND_GATEWAY_START ? "starts" : "ends");
    add(&e->tail, "", "", l, WRIT_FIELD_REASON);
    add(&e->note, "", "pid ", l, WRIT_FIELD_PID);
    e->quiet = true;
}

void
writ_event_make(struct writ_event *e, const struct writ_line *l, const struct writ_line *end,
                unsigned depth)
{
    writ_buf_reset(&e->text);
    writ_buf_reset(&e->tail);
    writ_buf_reset(&e->note);
    writ_buf_reset(&e->by);
    e->wall_us = l->wall_us;
    e->quiet = false;
    switch (l->kind) {
    case WRIT_KIND_TASK_START:
        verb(e, WRIT_MARK_NONE, "start");
        add_list(&e->text, "", l, WRIT_FIELD_ARGV);
        break;
    case WRIT_KIND_TASK_END:
        make_end(e, l);
        break;
    case WRIT_KIND_PROGRAM_START:
    case WRIT_KIND_PROGRAM_REFUSED:
        make_program(e, l, depth);
        break;
    case WRIT_KIND_NAME_QUERY:
        make_name(e, l);
        break;
    case WRIT_KIND_CONNECTION_OPEN:
    case WRIT_KIND_CONNECTION_END:
    case WRIT_KIND_CONNECTION_REFUSED:
    case WRIT_KIND_CONNECTION_ATTEMPT:
        make_connection(e, l);
        break;
    case WRIT_KIND_REQUEST_DECISION:
    case WRIT_KIND_REQUEST_END:
        make_request(e, l, l->kind == WRIT_KIND_REQUEST_END ? l : end);
        break;
    case WRIT_KIND_REQUEST_REFUSED:
        make_refused(e, l, "request");
        break;
    case WRIT_KIND_DECOY_TOUCHED:
        make_refused(e, l, "decoy");
        break;
    case WRIT_KIND_CREDENTIAL_RELEASE:
    case WRIT_KIND_CREDENTIAL_REFUSED:
        make_credential(e, l);
        break;
    case WRIT_KIND_PROCESS_DIED:
        make_trouble(e, l, "died");
        break;
    case WRIT_KIND_LEDGER_GAP:
        make_trouble(e, l, "gap");
        break;
    case WRIT_KIND_LEDGER_TORN:
        make_trouble(e, l, "torn");
        break;
    case WRIT_KIND_FLOOD_SUMMARY:
        make_trouble(e, l, "flood");
        break;
    case WRIT_KIND_GATEWAY_START:
    case WRIT_KIND_GATEWAY_END:
        make_process(e, l, "gateway");
        break;
    case WRIT_KIND_TASK_SEALED:
        verb(e, WRIT_MARK_NONE, "sealed");
        e->quiet = true;
        break;
    case WRIT_KIND_TASK_ANCHOR:
    case WRIT_KIND_NONE:
    case WRIT_KINDS:
        verb(e, WRIT_MARK_WARN, "unknown");
        break;
    }
}
