/*
 * http1.h - HTTP/1.0 and HTTP/1.1 message heads (RFC 9110, RFC 9112), read in one way or not at
 * all.
 *
 * Whatever two parsers could read in two ways is refused, not resolved. All spans borrow from `in`
 * and live as long as its bytes stay where they are. Nothing allocates. *scanned is the caller's,
 * 0 at the start of each message: how far the end of the head was looked for, so that a head that
 * drips in byte by byte costs linear time. AGAIN: the head is not complete (and not yet wrong).
 * *ret is scratch until the answer is OK.
 * FORMAT or LIMIT: *fault says why and which status to answer; the connection must then be closed.
 */
#ifndef WRIT_PROTO_HTTP1_H
#define WRIT_PROTO_HTTP1_H

#include "base/err.h"
#include "base/limits.h"
#include "base/span.h"
#include "proto/addr.h"

struct writ_http1_fault {
    const char *reason; /* static, one sentence without a final stop, safe to show to the client */
    unsigned status;    /* 400, 413, 414, 417, 431, 501 or 505; for a response 502 */
};

enum writ_http1_method {
    WRIT_HTTP1_OTHER, /* a well-formed token that is none of these */
    WRIT_HTTP1_GET,
    WRIT_HTTP1_HEAD,
    WRIT_HTTP1_POST,
    WRIT_HTTP1_PUT,
    WRIT_HTTP1_DELETE,
    WRIT_HTTP1_PATCH,
    WRIT_HTTP1_OPTIONS,
    WRIT_HTTP1_TRACE,
    WRIT_HTTP1_CONNECT,
};

enum writ_http1_form {
    WRIT_HTTP1_ORIGIN,    /* /path?query */
    WRIT_HTTP1_ABSOLUTE,  /* http://host:port/path?query */
    WRIT_HTTP1_AUTHORITY, /* host:port, CONNECT only */
    WRIT_HTTP1_ASTERISK,  /* *, OPTIONS only */
};

enum writ_http1_scheme { WRIT_HTTP1_NO_SCHEME, WRIT_HTTP1_HTTP, WRIT_HTTP1_HTTPS };

enum writ_http1_framing {
    WRIT_HTTP1_NO_BODY,
    WRIT_HTTP1_LENGTH,
    WRIT_HTTP1_CHUNKED,
    WRIT_HTTP1_UNTIL_CLOSE, /* responses only */
};

/* Names that a proxy treats in its own way; http1_names.c says which are hop-by-hop, which may not
 * be listed in Connection and which may not be trailers. */
enum writ_http1_name {
    WRIT_HTTP1_H_OTHER,
    WRIT_HTTP1_H_TE,
    WRIT_HTTP1_H_AGE,
    WRIT_HTTP1_H_VIA,
    WRIT_HTTP1_H_DATE,
    WRIT_HTTP1_H_ETAG,
    WRIT_HTTP1_H_HOST,
    WRIT_HTTP1_H_VARY,
    WRIT_HTTP1_H_RANGE,
    WRIT_HTTP1_H_ACCEPT,
    WRIT_HTTP1_H_COOKIE,
    WRIT_HTTP1_H_EXPECT,
    WRIT_HTTP1_H_ORIGIN,
    WRIT_HTTP1_H_PRAGMA,
    WRIT_HTTP1_H_SERVER,
    WRIT_HTTP1_H_ALT_SVC,
    WRIT_HTTP1_H_EXPIRES,
    WRIT_HTTP1_H_REFERER,
    WRIT_HTTP1_H_REFRESH,
    WRIT_HTTP1_H_TRAILER,
    WRIT_HTTP1_H_UPGRADE,
    WRIT_HTTP1_H_IF_MATCH,
    WRIT_HTTP1_H_IF_RANGE,
    WRIT_HTTP1_H_LOCATION,
    WRIT_HTTP1_H_FORWARDED,
    WRIT_HTTP1_H_X_REAL_IP,
    WRIT_HTTP1_H_CONNECTION,
    WRIT_HTTP1_H_KEEP_ALIVE,
    WRIT_HTTP1_H_SET_COOKIE,
    WRIT_HTTP1_H_USER_AGENT,
    WRIT_HTTP1_H_CONTENT_TYPE,
    WRIT_HTTP1_H_MAX_FORWARDS,
    WRIT_HTTP1_H_AUTHORIZATION,
    WRIT_HTTP1_H_CACHE_CONTROL,
    WRIT_HTTP1_H_CONTENT_RANGE,
    WRIT_HTTP1_H_IF_NONE_MATCH,
    WRIT_HTTP1_H_LAST_MODIFIED,
    WRIT_HTTP1_H_X_HTTP_METHOD,
    WRIT_HTTP1_H_X_REWRITE_URL,
    WRIT_HTTP1_H_CONTENT_LENGTH,
    WRIT_HTTP1_H_HTTP2_SETTINGS,
    WRIT_HTTP1_H_X_ORIGINAL_URL,
    WRIT_HTTP1_H_ACCEPT_ENCODING,
    WRIT_HTTP1_H_X_FORWARDED_FOR,
    WRIT_HTTP1_H_CONTENT_ENCODING,
    WRIT_HTTP1_H_PROXY_CONNECTION,
    WRIT_HTTP1_H_WWW_AUTHENTICATE,
    WRIT_HTTP1_H_X_FORWARDED_HOST,
    WRIT_HTTP1_H_CONTENT_LOCATION,
    WRIT_HTTP1_H_X_FORWARDED_PROTO,
    WRIT_HTTP1_H_IF_MODIFIED_SINCE,
    WRIT_HTTP1_H_TRANSFER_ENCODING,
    WRIT_HTTP1_H_X_METHOD_OVERRIDE,
    WRIT_HTTP1_H_PROXY_AUTHENTICATE,
    WRIT_HTTP1_H_AUTHENTICATION_INFO,
    WRIT_HTTP1_H_CONTENT_DISPOSITION,
    WRIT_HTTP1_H_IF_UNMODIFIED_SINCE,
    WRIT_HTTP1_H_PROXY_AUTHORIZATION,
    WRIT_HTTP1_H_X_HTTP_METHOD_OVERRIDE,
    WRIT_HTTP1_H_PROXY_AUTHENTICATION_INFO,
    WRIT_HTTP1_H_STRICT_TRANSPORT_SECURITY,
    WRIT_HTTP1_H_MAX,
};

