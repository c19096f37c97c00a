/*
 * seal.h - the cryptography of the store: sealing, a keyed digest, a key from a passphrase.
 *
 * A sealed blob is nonce (12) | tag (16) | ciphertext: AES-256-GCM (NIST SP 800-38D) under a fresh
 * random nonce. Whatever says what the blob is goes into the additional data, so that a blob that
 * was moved to another place does not open there. Plaintext is read from and written to
 * writ_secret memory only. Lengths are in bytes.
 */
#ifndef WRIT_KEEPER_SEAL_H
#define WRIT_KEEPER_SEAL_H

#include "base/buf.h"
#include "base/secret.h"

enum {
    WRIT_KEY_BYTES = 32,
    WRIT_SEAL_EXTRA_BYTES = 12 + 16, /* what a sealed blob is longer than its content */
    WRIT_MAC_BYTES = 32,
    WRIT_SALT_BYTES = 16,
};

/* Appends the sealed blob to ret. */
enum writ_err writ_seal(struct writ_span key, struct writ_span aad, struct writ_span plain,
                        struct writ_buf *ret) WRIT_CHECK;
/* WRIT_E_DENIED: another key, other additional data, or a changed byte; nothing is returned. */
enum writ_err writ_seal_open(struct writ_span key, struct writ_span aad, struct writ_span sealed,
                             struct writ_secret **ret) WRIT_CHECK;
/* HMAC-SHA-256 (RFC 2104). */
enum writ_err writ_mac(struct writ_span key, struct writ_span s,
                       uint8_t ret[WRIT_MAC_BYTES]) WRIT_CHECK;
/* scrypt (RFC 7914) with N = 2^log_n, r = 8, p = 1; log_n is 15 .. 20. Takes 128 * 8 * N bytes. */
enum writ_err writ_key_derive(struct writ_span passphrase, const uint8_t salt[WRIT_SALT_BYTES],
                              unsigned log_n, struct writ_secret **ret) WRIT_CHECK;

#endif
