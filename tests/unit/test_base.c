#include <errno.h>

#include "base/buf.h"
#include "base/id.h"
#include "base/json.h"
#include "base/json_read.h"
#include "base/limits.h"
#include "base/secret.h"
#include "base/text.h"
#include "test.h"

static void
test_readers(void)
{
    const uint8_t wire[] = {0, 0, 0, 3, 'a', 'b', 'c', 0x12, 0x34};
    char text[4];
    uint16_t v = 0;

    /* truncation at every byte: a getter that fails consumes nothing */
    for (size_t n = 0; n < sizeof(wire); n++) {
        struct writ_reader r = writ_reader(writ_span(wire, n));

        if (!writ_read_str(&r, text, sizeof(text)))
            CHECK(r.rest.len == n && n < 7);
        else
            CHECK(!writ_read_u16(&r, &v));
    }
    struct writ_reader r = writ_reader(writ_span(wire, sizeof(wire)));
    CHECK(writ_read_str(&r, text, sizeof(text)) && strcmp(text, "abc") == 0);
    CHECK(!writ_read_done(&r));
    CHECK(writ_read_u16(&r, &v) && v == 0x1234 && writ_read_done(&r));
    r = writ_reader(writ_span(wire, sizeof(wire)));
    CHECK(!writ_read_str(&r, text, 3));
}

static void
test_buffers(void)
{
    struct writ_buf b;

    writ_buf_init(&b, 1000);
    for (unsigned i = 0; i < 90; i++) {
        writ_buf_put_str(&b, "0123456789");
        if (i % 2 == 1)
            writ_buf_consume(&b, 10);
    }
    CHECK(!b.failed && writ_buf_len(&b) == 450);
    for (unsigned i = 0; i < 56; i++)
        writ_buf_put_str(&b, "0123456789");
    CHECK(b.failed && writ_buf_len(&b) == 1000);
    writ_buf_put_str(&b, "x");
    CHECK(writ_buf_len(&b) == 1000);
    writ_buf_reset(&b);
    writ_buf_put_dec(&b, UINT64_MAX);
    CHECK(writ_span_is(writ_buf_span(&b), "18446744073709551615"));
    writ_buf_done(&b);
}

static void
test_numbers(void)
{
    static const struct {
        const char *text;
        uint64_t value; /* 0: refused */
    } durations[] = {
        {"5m", 300000}, {"250ms", 250}, {"1d", 86400000}, {"5", 0},   {"m", 0},
        {"0s", 0},      {"+5m", 0},     {" 5m", 0},       {"5 m", 0}, {"99999999999999999999d", 0},
        {"5mm", 0},     {"1.5h", 0},    {"", 0}};

    static const struct {
        const char *text;
        uint64_t value;
    } sizes[] = {{"4096", 4096}, {"64KiB", 65536}, {"1GB", 1000000000},
                 {"1gb", 0},     {"KiB", 0},       {"-1", 0}};

    uint64_t v;

    for (size_t i = 0; i < WRIT_COUNT(durations); i++) {
        bool ok = writ_parse_duration(writ_span_str(durations[i].text), UINT64_MAX, &v);
        CHECK_ROW(ok == (durations[i].value != 0) && (!ok || v == durations[i].value),
                  durations[i].text);
    }
    for (size_t i = 0; i < WRIT_COUNT(sizes); i++) {
        bool ok = writ_parse_size(writ_span_str(sizes[i].text), UINT64_MAX, &v);
        CHECK_ROW(ok == (sizes[i].value != 0) && (!ok || v == sizes[i].value), sizes[i].text);
    }
    CHECK(writ_parse_dec(writ_span_str("18446744073709551615"), UINT64_MAX, &v) && v == UINT64_MAX);
    CHECK(!writ_parse_dec(writ_span_str("18446744073709551616"), UINT64_MAX, &v));
    CHECK(writ_parse_hex(writ_span_str("fF"), 255, &v) && v == 255);
    CHECK(!writ_parse_hex(writ_span_str("100"), 255, &v) &&
          !writ_parse_hex(writ_span_str("0x1"), 255, &v));
}

static void
test_hosts(void)
{
    static const char *const good[] = {
        "api.example.com", "a",     "x1.test", "xn--bcher-kva.example",
        "1password.com",   "a-b.c", "3com",    "_acme.test"};
    static const char *const bad[] = {"",    "127.0.0.1", "0x7f.1",    "2852039166", "a..b",
                                      ".a",  "a.",        "A.com",     "-a.com",     "a-.com",
                                      "a b", "a:1",       "1.2.3.0x4", "a\nb",       "[::1]",
                                      "a/b", "a@b",       "a%00b",     "0xa9fea9fe"};

    for (size_t i = 0; i < WRIT_COUNT(good); i++)
        CHECK_ROW(writ_is_host(writ_span_str(good[i])), good[i]);
    for (size_t i = 0; i < WRIT_COUNT(bad); i++)
        CHECK_ROW(!writ_is_host(writ_span_str(bad[i])), bad[i]);
    CHECK(!writ_is_host(writ_span("a\0.com", 6)));
}

