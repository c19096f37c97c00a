#include <stdlib.h>

#include "proto/http1_path.h"
#include "test.h"

static enum writ_err
canonical(struct writ_span raw, unsigned flags, struct writ_buf *b, struct writ_http1_path *info)
{
    struct writ_http1_fault f = {.reason = NULL};
    enum writ_err e;

    writ_buf_reset(b);
    writ_buf_put_str(b, "before");
    e = writ_http1_path_canonical(raw, flags, b, info, &f);
    CHECK(e == WRIT_OK || (f.reason != NULL && f.status >= 400));
    CHECK(e == WRIT_OK || (writ_span_is(writ_buf_span(b), "before") && !b->failed));
    writ_buf_consume(b, 6);
    return e;
}

static void
test_good_paths(void)
{
    static const struct {
        const char *raw;
        const char *want;
        size_t segments;
        bool slash, reserved;
    } table[] = {
        {"", "/", 0, true, false},
        {"/", "/", 0, true, false},
        {"/a", "/a", 1, false, false},
        {"/a/", "/a/", 1, true, false},
        {"/a/b.c/d-e_f~g", "/a/b.c/d-e_f~g", 3, false, false},
        {"/%61%42%2d%2E%5f%7e9", "/aB-._~9", 1, false, false},
        {"/a%20b%3a%2f", NULL, 0, false, false},
        {"/a%20b", "/a%20b", 1, false, false},
        {"/a%3ab%40", "/a:b@", 1, false, false},
        {"/%21%24%26%27%28%29%2a%2c%3d", "/!$&'()*,=", 1, false, false},
        {"/a%2bb+c", "/a%2Bb+c", 1, false, true},
        {"/a:b@c!$&'()*+,=", "/a:b@c!$&'()*+,=", 1, false, false},
        {"/%c3%a9/%E2%82%ac/%f0%9f%98%80", "/%C3%A9/%E2%82%AC/%F0%9F%98%80", 3, false, false},
        {"/.well-known/x", "/.well-known/x", 2, false, false},
        {"/...", "/...", 1, false, false},
        {"/..a/.b/c..", "/..a/.b/c..", 3, false, false},
        {"/a..b", "/a..b", 1, false, false},
        {"/a%25b", "/a%25b", 1, false, false},
        {"/100%25", "/100%25", 1, false, false},
        {"/a%2541", "/a%2541", 1, false, false},
        {"/a%3Fb%23c", "/a%3Fb%23c", 1, false, true},
        {"/%7B%7C%22%5B", "/%7B%7C%22%5B", 1, false, true},
        {"/a%3bb", "/a%3Bb", 1, false, true},
        {"/%EF%BF%BF", "/%EF%BF%BF", 1, false, false},
        {"/%C2%A0", "/%C2%A0", 1, false, false},
        {"/%F4%8F%BF%BF", "/%F4%8F%BF%BF", 1, false, false},
    };
    WRIT_BUF_AUTO struct writ_buf b;
    struct writ_http1_path info;

    writ_buf_init(&b, 4096);
    for (size_t i = 0; i < WRIT_COUNT(table); i++) {
        enum writ_err e = canonical(writ_span_str(table[i].raw), 0, &b, &info);

        CHECK_ROW((e == WRIT_OK) == (table[i].want != NULL), table[i].raw);
        if (e != WRIT_OK || table[i].want == NULL)
            continue;
        CHECK_ROW(writ_span_is(writ_buf_span(&b), table[i].want), table[i].raw);
        CHECK_ROW(info.segments == table[i].segments, table[i].raw);
        CHECK_ROW(info.trailing_slash == table[i].slash, table[i].raw);
        CHECK_ROW(info.reserved_escapes == table[i].reserved, table[i].raw);
    }
}

