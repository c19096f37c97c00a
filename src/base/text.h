/*
 * text.h - numbers, durations, sizes and encodings as people and protocols write them.
 *
 * Digits only: no sign, no blanks, an explicit maximum. Nothing here depends on the locale.
 */
#ifndef WRIT_BASE_TEXT_H
#define WRIT_BASE_TEXT_H

#include "base/buf.h"

bool writ_parse_dec(struct writ_span s, uint64_t max, uint64_t *ret) WRIT_CHECK;
bool writ_parse_hex(struct writ_span s, uint64_t max, uint64_t *ret) WRIT_CHECK;
/* "250ms", "30s", "10m", "2h", "1d"; one unit, which is required. In milliseconds, above 0. */
bool writ_parse_duration(struct writ_span s, uint64_t max_ms, uint64_t *ret_ms) WRIT_CHECK;
/* "4096", "64KiB", "512MiB", "2GiB" or "100kB", "5MB", "1GB". In bytes, above 0. */
bool writ_parse_size(struct writ_span s, uint64_t max, uint64_t *ret) WRIT_CHECK;
/* A name a person gives: [A-Za-z0-9] then [A-Za-z0-9._-], at most WRIT_NAME_MAX. */
bool writ_is_name(struct writ_span s) WRIT_CHECK;
/* A host name as in DNS: lower-case letters, digits, '-', '_' and '.', labels of 1..63; no address.
 */
bool writ_is_host(struct writ_span s) WRIT_CHECK;

/* Length of the valid UTF-8 sequence at the start of s, which is not empty (Unicode 15, table 3-7),
 * or 0. */
size_t writ_utf8_len(struct writ_span s) WRIT_CHECK;
/* The number of bytes before the first that is not UTF-8; s.len if all of them are. */
size_t writ_utf8_check(struct writ_span s) WRIT_CHECK;
/* Encodes a code point, which is not checked; returns the number of bytes. */
size_t writ_utf8_put(uint32_t c, uint8_t ret[4]);

/* What a person may have meant: begin with {.typed = ...}, try every name there is; then name is
 * the first of the nearest ones, or NULL if none is near. */
struct writ_nearest {
    struct writ_span typed;
    const char *name;
    unsigned distance;
};

void writ_nearest_try(struct writ_nearest *n, const char *name);

void writ_put_hex(struct writ_buf *b, struct writ_span s);
bool writ_unhex(struct writ_span s, uint8_t *ret, size_t n) WRIT_CHECK;
/* Standard alphabet with padding (RFC 4648 section 4). */
void writ_put_base64(struct writ_buf *b, struct writ_span s);

#endif
