#include "ledger/record.h"

#include <stdlib.h>

#include "test.h"

static uint8_t mem[WRIT_RECORD_BYTES_MAX];

static struct writ_span
sample(void)
{
    struct writ_record r;
    struct writ_span s = writ_span(NULL, 0);

    writ_record_begin(&r, mem, sizeof(mem), WRIT_KIND_REQUEST_DECISION, -5);
    writ_record_str(&r, WRIT_FIELD_METHOD, "GET");
    writ_record_str(&r, WRIT_FIELD_HOST, "");
    writ_record_u64(&r, WRIT_FIELD_PORT, 443);
    writ_record_item(&r, WRIT_FIELD_POLICIES, writ_span_str("a.cedar:3"));
    writ_record_item(&r, WRIT_FIELD_POLICIES, writ_span_str(""));
    writ_record_item(&r, WRIT_FIELD_POLICIES, writ_span_str("b"));
    writ_record_bool(&r, WRIT_FIELD_REUSED, true);
    writ_record_i64(&r, WRIT_FIELD_DEADLINE, INT64_MIN);
    writ_record_bytes(&r, WRIT_FIELD_DIGEST, writ_span("\x00\xff", 2));
    CHECK(writ_record_end(&r, &s) == WRIT_OK);
    return s;
}

static void
test_round_trip(void)
{
    struct writ_span s = sample();
    struct writ_record_head head;
    struct writ_record_view view;
    struct writ_record_value v;
    struct writ_span item;

    CHECK(writ_record_open(s, &head, &view) == WRIT_OK);
    CHECK(head.kind == WRIT_KIND_REQUEST_DECISION && head.wall_us == -5);
    CHECK(writ_record_next(&view, &v) == WRIT_OK && v.field == WRIT_FIELD_METHOD);
    CHECK(writ_span_is(v.text, "GET") && !v.cut);
    /* the empty host was left out */
    CHECK(writ_record_next(&view, &v) == WRIT_OK && v.field == WRIT_FIELD_PORT && v.number == 443);
    CHECK(writ_record_next(&view, &v) == WRIT_OK && v.field == WRIT_FIELD_POLICIES);
    CHECK(writ_record_item_next(&v, &item) && writ_span_is(item, "a.cedar:3"));
    CHECK(writ_record_item_next(&v, &item) && item.len == 0);
    CHECK(writ_record_item_next(&v, &item) && writ_span_is(item, "b"));
    CHECK(!writ_record_item_next(&v, &item));
    CHECK(writ_record_next(&view, &v) == WRIT_OK && v.field == WRIT_FIELD_REUSED && v.number == 1);
    CHECK(writ_record_next(&view, &v) == WRIT_OK && (int64_t)v.number == INT64_MIN);
    CHECK(writ_record_next(&view, &v) == WRIT_OK && v.field == WRIT_FIELD_DIGEST);
    CHECK(v.text.len == 2 && v.text.ptr[1] == 0xff);
    CHECK(writ_record_next(&view, &v) == WRIT_E_AGAIN);
}

