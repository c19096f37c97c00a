#include "ledger/show.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/fd.h"
#include "ledger/ends.h"
#include "ledger/lines.h"
#include "ledger/verify.h"

enum {
    TEXT_COLUMN = 21, /* "  +0.213s ✓ GET     " */
    TEXT_WIDTH = 32,
    PIDS_MAX = 1024,
};

struct pid_depth {
    uint64_t pid;
    unsigned depth;
};

struct totals {
    uint64_t allowed;
    uint64_t denied;
    uint64_t malformed;
    uint64_t names;
    uint64_t names_denied;
    uint64_t programs;
    uint64_t connections_refused;
    uint64_t decoys;
    uint64_t trouble;
    uint64_t quiet;
    uint64_t bytes_out;
    uint64_t bytes_in;
};

struct show {
    const struct writ_show_style *style;
    FILE *out;
    int fd;
    int64_t begin_us;
    struct writ_ends ends;
    struct pid_depth pids[PIDS_MAX];
    unsigned pid_count;
    struct totals totals;
    struct writ_event now;
    struct writ_event held; /* printed once the next one differs */
    uint64_t held_count;    /* 0: nothing is held */
    int64_t held_last_us;
};

static const char *const colors[] = {[WRIT_MARK_NONE] = "",
                                     [WRIT_MARK_ALLOW] = "\x1b[32m",
                                     [WRIT_MARK_DENY] = "\x1b[31m",
                                     [WRIT_MARK_WARN] = "\x1b[33m"};
static const char dim[] = "\x1b[2m";
static const char bold[] = "\x1b[1m";

static void
paint(const struct show *s, const char *code)
{
    if (s->style->color)
        (void)fputs(code, s->out);
}

static void
plain(const struct show *s)
{
    paint(s, "\x1b[0m");
}

static bool
begins_character(uint8_t c)
{
    return (c & 0xc0) != 0x80;
}

/* Columns that the text takes: one for each character that is not a continuation byte. */
static unsigned
columns(struct writ_span t)
{
    unsigned n = 0;

    for (size_t i = 0; i < t.len; i++)
        n += begins_character(t.ptr[i]) ? 1 : 0;
    return n;
}

/* The bytes of t that fill at most max columns. */
static size_t
fit(struct writ_span t, unsigned max)
{
    unsigned n = 0;
    size_t i = 0;

    while (i < t.len && (!begins_character(t.ptr[i]) || n < max)) {
        n += begins_character(t.ptr[i]) ? 1 : 0;
        i++;
    }
    return i;
}

/* Prints at most max columns; a terminal without UTF-8 gets '?' for what it cannot show. */
static unsigned
put_text(const struct show *s, struct writ_span t, unsigned max)
{
    const char *dots = s->style->utf8 ? "…" : "...";
    unsigned dots_width = s->style->utf8 ? 1 : 3;
    bool cut = columns(t) > max && max > dots_width;

    if (t.ptr == NULL)
        return 0;
    if (cut)
        t.len = fit(t, max - dots_width);
    for (size_t i = 0; i < t.len; i++) {
        if (t.ptr[i] < 0x80 || s->style->utf8) {
            (void)fputc(t.ptr[i], s->out);
        } else if (begins_character(t.ptr[i])) {
            (void)fputc('?', s->out);
        }
    }
    if (cut)
        (void)fputs(dots, s->out);
    return columns(t) + (cut ? dots_width : 0);
}

static void
put_mark(const struct show *s, enum writ_mark mark)
{
    static const char *const utf8[] = {"  ", "✓ ", "✗ ", "! "};
    static const char *const ascii[] = {"  ", "+ ", "x ", "! "};

    paint(s, colors[mark]);
    (void)fputs(s->style->utf8 ? utf8[mark] : ascii[mark], s->out);
}

