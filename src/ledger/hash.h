/*
 * hash.h - SHA-256 (FIPS 180-4), the link of the chain.
 */
#ifndef WRIT_LEDGER_HASH_H
#define WRIT_LEDGER_HASH_H

#include "base/span.h"

enum { WRIT_HASH_BYTES = 32 };

void writ_hash(struct writ_span s, uint8_t ret[WRIT_HASH_BYTES]);

#endif