static void
test_canonical_queries(void)
{
    static const char *const table[][2] = {
        {"", ""},
        {"a=b&c", "a=b&c"},
        {"format=%65xport", "format=export"},
        {"%66%6F%72%6D=%7e%2d", "form=~-"},
        {"u=http%3a%2f%2fx%3fy%40%28%29%2A%2c%21%24%27", "u=http://x?y@()*,!$'"},
        {"a%26b=%3D%3b%2b+%20;", "a%26b=%3D%3B%2B+%20;"},
        {"f[a]=%5bx%5D", "f%5Ba%5D=%5Bx%5D"},
        {"q=\"<{|}^`\\>", "q=%22%3C%7B%7C%7D%5E%60%5C%3E"},
        {"%c3%a9=%FF%25%2541", "%C3%A9=%FF%25%2541"},
        {"a=%23", "a=%23"},
    };
    static const char *const bad[] = {"%", "a%4", "a=%g0", "a=%00", "a%0a=b", "a#b", "a b"};
    WRIT_BUF_AUTO struct writ_buf b;
    WRIT_BUF_AUTO struct writ_buf again;
    struct writ_http1_fault fault;

    writ_buf_init(&b, 64);
    writ_buf_init(&again, 64);
    for (size_t i = 0; i < WRIT_COUNT(table); i++) {
        writ_buf_reset(&b);
        writ_buf_reset(&again);
        CHECK_ROW(writ_http1_query_canonical(writ_span_str(table[i][0]), &b, &fault) == WRIT_OK,
                  table[i][0]);
        CHECK_ROW(writ_span_is(writ_buf_span(&b), table[i][1]), table[i][0]);
        CHECK_ROW(writ_http1_query_canonical(writ_buf_span(&b), &again, &fault) == WRIT_OK &&
                      writ_span_is(writ_buf_span(&again), table[i][1]),
                  table[i][0]);
    }
    for (size_t i = 0; i < WRIT_COUNT(bad); i++) {
        CHECK_ROW(writ_http1_query_canonical(writ_span_str(bad[i]), &b, &fault) == WRIT_E_FORMAT,
                  bad[i]);
    }
    writ_buf_reset(&b);
    CHECK(writ_http1_query_canonical(writ_span_str("[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["), &b,
                                     &fault) == WRIT_E_LIMIT);
    CHECK(fault.status == 414 && writ_buf_len(&b) == 0 && !b.failed);
}

static void
test_bad_paths(void)
{
    static const char *const bad[] = {
        "a", "*", "http://a/", "?", "//", "//a", "/a//b", "/a//", "/a/b//",
        /* dots, in every disguise */
        "/.", "/..", "/a/.", "/a/..", "/a/./b", "/a/../b", "/./", "/../", "/%2e", "/%2E%2e",
        "/.%2e", "/%2e.", "/a/%2e%2e/b", "/..;", "/..;a=b/c", "/.;/", "/%2e%2e;x", "/..%3b",
        "/..%3Bx/a", "/..%20", "/.%20%20/a",
        /* slashes */
        "/a%2fb", "/a%2Fb", "/%2f", "/a%5cb", "/a%5Cb", "/a\\b", "\\a", "/..%2f", "/..%5c",
        /* controls */
        "/a%00", "/%00", "/a%0ab", "/a%0D%0A", "/a%09", "/a%1f", "/a%7f", "/a\x01", "/a\x7f",
        "/a b", "/a\tb", "/a\r\n", "/%c2%80", "/%c2%9b",
        /* escapes */
        "/%", "/a%", "/a%4", "/a%g1", "/a%1g", "/a%u0041", "/a%%41", "/%-1", "/a% 1", "/%2",
        "/%2/e",
        /* decoded twice */
        "/%252e%252e/a", "/%252E", "/a%252fb", "/a%252Fb", "/a%255cb", "/a%2500", "/a%250a",
        "/a%25%32%66", "/%25%32%65", "/a%252%66", "/a%25252f", "/a%2525252e", "/a%257f", "/a%253b",
        "/%25c0%25ae", "/%25e0%2580%25af",
        /* no UTF-8 */
        "/%c0%ae", "/%c0%af", "/%c1%9c", "/%e0%80%af", "/%f0%80%80%af", "/%80", "/%bf", "/%c3",
        "/%c3/%a9", "/%c3a9", "/%c3%28", "/%ed%a0%80", "/%f4%90%80%80", "/%f5%80%80%80", "/%ff",
        "/%fe", "/%e2%82", "/%f0%9f%98", "/\xc3\xa9", "/%c3\xa9",
        /* characters that no path has */
        "/a?b", "/a#b", "/a[b", "/a]b", "/a{b", "/a}b", "/a|b", "/a^b", "/a`b", "/a\"b", "/a<b",
        "/a>b",
        /* parameters */
        "/a;b", "/a;", "/;", "/a;b=c/d", "/a/;/b"};
    WRIT_BUF_AUTO struct writ_buf b;
    struct writ_http1_path info;

    writ_buf_init(&b, 4096);
    for (size_t i = 0; i < WRIT_COUNT(bad); i++) {
        size_t len = strlen(bad[i]);
        uint8_t *copy = malloc(len);

        if (copy == NULL)
            abort();
        memcpy(copy, bad[i], len);
        CHECK_ROW(canonical(writ_span(copy, len), 0, &b, &info) == WRIT_E_FORMAT, bad[i]);
        free(copy);
    }
    CHECK(canonical(writ_span("/a\0b", 4), 0, &b, &info) == WRIT_E_FORMAT);
    CHECK(canonical(writ_span_str("/a;b=c/d"), WRIT_HTTP1_PATH_PARAMS, &b, &info) == WRIT_OK);
    CHECK(writ_span_is(writ_buf_span(&b), "/a;b=c/d"));
    CHECK(canonical(writ_span_str("/..;b/d"), WRIT_HTTP1_PATH_PARAMS, &b, &info) == WRIT_E_FORMAT);
    /* no room: nothing is left behind, and it is said */
    writ_buf_done(&b);
    writ_buf_init(&b, 16);
    CHECK(canonical(writ_span_str("/aaaaaaaaaaaaaaaaaaaaaaaa"), 0, &b, &info) == WRIT_E_LIMIT);
}