/* "+0.213s", "+2m07s": short where it matters, never wider than the column. */
static void
put_time(const struct show *s, int64_t wall_us)
{
    int64_t us = wall_us - s->begin_us;
    uint64_t n = us < 0 ? 0 - (uint64_t)us : (uint64_t)us;
    char text[32];

    if (n < 100000000) {
        (void)snprintf(text, sizeof(text), "%c%llu.%03llus", us < 0 ? '-' : '+',
                       (unsigned long long)(n / 1000000), (unsigned long long)(n / 1000 % 1000));
    } else if (n < 36000000000) {
        (void)snprintf(text, sizeof(text), "%c%llum%02llus", us < 0 ? '-' : '+',
                       (unsigned long long)(n / 60000000), (unsigned long long)(n / 1000000 % 60));
    } else {
        (void)snprintf(text, sizeof(text), "%c%lluh%02llum", us < 0 ? '-' : '+',
                       (unsigned long long)(n / 3600000000),
                       (unsigned long long)(n / 60000000 % 60));
    }
    paint(s, dim);
    (void)fprintf(s->out, "%9s ", text);
    plain(s);
}

static void
join(struct writ_buf *b, struct writ_span t)
{
    if (t.len != 0 && writ_buf_len(b) != 0)
        writ_buf_put_str(b, "  ");
    writ_buf_put(b, t);
}

/* What stands behind the text: how it ended, sizes and times or how often, and by which rule. */
static void
make_tail(const struct show *s, const struct writ_event *e, uint64_t count, int64_t last_us,
          struct writ_buf *tail)
{
    join(tail, writ_buf_span(&e->tail));
    if (count == 1)
        join(tail, writ_buf_span(&e->note));
    join(tail, writ_buf_span(&e->by));
    if (count == 1)
        return;
    writ_buf_putf(tail, "%s%s%llu in ", writ_buf_len(tail) != 0 ? "  " : "",
                  s->style->utf8 ? "×" : "x", (unsigned long long)count);
    writ_show_us(tail, last_us > e->wall_us ? (uint64_t)(last_us - e->wall_us) : 0);
}

/* In its column if it fits there, else closer to the text, else on a line of its own. */
static void
put_tail(const struct show *s, struct writ_span tail, unsigned used, unsigned width)
{
    unsigned want = columns(tail);
    unsigned room = want + 2 < width - TEXT_COLUMN ? width - TEXT_COLUMN - want - 2 : 0;
    unsigned at = room < TEXT_WIDTH ? room : TEXT_WIDTH;

    if (room >= used || s->style->all) {
        (void)fprintf(s->out, "%*s", (int)(at > used ? at - used + 2 : 2), "");
    } else {
        (void)fprintf(s->out, "\n%*s", TEXT_COLUMN + 2, "");
    }
}

static void
put_event(const struct show *s, const struct writ_event *e, uint64_t count, int64_t last_us)
{
    unsigned width = s->style->all ? UINT16_MAX : s->style->width;
    WRIT_BUF_AUTO struct writ_buf tail;
    unsigned used;

    writ_buf_init(&tail, (size_t)4 * WRIT_LEDGER_LINE_MAX);
    make_tail(s, e, count, last_us, &tail);
    put_time(s, e->wall_us);
    put_mark(s, e->mark);
    (void)fprintf(s->out, "%-8s ", e->verb);
    plain(s);
    used = put_text(s, writ_buf_span(&e->text), width - TEXT_COLUMN);
    if (writ_buf_len(&tail) != 0) {
        put_tail(s, writ_buf_span(&tail), used, width);
        paint(s, e->mark == WRIT_MARK_DENY ? colors[e->mark] : dim);
        (void)put_text(s, writ_buf_span(&tail), width - TEXT_COLUMN - 2);
        plain(s);
    }
    (void)fputc('\n', s->out);
}

static bool
alike(const struct writ_event *a, const struct writ_event *b)
{
    return a->mark == b->mark && strcmp(a->verb, b->verb) == 0 &&
           writ_span_eq(writ_buf_span(&a->text), writ_buf_span(&b->text)) &&
           writ_span_eq(writ_buf_span(&a->tail), writ_buf_span(&b->tail)) &&
           writ_span_eq(writ_buf_span(&a->by), writ_buf_span(&b->by));
}

static void
release_held(struct show *s)
{
    if (s->held_count != 0)
        put_event(s, &s->held, s->held_count, s->held_last_us);
    s->held_count = 0;
}

