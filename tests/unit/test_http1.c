#include <stdlib.h>

#include "proto/http1.h"
#include "proto/http1_chars.h"
#include "proto/http1_head.h"
#include "proto/http1_write.h"
#include "test.h"

#define HOST "Host: a.test\r\n"

/* An exact copy on the heap, so that a sanitizer sees a read past the end. */
static uint8_t *
copy_of(const void *data, size_t len)
{
    uint8_t *p = malloc(len == 0 ? 1 : len);

    if (p == NULL)
        abort();
    if (len != 0)
        memcpy(p, data, len);
    return p;
}

static enum writ_err
parse_req(const char *text, size_t len, struct writ_http1_request *r, struct writ_http1_fault *f)
{
    uint8_t *bytes = copy_of(text, len);
    size_t scanned = 0;
    enum writ_err e;

    *f = (struct writ_http1_fault){.reason = NULL};
    e = writ_http1_parse_request(writ_span(bytes, len), &scanned, r, f);
    if (e == WRIT_OK) { /* once more where the spans stay */
        scanned = 0;
        e = writ_http1_parse_request(writ_span(text, len), &scanned, r, f);
    }
    free(bytes);
    return e;
}

struct response_row {
    const char *text;
    enum writ_http1_method method;
    enum writ_http1_framing framing;
    unsigned status; /* 0: refused */
    bool keep_alive;
    uint64_t length;
};

