#include "writ-gateway/inject.h"

#include <assert.h>

#include "base/text.h"
#include "proto/http1_path.h"
#include "proto/http1_write.h"

static bool
unreserved(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

static void
put_percent(struct writ_buf *b, struct writ_span s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (unreserved(s.ptr[i])) {
            writ_buf_put_u8(b, s.ptr[i]);
        } else {
            writ_buf_putf(b, "%%%02X", s.ptr[i]);
        }
    }
}

static void
render(const struct writ_doc_service *doc, struct writ_span secret, struct writ_buf *out)
{
    WRIT_BUF_AUTO struct writ_buf pair;

    writ_buf_init(&pair, WRIT_SECRET_BYTES_MAX + WRIT_NAME_MAX + 1);
    switch (doc->inject) {
    case WRIT_INJECT_NONE:
        break;
    case WRIT_INJECT_HEADER:
        writ_buf_put_str(out, doc->inject_before);
        writ_buf_put(out, secret);
        writ_buf_put_str(out, doc->inject_after);
        break;
    case WRIT_INJECT_BASIC:
        writ_buf_put_str(&pair, doc->inject_name);
        writ_buf_put_u8(&pair, ':');
        writ_buf_put(&pair, secret);
        writ_buf_put_str(out, "Basic ");
        writ_put_base64(out, writ_buf_span(&pair));
        out->failed = out->failed || pair.failed;
        break;
    case WRIT_INJECT_QUERY:
        put_percent(out, secret);
        break;
    case WRIT_INJECT_COOKIE:
        writ_buf_put(out, secret);
        break;
    }
}

enum writ_err
inject_prepare(struct service *s, struct writ_span secret)
{
    WRIT_BUF_AUTO struct writ_buf text;
    struct writ_span rendered;
    enum writ_err e;

    writ_buf_init(&text, 4UL * WRIT_SECRET_BYTES_MAX);
    render(s->doc, secret, &text);
    rendered = writ_buf_span(&text);
    /* the keeper refuses such secrets when they are added; this is the last place to look */
    if (text.failed || rendered.ptr == NULL || !writ_http1_is_value(rendered))
        return WRIT_E_FORMAT;
    if (s->doc->inject == WRIT_INJECT_COOKIE && memchr(secret.ptr, ';', secret.len) != NULL)
        return WRIT_E_FORMAT;
    writ_secret_freep(&s->secret);
    e = writ_secret_new(rendered.len, &s->secret);
    if (e != WRIT_OK)
        return e;
    memcpy(writ_secret_bytes(s->secret), rendered.ptr, rendered.len);
    return WRIT_OK;
}

bool
inject_replaces(const struct service *s, const struct writ_http1_header *h)
{
    switch (s->doc->inject) {
    case WRIT_INJECT_HEADER:
        return writ_http1_name_like(h->name, writ_span_str(s->doc->inject_name));
    case WRIT_INJECT_BASIC:
        return writ_http1_name_like(h->name, writ_span_str("authorization"));
    case WRIT_INJECT_COOKIE:
        return writ_http1_name_like(h->name, writ_span_str("cookie")); /* written anew below */
    case WRIT_INJECT_QUERY:
    case WRIT_INJECT_NONE:
        break;
    }
    return false;
}

static bool
carries(const struct decision *d)
{
    /* invariant 3: no credential without the allow decision for this very service */
    assert(d->allow);
    return d->service->doc->inject != WRIT_INJECT_NONE;
}

static struct writ_span
secret_of(const struct decision *d)
{
    assert(d->allow && d->service->credential == CREDENTIAL_HERE);
    return writ_secret_span(d->service->secret);
}

enum writ_err
inject_put_query(const struct decision *d, struct writ_buf *out, bool has_query,
                 struct writ_span query, struct writ_http1_fault *fault)
{
    struct writ_span name = writ_span_str(d->service->doc->inject_name);
    struct writ_http1_pair pair;
    char separator = '?';

