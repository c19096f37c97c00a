#include "proto/http1_write.h"

#include "proto/http1_chars.h"
#include "proto/http1_head.h"

struct status {
    unsigned code;
    const char *text;
};

/* IANA HTTP status code registry. */
static const struct status statuses[] = {
    {100, "Continue"},
    {101, "Switching Protocols"},
    {103, "Early Hints"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {203, "Non-Authoritative Information"},
    {204, "No Content"},
    {205, "Reset Content"},
    {206, "Partial Content"},
    {207, "Multi-Status"},
    {300, "Multiple Choices"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {402, "Payment Required"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {407, "Proxy Authentication Required"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {423, "Locked"},
    {425, "Too Early"},
    {426, "Upgrade Required"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {451, "Unavailable For Legal Reasons"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
    {507, "Insufficient Storage"},
};

const char *
writ_http1_status_text(unsigned status)
{
    for (size_t i = 0; i < WRIT_COUNT(statuses); i++) {
        if (statuses[i].code == status)
            return statuses[i].text;
    }
    return "";
}

void
writ_http1_put_status(struct writ_buf *b, unsigned status)
{
    if (status < 100 || status > 599) {
        b->failed = true;
        return;
    }
    writ_buf_put_str(b, "HTTP/1.1 ");
    writ_buf_put_dec(b, status);
    writ_buf_put_u8(b, ' ');
    writ_buf_put_str(b, writ_http1_status_text(status));
    writ_buf_put_str(b, "\r\n");
}

static bool
all_target(struct writ_span s)
{
    for (size_t i = 0; i < s.len; i++) {
        if ((writ_http1_chars[s.ptr[i]] & WRIT_HTTP1_C_TARGET) == 0)
            return false;
    }
    return true;
}

void
writ_http1_put_request_line(struct writ_buf *b, struct writ_span method, struct writ_span path,
                            bool has_query, struct writ_span query)
{
    if (!writ_http1_is_token(method) || path.len == 0 || !all_target(path) || !all_target(query) ||
        memchr(path.ptr, '?', path.len) != NULL) {
        b->failed = true;
        return;
    }
    writ_buf_put(b, method);
    writ_buf_put_u8(b, ' ');
    writ_buf_put(b, path);
    if (has_query) {
        writ_buf_put_u8(b, '?');
        writ_buf_put(b, query);
    }
    writ_buf_put_str(b, " HTTP/1.1\r\n");
}

void
writ_http1_put_header(struct writ_buf *b, struct writ_span name, struct writ_span value)
{
    uint8_t *at;
    size_t n;

    if (!writ_http1_is_token(name) || !writ_http1_is_value(value) ||
        !writ_add(name.len, value.len, &n) || !writ_add(n, (size_t)4, &n) ||
        writ_buf_reserve(b, n, &at) != WRIT_OK) {
        b->failed = true;
        return;
    }
    memcpy(at, name.ptr, name.len);
    at += name.len;
    *at++ = ':';
    *at++ = ' ';
    if (value.len != 0)
        memcpy(at, value.ptr, value.len);
    at += value.len;
    *at++ = '\r';
    *at = '\n';
    writ_buf_commit(b, n);
}

void
writ_http1_put_header_str(struct writ_buf *b, const char *name, const char *value)
{
    writ_http1_put_header(b, writ_span_str(name), writ_span_str(value));
}

void
writ_http1_put_content_length(struct writ_buf *b, uint64_t n)
{
    writ_buf_put_str(b, "Content-Length: ");
    writ_buf_put_dec(b, n);
    writ_buf_put_str(b, "\r\n");
}

void
writ_http1_put_host(struct writ_buf *b, const struct writ_http1_authority *a)
{
    struct writ_span host = writ_span(a->host, a->host_len);

    if (host.len == 0 || !all_target(host)) {
        b->failed = true;
        return;
    }
    writ_buf_put_str(b, a->addr.family == 6 ? "Host: [" : "Host: ");
    writ_buf_put(b, host);
    if (a->addr.family == 6)
        writ_buf_put_u8(b, ']');
    if (a->port != 0) {
        writ_buf_put_u8(b, ':');
        writ_buf_put_dec(b, a->port);
    }
    writ_buf_put_str(b, "\r\n");
}

void
writ_http1_put_end(struct writ_buf *b)
{
    writ_buf_put_str(b, "\r\n");
}
