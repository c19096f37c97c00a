#include "ledger/verify.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/fd.h"
#include "ledger/line.h"
#include "ledger/lines.h"

enum { LIST_BYTES_MAX = 1 << 30, LOCK_WAIT_MS = 5000 };

static void
sort(struct writ_buf *b, size_t size, int (*order)(const void *, const void *))
{
    if (writ_buf_len(b) != 0)
        qsort(b->mem + b->start, writ_buf_len(b) / size, size, order);
}

/* What the main log says about a task at one point. */
struct anchor {
    char task[WRIT_TASK_ID_BYTES + 1];
    enum writ_kind kind;
    uint64_t line; /* in the main log */
    uint64_t records;
    uint8_t head[WRIT_HASH_BYTES];
};

struct found {
    char task[WRIT_TASK_ID_BYTES + 1];
    bool running; /* when we looked, before the main log was read */
};

struct verify {
    const struct writ_store *store;
    struct writ_buf anchors; /* struct anchor, by task and records */
    struct writ_buf found;   /* struct found, by task */
    const char *only;
    bool only_seen;
    writ_verify_fn *fn;
    void *arg;
};

/* One file on its way through the chain. */
struct chain {
    struct writ_lines lines;
    struct writ_verify_result *r;
    uint8_t head[WRIT_HASH_BYTES];
    const struct anchor *anchor; /* the next ones of this task */
    const struct anchor *anchor_end;
    enum writ_kind last;
};

static void bad(struct writ_verify_result *r, uint64_t line, const char *fmt, ...)
    WRIT_PRINTF(3, 4);

/* The first bad record is the one to name. */
static void
bad(struct writ_verify_result *r, uint64_t line, const char *fmt, ...)
{
    va_list ap;

    if (r->verdict == WRIT_VERDICT_BAD)
        return;
    r->verdict = WRIT_VERDICT_BAD;
    r->line = line;
    va_start(ap, fmt);
    (void)vsnprintf(r->text, sizeof(r->text), fmt, ap);
    va_end(ap);
}

bool
writ_log_is_written(int fd)
{
    if (flock(fd, LOCK_SH | LOCK_NB) < 0)
        return errno == EWOULDBLOCK;
    (void)flock(fd, LOCK_UN);
    return false;
}

/* Does something that stands behind line n of the file vouch for a line with this hash there? */
static bool
vouched(struct chain *c, const uint8_t hash[WRIT_HASH_BYTES])
{
    struct writ_span next;
    struct writ_line l;
    const char *why;

    if (writ_lines_peek(&c->lines, &next) == WRIT_OK && writ_line_parse(next, &l, &why) == WRIT_OK)
        return memcmp(l.prev, hash, WRIT_HASH_BYTES) == 0;
    if (c->anchor != c->anchor_end && c->anchor->records == c->lines.number)
        return memcmp(c->anchor->head, hash, WRIT_HASH_BYTES) == 0;
    return true;
}

static void
check_link(struct chain *c, const struct writ_line *l, const uint8_t hash[WRIT_HASH_BYTES])
{
    uint64_t n = c->lines.number;

    if (memcmp(l->prev, c->head, WRIT_HASH_BYTES) == 0)
        return;
    if (n == 1) {
        bad(c->r, 1, "the first record must not follow another one");
    } else if (vouched(c, hash)) {
        bad(c->r, n - 1, "the record has another hash than the one that record %llu carries",
            (unsigned long long)n);
    } else {
        bad(c->r, n, "the record does not carry the hash of record %llu",
            (unsigned long long)(n - 1));
    }
}

static void
check_anchors(struct chain *c, const uint8_t hash[WRIT_HASH_BYTES])
{
    while (c->anchor != c->anchor_end && c->anchor->records <= c->lines.number) {
        if (c->anchor->records == c->lines.number &&
            memcmp(c->anchor->head, hash, WRIT_HASH_BYTES) != 0) {
            bad(c->r, c->lines.number, "main.jsonl:%llu has another hash for this record",
                (unsigned long long)c->anchor->line);
        }
        c->anchor++;
    }
}

