/*
 * http1_skip.h - walks over bytes of one class, sixteen at a time where the machine can; for
 * src/proto only.
 *
 * Each returns the first byte at or after p that is not of the class, or limit. The plain loops
 * behind the vectors finish what is left and are all there is on other machines.
 */
#ifndef WRIT_PROTO_HTTP1_SKIP_H
#define WRIT_PROTO_HTTP1_SKIP_H

#include <stdint.h>

#ifdef __SSE2__
#    include <emmintrin.h>
#endif

#include "proto/http1_chars.h"

#ifdef __SSE2__
static inline __m128i
http1_load(const uint8_t *p)
{
    return _mm_loadu_si128((const __m128i *)(const void *)p);
}

/* 0xff where lo <= byte <= lo + width, as unsigned bytes */
static inline __m128i
http1_within(__m128i x, uint8_t lo, uint8_t width)
{
    __m128i from_lo = _mm_sub_epi8(x, _mm_set1_epi8((char)lo));

    return _mm_cmpeq_epi8(_mm_min_epu8(from_lo, _mm_set1_epi8((char)width)), from_lo);
}

static inline unsigned
http1_mask(__m128i x)
{
    return (unsigned)_mm_movemask_epi8(x);
}
#endif

/* Anything but a control character; HTAB is none here. */
static inline const uint8_t *
writ_http1_skip_value(const uint8_t *p, const uint8_t *limit)
{
#ifdef __SSE2__
    for (; limit - p >= 16; p += 16) {
        __m128i x = http1_load(p);
        __m128i bad =
            _mm_or_si128(http1_within(x, 0, 0x1f), _mm_cmpeq_epi8(x, _mm_set1_epi8(0x7f)));
        unsigned mask = http1_mask(_mm_andnot_si128(_mm_cmpeq_epi8(x, _mm_set1_epi8('\t')), bad));

        if (mask != 0)
            return p + __builtin_ctz(mask);
    }
#endif
    while (p != limit && (writ_http1_chars[*p] & WRIT_HTTP1_C_VALUE) != 0)
        p++;
    return p;
}

/* Printable ASCII but '#'. */
static inline const uint8_t *
writ_http1_skip_target(const uint8_t *p, const uint8_t *limit)
{
#ifdef __SSE2__
    for (; limit - p >= 16; p += 16) {
        __m128i x = http1_load(p);
        unsigned mask = http1_mask(_mm_andnot_si128(_mm_cmpeq_epi8(x, _mm_set1_epi8('#')),
                                                    http1_within(x, 0x21, 0x7e - 0x21)));

        if (mask != 0xffff)
            return p + __builtin_ctz(~mask);
    }
#endif
    while (p != limit && (writ_http1_chars[*p] & WRIT_HTTP1_C_TARGET) != 0)
        p++;
    return p;
}

/* Letters, digits and '-': all that a name has, as a rule. */
static inline const uint8_t *
writ_http1_skip_name(const uint8_t *p, const uint8_t *limit)
{
#ifdef __SSE2__
    for (; limit - p >= 16; p += 16) {
        __m128i x = http1_load(p);
        __m128i letter = http1_within(_mm_or_si128(x, _mm_set1_epi8(0x20)), 'a', 25);
        __m128i rest = _mm_or_si128(http1_within(x, '0', 9), _mm_cmpeq_epi8(x, _mm_set1_epi8('-')));
        unsigned mask = http1_mask(_mm_or_si128(letter, rest));

        if (mask != 0xffff)
            return p + __builtin_ctz(~mask);
    }
#endif
    while (p != limit && (writ_http1_chars[*p] & WRIT_HTTP1_C_NAME) != 0)
        p++;
    return p;
}

/* Anything but CR. */
static inline const uint8_t *
writ_http1_skip_line(const uint8_t *p, const uint8_t *limit)
{
#ifdef __SSE2__
    for (; limit - p >= 16; p += 16) {
        unsigned mask = http1_mask(_mm_cmpeq_epi8(http1_load(p), _mm_set1_epi8('\r')));

        if (mask != 0)
            return p + __builtin_ctz(mask);
    }
#endif
    while (p != limit && *p != '\r')
        p++;
    return p;
}

#endif
