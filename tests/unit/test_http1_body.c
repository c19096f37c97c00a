#include <stdlib.h>

#include "proto/http1_body.h"
#include "test.h"

struct result {
    enum writ_err err;
    bool done;
    char data[256];
    size_t len;
    size_t consumed;
    size_t trailers;
    char first_trailer[64];
};

static void
note(struct result *r, const struct writ_http1_body *b, const struct writ_http1_body_out *out)
{
    if (out->data.len != 0)
        memcpy(r->data + r->len, out->data.ptr, out->data.len);
    r->len += out->data.len;
    r->consumed += out->consumed;
    r->done = out->event == WRIT_HTTP1_BODY_DONE;
    if (r->done && b->trailer_count != 0)
        CHECK(writ_span_copy(b->trailers[0].value, r->first_trailer, 64));
}

/* One call with what was given and not consumed, on the heap and exactly as long. */
static enum writ_http1_body_event
feed_once(struct writ_http1_body *b, struct result *r, const char *text, size_t given)
{
    struct writ_http1_body_out out = {.consumed = 0};
    struct writ_http1_fault f;
    size_t n = given - r->consumed;
    uint8_t *piece = malloc(n == 0 ? 1 : n);

    if (piece == NULL)
        abort();
    memcpy(piece, text + r->consumed, n);
    r->err = writ_http1_body_feed(b, writ_span(piece, n), &out, &f);
    if (r->err == WRIT_OK)
        note(r, b, &out);
    free(piece);
    return out.event;
}

/* Feeds text in pieces of at most step bytes, keeping what was not consumed, as the gateway does.
 */
static struct result
run(const char *text, size_t len, enum writ_http1_framing framing, uint64_t length, size_t step)
{
    struct result r = {.err = WRIT_OK};
    struct writ_http1_body b;
    size_t given = 0;

    writ_http1_body_init(&b, framing, length);
    while (r.err == WRIT_OK && !r.done) {
        if (feed_once(&b, &r, text, given) != WRIT_HTTP1_BODY_MORE)
            continue;
        if (given == len)
            break;
        given += len - given < step ? len - given : step;
    }
    r.trailers = b.trailer_count;
    if (!r.done && r.err == WRIT_OK)
        r.err = writ_http1_body_end(&b);
    CHECK(writ_http1_body_is_done(&b) == r.done);
    CHECK(r.err != WRIT_OK || b.bytes == r.len);
    return r;
}

struct row {
    const char *text;
    const char *data; /* NULL: refused */
    size_t left;      /* bytes behind the body */
    size_t trailers;
};

