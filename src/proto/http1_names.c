#include "proto/http1_chars.h"
#include "proto/http1_head.h"

enum {
    NAME_HOP = 1,        /* RFC 9110 7.6.1: ends at this hop */
    NAME_SINGLE = 2,     /* a second one is refused */
    NAME_SINGLE_REQ = 4, /* in requests: policy would judge one and the server read the other */
    NAME_TRAILER = 8,    /* the only known names that RFC 9110 6.5.1 leaves for trailers */
};

struct name {
    const char *text;
    unsigned flags;
};

/* By length, as the enumeration is. */
static const struct name names[WRIT_HTTP1_H_MAX] = {
    [WRIT_HTTP1_H_TE] = {"te", NAME_HOP},
    [WRIT_HTTP1_H_AGE] = {"age", 0},
    [WRIT_HTTP1_H_VIA] = {"via", 0},
    [WRIT_HTTP1_H_DATE] = {"date", 0},
    [WRIT_HTTP1_H_ETAG] = {"etag", NAME_TRAILER},
    [WRIT_HTTP1_H_HOST] = {"host", NAME_SINGLE},
    [WRIT_HTTP1_H_VARY] = {"vary", 0},
    [WRIT_HTTP1_H_RANGE] = {"range", 0},
    [WRIT_HTTP1_H_ACCEPT] = {"accept", 0},
    [WRIT_HTTP1_H_COOKIE] = {"cookie", 0},
    [WRIT_HTTP1_H_EXPECT] = {"expect", NAME_SINGLE},
    [WRIT_HTTP1_H_ORIGIN] = {"origin", 0},
    [WRIT_HTTP1_H_PRAGMA] = {"pragma", 0},
    [WRIT_HTTP1_H_SERVER] = {"server", 0},
    [WRIT_HTTP1_H_ALT_SVC] = {"alt-svc", 0},
    [WRIT_HTTP1_H_EXPIRES] = {"expires", 0},
    [WRIT_HTTP1_H_REFERER] = {"referer", 0},
    [WRIT_HTTP1_H_REFRESH] = {"refresh", 0},
    [WRIT_HTTP1_H_TRAILER] = {"trailer", NAME_HOP},
    [WRIT_HTTP1_H_UPGRADE] = {"upgrade", NAME_HOP},
    [WRIT_HTTP1_H_IF_MATCH] = {"if-match", 0},
    [WRIT_HTTP1_H_IF_RANGE] = {"if-range", 0},
    [WRIT_HTTP1_H_LOCATION] = {"location", NAME_SINGLE},
    [WRIT_HTTP1_H_FORWARDED] = {"forwarded", 0},
    [WRIT_HTTP1_H_X_REAL_IP] = {"x-real-ip", 0},
    [WRIT_HTTP1_H_CONNECTION] = {"connection", NAME_HOP},
    [WRIT_HTTP1_H_KEEP_ALIVE] = {"keep-alive", NAME_HOP},
    [WRIT_HTTP1_H_SET_COOKIE] = {"set-cookie", 0},
    [WRIT_HTTP1_H_USER_AGENT] = {"user-agent", 0},
    [WRIT_HTTP1_H_CONTENT_TYPE] = {"content-type", NAME_SINGLE_REQ},
    [WRIT_HTTP1_H_MAX_FORWARDS] = {"max-forwards", NAME_SINGLE},
    [WRIT_HTTP1_H_AUTHORIZATION] = {"authorization", NAME_SINGLE},
    [WRIT_HTTP1_H_CACHE_CONTROL] = {"cache-control", 0},
    [WRIT_HTTP1_H_CONTENT_RANGE] = {"content-range", NAME_SINGLE},
    [WRIT_HTTP1_H_IF_NONE_MATCH] = {"if-none-match", 0},
    [WRIT_HTTP1_H_LAST_MODIFIED] = {"last-modified", NAME_TRAILER},
    [WRIT_HTTP1_H_X_HTTP_METHOD] = {"x-http-method", 0},
    [WRIT_HTTP1_H_X_REWRITE_URL] = {"x-rewrite-url", 0},
    [WRIT_HTTP1_H_CONTENT_LENGTH] = {"content-length", NAME_SINGLE},
    [WRIT_HTTP1_H_HTTP2_SETTINGS] = {"http2-settings", NAME_HOP},
    [WRIT_HTTP1_H_X_ORIGINAL_URL] = {"x-original-url", 0},
    [WRIT_HTTP1_H_ACCEPT_ENCODING] = {"accept-encoding", 0},
    [WRIT_HTTP1_H_X_FORWARDED_FOR] = {"x-forwarded-for", 0},
    [WRIT_HTTP1_H_CONTENT_ENCODING] = {"content-encoding", 0},
    [WRIT_HTTP1_H_PROXY_CONNECTION] = {"proxy-connection", NAME_HOP},
    [WRIT_HTTP1_H_WWW_AUTHENTICATE] = {"www-authenticate", 0},
    [WRIT_HTTP1_H_X_FORWARDED_HOST] = {"x-forwarded-host", 0},
    [WRIT_HTTP1_H_CONTENT_LOCATION] = {"content-location", 0},
    [WRIT_HTTP1_H_X_FORWARDED_PROTO] = {"x-forwarded-proto", 0},
    [WRIT_HTTP1_H_IF_MODIFIED_SINCE] = {"if-modified-since", 0},
    [WRIT_HTTP1_H_TRANSFER_ENCODING] = {"transfer-encoding", NAME_HOP | NAME_SINGLE},
    [WRIT_HTTP1_H_X_METHOD_OVERRIDE] = {"x-method-override", 0},
    [WRIT_HTTP1_H_PROXY_AUTHENTICATE] = {"proxy-authenticate", NAME_HOP},
    [WRIT_HTTP1_H_AUTHENTICATION_INFO] = {"authentication-info", 0},
    [WRIT_HTTP1_H_CONTENT_DISPOSITION] = {"content-disposition", 0},
    [WRIT_HTTP1_H_IF_UNMODIFIED_SINCE] = {"if-unmodified-since", 0},
    [WRIT_HTTP1_H_PROXY_AUTHORIZATION] = {"proxy-authorization", NAME_HOP | NAME_SINGLE},
    [WRIT_HTTP1_H_X_HTTP_METHOD_OVERRIDE] = {"x-http-method-override", 0},
    [WRIT_HTTP1_H_PROXY_AUTHENTICATION_INFO] = {"proxy-authentication-info", NAME_HOP},
    [WRIT_HTTP1_H_STRICT_TRANSPORT_SECURITY] = {"strict-transport-security", 0},
};

