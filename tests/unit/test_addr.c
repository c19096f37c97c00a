#include <arpa/inet.h>

#include "proto/addr.h"
#include "test.h"

static const char *const good_addrs[][2] = {
    {"192.0.2.1", "192.0.2.1"},
    {"0.0.0.0", "0.0.0.0"},
    {"255.255.255.255", "255.255.255.255"},
    {"::", "::"},
    {"::1", "::1"},
    {"1::", "1::"},
    {"2001:DB8::A", "2001:db8::a"},
    {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
    {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
    {"1:0:0:2:0:0:0:3", "1:0:0:2::3"},
    {"1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"},
    {"::ffff:169.254.169.254", "::ffff:169.254.169.254"},
    {"0:0:0:0:0:FFFF:a9fe:a9fe", "::ffff:169.254.169.254"},
    {"64:ff9b::1.2.3.4", "64:ff9b::102:304"},
    {"0001:0002::0003", "1:2::3"},
    {"ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
};

static const char *const bad_addrs[] = {"",
                                        "1.2.3",
                                        "1.2.3.4.5",
                                        "1.2.3.256",
                                        "01.2.3.4",
                                        "1.2.3.04",
                                        "1.2.3.4 ",
                                        " 1.2.3.4",
                                        "1.2.3.",
                                        ".1.2.3",
                                        "1..2.3",
                                        "+1.2.3.4",
                                        "1.2.3.-4",
                                        "0x7f.0.0.1",
                                        "0x7f000001",
                                        "2852039166",
                                        "127.1",
                                        "0251.0376.0251.0376",
                                        "0251.254.169.254",
                                        "169.254.43518",
                                        "169.16689662",
                                        "425.510.425.510",
                                        "169.254.169.254.",
                                        "1.2.3.1000",
                                        "1.2.3.4/8",
                                        "0",
                                        ":",
                                        ":::",
                                        "1:",
                                        ":1",
                                        "1::2::3",
                                        "1:2:3:4:5:6:7",
                                        "1:2:3:4:5:6:7:8:9",
                                        "1:2:3:4:5:6:7:8::",
                                        "::1:2:3:4:5:6:7:8",
                                        "12345::",
                                        "g::",
                                        "fe80::1%1",
                                        "fe80::1%25eth0",
                                        "[::1]",
                                        "::1.2.3",
                                        "::1.2.3.4:5",
                                        "1.2.3.4::",
                                        "::01.2.3.4",
                                        "::1.2.3.4.",
                                        "::ffff:1.2.3.256",
                                        "1:2:3:4:5:6:7:1.2.3.4",
                                        "::1 ",
                                        "1 ::",
                                        "::1/128",
                                        "::a9fe:a9fe:",
                                        "::x",
                                        "0000:0000:0000:0000:0000:ffff:255.255.255.255x"};

static void
test_parse(void)
{
    char text[WRIT_ADDR_TEXT_MAX];
    struct writ_addr a;

    for (size_t i = 0; i < WRIT_COUNT(good_addrs); i++) {
        bool ok = writ_addr_parse(writ_span_str(good_addrs[i][0]), &a);

        CHECK_ROW(ok && writ_addr_print(&a, text) == strlen(good_addrs[i][1]), good_addrs[i][0]);
        CHECK_ROW(ok && strcmp(text, good_addrs[i][1]) == 0, good_addrs[i][0]);
    }
    for (size_t i = 0; i < WRIT_COUNT(bad_addrs); i++)
        CHECK_ROW(!writ_addr_parse(writ_span_str(bad_addrs[i]), &a), bad_addrs[i]);
    CHECK(!writ_addr_parse(writ_span("1.2.3.4\0", 8), &a));
}

/* What we print, the C library reads as the same address. */
static void
test_print(void)
{
    uint32_t seed = 1;
    uint8_t bytes[16];
    uint8_t back[16];
    char text[WRIT_ADDR_TEXT_MAX];

    for (unsigned round = 0; round < 20000; round++) {
        struct writ_addr a;
        struct writ_addr b;

        for (size_t i = 0; i < sizeof(bytes); i++) {
            seed = seed * 1664525U + 1013904223U;
            bytes[i] = (seed >> 24 & 3) != 0 ? 0 : (uint8_t)(seed >> 16);
        }
        a = writ_addr_v6(bytes);
        (void)writ_addr_print(&a, text);
        if (!writ_addr_parse(writ_span_str(text), &b) || !writ_addr_eq(&a, &b) ||
            inet_pton(AF_INET6, text, back) != 1 || memcmp(bytes, back, 16) != 0)
            CHECK_ROW(false, text);
        a = writ_addr_v4(bytes);
        (void)writ_addr_print(&a, text);
        if (!writ_addr_parse(writ_span_str(text), &b) || !writ_addr_eq(&a, &b))
            CHECK_ROW(false, text);
    }
    CHECK(true);
}

static void
test_host_port(void)
{
    static const struct {
        const char *text;
        const char *host;
        uint16_t port;
        bool v6;
    } good[] = {{"a.test", "a.test", 0, false},
                {"a.test:1", "a.test", 1, false},
                {"1.2.3.4:65535", "1.2.3.4", 65535, false},
                {"[::1]", "::1", 0, true},
                {"[::1]:443", "::1", 443, true}};

    static const char *const bad[] = {
        "",      ":",       ":80",   "a:",         "a:0",     "a:65536",   "a:080",       "a:+80",
        "a:80 ", "a:http",  "::1",   "::1:80",     "[::1",    "[::1]80",   "[::1]:",      "[]",
        "[]:80", "[::1]:0", "a:8:8", "a:65536443", "a:99999", "[::1]]:80", "a:4294967376"};
    struct writ_span host;
    uint16_t port;
    bool v6;

    for (size_t i = 0; i < WRIT_COUNT(good); i++) {
        CHECK_ROW(writ_host_port_split(writ_span_str(good[i].text), &host, &port, &v6) &&
                      writ_span_is(host, good[i].host) && port == good[i].port && v6 == good[i].v6,
                  good[i].text);
    }
    for (size_t i = 0; i < WRIT_COUNT(bad); i++)
        CHECK_ROW(!writ_host_port_split(writ_span_str(bad[i]), &host, &port, &v6), bad[i]);
}

static void
test_cidr(void)
{
    static const struct {
        const char *cidr;
        const char *in;  /* NULL: the prefix is refused */
        const char *out; /* NULL: there is no address outside */
    } table[] = {{"10.0.0.0/8", "10.255.255.255", "11.0.0.0"},
                 {"10.1.2.3", "10.1.2.3", "10.1.2.4"},
                 {"0.0.0.0/0", "255.0.0.1", "::1"},
                 {"192.0.2.128/25", "192.0.2.129", "192.0.2.127"},
                 {"10.0.0.0/8", "::ffff:10.1.2.3", "::ffff:11.0.0.0"},
                 {"::ffff:10.0.0.0/104", "10.9.9.9", "11.0.0.0"},
                 {"::/0", "fe80::1", "1.2.3.4"},
                 {"::/0", "::1", "::ffff:1.2.3.4"},
                 {"fd00::/8", "fdff::1", "fe00::1"},
                 {"2001:db8::1/128", "2001:db8::1", "2001:db8::2"},
                 {"2001:db8::/33", "2001:db8:7fff::", "2001:db8:8000::"},
                 {"10.0.0.1/8", NULL, NULL},
                 {"10.0.0.0/33", NULL, NULL},
                 {"10.0.0.0/08", NULL, NULL},
                 {"10.0.0.0/", NULL, NULL},
                 {"10.0.0.0/-1", NULL, NULL},
                 {"10.0.0.0/8/8", NULL, NULL},
                 {"/8", NULL, NULL},
                 {"", NULL, NULL},
                 {"10/8", NULL, NULL},
                 {"::/129", NULL, NULL},
                 {"::1/127", NULL, NULL},
                 {"fe80::%1/64", NULL, NULL}};
    struct writ_cidr c;
    struct writ_addr a;

    for (size_t i = 0; i < WRIT_COUNT(table); i++) {
        bool ok = writ_cidr_parse(writ_span_str(table[i].cidr), &c);

        CHECK_ROW(ok == (table[i].in != NULL), table[i].cidr);
        if (!ok || table[i].in == NULL)
            continue;
        CHECK_ROW(writ_addr_parse(writ_span_str(table[i].in), &a) && writ_cidr_match(&c, &a),
                  table[i].in);
        CHECK_ROW(writ_addr_parse(writ_span_str(table[i].out), &a) && !writ_cidr_match(&c, &a),
                  table[i].out);
    }
}

static const struct {
    const char *addr;
    enum writ_addr_class class;
    enum writ_addr_class inner;
} classes[] = {

#define SAME(addr, c)                                                                              \
    {                                                                                              \
        addr, WRIT_ADDR_##c, WRIT_ADDR_##c                                                         \
    }
#define IN(addr, c)                                                                                \
    {                                                                                              \
        addr, WRIT_ADDR_TRANSLATED, WRIT_ADDR_##c                                                  \
    }
    SAME("8.8.8.8", GLOBAL),
    SAME("1.1.1.1", GLOBAL),
    SAME("223.255.255.255", GLOBAL),
    SAME("9.255.255.255", GLOBAL),
    SAME("11.0.0.0", GLOBAL),
    SAME("100.63.255.255", GLOBAL),
    SAME("100.128.0.0", GLOBAL),
    SAME("172.15.255.255", GLOBAL),
    SAME("172.32.0.0", GLOBAL),
    SAME("168.63.129.17", GLOBAL),
    SAME("169.253.255.255", GLOBAL),
    SAME("169.255.0.0", GLOBAL),
    SAME("192.0.1.0", GLOBAL),
    SAME("198.17.255.255", GLOBAL),
    SAME("198.20.0.0", GLOBAL),
    SAME("10.0.0.0", PRIVATE),
    SAME("10.255.255.255", PRIVATE),
    SAME("172.16.0.0", PRIVATE),
    SAME("172.31.255.255", PRIVATE),
    SAME("192.168.0.1", PRIVATE),
    SAME("127.0.0.1", LOOPBACK),
    SAME("127.255.255.255", LOOPBACK),
    SAME("0.0.0.0", UNSPECIFIED),
    SAME("0.1.2.3", RESERVED),
    SAME("255.255.255.255", BROADCAST),
    SAME("240.0.0.1", RESERVED),
    SAME("224.0.0.1", MULTICAST),
    SAME("239.1.1.1", MULTICAST),
    SAME("100.64.0.1", CGNAT),
    SAME("100.127.255.255", CGNAT),
    SAME("192.0.0.8", RESERVED),
    SAME("192.0.2.1", DOCUMENTATION),
    SAME("198.51.100.7", DOCUMENTATION),
    SAME("203.0.113.9", DOCUMENTATION),
    SAME("198.18.0.1", RESERVED),
    SAME("198.19.255.255", RESERVED),
    SAME("192.88.99.1", RESERVED),
    SAME("169.254.0.0", LINK_LOCAL),
    SAME("169.254.1.1", LINK_LOCAL),
    SAME("169.254.169.254", METADATA),
    SAME("169.254.169.252", METADATA),
    SAME("169.254.170.2", METADATA),
    SAME("169.254.170.23", METADATA),
    SAME("169.254.0.23", METADATA),
    SAME("169.254.42.42", METADATA),
    SAME("168.63.129.16", METADATA),
    SAME("100.100.100.200", METADATA),
    SAME("100.96.0.96", METADATA),
    SAME("100.80.80.80", METADATA),
    SAME("192.0.0.192", METADATA),
    SAME("fd00:ec2::254", METADATA),
    SAME("fd00:ec2::23", METADATA),
    SAME("fd20:ce::254", METADATA),
    SAME("fd00:c1::a9fe:a9fe", METADATA),
    SAME("fd00:42::42", METADATA),
    SAME("fd00:a9fe:a9fe::1", METADATA),
    SAME("fdaa::3", METADATA),
    SAME("fe80::a9fe:a9fe", METADATA),
    SAME("2606:4700::1111", GLOBAL),
    SAME("2a00:1450::1", GLOBAL),
    SAME("2001:200::1", GLOBAL),
    SAME("2001:4860:4860::8888", GLOBAL),
    SAME("3ffe::1", GLOBAL),
    SAME("::", UNSPECIFIED),
    SAME("::1", LOOPBACK),
    SAME("fc00::1", PRIVATE),
    SAME("fdff::1", PRIVATE),
    SAME("fe80::1", LINK_LOCAL),
    SAME("febf::1", LINK_LOCAL),
    SAME("fec0::1", PRIVATE),
    SAME("ff02::1", MULTICAST),
    SAME("2001:db8::1", DOCUMENTATION),
    SAME("3fff::1", DOCUMENTATION),
    SAME("2001:2::1", RESERVED),
    SAME("2001:20::1", RESERVED),
    SAME("100::1", RESERVED),
    SAME("5f00::1", RESERVED),
    SAME("4000::1", RESERVED),
    SAME("64:ff9c::1", RESERVED),
    SAME("fe00::1", RESERVED),
    SAME("1::", RESERVED),
    IN("::ffff:8.8.8.8", GLOBAL),
    IN("::ffff:169.254.169.254", METADATA),
    IN("::ffff:127.0.0.1", LOOPBACK),
    IN("::a9fe:a9fe", METADATA),
    IN("::2", RESERVED),
    IN("::ffff:0:169.254.169.254", METADATA),
    IN("64:ff9b::a9fe:a9fe", METADATA),
    IN("64:ff9b::10.0.0.1", PRIVATE),
    IN("64:ff9b:1::a9fe:a9fe", METADATA),
    IN("64:ff9b:1:a9fe:00a9:fe00::", METADATA),
    IN("2002:a9fe:a9fe::1", METADATA),
    IN("2002:808:808::1", GLOBAL),
    IN("2001:0:0808:0808::5601:5601", METADATA),
    IN("2001:0:a9fe:a9fe::f7f7:f7f7", METADATA),
    IN("2001:0:0808:0808::f7f7:f7f7", GLOBAL),
    IN("2606:4700::5efe:a9fe:a9fe", METADATA),
    IN("2606:4700::200:5efe:a9fe:1", LINK_LOCAL),
    IN("fd11::5efe:10.0.0.1", PRIVATE),
#undef SAME
#undef IN
};

static void
test_classes(void)
{
    struct writ_addr none = {0};

    for (size_t i = 0; i < WRIT_COUNT(classes); i++) {
        struct writ_addr a;

        CHECK_ROW(writ_addr_parse(writ_span_str(classes[i].addr), &a), classes[i].addr);
        CHECK_ROW(writ_addr_classify(&a) == classes[i].class, classes[i].addr);
        CHECK_ROW(writ_addr_classify_inner(&a) == classes[i].inner, classes[i].addr);
        CHECK_ROW(writ_addr_may_dial(&a, NULL, 0) == (classes[i].class == WRIT_ADDR_GLOBAL),
                  classes[i].addr);
        CHECK_ROW(strlen(writ_addr_class_name(classes[i].class)) != 0, classes[i].addr);
    }
    CHECK(writ_addr_classify(&none) == WRIT_ADDR_RESERVED && !writ_addr_may_dial(&none, NULL, 0));
}

static void
test_may_dial(void)
{
    static const struct {
        const char *addr;
        bool ok;
    } table[] = {{"127.0.0.1", true},        {"::ffff:127.0.0.1", true},
                 {"10.0.0.1", true},         {"169.254.169.254", false},
                 {"169.254.1.1", false},     {"168.63.129.16", false},
                 {"fe80::1", false},         {"fd00:ec2::254", false},
                 {"::a9fe:a9fe", false},     {"64:ff9b::a9fe:a9fe", false},
                 {"64:ff9b::8.8.8.8", true}, {"::ffff:169.254.169.254", false},
                 {"2002:a9fe:a9fe::", false}};
    struct writ_cidr all[2];

    /* even a profile that names everything does not name these */
    CHECK(writ_cidr_parse(writ_span_str("0.0.0.0/0"), &all[0]));
    CHECK(writ_cidr_parse(writ_span_str("::/0"), &all[1]));
    for (size_t i = 0; i < WRIT_COUNT(table); i++) {
        struct writ_addr a;

        CHECK(writ_addr_parse(writ_span_str(table[i].addr), &a));
        CHECK_ROW(writ_addr_may_dial(&a, all, 2) == table[i].ok, table[i].addr);
    }
}

int
main(void)
{
    test_parse();
    test_print();
    test_host_port();
    test_cidr();
    test_classes();
    test_may_dial();
    return test_end();
}
