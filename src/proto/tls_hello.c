#include "proto/tls_hello.h"

#include "base/text.h"

enum {
    TLS_RECORD_HEADER = 5,
    TLS_RECORD_MAX = 16384, /* RFC 8446 5.1 */
    TLS_RECORDS_MAX = 32,   /* a hello in more pieces is hiding something */
    TLS_EXTENSIONS_MAX = 64,
    TLS_TYPE_ALERT = 21,
    TLS_TYPE_HANDSHAKE = 22,
    TLS_CLIENT_HELLO = 1,
    TLS_EXT_SERVER_NAME = 0,
    TLS_EXT_ALPN = 16,
    TLS_EXT_EARLY_DATA = 42,
    TLS_EXT_SUPPORTED_VERSIONS = 43,
    TLS_EXT_ECH = 0xfe0d,
};

static enum writ_err
refuse(struct writ_tls_fault *fault, enum writ_tls_alert alert, const char *reason)
{
    *fault = (struct writ_tls_fault){.reason = reason, .alert = alert};
    return WRIT_E_FORMAT;
}

static enum writ_err
malformed(struct writ_tls_fault *fault)
{
    return refuse(fault, WRIT_TLS_DECODE_ERROR, "a malformed TLS ClientHello");
}

static enum writ_err
exceed(struct writ_tls_fault *fault)
{
    (void)refuse(fault, WRIT_TLS_DECODE_ERROR, "the TLS ClientHello is too long");
    return WRIT_E_LIMIT;
}

static bool
read_u8_list(struct writ_reader *r, struct writ_span *ret)
{
    uint8_t len;

    return writ_read_u8(r, &len) && writ_read_span(r, len, ret);
}

static bool
read_u16_list(struct writ_reader *r, struct writ_span *ret)
{
    uint16_t len;

    return writ_read_u16(r, &len) && writ_read_span(r, len, ret);
}

/* RFC 6066 3: one name of type host_name, which is no address. */
static enum writ_err
read_sni(struct writ_span ext, struct writ_tls_hello *ret, struct writ_tls_fault *fault)
{
    struct writ_reader r = writ_reader(ext);
    struct writ_span list;
    struct writ_span name;
    uint8_t type;

    if (!read_u16_list(&r, &list) || !writ_read_done(&r))
        return malformed(fault);
    r = writ_reader(list);
    if (!writ_read_u8(&r, &type) || !read_u16_list(&r, &name))
        return malformed(fault);
    if (type != 0 || !writ_read_done(&r)) {
        return refuse(fault, WRIT_TLS_ILLEGAL_PARAMETER,
                      "the TLS server name is not exactly one host name");
    }
    if (name.len == 0 || name.len > WRIT_HOST_MAX)
        return refuse(fault, WRIT_TLS_UNRECOGNIZED_NAME, "the TLS server name has no valid length");
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.ptr[i];

        ret->sni[i] = (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
    }
    ret->sni[name.len] = '\0';
    ret->sni_len = (uint8_t)name.len;
    if (!writ_is_host(writ_span(ret->sni, name.len)))
        return refuse(fault, WRIT_TLS_UNRECOGNIZED_NAME, "the TLS server name is no host name");
    return WRIT_OK;
}

bool
writ_tls_alpn_next(struct writ_span *rest, struct writ_span *ret)
{
    struct writ_reader r = writ_reader(*rest);
    struct writ_span name;

    if (!read_u8_list(&r, &name))
        return false;
    *rest = r.rest;
    *ret = name;
    return true;
}

/* RFC 7301 3.1. */
static enum writ_err
read_alpn(struct writ_span ext, struct writ_tls_hello *ret, struct writ_tls_fault *fault)
{
    struct writ_reader r = writ_reader(ext);
    struct writ_span rest;
    struct writ_span name;

    if (!read_u16_list(&r, &ret->alpn) || !writ_read_done(&r) || ret->alpn.len == 0)
        return malformed(fault);
    ret->has_alpn = true;
    rest = ret->alpn;
    while (rest.len != 0) {
        if (!writ_tls_alpn_next(&rest, &name) || name.len == 0)
            return malformed(fault);
        ret->alpn_h2 = ret->alpn_h2 || writ_span_is(name, "h2");
        ret->alpn_http11 = ret->alpn_http11 || writ_span_is(name, "http/1.1");
    }
    return WRIT_OK;
}

