#include <ctype.h>
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

struct bad {
    const char *text;
    unsigned status;
};

static const struct bad bad_requests[] = {
    /* lines and bytes */
    {"GET / HTTP/1.1\nHost: a.test\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: a.test\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: a.test\r\n\n", 400},
    {"GET / HTTP/1.1\rHost: a.test\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: a.test\r\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" HOST "X: a\rb\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" HOST "X: a\r\n b\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" HOST "X: a\r\n\tb\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" HOST "X: a\x01z\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" HOST "X: a\x7fz\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" HOST "X: a\x0bz\r\n\r\n", 400},
    {"\r\nGET / HTTP/1.1\r\n" HOST "\r\n", 400},
    {"\r\n\r\n", 400},
    /* header names */
    {"GET / HTTP/1.1\r\n" HOST "X : a\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" HOST "X\t: a\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" HOST " X: a\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n X: a\r\n" HOST "\r\n", 400},
    {"GET / HTTP/1.1\r\n" HOST ": a\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" HOST "X\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" HOST "X y: a\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" HOST "X(y): a\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" HOST "X\xc3\xa9: a\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" HOST "Content_Length: 1\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" HOST "transfer_encoding: chunked\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" HOST "Transfer.Encoding: chunked\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" HOST "X_Forwarded-For: a\r\n\r\n", 400},
    /* the request line */
    {"GET  / HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET /  HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET / HTTP/1.1 \r\n" HOST "\r\n", 400},
    {" GET / HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET\t/\tHTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET /a b HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET / \r\n" HOST "\r\n", 400},
    {"GET /\r\n" HOST "\r\n", 400},
    {"GET\r\n" HOST "\r\n", 400},
    {"GET / http/1.1\r\n" HOST "\r\n", 400},
    {"GET / HTTP/1.10\r\n" HOST "\r\n", 400},
    {"GET / HTTP/1,1\r\n" HOST "\r\n", 400},
    {"GET / HTTP/1.x\r\n" HOST "\r\n", 400},
    {"GET / HTTP/2.0\r\n" HOST "\r\n", 505},
    {"PRI * HTTP/2.0\r\n\r\n", 505},
    {"GET / HTTP/1.2\r\n" HOST "\r\n", 505},
    {"GET / HTTP/0.9\r\n" HOST "\r\n", 505},
    {"get / HTTP/1.1\r\n" HOST "\r\n", 400},
    {"Post / HTTP/1.1\r\n" HOST "\r\n", 400},
    {"G(T / HTTP/1.1\r\n" HOST "\r\n", 400},
    {"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA / HTTP/1.1\r\n" HOST "\r\n", 501},
    /* targets */
    {"GET a HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET a.test:80 HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET ?a HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET * HTTP/1.1\r\n" HOST "\r\n", 400},
    {"OPTIONS ** HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET /#a HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET /\xc3\xa9 HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET ftp://a.test/ HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET http:/a.test/ HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET http:///a HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET http:// HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET http://u@a.test/ HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET http://u:p@a.test/ HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET http://a.test:80@b.test/ HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET http://a.test\\@b.test/ HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET http://a.test%00.b.test/ HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET http://a.test:/ HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET http://a.test:0/ HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET http://a.test:080/ HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET http://a.test:65536/ HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET http://b.test/ HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET http://a.test:81/ HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET https://a.test/ HTTP/1.1\r\nHost: a.test:80\r\n\r\n", 400},
    {"GET http://[::1/ HTTP/1.1\r\nHost: [::1]\r\n\r\n", 400},
    {"GET http://[1.2.3.4]/ HTTP/1.1\r\nHost: 1.2.3.4\r\n\r\n", 400},
    {"CONNECT /a HTTP/1.1\r\n" HOST "\r\n", 400},
    {"CONNECT a.test HTTP/1.1\r\n" HOST "\r\n", 400},
    {"CONNECT http://a.test:443/ HTTP/1.1\r\n" HOST "\r\n", 400},
    {"CONNECT u@a.test:443 HTTP/1.1\r\n" HOST "\r\n", 400},
    {"CONNECT a.test:443 HTTP/1.1\r\nHost: b.test:443\r\n\r\n", 400},
    {"CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:80\r\n\r\n", 400},
    {"CONNECT a.test:443 HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\n", 400},
    {"TRACE / HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n", 400},
    /* Host */
    {"GET / HTTP/1.1\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" HOST HOST "\r\n", 400},
    {"GET / HTTP/1.1\r\nHost:\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: a.test, b.test\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: a.test b\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: u@a.test\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: a.test/x\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: a.test?x\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: http://a.test\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: a.test.\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: a..test\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: a%2etest\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: a.test:\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: a.test:99999\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: a.test:http\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: 2852039166\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: 0xA9FEA9FE\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: 0251.0376.0251.0376\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: 127.1\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: ::1\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: [fe80::1%25eth0]\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: b\xc3\xbc.test\r\n\r\n", 400},
    /* framing */
    {"POST / HTTP/1.1\r\n" HOST "Content-Length: 1\r\nContent-Length: 1\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length: 1, 1\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length: +1\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length: -1\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length: 0x1\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length: 1e1\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length: 1 1\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length: 01\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length:\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length: 9223372036854775808\r\n\r\n", 413},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length: 99999999999999999999999\r\n\r\n", 413},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
     400},
    {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked, chunked\r\n\r\n", 501},
    {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n", 501},
    {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: identity\r\n\r\n", 501},
    {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: xchunked\r\n\r\n", 501},
    {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked;a=b\r\n\r\n", 501},
    {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: \"chunked\"\r\n\r\n", 501},
    {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding:\r\n\r\n", 501},
    {"POST / HTTP/1.0\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" HOST "Authorization: a\r\nAuthorization: b\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" HOST "Content-Type: a\r\nContent-Type: b\r\n\r\n", 400},
    /* Connection and Expect */
    {"GET / HTTP/1.1\r\n" HOST "Connection: Host\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" HOST "Connection: close, content-length\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" HOST "Connection: Transfer-Encoding\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" HOST "Connection: authorization\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" HOST "Connection: keep-alive\r\nConnection: cookie\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" HOST "Connection: content_type\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" HOST "Connection: a b\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" HOST "Connection: a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q\r\n\r\n", 431},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length: 1\r\nExpect: 200-ok\r\n\r\n", 417},
    {"POST / HTTP/1.1\r\n" HOST "Expect: 100-continue, x\r\n\r\n", 417},
};

static void
test_bad_requests(void)
{
    static struct writ_http1_request r;
    struct writ_http1_fault f;

    for (size_t i = 0; i < WRIT_COUNT(bad_requests); i++) {
        const struct bad *b = &bad_requests[i];
        enum writ_err e = parse_req(b->text, strlen(b->text), &r, &f);

        CHECK_ROW(e == WRIT_E_FORMAT || e == WRIT_E_LIMIT, b->text);
        CHECK_ROW(f.status == b->status && f.reason != NULL, b->text);
    }
    /* NUL cannot stand in the table */
    for (size_t i = 0; i < 33; i++) {
        char text[] = "GET / HTTP/1.1\r\nHost: a.test\r\nX: abc\r\n\r\n";

        text[i] = '\0';
        CHECK(parse_req(text, sizeof(text) - 1, &r, &f) == WRIT_E_FORMAT && f.status == 400);
    }
}

static const char *const good_requests[] = {
    "GET / HTTP/1.1\r\n" HOST "\r\n",
    "GET /a/b?c=d&e=[1]{2}|\"<> HTTP/1.1\r\nhOsT:\t a.test:8443 \t\r\nX-A:\r\n\r\n",
    "POST / HTTP/1.1\r\n" HOST "Content-Length: 9223372036854775807\r\n\r\n",
    "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: \tChunked \r\nTE: trailers, deflate\r\n\r\n",
    "GET / HTTP/1.0\r\n\r\n",
    "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\nHost: a.test\r\n\r\n",
    "GET http://A.Test HTTP/1.1\r\nHost: a.test:80\r\n\r\n",
    "GET HTTPS://a.test:443/x?y HTTP/1.1\r\nHost: a.test\r\n\r\n",
    "GET http://[2001:DB8::0001]:8080?q HTTP/1.1\r\nHost: [2001:db8::1]:8080\r\n\r\n",
    "CONNECT a.test:443 HTTP/1.1\r\nHost: a.test\r\nProxy-Connection: keep-alive\r\n\r\n",
    "CONNECT 10.0.0.1:22 HTTP/1.0\r\n\r\n",
    "OPTIONS * HTTP/1.1\r\n" HOST "\r\n",
    "M-SEARCH!#$%&'*+.^_`|~ /x HTTP/1.1\r\n" HOST "\r\n",
    "PUT / HTTP/1.1\r\n" HOST "Content-Length: 3\r\nExpect: 100-Continue\r\n\r\nabc",
    "PUT / HTTP/1.1\r\n" HOST "Content-Length: 0\r\nExpect: 100-continue\r\n\r\n",
    "GET / HTTP/1.1\r\n" HOST "Connection: upgrade, X-Gone, ,TE\r\nUpgrade: h2c\r\nx_gone: 1\r\n"
    "X-Kept: \xc3\xa9 \t b\r\nConnection: close\r\n\r\nGET ",
};

static void
test_good_requests(void)
{
    static struct writ_http1_request r;
    struct writ_http1_fault f;
    size_t i = 0;

#define NEXT                                                                                       \
    CHECK_ROW(parse_req(good_requests[i], strlen(good_requests[i]), &r, &f) == WRIT_OK,            \
              good_requests[i]);                                                                   \
    i++
    NEXT;
    CHECK(r.method == WRIT_HTTP1_GET && r.form == WRIT_HTTP1_ORIGIN && r.minor == 1);
    CHECK(r.keep_alive && !r.has_query && r.framing == WRIT_HTTP1_NO_BODY && !r.upgrade);
    CHECK(writ_span_is(r.path, "/") && strcmp(r.authority.host, "a.test") == 0);
    CHECK(r.authority.port == 0 && r.headers.count == 1 && r.head_len == strlen(good_requests[0]));
    NEXT;
    CHECK(writ_span_is(r.path, "/a/b") && r.has_query);
    CHECK(writ_span_is(r.query, "c=d&e=[1]{2}|\"<>") && r.authority.port == 8443);
    CHECK(writ_span_is(r.headers.at[0].value, "a.test:8443") && r.headers.at[1].value.len == 0);
    NEXT;
    CHECK(r.framing == WRIT_HTTP1_LENGTH && r.length == INT64_MAX);
    NEXT;
    CHECK(r.framing == WRIT_HTTP1_CHUNKED && r.te_trailers);
    NEXT;
    CHECK(r.minor == 0 && !r.keep_alive && r.authority.host_len == 0);
    NEXT;
    CHECK(r.minor == 0 && r.keep_alive && r.authority.host_len == 6);
    NEXT;
    CHECK(r.form == WRIT_HTTP1_ABSOLUTE && r.scheme == WRIT_HTTP1_HTTP && r.path.len == 0);
    CHECK(strcmp(r.authority.host, "a.test") == 0 && r.authority.addr.family == 0);
    NEXT;
    CHECK(r.scheme == WRIT_HTTP1_HTTPS && r.authority.port == 443 && writ_span_is(r.path, "/x"));
    NEXT;
    CHECK(strcmp(r.authority.host, "2001:db8::1") == 0 && r.authority.addr.family == 6);
    CHECK(r.authority.port == 8080 && r.path.len == 0 && writ_span_is(r.query, "q"));
    NEXT;
    CHECK(r.form == WRIT_HTTP1_AUTHORITY && r.method == WRIT_HTTP1_CONNECT);
    CHECK(r.authority.port == 443 && r.framing == WRIT_HTTP1_NO_BODY);
    CHECK(writ_http1_is_hop_by_hop(&r.headers.at[1]) && !writ_http1_is_hop_by_hop(r.headers.at));
    NEXT;
    CHECK(r.authority.addr.family == 4 && strcmp(r.authority.host, "10.0.0.1") == 0);
    NEXT;
    CHECK(r.form == WRIT_HTTP1_ASTERISK);
    NEXT;
    CHECK(r.method == WRIT_HTTP1_OTHER && r.method_name.len == 22);
    NEXT;
    CHECK(r.expect_continue && r.length == 3 && r.head_len + 3 == strlen(good_requests[i - 1]));
    NEXT;
    CHECK(!r.expect_continue);
    NEXT;
    CHECK(!r.keep_alive && r.upgrade && r.headers.count == 6);
    CHECK(writ_http1_is_hop_by_hop(&r.headers.at[2]) && r.headers.at[3].listed);
    CHECK(!writ_http1_is_hop_by_hop(&r.headers.at[4]));
    CHECK(writ_span_is(r.headers.at[4].value, "\xc3\xa9 \t b"));
    CHECK(writ_http1_find(&r.headers, WRIT_HTTP1_H_UPGRADE) == &r.headers.at[2]);
    CHECK(writ_http1_find(&r.headers, WRIT_HTTP1_H_COOKIE) == NULL);
    CHECK(i == WRIT_COUNT(good_requests));
#undef NEXT
}

/* Each prefix of a good head is AGAIN; fed byte by byte it parses as at once. */
static void
test_request_drip(void)
{
    static struct writ_http1_request whole;
    static struct writ_http1_request r;
    struct writ_http1_fault f;

    for (size_t i = 0; i < WRIT_COUNT(good_requests); i++) {
        const char *text = good_requests[i];
        size_t scanned = 0;
        enum writ_err e = parse_req(text, strlen(text), &whole, &f);

        CHECK_ROW(e == WRIT_OK, text);
        for (size_t n = 0; n < whole.head_len; n++) {
            if (parse_req(text, n, &r, &f) != WRIT_E_AGAIN)
                CHECK_ROW(false, text);
            if (writ_http1_parse_request(writ_span(text, n), &scanned, &r, &f) != WRIT_E_AGAIN)
                CHECK_ROW(false, text);
        }
        e = writ_http1_parse_request(writ_span(text, whole.head_len), &scanned, &r, &f);
        CHECK_ROW(e == WRIT_OK && r.head_len == whole.head_len, text);
        CHECK_ROW(r.length == whole.length && r.headers.count == whole.headers.count, text);
        CHECK_ROW(writ_span_eq(r.target, whole.target), text);
    }
    /* what is wrong at once is wrong drop by drop, at the end at the latest */
    for (size_t i = 0; i < WRIT_COUNT(bad_requests); i++) {
        const char *text = bad_requests[i].text;
        size_t scanned = 0;
        enum writ_err e = WRIT_E_AGAIN;

        for (size_t n = 0; n <= strlen(text) && e == WRIT_E_AGAIN; n++)
            e = writ_http1_parse_request(writ_span(text, n), &scanned, &r, &f);
        CHECK_ROW(e == WRIT_E_FORMAT || e == WRIT_E_LIMIT, text);
        CHECK_ROW(f.status == bad_requests[i].status, text);
    }
}

static char *
big_text(const char *head, const char *unit, size_t count, const char *tail)
{
    size_t step = strlen(unit);
    size_t len = strlen(head);
    char *s = malloc(len + step * count + strlen(tail) + 1);

    if (s == NULL)
        abort();
    memcpy(s, head, len);
    for (size_t i = 0; i < count; i++, len += step)
        memcpy(s + len, unit, step);
    memcpy(s + len, tail, strlen(tail) + 1);
    return s;
}

static void
test_request_limits(void)
{
    static const struct {
        const char *head, *unit;
        size_t count;
        const char *tail;
        unsigned status; /* 0: accepted */
    } table[] = {
        {"GET /", "a", WRIT_HTTP_TARGET_BYTES_MAX - 1, " HTTP/1.1\r\n" HOST "\r\n", 0},
        {"GET /", "a", WRIT_HTTP_TARGET_BYTES_MAX, " HTTP/1.1\r\n" HOST "\r\n", 414},
        {"GET /", "a", WRIT_HTTP_TARGET_BYTES_MAX + 100, "", 414},
        {"GET / HTTP/1.1\r\n" HOST, "X: y\r\n", WRIT_HTTP_HEADERS_MAX - 1, "\r\n", 0},
        {"GET / HTTP/1.1\r\n" HOST, "X: y\r\n", WRIT_HTTP_HEADERS_MAX, "\r\n", 431},
        {"GET / HTTP/1.1\r\n" HOST "X: ", "y", WRIT_HTTP_HEAD_BYTES_MAX - 37, "\r\n\r\n", 0},
        {"GET / HTTP/1.1\r\n" HOST "X: ", "y", WRIT_HTTP_HEAD_BYTES_MAX - 36, "\r\n\r\n", 431},
        {"GET / HTTP/1.1\r\n" HOST "X: ", "y", WRIT_HTTP_HEAD_BYTES_MAX, "", 431},
    };
    static struct writ_http1_request r;
    struct writ_http1_fault f;

    for (size_t i = 0; i < WRIT_COUNT(table); i++) {
        char *s = big_text(table[i].head, table[i].unit, table[i].count, table[i].tail);
        enum writ_err e = parse_req(s, strlen(s), &r, &f);
        char row[32];

        (void)snprintf(row, sizeof(row), "limit row %zu", i);
        CHECK_ROW(table[i].status == 0 ? e == WRIT_OK
                                       : e == WRIT_E_LIMIT && f.status == table[i].status,
                  row);
        free(s);
    }
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
            CHECK_ROW(e == WRIT_OK && r.status == row->status, row->text);
            CHECK_ROW(r.framing == row->framing && r.length == row->length, row->text);
            CHECK_ROW(r.keep_alive == row->keep_alive, row->text);
            CHECK_ROW(r.interim == (r.status == 100 || r.status == 103), row->text);
            CHECK_ROW(r.upgrade == (r.status == 101), row->text);
            for (size_t n = 0, head = r.head_len; n < head; n++) {
                scanned = 0;
                if (writ_http1_parse_response(writ_span(bytes, n), &scanned, row->method, &r, &f) !=
                    WRIT_E_AGAIN)
                    CHECK_ROW(false, row->text);
            }
        }
        free(bytes);
    }
}

/* Each table against the grammar it stands for. */
static void
test_tables(void)
{
    for (int c = 0; c < 256; c++) {
        bool token = c > 0 && c < 128 && (isalnum(c) || strchr("!#$%&'*+-.^_`|~", c) != NULL);
        bool unreserved = c > 0 && c < 128 && (isalnum(c) || strchr("-._~", c) != NULL);
        bool pchar = unreserved || (c > 0 && c < 128 && strchr("!$&'()*+,;=:@", c) != NULL);
        unsigned flags = writ_http1_chars[c];
        uint8_t fold = 0;

        if (token)
            fold = isalnum(c) ? (uint8_t)tolower(c) : '-';
        CHECK(writ_http1_fold[c] == fold);
        CHECK(((flags & WRIT_HTTP1_C_TARGET) != 0) == (c > 0x20 && c < 0x7f && c != '#'));
        CHECK(((flags & WRIT_HTTP1_C_UNRESERVED) != 0) == unreserved);
        CHECK(((flags & WRIT_HTTP1_C_PCHAR) != 0) == pchar);
        CHECK(((flags & WRIT_HTTP1_C_VALUE) != 0) == (c == '\t' || (c >= 0x20 && c != 0x7f)));
        CHECK(((flags & WRIT_HTTP1_C_NAME) != 0) == (c < 128 && (isalnum(c) || c == '-')));
        CHECK((writ_http1_hex[c] < 16) == (c < 128 && isxdigit(c) != 0));
    }
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

            memcpy(text, value, strlen(value));
            text[33 + at] = (char)c;
            ok = parse_req(text, strlen(value), &r, &f) == WRIT_OK;
            CHECK(ok == ((writ_http1_chars[c] & WRIT_HTTP1_C_VALUE) != 0));
            memcpy(text, target, strlen(target));
            text[5 + at] = (char)c;
            ok = parse_req(text, strlen(target), &r, &f) == WRIT_OK;
            CHECK(ok == ((writ_http1_chars[c] & WRIT_HTTP1_C_TARGET) != 0));
            memcpy(text, name, strlen(name));
            text[31 + at] = (char)c;
            ok = parse_req(text, strlen(name), &r, &f) == WRIT_OK;
            CHECK(ok == (writ_http1_fold[c] != 0 || c == ':'));
        }
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
    for (unsigned id = 1; id < WRIT_HTTP1_H_MAX; id++) {
        const char *text = writ_http1_name_text(id);
        char upper[32] = "";

        for (size_t i = 0; text[i] != '\0'; i++)
            upper[i] = (char)toupper((unsigned char)text[i]);
        CHECK_ROW(writ_http1_name_id((const uint8_t *)text, strlen(text)) == id, text);
        CHECK_ROW(writ_http1_plain_name_id((const uint8_t *)upper, strlen(upper)) == id, text);
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
    test_bad_requests();
    test_good_requests();
    test_request_drip();
    test_request_limits();
    test_responses();
    test_every_byte();
    test_write();
    return test_end();
}
