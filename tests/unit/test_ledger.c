/* Lines, chain, torn tails and the verifier, on real files below /tmp. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/text.h"
#include "ledger/flood.h"
#include "ledger/json.h"
#include "ledger/line.h"
#include "ledger/lines.h"
#include "ledger/show.h"
#include "ledger/verify.h"

#include "../integration/ledger_story.h"
#include "test.h"

static char root[] = "/tmp/writ-test-XXXXXX";
static char state[128];

static void
fresh(void)
{
    static unsigned n;

    (void)snprintf(state, sizeof(state), "%s/%u", root, n++);
}

static void
log_path(char ret[256], bool main_log)
{
    if (main_log)
        (void)snprintf(ret, 256, "%s/ledger/main.jsonl", state);
    else
        (void)snprintf(ret, 256, "%s/ledger/tasks/%s.jsonl", state, story_task);
}

static void
load(const char *path, struct writ_buf *ret)
{
    writ_buf_reset(ret);
    if (writ_read_file(AT_FDCWD, path, 1 << 24, ret) != WRIT_OK)
        CHECK(false);
}

static void
save(const char *path, struct writ_span s)
{
    /* not O_TRUNC: ext4 would write such a file out when it is closed */
    WRIT_FD_AUTO int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    if (fd < 0 || writ_write_full(fd, s) != WRIT_OK || ftruncate(fd, (off_t)s.len) < 0)
        CHECK(false);
}

struct tally {
    unsigned ok;
    unsigned running;
    unsigned bad;
    uint64_t torn;
    struct writ_verify_result first;
};

static void
count(void *arg, const struct writ_verify_result *r)
{
    struct tally *t = arg;

    t->ok += r->verdict == WRIT_VERDICT_OK ? 1 : 0;
    t->running += r->verdict == WRIT_VERDICT_RUNNING ? 1 : 0;
    t->torn += r->torn;
    if (r->verdict == WRIT_VERDICT_BAD && t->bad++ == 0)
        t->first = *r;
}

static struct tally
verify(void)
{
    struct tally t = {0};
    struct writ_diag diag = {0};
    struct writ_store s;

    if (!CHECK(writ_store_read(state, &s, &diag) == WRIT_OK))
        return t;
    CHECK(writ_verify(&s, NULL, count, &t) == WRIT_OK);
    writ_store_done(&s);
    return t;
}

static void
test_json(void)
{
    static const char hostile[] =
        "\x1b]0;x\x07\n{\"v\":1}\",\"kind\":\"task.sealed\"\\\xff\xc2\x9b";
    const uint8_t prev[WRIT_HASH_BYTES] = {0xab};
    const struct writ_json_line line = {7, story_task, WRIT_ROLE_GATEWAY, prev};
    static struct writ_line l;
    uint8_t mem[1024];
    struct writ_record r;
    struct writ_span bytes = writ_span(NULL, 0);
    struct writ_span text;
    struct writ_buf out;
    const char *why;

    writ_buf_init(&out, WRIT_LEDGER_LINE_MAX);
    writ_record_begin(&r, mem, sizeof(mem), WRIT_KIND_REQUEST_DECISION, story_begin_us);
    writ_record_text(&r, WRIT_FIELD_PATH, writ_span(hostile, sizeof(hostile) - 1));
    writ_record_item(&r, WRIT_FIELD_POLICIES, writ_span_str("a\",\"b"));
    writ_record_bool(&r, WRIT_FIELD_REUSED, false);
    writ_record_bytes(&r, WRIT_FIELD_DIGEST, writ_span("\x01\xfe", 2));
    writ_record_i64(&r, WRIT_FIELD_DEADLINE, story_begin_us);
    writ_record_text(
        &r, WRIT_FIELD_SERVICE,
        writ_span("0123456789012345678901234567890123456789012345678901234567890123x", 65));
    CHECK(writ_record_end(&r, &bytes) == WRIT_OK);
    CHECK(writ_ledger_json(bytes, &line, &out) == WRIT_OK);
    text = writ_buf_span(&out);
    CHECK(memchr(text.ptr, '\n', text.len) == text.ptr + text.len - 1);
    CHECK(memchr(text.ptr, 0x1b, text.len) == NULL);
    CHECK(writ_span_is(
        text,
        "{\"v\":1,\"seq\":7,\"time\":\"2026-11-22T10:12:12.000000Z\",\"task\":"
        "\"01M7Z9GD7080HAVE0STRY00000\",\"kind\":\"request.decision\",\"from\":\"gateway\","
        "\"path\":\"\\u001b]0;x\\u0007\\n{\\\"v\\\":1}\\\",\\\"kind\\\":\\\"task.sealed\\\"\\\\"
        "\xef\xbf\xbd\\u009b\",\"policies\":[\"a\\\",\\\"b\"],\"reused\":false,\"digest\":\"01fe\","
        "\"deadline\":\"2026-11-22T10:12:12.000000Z\",\"service\":"
        "\"0123456789012345678901234567890123456789012345678901234567890123\",\"cut\":[\"service\"]"
        ",\"prev\":\"ab00000000000000000000000000000000000000000000000000000000000000\"}\n"));
    text.len--;
    CHECK(writ_line_parse(text, &l, &why) == WRIT_OK && l.seq == 7 && l.count == 6);
    CHECK(writ_line_cut(&l, WRIT_FIELD_SERVICE) && !writ_line_cut(&l, WRIT_FIELD_PATH));
    CHECK(l.kind == WRIT_KIND_REQUEST_DECISION && l.from == WRIT_ROLE_GATEWAY);
    /* no prefix of a line is a line, and a malformed record leaves nothing behind */
    for (size_t n = 0; n < text.len; n++) {
        if (writ_line_parse(writ_span(text.ptr, n), &l, &why) != WRIT_E_FORMAT)
            CHECK(false);
    }
    for (size_t n = 0; n < bytes.len; n++) {
        size_t before = writ_buf_len(&out);

        if (writ_ledger_json(writ_span(bytes.ptr, n), &line, &out) == WRIT_OK)
            writ_buf_reset(&out); /* a cut between two fields is a shorter record */
        else if (writ_buf_len(&out) != before)
            CHECK(false);
    }
    writ_buf_done(&out);
}

