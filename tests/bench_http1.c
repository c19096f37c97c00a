/*
 * bench_http1.c - nanoseconds of CPU time per message head; run with meson test --benchmark.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "proto/http1.h"
#include "proto/http1_path.h"

enum { BENCH_ROUNDS = 500000 };

static const char request_text[] =
    "GET /repos/acme/widgets/issues?state=open&per_page=50&page=2 HTTP/1.1\r\n"
    "Host: api.tracker.test\r\nUser-Agent: python-requests/2.28.1\r\n"
    "Accept-Encoding: gzip, deflate, br\r\nAccept: application/vnd.github+json\r\n"
    "Connection: keep-alive\r\nX-GitHub-Api-Version: 2022-11-28\r\n"
    "Authorization: Bearer surrogate-0123456789abcdef\r\nContent-Type: application/json\r\n"
    "Content-Length: 0\r\nCookie: session=abcdef0123456789; theme=dark\r\n\r\n";
static const char response_text[] =
    "HTTP/1.1 200 OK\r\nServer: nginx\r\nDate: Sun, 22 Nov 2026 00:20:38 GMT\r\n"
    "Content-Type: application/json; charset=utf-8\r\nContent-Length: 1024\r\n"
    "Connection: keep-alive\r\nETag: \"abcdef\"\r\nCache-Control: private, max-age=60\r\n"
    "Vary: Accept, Authorization, Cookie\r\nX-RateLimit-Limit: 5000\r\n"
    "X-Request-Id: 1234:5678\r\n\r\n";

static bool
bench_request(void)
{
    static struct writ_http1_request r;
    struct writ_http1_fault f;
    size_t scanned = 0;

    return writ_http1_parse_request(writ_span(request_text, sizeof(request_text) - 1), &scanned, &r,
                                    &f) == WRIT_OK;
}

static bool
bench_response(void)
{
    static struct writ_http1_response r;
    struct writ_http1_fault f;
    size_t scanned = 0;

    return writ_http1_parse_response(writ_span(response_text, sizeof(response_text) - 1), &scanned,
                                     WRIT_HTTP1_GET, &r, &f) == WRIT_OK;
}

static bool
bench_path(void)
{
    static struct writ_buf b;
    struct writ_http1_path info;
    struct writ_http1_fault f;

    b.cap = WRIT_HTTP_TARGET_BYTES_MAX;
    writ_buf_reset(&b);
    return writ_http1_path_canonical(writ_span_str("/repos/acme/widgets/issues/%7Eme"), 0, &b,
                                     &info, &f) == WRIT_OK;
}

static double
now_ns(void)
{
    struct timespec t;

    if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t) != 0)
        return 0;
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static bool
bench(const char *name, size_t bytes, bool (*run)(void))
{
    double begin = now_ns();

    for (unsigned i = 0; i < BENCH_ROUNDS; i++) {
        if (!run())
            return false;
    }
    (void)printf("%-10s %4zu bytes %7.1f ns\n", name, bytes, (now_ns() - begin) / BENCH_ROUNDS);
    return true;
}

int
main(void)
{
    bool ok = bench("request", sizeof(request_text) - 1, bench_request) &&
              bench("response", sizeof(response_text) - 1, bench_response) &&
              bench("path", strlen("/repos/acme/widgets/issues/%7Eme"), bench_path);

    return ok ? 0 : 1;
}
