/*
 * id.h - random bytes, clocks, and ids that sort by the time they were made.
 */
#ifndef WRIT_BASE_ID_H
#define WRIT_BASE_ID_H

#include "base/err.h"
#include "base/limits.h"
#include "base/span.h"

struct writ_id {
    char text[WRIT_TASK_ID_BYTES +
              1]; /* 48 bits of milliseconds, 80 random bits; Crockford base32 */
};

/* From the kernel; never fewer than n bytes, and ends the process if the kernel has none. */
void writ_random(void *mem, size_t n);
void writ_id_new(struct writ_id *ret);
/* True for text that writ_id_new could have made. */
bool writ_id_valid(struct writ_span s) WRIT_CHECK;

int64_t writ_clock_wall_us(void);  /* since 1970, UTC; may jump */
uint64_t writ_clock_mono_us(void); /* never jumps; stands still while the machine sleeps */

/* "2026-11-22T10:11:12.123456Z" (RFC 3339) and its terminator. */
enum { WRIT_TIME_TEXT = 28 };

/* A time outside the years 0 to 9999 is written as the nearest that is inside. */
void writ_time_text(int64_t wall_us, char ret[WRIT_TIME_TEXT]);
/* Exactly what writ_time_text writes. */
bool writ_time_parse(struct writ_span s, int64_t *ret_us) WRIT_CHECK;

#endif
