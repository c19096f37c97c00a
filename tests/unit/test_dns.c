#include <stdlib.h>

#include "proto/dns.h"
#include "test.h"

#define HEADER   "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00"
#define HEADER_E "\x12\x34\x01\x20\x00\x01\x00\x00\x00\x00\x00\x01"
#define NAME                                                                                       \
    "\x03"                                                                                         \
    "aPi\x07"                                                                                      \
    "Example\x04"                                                                                  \
    "test\x00"
#define IN_A     "\x00\x01\x00\x01"
#define OPT      "\x00\x00\x29\x04\xd0\x00\x00\x80\x00\x00\x00"
#define BYTES(s) writ_span((s), sizeof(s) - 1)

static enum writ_err
parse(struct writ_span msg, struct writ_dns_query *q, enum writ_dns_rcode *rcode)
{
    uint8_t *copy = malloc(msg.len == 0 ? 1 : msg.len);
    enum writ_err e;

    if (copy == NULL)
        abort();
    memcpy(copy, msg.ptr, msg.len);
    e = writ_dns_parse_query(writ_span(copy, msg.len), q, rcode);
    free(copy);
    return e == WRIT_OK ? writ_dns_parse_query(msg, q, rcode) : e;
}

static void
test_good(void)
{
    const char many[] = HEADER "\x03"
                               "a.b\x04"
                               "\x00\xff\\ \x01"
                               "c\x00" IN_A;
    struct writ_dns_query q;
    enum writ_dns_rcode rcode;

    CHECK(parse(BYTES(HEADER NAME IN_A), &q, &rcode) == WRIT_OK);
    CHECK(q.id == 0x1234 && q.type == WRIT_DNS_TYPE_A && q.rd && !q.cd && !q.edns && !q.odd);
    CHECK(strcmp(q.name, "api.example.test") == 0 && q.name_len == 16 && q.udp_max == 512);
    CHECK(q.question.len == sizeof(NAME IN_A) - 1);
    CHECK(parse(BYTES(HEADER_E NAME "\x00\x1c\x00\x01" OPT), &q, &rcode) == WRIT_OK);
    CHECK(q.type == WRIT_DNS_TYPE_AAAA && q.edns && q.udp_max == 1232);
    CHECK(parse(BYTES(HEADER_E NAME IN_A "\x00\x00\x29\x00\x01\x00\x00\x00\x00\x00\x04"
                                         "abcd"),
                &q, &rcode) == WRIT_OK);
    CHECK(q.udp_max == 512);
    CHECK(parse(BYTES(HEADER_E NAME IN_A "\x00\x00\x29\x03\x00\x00\x00\x00\x00\x00\x00"), &q,
                &rcode) == WRIT_OK);
    CHECK(q.udp_max == 768);
    CHECK(parse(BYTES(HEADER "\x00" IN_A), &q, &rcode) == WRIT_OK && strcmp(q.name, ".") == 0);
    CHECK(parse(BYTES(many), &q, &rcode) == WRIT_OK && q.odd);
    CHECK(strcmp(q.name, "a\\046b.\\000\\255\\092\\032.c") == 0);
    CHECK(parse(BYTES(HEADER "\x06"
                             "_dmarc\x00"
                             "\x00\x10\x00\x01"),
                &q, &rcode) == WRIT_OK &&
          !q.odd);
}