struct writ_http1_header {
    struct writ_span name;  /* as written */
    struct writ_span value; /* without blanks around it; may hold bytes from 0x80 */
    uint8_t id;             /* enum writ_http1_name */
    bool listed;            /* named in Connection: ends here, whatever it is */
};

struct writ_http1_headers {
    uint8_t count;
    uint8_t first[WRIT_HTTP1_H_MAX]; /* by id: where in at, plus one; 0 if there is none */
    struct writ_http1_header at[WRIT_HTTP_HEADERS_MAX];
};

struct writ_http1_authority {
    char host[WRIT_HOST_MAX + 1]; /* lower case; an address in canonical text, without brackets */
    uint8_t host_len;             /* 0: none was given (HTTP/1.0 only) */
    uint16_t port;                /* 0: none was written */
    struct writ_addr addr;        /* family 0 if the host is a name */
};

struct writ_http1_request {
    size_t head_len; /* bytes of `in` up to and with the empty line; the body begins there */
    enum writ_http1_method method;
    enum writ_http1_form form;
    enum writ_http1_scheme scheme; /* absolute form only */
    uint8_t minor;                 /* HTTP/1.minor: 0 or 1 */
    bool keep_alive;
    bool expect_continue;
    bool upgrade;     /* there is an Upgrade header */
    bool te_trailers; /* TE: trailers; the client can take them */
    bool has_query;   /* "/p?" differs from "/p" */
    enum writ_http1_framing framing;
    uint64_t length; /* LENGTH only */
    struct writ_span method_name;
    struct writ_span target; /* as written */
    struct writ_span path;   /* raw; empty for http://host; see http1_path.h */
    struct writ_span query;  /* raw, without the '?' */
    /* The one authority: of the target and of Host, which agree (RFC 9112 3.2.2 lets a server
     * overrule Host; we refuse). A default port that only one of them writes is no difference. */
    struct writ_http1_authority authority;
    struct writ_http1_headers headers;
};

struct writ_http1_response {
    size_t head_len;
    unsigned status; /* 100..599 */
    uint8_t minor;
    bool interim; /* 1xx except 101: the final response is still to come */
    bool keep_alive;
    bool upgrade; /* 101: what follows is no HTTP any more */
    enum writ_http1_framing framing;
    uint64_t length;       /* LENGTH only */
    bool has_length;       /* Content-Length was there, with HEAD and 304 too: forward it */
    uint64_t length_field; /* its value */
    struct writ_span reason;
    struct writ_http1_headers headers;
};

enum writ_err writ_http1_parse_request(struct writ_span in, size_t *scanned,
                                       struct writ_http1_request *ret,
                                       struct writ_http1_fault *fault) WRIT_CHECK;
enum writ_err writ_http1_parse_response(struct writ_span in, size_t *scanned,
                                        enum writ_http1_method request_method,
                                        struct writ_http1_response *ret,
                                        struct writ_http1_fault *fault) WRIT_CHECK;

/* True if the header must end at this hop: listed in Connection, or hop-by-hop by its nature
 * (Transfer-Encoding too: framing is written anew). Content-Length and Host are not hop-by-hop but
 * are written anew as well. */
bool writ_http1_is_hop_by_hop(const struct writ_http1_header *h) WRIT_CHECK;
/* The first header with that id, or NULL. */
const struct writ_http1_header *writ_http1_find(const struct writ_http1_headers *hs,
                                                enum writ_http1_name id) WRIT_CHECK;
/* True if a server could take the two for the same header: letter case, and '_' or '.' for '-'
 * (CGI and its heirs map all of them to '_'). Use it to remove what is going to be injected. */
bool writ_http1_name_like(struct writ_span name, struct writ_span other) WRIT_CHECK;
/* A known name in lower case; "" for OTHER. */
const char *writ_http1_name_text(unsigned id);
/* A token of RFC 9110 5.6.2 that is not longer than a header name or method may be. */
bool writ_http1_is_token(struct writ_span s) WRIT_CHECK;
/* A field value that can be sent as it is: no control character but HTAB, no blanks around it. */
bool writ_http1_is_value(struct writ_span s) WRIT_CHECK;
/* "host", "host:port", "[v6]:port" as in a Host header or CONNECT target. */
bool writ_http1_parse_authority(struct writ_span s, struct writ_http1_authority *ret) WRIT_CHECK;

#endif