    if (!carries(d) || d->service->doc->inject != WRIT_INJECT_QUERY) {
        if (has_query) {
            writ_buf_put_u8(out, '?');
            writ_buf_put(out, query);
        }
        return WRIT_OK;
    }
    while (writ_http1_query_next(&query, &pair)) {
        enum writ_http1_match m = writ_http1_query_match(&pair, name);

        if (m == WRIT_HTTP1_MATCH_AMBIGUOUS) {
            *fault = (struct writ_http1_fault){
                "a query parameter could be read as the one that carries the credential", 400};
            return WRIT_E_FORMAT;
        }
        if (m == WRIT_HTTP1_MATCH_YES)
            continue;
        writ_buf_put_u8(out, (uint8_t)separator);
        writ_buf_put(out, pair.raw);
        separator = '&';
    }
    writ_buf_put_u8(out, (uint8_t)separator);
    put_percent(out, name);
    writ_buf_put_u8(out, '=');
    writ_buf_put(out, secret_of(d));
    return out->failed ? WRIT_E_LIMIT : WRIT_OK;
}

/* What one Cookie header holds, without a cookie of the credential's name. */
static enum writ_err
put_cookie_header(struct writ_buf *out, struct writ_span value, struct writ_span name,
                  struct writ_http1_fault *fault)
{
    struct writ_http1_pair pair;

    while (writ_http1_cookie_next(&value, &pair)) {
        enum writ_http1_match m = writ_http1_cookie_match(&pair, name);

        if (m == WRIT_HTTP1_MATCH_AMBIGUOUS) {
            *fault = (struct writ_http1_fault){
                "a cookie could be read as the one that carries the credential", 400};
            return WRIT_E_FORMAT;
        }
        if (m == WRIT_HTTP1_MATCH_YES)
            continue;
        writ_buf_put(out, pair.raw);
        writ_buf_put_str(out, "; ");
    }
    return WRIT_OK;
}

/* The task's own cookies. */
static enum writ_err
put_cookies(struct writ_buf *out, const struct writ_http1_headers *sent, struct writ_span name,
            struct writ_http1_fault *fault)
{
    enum writ_err e = WRIT_OK;

    for (size_t i = 0; e == WRIT_OK && i < sent->count; i++) {
        if (sent->at[i].id == WRIT_HTTP1_H_COOKIE)
            e = put_cookie_header(out, sent->at[i].value, name, fault);
    }
    return e;
}

enum writ_err
inject_put_header(const struct decision *d, struct writ_buf *out,
                  const struct writ_http1_headers *sent, struct writ_http1_fault *fault)
{
    const struct writ_doc_service *doc = d->service->doc;
    enum writ_err e;

    if (!carries(d) || doc->inject == WRIT_INJECT_QUERY)
        return WRIT_OK;
    if (doc->inject == WRIT_INJECT_COOKIE) {
        writ_buf_put_str(out, "Cookie: ");
        e = put_cookies(out, sent, writ_span_str(doc->inject_name), fault);
        if (e != WRIT_OK)
            return e;
        writ_buf_put_str(out, doc->inject_name);
        writ_buf_put_u8(out, '=');
    } else {
        writ_buf_put_str(out,
                         doc->inject == WRIT_INJECT_BASIC ? "Authorization" : doc->inject_name);
        writ_buf_put_str(out, ": ");
    }
    writ_buf_put(out, secret_of(d));
    writ_buf_put_str(out, "\r\n");
    return out->failed ? WRIT_E_LIMIT : WRIT_OK;
}

bool
inject_returned(const struct decision *d, struct writ_span value)
{
    enum { SHORTEST = 8 }; /* what is shorter is in many a value by chance */
    const struct writ_doc_service *doc = d->service->doc;
    size_t before = doc->inject == WRIT_INJECT_BASIC ? strlen("Basic ") : 0;
    size_t after = 0;
    struct writ_span secret;

    if (!carries(d))
        return false;
    if (doc->inject == WRIT_INJECT_HEADER) {
        before = strlen(doc->inject_before);
        after = strlen(doc->inject_after);
    }
    secret = secret_of(d);
    secret = writ_span(secret.ptr + before, secret.len - before - after);
    return secret.len >= SHORTEST && secret.len <= value.len &&
           memmem(value.ptr, value.len, secret.ptr, secret.len) != NULL;
}