static void
test_bad(void)
{
    static const struct {
        struct writ_span msg;
        enum writ_err err;
        enum writ_dns_rcode rcode;
    } table[] = {

#define NO(s, e, r) {{(const uint8_t *)(s), sizeof(s) - 1}, WRIT_E_##e, WRIT_DNS_##r}
        NO("", CLOSED, NOERROR),
        NO("\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00", CLOSED, NOERROR),
        NO("\x12\x34\x81\x00\x00\x01\x00\x00\x00\x00\x00\x00" NAME IN_A, CLOSED, NOERROR),
        NO("\x12\x34\x09\x00\x00\x01\x00\x00\x00\x00\x00\x00" NAME IN_A, STATE, NOTIMP),
        NO("\x12\x34\x28\x00\x00\x01\x00\x00\x00\x00\x00\x00" NAME IN_A, STATE, NOTIMP),
        NO("\x12\x34\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00", FORMAT, FORMERR),
        NO("\x12\x34\x01\x00\x00\x02\x00\x00\x00\x00\x00\x00" NAME IN_A NAME IN_A, FORMAT, FORMERR),
        NO("\x12\x34\x01\x00\x00\x01\x00\x01\x00\x00\x00\x00" NAME IN_A, FORMAT, FORMERR),
        NO("\x12\x34\x01\x00\x00\x01\x00\x00\x00\x01\x00\x00" NAME IN_A, FORMAT, FORMERR),
        NO("\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x02" NAME IN_A OPT OPT, FORMAT, FORMERR),
        NO(HEADER NAME IN_A "x", FORMAT, FORMERR),
        NO(HEADER NAME IN_A OPT, FORMAT, FORMERR),
        NO(HEADER_E NAME IN_A, FORMAT, FORMERR),
        NO(HEADER_E NAME IN_A OPT "x", FORMAT, FORMERR),
        NO(HEADER_E NAME IN_A "\x01x\x00\x29\x04\xd0\x00\x00\x80\x00\x00\x00", FORMAT, FORMERR),
        NO(HEADER_E NAME IN_A "\x00\x00\x01\x04\xd0\x00\x00\x80\x00\x00\x00", FORMAT, FORMERR),
        NO(HEADER_E NAME IN_A "\x00\x00\x29\x04\xd0\x00\x00\x80\x00\x00\x05"
                              "abcd",
           FORMAT, FORMERR),
        NO(HEADER_E NAME IN_A "\x00\x00\x29\x04\xd0\x00\x01\x80\x00\x00\x00", STATE, BADVERS),
        NO(HEADER "\xc0\x0c" IN_A, FORMAT, FORMERR),
        NO(HEADER "\x01"
                  "a\xc0\x0c" IN_A,
           FORMAT, FORMERR),
        NO(HEADER "\x41" IN_A, FORMAT, FORMERR),
        NO(HEADER "\x81"
                  "a" IN_A,
           FORMAT, FORMERR),
        NO(HEADER NAME "\x00\x01\x00\x03", STATE, NOTIMP),
        NO(HEADER NAME "\x00\x01\x00\xff", STATE, NOTIMP),
#undef NO
    };
    const char good[] = HEADER_E NAME IN_A OPT;
    char big[WRIT_DNS_MSG_BYTES_MAX + 1] = HEADER;
    struct writ_dns_query q;
    enum writ_dns_rcode rcode;

    for (size_t i = 0; i < WRIT_COUNT(table); i++) {
        char row[24];

        (void)snprintf(row, sizeof(row), "query %zu", i);
        rcode = WRIT_DNS_NOERROR;
        CHECK_ROW(parse(table[i].msg, &q, &rcode) == table[i].err, row);
        CHECK_ROW(rcode == table[i].rcode, row);
    }
    for (size_t n = 0; n < sizeof(good) - 1; n++)
        CHECK(parse(writ_span(good, n), &q, &rcode) != WRIT_OK);
    CHECK(parse(writ_span(big, sizeof(big)), &q, &rcode) == WRIT_E_LIMIT);
}

/* Text without its NUL. */
static void
put(char *to, const char *from, size_t len)
{
    for (size_t i = 0; i < len; i++)
        to[i] = from[i];
}

/* The longest name: 255 bytes on the wire; each byte may take four in text. */
static void
test_long_names(void)
{
    char msg[512] = HEADER;
    size_t n = 12;
    struct writ_dns_query q;
    enum writ_dns_rcode rcode;

    for (unsigned i = 0; i < 4; i++) {
        size_t len = i < 3 ? 63 : 61;

        msg[n++] = (char)len;
        memset(msg + n, 0xff, len);
        n += len;
    }
    put(msg + n, "\x00" IN_A, 5);
    CHECK(parse(writ_span(msg, n + 5), &q, &rcode) == WRIT_OK);
    CHECK(q.odd && q.name_len == 250 * 4 + 3 && strlen(q.name) == q.name_len);
    msg[12 + 64 * 3] = 62; /* 256 bytes */
    msg[n] = 'x';
    put(msg + n + 1, "\x00" IN_A, 5);
    CHECK(parse(writ_span(msg, n + 6), &q, &rcode) == WRIT_E_FORMAT);
    n = 12;
    for (unsigned i = 0; i < 127; i++) {
        msg[n++] = 1;
        msg[n++] = (char)0x80;
    }
    put(msg + n, "\x00" IN_A, 5);
    CHECK(parse(writ_span(msg, n + 5), &q, &rcode) == WRIT_OK && q.name_len == 127 * 5 - 1);
}

