/*
 * Policies in the JSON form: what loads is written as JSON that loads and is written the same.
 */
#include <assert.h>
#include <stdint.h>

#include "base/buf.h"
#include "cedar/cedar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { OUT_MAX = 64 * 1024 * 1024 };

static void
put(void *arg, const char *bytes, size_t n)
{
    writ_buf_put((struct writ_buf *)arg, writ_span(bytes, n));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct cedar_source src = {"fuzz", size == 0 ? "" : (const char *)data, size};
    struct cedar_error err = {.text = ""};
    struct cedar_policies *ps = NULL;
    struct cedar_policies *again = NULL;
    struct cedar_source written;
    WRIT_BUF_AUTO struct writ_buf x;
    WRIT_BUF_AUTO struct writ_buf y;
    enum cedar_err e;

    writ_buf_init(&x, OUT_MAX);
    writ_buf_init(&y, OUT_MAX);
    if (cedar_policies_load_json(&src, &ps, &err) != CEDAR_OK) {
        assert(err.text[0] != '\0' && ps == NULL);
        return 0;
    }
    assert(cedar_policies_to_json(ps, put, &x) == CEDAR_OK);
    written =
        (struct cedar_source){"written", (const char *)writ_buf_span(&x).ptr, writ_buf_len(&x)};
    e = cedar_policies_load_json(&written, &again, &err);
    assert(e == CEDAR_OK || e == CEDAR_E_LIMIT); /* a set nests two levels deeper than a policy */
    if (e == CEDAR_OK) {
        assert(cedar_policies_to_json(again, put, &y) == CEDAR_OK);
        assert(writ_span_eq(writ_buf_span(&x), writ_buf_span(&y)));
    }
    cedar_policies_free(again);
    cedar_policies_free(ps);
    return 0;
}
