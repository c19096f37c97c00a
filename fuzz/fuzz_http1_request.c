#include <stdlib.h>

#include "proto/http1.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool ok)
{
    if (!ok)
        abort();
}

static bool
inside(struct writ_span s, struct writ_span in)
{
    return s.len == 0 || (s.ptr >= in.ptr && s.len <= (size_t)(in.ptr + in.len - s.ptr));
}

static void
check(const struct writ_http1_request *r, struct writ_span in)
{
    struct writ_span head = writ_span(in.ptr, r->head_len);
    unsigned hosts = 0;

    must(r->head_len <= in.len && r->head_len >= strlen("A / HTTP/1.0\r\n\r\n"));
    must(memcmp(in.ptr + r->head_len - 4, "\r\n\r\n", 4) == 0);
    must(inside(r->target, head) && inside(r->path, head) && inside(r->query, head));
    must(writ_http1_is_token(r->method_name));
    must(r->headers.count <= WRIT_HTTP_HEADERS_MAX);
    for (size_t i = 0; i < r->headers.count; i++) {
        const struct writ_http1_header *h = &r->headers.at[i];

        must(inside(h->name, head) && inside(h->value, head));
        must(writ_http1_is_token(h->name) && writ_http1_is_value(h->value));
        must(h->id < WRIT_HTTP1_H_MAX && writ_http1_find(&r->headers, h->id) != NULL);
        hosts += h->id == WRIT_HTTP1_H_HOST ? 1 : 0;
    }
    must(hosts == 1 || (hosts == 0 && r->minor == 0));
    must(r->authority.host_len == strlen(r->authority.host));
    must(r->framing != WRIT_HTTP1_UNTIL_CLOSE);
    must(r->framing != WRIT_HTTP1_CHUNKED || r->minor == 1);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct writ_http1_request whole;
    static struct writ_http1_request dripped;
    struct writ_span in = writ_span(data, size);
    struct writ_http1_fault fault = {.reason = NULL};
    size_t scanned = 0;
    enum writ_err e = writ_http1_parse_request(in, &scanned, &whole, &fault);
    enum writ_err drip = WRIT_E_AGAIN;

    if (e == WRIT_OK)
        check(&whole, in);
    must(e == WRIT_OK || e == WRIT_E_AGAIN || (fault.reason != NULL && fault.status >= 400));
    scanned = 0;
    for (size_t n = 0; n <= size && drip == WRIT_E_AGAIN; n++)
        drip = writ_http1_parse_request(writ_span(data, n), &scanned, &dripped, &fault);
    must((drip == WRIT_OK) == (e == WRIT_OK) && (drip == WRIT_E_AGAIN) == (e == WRIT_E_AGAIN));
    if (e != WRIT_OK)
        return 0;
    must(dripped.head_len == whole.head_len && dripped.framing == whole.framing);
    must(dripped.length == whole.length && dripped.headers.count == whole.headers.count);
    return 0;
}