static void
test_path_next(void)
{
    struct writ_span rest = writ_span_str("/a/b%20c/d/");
    struct writ_span s;
    WRIT_BUF_AUTO struct writ_buf b;

    CHECK(writ_http1_path_next(&rest, &s) && writ_span_is(s, "a"));
    CHECK(writ_http1_path_next(&rest, &s) && writ_span_is(s, "b%20c"));
    writ_buf_init(&b, 64);
    CHECK(writ_http1_unescape(s, false, &b) && writ_span_is(writ_buf_span(&b), "b c"));
    CHECK(writ_http1_path_next(&rest, &s) && writ_span_is(s, "d"));
    CHECK(!writ_http1_path_next(&rest, &s));
    rest = writ_span_str("/");
    CHECK(!writ_http1_path_next(&rest, &s));
    CHECK(!writ_http1_unescape(writ_span_str("a%2"), false, &b));
    CHECK(!writ_http1_unescape(writ_span_str("%"), false, &b));
    writ_buf_reset(&b);
    CHECK(writ_http1_unescape(writ_span_str("a+%2B"), true, &b));
    CHECK(writ_span_is(writ_buf_span(&b), "a +"));
}

static void
test_query_check(void)
{
    static const char *const good[] = {
        "",   "a=b", "a=b&c=d",   "a",           "a=%0A",    "a=[1]{2}|", "a='\"<>\\^`",  "a=b;c=d",
        "&&", "=",   "a%20b=c+d", "a=%25%32%30", "a=%c3%28", "a?b=/c",    "q=a%3Db%26c=d"};
    static const char *const bad[] = {
        "a=\x01", "a=\x7f", "a= b",       "a#b",   "a=%",   "a=%4", "a=%zz",  "a%",         "%",
        "a=\xc3", "a%0a=b", "a=b&c%0d=d", "a=%00", "%7f=a", "a\n",  "a=%u41", "a=b\r\nX: y"};
    struct writ_http1_fault f;

    for (size_t i = 0; i < WRIT_COUNT(good); i++)
        CHECK_ROW(writ_http1_query_check(writ_span_str(good[i]), &f) == WRIT_OK, good[i]);
    for (size_t i = 0; i < WRIT_COUNT(bad); i++)
        CHECK_ROW(writ_http1_query_check(writ_span_str(bad[i]), &f) == WRIT_E_FORMAT, bad[i]);
    CHECK(writ_http1_query_check(writ_span("a\0b", 3), &f) == WRIT_E_FORMAT);
}

