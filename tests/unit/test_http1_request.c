#include <stdlib.h>

#include "proto/http1.h"
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
good(size_t i, struct writ_http1_request *ret)
{
    struct writ_http1_fault f;

    CHECK_ROW(parse_req(good_requests[i], strlen(good_requests[i]), ret, &f) == WRIT_OK,
              good_requests[i]);
}

static void
test_good_plain(void)
{
    static struct writ_http1_request r;

    good(0, &r);
    CHECK(r.method == WRIT_HTTP1_GET && r.form == WRIT_HTTP1_ORIGIN && r.minor == 1);
    CHECK(r.keep_alive && !r.has_query && r.framing == WRIT_HTTP1_NO_BODY && !r.upgrade);
    CHECK(writ_span_is(r.path, "/") && strcmp(r.authority.host, "a.test") == 0);
    CHECK(r.authority.port == 0 && r.headers.count == 1 && r.head_len == strlen(good_requests[0]));
    good(1, &r);
    CHECK(writ_span_is(r.path, "/a/b") && r.has_query);
    CHECK(writ_span_is(r.query, "c=d&e=[1]{2}|\"<>") && r.authority.port == 8443);
    CHECK(writ_span_is(r.headers.at[0].value, "a.test:8443") && r.headers.at[1].value.len == 0);
    good(2, &r);
    CHECK(r.framing == WRIT_HTTP1_LENGTH && r.length == INT64_MAX);
    good(3, &r);
    CHECK(r.framing == WRIT_HTTP1_CHUNKED && r.te_trailers);
}

static void
test_good_old(void)
{
    static struct writ_http1_request r;

    good(4, &r);
    CHECK(r.minor == 0 && !r.keep_alive && r.authority.host_len == 0);
    good(5, &r);
    CHECK(r.minor == 0 && r.keep_alive && r.authority.host_len == 6);
}

static void
test_good_absolute(void)
{
    static struct writ_http1_request r;

    good(6, &r);
    CHECK(r.form == WRIT_HTTP1_ABSOLUTE && r.scheme == WRIT_HTTP1_HTTP && r.path.len == 0);
    CHECK(strcmp(r.authority.host, "a.test") == 0 && r.authority.addr.family == 0);
    good(7, &r);
    CHECK(r.scheme == WRIT_HTTP1_HTTPS && r.authority.port == 443 && writ_span_is(r.path, "/x"));
    good(8, &r);
    CHECK(strcmp(r.authority.host, "2001:db8::1") == 0 && r.authority.addr.family == 6);
    CHECK(r.authority.port == 8080 && r.path.len == 0 && writ_span_is(r.query, "q"));
}

static void
test_good_others(void)
{
    static struct writ_http1_request r;

    good(9, &r);
    CHECK(r.form == WRIT_HTTP1_AUTHORITY && r.method == WRIT_HTTP1_CONNECT);
    CHECK(r.authority.port == 443 && r.framing == WRIT_HTTP1_NO_BODY);
    CHECK(writ_http1_is_hop_by_hop(&r.headers.at[1]) && !writ_http1_is_hop_by_hop(r.headers.at));
    good(10, &r);
    CHECK(r.authority.addr.family == 4 && strcmp(r.authority.host, "10.0.0.1") == 0);
    good(11, &r);
    CHECK(r.form == WRIT_HTTP1_ASTERISK);
    good(12, &r);
    CHECK(r.method == WRIT_HTTP1_OTHER && r.method_name.len == 22);
}

static void
test_good_hops(void)
{
    static struct writ_http1_request r;

    good(13, &r);
    CHECK(r.expect_continue && r.length == 3 && r.head_len + 3 == strlen(good_requests[13]));
    good(14, &r);
    CHECK(!r.expect_continue);
    good(15, &r);
    CHECK(!r.keep_alive && r.upgrade && r.headers.count == 6);
    CHECK(writ_http1_is_hop_by_hop(&r.headers.at[2]) && r.headers.at[3].listed);
    CHECK(!writ_http1_is_hop_by_hop(&r.headers.at[4]));
    CHECK(writ_span_is(r.headers.at[4].value, "\xc3\xa9 \t b"));
    CHECK(writ_http1_find(&r.headers, WRIT_HTTP1_H_UPGRADE) == &r.headers.at[2]);
    CHECK(writ_http1_find(&r.headers, WRIT_HTTP1_H_COOKIE) == NULL);
}

