/*
 * The low-level functions: the first EVP_MD_fetch costs a millisecond, which every task would pay
 * at its start, and their context needs no allocation. The implementation behind both is the same.
 */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "ledger/hash.h"

#include <assert.h>

#include <openssl/sha.h>

static_assert(WRIT_HASH_BYTES == SHA256_DIGEST_LENGTH, "one digest");

void
writ_hash(struct writ_span s, uint8_t ret[WRIT_HASH_BYTES])
{
    SHA256_CTX c;

    /* these return 1 always: the state is a struct on our stack */
    (void)SHA256_Init(&c);
    (void)SHA256_Update(&c, s.ptr, s.len);
    (void)SHA256_Final(ret, &c);
}
