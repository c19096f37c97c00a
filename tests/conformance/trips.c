#include "trips.h"

#include <stdio.h>

#include "base/buf.h"
#include "cedar/tree.h"

enum { OUT_MAX = 16 * 1024 * 1024 };

static void
put(void *arg, const char *bytes, size_t n)
{
    writ_buf_put((struct writ_buf *)arg, writ_span(bytes, n));
}

static bool
same_json(const struct cedar_policies *a, size_t i, const struct cedar_policies *b, size_t k)
{
    WRIT_BUF_AUTO struct writ_buf x;
    WRIT_BUF_AUTO struct writ_buf y;

    writ_buf_init(&x, OUT_MAX);
    writ_buf_init(&y, OUT_MAX);
    return cedar_policy_to_json(a, i, put, &x) == CEDAR_OK &&
           cedar_policy_to_json(b, k, put, &y) == CEDAR_OK &&
           writ_span_eq(writ_buf_span(&x), writ_buf_span(&y));
}

bool
text_trip(const struct cedar_policies *ps)
{
    for (size_t i = 0; i < cedar_policies_count(ps); i++) {
        WRIT_BUF_AUTO struct writ_buf text;
        struct cedar_error err = {.text = ""};
        struct cedar_policies *again = NULL;
        struct cedar_source src;
        bool same;

        writ_buf_init(&text, OUT_MAX);
        if (cedar_policy_to_text(ps, i, put, &text) != CEDAR_OK)
            return false;
        src = (struct cedar_source){"printed", (const char *)writ_buf_span(&text).ptr,
                                    writ_buf_len(&text)};
        same = cedar_policies_load(&src, 1, 0, &again, &err) == CEDAR_OK &&
               cedar_policies_count(again) == 1 && same_json(ps, i, again, 0);
        cedar_policies_free(again);
        if (!same) {
            (void)fprintf(stderr, "%u:%u: %s\n%.*s\n", err.line, err.col, err.text, (int)src.len,
                          src.text);
            return false;
        }
    }
    return true;
}

bool
json_trip(const struct cedar_policies *ps)
{
    WRIT_BUF_AUTO struct writ_buf x;
    WRIT_BUF_AUTO struct writ_buf y;
    struct cedar_error err = {.text = ""};
    struct cedar_policies *again = NULL;
    struct cedar_source src;
    bool same;

    writ_buf_init(&x, OUT_MAX);
    writ_buf_init(&y, OUT_MAX);
    if (cedar_policies_to_json(ps, put, &x) != CEDAR_OK)
        return false;
    src = (struct cedar_source){"set.json", (const char *)writ_buf_span(&x).ptr, writ_buf_len(&x)};
    if (cedar_policies_load_json(&src, &again, &err) != CEDAR_OK) {
        (void)fprintf(stderr, "%u:%u: %s\n", err.line, err.col, err.text);
        return err.text[0] != '\0' && strstr(err.text, "within each other") != NULL;
    }
    same = cedar_policies_to_json(again, put, &y) == CEDAR_OK &&
           writ_span_eq(writ_buf_span(&x), writ_buf_span(&y));
    cedar_policies_free(again);
    return same;
}

bool
format_trip(const struct cedar_source *src)
{
    WRIT_BUF_AUTO struct writ_buf x;
    WRIT_BUF_AUTO struct writ_buf y;
    struct cedar_error err = {.text = ""};
    struct cedar_source once;

    writ_buf_init(&x, OUT_MAX);
    writ_buf_init(&y, OUT_MAX);
    if (cedar_format(src, put, &x, &err) != CEDAR_OK) {
        (void)fprintf(stderr, "%u:%u: %s\n", err.line, err.col, err.text);
        return false;
    }
    once =
        (struct cedar_source){"formatted", (const char *)writ_buf_span(&x).ptr, writ_buf_len(&x)};
    return cedar_format(&once, put, &y, &err) == CEDAR_OK &&
           writ_span_eq(writ_buf_span(&x), writ_buf_span(&y));
}

static bool
listed(const uint32_t *list, uint32_t n, size_t index)
{
    for (uint32_t i = 0; i < n; i++) {
        if (list[i] == index)
            return true;
    }
    return false;
}

bool
tree_agrees(const struct cedar_policies *ps, const struct cedar_store *s,
            const struct cedar_request *req, const struct cedar_answer *a)
{
    struct cx_arena arena = {0};
    struct cx_world w;
    uint32_t permits = 0;
    uint32_t forbids = 0;
    uint32_t errors = 0;
    bool same = cx_world_init(&w, s, req);

    for (size_t i = 0; same && i < ps->n; i++) {
        enum cx_verdict v = cx_tree_policy(&w, &arena, &ps->policies[i]);

        errors += v == CX_ERROR ? 1 : 0;
        same = (v == CX_ERROR) == listed(a->error, a->error_count, i);
        if (v == CX_TRUE && ps->policies[i].effect == CEDAR_FORBID)
            forbids++;
        if (v == CX_TRUE && ps->policies[i].effect == CEDAR_PERMIT)
            permits++;
    }
    cx_arena_done(&arena);
    return same && errors == a->error_count &&
           a->reason_count == (forbids != 0 ? forbids : permits) &&
           (a->decision == CEDAR_ALLOW) == (forbids == 0 && permits != 0);
}
