#include "proto/http1_head.h"

#include <assert.h>

#include "base/text.h"
#include "proto/http1_chars.h"
#include "proto/http1_skip.h"

static_assert(WRIT_HTTP_HEADERS_MAX < UINT8_MAX, "headers are counted in a byte");

/* A length that some peer reads as negative is nobody's length. */
#define HTTP1_LENGTH_MAX ((uint64_t)INT64_MAX)

enum writ_err
writ_http1_refuse(struct writ_http1_fault *fault, unsigned status, const char *reason)
{
    *fault = (struct writ_http1_fault){.reason = reason, .status = status};
    return WRIT_E_FORMAT;
}

enum writ_err
writ_http1_exceed(struct writ_http1_fault *fault, unsigned status, const char *reason)
{
    *fault = (struct writ_http1_fault){.reason = reason, .status = status};
    return WRIT_E_LIMIT;
}

/* What stands where the next byte in scanning order is neither text nor a whole CRLF. */
static enum writ_err
refuse_control(uint8_t c, struct writ_http1_fault *fault)
{
    if (c == '\r')
        return writ_http1_refuse(fault, 400, "a CR that no LF follows");
    if (c == '\n')
        return writ_http1_refuse(fault, 400, "a line must end with CR LF, not with LF alone");
    if (c == '\0')
        return writ_http1_refuse(fault, 400, "a NUL byte in the message head");
    return writ_http1_refuse(fault, 400, "a control character in the message head");
}

enum writ_err
writ_http1_scan(struct writ_span in, size_t *scanned, bool section, size_t *ret_len,
                struct writ_http1_fault *fault)
{
    const uint8_t *limit;
    const uint8_t *p;

    if (in.len == 0)
        return WRIT_E_AGAIN;
    assert(*scanned <= in.len);
    limit = in.ptr + in.len;
    p = in.ptr + *scanned;
    for (;;) {
        p = writ_http1_skip_value(p, limit);
        if (p == limit || (*p == '\r' && p + 1 == limit)) {
            *scanned = (size_t)(p - in.ptr);
            return WRIT_E_AGAIN;
        }
        if (*p != '\r' || p[1] != '\n')
            return refuse_control(*p, fault);
        if (p == in.ptr || p[-1] == '\n')
            break;
        p += 2;
    }
    if (p == in.ptr && !section)
        return writ_http1_refuse(fault, 400, "an empty line before the message");
    *scanned = (size_t)(p - in.ptr);
    *ret_len = *scanned + 2;
    return WRIT_OK;
}

struct writ_span
writ_http1_trim(struct writ_span s)
{
    while (s.len != 0 && (s.ptr[0] == ' ' || s.ptr[0] == '\t'))
        s = writ_span(s.ptr + 1, s.len - 1);
    while (s.len != 0 && (s.ptr[s.len - 1] == ' ' || s.ptr[s.len - 1] == '\t'))
        s.len--;
    return s;
}

bool
writ_http1_list_next(struct writ_span *rest, struct writ_span *ret)
{
    const uint8_t *comma;
    size_t len;

    if (rest->ptr == NULL)
        return false;
    comma = memchr(rest->ptr, ',', rest->len);
    len = comma == NULL ? rest->len : (size_t)(comma - rest->ptr);
    *ret = writ_http1_trim(writ_span(rest->ptr, len));
    *rest = comma == NULL ? writ_span(NULL, 0) : writ_span(comma + 1, rest->len - len - 1);
    return true;
}

static enum writ_err
refuse_name(const uint8_t *begin, const uint8_t *at, struct writ_http1_fault *fault)
{
    if (at == begin && (*at == ' ' || *at == '\t'))
        return writ_http1_refuse(fault, 400, "a folded header line");
    if (at == begin)
        return writ_http1_refuse(fault, 400, "a header line without a name");
    if (*at == ' ' || *at == '\t')
        return writ_http1_refuse(fault, 400, "a blank between a header name and its colon");
    if (*at == '\r')
        return writ_http1_refuse(fault, 400, "a header line without a colon");
    return writ_http1_refuse(fault, 400, "a header name with a character that no name has");
}

enum writ_err
writ_http1_field(const uint8_t **at, const uint8_t *limit, struct writ_http1_header *ret,
                 struct writ_http1_fault *fault)
{
    const uint8_t *begin = *at;
    const uint8_t *p = begin;
    const uint8_t *end;
    unsigned id;

    p = writ_http1_skip_name(p, limit);
    if (*p == ':') {
        id = writ_http1_plain_name_id(begin, (size_t)(p - begin));
    } else {
        /* CR is no token character: it ends every walk, and scanned bytes end with it and LF */
        while (writ_http1_fold[*p] != 0)
            p++;
        id = *p == ':' ? writ_http1_name_id(begin, (size_t)(p - begin)) : WRIT_HTTP1_H_OTHER;
    }
    if (p == begin || *p != ':')
        return refuse_name(begin, p, fault);
    if (id == WRIT_HTTP1_H_MAX) {
        return writ_http1_refuse(fault, 400,
                                 "a header name that servers may take for a standard one");
    }
    ret->id = (uint8_t)id;
    ret->listed = false;
    ret->name = writ_span(begin, (size_t)(p - begin));
    p++;
    while (*p == ' ' || *p == '\t')
        p++;
    end = writ_http1_skip_line(p, limit);
    *at = end + 2;
    while (end != p && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    ret->value = writ_span(p, (size_t)(end - p));
    return WRIT_OK;
}

enum writ_err
writ_http1_fields(const uint8_t *at, const uint8_t *limit, bool request,
                  struct writ_http1_headers *ret, struct writ_http1_fault *fault)
{
    ret->count = 0;
    memset(ret->first, 0, sizeof(ret->first));
    while (*at != '\r') {
        struct writ_http1_header *h = &ret->at[ret->count];
        enum writ_err e;

        if (ret->count == WRIT_HTTP_HEADERS_MAX)
            return writ_http1_exceed(fault, 431, "too many header lines");
        e = writ_http1_field(&at, limit, h, fault);
        if (e != WRIT_OK)
            return e;
        ret->count++;
        if (ret->first[h->id] == 0) {
            ret->first[h->id] = ret->count;
        } else if (writ_http1_name_is_single(h->id, request)) {
            return writ_http1_refuse(fault, 400, "a header twice that may come only once");
        }
    }
    return WRIT_OK;
}

const struct writ_http1_header *
writ_http1_find(const struct writ_http1_headers *hs, enum writ_http1_name id)
{
    return hs->first[id] == 0 ? NULL : &hs->at[hs->first[id] - 1];
}

static enum writ_err
read_option(struct writ_span option, struct writ_http1_headers *hs, struct writ_http1_options *ret,
            struct writ_http1_fault *fault)
{
    unsigned id;