static const struct response_row responses[] = {
#define OK(s, text, method, framing, keep, n)                                                      \
    {                                                                                              \
        text, WRIT_HTTP1_##method, WRIT_HTTP1_##framing, s, keep, n                                \
    }
#define NO(text)                                                                                   \
    {                                                                                              \
        text, WRIT_HTTP1_GET, WRIT_HTTP1_NO_BODY, 0, false, 0                                      \
    }
    OK(200, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabcde", GET, LENGTH, true, 5),
    OK(200, "HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", GET, LENGTH, true, 0),
    OK(200, "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", GET, LENGTH, true, 0),
    OK(200, "HTTP/1.1 200 \xc3\xa9\t\r\nTransfer-Encoding: chunked\r\n\r\n", GET, CHUNKED, true, 0),
    OK(200, "HTTP/1.1 200 OK\r\n\r\n", GET, UNTIL_CLOSE, false, 0),
    OK(200, "HTTP/1.0 200 OK\r\n\r\n", GET, UNTIL_CLOSE, false, 0),
    OK(200, "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n", GET, LENGTH, false, 1),
    OK(200, "HTTP/1.0 200 OK\r\nContent-Length: 1\r\nConnection: keep-alive\r\n\r\n", GET, LENGTH,
       true, 1),
    OK(200, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\n", GET, LENGTH, false,
       1),
    OK(200, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", HEAD, NO_BODY, true, 0),
    OK(200, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", HEAD, NO_BODY, true, 0),
    OK(204, "HTTP/1.1 204 No Content\r\n\r\n", GET, NO_BODY, true, 0),
    OK(204, "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", GET, NO_BODY, true, 0),
    OK(304, "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", GET, NO_BODY, true, 0),
    OK(100, "HTTP/1.1 100 Continue\r\n\r\n", POST, NO_BODY, true, 0),
    OK(103, "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", GET, NO_BODY, true, 0),
    OK(101, "HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", GET, NO_BODY,
       false, 0),
    OK(200, "HTTP/1.1 200 OK\r\n\r\n", CONNECT, NO_BODY, true, 0),
    OK(403, "HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\n", CONNECT, LENGTH, true, 2),
    OK(599, "HTTP/1.1 599 x\r\nContent-Length: 2\r\n\r\n", GET, LENGTH, true, 2),
    OK(200, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: a\r\nContent-Type: a\r\n\r\n",
       GET, LENGTH, true, 2),
    NO("HTTP/1.1 200 OK\nContent-Length: 5\r\n\r\n"),
    NO("HTTP/1.1 200 OK\r\nContent-Length: 5\n\r\n"),
    NO("\r\nHTTP/1.1 200 OK\r\n\r\n"),
    NO("HTTP/1.1  200 OK\r\n\r\n"),
    NO("HTTP/1.1\t200 OK\r\n\r\n"),
    NO("HTTP/1.1 2000 OK\r\n\r\n"),
    NO("HTTP/1.1 20 OK\r\n\r\n"),
    NO("HTTP/1.1 099 OK\r\n\r\n"),
    NO("HTTP/1.1 600 OK\r\n\r\n"),
    NO("HTTP/1.1 +20 OK\r\n\r\n"),
    NO("HTTP/1.1\r\n\r\n"),
    NO("HTTP/1.1 \r\n\r\n"),
    NO("HTTP/2.0 200 OK\r\n\r\n"),
    NO("ICY 200 OK\r\n\r\n"),
    NO("HTTP/1.1 200 O\x01K\r\n\r\n"),
    NO("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n"),
    NO("HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\n"),
    NO("HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\n"),
    NO("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"),
    NO("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"),
    NO("HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\n"),
    NO("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
    NO("HTTP/1.1 200 OK\r\nTransfer-Encoding : chunked\r\n\r\n"),
    NO("HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n"),
    NO("HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\n"),
    NO("HTTP/1.1 204 No\r\nTransfer-Encoding: chunked\r\n\r\n"),
    NO("HTTP/1.1 100 No\r\nContent-Length: 5\r\n\r\n"),
    NO("HTTP/1.0 100 No\r\n\r\n"),
    NO("HTTP/1.1 302 Found\r\nLocation: /a\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n"),
    NO("HTTP/1.1 200 OK\r\nConnection: Content-Length\r\nContent-Length: 1\r\n\r\n"),
#undef OK
#undef NO
};

static bool
matches(const struct writ_http1_response *r, const struct response_row *row)
{
    return r->status == row->status && r->framing == row->framing && r->length == row->length &&
           r->keep_alive == row->keep_alive && r->upgrade == (r->status == 101) &&
           r->interim == (r->status == 100 || r->status == 103);
}

static bool
all_cuts_wait(const uint8_t *bytes, size_t head_len, enum writ_http1_method method)
{
    static struct writ_http1_response r;
    struct writ_http1_fault f;

    for (size_t n = 0; n < head_len; n++) {
        size_t scanned = 0;

        if (writ_http1_parse_response(writ_span(bytes, n), &scanned, method, &r, &f) !=
            WRIT_E_AGAIN)
            return false;
    }
    return true;
}

static void
test_responses(void)
{
    static struct writ_http1_response r;
    struct writ_http1_fault f;

    for (size_t i = 0; i < WRIT_COUNT(responses); i++) {
        const struct response_row *row = &responses[i];
        size_t len = strlen(row->text);
        uint8_t *bytes = copy_of(row->text, len);
        size_t scanned = 0;
        enum writ_err e =
            writ_http1_parse_response(writ_span(bytes, len), &scanned, row->method, &r, &f);

        if (row->status == 0) {
            CHECK_ROW(e == WRIT_E_FORMAT && f.status == 502 && f.reason != NULL, row->text);
        } else {
            CHECK_ROW(e == WRIT_OK && matches(&r, row), row->text);
            CHECK_ROW(all_cuts_wait(bytes, r.head_len, row->method), row->text);
        }
        free(bytes);
    }
}

static const char alnum[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

static bool
one_of(int c, const char *set)
{
    return c > 0 && (strchr(alnum, c) != NULL || strchr(set, c) != NULL);
}

static int
fold_of(int c)
{
    const char *at = strchr(alnum, c);

    if (c == 0 || at == NULL)
        return '-';
    return at - alnum < 36 ? c : c - 'A' + 'a';
}

static bool
is(int c, unsigned flag)
{
    return (writ_http1_chars[c] & flag) != 0;
}

static bool
is_text(int c)
{
    return c == '\t' || (c >= 0x20 && c != 0x7f);
}

static void
check_char(int c)
{
    CHECK(writ_http1_fold[c] == (one_of(c, "!#$%&'*+-.^_`|~") ? fold_of(c) : 0));
    CHECK(is(c, WRIT_HTTP1_C_TARGET) == (c > 0x20 && c < 0x7f && c != '#'));
    CHECK(is(c, WRIT_HTTP1_C_UNRESERVED) == one_of(c, "-._~"));
    CHECK(is(c, WRIT_HTTP1_C_PCHAR) == one_of(c, "-._~!$&'()*+,;=:@"));
    CHECK(is(c, WRIT_HTTP1_C_VALUE) == is_text(c));
    CHECK(is(c, WRIT_HTTP1_C_NAME) == one_of(c, "-"));
    CHECK((writ_http1_hex[c] < 16) == (c != 0 && strchr("0123456789abcdefABCDEF", c) != NULL));
}

/* Each table against the grammar it stands for. */
static void
test_tables(void)
{
    for (int c = 0; c < 256; c++)
        check_char(c);
}

/* Text without its NUL. */
static void
put(char *to, const char *from, size_t len)
{
    for (size_t i = 0; i < len; i++)
        to[i] = from[i];
}

/* Every byte at every place of a line that is longer than a vector is judged as the table says. */
static void
test_every_byte(void)
{
    static struct writ_http1_request r;
    struct writ_http1_fault f;
    const char *value = "GET / HTTP/1.1\r\n" HOST "X: 0123456789abcdef0123456789abcdef\r\n\r\n";
    const char *target = "GET /0123456789abcdef0123456789abcdef HTTP/1.1\r\n" HOST "\r\n";
    const char *name = "GET / HTTP/1.1\r\n" HOST "X0123456789abcdef0123456789abcdef: 1\r\n\r\n";

    for (size_t at = 0; at < 32; at++) {
        for (unsigned c = 0; c < 256; c++) {
            char text[96];
            bool ok;

            put(text, value, strlen(value));
            text[33 + at] = (char)c;
            ok = parse_req(text, strlen(value), &r, &f) == WRIT_OK;
            CHECK(ok == ((writ_http1_chars[c] & WRIT_HTTP1_C_VALUE) != 0));
            put(text, target, strlen(target));
            text[5 + at] = (char)c;
            ok = parse_req(text, strlen(target), &r, &f) == WRIT_OK;
            CHECK(ok == ((writ_http1_chars[c] & WRIT_HTTP1_C_TARGET) != 0));
            put(text, name, strlen(name));
            text[31 + at] = (char)c;
            ok = parse_req(text, strlen(name), &r, &f) == WRIT_OK;
            CHECK(ok == (writ_http1_fold[c] != 0 || c == ':'));
        }
    }
}

static bool
finds(const char *text, unsigned id)
{
    return writ_http1_name_id((const uint8_t *)text, strlen(text)) == id &&
           writ_http1_plain_name_id((const uint8_t *)text, strlen(text)) == id;
}

static void
test_known_names(void)
{
    for (unsigned id = 1; id < WRIT_HTTP1_H_MAX; id++) {
        const char *text = writ_http1_name_text(id);
        char upper[32] = "";

        for (size_t i = 0; text[i] != '\0'; i++)
            upper[i] = (char)(text[i] >= 'a' ? text[i] - 'a' + 'A' : text[i]);
        CHECK_ROW(finds(text, id), text);
        CHECK_ROW(finds(upper, id), upper);
    }
}

static void
test_names(void)
{
    static const struct {
        const char *text;
        unsigned id;
    } table[] = {
        {"host", WRIT_HTTP1_H_HOST},
        {"HOST", WRIT_HTTP1_H_HOST},
        {"te", WRIT_HTTP1_H_TE},
        {"Content-Length", WRIT_HTTP1_H_CONTENT_LENGTH},
        {"cONTENT-lENGTH", WRIT_HTTP1_H_CONTENT_LENGTH},
        {"Transfer-Encoding", WRIT_HTTP1_H_TRANSFER_ENCODING},
        {"proxy-authentication-info", WRIT_HTTP1_H_PROXY_AUTHENTICATION_INFO},
        {"strict-transport-security", WRIT_HTTP1_H_STRICT_TRANSPORT_SECURITY},
        {"HTTP2-Settings", WRIT_HTTP1_H_HTTP2_SETTINGS},
        {"Content_Length", WRIT_HTTP1_H_MAX},
        {"content.length", WRIT_HTTP1_H_MAX},
        {"X-Content-Length", WRIT_HTTP1_H_OTHER},
        {"Content-Lengt", WRIT_HTTP1_H_OTHER},
        {"Content-Lengthh", WRIT_HTTP1_H_OTHER},
        {"h", WRIT_HTTP1_H_OTHER},
        {"hos", WRIT_HTTP1_H_OTHER},
        {"X_Api_Key", WRIT_HTTP1_H_OTHER},
        {"a-name-that-is-longer-than-any-of-ours", WRIT_HTTP1_H_OTHER},
    };

    for (size_t i = 0; i < WRIT_COUNT(table); i++) {
        const uint8_t *name = (const uint8_t *)table[i].text;
        size_t len = strlen(table[i].text);

        CHECK_ROW(writ_http1_name_id(name, len) == table[i].id, table[i].text);
        if (table[i].id != WRIT_HTTP1_H_MAX && strchr(table[i].text, '_') == NULL)
            CHECK_ROW(writ_http1_plain_name_id(name, len) == table[i].id, table[i].text);
    }
    CHECK(writ_http1_name_like(writ_span_str("X-Api-Key"), writ_span_str("x_api.key")));
    CHECK(!writ_http1_name_like(writ_span_str("X-Api-Key"), writ_span_str("x-api-kez")));
    CHECK(!writ_http1_name_like(writ_span_str("X-Api-Key"), writ_span_str("x-api-ke")));
}

static void
test_write(void)
{
    WRIT_BUF_AUTO struct writ_buf b;
    struct writ_http1_authority a = {.host = "a.test", .host_len = 6, .port = 8443};
    static const char *const bad_values[] = {"a\r\nX: b", "a\nb", "a\rb", " a",
                                             "a ",        "\x01", "\x7f"};

    writ_buf_init(&b, 4096);
    writ_http1_put_request_line(&b, writ_span_str("GET"), writ_span_str("/a"), true,
                                writ_span_str("b=c"));
    writ_http1_put_host(&b, &a);
    writ_http1_put_header_str(&b, "X-A", "");
    writ_http1_put_header_str(&b, "Authorization", "Bearer x y");
    writ_http1_put_content_length(&b, UINT64_MAX);
    writ_http1_put_end(&b);
    CHECK(!b.failed &&
          writ_span_is(writ_buf_span(&b), "GET /a?b=c HTTP/1.1\r\nHost: a.test:8443\r\nX-A: \r\n"
                                          "Authorization: Bearer x y\r\n"
                                          "Content-Length: 18446744073709551615\r\n\r\n"));
    writ_buf_reset(&b);
    a = (struct writ_http1_authority){.host = "::1", .host_len = 3, .addr = {.family = 6}};
    writ_http1_put_status(&b, 403);
    writ_http1_put_host(&b, &a);
    CHECK(!b.failed &&
          writ_span_is(writ_buf_span(&b), "HTTP/1.1 403 Forbidden\r\nHost: [::1]\r\n"));
    for (size_t i = 0; i < WRIT_COUNT(bad_values); i++) {
        writ_buf_reset(&b);
        writ_http1_put_header_str(&b, "X", bad_values[i]);
        CHECK_ROW(b.failed && writ_buf_len(&b) == 0, bad_values[i]);
    }
    writ_buf_reset(&b);
    writ_http1_put_header(&b, writ_span_str("X"), writ_span("a\0b", 3));
    CHECK(b.failed);
    writ_buf_reset(&b);
    writ_http1_put_header_str(&b, "X:", "a");
    CHECK(b.failed);
    writ_buf_reset(&b);
    writ_http1_put_request_line(&b, writ_span_str("GET"), writ_span_str("/a b"), false,
                                writ_span_str(""));
    CHECK(b.failed);
    writ_buf_reset(&b);
    writ_http1_put_status(&b, 42);
    CHECK(b.failed && strcmp(writ_http1_status_text(299), "") == 0);
}

int
main(void)
{
    test_tables();
    test_names();
    test_known_names();
    test_responses();
    test_every_byte();
    test_write();
    return test_end();
}