static void
emit(struct show *s)
{
    struct writ_event swap;

    if (s->style->all) {
        put_event(s, &s->now, 1, 0);
        return;
    }
    if (s->now.quiet) {
        s->totals.quiet++;
        return;
    }
    if (s->held_count != 0 && alike(&s->held, &s->now)) {
        s->held_count++;
        s->held_last_us = s->now.wall_us;
        return;
    }
    release_held(s);
    swap = s->held;
    s->held = s->now;
    s->now = swap;
    s->held_count = 1;
}

/* --- the timeline ----------------------------------------------------------------------------- */

static struct pid_depth *
find_pid(struct show *s, uint64_t pid)
{
    unsigned n = s->pid_count < PIDS_MAX ? s->pid_count : PIDS_MAX;

    for (unsigned i = 0; i < n; i++) {
        if (s->pids[i].pid == pid)
            return &s->pids[i];
    }
    return NULL;
}

static unsigned
program_depth(struct show *s, const struct writ_line *l)
{
    uint64_t pid;
    uint64_t ppid;
    const struct pid_depth *known;
    unsigned depth = 0;

    if (!writ_line_u64(l, WRIT_FIELD_PID, &pid))
        return 0;
    known = find_pid(s, pid);
    if (known != NULL)
        return known->depth; /* the same process became another program */
    known = writ_line_u64(l, WRIT_FIELD_PPID, &ppid) ? find_pid(s, ppid) : NULL;
    if (known != NULL)
        depth = known->depth + 1;
    s->pids[s->pid_count++ % PIDS_MAX] = (struct pid_depth){pid, depth};
    return depth;
}

static void
sum(uint64_t *total, const struct writ_line *l, enum writ_field f)
{
    uint64_t v;

    if (writ_line_u64(l, f, &v) && !writ_add(*total, v, total))
        *total = UINT64_MAX;
}

static void
tally(struct totals *t, const struct writ_line *l)
{
    bool denied = writ_line_is(l, WRIT_FIELD_DECISION, "deny");
    uint64_t *const counts[WRIT_KINDS] = {
        [WRIT_KIND_REQUEST_DECISION] = denied ? &t->denied : &t->allowed,
        [WRIT_KIND_NAME_QUERY] = denied ? &t->names_denied : &t->names,
        [WRIT_KIND_REQUEST_REFUSED] = &t->malformed,
        [WRIT_KIND_PROGRAM_START] = &t->programs,
        [WRIT_KIND_DECOY_TOUCHED] = &t->decoys,
        [WRIT_KIND_CONNECTION_REFUSED] = &t->connections_refused,
        [WRIT_KIND_CONNECTION_ATTEMPT] = &t->connections_refused,
        [WRIT_KIND_LEDGER_GAP] = &t->trouble,
        [WRIT_KIND_LEDGER_TORN] = &t->trouble,
        [WRIT_KIND_PROCESS_DIED] = &t->trouble,
        [WRIT_KIND_FLOOD_SUMMARY] = &t->trouble,
    };

    if (counts[l->kind] != NULL)
        (*counts[l->kind])++;
    if (l->kind == WRIT_KIND_REQUEST_END) {
        sum(&t->bytes_out, l, WRIT_FIELD_BYTES_OUT);
        sum(&t->bytes_in, l, WRIT_FIELD_BYTES_IN);
    }
}

static void
show_line(struct show *s, const struct writ_line *l)
{
    static struct writ_line end;
    bool has_end = l->kind == WRIT_KIND_REQUEST_DECISION && writ_ends_find(&s->ends, l, &end);
    unsigned depth = l->kind == WRIT_KIND_PROGRAM_START ? program_depth(s, l) : 0;

    tally(&s->totals, l);
    if (l->kind == WRIT_KIND_REQUEST_END && !s->style->all && writ_ends_used(&s->ends, l))
        return;
    if (l->kind == WRIT_KIND_TASK_START)
        return; /* the header says it */
    writ_event_make(&s->now, l, has_end ? &end : NULL, depth);
    if (s->style->brief && (l->kind == WRIT_KIND_PROGRAM_START ||
                            (l->kind == WRIT_KIND_NAME_QUERY && s->now.mark == WRIT_MARK_ALLOW)))
        s->now.quiet = true;
    emit(s);
}