    if (writ_span_iis(option, "close")) {
        ret->close = true;
        return WRIT_OK;
    }
    if (!writ_http1_is_token(option))
        return writ_http1_refuse(fault, 400, "Connection lists something that is no name");
    id = writ_http1_name_id(option.ptr, option.len);
    if (id == WRIT_HTTP1_H_MAX || !writ_http1_name_may_list(id)) {
        return writ_http1_refuse(fault, 400,
                                 "Connection names a header that must not end at this hop");
    }
    if (id == WRIT_HTTP1_H_KEEP_ALIVE)
        ret->keep_alive = true;
    if (id != WRIT_HTTP1_H_OTHER)
        return WRIT_OK;
    for (size_t i = 0; i < hs->count; i++) {
        if (writ_http1_name_like(hs->at[i].name, option))
            hs->at[i].listed = true;
    }
    return WRIT_OK;
}

enum writ_err
writ_http1_read_connection(struct writ_http1_headers *hs, struct writ_http1_options *ret,
                           struct writ_http1_fault *fault)
{
    unsigned options = 0;
    size_t i = hs->first[WRIT_HTTP1_H_CONNECTION];

    *ret = (struct writ_http1_options){false, false};
    if (i == 0)
        return WRIT_OK;
    for (i--; i < hs->count; i++) {
        struct writ_span rest = hs->at[i].value;
        struct writ_span option;

        if (hs->at[i].id != WRIT_HTTP1_H_CONNECTION)
            continue;
        while (writ_http1_list_next(&rest, &option)) {
            enum writ_err e;

            if (++options > WRIT_HTTP_OPTIONS_MAX)
                return writ_http1_exceed(fault, 431, "Connection names too many headers");
            e = option.len == 0 ? WRIT_OK : read_option(option, hs, ret, fault);
            if (e != WRIT_OK)
                return e;
        }
    }
    return WRIT_OK;
}

static enum writ_err
read_length(struct writ_span value, uint64_t *ret, struct writ_http1_fault *fault)
{
    uint64_t v;

    if (value.len == 0 || (value.len > 1 && value.ptr[0] == '0'))
        return writ_http1_refuse(fault, 400, "Content-Length is no plain decimal number");
    if (writ_parse_dec(value, HTTP1_LENGTH_MAX, &v)) {
        *ret = v;
        return WRIT_OK;
    }
    for (size_t i = 0; i < value.len; i++) {
        if (value.ptr[i] < '0' || value.ptr[i] > '9')
            return writ_http1_refuse(fault, 400, "Content-Length is no plain decimal number");
    }
    return writ_http1_exceed(fault, 413, "Content-Length is too large");
}

enum writ_err
writ_http1_read_framing(const struct writ_http1_headers *hs, unsigned minor,
                        enum writ_http1_framing *ret, uint64_t *ret_length,
                        struct writ_http1_fault *fault)
{
    const struct writ_http1_header *length = writ_http1_find(hs, WRIT_HTTP1_H_CONTENT_LENGTH);
    const struct writ_http1_header *te = writ_http1_find(hs, WRIT_HTTP1_H_TRANSFER_ENCODING);

    *ret = WRIT_HTTP1_NO_BODY;
    *ret_length = 0;
    if (te == NULL && length == NULL)
        return WRIT_OK;
    if (te == NULL) {
        *ret = WRIT_HTTP1_LENGTH;
        return read_length(length->value, ret_length, fault);
    }
    if (length != NULL)
        return writ_http1_refuse(fault, 400, "Content-Length together with Transfer-Encoding");
    if (minor == 0)
        return writ_http1_refuse(fault, 400, "Transfer-Encoding in an HTTP/1.0 message");
    if (!writ_span_iis(te->value, "chunked"))
        return writ_http1_refuse(fault, 501, "a Transfer-Encoding other than chunked");
    *ret = WRIT_HTTP1_CHUNKED;
    return WRIT_OK;
}

enum writ_err
writ_http1_read_version(const uint8_t *at, size_t len, uint8_t *ret_minor,
                        struct writ_http1_fault *fault)
{
    bool digits = len == 8 && memcmp(at, "HTTP/", 5) == 0 && at[5] >= '0' && at[5] <= '9' &&
                  at[6] == '.' && at[7] >= '0' && at[7] <= '9';

    if (!digits)
        return writ_http1_refuse(fault, 400, "the first line has no HTTP version where it belongs");
    if (at[5] != '1' || at[7] > '1')
        return writ_http1_refuse(fault, 505, "only HTTP/1.1 and HTTP/1.0 are spoken here");
    *ret_minor = (uint8_t)(at[7] - '0');
    return WRIT_OK;
}