struct bucket {
    uint8_t first;
    uint8_t count;
};

/* By length; a test checks both tables against each other. */
static const struct bucket buckets[] = {
    [2] = {WRIT_HTTP1_H_TE, 1},
    [3] = {WRIT_HTTP1_H_AGE, 2},
    [4] = {WRIT_HTTP1_H_DATE, 4},
    [5] = {WRIT_HTTP1_H_RANGE, 1},
    [6] = {WRIT_HTTP1_H_ACCEPT, 6},
    [7] = {WRIT_HTTP1_H_ALT_SVC, 6},
    [8] = {WRIT_HTTP1_H_IF_MATCH, 3},
    [9] = {WRIT_HTTP1_H_FORWARDED, 2},
    [10] = {WRIT_HTTP1_H_CONNECTION, 4},
    [12] = {WRIT_HTTP1_H_CONTENT_TYPE, 2},
    [13] = {WRIT_HTTP1_H_AUTHORIZATION, 7},
    [14] = {WRIT_HTTP1_H_CONTENT_LENGTH, 3},
    [15] = {WRIT_HTTP1_H_ACCEPT_ENCODING, 2},
    [16] = {WRIT_HTTP1_H_CONTENT_ENCODING, 5},
    [17] = {WRIT_HTTP1_H_X_FORWARDED_PROTO, 4},
    [18] = {WRIT_HTTP1_H_PROXY_AUTHENTICATE, 1},
    [19] = {WRIT_HTTP1_H_AUTHENTICATION_INFO, 4},
    [22] = {WRIT_HTTP1_H_X_HTTP_METHOD_OVERRIDE, 1},
    [25] = {WRIT_HTTP1_H_PROXY_AUTHENTICATION_INFO, 2},
};