/* RFC 8446 4.2.1; values that we do not know (drafts, GREASE of RFC 8701) count for nothing. */
static enum writ_err
read_versions(struct writ_span ext, struct writ_tls_hello *ret, struct writ_tls_fault *fault)
{
    struct writ_reader r = writ_reader(ext);
    struct writ_span list;
    uint16_t v;

    if (!read_u8_list(&r, &list) || !writ_read_done(&r) || list.len < 2 || list.len % 2 != 0)
        return malformed(fault);
    ret->version = 0;
    r = writ_reader(list);
    while (writ_read_u16(&r, &v)) {
        if (v >= 0x0300 && v <= 0x0304 && v > ret->version)
            ret->version = v;
    }
    return WRIT_OK;
}

static enum writ_err
read_extension(unsigned type, struct writ_span ext, struct writ_tls_hello *ret,
               struct writ_tls_fault *fault)
{
    switch (type) {
    case TLS_EXT_SERVER_NAME:
        return read_sni(ext, ret, fault);
    case TLS_EXT_ALPN:
        return read_alpn(ext, ret, fault);
    case TLS_EXT_SUPPORTED_VERSIONS:
        return read_versions(ext, ret, fault);
    case TLS_EXT_EARLY_DATA:
        ret->early_data = true;
        return WRIT_OK;
    case TLS_EXT_ECH:
        ret->ech = true;
        return WRIT_OK;
    default:
        return WRIT_OK;
    }
}

static bool
is_known(const uint16_t *seen, unsigned count, uint16_t type)
{
    for (unsigned i = 0; i < count; i++) {
        if (seen[i] == type)
            return true;
    }
    return false;
}

static enum writ_err
read_extensions(struct writ_span all, struct writ_tls_hello *ret, struct writ_tls_fault *fault)
{
    struct writ_reader r = writ_reader(all);
    uint16_t seen[TLS_EXTENSIONS_MAX];
    unsigned count = 0;

    while (!writ_read_done(&r)) {
        struct writ_span ext;
        uint16_t type;
        enum writ_err e;

        if (!writ_read_u16(&r, &type) || !read_u16_list(&r, &ext))
            return malformed(fault);
        if (count == TLS_EXTENSIONS_MAX)
            return exceed(fault);
        if (is_known(seen, count, type))
            return refuse(fault, WRIT_TLS_ILLEGAL_PARAMETER, "a TLS extension that comes twice");
        seen[count++] = type;
        e = read_extension(type, ext, ret, fault);
        if (e != WRIT_OK)
            return e;
    }
    return WRIT_OK;
}

/* RFC 8446 4.1.2 and RFC 5246 7.4.1.2, without the four bytes of handshake header. */
static enum writ_err
read_hello(struct writ_span body, struct writ_tls_hello *ret, struct writ_tls_fault *fault)
{
    struct writ_reader r = writ_reader(body);
    struct writ_span random;
    struct writ_span session;
    struct writ_span suites;
    struct writ_span compressions;
    struct writ_span extensions = {0};

    if (!writ_read_u16(&r, &ret->version) || !writ_read_span(&r, 32, &random) ||
        !read_u8_list(&r, &session) || session.len > 32 || !read_u16_list(&r, &suites) ||
        suites.len < 2 || suites.len % 2 != 0 || !read_u8_list(&r, &compressions) ||
        compressions.len == 0)
        return malformed(fault);
    if (!writ_read_done(&r) && (!read_u16_list(&r, &extensions) || !writ_read_done(&r)))
        return malformed(fault);
    if (ret->version < 0x0300 || ret->version >= 0x0400)
        return refuse(fault, WRIT_TLS_PROTOCOL_VERSION, "a TLS version that nobody knows");
    return read_extensions(extensions, ret, fault);
}