static const struct row chunked[] = {
    {"0\r\n\r\n", "", 0, 0},
    {"000\r\n\r\n", "", 0, 0},
    {"5\r\nhello\r\n0\r\n\r\n", "hello", 0, 0},
    {"5\r\nhello\r\n1\r\n!\r\n0\r\n\r\nGET /", "hello!", 5, 0},
    {"A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n", "01234567890123456789", 0, 0},
    {"0000000000000001\r\nx\r\n0\r\n\r\n", "x", 0, 0},
    {"1;a\r\nx\r\n0;b=c\r\n\r\n", "x", 0, 0},
    {"1;a=\"x;y\" ; z\r\nx\r\n0\r\n\r\n", "x", 0, 0},
    {"2\r\n\r\n\r\n0\r\n\r\n", "\r\n", 0, 0},
    {"1\r\nx\r\n0\r\nX-Sum: abc\r\n\r\nrest", "x", 4, 1},
    {"0\r\nA: b\r\nETag: c\r\nGrpc-Status: 0\r\n\r\n", "", 0, 3},
    {"", NULL, 0, 0},
    {"\r\n", NULL, 0, 0},
    {"\n", NULL, 0, 0},
    {";a\r\n", NULL, 0, 0},
    {"x\r\n", NULL, 0, 0},
    {"0x5\r\nhello\r\n0\r\n\r\n", NULL, 0, 0},
    {"+5\r\nhello\r\n0\r\n\r\n", NULL, 0, 0},
    {"-5\r\nhello\r\n0\r\n\r\n", NULL, 0, 0},
    {" 5\r\nhello\r\n0\r\n\r\n", NULL, 0, 0},
    {"5 \r\nhello\r\n0\r\n\r\n", NULL, 0, 0},
    {"5\t\r\nhello\r\n0\r\n\r\n", NULL, 0, 0},
    {"5 ;a\r\nhello\r\n0\r\n\r\n", NULL, 0, 0},
    {"5\nhello\r\n0\r\n\r\n", NULL, 0, 0},
    {"5\rhello\r\n0\r\n\r\n", NULL, 0, 0},
    {"5\r\r\nhello\r\n0\r\n\r\n", NULL, 0, 0},
    {"5;a\nhello\r\n0\r\n\r\n", NULL, 0, 0},
    {"5;a\x01\r\nhello\r\n0\r\n\r\n", NULL, 0, 0},
    {"5;\x80\r\nhello\r\n0\r\n\r\n", NULL, 0, 0},
    {"5\r\nhello\n0\r\n\r\n", NULL, 0, 0},
    {"5\r\nhello!\r\n0\r\n\r\n", NULL, 0, 0},
    {"5\r\nhell\r\n0\r\n\r\n", NULL, 0, 0},
    {"5\r\nhello\r\r\n0\r\n\r\n", NULL, 0, 0},
    {"5\r\nhello0\r\n\r\n", NULL, 0, 0},
    {"5\r\nhello\r\n", NULL, 0, 0},
    {"5\r\nhello\r\n0\r\n", NULL, 0, 0},
    {"5\r\nhello\r\n0\r\n\r", NULL, 0, 0},
    {"0\r\n\n", NULL, 0, 0},
    {"0\r\n\rx", NULL, 0, 0},
    {"00000000000000001\r\nx\r\n0\r\n\r\n", NULL, 0, 0},
    {"10000000000000000\r\n", NULL, 0, 0},
    {"ffffffffffffffff\r\nx", NULL, 0, 0},
    {"0\r\nA : b\r\n\r\n", NULL, 0, 0},
    {"0\r\nA: b\n\r\n", NULL, 0, 0},
    {"0\r\n A: b\r\n\r\n", NULL, 0, 0},
    {"0\r\nA: b\r\n c\r\n\r\n", NULL, 0, 0},
    {"0\r\nContent-Length: 1\r\n\r\n", NULL, 0, 0},
    {"0\r\ncontent_length: 1\r\n\r\n", NULL, 0, 0},
    {"0\r\nTransfer-Encoding: chunked\r\n\r\n", NULL, 0, 0},
    {"0\r\nHost: b.test\r\n\r\n", NULL, 0, 0},
    {"0\r\nAuthorization: x\r\n\r\n", NULL, 0, 0},
    {"0\r\nCookie: x\r\n\r\n", NULL, 0, 0},
    {"0\r\nSet-Cookie: x\r\n\r\n", NULL, 0, 0},
    {"0\r\nContent-Type: x\r\n\r\n", NULL, 0, 0},
    {"0\r\nContent-Encoding: x\r\n\r\n", NULL, 0, 0},
    {"0\r\nConnection: x\r\n\r\n", NULL, 0, 0},
    {"0\r\nTrailer: x\r\n\r\n", NULL, 0, 0},
    {"0\r\nX-Forwarded-For: x\r\n\r\n", NULL, 0, 0},
    {"0\r\nX-HTTP-Method-Override: x\r\n\r\n", NULL, 0, 0},
    {"0\r\nA:1\r\nA:1\r\nA:1\r\nA:1\r\nA:1\r\nA:1\r\nA:1\r\nA:1\r\nA:1\r\nA:1\r\nA:1\r\nA:1\r\n"
     "A:1\r\nA:1\r\nA:1\r\nA:1\r\nA:1\r\n\r\n",
     NULL, 0, 0},
};

static void
check_row(const struct row *row, size_t len, size_t step)
{
    struct result r = run(row->text, len, WRIT_HTTP1_CHUNKED, 0, step);

    if (row->data == NULL) {
        CHECK_ROW(r.err != WRIT_OK && !r.done, row->text);
        return;
    }
    CHECK_ROW(r.err == WRIT_OK && r.done && r.len == strlen(row->data), row->text);
    CHECK_ROW(memcmp(r.data, row->data, r.len) == 0, row->text);
    CHECK_ROW(r.consumed + row->left == len && r.trailers == row->trailers, row->text);
}

