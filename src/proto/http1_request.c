#include "base/text.h"
#include "proto/http1_chars.h"
#include "proto/http1_head.h"
#include "proto/http1_skip.h"

struct method {
    const char *text;
    enum writ_http1_method id;
};

static const struct method methods[] = {
    {"GET", WRIT_HTTP1_GET},         {"POST", WRIT_HTTP1_POST},   {"PUT", WRIT_HTTP1_PUT},
    {"DELETE", WRIT_HTTP1_DELETE},   {"HEAD", WRIT_HTTP1_HEAD},   {"PATCH", WRIT_HTTP1_PATCH},
    {"OPTIONS", WRIT_HTTP1_OPTIONS}, {"TRACE", WRIT_HTTP1_TRACE}, {"CONNECT", WRIT_HTTP1_CONNECT},
};

static enum writ_err
find_method(struct writ_span name, enum writ_http1_method *ret, struct writ_http1_fault *fault)
{
    *ret = WRIT_HTTP1_OTHER;
    for (size_t i = 0; i < WRIT_COUNT(methods); i++) {
        if (!writ_span_iis(name, methods[i].text))
            continue;
        /* methods are case-sensitive (RFC 9110 9.1), but not to every server */
        if (!writ_span_is(name, methods[i].text))
            return writ_http1_refuse(fault, 400, "a standard method must be in capital letters");
        *ret = methods[i].id;
        return WRIT_OK;
    }
    return WRIT_OK;
}

static enum writ_err
refuse_line(const uint8_t *at, struct writ_http1_fault *fault)
{
    if (*at == ' ' || *at == '\t')
        return writ_http1_refuse(fault, 400, "a blank too many in the request line");
    if (*at == '#')
        return writ_http1_refuse(fault, 400, "a fragment in the request target");
    if (*at == '\r')
        return writ_http1_refuse(fault, 400, "the request line has no HTTP version");
    return writ_http1_refuse(fault, 400, "the request target holds a byte that must be escaped");
}

/* Leaves *at behind the CRLF of the request line. */
static enum writ_err
read_line(const uint8_t **at, const uint8_t *limit, struct writ_http1_request *ret,
          struct writ_http1_fault *fault)
{
    const uint8_t *p = *at;
    const uint8_t *begin = p;
    const uint8_t *end;
    enum writ_err e;

    while (writ_http1_fold[*p] != 0)
        p++;
    if (p == begin || *p != ' ')
        return writ_http1_refuse(fault, 400, "the request line begins with no method and blank");
    ret->method_name = writ_span(begin, (size_t)(p - begin));
    if (ret->method_name.len > WRIT_HTTP_METHOD_BYTES_MAX)
        return writ_http1_exceed(fault, 501, "the method is too long");
    e = find_method(ret->method_name, &ret->method, fault);
    if (e != WRIT_OK)
        return e;

    begin = ++p;
    p = writ_http1_skip_target(p, limit);
    if (p == begin || *p != ' ')
        return refuse_line(p, fault);
    ret->target = writ_span(begin, (size_t)(p - begin));
    if (ret->target.len > WRIT_HTTP_TARGET_BYTES_MAX)
        return writ_http1_exceed(fault, 414, "the request target is too long");

    p++;
    end = writ_http1_skip_line(p, limit);
    if (end == p || *p == ' ' || *p == '\t')
        return refuse_line(p, fault);
    *at = end + 2;
    return writ_http1_read_version(p, (size_t)(end - p), &ret->minor, fault);
}

