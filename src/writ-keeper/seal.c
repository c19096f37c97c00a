#include "writ-keeper/seal.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/id.h"

enum { NONCE_BYTES = 12, TAG_BYTES = 16, LOG_N_MIN = 15, LOG_N_MAX = 20 };

static void
ctx_free(EVP_CIPHER_CTX **c)
{
    EVP_CIPHER_CTX_free(*c); /* wipes the key schedule */
}

#define CTX_AUTO WRIT_CLEANUP(ctx_free)

/*
 * Before anything else is asked of the library: no configuration file, no error texts, and no
 * tables of all the old names of algorithms, which take longer than everything else at start.
 */
static bool
library_ready(void)
{
    return OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_LOAD_CRYPTO_STRINGS |
                                   OPENSSL_INIT_NO_ADD_ALL_CIPHERS |
                                   OPENSSL_INIT_NO_ADD_ALL_DIGESTS | OPENSSL_INIT_NO_ATEXIT,
                               NULL) == 1;
}

static EVP_CIPHER_CTX *
ctx_new(void)
{
    return library_ready() ? EVP_CIPHER_CTX_new() : NULL;
}

/* Starts either direction and feeds the additional data. */
static bool
begin(EVP_CIPHER_CTX *c, const uint8_t *key, const uint8_t *nonce, struct writ_span aad,
      bool encrypt)
{
    int n;

    if (aad.len > INT32_MAX)
        return false;
    return EVP_CipherInit_ex(c, EVP_aes_256_gcm(), NULL, key, nonce, encrypt ? 1 : 0) == 1 &&
           (aad.len == 0 || EVP_CipherUpdate(c, NULL, &n, aad.ptr, (int)aad.len) == 1);
}

enum writ_err
writ_seal(struct writ_span key, struct writ_span aad, struct writ_span plain, struct writ_buf *ret)
{
    CTX_AUTO EVP_CIPHER_CTX *c = ctx_new();
    uint8_t *at;
    enum writ_err e;
    int n;
    int last;

    if (key.len != WRIT_KEY_BYTES || plain.len == 0 || plain.len > WRIT_SECRET_BYTES_MAX)
        return WRIT_E_LIMIT;
    if (c == NULL)
        return WRIT_E_NOMEM;
    e = writ_buf_reserve(ret, WRIT_SEAL_EXTRA_BYTES + plain.len, &at);
    if (e != WRIT_OK)
        return e;
    writ_random(at, NONCE_BYTES);
    if (!begin(c, key.ptr, at, aad, true) ||
        EVP_CipherUpdate(c, at + WRIT_SEAL_EXTRA_BYTES, &n, plain.ptr, (int)plain.len) != 1 ||
        (size_t)n != plain.len ||
        EVP_CipherFinal_ex(c, at + WRIT_SEAL_EXTRA_BYTES + plain.len, &last) != 1 || last != 0 ||
        EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, TAG_BYTES, at + NONCE_BYTES) != 1)
        return WRIT_E_NOMEM;
    writ_buf_commit(ret, WRIT_SEAL_EXTRA_BYTES + plain.len);
    return WRIT_OK;
}

enum writ_err
writ_seal_open(struct writ_span key, struct writ_span aad, struct writ_span sealed,
               struct writ_secret **ret)
{
    CTX_AUTO EVP_CIPHER_CTX *c = ctx_new();
    WRIT_SECRET_AUTO struct writ_secret *plain = NULL;
    struct writ_span text = writ_span_from(sealed, WRIT_SEAL_EXTRA_BYTES);
    uint8_t tag[TAG_BYTES];
    enum writ_err e;
    int n;
    int last;

    if (key.len != WRIT_KEY_BYTES)
        return WRIT_E_LIMIT;
    if (text.len == 0 || text.len > WRIT_SECRET_BYTES_MAX)
        return WRIT_E_DENIED;
    if (c == NULL)
        return WRIT_E_NOMEM;
    e = writ_secret_new(text.len, &plain);
    if (e != WRIT_OK)
        return e;
    memcpy(tag, sealed.ptr + NONCE_BYTES, sizeof(tag));
    if (!begin(c, key.ptr, sealed.ptr, aad, false) ||
        EVP_CipherUpdate(c, writ_secret_bytes(plain), &n, text.ptr, (int)text.len) != 1 ||
        (size_t)n != text.len || EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, TAG_BYTES, tag) != 1)
        return WRIT_E_NOMEM;
    /* only now is it known that these are the bytes that were sealed */
    if (EVP_CipherFinal_ex(c, writ_secret_bytes(plain) + text.len, &last) != 1 || last != 0)
        return WRIT_E_DENIED;
    *ret = writ_secret_take(&plain);
    return WRIT_OK;
}

enum writ_err
writ_mac(struct writ_span key, struct writ_span s, uint8_t ret[WRIT_MAC_BYTES])
{
    unsigned n = 0;

    if (key.len != WRIT_KEY_BYTES)
        return WRIT_E_LIMIT;
    if (!library_ready() ||
        HMAC(EVP_sha256(), key.ptr, (int)key.len, s.ptr, s.len, ret, &n) == NULL ||
        n != WRIT_MAC_BYTES)
        return WRIT_E_NOMEM;
    return WRIT_OK;
}

enum writ_err
writ_key_derive(struct writ_span passphrase, const uint8_t salt[WRIT_SALT_BYTES], unsigned log_n,
                struct writ_secret **ret)
{
    WRIT_SECRET_AUTO struct writ_secret *key = NULL;

    enum { R = 8, P = 1 };

    uint64_t n;
    enum writ_err e;

    if (passphrase.len == 0 || log_n < LOG_N_MIN || log_n > LOG_N_MAX)
        return WRIT_E_LIMIT;
    n = (uint64_t)1 << log_n;
    e = writ_secret_new(WRIT_KEY_BYTES, &key);
    if (e != WRIT_OK)
        return e;
    if (!library_ready() ||
        EVP_PBE_scrypt((const char *)passphrase.ptr, passphrase.len, salt, WRIT_SALT_BYTES, n, R, P,
                       (n + 64) * 128 * R, writ_secret_bytes(key), WRIT_KEY_BYTES) != 1)
        return WRIT_E_NOMEM;
    *ret = writ_secret_take(&key);
    return WRIT_OK;
}