/* False if the line cannot be read at all. */
static bool
check_line(struct chain *c, struct writ_span line, struct writ_line *l)
{
    uint8_t hash[WRIT_HASH_BYTES];
    uint64_t n = c->lines.number;
    const char *why;

    writ_hash(line, hash);
    if (writ_line_parse(line, l, &why) != WRIT_OK) {
        bad(c->r, n, "expected %s", why);
        return false;
    }
    if (l->seq != n) {
        bad(c->r, n, "expected record %llu, found record %llu", (unsigned long long)n,
            (unsigned long long)l->seq);
    }
    if (c->r->task[0] != '\0' && strcmp(l->task, c->r->task) != 0)
        bad(c->r, n, "the record belongs to task %s", l->task);
    if (c->last == WRIT_KIND_TASK_SEALED && c->r->task[0] != '\0')
        bad(c->r, n, "a record behind the seal");
    check_link(c, l, hash);
    check_anchors(c, hash);
    memcpy(c->head, hash, sizeof(hash));
    c->last = l->kind;
    c->r->records = n;
    c->r->torn += l->kind == WRIT_KIND_LEDGER_TORN ? 1 : 0;
    return true;
}

typedef enum writ_err each_fn(void *arg, uint64_t number, const struct writ_line *l);

/* Runs through the file: to its first bad line, or with each through every line that reads. */
static enum writ_err
run_chain(struct chain *c, each_fn *each, void *arg)
{
    static struct writ_line l;

    while (each != NULL || c->r->verdict != WRIT_VERDICT_BAD) {
        struct writ_span line;
        enum writ_err e = writ_lines_next(&c->lines, &line);

        if (e == WRIT_E_LIMIT) {
            bad(c->r, c->lines.number + 1, "expected a line of less than %d bytes",
                WRIT_LEDGER_LINE_MAX);
        }
        if (e == WRIT_E_CLOSED && c->r->verdict != WRIT_VERDICT_RUNNING)
            bad(c->r, c->lines.number + 1, "the file ends in the middle of a record");
        if (e == WRIT_E_AGAIN || e == WRIT_E_CLOSED || e == WRIT_E_LIMIT)
            return WRIT_OK;
        if (e == WRIT_OK && check_line(c, line, &l) && each != NULL)
            e = each(arg, c->lines.number, &l);
        if (e != WRIT_OK)
            return e;
    }
    return WRIT_OK;
}

/* --- the main log ----------------------------------------------------------------------------- */

struct main_run {
    struct verify *v;
    struct writ_verify_result *r;
};

static enum writ_err
take_anchor(void *arg, uint64_t number, const struct writ_line *l)
{
    struct main_run *run = arg;
    struct anchor a = {.kind = l->kind, .line = number};

    if (l->kind == WRIT_KIND_LEDGER_TORN)
        return WRIT_OK;
    if ((l->kind != WRIT_KIND_TASK_START && l->kind != WRIT_KIND_TASK_ANCHOR &&
         l->kind != WRIT_KIND_TASK_SEALED) ||
        l->from != WRIT_ROLE_LEDGER || !writ_line_u64(l, WRIT_FIELD_RECORDS, &a.records) ||
        a.records == 0 || !writ_line_hash(l, WRIT_FIELD_HEAD, a.head)) {
        bad(run->r, number, "expected an anchor");
        return WRIT_OK;
    }
    memcpy(a.task, l->task, sizeof(a.task));
    writ_buf_put(&run->v->anchors, writ_span(&a, sizeof(a)));
    return run->v->anchors.failed ? WRIT_E_NOMEM : WRIT_OK;
}

static int
by_task(const void *a, const void *b)
{
    const struct anchor *x = a;
    const struct anchor *y = b;
    int order = strcmp(x->task, y->task);

    if (order != 0)
        return order;
    if (x->records != y->records)
        return x->records < y->records ? -1 : 1;
    return x->line < y->line ? -1 : 1;
}