static enum writ_http1_match
worst_query(const char *query, const char *name)
{
    struct writ_span rest = writ_span_str(query);
    struct writ_http1_pair p;
    enum writ_http1_match worst = WRIT_HTTP1_MATCH_NO;

    while (writ_http1_query_next(&rest, &p)) {
        enum writ_http1_match m = writ_http1_query_match(&p, writ_span_str(name));

        worst = m > worst ? m : worst;
    }
    return worst;
}

static void
test_query_match(void)
{
    static const struct {
        const char *query;
        enum writ_http1_match want;
    } table[] = {
        {"", WRIT_HTTP1_MATCH_NO},
        {"a=b&c", WRIT_HTTP1_MATCH_NO},
        {"api_ke=1&api_keys=2&xapi_key=3", WRIT_HTTP1_MATCH_NO},
        {"q=api_key", WRIT_HTTP1_MATCH_NO},
        {"q=api_key%3D1", WRIT_HTTP1_MATCH_NO},
        {"%2561pi_key=1", WRIT_HTTP1_MATCH_NO},
        {"a=b;c=d", WRIT_HTTP1_MATCH_NO},
        {"api_key=1", WRIT_HTTP1_MATCH_YES},
        {"api_key", WRIT_HTTP1_MATCH_YES},
        {"api_key=", WRIT_HTTP1_MATCH_YES},
        {"a=b&api_key=1&c", WRIT_HTTP1_MATCH_YES},
        {"%61pi_key=1", WRIT_HTTP1_MATCH_YES},
        {"%61%70%69%5F%6b%65%79=1", WRIT_HTTP1_MATCH_YES},
        {"api_key=1;b=2", WRIT_HTTP1_MATCH_YES},
        {"API_KEY=1", WRIT_HTTP1_MATCH_AMBIGUOUS},
        {"Api_Key=1", WRIT_HTTP1_MATCH_AMBIGUOUS},
        {"api.key=1", WRIT_HTTP1_MATCH_AMBIGUOUS},
        {"api+key=1", WRIT_HTTP1_MATCH_AMBIGUOUS},
        {"api%20key=1", WRIT_HTTP1_MATCH_AMBIGUOUS},
        {"api[key=1", WRIT_HTTP1_MATCH_AMBIGUOUS},
        {"api_key[]=1", WRIT_HTTP1_MATCH_AMBIGUOUS},
        {"api_key%5B0%5D=1", WRIT_HTTP1_MATCH_AMBIGUOUS},
        {"+api_key=1", WRIT_HTTP1_MATCH_AMBIGUOUS},
        {"%20%09api_key=1", WRIT_HTTP1_MATCH_AMBIGUOUS},
        {"api_key+=1", WRIT_HTTP1_MATCH_AMBIGUOUS},
        {"api_key%00x=1", WRIT_HTTP1_MATCH_AMBIGUOUS},
        {"=api_key=1", WRIT_HTTP1_MATCH_AMBIGUOUS},
        {"api_key%3D=1", WRIT_HTTP1_MATCH_AMBIGUOUS},
        {"a=b;api_key=1", WRIT_HTTP1_MATCH_AMBIGUOUS},
        {"a;api_key=1", WRIT_HTTP1_MATCH_AMBIGUOUS},
        {"a=b;%61pi_key=1", WRIT_HTTP1_MATCH_AMBIGUOUS},
        {"a=b&amp;api_key=1", WRIT_HTTP1_MATCH_AMBIGUOUS},
        {"api_key;b=2", WRIT_HTTP1_MATCH_AMBIGUOUS},
        {"a;b;c;API_key", WRIT_HTTP1_MATCH_AMBIGUOUS},
    };
    struct writ_span rest = writ_span_str("&a=b&&c&=d&e=f=g&");
    struct writ_http1_pair p;

    for (size_t i = 0; i < WRIT_COUNT(table); i++)
        CHECK_ROW(worst_query(table[i].query, "api_key") == table[i].want, table[i].query);
    CHECK(writ_http1_query_next(&rest, &p) && writ_span_is(p.key, "a") &&
          writ_span_is(p.value, "b") && p.has_value && writ_span_is(p.raw, "a=b"));
    CHECK(writ_http1_query_next(&rest, &p) && writ_span_is(p.key, "c") && !p.has_value);
    CHECK(writ_http1_query_next(&rest, &p) && p.key.len == 0 && writ_span_is(p.value, "d"));
    CHECK(writ_http1_query_next(&rest, &p) && writ_span_is(p.value, "f=g"));
    CHECK(!writ_http1_query_next(&rest, &p));
}