static void
test_chunked(void)
{
    for (size_t i = 0; i < WRIT_COUNT(chunked); i++) {
        const struct row *row = &chunked[i];
        size_t len = strlen(row->text);

        for (size_t step = 1; step <= len + 1; step++)
            check_row(row, len, step);
        for (size_t n = 0; row->data != NULL && n < len - row->left; n++) { /* cut anywhere */
            struct result r = run(row->text, n, WRIT_HTTP1_CHUNKED, 0, n + 1);

            CHECK_ROW(r.err == WRIT_E_CLOSED, row->text);
        }
    }
    CHECK(strcmp(
              run(chunked[9].text, strlen(chunked[9].text), WRIT_HTTP1_CHUNKED, 0, 3).first_trailer,
              "abc") == 0);
}

static bool
in_ranges(unsigned c, const char *ranges)
{
    for (const char *p = ranges; *p != '\0'; p += 2) {
        if (c >= (unsigned char)p[0] && c <= (unsigned char)p[1])
            return true;
    }
    return false;
}

/* Feeds before and one byte more. */
static bool
accepts(const char *before, char c)
{
    struct writ_http1_body b;
    struct writ_http1_body_out out = {.event = WRIT_HTTP1_BODY_DATA};
    struct writ_http1_fault f;
    char text[32];
    size_t n = strlen(before);
    struct writ_span in = writ_span(text, n + 1);

    for (size_t i = 0; i < n; i++)
        text[i] = before[i];
    text[n] = c;
    writ_http1_body_init(&b, WRIT_HTTP1_CHUNKED, 0);
    while (out.event == WRIT_HTTP1_BODY_DATA) {
        if (writ_http1_body_feed(&b, in, &out, &f) != WRIT_OK) {
            /* once broken, always broken */
            CHECK(writ_http1_body_feed(&b, writ_span("0\r\n\r\n", 5), &out, &f) != WRIT_OK);
            return false;
        }
        in = writ_span_from(in, out.consumed);
    }
    return true;
}

/* Every state and every byte: what may follow where, in one table of what is accepted. */
static void
test_every_byte(void)
{
    static const struct {
        const char *before;
        const char *accepted; /* ranges "az" are pairs */
    } states[] = {
        {"", "09afAF"},                 /* the first digit */
        {"1", "09afAF;;\r\r"},          /* a size */
        {"1;", "\t\t ~\r\r"},           /* an extension */
        {"1\r", "\n\n"},                /* behind a size */
        {"1;a\r", "\n\n"},              /* behind an extension */
        {"1\r\nx", "\r\r"},             /* behind the data */
        {"1\r\nx\r", "\n\n"},           /* behind the data's CR */
        {"1\r\nx\r\n", "09afAF"},       /* the next chunk */
        {"0\r", "\n\n"},                /* the last chunk */
        {"0\r\n\r", "\n\n"},            /* the end */
        {"0\r\nA:\r", "\n\n"},          /* the end of a trailer */
        {"0\r\nA:\r\n\r", "\n\n"},      /* the end behind a trailer */
        {"0000000000000001", ";;\r\r"}, /* sixteen digits */
    };

    for (size_t i = 0; i < WRIT_COUNT(states); i++) {
        for (unsigned c = 0; c < 256; c++) {
            bool ok = accepts(states[i].before, (char)c);

            CHECK_ROW(ok == in_ranges(c, states[i].accepted), states[i].before);
        }
    }
}

