#include <stdlib.h>

#include "proto/http1.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool ok)
{
    if (!ok)
        abort();
}

/* Byte by byte it is the same response. */
static void
drip(struct writ_span in, enum writ_http1_method method, enum writ_err whole_err,
     const struct writ_http1_response *whole)
{
    static struct writ_http1_response r;
    struct writ_http1_fault fault;
    size_t scanned = 0;
    enum writ_err e = WRIT_E_AGAIN;

    for (size_t n = 0; n <= in.len && e == WRIT_E_AGAIN; n++)
        e = writ_http1_parse_response(writ_span(in.ptr, n), &scanned, method, &r, &fault);
    must((e == WRIT_OK) == (whole_err == WRIT_OK));
    must((e == WRIT_E_AGAIN) == (whole_err == WRIT_E_AGAIN));
    if (e != WRIT_OK)
        return;
    must(r.head_len == whole->head_len && r.framing == whole->framing);
    must(r.length == whole->length && r.headers.count == whole->headers.count);
}

static void
check(const struct writ_http1_response *r, enum writ_http1_method method, size_t size)
{
    must(r->head_len <= size && r->status >= 100 && r->status <= 599);
    must(!r->keep_alive || r->framing != WRIT_HTTP1_UNTIL_CLOSE);
    must(method != WRIT_HTTP1_HEAD || r->framing == WRIT_HTTP1_NO_BODY);
    must(r->framing != WRIT_HTTP1_CHUNKED || r->minor == 1);
    for (size_t i = 0; i < r->headers.count; i++) {
        must(writ_http1_is_token(r->headers.at[i].name));
        must(writ_http1_is_value(r->headers.at[i].value));
    }
}

/* The first byte chooses the method of the request. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct writ_http1_response r;
    enum writ_http1_method method;
    struct writ_http1_fault fault = {.reason = NULL};
    struct writ_span in;
    size_t scanned = 0;
    enum writ_err e;

    if (size == 0)
        return 0;
    method = (enum writ_http1_method)(data[0] % (WRIT_HTTP1_CONNECT + 1));
    in = writ_span(data + 1, size - 1);
    e = writ_http1_parse_response(in, &scanned, method, &r, &fault);
    if (e == WRIT_OK)
        check(&r, method, in.len);
    must(e == WRIT_OK || e == WRIT_E_AGAIN || (fault.reason != NULL && fault.status == 502));
    drip(in, method, e, &r);
    return 0;
}