static enum writ_http1_match
worst_cookie(const char *cookies, const char *name)
{
    struct writ_span rest = writ_span_str(cookies);
    struct writ_http1_pair p;
    enum writ_http1_match worst = WRIT_HTTP1_MATCH_NO;

    while (writ_http1_cookie_next(&rest, &p)) {
        enum writ_http1_match m = writ_http1_cookie_match(&p, writ_span_str(name));

        worst = m > worst ? m : worst;
    }
    return worst;
}

static void
test_cookies(void)
{
    static const struct {
        const char *cookies;
        enum writ_http1_match want;
    } table[] = {
        {"", WRIT_HTTP1_MATCH_NO},
        {"a=b; c=d", WRIT_HTTP1_MATCH_NO},
        {"a=sid; xsid=1; sidx=2", WRIT_HTTP1_MATCH_NO},
        {"a=\"b\"", WRIT_HTTP1_MATCH_NO},
        {"a=b,c=d", WRIT_HTTP1_MATCH_NO},
        {"sid=1", WRIT_HTTP1_MATCH_YES},
        {"a=b;sid=1", WRIT_HTTP1_MATCH_YES},
        {"a=b; \tsid=1 ; c=d", WRIT_HTTP1_MATCH_YES},
        {"sid", WRIT_HTTP1_MATCH_YES},
        {"SID=1", WRIT_HTTP1_MATCH_AMBIGUOUS},
        {"s%69d=1", WRIT_HTTP1_MATCH_AMBIGUOUS},
        {"sid =1", WRIT_HTTP1_MATCH_AMBIGUOUS},
        {"=sid=1", WRIT_HTTP1_MATCH_AMBIGUOUS},
        {"sid[]=1", WRIT_HTTP1_MATCH_AMBIGUOUS},
        {"a=b,sid=1", WRIT_HTTP1_MATCH_AMBIGUOUS},
        {"a=b, sid=1", WRIT_HTTP1_MATCH_AMBIGUOUS},
        {"a=b sid=1", WRIT_HTTP1_MATCH_AMBIGUOUS},
        {"a=\"x; sid=1; y=\"", WRIT_HTTP1_MATCH_AMBIGUOUS},
        {"\"sid\"=1", WRIT_HTTP1_MATCH_AMBIGUOUS},
        {"a=x\"y", WRIT_HTTP1_MATCH_AMBIGUOUS},
    };
    struct writ_span rest = writ_span_str(" ;a = b=c ; d;");
    struct writ_http1_pair p;

    for (size_t i = 0; i < WRIT_COUNT(table); i++)
        CHECK_ROW(worst_cookie(table[i].cookies, "sid") == table[i].want, table[i].cookies);
    CHECK(writ_http1_cookie_next(&rest, &p) && writ_span_is(p.raw, "a = b=c"));
    CHECK(writ_span_is(p.key, "a ") && writ_span_is(p.value, " b=c"));
    CHECK(writ_http1_cookie_next(&rest, &p) && writ_span_is(p.key, "d") && !p.has_value);
    CHECK(!writ_http1_cookie_next(&rest, &p));
}

int
main(void)
{
    test_good_paths();
    test_canonical_queries();
    test_bad_paths();
    test_path_next();
    test_query_check();
    test_query_match();
    test_cookies();
    return test_end();
}
