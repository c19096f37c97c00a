#include <stdlib.h>

#include "proto/http1_path.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool ok)
{
    if (!ok)
        abort();
}

static void
check_decoded(struct writ_span d)
{
    must(d.len != 0 && !writ_span_is(d, ".") && !writ_span_is(d, ".."));
    for (size_t i = 0; i < d.len; i++)
        must(d.ptr[i] != '/' && d.ptr[i] != '\\' && d.ptr[i] >= 0x20 && d.ptr[i] != 0x7f);
}

/* Decoding once, and once more, never climbs, splits or ends a segment. */
static void
check_segment(struct writ_span s)
{
    WRIT_BUF_AUTO struct writ_buf once;
    WRIT_BUF_AUTO struct writ_buf twice;

    writ_buf_init(&once, WRIT_HTTP_TARGET_BYTES_MAX);
    writ_buf_init(&twice, WRIT_HTTP_TARGET_BYTES_MAX);
    must(writ_http1_unescape(s, false, &once));
    check_decoded(writ_buf_span(&once));
    if (writ_http1_unescape(writ_buf_span(&once), false, &twice))
        check_decoded(writ_buf_span(&twice));
}

static void
check_path(struct writ_span in)
{
    WRIT_BUF_AUTO struct writ_buf once;
    WRIT_BUF_AUTO struct writ_buf twice;
    struct writ_http1_path info;
    struct writ_http1_path again;
    struct writ_http1_fault fault = {.reason = NULL};
    struct writ_span rest;
    struct writ_span segment;
    size_t segments = 0;

    writ_buf_init(&once, WRIT_HTTP_TARGET_BYTES_MAX);
    writ_buf_init(&twice, WRIT_HTTP_TARGET_BYTES_MAX);
    if (writ_http1_path_canonical(in, 0, &once, &info, &fault) != WRIT_OK) {
        must(fault.reason != NULL && writ_buf_len(&once) == 0);
        return;
    }
    must(!once.failed);
    must(writ_http1_path_canonical(writ_buf_span(&once), 0, &twice, &again, &fault) == WRIT_OK);
    must(writ_span_eq(writ_buf_span(&once), writ_buf_span(&twice)));
    rest = writ_buf_span(&once);
    while (writ_http1_path_next(&rest, &segment)) {
        check_segment(segment);
        segments++;
    }
    must(segments == info.segments && again.segments == segments);
}

static void
check_pairs(struct writ_span in)
{
    struct writ_span rest = in;
    struct writ_http1_pair p;
    struct writ_http1_fault fault = {.reason = NULL};
    struct writ_span name = writ_span_str("api_key");
    bool fine = writ_http1_query_check(in, &fault) == WRIT_OK;

    must(fine || fault.reason != NULL);
    while (writ_http1_query_next(&rest, &p)) {
        WRIT_BUF_AUTO struct writ_buf b;
        enum writ_http1_match m = writ_http1_query_match(&p, name);

        must(p.raw.len != 0 && p.key.len + p.value.len + (p.has_value ? 1 : 0) == p.raw.len);
        writ_buf_init(&b, WRIT_HTTP_TARGET_BYTES_MAX);
        if (writ_http1_unescape(p.key, true, &b) && writ_span_eq(writ_buf_span(&b), name))
            must(m != WRIT_HTTP1_MATCH_NO);
    }
    rest = in;
    while (writ_http1_cookie_next(&rest, &p)) {
        enum writ_http1_match m = writ_http1_cookie_match(&p, name);

        must(p.raw.len != 0 && (!writ_span_eq(p.key, name) || m != WRIT_HTTP1_MATCH_NO));
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_path(writ_span(data, size));
    check_pairs(writ_span(data, size));
    return 0;
}