static void
test_cuts(void)
{
    static uint8_t long_text[6000];
    struct writ_record r;
    struct writ_span s = writ_span(NULL, 0);
    struct writ_record_head head;
    struct writ_record_view view;
    struct writ_record_value v;
    struct writ_span item;

    memset(long_text, 'a', sizeof(long_text));
    memcpy(long_text + 63, "\xc3\xa9", 2); /* a character across the limit of 64 */
    writ_record_begin(&r, mem, sizeof(mem), WRIT_KIND_PROGRAM_START, 0);
    writ_record_text(&r, WRIT_FIELD_SERVICE, writ_span(long_text, 65));
    writ_record_text(&r, WRIT_FIELD_USER, writ_span(long_text + 65, 64));
    writ_record_item(&r, WRIT_FIELD_ARGV, writ_span(long_text, 4000));
    writ_record_item(&r, WRIT_FIELD_ARGV, writ_span(long_text + 100, 500));
    writ_record_item(&r, WRIT_FIELD_ARGV, writ_span_str("x"));
    CHECK(writ_record_end(&r, &s) == WRIT_OK);
    CHECK(writ_record_open(s, &head, &view) == WRIT_OK);
    CHECK(writ_record_next(&view, &v) == WRIT_OK && v.cut && v.text.len == 63);
    CHECK(writ_record_next(&view, &v) == WRIT_OK && !v.cut && v.text.len == 64);
    CHECK(writ_record_next(&view, &v) == WRIT_OK && v.cut);
    CHECK(writ_record_item_next(&v, &item) && item.len == 4000);
    CHECK(writ_record_item_next(&v, &item) && item.len == 4096 - 4002 - 2);
    CHECK(!writ_record_item_next(&v, &item));

    /* continuation bytes alone are no character to spare */
    memset(long_text, 0x80, sizeof(long_text));
    writ_record_begin(&r, mem, sizeof(mem), WRIT_KIND_PROGRAM_START, 0);
    writ_record_text(&r, WRIT_FIELD_PATH, writ_span(long_text, sizeof(long_text)));
    CHECK(writ_record_end(&r, &s) == WRIT_OK && writ_record_open(s, &head, &view) == WRIT_OK);
    CHECK(writ_record_next(&view, &v) == WRIT_OK && v.cut && v.text.len == 2048);

    /* a field that does not fit at all is an error, not a silence */
    writ_record_begin(&r, mem, 40, WRIT_KIND_PROGRAM_START, 0);
    writ_record_text(&r, WRIT_FIELD_PATH, writ_span(long_text, 30));
    writ_record_u64(&r, WRIT_FIELD_PID, 1);
    CHECK(writ_record_end(&r, &s) == WRIT_E_LIMIT);
    writ_record_begin(&r, mem, 40, WRIT_KIND_PROGRAM_START, 0);
    writ_record_item(&r, WRIT_FIELD_ARGV, writ_span(long_text, 60));
    writ_record_item(&r, WRIT_FIELD_ARGV, writ_span(long_text, 1));
    CHECK(writ_record_end(&r, &s) == WRIT_OK && s.len == 40);
}

/* OK if every field is well formed. */
static enum writ_err
walk(struct writ_span s)
{
    struct writ_record_head head;
    struct writ_record_view view;
    struct writ_record_value v;
    struct writ_span item;
    enum writ_err e = writ_record_open(s, &head, &view);

    while (e == WRIT_OK) {
        e = writ_record_next(&view, &v);
        while (e == WRIT_OK && v.rule->type == WRIT_TYPE_LIST && writ_record_item_next(&v, &item))
            CHECK(item.ptr + item.len <= s.ptr + s.len);
    }
    return e == WRIT_E_AGAIN ? WRIT_OK : e;
}