/* The largest line that any record gives fits. */
static void
test_largest(void)
{
    static uint8_t mem[WRIT_RECORD_BYTES_MAX];
    static uint8_t controls[8192];
    const uint8_t prev[WRIT_HASH_BYTES] = {0};
    const struct writ_json_line line = {UINT64_MAX, story_task, WRIT_ROLE_LAUNCHER, prev};
    struct writ_record r;
    struct writ_span bytes = writ_span(NULL, 0);
    struct writ_buf out;

    memset(controls, 1, sizeof(controls));
    writ_buf_init(&out, WRIT_LEDGER_LINE_MAX);
    writ_record_begin(&r, mem, sizeof(mem), WRIT_KIND_PROGRAM_START, 0);
    for (unsigned f = 1; f < WRIT_FIELDS; f++) {
        const struct writ_field_rule *rule = writ_field_rule(f);
        size_t left = sizeof(mem) - r.len;

        if (left < rule->max + 8)
            continue;
        if (rule->type == WRIT_TYPE_TEXT)
            writ_record_text(&r, (enum writ_field)f, writ_span(controls, sizeof(controls)));
        if (rule->type == WRIT_TYPE_LIST)
            writ_record_item(&r, (enum writ_field)f, writ_span(controls, sizeof(controls)));
        if (rule->type == WRIT_TYPE_U64)
            writ_record_u64(&r, (enum writ_field)f, UINT64_MAX);
    }
    CHECK(writ_record_end(&r, &bytes) == WRIT_OK && bytes.len > 12000);
    CHECK(writ_ledger_json(bytes, &line, &out) == WRIT_OK && !out.failed);
    CHECK(writ_buf_len(&out) > 6 * 12000 && writ_buf_len(&out) < WRIT_LEDGER_LINE_MAX);
    writ_buf_done(&out);
}

static void
test_story(void)
{
    static struct story s;
    struct tally t;

    fresh();
    story_tell(&s, state);
    t = verify();
    CHECK(t.ok == 1 && t.running == 1 && t.bad == 0);
    story_seal(&s);
    story_done(&s);
    t = verify();
    CHECK(t.ok == 2 && t.running == 0 && t.bad == 0);
}

/* --- a torn tail ------------------------------------------------------------------------------ */