/* 0: another name; 1: the same; 2: the same once '_' and the like are taken for '-'. */
static unsigned
compare(const uint8_t *name, size_t len, const char *known)
{
    unsigned same = 1;

    for (size_t i = 0; i < len; i++) {
        if (writ_http1_fold[name[i]] != (uint8_t)known[i])
            return 0;
        if (known[i] == '-' && name[i] != '-')
            same = 2;
    }
    return same;
}

/* Eight bytes in lower case; among letters, digits and '-' the bit changes nothing but case. */
static uint64_t
load_lower(const void *p)
{
    uint64_t v;

    memcpy(&v, p, sizeof(v));
    return v | 0x2020202020202020U;
}

static bool
plain_equal(const uint8_t *name, size_t len, const char *known)
{
    size_t i = 0;

    if (len < 8) {
        for (; i < len; i++) {
            if ((name[i] | 0x20) != (uint8_t)known[i])
                return false;
        }
        return true;
    }
    for (; len - i > 8; i += 8) {
        if (load_lower(name + i) != load_lower(known + i))
            return false;
    }
    return load_lower(name + len - 8) == load_lower(known + len - 8);
}

unsigned
writ_http1_plain_name_id(const uint8_t *name, size_t len)
{
    struct bucket b;

    if (len >= WRIT_COUNT(buckets))
        return WRIT_HTTP1_H_OTHER;
    b = buckets[len];
    for (unsigned id = b.first; id < (unsigned)b.first + b.count; id++) {
        if ((name[0] | 0x20) == names[id].text[0] && plain_equal(name, len, names[id].text))
            return id;
    }
    return WRIT_HTTP1_H_OTHER;
}

unsigned
writ_http1_name_id(const uint8_t *name, size_t len)
{
    struct bucket b;

    if (len == 0 || len >= WRIT_COUNT(buckets))
        return WRIT_HTTP1_H_OTHER;
    b = buckets[len];
    for (unsigned id = b.first; id < (unsigned)b.first + b.count; id++) {
        unsigned same;

        if (writ_http1_fold[name[0]] != (uint8_t)names[id].text[0])
            continue;
        same = compare(name, len, names[id].text);
        if (same != 0)
            return same == 1 ? id : WRIT_HTTP1_H_MAX;
    }
    return WRIT_HTTP1_H_OTHER;
}

const char *
writ_http1_name_text(unsigned id)
{
    return id != WRIT_HTTP1_H_OTHER && id < WRIT_HTTP1_H_MAX ? names[id].text : "";
}

bool
writ_http1_name_is_hop(unsigned id)
{
    return (names[id].flags & NAME_HOP) != 0;
}

bool
writ_http1_name_is_single(unsigned id, bool request)
{
    return (names[id].flags & (request ? NAME_SINGLE | NAME_SINGLE_REQ : NAME_SINGLE)) != 0;
}

/* Naming an end-to-end header there asks a proxy to drop it on the way: with Host, a framing or an
 * authentication field that is an attack, with any other known one a mistake. */
bool
writ_http1_name_may_list(unsigned id)
{
    return id == WRIT_HTTP1_H_OTHER ||
           ((names[id].flags & NAME_HOP) != 0 && id != WRIT_HTTP1_H_TRANSFER_ENCODING);
}

bool
writ_http1_name_may_trail(unsigned id)
{
    return id == WRIT_HTTP1_H_OTHER || (names[id].flags & NAME_TRAILER) != 0;
}

bool
writ_http1_name_like(struct writ_span name, struct writ_span other)
{
    if (name.len != other.len)
        return false;
    for (size_t i = 0; i < name.len; i++) {
        if (writ_http1_fold[name.ptr[i]] != writ_http1_fold[other.ptr[i]])
            return false;
    }
    return true;
}

bool
writ_http1_is_token(struct writ_span s)
{
    if (s.len == 0 || s.len > WRIT_HTTP_HEAD_BYTES_MAX)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        if (writ_http1_fold[s.ptr[i]] == 0)
            return false;
    }
    return true;
}

bool
writ_http1_is_value(struct writ_span s)
{
    for (size_t i = 0; i < s.len; i++) {
        if ((writ_http1_chars[s.ptr[i]] & WRIT_HTTP1_C_VALUE) == 0)
            return false;
    }
    return writ_http1_trim(s).len == s.len;
}

bool
writ_http1_is_hop_by_hop(const struct writ_http1_header *h)
{
    return h->listed || writ_http1_name_is_hop(h->id);
}