static enum writ_err
verify_main(struct verify *v)
{
    struct writ_verify_result r = {.file = "main.jsonl", .verdict = WRIT_VERDICT_OK};
    struct chain c = {.r = &r};
    struct main_run run = {v, &r};
    enum writ_err e;

    if (v->store->main < 0) {
        bad(&r, 0, "the file is missing");
        v->fn(v->arg, &r);
        return WRIT_OK;
    }
    /* not while somebody is in the middle of an append */
    e = writ_store_lock(v->store->main, LOCK_SH, LOCK_WAIT_MS);
    if (e != WRIT_OK)
        return e;
    e = writ_lines_init(&c.lines, v->store->main);
    (void)flock(v->store->main, LOCK_UN);
    if (e != WRIT_OK)
        return e;
    e = run_chain(&c, take_anchor, &run);
    writ_lines_done(&c.lines);
    if (e != WRIT_OK)
        return e;
    sort(&v->anchors, sizeof(struct anchor), by_task);
    v->fn(v->arg, &r);
    return WRIT_OK;
}

/* --- a task's log ----------------------------------------------------------------------------- */

static bool
knows_seal(const struct anchor *a, const struct anchor *end)
{
    for (; a != end; a++) {
        if (a->kind == WRIT_KIND_TASK_SEALED)
            return true;
    }
    return false;
}

/* What the end of the file must agree with. */
static void
check_end(struct chain *c, bool sealed_in_main)
{
    struct writ_verify_result *r = c->r;
    bool sealed = c->last == WRIT_KIND_TASK_SEALED;

    if (c->anchor != c->anchor_end) {
        bad(r, r->records + 1, "main.jsonl:%llu knows %llu records, the file ends after %llu",
            (unsigned long long)c->anchor->line, (unsigned long long)c->anchor->records,
            (unsigned long long)r->records);
    }
    if (sealed_in_main && !sealed)
        bad(r, r->records, "the main log knows a seal, the last record is none");
    if (r->verdict == WRIT_VERDICT_RUNNING) {
        if (sealed)
            r->verdict = WRIT_VERDICT_OK; /* it came to its end while we read */
        return;
    }
    if (sealed && !sealed_in_main)
        bad(r, r->records, "the seal is not in the main log");
    if (!sealed)
        bad(r, r->records, "there is no seal, and nobody writes this log");
}

static enum writ_err
verify_file(int fd, struct writ_verify_result *r, const struct anchor *a, const struct anchor *end)
{
    struct chain c = {.r = r, .anchor = a, .anchor_end = end};
    bool sealed_in_main = knows_seal(a, end);
    enum writ_err e = writ_lines_init(&c.lines, fd);

    if (e == WRIT_OK)
        e = run_chain(&c, NULL, NULL);
    writ_lines_done(&c.lines);
    if (e != WRIT_OK)
        return e;
    if (a == end && (r->verdict != WRIT_VERDICT_RUNNING || r->records > 1))
        bad(r, 0, "the main log does not know this task");
    if (r->verdict != WRIT_VERDICT_BAD)
        check_end(&c, sealed_in_main);
    return WRIT_OK;
}

static enum writ_err
verify_task(struct verify *v, const char *task, bool running, const struct anchor *a,
            const struct anchor *end)
{
    struct writ_verify_result r = {.verdict = running ? WRIT_VERDICT_RUNNING : WRIT_VERDICT_OK};
    char name[WRIT_LOG_NAME];
    WRIT_FD_AUTO int fd = -1;
    enum writ_err e = WRIT_OK;

    if (v->only != NULL && strcmp(v->only, task) != 0)
        return WRIT_OK;
    v->only_seen = true;
    writ_log_name(task, name);
    (void)snprintf(r.file, sizeof(r.file), "tasks/%s", name);
    memcpy(r.task, task, WRIT_TASK_ID_BYTES);
    fd = openat(v->store->tasks, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 && errno == ENOENT) {
        bad(&r, 0, "the file is missing; main.jsonl:%llu knows it",
            (unsigned long long)(a == end ? 0 : a->line));
    } else if (fd < 0) {
        bad(&r, 0, "cannot be read: %s", strerror(errno));
    } else {
        e = verify_file(fd, &r, a, end);
    }
    if (e == WRIT_OK)
        v->fn(v->arg, &r);
    return e;
}