static void
test_torn(void)
{
    static struct story s;
    struct writ_buf whole;
    struct writ_buf now;
    char path[256];
    size_t first;
    size_t len;

    fresh();
    story_tell(&s, state);
    story_done(&s); /* as if killed: no seal */
    log_path(path, false);
    writ_buf_init(&whole, 1 << 24);
    writ_buf_init(&now, 1 << 24);
    load(path, &whole);
    len = writ_buf_len(&whole);
    first = (size_t)((const uint8_t *)memrchr(whole.mem, '\n', len - 1) - whole.mem) + 1;
    for (size_t n = first; n <= len; n++) {
        struct writ_diag diag = {0};
        struct writ_tail tail;
        struct writ_log l;
        bool torn = n != first && n != len;
        enum writ_err e;

        save(path, writ_span(whole.mem, n));
        writ_log_init(&l);
        if (writ_store_make(state, &s.store, &diag) != WRIT_OK)
            CHECK(false);
        e = writ_log_resume(s.store.tasks, story_task, &l);
        if (e == WRIT_OK)
            e = writ_log_flush(&l);
        if (e != WRIT_OK || writ_tail_read(l.fd, l.size, &tail) != WRIT_OK || tail.torn != 0 ||
            (tail.kind == WRIT_KIND_LEDGER_TORN) != torn ||
            tail.seq != (n == len ? 45
                         : torn   ? 45
                                  : 44))
            CHECK_ROW(false, "torn");
        load(path, &now);
        if (writ_buf_len(&now) < first || memcmp(now.mem, whole.mem, first) != 0)
            CHECK_ROW(false, "what stood before the torn line is untouched");
        writ_log_done(&l);
        writ_store_done(&s.store);
    }
    /* a last whole line that is no record is corruption, which nobody repairs */
    save(path, writ_span(whole.mem, len));
    {
        WRIT_FD_AUTO int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
        struct writ_diag diag = {0};
        struct writ_log l;

        CHECK(write(fd, "{}\n", 3) == 3);
        writ_log_init(&l);
        CHECK(writ_store_make(state, &s.store, &diag) == WRIT_OK);
        CHECK(writ_log_resume(s.store.tasks, story_task, &l) == WRIT_E_FORMAT);
        writ_log_done(&l);
        writ_store_done(&s.store);
        load(path, &now);
        CHECK(writ_buf_len(&now) == len + 3);
    }
    writ_buf_done(&whole);
    writ_buf_done(&now);
}

static void
test_recover(void)
{
    static struct story s;
    struct writ_diag diag = {0};
    struct writ_buf b;
    char path[256];
    struct tally t;

    fresh();
    story_tell(&s, state);
    CHECK(writ_store_mark(&s.store, story_task) == WRIT_OK);
    CHECK(writ_store_recover(&s.store, 10) == 0); /* its writer lives */
    story_done(&s);
    t = verify();
    CHECK(t.bad == 1 && strstr(t.first.text, "no seal") != NULL);
    /* torn in both logs */
    writ_buf_init(&b, 1 << 24);
    log_path(path, false);
    load(path, &b);
    save(path, writ_span(b.mem, writ_buf_len(&b) - 5));
    log_path(path, true);
    load(path, &b);
    writ_buf_put_str(&b, "{\"v\":1,\"seq\":3,\"ti");
    save(path, writ_buf_span(&b));
    CHECK(writ_store_make(state, &s.store, &diag) == WRIT_OK);
    CHECK(writ_store_recover(&s.store, 10) == 1);
    CHECK(writ_store_recover(&s.store, 10) == 0);
    writ_store_done(&s.store);
    t = verify();
    CHECK(t.ok == 2 && t.bad == 0 && t.torn == 2);
    writ_buf_done(&b);
}

/* --- every mutation is found ------------------------------------------------------------------ */

struct lines {
    struct writ_span at[128];
    unsigned count;
};

static struct lines
split(const struct writ_buf *b)
{
    struct writ_span rest = writ_buf_span(b);
    struct lines l = {.count = 0};

    while (rest.len != 0 && l.count < WRIT_COUNT(l.at)) {
        const uint8_t *nl = memchr(rest.ptr, '\n', rest.len);
        size_t n = nl == NULL ? rest.len : (size_t)(nl - rest.ptr) + 1;

        l.at[l.count++] = writ_span(rest.ptr, n);
        rest = writ_span_from(rest, n);
    }
    return l;
}

