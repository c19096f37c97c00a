/* Policies out of the library, as text and as JSON. */
#include "base/json.h"
#include "base/limits.h"
#include "cedar/print.h"

static enum cedar_err
hand_over(struct writ_buf *b, cedar_put_fn *put, void *arg)
{
    struct writ_span s = writ_buf_span(b);

    if (b->failed)
        return CEDAR_E_LIMIT;
    put(arg, (const char *)s.ptr, s.len);
    return CEDAR_OK;
}

enum cedar_err
cedar_policy_to_text(const struct cedar_policies *ps, size_t i, cedar_put_fn *put, void *arg)
{
    WRIT_BUF_AUTO struct writ_buf b;

    writ_buf_init(&b, WRIT_CEDAR_OUT_BYTES_MAX);
    cx_print_policy(&b, &ps->policies[i]);
    return hand_over(&b, put, arg);
}

enum cedar_err
cedar_policy_to_json(const struct cedar_policies *ps, size_t i, cedar_put_fn *put, void *arg)
{
    WRIT_BUF_AUTO struct writ_buf b;

    writ_buf_init(&b, WRIT_CEDAR_OUT_BYTES_MAX);
    cx_est_policy(&b, &ps->policies[i]);
    return hand_over(&b, put, arg);
}

static void
put_string(struct writ_buf *b, struct cedar_span s)
{
    writ_json_quote(b, writ_span(s.ptr, s.len));
}

static void
put_uid(struct writ_buf *b, const char *slot, const struct cedar_uid *u)
{
    writ_buf_putf(b, "\"%s\":{\"type\":", slot);
    put_string(b, cx_type(u));
    writ_buf_put_str(b, ",\"id\":");
    put_string(b, cx_id(u));
    writ_buf_put_u8(b, '}');
}

static void
put_link(struct writ_buf *b, const struct cedar_policies *ps, const struct cx_policy *p)
{
    const struct cx_policy *of = &ps->policies[p->of];

    writ_buf_put_str(b, "{\"templateId\":");
    put_string(b, of->id);
    writ_buf_put_str(b, ",\"newId\":");
    put_string(b, p->id);
    writ_buf_put_str(b, ",\"values\":{");
    if (of->scope[0].slot)
        put_uid(b, "?principal", &p->scope[0].uids[0]);
    if (of->scope[0].slot && of->scope[2].slot)
        writ_buf_put_u8(b, ',');
    if (of->scope[2].slot)
        put_uid(b, "?resource", &p->scope[2].uids[0]);
    writ_buf_put_str(b, "}}");
}

static void
put_group(struct writ_buf *b, const struct cedar_policies *ps, const char *name, bool templates)
{
    const char *comma = "";

    writ_buf_putf(b, "\"%s\":{", name);
    for (size_t i = 0; i < ps->n; i++) {
        if (ps->policies[i].is_link || ps->policies[i].is_template != templates)
            continue;
        writ_buf_put_str(b, comma);
        put_string(b, ps->policies[i].id);
        writ_buf_put_u8(b, ':');
        cx_est_policy(b, &ps->policies[i]);
        comma = ",";
    }
    writ_buf_put_str(b, "},");
}

enum cedar_err
cedar_policies_to_json(const struct cedar_policies *ps, cedar_put_fn *put, void *arg)
{
    WRIT_BUF_AUTO struct writ_buf b;
    const char *comma = "";

    writ_buf_init(&b, WRIT_CEDAR_OUT_BYTES_MAX);
    writ_buf_put_u8(&b, '{');
    put_group(&b, ps, "staticPolicies", false);
    put_group(&b, ps, "templates", true);
    writ_buf_put_str(&b, "\"templateLinks\":[");
    for (size_t i = 0; i < ps->n; i++) {
        if (!ps->policies[i].is_link)
            continue;
        writ_buf_put_str(&b, comma);
        put_link(&b, ps, &ps->policies[i]);
        comma = ",";
    }
    writ_buf_put_str(&b, "]}");
    return hand_over(&b, put, arg);
}
