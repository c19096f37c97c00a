#include "base/id.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

static const char crockford[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

void
writ_random(void *mem, size_t n)
{
    uint8_t *at = mem;

    while (n != 0) {
        ssize_t got = getrandom(at, n, 0);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            abort(); /* without randomness no key and no id would mean anything */
        at += got;
        n -= (size_t)got;
    }
}

void
writ_id_new(struct writ_id *ret)
{
    uint64_t ms = (uint64_t)writ_clock_wall_us() / 1000;
    uint8_t noise[16];

    writ_random(noise, sizeof(noise));
    for (size_t i = 0; i < 10; i++)
        ret->text[i] = crockford[ms >> (45 - 5 * i) & 31];
    for (size_t i = 0; i < 16; i++)
        ret->text[10 + i] = crockford[noise[i] & 31];
    ret->text[WRIT_TASK_ID_BYTES] = '\0';
}

bool
writ_id_valid(struct writ_span s)
{
    if (s.len != WRIT_TASK_ID_BYTES)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '\0' || strchr(crockford, s.ptr[i]) == NULL)
            return false;
    }
    return true;
}

static int64_t
clock_us(clockid_t which)
{
    struct timespec t;

    (void)clock_gettime(which, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t
writ_clock_wall_us(void)
{
    return clock_us(CLOCK_REALTIME);
}

uint64_t
writ_clock_mono_us(void)
{
    return (uint64_t)clock_us(CLOCK_MONOTONIC);
}

enum { US_PER_S = 1000000, S_PER_DAY = 86400, TIME_CHARS = WRIT_TIME_TEXT - 1 };

static void
digits(char *at, unsigned n, uint64_t v)
{
    while (n-- > 0) {
        at[n] = (char)('0' + v % 10);
        v /= 10;
    }
}

/*
 * Proleptic Gregorian date of a day that is counted from 0000-03-01: a year that begins in March
 * has its leap day at the end. Not gmtime_r, which reads the time zone's file first and is slow.
 */
static void
civil(uint64_t day, uint64_t *ret_year, unsigned *ret_month, unsigned *ret_mday)
{
    uint64_t era = day / 146097;
    unsigned doe = (unsigned)(day % 146097);
    unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    unsigned m = (5 * doy + 2) / 153;

    *ret_mday = doy - (153 * m + 2) / 5 + 1;
    *ret_month = m < 10 ? m + 3 : m - 9;
    *ret_year = era * 400 + yoe + (m < 10 ? 0 : 1);
}

static const int64_t time_min_us = -62162035200000000; /* 0000-03-01 */
static const int64_t time_max_us = 253402300799999999; /* the end of 9999 */

void
writ_time_text(int64_t wall_us, char ret[WRIT_TIME_TEXT])
{
    uint64_t us;
    uint64_t s;
    uint64_t year;
    unsigned month;
    unsigned mday;

    if (wall_us < time_min_us)
        wall_us = time_min_us;
    if (wall_us > time_max_us)
        wall_us = time_max_us;
    us = (uint64_t)(wall_us - time_min_us);
    s = us / US_PER_S;
    civil(s / S_PER_DAY, &year, &month, &mday);
    s %= S_PER_DAY;
    memcpy(ret, "0000-00-00T00:00:00.000000Z", WRIT_TIME_TEXT);
    digits(ret, 4, year);
    digits(ret + 5, 2, month);
    digits(ret + 8, 2, mday);
    digits(ret + 11, 2, s / 3600);
    digits(ret + 14, 2, s / 60 % 60);
    digits(ret + 17, 2, s % 60);
    digits(ret + 20, 6, us % US_PER_S);
}

static bool
number(const uint8_t *at, unsigned n, unsigned max, unsigned *ret)
{
    unsigned v = 0;

    for (unsigned i = 0; i < n; i++) {
        if (at[i] < '0' || at[i] > '9')
            return false;
        v = v * 10 + (unsigned)(at[i] - '0');
    }
    *ret = v;
    return v <= max;
}

bool
writ_time_parse(struct writ_span s, int64_t *ret_us)
{
    char again[WRIT_TIME_TEXT];
    unsigned year;
    unsigned month;
    unsigned mday;
    unsigned part[4];
    int64_t days;
    int64_t us;

    if (s.len != TIME_CHARS || !number(s.ptr, 4, 9999, &year) ||
        !number(s.ptr + 5, 2, 12, &month) || !number(s.ptr + 8, 2, 31, &mday) || month == 0 ||
        mday == 0 || !number(s.ptr + 11, 2, 23, &part[0]) || !number(s.ptr + 14, 2, 59, &part[1]) ||
        !number(s.ptr + 17, 2, 59, &part[2]) || !number(s.ptr + 20, 6, 999999, &part[3]))
        return false;
    if (month <= 2 && year == 0)
        return false;
    year -= month <= 2 ? 1 : 0;
    month = month > 2 ? month - 3 : month + 9;
    days = (int64_t)year * 365 + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + mday;
    us = (days - 1) * S_PER_DAY + (int64_t)part[0] * 3600 + (int64_t)part[1] * 60 + part[2];
    us = us * US_PER_S + part[3] + time_min_us;
    writ_time_text(us, again); /* refuses 30 February and wrong separators */
    if (memcmp(again, s.ptr, TIME_CHARS) != 0)
        return false;
    *ret_us = us;
    return true;
}
