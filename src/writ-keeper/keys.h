/*
 * keys.h - the three keys of a store and how they are sealed.
 *
 * One blob of 96 bytes, sealed with the master key: a key file's bytes, or what scrypt makes of a
 * passphrase. Changing the master key seals the blob anew and touches no credential.
 */
#ifndef WRIT_KEEPER_KEYS_H
#define WRIT_KEEPER_KEYS_H

#include "base/buf.h"
#include "base/secret.h"
#include "writ-keeper/seal.h"

enum {
    WRIT_SAFE_ID_BYTES = 16,
    WRIT_KEYS_BYTES = 3 * WRIT_KEY_BYTES,
    WRIT_KEYS_SEALED_BYTES = WRIT_KEYS_BYTES + WRIT_SEAL_EXTRA_BYTES,
    WRIT_SCRYPT_LOG_N = 16, /* 64 MiB and a tenth of a second for each guess */
};

enum writ_keys_use { WRIT_KEYS_VALUE, WRIT_KEYS_FINGERPRINT, WRIT_KEYS_MANIFEST };

/* What a store says of itself, as read from its file. */
struct writ_keys_head {
    uint8_t store[WRIT_SAFE_ID_BYTES];
    unsigned log_n; /* 0: the master key is in a file */
    uint8_t salt[WRIT_SALT_BYTES];
    uint8_t sealed[WRIT_KEYS_SEALED_BYTES];
};

enum writ_err writ_keys_new(struct writ_secret **ret) WRIT_CHECK;
struct writ_span writ_keys_peek(const struct writ_secret *keys, enum writ_keys_use use);
/* Fills head->sealed; the other fields are set. */
enum writ_err writ_keys_seal(struct writ_keys_head *head, struct writ_span master,
                             const struct writ_secret *keys) WRIT_CHECK;
/* WRIT_E_DENIED: this master key does not open them. */
enum writ_err writ_keys_open(const struct writ_keys_head *head, struct writ_span master,
                             struct writ_secret **ret) WRIT_CHECK;

#endif