static void
test_answers(void)
{
    WRIT_BUF_AUTO struct writ_buf b;
    struct writ_dns_query q;
    enum writ_dns_rcode rcode;
    struct writ_addr addrs[100];
    struct writ_dns_answer a = {.ttl_s = 60, .addrs = addrs, .count = 3};

    for (size_t i = 0; i < WRIT_COUNT(addrs); i++)
        addrs[i] = writ_addr_v4((const uint8_t[4]){192, 0, 2, (uint8_t)i});
    addrs[1] = writ_addr_v6((const uint8_t[16]){0x20, 0x01, [15] = 1});
    writ_buf_init(&b, 4096);
    CHECK(parse(BYTES(HEADER NAME IN_A), &q, &rcode) == WRIT_OK);
    writ_dns_put_answer(&b, &q, &a, q.udp_max);
    CHECK(writ_span_eq(writ_buf_span(&b),
                       BYTES("\x12\x34\x81\x80\x00\x01\x00\x02\x00\x00\x00\x00" NAME IN_A
                             "\xc0\x0c" IN_A "\x00\x00\x00\x3c\x00\x04\xc0\x00\x02\x00"
                             "\xc0\x0c" IN_A "\x00\x00\x00\x3c\x00\x04\xc0\x00\x02\x02")));
    /* does not fit: truncated, without half an answer */
    writ_buf_reset(&b);
    a.count = WRIT_COUNT(addrs);
    writ_dns_put_answer(&b, &q, &a, q.udp_max);
    CHECK(writ_span_eq(writ_buf_span(&b),
                       BYTES("\x12\x34\x83\x80\x00\x01\x00\x00\x00\x00\x00\x00" NAME IN_A)));
    writ_buf_reset(&b);
    writ_dns_put_answer(&b, &q, &a, 65535);
    CHECK(writ_buf_len(&b) == 12 + q.question.len + (size_t)99 * 16);
    /* errors carry no addresses; OPT answers OPT */
    CHECK(parse(BYTES(HEADER_E NAME "\x00\x1c\x00\x01" OPT), &q, &rcode) == WRIT_OK);
    writ_buf_reset(&b);
    a.rcode = WRIT_DNS_NXDOMAIN;
    writ_dns_put_answer(&b, &q, &a, q.udp_max);
    CHECK(writ_span_eq(writ_buf_span(&b),
                       BYTES("\x12\x34\x81\x83\x00\x01\x00\x00\x00\x00\x00\x01" NAME
                             "\x00\x1c\x00\x01\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x00")));
    writ_buf_reset(&b);
    a.rcode = WRIT_DNS_NOERROR;
    writ_dns_put_answer(&b, &q, &a, q.udp_max);
    CHECK(writ_buf_len(&b) == 12 + q.question.len + 28 + 11);
    writ_buf_reset(&b);
    a.count = 0;
    writ_dns_put_answer(&b, &q, &a, q.udp_max);
    CHECK(writ_buf_len(&b) == 12 + q.question.len + 11);
    writ_buf_reset(&b);
    writ_dns_put_error(&b, BYTES("\x12\x34\x29\x10\x00\x01\xff\x00\x00\x00\x00\x00garbage"),
                       WRIT_DNS_NOTIMP);
    CHECK(
        writ_span_eq(writ_buf_span(&b), BYTES("\x12\x34\xa9\x04\x00\x00\x00\x00\x00\x00\x00\x00")));
    writ_buf_reset(&b);
    writ_dns_put_error(&b, BYTES(HEADER), WRIT_DNS_BADVERS);
    CHECK(writ_span_eq(writ_buf_span(&b), BYTES("\x12\x34\x81\x00\x00\x00\x00\x00\x00\x00\x00\x01"
                                                "\x00\x00\x29\x04\xd0\x01\x00\x00\x00\x00\x00")));
    writ_buf_reset(&b);
    writ_dns_put_error(&b, BYTES("short"), WRIT_DNS_FORMERR);
    CHECK(b.failed);
}

static void
test_tcp(void)
{
    const char two[] = "\x00\x0c"
                       "aaaaaaaaaaaa"
                       "\x00\x0d"
                       "bbbbbbbbbbbbb";
    struct writ_span in = BYTES(two);
    struct writ_span msg;
    size_t n;
    WRIT_BUF_AUTO struct writ_buf b;

    for (size_t i = 0; i < 14; i++)
        CHECK(writ_dns_tcp_next(writ_span(two, i), &msg, &n) == WRIT_E_AGAIN);
    CHECK(writ_dns_tcp_next(in, &msg, &n) == WRIT_OK && n == 14 &&
          writ_span_is(msg, "aaaaaaaaaaaa"));
    CHECK(writ_dns_tcp_next(writ_span_from(in, n), &msg, &n) == WRIT_OK && n == 15);
    CHECK(writ_dns_tcp_next(BYTES("\x00\x0b"), &msg, &n) == WRIT_E_FORMAT);
    CHECK(writ_dns_tcp_next(BYTES("\x10\x01"), &msg, &n) == WRIT_E_LIMIT);
    writ_buf_init(&b, 64);
    writ_dns_put_tcp(&b, BYTES("abc"));
    CHECK(writ_span_eq(writ_buf_span(&b), BYTES("\x00\x03"
                                                "abc")));
}

int
main(void)
{
    test_good();
    test_bad();
    test_long_names();
    test_answers();
    test_tcp();
    return test_end();
}