static void
test_malformed(void)
{
    static const struct {
        const char *name;
        uint8_t bytes[24];
        size_t len;
        enum writ_err want;
    } rows[] = {
        {"only a head", {1, 0, 0, 1}, 12, WRIT_OK},
        {"short head", {1, 0, 0, 1}, 11, WRIT_E_FORMAT},
        {"version", {2, 0, 0, 1}, 12, WRIT_E_FORMAT},
        {"reserved byte", {1, 1, 0, 1}, 12, WRIT_E_FORMAT},
        {"kind 0", {1, 0, 0, 0}, 12, WRIT_E_FORMAT},
        {"unknown kind", {1, 0, 0, WRIT_KINDS}, 12, WRIT_E_FORMAT},
        {"field 0", {1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 16, WRIT_E_FORMAT},
        {"unknown field", {1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, WRIT_FIELDS}, 16, WRIT_E_FORMAT},
        {"empty text", {1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, WRIT_FIELD_USER}, 16, WRIT_E_FORMAT},
        {"text", {1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, WRIT_FIELD_USER, 0, 1, 'x'}, 17, WRIT_OK},
        {"text past the end",
         {1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, WRIT_FIELD_USER, 0, 2, 'x'},
         17,
         WRIT_E_FORMAT},
        {"bool 2",
         {1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, WRIT_FIELD_REUSED, 0, 1, 2},
         17,
         WRIT_E_FORMAT},
        {"cut bool",
         {1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, WRIT_FIELD_REUSED, 0x80, 1, 1},
         17,
         WRIT_E_FORMAT},
        {"short number",
         {1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, WRIT_FIELD_PID, 0, 4, 0, 0, 0, 1},
         20,
         WRIT_E_FORMAT},
        {"given twice",
         {1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, WRIT_FIELD_REUSED, 0, 1, 0, 0, WRIT_FIELD_REUSED,
          0, 1, 0},
         22,
         WRIT_E_FORMAT},
        {"half an item",
         {1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, WRIT_FIELD_ARGV, 0, 3, 0, 2, 'x'},
         19,
         WRIT_E_FORMAT},
        {"half an item head",
         {1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, WRIT_FIELD_ARGV, 0, 1, 0},
         17,
         WRIT_E_FORMAT},
    };
    struct writ_span s = sample();
    uint8_t *copy = malloc(s.len);

    for (size_t i = 0; i < WRIT_COUNT(rows); i++)
        CHECK_ROW(walk(writ_span(rows[i].bytes, rows[i].len)) == rows[i].want, rows[i].name);
    if (copy == NULL)
        return;
    memcpy(copy, s.ptr, s.len);
    for (size_t n = 0; n < s.len; n++)
        (void)walk(writ_span(copy, n));
    for (size_t i = 0; i < s.len * 8; i++) {
        copy[i / 8] ^= (uint8_t)(1U << i % 8);
        (void)walk(writ_span(copy, s.len));
        copy[i / 8] ^= (uint8_t)(1U << i % 8);
    }
    CHECK(walk(writ_span(copy, s.len)) == WRIT_OK);
    free(copy);
}

static void
test_tables(void)
{
    static const char *const own[] = {"v", "seq", "time", "task", "kind", "from", "cut", "prev"};

    for (unsigned i = 1; i < WRIT_FIELDS; i++) {
        const struct writ_field_rule *f = writ_field_rule(i);

        for (size_t k = 0; k < WRIT_COUNT(own); k++)
            CHECK_ROW(strcmp(f->json, own[k]) != 0, f->json);
        for (unsigned k = 1; k < i; k++)
            CHECK_ROW(strcmp(f->json, writ_field_rule(k)->json) != 0, f->json);
        CHECK_ROW(strlen(f->key) == f->key_len, f->json);
        CHECK_ROW(f->max < 8192, f->json);
    }
    for (unsigned i = 1; i < WRIT_KINDS; i++) {
        const struct writ_kind_rule *k = writ_kind_rule(i);

        CHECK_ROW(writ_kind_named(writ_span_str(k->json)) == (enum writ_kind)i, k->json);
        CHECK_ROW(k->senders != 0 && (k->senders & 1U) == 0, k->json);
    }
    CHECK(writ_kind_rule(0) == NULL && writ_kind_rule(WRIT_KINDS) == NULL);
    CHECK(writ_kind_named(writ_span_str("task.nonsense")) == WRIT_KIND_NONE);
    CHECK(writ_kind_allowed(WRIT_KIND_TASK_START, WRIT_ROLE_LAUNCHER));
    CHECK(!writ_kind_allowed(WRIT_KIND_TASK_START, WRIT_ROLE_GATEWAY));
    CHECK(!writ_kind_allowed(WRIT_KIND_TASK_SEALED, WRIT_ROLE_LAUNCHER));
    CHECK(!writ_kind_allowed(WRIT_KIND_CREDENTIAL_RELEASE, WRIT_ROLE_GATEWAY));
    CHECK(!writ_kind_allowed(WRIT_KIND_TASK_START, WRIT_ROLE_NONE));
}

int
main(void)
{
    test_round_trip();
    test_cuts();
    test_malformed();
    test_tables();
    return test_end();
}