/* True if the verifier finds this content bad, in this file, at line want (0: any). */
static bool
found(const char *path, struct writ_span content, uint64_t want)
{
    struct tally t;
    bool main_log = strstr(path, "main.jsonl") != NULL;

    save(path, content);
    t = verify();
    if (t.bad == 0)
        return false;
    if (want != 0 && (t.first.line != want || (t.first.task[0] == '\0') != main_log)) {
        (void)fprintf(stderr, "wanted line %llu: %s:%llu: %s\n", (unsigned long long)want,
                      t.first.file, (unsigned long long)t.first.line, t.first.text);
        return false;
    }
    return true;
}

static void
put_lines(struct writ_buf *b, const struct lines *l, unsigned from, unsigned to)
{
    for (unsigned i = from; i < to; i++)
        writ_buf_put(b, l->at[i]);
}

/* Line operations on line i; the file named is the one that is changed. */
static void
mutate_line(const char *path, const struct lines *l, unsigned i)
{
    struct writ_buf b;

    writ_buf_init(&b, 1 << 24);
    put_lines(&b, l, 0, i);
    put_lines(&b, l, i + 1, l->count);
    CHECK_ROW(found(path, writ_buf_span(&b), i + 1 == l->count ? 0 : i + 1), "deleted");
    writ_buf_reset(&b);
    put_lines(&b, l, 0, i + 1);
    put_lines(&b, l, i, l->count);
    CHECK_ROW(found(path, writ_buf_span(&b), i + 2), "doubled");
    writ_buf_reset(&b);
    put_lines(&b, l, 0, i);
    if (i + 1 < l->count) {
        put_lines(&b, l, i + 1, i + 2);
        put_lines(&b, l, i, i + 1);
        put_lines(&b, l, i + 2, l->count);
        CHECK_ROW(found(path, writ_buf_span(&b), i + 1), "swapped");
    }
    writ_buf_reset(&b);
    put_lines(&b, l, 0, i);
    if (i > 0 || strstr(path, "main.jsonl") == NULL)
        CHECK_ROW(found(path, writ_buf_span(&b), 0), "cut before the line");
    writ_buf_put(&b, writ_span(l->at[i].ptr, l->at[i].len / 2));
    CHECK_ROW(found(path, writ_buf_span(&b), i + 1), "cut within the line");
    writ_buf_done(&b);
}

/* Nothing stands behind the newest line of the main log, so that nothing vouches for its time. */
static bool
nobody_knows(const char *path, const struct lines *l, unsigned i, size_t k)
{
    const uint8_t *time = memmem(l->at[i].ptr, l->at[i].len, "\"time\":\"", 8);
    size_t at = time == NULL ? 0 : (size_t)(time - l->at[i].ptr) + 8;

    return strstr(path, "main.jsonl") != NULL && i + 1 == l->count && k >= at && k < at + 27;
}

/* Changes single bytes of line i, each class of byte: digits, letters, quotes, braces, newline. */
static void
mutate_bytes(const char *path, struct writ_buf *whole, const struct lines *l, unsigned i)
{
    static const uint8_t other[] = {'0', 'b', '"', '\n', ' '};
    size_t begin = (size_t)(l->at[i].ptr - whole->mem);
    bool last_of_main = strstr(path, "main.jsonl") != NULL && i + 1 == l->count;

    for (size_t k = i; k < l->at[i].len; k += 1 + (l->at[i].len / 24)) {
        uint8_t *c = &whole->mem[begin + k];
        uint8_t was = *c;

        for (size_t m = 0; !nobody_knows(path, l, i, k) && m < sizeof(other); m++) {
            /* a newline that is gone joins two lines; where the newest anchor and a task's log
             * differ, either could be the one that was changed */
            uint64_t want = was == '\n' || last_of_main ? 0 : i + 1;

            *c = other[m] == was ? (uint8_t)(was ^ 1) : other[m];
            if (!found(path, writ_buf_span(whole), want))
                CHECK_ROW(false, "edited");
        }
        *c = was;
    }
}