static void
test_json(void)
{
    WRIT_BUF_AUTO struct writ_buf b;
    struct writ_json j;

    writ_buf_init(&b, 4096);
    writ_json_init(&j, &b);
    writ_json_object(&j, NULL);
    writ_json_span(&j, "k", writ_span("a\"\\\n\x1b[2J\x7f\xff\xc3\xa9\xc2\x9bm\xed\xa0\x80", 18));
    writ_json_array(&j, "l");
    writ_json_i64(&j, NULL, INT64_MIN);
    writ_json_bool(&j, NULL, true);
    writ_json_object(&j, NULL);
    writ_json_object_end(&j);
    writ_json_array_end(&j);
    writ_json_null(&j, "n");
    writ_json_object_end(&j);
    CHECK(writ_span_is(
        writ_buf_span(&b),
        "{\"k\":\"a\\\"\\\\\\n\\u001b[2J\\u007f\xef\xbf\xbd\xc3\xa9\\u009bm"
        "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\",\"l\":[-9223372036854775808,true,{}],\"n\":null}"));
}

static void
test_encodings(void)
{
    static const char *const table[][2] = {
        {"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}};
    uint8_t raw[2];

    for (size_t i = 0; i < WRIT_COUNT(table); i++) {
        WRIT_BUF_AUTO struct writ_buf b;

        writ_buf_init(&b, 64);
        writ_put_base64(&b, writ_span_str(table[i][0]));
        CHECK_ROW(writ_span_is(writ_buf_span(&b), table[i][1]), table[i][0]);
    }
    CHECK(writ_unhex(writ_span_str("00fF"), raw, 2) && raw[1] == 255);
    CHECK(!writ_unhex(writ_span_str("00f"), raw, 2) && !writ_unhex(writ_span_str("00fg"), raw, 2));
}

static void
test_ids(void)
{
    struct writ_id a;
    struct writ_id b;
    char text[WRIT_TIME_TEXT];

    writ_id_new(&a);
    writ_id_new(&b);
    CHECK(strcmp(a.text, b.text) != 0 && writ_id_valid(writ_span_str(a.text)));
    CHECK(!writ_id_valid(writ_span_str("../../etc/passwd0000000000")));
    writ_time_text(1700000000123456, text);
    CHECK(strcmp(text, "2023-11-14T22:13:20.123456Z") == 0);
}

static void
test_errno(void)
{
    CHECK(strcmp(writ_errno_text(ENOSPC), "No space left on device") == 0);
    CHECK(strcmp(writ_errno_text(123456), "an error without a name") == 0);
}

static void
test_secrets(void)
{
    struct writ_secret *s = NULL;

    CHECK(writ_secret_new(5, &s) == WRIT_OK);
    memcpy(writ_secret_bytes(s), "abcde", 5);
    CHECK(writ_secret_equal(writ_secret_span(s), writ_span_str("abcde")));
    CHECK(!writ_secret_equal(writ_secret_span(s), writ_span_str("abcdf")));
    CHECK(!writ_secret_equal(writ_secret_span(s), writ_span_str("abcd")));
    writ_secret_cut(s, 3);
    CHECK(writ_secret_len(s) == 3);
    writ_secret_freep(&s);
    CHECK(s == NULL);
    CHECK(writ_secret_new(8, &s) == WRIT_OK);
    struct writ_secret_writer w = writ_secret_writer(s);
    writ_secret_put_u8(&w, 7);
    writ_secret_put_blob(&w, writ_span_str("abc"));
    CHECK(!w.failed && w.at == 8 && memcmp(writ_secret_bytes(s), "\7\0\0\0\3abc", 8) == 0);
    writ_secret_put_u8(&w, 9);
    CHECK(w.failed && w.at == 8);
    w = writ_secret_writer(s);
    writ_secret_put_blob(&w, writ_span_str("abcde")); /* the length fits, the bytes do not */
    writ_secret_put_u8(&w, 1);
    CHECK(w.failed && w.at == 4);
    writ_secret_freep(&s);

    CHECK(writ_secret_new(0, &s) == WRIT_E_LIMIT);
}

static void
test_json_read(void)
{
    static const char *const good[] = {"null", " [1,-2.5e+3,\"\\ud83d\\ude00\"]\n", "{}", "0",
                                       "{\"a\":{\"b\":[true,false]},\"c\":1}"};
    static const char *const bad[] = {"",         "01",        "[1,]",        "{\"a\":1,\"a\":2}",
                                      "tru",      "[1] 2",     "\"\\ud83d\"", "\"\\ud83dx\"",
                                      "{a:1}",    "\"\\x41\"", "\"a\nb\"",    "\xef\xbb\xbf{}",
                                      "1.",       "-",         "1e",          "[1 2]",
                                      "\"\xff\"", "{\"a\" 1}", "[",           "{\"a\":1,}"};
    char deep[2 * WRIT_JSON_READ_DEPTH_MAX + 3] = {0};

    for (size_t i = 0; i < WRIT_COUNT(good); i++) {
        WRIT_JDOC_AUTO struct writ_jdoc *d = NULL;

        CHECK_ROW(writ_jdoc_read(writ_span_str(good[i]), &d, NULL) == WRIT_OK, good[i]);
    }
    for (size_t i = 0; i < WRIT_COUNT(bad); i++) {
        WRIT_JDOC_AUTO struct writ_jdoc *d = NULL;
        struct writ_diag diag = {0};

        CHECK_ROW(writ_jdoc_read(writ_span_str(bad[i]), &d, &diag) == WRIT_E_FORMAT, bad[i]);
        CHECK_ROW(d == NULL && diag.line >= 1 && diag.text[0] != '\0', bad[i]);
    }
    for (size_t extra = 0; extra < 2; extra++) {
        WRIT_JDOC_AUTO struct writ_jdoc *d = NULL;
        size_t n = WRIT_JSON_READ_DEPTH_MAX + extra;

        memset(deep, '[', n);
        memset(deep + n, ']', n);
        CHECK(writ_jdoc_read(writ_span(deep, 2 * n), &d, NULL) ==
              (extra == 0 ? WRIT_OK : WRIT_E_LIMIT));
    }
}

static void
test_json_values(void)
{
    WRIT_JDOC_AUTO struct writ_jdoc *d = NULL;
    const char *text = "{\"min\":-9223372036854775808,\n \"over\":9223372036854775808,"
                       "\"zero\":-0,\"s\":\"\\u00e9\\n\",\"list\":[1,2]}";
    const struct writ_jval *root;
    const struct writ_jval *v;

    if (!CHECK(writ_jdoc_read(writ_span_str(text), &d, NULL) == WRIT_OK))
        return;
    root = writ_jdoc_root(d);
    v = writ_jval_get(root, "min");
    CHECK(v != NULL && v->is_int && v->num == INT64_MIN && v->line == 1 && v->col == 8);
    v = writ_jval_get(root, "over");
    CHECK(v != NULL && !v->is_int && writ_span_is(v->text, "9223372036854775808") && v->line == 2);
    v = writ_jval_get(root, "zero");
    CHECK(v != NULL && !v->is_int);
    v = writ_jval_get(root, "s");
    CHECK(v != NULL && writ_span_is(v->text, "\xc3\xa9\n"));
    v = writ_jval_get(root, "list");
    CHECK(v != NULL && v->count == 2 && v->first->num == 1 && v->first->next->num == 2);
    CHECK(writ_jval_get(root, "none") == NULL && root->count == 5);
}

static void
test_time(void)
{
    static const struct {
        int64_t us;
        const char *text;
    } rows[] = {
        {0, "1970-01-01T00:00:00.000000Z"},
        {-1, "1969-12-31T23:59:59.999999Z"},
        {951782400000001, "2000-02-29T00:00:00.000001Z"},
        {951868799999999, "2000-02-29T23:59:59.999999Z"},
        {4107542400000000, "2100-03-01T00:00:00.000000Z"},
        {4107542399000000, "2100-02-28T23:59:59.000000Z"},
        {1795342332123456, "2026-11-22T10:12:12.123456Z"},
        {INT64_MAX, "9999-12-31T23:59:59.999999Z"},
        {INT64_MIN, "0000-03-01T00:00:00.000000Z"},
    };

    static const char *const bad[] = {
        "2026-02-30T00:00:00.000000Z", "2026-13-01T00:00:00.000000Z", "2026-01-01 00:00:00.000000Z",
        "2026-01-01T24:00:00.000000Z", "2026-01-01T00:00:60.000000Z", "2026-01-01T00:00:00.000000",
        "2026-01-01T00:00:00.00000xZ", "0000-01-01T00:00:00.000000Z", "2026-00-01T00:00:00.000000Z",
    };
    char text[WRIT_TIME_TEXT];
    int64_t us;

    for (size_t i = 0; i < WRIT_COUNT(rows); i++) {
        writ_time_text(rows[i].us, text);
        CHECK_ROW(strcmp(text, rows[i].text) == 0, rows[i].text);
        CHECK_ROW(writ_time_parse(writ_span_str(text), &us), rows[i].text);
        if (rows[i].us > INT64_MIN && rows[i].us < INT64_MAX)
            CHECK_ROW(us == rows[i].us, rows[i].text);
    }
    for (size_t i = 0; i < WRIT_COUNT(bad); i++)
        CHECK_ROW(!writ_time_parse(writ_span_str(bad[i]), &us), bad[i]);
}

static void
test_quoted(void)
{
    static const char *const bad[] = {"\"",       "\\",           "\\x", "\\u00",   "\\u0041",
                                      "\\u000a",  "\\u001B",      "\n",  "\x7f",    "\xff",
                                      "\xc2\x9b", "\xe2\x80\xae", "\\t", "\\u00e9", "a\x1b[2J"};
    uint8_t noise[24];
    struct writ_buf b;

    writ_buf_init(&b, 1000);
    writ_json_quote(&b, writ_span_str("a\xe2\x80\xae\xd8\x9c\xe2\x80\x94\xef\xbb\xbf"));
    CHECK(writ_span_is(writ_buf_span(&b), "\"a\\u202e\\u061c\xe2\x80\x94\\ufeff\""));
    for (size_t i = 0; i < WRIT_COUNT(bad); i++)
        CHECK_ROW(!writ_json_quoted(writ_span_str(bad[i])), bad[i]);
    for (unsigned i = 0; i < 20000; i++) {
        writ_random(noise, sizeof(noise));
        for (size_t k = 0; i % 2 == 1 && k + 3 <= sizeof(noise); k += 3) {
            noise[k] = (uint8_t)(0xe2 - (noise[k] & 1) * 32);
            noise[k + 1] = (uint8_t)(0x80 | (noise[k + 1] & 3));
            noise[k + 2] = (uint8_t)(0x80 | (noise[k + 2] & 63));
        }
        writ_buf_reset(&b);
        writ_json_quote(&b, writ_span(noise, sizeof(noise)));
        if (!writ_json_quoted(writ_span(b.mem + 1, b.end - 2)))
            CHECK(false);
    }
    CHECK(writ_json_quoted(writ_span(NULL, 0)));
    writ_buf_done(&b);
}

static const char *
nearest(const char *typed)
{
    static const char *const names[] = {"command", "name", "env", "environment", "read"};
    struct writ_nearest n = {.typed = writ_span_str(typed)};

    for (size_t i = 0; i < WRIT_COUNT(names); i++)
        writ_nearest_try(&n, names[i]);
    return n.name == NULL ? "" : n.name;
}

static void
test_nearest(void)
{
    char longer[WRIT_NAME_MAX + 2];

    CHECK(strcmp(nearest("comand"), "command") == 0 && strcmp(nearest("Name"), "name") == 0);
    CHECK(strcmp(nearest("environmnet"), "environment") == 0);
    CHECK(strcmp(nearest("nv"), "env") == 0 && strcmp(nearest("raed"), "read") == 0);
    CHECK(strcmp(nearest("services"), "") == 0 && strcmp(nearest(""), "") == 0);
    memset(longer, 'n', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    CHECK(strcmp(nearest(longer), "") == 0);
}

static void
test_utf8(void)
{
    CHECK(writ_utf8_len(writ_span_str("a")) == 1 && writ_utf8_len(writ_span_str("\xc3\xa9")) == 2);
    CHECK(writ_utf8_len(writ_span_str("\xf0\x9f\x98\x80")) == 4);
    CHECK(writ_utf8_len(writ_span_str("\xc0\x80")) == 0);         /* too long a form of NUL */
    CHECK(writ_utf8_len(writ_span_str("\xed\xa0\x80")) == 0);     /* half a surrogate pair */
    CHECK(writ_utf8_len(writ_span_str("\xf4\x90\x80\x80")) == 0); /* past U+10FFFF */
    CHECK(writ_utf8_len(writ_span_str("\xe2\x82")) == 0);
}

int
main(void)
{
    test_nearest();
    test_utf8();
    test_readers();
    test_buffers();
    test_numbers();
    test_hosts();
    test_json();
    test_json_read();
    test_json_values();
    test_encodings();
    test_ids();
    test_errno();
    test_secrets();
    test_time();
    test_quoted();
    return test_end();
}