static void
test_others(void)
{
    struct result r = run("abcdef", 6, WRIT_HTTP1_LENGTH, 4, 6);

    CHECK(r.err == WRIT_OK && r.done && r.len == 4 && r.consumed == 4);
    r = run("abcdef", 6, WRIT_HTTP1_LENGTH, 4, 1);
    CHECK(r.err == WRIT_OK && r.done && memcmp(r.data, "abcd", 4) == 0 && r.consumed == 4);
    r = run("abc", 3, WRIT_HTTP1_LENGTH, 4, 1);
    CHECK(r.err == WRIT_E_CLOSED && r.len == 3);
    r = run("abc", 3, WRIT_HTTP1_LENGTH, 0, 1);
    CHECK(r.err == WRIT_OK && r.done && r.consumed == 0);
    r = run("abc", 3, WRIT_HTTP1_NO_BODY, 7, 1);
    CHECK(r.err == WRIT_OK && r.done && r.consumed == 0);
    r = run("abc", 3, WRIT_HTTP1_UNTIL_CLOSE, 0, 2);
    CHECK(r.err == WRIT_OK && !r.done && r.len == 3);
    r = run("", 0, WRIT_HTTP1_LENGTH, UINT64_MAX, 1);
    CHECK(r.err == WRIT_E_CLOSED);
}

static enum writ_err
feed_all(struct writ_http1_body *b, const char *text, size_t len, unsigned *ret_status)
{
    struct writ_span in = writ_span(text, len);
    struct writ_http1_body_out out = {.event = WRIT_HTTP1_BODY_DATA};
    struct writ_http1_fault f = {.reason = NULL};
    enum writ_err e = WRIT_OK;

    while (e == WRIT_OK && out.event == WRIT_HTTP1_BODY_DATA) {
        e = writ_http1_body_feed(b, in, &out, &f);
        if (e == WRIT_OK)
            in = writ_span_from(in, out.consumed);
    }
    *ret_status = f.status;
    return e;
}

/* Text without its NUL. */
static void
put(char *to, const char *from, size_t len)
{
    for (size_t i = 0; i < len; i++)
        to[i] = from[i];
}

static void
test_limits(void)
{
    static char text[2 * WRIT_HTTP_CHUNK_EXT_MAX];
    struct writ_http1_body b;
    unsigned status;
    enum writ_err e = WRIT_OK;

    memset(text, 'a', sizeof(text));
    put(text, "1;", 2);
    writ_http1_body_init(&b, WRIT_HTTP1_CHUNKED, 0);
    CHECK(feed_all(&b, text, 2 + WRIT_HTTP_CHUNK_LINE_MAX, &status) == WRIT_OK);
    CHECK(feed_all(&b, "a", 1, &status) == WRIT_E_LIMIT && status == 400);
    /* small extensions, again and again */
    writ_http1_body_init(&b, WRIT_HTTP1_CHUNKED, 0);
    for (unsigned i = 0; i < 17 && e == WRIT_OK; i++) {
        e = feed_all(&b, text, 2 + 1000, &status);
        if (e == WRIT_OK)
            e = feed_all(&b, "\r\nx\r\n", 5, &status);
    }
    CHECK(e == WRIT_E_LIMIT);
    put(text, "0\r\nX: ", 6);
    writ_http1_body_init(&b, WRIT_HTTP1_CHUNKED, 0);
    CHECK(feed_all(&b, text, 3 + WRIT_HTTP_TRAILER_BYTES_MAX - 1, &status) == WRIT_OK);
    writ_http1_body_init(&b, WRIT_HTTP1_CHUNKED, 0);
    CHECK(feed_all(&b, text, 3 + WRIT_HTTP_TRAILER_BYTES_MAX, &status) == WRIT_E_LIMIT);
    CHECK(status == 431);
}

static void
test_chunk_header(void)
{
    static const uint64_t sizes[] = {1, 9, 15, 16, 255, 256, 0x1a2b3c, UINT64_MAX};
    char want[32];
    char got[WRIT_HTTP1_CHUNK_HEADER_MAX];

    for (size_t i = 0; i < WRIT_COUNT(sizes); i++) {
        int n = snprintf(want, sizeof(want), "%llx\r\n", (unsigned long long)sizes[i]);

        CHECK(writ_http1_chunk_header(sizes[i], got) == (size_t)n);
        CHECK(memcmp(want, got, (size_t)n) == 0);
    }
}

int
main(void)
{
    test_chunked();
    test_every_byte();
    test_others();
    test_limits();
    test_chunk_header();
    return test_end();
}