static enum writ_err
timeline(struct show *s)
{
    static struct writ_line l;
    WRIT_LINES_AUTO struct writ_lines lines = {0};
    struct writ_span line;
    const char *why;
    enum writ_err e = writ_lines_init(&lines, s->fd);

    while (e == WRIT_OK && (e = writ_lines_next(&lines, &line)) == WRIT_OK) {
        if (writ_line_parse(line, &l, &why) == WRIT_OK) {
            show_line(s, &l);
            continue;
        }
        release_held(s);
        (void)fprintf(s->out, "          %s line %llu is not a record: expected %s\n",
                      s->style->utf8 ? "✗" : "x", (unsigned long long)lines.number, why);
    }
    release_held(s);
    return e == WRIT_E_SYS ? e : WRIT_OK;
}

/* --- header and footer ------------------------------------------------------------------------ */

static void
head_row(const struct show *s, const char *name, const struct writ_buf *b)
{
    if (writ_buf_len(b) == 0)
        return;
    paint(s, dim);
    (void)fprintf(s->out, "  %-9s ", name);
    plain(s);
    (void)put_text(s, writ_buf_span(b), s->style->all ? UINT16_MAX : s->style->width - 12);
    (void)fputc('\n', s->out);
}

static void
put_field(struct writ_buf *b, const char *before, const struct writ_line *l, enum writ_field f)
{
    struct writ_span raw = writ_line_raw(l, f);

    if (raw.len == 0)
        return;
    writ_buf_put_str(b, before);
    writ_line_show(b, raw);
}

static void
put_items(struct writ_buf *b, const struct writ_line *l, enum writ_field f)
{
    struct writ_span raw = writ_line_raw(l, f);
    struct writ_span item;

    while (writ_line_item(&raw, &item)) {
        if (writ_buf_len(b) != 0)
            writ_buf_put_u8(b, ' ');
        writ_line_show(b, item);
    }
    if (writ_line_cut(l, f))
        writ_buf_put_str(b, " ...");
}

static void
header(struct show *s, const struct writ_line *l)
{
    WRIT_BUF_AUTO struct writ_buf b;

    s->begin_us = l->wall_us;
    writ_buf_init(&b, (size_t)2 * WRIT_LEDGER_LINE_MAX);
    paint(s, bold);
    (void)fprintf(s->out, "task %s", l->task);
    plain(s);
    put_field(&b, "  profile ", l, WRIT_FIELD_PROFILE);
    put_field(&b, ", env ", l, WRIT_FIELD_ENV);
    (void)put_text(s, writ_buf_span(&b), s->style->width - 31);
    (void)fputs("\n", s->out);

    writ_buf_reset(&b);
    writ_buf_put(&b, writ_span(l->time.ptr, 10));
    writ_buf_putf(&b, " %.8s UTC", (const char *)l->time.ptr + 11);
    put_field(&b, " on ", l, WRIT_FIELD_NODE);
    head_row(s, "when", &b);
    writ_buf_reset(&b);
    put_field(&b, "", l, WRIT_FIELD_USER);
    put_field(&b, ", uid ", l, WRIT_FIELD_UID);
    put_field(&b, ", login uid ", l, WRIT_FIELD_LOGIN_UID);
    put_field(&b, ", session ", l, WRIT_FIELD_SESSION);
    put_field(&b, ", by ", l, WRIT_FIELD_PARENT);
    put_field(&b, ", on ", l, WRIT_FIELD_TTY);
    head_row(s, "who", &b);
    writ_buf_reset(&b);
    put_items(&b, l, WRIT_FIELD_ARGV);
    head_row(s, "what", &b);
    writ_buf_reset(&b);
    put_items(&b, l, WRIT_FIELD_SERVICES);
    head_row(s, "services", &b);
    writ_buf_reset(&b);
    put_field(&b, "", l, WRIT_FIELD_POLICY_DIGEST);
    head_row(s, "policy", &b);
    writ_buf_reset(&b);
    put_field(&b, "", l, WRIT_FIELD_WRIT_DIGEST);
    head_row(s, "writ", &b);
    writ_buf_reset(&b);
    put_items(&b, l, WRIT_FIELD_MISSING);
    head_row(s, "missing", &b);
    (void)fputc('\n', s->out);
}

