/* The encoded writ, as the gateway and the keeper receive it. */
#include <assert.h>

#include "profile/doc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct writ_doc d;
    struct writ_buf b;
    enum writ_err e;

    if (writ_doc_decode(writ_span(data, size), &d) != WRIT_OK) {
        assert(d.argv == NULL && d.services == NULL && d.policies == NULL);
        return 0;
    }
    /* one writ, one encoding: what was taken is what we would have written */
    writ_buf_init(&b, WRIT_WRIT_BYTES_MAX);
    e = writ_doc_encode(&d, &b);
    assert(e == WRIT_OK);
    assert(writ_span_eq(writ_buf_span(&b), writ_span(data, size)));
    (void)e;
    writ_buf_done(&b);
    writ_doc_done(&d);
    return 0;
}
