/*
 * http1_path.h - one reading of path, query and cookies: what policy sees is what is sent.
 *
 * The canonical path (RFC 3986 6.2.2) has escapes only where they are needed, in upper case, and no
 * way left to climb, split or end a segment by decoding it again. Dots are never resolved but
 * refused: two servers resolve them in two ways. The canonical query differs from the one that was
 * sent in its escapes only. Cookies are not rewritten; iterators give raw pairs. On failure a
 * buffer given as ret holds what it held before.
 */
#ifndef WRIT_PROTO_HTTP1_PATH_H
#define WRIT_PROTO_HTTP1_PATH_H

#include "base/buf.h"
#include "proto/http1.h"

enum {
    /* ';' in a segment: some servers cut it and what follows before routing. Refused unless set. */
    WRIT_HTTP1_PATH_PARAMS = 1,
};

struct writ_http1_path {
    size_t segments;       /* "/" has 0, "/a" and "/a/" have 1 */
    bool trailing_slash;   /* always true for "/" */
    bool reserved_escapes; /* "%3F" and the like are left: they are not what they stand for */
};

/* Appends the canonical path to ret; an empty raw path is "/". */
enum writ_err writ_http1_path_canonical(struct writ_span raw, unsigned flags, struct writ_buf *ret,
                                        struct writ_http1_path *ret_info,
                                        struct writ_http1_fault *fault) WRIT_CHECK;
/* The next segment of a canonical path, still escaped; *rest starts as the path. */
bool writ_http1_path_next(struct writ_span *rest, struct writ_span *ret) WRIT_CHECK;
/* Appends s with its escapes decoded (a query: with '+' as a blank, too). false: bad escape. */
bool writ_http1_unescape(struct writ_span s, bool plus, struct writ_buf *ret) WRIT_CHECK;

/* Printable ASCII but '#', well-formed escapes, no %00, no escaped control character in a key. */
enum writ_err writ_http1_query_check(struct writ_span raw,
                                     struct writ_http1_fault *fault) WRIT_CHECK;
/* Checks the query as above, and appends it in the one form that policy judges: escaped is what
 * must be (RFC 3986 3.4) and '&', '+', ';', '=', whose escapes mean something else to forms. */
enum writ_err writ_http1_query_canonical(struct writ_span raw, struct writ_buf *ret,
                                         struct writ_http1_fault *fault) WRIT_CHECK;

/* How a key that was sent compares with the one that is going to be injected. */
enum writ_http1_match {
    WRIT_HTTP1_MATCH_NO,
    WRIT_HTTP1_MATCH_YES,       /* the same after decoding: remove the pair */
    WRIT_HTTP1_MATCH_AMBIGUOUS, /* some servers take it for the same: refuse the request */
};

struct writ_http1_pair {
    struct writ_span raw;   /* the whole pair, without its separator */
    struct writ_span key;   /* raw, up to '=' */
    struct writ_span value; /* raw, after '='; empty if there is none */
    bool has_value;
};

/* The next non-empty pair between '&'; *rest starts as the query. */
bool writ_http1_query_next(struct writ_span *rest, struct writ_http1_pair *ret) WRIT_CHECK;
/* Sees through %61pi_key, '+', letter case, ';' as a separator, PHP's api.key and api_key[]. */
enum writ_http1_match writ_http1_query_match(const struct writ_http1_pair *p,
                                             struct writ_span name) WRIT_CHECK;
/* The next non-empty pair between ';' of a Cookie header (RFC 6265 4.2); *rest starts as the value.
 */
bool writ_http1_cookie_next(struct writ_span *rest, struct writ_http1_pair *ret) WRIT_CHECK;
/* Sees through escapes, letter case, ',' as a separator; an unbalanced quote is AMBIGUOUS. */
enum writ_http1_match writ_http1_cookie_match(const struct writ_http1_pair *p,
                                              struct writ_span name) WRIT_CHECK;

#endif