static void
put_count(struct writ_buf *b, uint64_t n, const char *one, const char *many)
{
    if (n == 0)
        return;
    if (writ_buf_len(b) != 0)
        writ_buf_put_str(b, ", ");
    writ_buf_putf(b, "%llu %s", (unsigned long long)n, n == 1 ? one : many);
}

static void
take_verdict(void *arg, const struct writ_verify_result *r)
{
    struct writ_verify_result *keep = arg;

    /* a bad main log matters only if the task itself is intact against it */
    if (r->task[0] != '\0' || (r->verdict == WRIT_VERDICT_BAD && keep->verdict == 0))
        *keep = *r;
}

static void
footer(struct show *s, const struct writ_store *store, const char *task)
{
    const struct totals *t = &s->totals;
    struct writ_verify_result v = {0};
    WRIT_BUF_AUTO struct writ_buf b;

    writ_buf_init(&b, 4096);
    put_count(&b, t->programs, "program", "programs");
    put_count(&b, t->allowed, "request allowed", "requests allowed");
    put_count(&b, t->names, "name answered", "names answered");
    (void)fputc('\n', s->out);
    head_row(s, "did", &b);
    writ_buf_reset(&b);
    put_count(&b, t->denied + t->malformed, "request", "requests");
    put_count(&b, t->names_denied, "name", "names");
    put_count(&b, t->connections_refused, "connection", "connections");
    put_count(&b, t->decoys, "decoy", "decoys");
    head_row(s, "refused", &b);
    writ_buf_reset(&b);
    put_count(&b, t->trouble, "record of trouble", "records of trouble");
    head_row(s, "look at", &b);
    writ_buf_reset(&b);
    if (t->bytes_in != 0 || t->bytes_out != 0) {
        writ_show_bytes(&b, t->bytes_out);
        writ_buf_put_str(&b, " sent, ");
        writ_show_bytes(&b, t->bytes_in);
        writ_buf_put_str(&b, " received");
    }
    head_row(s, "bodies", &b);
    writ_buf_reset(&b);
    if (writ_verify(store, task, take_verdict, &v) != WRIT_OK) {
        writ_buf_put_str(&b, "cannot be verified");
    } else if (v.verdict == WRIT_VERDICT_BAD) {
        writ_buf_putf(&b, "NOT INTACT: %s:%llu: %s", v.file, (unsigned long long)v.line, v.text);
    } else {
        writ_buf_putf(&b, "%llu, chain intact, %s", (unsigned long long)v.records,
                      v.verdict == WRIT_VERDICT_OK ? "sealed" : "still running");
    }
    paint(s, v.verdict == WRIT_VERDICT_BAD ? colors[WRIT_MARK_DENY] : "");
    head_row(s, "records", &b);
    plain(s);
    if (t->quiet != 0) {
        writ_buf_reset(&b);
        writ_buf_putf(&b, "%llu quiet records: --all shows them", (unsigned long long)t->quiet);
        head_row(s, "hidden", &b);
    }
}

enum writ_err
writ_show(const struct writ_store *store, const char *task, const struct writ_show_style *style,
          FILE *out)
{
    static struct show s;
    static struct writ_line first;
    WRIT_FD_AUTO int fd = -1;
    char name[WRIT_LOG_NAME];
    enum writ_err e;

    writ_log_name(task, name);
    fd = openat(store->tasks, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return errno == ENOENT ? WRIT_E_STATE : WRIT_E_SYS;
    s = (struct show){.style = style, .out = out, .fd = fd};
    writ_event_init(&s.now);
    writ_event_init(&s.held);
    e = writ_ends_init(&s.ends, fd);
    if (e == WRIT_OK && writ_line_at(fd, 0, &first))
        header(&s, &first);
    if (e == WRIT_OK)
        e = timeline(&s);
    if (e == WRIT_OK)
        footer(&s, store, task);
    writ_event_done(&s.now);
    writ_event_done(&s.held);
    writ_ends_done(&s.ends);
    return e;
}
