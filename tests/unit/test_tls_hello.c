#include <stdlib.h>

#include "base/buf.h"
#include "proto/tls_hello.h"
#include "test.h"

#define BYTES(s) writ_span((s), sizeof(s) - 1)

#define SNI(len2, len, text) "\x00\x00\x00" len2 "\x00\x00" len text
#define VERSIONS             "\x00\x2b\x00\x07\x06\x8a\x8a\x03\x04\x03\x03"
#define ALPN                 "\x00\x10\x00\x0e\x00\x0c\x02h2\x08http/1.1"

static uint8_t scratch[WRIT_TLS_HELLO_MAX];

/* A ClientHello message with its handshake header. */
static void
put_message(struct writ_buf *b, unsigned version, struct writ_span extensions)
{
    size_t len = 2 + 32 + 1 + 4 + 2 + 2 + extensions.len;

    writ_buf_put_u32(b, (uint32_t)(1U << 24 | len));
    writ_buf_put_u16(b, (uint16_t)version);
    writ_buf_put(b, BYTES("0123456789abcdef0123456789abcdef\x00\x00\x02\x13\x01\x01\x00"));
    writ_buf_put_u16(b, (uint16_t)extensions.len);
    writ_buf_put(b, extensions);
}

/* The message in records of at most step bytes. */
static void
put_records(struct writ_buf *b, struct writ_span message, size_t step)
{
    while (message.len != 0) {
        size_t n = message.len < step ? message.len : step;

        writ_buf_put_u8(b, 22);
        writ_buf_put_u16(b, 0x0301);
        writ_buf_put_u16(b, (uint16_t)n);
        writ_buf_put(b, writ_span(message.ptr, n));
        message = writ_span_from(message, n);
    }
}

static enum writ_err
parse(struct writ_span in, struct writ_tls_hello *h, struct writ_tls_fault *f)
{
    uint8_t *copy = malloc(in.len == 0 ? 1 : in.len);
    enum writ_err e;

    if (copy == NULL)
        abort();
    if (in.len != 0)
        memcpy(copy, in.ptr, in.len);
    *f = (struct writ_tls_fault){.reason = NULL};
    e = writ_tls_hello_parse(writ_span(copy, in.len), scratch, h, f);
    free(copy);
    CHECK((e == WRIT_E_FORMAT || e == WRIT_E_LIMIT) == (f->reason != NULL));
    return e == WRIT_OK ? writ_tls_hello_parse(in, scratch, h, f) : e;
}

static enum writ_err
parse_extensions(struct writ_span extensions, struct writ_tls_hello *h, struct writ_tls_fault *f)
{
    WRIT_BUF_AUTO struct writ_buf m;
    WRIT_BUF_AUTO struct writ_buf b;
    enum writ_err e;

    writ_buf_init(&m, 65536);
    writ_buf_init(&b, 65536);
    put_message(&m, 0x0303, extensions);
    put_records(&b, writ_buf_span(&m), 16384);
    e = parse(writ_buf_span(&b), h, f);
    h->alpn = writ_span(NULL, 0); /* it borrowed */
    return e;
}

static void
test_good(void)
{
    WRIT_BUF_AUTO struct writ_buf m;
    struct writ_tls_hello h;
    struct writ_tls_fault f;
    struct writ_span rest;
    struct writ_span name;

    writ_buf_init(&m, 4096);
    put_message(&m, 0x0303,
                BYTES("\x0a\x0a\x00\x00" SNI("\x0d\x00\x0b", "\x08", "A-b.Test") VERSIONS ALPN
                      "\x00\x2a\x00\x00\xfe\x0d\x00\x01x"));
    /* whole and in pieces of every size, and cut at every byte */
    for (size_t step = (writ_buf_len(&m) + 31) / 32; step <= writ_buf_len(&m); step++) {
        WRIT_BUF_AUTO struct writ_buf b;

        writ_buf_init(&b, 4096);
        put_records(&b, writ_buf_span(&m), step);
        CHECK(parse(writ_buf_span(&b), &h, &f) == WRIT_OK);
        CHECK(strcmp(h.sni, "a-b.test") == 0 && h.sni_len == 8 && h.version == 0x0304);
        CHECK(h.has_alpn && h.alpn_h2 && h.alpn_http11 && h.ech && h.early_data);
        rest = h.alpn;
        CHECK(writ_tls_alpn_next(&rest, &name) && writ_span_is(name, "h2"));
        CHECK(writ_tls_alpn_next(&rest, &name) && writ_span_is(name, "http/1.1"));
        CHECK(!writ_tls_alpn_next(&rest, &name));
        for (size_t n = 0; n < writ_buf_len(&b); n++) {
            if (parse(writ_span(writ_buf_span(&b).ptr, n), &h, &f) != WRIT_E_AGAIN)
                CHECK(false);
        }
    }
    CHECK(parse_extensions(BYTES(""), &h, &f) == WRIT_OK);
    CHECK(h.version == 0x0303 && h.sni_len == 0 && !h.has_alpn && !h.ech && !h.early_data);
    CHECK(parse_extensions(BYTES("\x00\x2b\x00\x03\x02\x7f\x1c"), &h, &f) == WRIT_OK);
    CHECK(h.version == 0);
}