static void
test_mutations(bool main_log)
{
    static struct story s;
    struct writ_buf whole;
    char path[256];
    struct lines l;

    fresh();
    story_tell(&s, state);
    story_seal(&s);
    story_done(&s);
    log_path(path, main_log);
    writ_buf_init(&whole, 1 << 24);
    load(path, &whole);
    l = split(&whole);
    CHECK(l.count == (main_log ? 3 : 46));
    for (unsigned i = 0; i < l.count; i++) {
        mutate_line(path, &l, i);
        mutate_bytes(path, &whole, &l, i);
    }
    CHECK(!found(path, writ_buf_span(&whole), 0)); /* unchanged, it is intact again */
    CHECK(unlink(path) == 0);
    CHECK(verify().bad != 0);
    save(path, writ_buf_span(&whole));
    (void)snprintf(path, sizeof(path), "%s/ledger/tasks/01M7Z9GD7080HAVE0STRY00001.jsonl", state);
    save(path, writ_buf_span(&whole)); /* one that nobody anchored */
    CHECK(verify().bad == 1);
    writ_buf_done(&whole);
}

/* A chain that somebody computed anew agrees with itself, but not with the main log. */
static void
test_rewritten(void)
{
    static struct story s;
    static struct story forged;
    struct writ_buf b;
    char path[256];

    fresh();
    story_tell(&s, state);
    story_seal(&s);
    story_done(&s);
    (void)snprintf(path, sizeof(path), "%s", state);
    fresh();
    story_tell(&forged, state);
    story_name(&forged, 5000000, "innocent.example", "A", "allow");
    story_seal(&forged);
    story_done(&forged);
    CHECK(verify().bad == 0);
    writ_buf_init(&b, 1 << 24);
    {
        char from[256];

        log_path(from, false);
        load(from, &b);
    }
    (void)snprintf(state, sizeof(state), "%.120s", path);
    log_path(path, false);
    CHECK(found(path, writ_buf_span(&b), 46));
    writ_buf_done(&b);
}

/* --- the main log is shared ------------------------------------------------------------------- */

static void
append_anchors(const char *task, unsigned n)
{
    struct writ_diag diag = {0};
    const uint8_t head[WRIT_HASH_BYTES] = {1};
    struct writ_store s;
    uint8_t mem[256];

    if (writ_store_make(state, &s, &diag) != WRIT_OK)
        _exit(1);
    for (unsigned i = 1; i <= n; i++) {
        struct writ_record r;
        struct writ_span bytes;

        writ_record_begin(&r, mem, sizeof(mem), WRIT_KIND_TASK_ANCHOR, writ_clock_wall_us());
        writ_record_u64(&r, WRIT_FIELD_RECORDS, i);
        writ_record_bytes(&r, WRIT_FIELD_HEAD, writ_span(head, sizeof(head)));
        if (writ_record_end(&r, &bytes) != WRIT_OK ||
            writ_store_anchor(&s, task, bytes, 5000) != WRIT_OK)
            _exit(1);
    }
    _exit(0);
}

static void
take_main(void *arg, const struct writ_verify_result *r)
{
    struct tally *t = arg;

    if (r->task[0] == '\0')
        t->first = *r;
}

static void
test_shared(void)
{
    static const char *const tasks[] = {"01M7Z9GD7080HAVE0STRY0000A", "01M7Z9GD7080HAVE0STRY0000B"};
    struct writ_diag diag = {0};
    struct tally t = {0};
    struct writ_store s;

    fresh();
    CHECK(writ_store_make(state, &s, &diag) == WRIT_OK);
    for (unsigned i = 0; i < 2; i++) {
        if (fork() == 0)
            append_anchors(tasks[i], 500);
    }
    for (unsigned i = 0; i < 2; i++) {
        int status = 1;

        CHECK(wait(&status) > 0 && status == 0);
    }
    CHECK(writ_verify(&s, NULL, take_main, &t) == WRIT_OK);
    CHECK(t.first.verdict == WRIT_VERDICT_OK && t.first.records == 1000);
    /* locked by somebody who does not move on: an error, not a hang */
    if (fork() == 0) {
        int fd = openat(s.dir, "main.jsonl", O_RDWR | O_CLOEXEC);

        (void)flock(fd, LOCK_EX);
        (void)usleep(300000);
        _exit(0);
    }
    (void)usleep(50000);
    CHECK(writ_store_lock(s.main, LOCK_EX, 20) == WRIT_E_AGAIN);
    (void)wait(NULL);
    CHECK(writ_store_lock(s.main, LOCK_EX, 20) == WRIT_OK);
    writ_store_done(&s);
}