/* The anchors of one task: from a up to what is returned. */
static const struct anchor *
behind(const struct anchor *a, const struct anchor *end, const char *task)
{
    while (a != end && strcmp(a->task, task) == 0)
        a++;
    return a;
}

/* Every task that is known by a file or by an anchor, in the order of their ids. */
static enum writ_err
verify_tasks(struct verify *v)
{
    const struct found *f = (const void *)(v->found.mem + v->found.start);
    const struct found *f_end = f + writ_buf_len(&v->found) / sizeof(*f);
    const struct anchor *a = (const void *)(v->anchors.mem + v->anchors.start);
    const struct anchor *a_end = a + writ_buf_len(&v->anchors) / sizeof(*a);
    enum writ_err e = WRIT_OK;

    while (e == WRIT_OK && (f != f_end || a != a_end)) {
        bool by_file = a == a_end || (f != f_end && strcmp(f->task, a->task) <= 0);
        const char *task = by_file ? f->task : a->task;
        const struct anchor *next = behind(a, a_end, task);

        /* no file when we looked, and one now: the task began in between */
        e = verify_task(v, task, !by_file || f->running, a, next);
        a = next;
        f += by_file ? 1 : 0;
    }
    if (e == WRIT_OK && v->only != NULL && !v->only_seen)
        return WRIT_E_STATE;
    return e;
}

static int
by_name(const void *a, const void *b)
{
    const struct found *x = a;
    const struct found *y = b;

    return strcmp(x->task, y->task);
}

static void
take_name(struct verify *v, const char *name)
{
    struct writ_verify_result r = {.verdict = WRIT_VERDICT_OK};
    struct found f = {0};
    WRIT_FD_AUTO int fd = -1;
    size_t n = strlen(name);

    if (n < sizeof("jsonl") || strcmp(name + n - sizeof("jsonl"), ".jsonl") != 0)
        return; /* not one of ours, and not taken for one by anybody */
    if (n != WRIT_LOG_NAME - 1 || !writ_id_valid(writ_span(name, WRIT_TASK_ID_BYTES))) {
        (void)snprintf(r.file, sizeof(r.file), "tasks/%.*s", WRIT_LOG_NAME - 1, name);
        bad(&r, 0, "the name is not a task's");
        if (v->only == NULL)
            v->fn(v->arg, &r);
        return;
    }
    memcpy(f.task, name, WRIT_TASK_ID_BYTES);
    fd = openat(v->store->tasks, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    f.running = fd >= 0 && writ_log_is_written(fd);
    writ_buf_put(&v->found, writ_span(&f, sizeof(f)));
}

static enum writ_err
list_tasks(struct verify *v)
{
    int fd = openat(v->store->tasks, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *entry;

    if (d == NULL) {
        writ_fd_close(&fd);
        return WRIT_E_SYS;
    }
    while ((entry = readdir(d)) != NULL)
        take_name(v, entry->d_name);
    (void)closedir(d);
    sort(&v->found, sizeof(struct found), by_name);
    return v->found.failed ? WRIT_E_NOMEM : WRIT_OK;
}

enum writ_err
writ_verify(const struct writ_store *s, const char *only, writ_verify_fn *fn, void *arg)
{
    struct verify v = {.store = s, .only = only, .fn = fn, .arg = arg};
    enum writ_err e;

    writ_buf_init(&v.anchors, LIST_BYTES_MAX);
    writ_buf_init(&v.found, LIST_BYTES_MAX);
    /* in this order: what is sealed when we look is sealed in the main log we then read */
    e = list_tasks(&v);
    if (e == WRIT_OK)
        e = verify_main(&v);
    if (e == WRIT_OK)
        e = verify_tasks(&v);
    writ_buf_done(&v.anchors);
    writ_buf_done(&v.found);
    return e;
}
