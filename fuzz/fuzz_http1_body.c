#include <stdlib.h>

#include "proto/http1_body.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool ok)
{
    if (!ok)
        abort();
}

struct outcome {
    bool failed;
    bool done;
    size_t consumed;
    size_t data_bytes;
    uint64_t sum; /* FNV-1a of the data */
    size_t trailers;
};

static void
note(struct outcome *o, struct writ_span data)
{
    for (size_t i = 0; i < data.len; i++)
        o->sum = (o->sum ^ data.ptr[i]) * 1099511628211U;
    o->data_bytes += data.len;
}

/* step 0: everything at once; else pieces whose sizes the input itself gives. */
static struct outcome
run(struct writ_span in, enum writ_http1_framing framing, uint64_t length, unsigned step)
{
    struct outcome o = {.sum = 14695981039346656037U};
    struct writ_http1_body b;
    struct writ_http1_fault f;
    size_t given = step == 0 ? in.len : 0;

    writ_http1_body_init(&b, framing, length);
    while (!o.done && !o.failed) {
        struct writ_http1_body_out out;
        struct writ_span piece = writ_span(in.ptr + o.consumed, given - o.consumed);

        o.failed = writ_http1_body_feed(&b, piece, &out, &f) != WRIT_OK;
        if (o.failed)
            break;
        must(out.consumed <= piece.len && out.data.len <= out.consumed);
        must(out.event != WRIT_HTTP1_BODY_DATA || out.data.len != 0);
        note(&o, out.data);
        o.consumed += out.consumed;
        o.done = out.event == WRIT_HTTP1_BODY_DONE;
        if (out.event != WRIT_HTTP1_BODY_MORE)
            continue;
        if (given == in.len)
            break;
        given += 1 + (step + in.ptr[given] * 7U) % step;
        given = given < in.len ? given : in.len;
    }
    must(o.failed || b.bytes == o.data_bytes);
    must(o.failed || o.done == writ_http1_body_is_done(&b));
    o.trailers = b.trailer_count;
    return o;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum writ_http1_framing framings[] = {WRIT_HTTP1_CHUNKED, WRIT_HTTP1_CHUNKED,
                                                       WRIT_HTTP1_LENGTH, WRIT_HTTP1_UNTIL_CLOSE};
    struct writ_span in;
    struct outcome whole;
    struct outcome split;
    struct outcome bytes;

    if (size < 2)
        return 0;
    in = writ_span(data + 2, size - 2);
    whole = run(in, framings[data[0] % 4], data[1], 0);
    split = run(in, framings[data[0] % 4], data[1], 1 + data[1] % 64U);
    bytes = run(in, framings[data[0] % 4], data[1], 1);
    must(whole.failed == bytes.failed && whole.failed == split.failed);
    must(whole.done == bytes.done && whole.done == split.done);
    if (whole.failed)
        return 0;
    must(whole.data_bytes == bytes.data_bytes && whole.sum == bytes.sum);
    must(whole.data_bytes == split.data_bytes && whole.sum == split.sum);
    must(!whole.done || (whole.consumed == bytes.consumed && whole.trailers == bytes.trailers));
    return 0;
}