static void
test_flood(void)
{
    static struct writ_flood_state f;
    uint8_t mem[256];
    uint8_t out[256];
    struct writ_record r;
    struct writ_span bytes = writ_span(NULL, 0);
    struct writ_record_head head;
    struct writ_record_view view;
    struct writ_record_value v;
    unsigned held = 0;
    static const char *const decisions[] = {"deny", "allow"};

    for (unsigned d = 0; d < 2; d++) {
        writ_record_begin(&r, mem, sizeof(mem), WRIT_KIND_REQUEST_DECISION, 0);
        writ_record_str(&r, WRIT_FIELD_DECISION, decisions[d]);
        CHECK(writ_record_end(&r, &bytes) == WRIT_OK);
        for (unsigned i = 0; i < WRIT_FLOOD_PER_SECOND + 123; i++)
            held += writ_flood_hold(&f, bytes, 5000000 + i) ? 1 : 0;
        CHECK(held == 123); /* what was allowed is never summarised */
    }
    CHECK(!writ_flood_due(&f, 5500000, false) && writ_flood_due(&f, 6000000, false));
    CHECK(writ_flood_due(&f, 5500000, true));
    CHECK(writ_flood_take(&f, 1, out, sizeof(out), &bytes));
    CHECK(writ_record_open(bytes, &head, &view) == WRIT_OK);
    CHECK(head.kind == WRIT_KIND_FLOOD_SUMMARY);
    CHECK(writ_record_next(&view, &v) == WRIT_OK && writ_span_is(v.text, "request.decision"));
    CHECK(writ_record_next(&view, &v) == WRIT_OK && v.number == 123);
    CHECK(!writ_flood_take(&f, 1, out, sizeof(out), &bytes));
    CHECK(!writ_flood_due(&f, 99000000, true));
    writ_record_begin(&r, mem, sizeof(mem), WRIT_KIND_CONNECTION_ATTEMPT, 0);
    CHECK(writ_record_end(&r, &bytes) == WRIT_OK);
    CHECK(!writ_flood_hold(&f, bytes, 7000000)); /* a new second */
}

static void
test_show(void)
{
    static struct story s;
    const struct writ_show_style style = {.utf8 = true, .width = 100};
    const struct writ_show_style ascii = {.width = 100};
    struct writ_diag diag = {0};
    struct writ_store store;
    char text[16384] = {0};
    FILE *out;

    fresh();
    story_tell(&s, state);
    story_seal(&s);
    story_done(&s);
    CHECK(writ_store_read(state, &store, &diag) == WRIT_OK);
    for (unsigned i = 0; i < 2; i++) {
        memset(text, 0, sizeof(text));
        out = fmemopen(text, sizeof(text) - 1, "w");
        if (!CHECK(out != NULL))
            return;
        CHECK(writ_show(&store, story_task, i == 0 ? &style : &ascii, out) == WRIT_OK);
        (void)fclose(out);
        for (const char *c = text; *c != '\0'; c++) {
            if (((uint8_t)*c < 0x20 && *c != '\n') || (i == 1 && (uint8_t)*c > 0x7e))
                CHECK_ROW(false, "nothing but text reaches the terminal");
        }
        CHECK(strstr(text, "chain intact, sealed") != NULL);
        CHECK(strstr(text, "alice, uid 1000") != NULL);
        CHECK(strstr(text, i == 0 ? "✓ GET      tracker /v2/issues" : "+ GET      tracker /v2/i") !=
              NULL);
        CHECK(strstr(text, "200  1.2 kB  12 ms  policy.cedar:3  tracker-token#1a2b") != NULL);
        CHECK(strstr(text, i == 0 ? "×12" : "x12") != NULL);
        CHECK(strstr(text, "\\u001b[31m\\n\"quote\"") != NULL);
        CHECK(strstr(text, "nobody serves this port") != NULL);
    }
    CHECK(writ_show(&store, "01M7Z9GD7080HAVE0STRY00001", &style, stdout) == WRIT_E_STATE);
    writ_store_done(&store);
}

int
main(void)
{
    char command[128];

    if (mkdtemp(root) == NULL)
        return 2;
    test_json();
    test_largest();
    test_story();
    test_torn();
    test_recover();
    test_mutations(false);
    test_mutations(true);
    test_rewritten();
    test_shared();
    test_flood();
    test_show();
    (void)snprintf(command, sizeof(command), "rm -rf %s", root);
    if (system(command) != 0) // NOLINT(cert-env33-c)
        return 2;
    return test_end();
}
