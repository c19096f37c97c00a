#include "base/buf.h"
#include "base/limits.h"
#include "base/text.h"
#include "test.h"
#include "writ-keeper/keys.h"
#include "writ-keeper/seal.h"
#include "writ-keeper/value.h"

static const uint8_t key_bytes[WRIT_KEY_BYTES] = {
    0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15,
    16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31,
};

static struct writ_span
key(void)
{
    return writ_span(key_bytes, sizeof(key_bytes));
}

static bool
opens_as(struct writ_span k, const char *aad, struct writ_span sealed, const char *want)
{
    WRIT_SECRET_AUTO struct writ_secret *plain = NULL;

    return writ_seal_open(k, writ_span_str(aad), sealed, &plain) == WRIT_OK &&
           writ_span_is(writ_secret_span(plain), want);
}

static bool
refused(struct writ_span k, const char *aad, struct writ_span sealed)
{
    struct writ_secret *plain = NULL;

    return writ_seal_open(k, writ_span_str(aad), sealed, &plain) == WRIT_E_DENIED && plain == NULL;
}

static void
test_round_trip(void)
{
    WRIT_BUF_AUTO struct writ_buf b;
    WRIT_BUF_AUTO struct writ_buf again;
    uint8_t other[WRIT_KEY_BYTES];
    struct writ_span s;
    uint8_t *bytes;

    writ_buf_init(&b, 256);
    writ_buf_init(&again, 256);
    CHECK(writ_seal(key(), writ_span_str("place"), writ_span_str("hunter2"), &b) == WRIT_OK);
    CHECK(writ_seal(key(), writ_span_str("place"), writ_span_str("hunter2"), &again) == WRIT_OK);
    s = writ_buf_span(&b);
    CHECK(s.len == 7 + WRIT_SEAL_EXTRA_BYTES);
    CHECK(!writ_span_eq(s, writ_buf_span(&again))); /* a nonce of its own each time */
    if (!CHECK(s.ptr != NULL))
        return;
    CHECK(memmem(s.ptr, s.len, "hunter2", 7) == NULL);
    CHECK(opens_as(key(), "place", s, "hunter2"));
    CHECK(refused(key(), "other place", s));
    CHECK(refused(key(), "", s));

    bytes = b.mem + b.start;
    for (size_t i = 0; i < 8 * s.len; i++) {
        bytes[i / 8] ^= (uint8_t)(1U << i % 8);
        CHECK(refused(key(), "place", s));
        bytes[i / 8] ^= (uint8_t)(1U << i % 8);
    }
    for (size_t n = 0; n < s.len; n++)
        CHECK(refused(key(), "place", writ_span(s.ptr, n)));
    for (size_t i = 0; i < 8 * sizeof(other); i++) {
        memcpy(other, key_bytes, sizeof(other));
        other[i / 8] ^= (uint8_t)(1U << i % 8);
        CHECK(refused(writ_span(other, sizeof(other)), "place", s));
    }
    CHECK(opens_as(key(), "place", s, "hunter2"));
    CHECK(writ_seal(key(), writ_span_str(""), writ_span_str(""), &b) == WRIT_E_LIMIT);
    CHECK(writ_seal(writ_span(key_bytes, 16), writ_span_str(""), writ_span_str("x"), &b) ==
          WRIT_E_LIMIT);
}

static bool
is_hex(struct writ_span s, const char *hex)
{
    WRIT_BUF_AUTO struct writ_buf b;

    writ_buf_init(&b, 256);
    writ_put_hex(&b, s);
    return writ_span_is(writ_buf_span(&b), hex);
}

/* From others: the GCM specification's test case 14, RFC 2104 and RFC 7914 as Python has them. */
static void
test_known_answers(void)
{
    WRIT_SECRET_AUTO struct writ_secret *s = NULL;
    WRIT_SECRET_AUTO struct writ_secret *derived = NULL;
    const uint8_t zero_key[WRIT_KEY_BYTES] = {0};
    uint8_t sealed[WRIT_SEAL_EXTRA_BYTES + 16] = {0};
    uint8_t mac[WRIT_MAC_BYTES];
    uint8_t salt[WRIT_SALT_BYTES];

    CHECK(writ_unhex(writ_span_str("d0d1c8a799996bf0265b98b5d48ab919"), sealed + 12, 16));
    CHECK(writ_unhex(writ_span_str("cea7403d4d606b6e074ec5d3baf39d18"), sealed + 28, 16));
    CHECK(writ_seal_open(writ_span(zero_key, sizeof(zero_key)), writ_span_str(""),
                         writ_span(sealed, sizeof(sealed)), &s) == WRIT_OK);
    CHECK(is_hex(writ_secret_span(s), "00000000000000000000000000000000"));

    CHECK(writ_mac(key(), writ_span_str("what is to be told apart"), mac) == WRIT_OK);
    CHECK(is_hex(writ_span(mac, sizeof(mac)),
                 "627ee7963a60e85a94aa850b09c0c98747c2ff1afdef810250a5ec9a299f091d"));

    for (size_t i = 0; i < sizeof(salt); i++)
        salt[i] = (uint8_t)i;
    CHECK(writ_key_derive(writ_span_str("correct horse battery staple"), salt, 15, &derived) ==
          WRIT_OK);
    CHECK(is_hex(writ_secret_span(derived),
                 "7a8e34241db898d59175c696538c417467a975ffe569068425f16188d3159c58"));
    CHECK(writ_key_derive(writ_span_str("x"), salt, 14, &derived) == WRIT_E_LIMIT);
    CHECK(writ_key_derive(writ_span_str("x"), salt, 21, &derived) == WRIT_E_LIMIT);
    CHECK(writ_key_derive(writ_span_str(""), salt, 15, &derived) == WRIT_E_LIMIT);
}

