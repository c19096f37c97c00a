#include <stdlib.h>

#include "proto/http1.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool ok)
{
    if (!ok)
        abort();
}

/* The first byte chooses the method of the request. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct writ_http1_response r;
    static struct writ_http1_response dripped;
    enum writ_http1_method method;
    struct writ_http1_fault fault = {.reason = NULL};
    struct writ_span in;
    size_t scanned = 0;
    enum writ_err e;
    enum writ_err drip = WRIT_E_AGAIN;

    if (size == 0)
        return 0;
    method = (enum writ_http1_method)(data[0] % (WRIT_HTTP1_CONNECT + 1));
    in = writ_span(data + 1, size - 1);
    e = writ_http1_parse_response(in, &scanned, method, &r, &fault);
    if (e == WRIT_OK) {
        must(r.head_len <= in.len && r.status >= 100 && r.status <= 599);
        must(!r.keep_alive || r.framing != WRIT_HTTP1_UNTIL_CLOSE);
        must(method != WRIT_HTTP1_HEAD || r.framing == WRIT_HTTP1_NO_BODY);
        must(r.framing != WRIT_HTTP1_CHUNKED || r.minor == 1);
        for (size_t i = 0; i < r.headers.count; i++)
            must(writ_http1_is_token(r.headers.at[i].name) &&
                 writ_http1_is_value(r.headers.at[i].value));
    } else {
        must(e == WRIT_E_AGAIN || (fault.reason != NULL && fault.status == 502));
    }
    scanned = 0;
    for (size_t n = 0; n <= in.len && drip == WRIT_E_AGAIN; n++)
        drip = writ_http1_parse_response(writ_span(in.ptr, n), &scanned, method, &dripped, &fault);
    must((drip == WRIT_OK) == (e == WRIT_OK) && (drip == WRIT_E_AGAIN) == (e == WRIT_E_AGAIN));
    if (e == WRIT_OK)
        must(dripped.head_len == r.head_len && dripped.framing == r.framing &&
             dripped.length == r.length && dripped.headers.count == r.headers.count);
    return 0;
}