static void
test_bad_extensions(void)
{
    static const struct {
        const char *name;
        struct writ_span ext;
        enum writ_tls_alert alert;
    } table[] = {

#define NO(name, s, a) {name, {(const uint8_t *)(s), sizeof(s) - 1}, WRIT_TLS_##a}
        NO("NUL in the name",
           SNI("\x08\x00\x06", "\x03",
               "a\x00"
               "b"),
           UNRECOGNIZED_NAME),
        NO("NUL at the end", SNI("\x0c\x00\x0a", "\x07", "a.test\x00"), UNRECOGNIZED_NAME),
        NO("dot at the end", SNI("\x0c\x00\x0a", "\x07", "a.test."), UNRECOGNIZED_NAME),
        NO("an address", SNI("\x0e\x00\x0c", "\x09", "127.0.0.1"), UNRECOGNIZED_NAME),
        NO("a v6 address", SNI("\x08\x00\x06", "\x03", "::1"), UNRECOGNIZED_NAME),
        NO("a blank", SNI("\x08\x00\x06", "\x03", "a b"), UNRECOGNIZED_NAME),
        NO("a slash", SNI("\x08\x00\x06", "\x03", "a/b"), UNRECOGNIZED_NAME),
        NO("not ASCII", SNI("\x08\x00\x06", "\x03", "a\xc3\xa9"), UNRECOGNIZED_NAME),
        NO("an empty name", SNI("\x05\x00\x03", "\x00", ""), UNRECOGNIZED_NAME),
        NO("an empty list", "\x00\x00\x00\x02\x00\x00", DECODE_ERROR),
        NO("an empty extension", "\x00\x00\x00\x00", DECODE_ERROR),
        NO("two names",
           "\x00\x00\x00\x0a\x00\x08\x00\x00\x01"
           "a\x00\x00\x01"
           "b",
           ILLEGAL_PARAMETER),
        NO("another type",
           "\x00\x00\x00\x06\x00\x04\x01\x00\x01"
           "a",
           ILLEGAL_PARAMETER),
        NO("a list that is too long", SNI("\x08\x00\x07", "\x03", "a.b"), DECODE_ERROR),
        NO("a list that is too short", SNI("\x08\x00\x05", "\x03", "a.b"), DECODE_ERROR),
        NO("a name that is too long", SNI("\x08\x00\x06", "\x04", "a.b"), DECODE_ERROR),
        NO("bytes behind the list",
           "\x00\x00\x00\x07\x00\x04\x00\x00\x01"
           "ab",
           DECODE_ERROR),
        NO("an extension twice", "\x00\x2a\x00\x00\x00\x2a\x00\x00", ILLEGAL_PARAMETER),
        NO("the name twice", SNI("\x08\x00\x06", "\x03", "a.b") SNI("\x08\x00\x06", "\x03", "a.c"),
           ILLEGAL_PARAMETER),
        NO("half an extension", "\x00\x2a\x00", DECODE_ERROR),
        NO("an extension that is too long",
           "\x00\x2a\x00\x05"
           "abcd",
           DECODE_ERROR),
        NO("no versions", "\x00\x2b\x00\x01\x00", DECODE_ERROR),
        NO("half a version", "\x00\x2b\x00\x04\x03\x03\x04\x03", DECODE_ERROR),
        NO("no protocols", "\x00\x10\x00\x02\x00\x00", DECODE_ERROR),
        NO("an empty protocol", "\x00\x10\x00\x03\x00\x01\x00", DECODE_ERROR),
        NO("a protocol that is too long", "\x00\x10\x00\x04\x00\x02\x02h", DECODE_ERROR),
#undef NO
    };
    struct writ_tls_hello h;
    struct writ_tls_fault f;

    for (size_t i = 0; i < WRIT_COUNT(table); i++) {
        CHECK_ROW(parse_extensions(table[i].ext, &h, &f) == WRIT_E_FORMAT, table[i].name);
        CHECK_ROW(f.alert == table[i].alert, table[i].name);
    }
}