/* The keys of one store open in no other, and not with another idea of where the key came from. */
static void
test_keys(void)
{
    WRIT_SECRET_AUTO struct writ_secret *keys = NULL;
    WRIT_SECRET_AUTO struct writ_secret *got = NULL;
    struct writ_keys_head head = {.store = "0123456789abcde", .log_n = 0};
    struct writ_keys_head other;

    CHECK(writ_keys_new(&keys) == WRIT_OK);
    CHECK(writ_keys_seal(&head, key(), keys) == WRIT_OK);
    CHECK(writ_keys_open(&head, key(), &got) == WRIT_OK);
    CHECK(writ_secret_equal(writ_secret_span(keys), writ_secret_span(got)));
    writ_secret_freep(&got);
    other = head;
    other.store[3] ^= 1;
    CHECK(writ_keys_open(&other, key(), &got) == WRIT_E_DENIED);
    other = head;
    other.log_n = 16;
    CHECK(writ_keys_open(&other, key(), &got) == WRIT_E_DENIED);
    other = head;
    other.salt[0] = 1;
    CHECK(writ_keys_open(&other, key(), &got) == WRIT_E_DENIED && got == NULL);
    CHECK(!writ_span_eq(writ_keys_peek(keys, WRIT_KEYS_VALUE),
                        writ_keys_peek(keys, WRIT_KEYS_FINGERPRINT)));
    CHECK(!writ_span_eq(writ_keys_peek(keys, WRIT_KEYS_VALUE),
                        writ_keys_peek(keys, WRIT_KEYS_MANIFEST)));
}

static void
test_values(void)
{
    static const struct {
        const char *value;
        size_t len;
        const char *message; /* part of it; NULL: accepted */
    } rows[] = {
        {"x", 1, NULL},
        {"tok en with inner blanks", 24, NULL},
        {"caf\xc3\xa9\xff", 6, NULL},
        {"", 0, "empty"},
        {"token\n", 6, "(byte 6)"},
        {"token\n", 6, "--trim"},
        {"token\r\n", 7, "--trim"},
        {"to\nken", 6, "byte 3 of the value is a line feed"},
        {"to\nken\n", 7, "byte 3 of the value is a line feed"},
        {"\rtoken", 6, "byte 1 of the value is a carriage return"},
        {"tok\0en", 6, "byte 4 of the value is a NUL"},
        {"token\0", 6, "byte 6 of the value is a NUL"},
        {"a\tb", 3, "byte 2 of the value is a tab"},
        {"a\x1b[1m", 5, "byte 2 of the value is the control character 0x1b"},
        {"a\x7f", 2, "0x7f"},
        {" token", 6, "begins with a blank (byte 1)"},
        {"token ", 6, "ends with a blank (byte 6)"},
    };

    static uint8_t large[WRIT_CREDENTIAL_BYTES_MAX + 1];
    struct writ_diag diag = {0};

    for (size_t i = 0; i < WRIT_COUNT(rows); i++) {
        enum writ_err e;

        diag = (struct writ_diag){0};
        e = writ_value_check(writ_span(rows[i].value, rows[i].len), &diag);
        if (rows[i].message == NULL) {
            CHECK_ROW(e == WRIT_OK && diag.text[0] == '\0', rows[i].value);
        } else {
            CHECK_ROW(e == WRIT_E_FORMAT && strstr(diag.text, rows[i].message) != NULL, diag.text);
        }
        CHECK_ROW(strstr(diag.text, "token") == NULL, "a message shows no value");
    }
    memset(large, 'a', sizeof(large));
    CHECK(writ_value_check(writ_span(large, sizeof(large) - 1), &diag) == WRIT_OK);
    CHECK(writ_value_check(writ_span(large, sizeof(large)), &diag) == WRIT_E_LIMIT);
    /* every byte there is, at every place: only what a header line can carry */
    for (unsigned c = 0; c < 256; c++) {
        const uint8_t three[3] = {'a', (uint8_t)c, 'b'};

        CHECK((writ_value_check(writ_span(three, 3), &diag) == WRIT_OK) ==
              (c >= 0x20 && c != 0x7f));
    }
}

int
main(void)
{
    test_round_trip();
    test_known_answers();
    test_keys();
    test_values();
    return test_end();
}
