#include "proto/http1_head.h"

static enum writ_err
read_line(const uint8_t **at, const uint8_t *limit, struct writ_http1_response *ret,
          struct writ_http1_fault *fault)
{
    const uint8_t *p = *at;
    const uint8_t *end = memchr(p, '\r', (size_t)(limit - p));
    size_t len = end == NULL ? 0 : (size_t)(end - p);
    enum writ_err e;

    e = writ_http1_read_version(p, len < 8 ? len : 8, &ret->minor, fault);
    if (e != WRIT_OK)
        return e;
    if (len < 12 || p[8] != ' ' || p[9] < '1' || p[9] > '5' || p[10] < '0' || p[10] > '9' ||
        p[11] < '0' || p[11] > '9')
        return writ_http1_refuse(fault, 502, "the status is not one of 100 to 599");
    /* the blank before an empty reason is often left out; nothing else can be read into that */
    if (len > 12 && p[12] != ' ')
        return writ_http1_refuse(fault, 502, "the status is not followed by a blank");
    ret->status =
        (unsigned)(p[9] - '0') * 100 + (unsigned)(p[10] - '0') * 10 + (unsigned)(p[11] - '0');
    ret->reason = len > 12 ? writ_span(p + 13, len - 13) : writ_span(p + 12, 0);
    *at = end + 2;
    return WRIT_OK;
}

static bool
never_has_body(const struct writ_http1_response *r, enum writ_http1_method request_method)
{
    return request_method == WRIT_HTTP1_HEAD || r->status < 200 || r->status == 204 ||
           r->status == 304 || (request_method == WRIT_HTTP1_CONNECT && r->status < 300);
}

/* RFC 9112 6.1 and RFC 9110 8.6 forbid framing fields here; a body that is announced and does not
 * come, or comes unannounced, is read as the next response. */
static bool
must_not_be_framed(const struct writ_http1_response *r, enum writ_http1_method request_method)
{
    return r->status < 200 || r->status == 204 ||
           (request_method == WRIT_HTTP1_CONNECT && r->status < 300);
}

/* RFC 9112 6.3. */
static enum writ_err
read_framing(struct writ_http1_response *ret, enum writ_http1_method request_method,
             struct writ_http1_fault *fault)
{
    enum writ_http1_framing framing;
    uint64_t length;
    enum writ_err e;

    e = writ_http1_read_framing(&ret->headers, ret->minor, &framing, &length, fault);
    if (e != WRIT_OK)
        return e;
    ret->has_length = framing == WRIT_HTTP1_LENGTH;
    ret->length_field = length;
    ret->length = 0;
    ret->framing = WRIT_HTTP1_NO_BODY;
    /* "Content-Length: 0" with 204 is common, wrong and harmless */
    if (must_not_be_framed(ret, request_method) &&
        (framing == WRIT_HTTP1_CHUNKED || (ret->has_length && length != 0)))
        return writ_http1_refuse(fault, 502, "a body is announced where there can be none");
    if (never_has_body(ret, request_method))
        return WRIT_OK;
    ret->framing = framing == WRIT_HTTP1_NO_BODY ? WRIT_HTTP1_UNTIL_CLOSE : framing;
    ret->length = length;
    return WRIT_OK;
}

static enum writ_err
parse(struct writ_span in, enum writ_http1_method request_method, struct writ_http1_response *ret,
      struct writ_http1_fault *fault)
{
    const uint8_t *at = in.ptr;
    const uint8_t *limit = in.ptr + ret->head_len;
    struct writ_http1_options options;
    enum writ_err e;

    e = read_line(&at, limit, ret, fault);
    if (e == WRIT_OK)
        e = writ_http1_fields(at, limit, false, &ret->headers, fault);
    if (e == WRIT_OK)
        e = read_framing(ret, request_method, fault);
    if (e == WRIT_OK)
        e = writ_http1_read_connection(&ret->headers, &options, fault);
    if (e != WRIT_OK)
        return e;
    ret->upgrade = ret->status == 101;
    ret->interim = ret->status < 200 && ret->status != 101;
    if (ret->status < 200 && ret->minor == 0)
        return writ_http1_refuse(fault, 502, "an interim response in HTTP/1.0");
    ret->keep_alive = !options.close && (ret->minor == 1 || options.keep_alive) &&
                      ret->framing != WRIT_HTTP1_UNTIL_CLOSE && !ret->upgrade;
    return WRIT_OK;
}

enum writ_err
writ_http1_parse_response(struct writ_span in, size_t *scanned,
                          enum writ_http1_method request_method, struct writ_http1_response *ret,
                          struct writ_http1_fault *fault)
{
    enum writ_err e = writ_http1_scan(in, scanned, false, &ret->head_len, fault);

    if (e == WRIT_E_AGAIN && in.len < WRIT_HTTP_HEAD_BYTES_MAX)
        return WRIT_E_AGAIN;
    if (e == WRIT_E_AGAIN || (e == WRIT_OK && ret->head_len > WRIT_HTTP_HEAD_BYTES_MAX))
        return writ_http1_exceed(fault, 502, "the response head is too long");
    if (e == WRIT_OK)
        e = parse(in, request_method, ret, fault);
    if (e != WRIT_OK)
        fault->status = 502; /* whatever a client would have been told: the upstream is at fault */
    return e;
}