static bool
read_name(struct writ_span host, struct writ_http1_authority *ret)
{
    for (size_t i = 0; i < host.len; i++) {
        uint8_t c = host.ptr[i];

        ret->host[i] = (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
    }
    ret->host[host.len] = '\0';
    ret->host_len = (uint8_t)host.len;
    return writ_is_host(writ_span(ret->host, host.len));
}

bool
writ_http1_parse_authority(struct writ_span s, struct writ_http1_authority *ret)
{
    struct writ_span host;
    uint16_t port;
    bool v6;
    struct writ_addr addr = {0};

    if (!writ_host_port_split(s, &host, &port, &v6) || host.len > WRIT_HOST_MAX)
        return false;
    ret->port = port;
    /* no name that writ_is_host takes ends like an address and is one */
    if (v6 || (host.ptr[host.len - 1] >= '0' && host.ptr[host.len - 1] <= '9')) {
        ret->addr = addr;
        if (writ_addr_parse(host, &ret->addr)) {
            ret->host_len = (uint8_t)writ_addr_print(&ret->addr, ret->host);
            return ret->addr.family == (v6 ? 6 : 4);
        }
    }
    ret->addr = addr;
    return !v6 && read_name(host, ret);
}

static void
split_query(struct writ_span s, struct writ_http1_request *ret)
{
    const uint8_t *mark = s.len == 0 ? NULL : memchr(s.ptr, '?', s.len);

    ret->path = s;
    if (mark == NULL)
        return;
    ret->path.len = (size_t)(mark - s.ptr);
    ret->query = writ_span_from(s, ret->path.len + 1);
    ret->has_query = true;
}

static enum writ_err
read_absolute(struct writ_http1_request *ret, struct writ_http1_fault *fault)
{
    struct writ_span rest = ret->target;
    size_t len = 0;

    if (rest.len > 7 && writ_span_iis(writ_span(rest.ptr, 7), "http://")) {
        ret->scheme = WRIT_HTTP1_HTTP;
        rest = writ_span_from(rest, 7);
    } else if (rest.len > 8 && writ_span_iis(writ_span(rest.ptr, 8), "https://")) {
        ret->scheme = WRIT_HTTP1_HTTPS;
        rest = writ_span_from(rest, 8);
    } else {
        return writ_http1_refuse(fault, 400,
                                 "the request target must begin with '/', 'http://' or 'https://'");
    }
    while (len < rest.len && rest.ptr[len] != '/' && rest.ptr[len] != '?')
        len++;
    if (!writ_http1_parse_authority(writ_span(rest.ptr, len), &ret->authority))
        return writ_http1_refuse(fault, 400, "the request target has no valid host and port");
    split_query(writ_span(rest.ptr + len, rest.len - len), ret);
    return WRIT_OK;
}

static enum writ_err
read_target(struct writ_http1_request *ret, struct writ_http1_fault *fault)
{
    const struct writ_span target = ret->target;

    ret->scheme = WRIT_HTTP1_NO_SCHEME;
    ret->has_query = false;
    ret->path = writ_span(target.ptr, 0);
    ret->query = ret->path;
    ret->authority.host_len = 0;
    ret->authority.port = 0;
    if (ret->method == WRIT_HTTP1_CONNECT) {
        ret->form = WRIT_HTTP1_AUTHORITY;
        if (!writ_http1_parse_authority(target, &ret->authority) || ret->authority.port == 0)
            return writ_http1_refuse(fault, 400, "CONNECT needs a valid host and port");
        return WRIT_OK;
    }
    if (target.ptr[0] == '/') {
        ret->form = WRIT_HTTP1_ORIGIN;
        split_query(target, ret);
        return WRIT_OK;
    }
    if (ret->method == WRIT_HTTP1_OPTIONS && writ_span_is(target, "*")) {
        ret->form = WRIT_HTTP1_ASTERISK;
        return WRIT_OK;
    }
    ret->form = WRIT_HTTP1_ABSOLUTE;
    return read_absolute(ret, fault);
}

static unsigned
effective_port(const struct writ_http1_request *r, unsigned port)
{
    if (port != 0)
        return port;
    switch (r->scheme) {
    case WRIT_HTTP1_HTTP:
        return 80;
    case WRIT_HTTP1_HTTPS:
        return 443;
    case WRIT_HTTP1_NO_SCHEME:
        break;
    }
    return r->authority.port; /* CONNECT: some clients leave the port out of Host */
}

static enum writ_err
read_host(struct writ_http1_request *ret, struct writ_http1_fault *fault)
{
    const struct writ_http1_header *h = writ_http1_find(&ret->headers, WRIT_HTTP1_H_HOST);
    struct writ_http1_authority host;

    if (h == NULL && ret->minor == 0) {
        if (ret->authority.host_len == 0)
            ret->authority = (struct writ_http1_authority){.host = ""};
        return WRIT_OK;
    }
    if (h == NULL)
        return writ_http1_refuse(fault, 400, "an HTTP/1.1 request without Host");
    if (ret->authority.host_len == 0) {
        if (!writ_http1_parse_authority(h->value, &ret->authority))
            return writ_http1_refuse(fault, 400, "Host is no valid host and port");
        return WRIT_OK;
    }
    if (!writ_http1_parse_authority(h->value, &host))
        return writ_http1_refuse(fault, 400, "Host is no valid host and port");
    if (host.host_len != ret->authority.host_len ||
        memcmp(host.host, ret->authority.host, host.host_len) != 0 ||
        effective_port(ret, host.port) != effective_port(ret, ret->authority.port))
        return writ_http1_refuse(fault, 400, "Host does not agree with the request target");
    return WRIT_OK;
}

static enum writ_err
read_expect(struct writ_http1_request *ret, struct writ_http1_fault *fault)
{
    const struct writ_http1_header *h = writ_http1_find(&ret->headers, WRIT_HTTP1_H_EXPECT);

    ret->expect_continue = false;
    if (h == NULL || ret->minor == 0) /* RFC 9110 10.1.1: ignored in HTTP/1.0 */
        return WRIT_OK;
    if (!writ_span_iis(h->value, "100-continue"))
        return writ_http1_refuse(fault, 417, "an Expect other than 100-continue");
    ret->expect_continue = ret->framing != WRIT_HTTP1_NO_BODY &&
                           (ret->framing != WRIT_HTTP1_LENGTH || ret->length != 0);
    return WRIT_OK;
}

static bool
takes_trailers(const struct writ_http1_headers *hs)
{
    const struct writ_http1_header *h = writ_http1_find(hs, WRIT_HTTP1_H_TE);
    struct writ_span rest;
    struct writ_span item;

    if (h == NULL)
        return false;
    rest = h->value;
    while (writ_http1_list_next(&rest, &item)) {
        if (writ_span_iis(item, "trailers"))
            return true;
    }
    return false;
}

/* The headers are there; what they mean together. */
static enum writ_err
read_meaning(struct writ_http1_request *ret, struct writ_http1_fault *fault)
{
    struct writ_http1_options options;
    enum writ_err e;

    e = read_host(ret, fault);
    if (e != WRIT_OK)
        return e;
    e = writ_http1_read_framing(&ret->headers, ret->minor, &ret->framing, &ret->length, fault);
    if (e != WRIT_OK)
        return e;
    if (ret->framing != WRIT_HTTP1_NO_BODY &&
        (ret->method == WRIT_HTTP1_CONNECT || ret->method == WRIT_HTTP1_TRACE))
        return writ_http1_refuse(fault, 400, "CONNECT and TRACE have no body");
    e = writ_http1_read_connection(&ret->headers, &options, fault);
    if (e != WRIT_OK)
        return e;
    ret->keep_alive = !options.close && (ret->minor == 1 || options.keep_alive);
    ret->upgrade = writ_http1_find(&ret->headers, WRIT_HTTP1_H_UPGRADE) != NULL;
    ret->te_trailers = takes_trailers(&ret->headers);
    return read_expect(ret, fault);
}

/* Before the head is complete: is it too long already? */
static enum writ_err
check_growth(struct writ_span in, struct writ_http1_fault *fault)
{
    const size_t line_max =
        WRIT_HTTP_METHOD_BYTES_MAX + WRIT_HTTP_TARGET_BYTES_MAX + sizeof("  HTTP/1.1");

    if (in.len > line_max && memchr(in.ptr, '\n', line_max) == NULL)
        return writ_http1_exceed(fault, 414, "the request line is too long");
    if (in.len >= WRIT_HTTP_HEAD_BYTES_MAX)
        return writ_http1_exceed(fault, 431, "the request head is too long");
    return WRIT_E_AGAIN;
}

enum writ_err
writ_http1_parse_request(struct writ_span in, size_t *scanned, struct writ_http1_request *ret,
                         struct writ_http1_fault *fault)
{
    const uint8_t *at = in.ptr;
    const uint8_t *limit;
    enum writ_err e;

    e = writ_http1_scan(in, scanned, false, &ret->head_len, fault);
    if (e == WRIT_E_AGAIN)
        return check_growth(in, fault);
    if (e != WRIT_OK)
        return e;
    if (ret->head_len > WRIT_HTTP_HEAD_BYTES_MAX)
        return writ_http1_exceed(fault, 431, "the request head is too long");
    limit = in.ptr + ret->head_len;
    e = read_line(&at, limit, ret, fault);
    if (e == WRIT_OK)
        e = read_target(ret, fault);
    if (e == WRIT_OK)
        e = writ_http1_fields(at, limit, true, &ret->headers, fault);
    return e == WRIT_OK ? read_meaning(ret, fault) : e;
}
