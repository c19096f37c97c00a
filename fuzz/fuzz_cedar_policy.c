/*
 * Policy text: whatever loads prints to text that loads to the same policies, keeps its meaning
 * when laid out, and both evaluators give the same answer.
 */
#include <assert.h>
#include <stdint.h>

#include "base/buf.h"
#include "cedar/tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { OUT_MAX = 64 * 1024 * 1024 };

static void
put(void *arg, const char *bytes, size_t n)
{
    writ_buf_put((struct writ_buf *)arg, writ_span(bytes, n));
}

static struct cedar_store *
make_store(void)
{
    static const char json[] =
        "[{\"uid\":{\"type\":\"U\",\"id\":\"a\"},\"attrs\":{\"a\":1,\"b\":\"x\",\"c\":[1],"
        "\"d\":{\"e\":true}},\"parents\":[{\"type\":\"G\",\"id\":\"g\"}],\"tags\":{\"t\":\"v\"}}]";
    const struct cedar_source src = {"entities", json, sizeof json - 1};
    struct cedar_store *s = NULL;

    if (cedar_store_new(&s) != CEDAR_OK || cedar_store_add_json(s, &src, NULL) != CEDAR_OK ||
        cedar_store_seal(s, NULL) != CEDAR_OK)
        assert(false);
    return s;
}

static void
check_answer(const struct cedar_policies *ps, const struct cedar_store *s)
{
    struct cedar_request req = {.principal = cedar_uid(cedar_span_str("U"), cedar_span_str("a")),
                                .action = cedar_uid(cedar_span_str("Action"), cedar_span_str("x")),
                                .resource = cedar_uid(cedar_span_str("D"), cedar_span_str("d"))};
    struct cx_arena arena = {0};
    struct cedar_answer a;
    struct cx_world w;
    uint32_t errors = 0;
    uint32_t permits = 0;
    uint32_t forbids = 0;

    cedar_decide(ps, s, &req, 0, &a);
    assert(cx_world_init(&w, s, &req));
    for (size_t i = 0; i < ps->n; i++) {
        enum cx_verdict v = cx_tree_policy(&w, &arena, &ps->policies[i]);
        bool forbid = ps->policies[i].effect == CEDAR_FORBID;

        errors += v == CX_ERROR ? 1 : 0;
        forbids += v == CX_TRUE && forbid ? 1 : 0;
        permits += v == CX_TRUE && !forbid ? 1 : 0;
    }
    cx_arena_done(&arena);
    assert(errors == a.error_count && a.reason_count == (forbids != 0 ? forbids : permits));
    assert((a.decision == CEDAR_ALLOW) == (forbids == 0 && permits != 0));
}

static void
check_print(const struct cedar_policies *ps)
{
    for (size_t i = 0; i < ps->n; i++) {
        WRIT_BUF_AUTO struct writ_buf text;
        WRIT_BUF_AUTO struct writ_buf x;
        WRIT_BUF_AUTO struct writ_buf y;
        struct cedar_policies *again = NULL;
        struct cedar_source src;
        enum cedar_err e;

        writ_buf_init(&text, OUT_MAX);
        writ_buf_init(&x, OUT_MAX);
        writ_buf_init(&y, OUT_MAX);
        assert(cedar_policy_to_text(ps, i, put, &text) == CEDAR_OK);
        src = (struct cedar_source){"printed", (const char *)writ_buf_span(&text).ptr,
                                    writ_buf_len(&text)};
        e = cedar_policies_load(&src, 1, 0, &again, NULL);
        if (e == CEDAR_E_LIMIT) /* printing may add brackets, up to the limit of nesting */
            continue;
        assert(e == CEDAR_OK && again->n == 1);
        assert(cedar_policy_to_json(ps, i, put, &x) == CEDAR_OK);
        assert(cedar_policy_to_json(again, 0, put, &y) == CEDAR_OK);
        assert(writ_span_eq(writ_buf_span(&x), writ_buf_span(&y)));
        cedar_policies_free(again);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct cedar_store *store;
    const struct cedar_source src = {"fuzz", size == 0 ? "" : (const char *)data, size};
    struct cedar_policies *ps = NULL;
    struct cedar_error err = {.text = ""};
    WRIT_BUF_AUTO struct writ_buf out;

    writ_buf_init(&out, OUT_MAX);
    if (store == NULL)
        store = make_store();
    if (cedar_policies_load(&src, 1, 0, &ps, &err) != CEDAR_OK) {
        assert(err.text[0] != '\0' && ps == NULL);
        return 0;
    }
    check_answer(ps, store);
    check_print(ps);
    cedar_policies_free(ps);
    assert(cedar_format(&src, put, &out, &err) == CEDAR_OK);
    return 0;
}
