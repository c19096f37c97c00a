/* profile.yaml: refused with a message, or a writ that encodes and survives being printed. */
#include <assert.h>
#include <stdlib.h>

#include "profile/print.h"
#include "profile/profile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_writ(struct writ_doc *d)
{
    struct writ_diag diag = {0};
    struct writ_buf text;
    struct writ_buf one;
    struct writ_buf two;
    struct writ_doc back;
    enum writ_err e;

    writ_buf_init(&text, WRIT_WRIT_BYTES_MAX);
    writ_buf_init(&one, WRIT_WRIT_BYTES_MAX);
    writ_buf_init(&two, WRIT_WRIT_BYTES_MAX);
    e = writ_doc_encode(d, &one);
    assert(e == WRIT_OK);
    e = writ_profile_print(d, &text);
    assert(e == WRIT_OK);
    e = writ_profile_parse(writ_buf_span(&text), "/usr", "printed", "", &back, &diag);
    assert(e == WRIT_OK);
    back.task = d->task;
    e = writ_doc_encode(&back, &two);
    assert(e == WRIT_OK);
    assert(writ_span_eq(writ_buf_span(&one), writ_buf_span(&two)));
    (void)e;
    writ_doc_done(&back);
    writ_buf_done(&text);
    writ_buf_done(&one);
    writ_buf_done(&two);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct writ_diag diag = {0};
    struct writ_doc d;

    (void)setenv("WRIT_HOME", "/nowhere/writ", 1);
    (void)setenv("HOME", "/nowhere/home", 1);
    if (writ_profile_parse(writ_span(data, size), "/usr/share", "fuzz", "", &d, &diag) != WRIT_OK) {
        assert(diag.text[0] != '\0');
        assert(d.argv == NULL && d.services == NULL && d.binds == NULL);
        return 0;
    }
    assert(diag.text[0] == '\0');
    memcpy(d.task.text, "01JD9Z5T7RN8QK3M4P6S0V2X1Y", sizeof(d.task.text));
    check_writ(&d);
    writ_doc_done(&d);
    return 0;
}