/* The message so far stays in `in` while it is in one record; from the second on it is in scratch.
 */
static void
add_fragment(uint8_t *scratch, struct writ_span *message, struct writ_span fragment)
{
    if (message->len == 0) {
        *message = fragment;
        return;
    }
    if (message->ptr != scratch)
        memcpy(scratch, message->ptr, message->len);
    memcpy(scratch + message->len, fragment.ptr, fragment.len);
    *message = writ_span(scratch, message->len + fragment.len);
}

/* All of the handshake message is there, and perhaps more than it. */
static bool
is_whole(struct writ_span m, size_t *ret_len)
{
    if (m.len < 4)
        return false;
    *ret_len = 4 + ((size_t)m.ptr[1] << 16 | (size_t)m.ptr[2] << 8 | m.ptr[3]);
    return m.len >= *ret_len;
}

/* A record from r, or as much of it as is there: then AGAIN, with the part that is there. */
static enum writ_err
read_record(struct writ_reader *r, struct writ_span *ret, struct writ_tls_fault *fault)
{
    uint8_t type;
    uint16_t version;
    uint16_t len;

    if (!writ_read_u8(r, &type) || !writ_read_u16(r, &version) || !writ_read_u16(r, &len))
        return WRIT_E_AGAIN;
    if (type != TLS_TYPE_HANDSHAKE || version >> 8 != 3)
        return malformed(fault);
    if (len == 0 || len > TLS_RECORD_MAX)
        return refuse(fault, WRIT_TLS_DECODE_ERROR, "a TLS record of a length that none has");
    return writ_read_span(r, len, ret) ? WRIT_OK : WRIT_E_AGAIN;
}

/* Nothing but TLS begins with these two bytes; one of them decides as far as it can. */
static bool
is_tls(struct writ_span in)
{
    return in.ptr[0] == TLS_TYPE_HANDSHAKE && (in.len < 2 || in.ptr[1] == 3);
}

/* Puts the handshake message together. */
static enum writ_err
assemble(struct writ_reader *r, uint8_t *scratch, struct writ_span *ret,
         struct writ_tls_fault *fault)
{
    struct writ_span message = {0};
    size_t len = 0;

    for (unsigned records = 0; !is_whole(message, &len); records++) {
        struct writ_span fragment;
        enum writ_err e;

        if (records == TLS_RECORDS_MAX || len > WRIT_TLS_HELLO_MAX)
            return exceed(fault);
        e = read_record(r, &fragment, fault);
        if (e != WRIT_OK)
            return e;
        if (fragment.len > WRIT_TLS_HELLO_MAX - message.len)
            return exceed(fault);
        add_fragment(scratch, &message, fragment);
        if (message.ptr[0] != TLS_CLIENT_HELLO)
            return malformed(fault);
    }
    if (message.len != len)
        return malformed(fault);
    *ret = message;
    return WRIT_OK;
}

enum writ_err
writ_tls_hello_parse(struct writ_span in, uint8_t scratch[WRIT_TLS_HELLO_MAX],
                     struct writ_tls_hello *ret, struct writ_tls_fault *fault)
{
    struct writ_reader r = writ_reader(in);
    struct writ_tls_hello hello = {.sni_len = 0};
    struct writ_span message;
    enum writ_err e;

    if (in.len == 0)
        return WRIT_E_AGAIN;
    if (!is_tls(in))
        return WRIT_E_STATE;
    e = assemble(&r, scratch, &message, fault);
    if (e == WRIT_OK)
        e = read_hello(writ_span_from(message, 4), &hello, fault);
    if (e == WRIT_OK)
        *ret = hello;
    return e;
}

void
writ_tls_alert_record(enum writ_tls_alert alert, uint8_t ret[WRIT_TLS_ALERT_BYTES])
{
    const uint8_t record[WRIT_TLS_ALERT_BYTES] = {TLS_TYPE_ALERT, 3, 3, 0, 2, 2, (uint8_t)alert};

    memcpy(ret, record, sizeof(record));
}
