#include "base/id.h"

#include <errno.h>
#include <stdio.h>
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

void
writ_time_text(int64_t wall_us, char ret[WRIT_TIME_TEXT])
{
    time_t s = (time_t)(wall_us / 1000000);
    struct tm tm;
    char text[64];

    if (gmtime_r(&s, &tm) == NULL)
        tm = (struct tm){.tm_mday = 1, .tm_year = 70};
    (void)snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ", tm.tm_year + 1900,
                   tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
                   (int)(wall_us % 1000000));
    memcpy(ret, text, WRIT_TIME_TEXT - 1);
    ret[WRIT_TIME_TEXT - 1] = '\0';
}