/* Heads as programs send them, recorded. */
static const char *const recorded[][2] = {
    {"curl", "PUT /put HTTP/1.1\r\n"
             "Host: api.tracker.test\r\n"
             "User-Agent: curl/7.88.1\r\n"
             "Accept: */*\r\n"
             "Transfer-Encoding: chunked\r\n"
             "Expect: 100-continue\r\n"
             "\r\n"},
    {"curl, proxy with TLS", "CONNECT api.tracker.test:443 HTTP/1.1\r\n"
                             "Host: api.tracker.test:443\r\n"
                             "User-Agent: curl/7.88.1\r\n"
                             "Proxy-Connection: Keep-Alive\r\n"
                             "\r\n"},
    {"wget, proxy", "GET http://api.tracker.test/w HTTP/1.1\r\n"
                    "Host: api.tracker.test\r\n"
                    "User-Agent: Wget/1.21.3\r\n"
                    "Accept: */*\r\n"
                    "Accept-Encoding: identity\r\n"
                    "Connection: Keep-Alive\r\n"
                    "Proxy-Connection: Keep-Alive\r\n"
                    "\r\n"},
    {"urllib", "GET /u?q=a+b HTTP/1.1\r\n"
               "Accept-Encoding: identity\r\n"
               "Host: api.tracker.test\r\n"
               "User-Agent: Python-urllib/3.11\r\n"
               "Connection: close\r\n"
               "\r\n"},
    {"http.client, tunnel", "CONNECT api.tracker.test:443 HTTP/1.0\r\n"
                            "\r\n"},
    {"http.client, iterator", "POST /c HTTP/1.1\r\n"
                              "Host: api.tracker.test\r\n"
                              "Accept-Encoding: identity\r\n"
                              "Transfer-Encoding: chunked\r\n"
                              "\r\n"},
    {"requests", "POST /f HTTP/1.1\r\n"
                 "Host: api.tracker.test\r\n"
                 "User-Agent: python-requests/2.34.2\r\n"
                 "Accept-Encoding: gzip, deflate\r\n"
                 "Accept: */*\r\n"
                 "Connection: keep-alive\r\n"
                 "Content-Length: 135\r\n"
                 "Content-Type: multipart/form-data; boundary=ed9d287de2f95d34702859055ba6a576\r\n"
                 "\r\n"},
    {"git", "GET /r.git/info/refs?service=git-upload-pack HTTP/1.1\r\n"
            "Host: api.tracker.test\r\n"
            "User-Agent: git/2.39.5\r\n"
            "Accept: */*\r\n"
            "Accept-Encoding: deflate, gzip, br, zstd\r\n"
            "Accept-Language: C, *;q=0.9\r\n"
            "Pragma: no-cache\r\n"
            "Git-Protocol: version=2\r\n"
            "\r\n"},
    {"fetch of node", "POST /n?a={b}|c HTTP/1.1\r\n"
                      "host: api.tracker.test\r\n"
                      "connection: keep-alive\r\n"
                      "cookie: a=b\r\n"
                      "content-type: text/plain;charset=UTF-8\r\n"
                      "accept: */*\r\n"
                      "accept-language: *\r\n"
                      "sec-fetch-mode: cors\r\n"
                      "user-agent: node\r\n"
                      "accept-encoding: gzip, deflate\r\n"
                      "content-length: 1\r\n"
                      "\r\n"},
};

static void
test_recorded(void)
{
    static struct writ_http1_request r;
    struct writ_http1_fault f;

    for (size_t i = 0; i < WRIT_COUNT(recorded); i++) {
        enum writ_err e = parse_req(recorded[i][1], strlen(recorded[i][1]), &r, &f);

        CHECK_ROW(e == WRIT_OK, recorded[i][0]);
        CHECK_ROW(strcmp(r.authority.host, "api.tracker.test") == 0, recorded[i][0]);
    }
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
}

/* What is wrong at once is wrong drop by drop, at the end at the latest. */
static void
test_bad_drip(void)
{
    static struct writ_http1_request r;
    struct writ_http1_fault f;

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

/* Text without its NUL. */
static void
put(char *to, const char *from, size_t len)
{
    for (size_t i = 0; i < len; i++)
        to[i] = from[i];
}

static char *
big_text(const char *head, const char *unit, size_t count, const char *tail)
{
    size_t step = strlen(unit);
    size_t len = strlen(head);
    char *s = malloc(len + step * count + strlen(tail) + 1);

    if (s == NULL)
        abort();
    put(s, head, len);
    for (size_t i = 0; i < count; i++, len += step)
        put(s + len, unit, step);
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

int
main(void)
{
    test_bad_requests();
    test_good_plain();
    test_good_old();
    test_good_absolute();
    test_good_others();
    test_good_hops();
    test_recorded();
    test_request_drip();
    test_bad_drip();
    test_request_limits();
    return test_end();
}