static void
test_bad_records(void)
{
    static const struct {
        const char *name;
        struct writ_span in;
        enum writ_err err;
    } table[] = {

#define NO(name, s, e) {name, {(const uint8_t *)(s), sizeof(s) - 1}, WRIT_##e}
        NO("nothing", "", E_AGAIN),
        NO("HTTP", "GET / HTTP/1.1\r\n", E_STATE),
        NO("one letter", "G", E_STATE),
        NO("an SSLv2 hello", "\x80\x2e\x01\x00\x02", E_STATE),
        NO("an alert", "\x15\x03\x01\x00\x02\x02\x28", E_STATE),
        NO("another major version", "\x16\x02\x01\x00\x02\x01\x00", E_STATE),
        NO("the first byte alone", "\x16", E_AGAIN),
        NO("an empty record", "\x16\x03\x01\x00\x00", E_FORMAT),
        NO("a record that is too long", "\x16\x03\x01\x40\x01", E_FORMAT),
        NO("a server hello", "\x16\x03\x01\x00\x04\x02\x00\x00\x00", E_FORMAT),
        NO("an empty hello", "\x16\x03\x01\x00\x04\x01\x00\x00\x00", E_FORMAT),
        NO("a hello that is too long", "\x16\x03\x01\x00\x04\x01\x00\x40\x00", E_LIMIT),
        NO("a second record of another type",
           "\x16\x03\x01\x00\x04\x01\x00\x00\x05\x17\x03\x03\x00\x01x", E_FORMAT),
        NO("more behind the hello", "\x16\x03\x01\x00\x06\x01\x00\x00\x01xx", E_FORMAT),
#undef NO
    };
    WRIT_BUF_AUTO struct writ_buf m;
    WRIT_BUF_AUTO struct writ_buf b;
    struct writ_tls_hello h;
    struct writ_tls_fault f;

    for (size_t i = 0; i < WRIT_COUNT(table); i++)
        CHECK_ROW(parse(table[i].in, &h, &f) == table[i].err, table[i].name);

    writ_buf_init(&m, 65536);
    writ_buf_init(&b, 65536);
    put_message(&m, 0x0303, BYTES(VERSIONS));
    put_records(&b, writ_buf_span(&m), 1); /* more records than any client makes */
    CHECK(parse(writ_buf_span(&b), &h, &f) == WRIT_E_LIMIT);
    writ_buf_reset(&m);
    writ_buf_reset(&b);
    put_message(&m, 0x0205, BYTES(VERSIONS));
    put_records(&b, writ_buf_span(&m), 16384);
    CHECK(parse(writ_buf_span(&b), &h, &f) == WRIT_E_FORMAT);
    CHECK(f.alert == WRIT_TLS_PROTOCOL_VERSION);
    /* every length in the message one too many or too few */
    writ_buf_reset(&m);
    put_message(&m, 0x0303, BYTES(SNI("\x08\x00\x06", "\x03", "a.b")));
    for (size_t at = 3; at < writ_buf_len(&m); at++) {
        bool length = at == 3 || at == 38 || at == 40 || at == 43 || at == 46 || at == 50 ||
                      at == 52 || at == 55;

        for (int d = -1; length && d <= 1; d += 2) {
            writ_buf_reset(&b);
            m.mem[m.start + at] = (uint8_t)(m.mem[m.start + at] + d);
            put_records(&b, writ_buf_span(&m), 16384);
            CHECK(parse(writ_buf_span(&b), &h, &f) != WRIT_OK);
            m.mem[m.start + at] = (uint8_t)(m.mem[m.start + at] - d);
        }
    }
    writ_buf_reset(&b);
    put_records(&b, writ_buf_span(&m), 16384);
    CHECK(parse(writ_buf_span(&b), &h, &f) == WRIT_OK && strcmp(h.sni, "a.b") == 0);
}

static void
test_alert(void)
{
    uint8_t record[WRIT_TLS_ALERT_BYTES];

    writ_tls_alert_record(WRIT_TLS_UNRECOGNIZED_NAME, record);
    CHECK(memcmp(record, "\x15\x03\x03\x00\x02\x02\x70", sizeof(record)) == 0);
}

int
main(void)
{
    test_good();
    test_bad_extensions();
    test_bad_records();
    test_alert();
    return test_end();
}
