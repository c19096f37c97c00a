/* The extension types: ipaddr, decimal, datetime, duration. */
#include <string.h>

#include "cedar/value.h"

#define DAY_MS ((int64_t)86400000)

const struct cx_fn_info cx_fns[CX_FN_COUNT] = {
    [CX_FN_NONE] = {"", 0, false, 0, 0, 0},
    [CX_FN_IP] = {"ip", 1, false, CEDAR_STRING, 0, CEDAR_IP},
    [CX_FN_DECIMAL] = {"decimal", 1, false, CEDAR_STRING, 0, CEDAR_DECIMAL},
    [CX_FN_DATETIME] = {"datetime", 1, false, CEDAR_STRING, 0, CEDAR_DATETIME},
    [CX_FN_DURATION] = {"duration", 1, false, CEDAR_STRING, 0, CEDAR_DURATION},
    [CX_FN_IS_IPV4] = {"isIpv4", 1, true, CEDAR_IP, 0, CEDAR_BOOL},
    [CX_FN_IS_IPV6] = {"isIpv6", 1, true, CEDAR_IP, 0, CEDAR_BOOL},
    [CX_FN_IS_LOOPBACK] = {"isLoopback", 1, true, CEDAR_IP, 0, CEDAR_BOOL},
    [CX_FN_IS_MULTICAST] = {"isMulticast", 1, true, CEDAR_IP, 0, CEDAR_BOOL},
    [CX_FN_IS_IN_RANGE] = {"isInRange", 2, true, CEDAR_IP, CEDAR_IP, CEDAR_BOOL},
    [CX_FN_LESS] = {"lessThan", 2, true, CEDAR_DECIMAL, CEDAR_DECIMAL, CEDAR_BOOL},
    [CX_FN_LESS_EQ] = {"lessThanOrEqual", 2, true, CEDAR_DECIMAL, CEDAR_DECIMAL, CEDAR_BOOL},
    [CX_FN_GREATER] = {"greaterThan", 2, true, CEDAR_DECIMAL, CEDAR_DECIMAL, CEDAR_BOOL},
    [CX_FN_GREATER_EQ] = {"greaterThanOrEqual", 2, true, CEDAR_DECIMAL, CEDAR_DECIMAL, CEDAR_BOOL},
    [CX_FN_OFFSET] = {"offset", 2, true, CEDAR_DATETIME, CEDAR_DURATION, CEDAR_DATETIME},
    [CX_FN_DURATION_SINCE] = {"durationSince", 2, true, CEDAR_DATETIME, CEDAR_DATETIME,
                              CEDAR_DURATION},
    [CX_FN_TO_DATE] = {"toDate", 1, true, CEDAR_DATETIME, 0, CEDAR_DATETIME},
    [CX_FN_TO_TIME] = {"toTime", 1, true, CEDAR_DATETIME, 0, CEDAR_DURATION},
    [CX_FN_TO_MILLIS] = {"toMilliseconds", 1, true, CEDAR_DURATION, 0, CEDAR_LONG},
    [CX_FN_TO_SECONDS] = {"toSeconds", 1, true, CEDAR_DURATION, 0, CEDAR_LONG},
    [CX_FN_TO_MINUTES] = {"toMinutes", 1, true, CEDAR_DURATION, 0, CEDAR_LONG},
    [CX_FN_TO_HOURS] = {"toHours", 1, true, CEDAR_DURATION, 0, CEDAR_LONG},
    [CX_FN_TO_DAYS] = {"toDays", 1, true, CEDAR_DURATION, 0, CEDAR_LONG},
};

enum cx_fn
cx_fn_find(struct cedar_span name)
{
    for (unsigned i = 1; i < CX_FN_COUNT; i++) {
        if (cx_span_is(name, cx_fns[i].name))
            return (enum cx_fn)i;
    }
    return CX_FN_NONE;
}

static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Takes the digits at the front of *s as a number with the given sign; at least one digit. */
static bool
take_number(struct cedar_span *s, bool negative, int64_t *ret)
{
    int64_t v = 0;
    size_t i = 0;

    for (; i < s->len && is_digit(s->ptr[i]); i++) {
        int64_t digit = s->ptr[i] - '0';

        if (__builtin_mul_overflow(v, (int64_t)10, &v) ||
            __builtin_add_overflow(v, negative ? -digit : digit, &v))
            return false;
    }
    if (i == 0)
        return false;
    *s = cx_span(s->ptr + i, s->len - i);
    *ret = v;
    return true;
}

/* Exactly n digits. */
static bool
take_fixed(struct cedar_span *s, size_t n, int64_t *ret)
{
    struct cedar_span head = cx_span(s->ptr, n);

    if (s->len < n || !take_number(&head, false, ret) || head.len != 0)
        return false;
    *s = cx_span(s->ptr + n, s->len - n);
    return true;
}

static bool
take_char(struct cedar_span *s, char c)
{
    if (s->len == 0 || s->ptr[0] != c)
        return false;
    *s = cx_span(s->ptr + 1, s->len - 1);
    return true;
}

/* -?d+.d{1,4}, in units of 1/10000. */
static bool
parse_decimal(struct cedar_span s, int64_t *ret)
{
    static const int64_t unit[] = {0, 1000, 100, 10, 1};
    bool negative = take_char(&s, '-');
    int64_t whole;
    int64_t part;
    size_t digits;

    if (!take_number(&s, negative, &whole) || !take_char(&s, '.'))
        return false;
    digits = s.len;
    if (digits < 1 || digits > 4 || !take_number(&s, negative, &part) || s.len != 0)
        return false;
    if (__builtin_mul_overflow(whole, (int64_t)10000, &whole) ||
        __builtin_add_overflow(whole, part * unit[digits], ret))
        return false;
    return true;
}

/* -?(Nd)?(Nh)?(Nm)?(Ns)?(Nms)? with at least one part. */
static bool
parse_duration(struct cedar_span s, int64_t *ret)
{
    static const struct {
        const char *unit;
        int64_t ms;
    } parts[] = {{"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};

    bool negative = take_char(&s, '-');
    size_t next = 0;
    int64_t total = 0;

    if (s.len == 0)
        return false;
    while (s.len != 0) {
        size_t unit = 0;
        int64_t v;

        if (!take_number(&s, negative, &v))
            return false;
        while (unit < s.len && !is_digit(s.ptr[unit]))
            unit++;
        while (next < WRIT_COUNT(parts) && !cx_span_is(cx_span(s.ptr, unit), parts[next].unit))
            next++;
        if (next == WRIT_COUNT(parts) || __builtin_mul_overflow(v, parts[next].ms, &v) ||
            __builtin_add_overflow(total, v, &total))
            return false;
        next++;
        s = cx_span(s.ptr + unit, s.len - unit);
    }
    *ret = total;
    return true;
}

/* Days since 1970-01-01 of a date of the Gregorian calendar; the year counted from March. */
static int64_t
days_from_civil(int64_t y, int64_t m, int64_t d)
{
    int64_t era;
    int64_t yoe;
    int64_t doy;

    y -= m <= 2 ? 1 : 0;
    era = (y >= 0 ? y : y - 399) / 400;
    yoe = y - era * 400;
    doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static bool
take_date(struct cedar_span *s, int64_t *days)
{
    static const int64_t in_month[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int64_t y;
    int64_t m;
    int64_t d;
    bool leap;

    if (!take_fixed(s, 4, &y) || !take_char(s, '-') || !take_fixed(s, 2, &m) ||
        !take_char(s, '-') || !take_fixed(s, 2, &d))
        return false;
    leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
    if (m < 1 || m > 12 || d < 1 || d > in_month[m - 1] + (leap && m == 2 ? 1 : 0))
        return false;
    *days = days_from_civil(y, m, d);
    return true;
}

/* Z or +hhmm or -hhmm, as what must be added to get UTC. */
static bool
take_zone(struct cedar_span *s, int64_t *ms)
{
    int64_t h;
    int64_t m;
    int64_t sign;

    if (take_char(s, 'Z')) {
        *ms = 0;
        return true;
    }
    sign = take_char(s, '-') ? 1 : -1;
    if (sign < 0 && !take_char(s, '+'))
        return false;
    if (!take_fixed(s, 2, &h) || !take_fixed(s, 2, &m) || h > 23 || m > 59)
        return false;
    *ms = sign * (h * 3600000 + m * 60000);
    return true;
}

static bool
parse_datetime(struct cedar_span s, int64_t *ret)
{
    int64_t days;
    int64_t h;
    int64_t m;
    int64_t sec;
    int64_t ms = 0;
    int64_t zone;

    if (!take_date(&s, &days))
        return false;
    if (s.len == 0) {
        *ret = days * DAY_MS;
        return true;
    }
    if (!take_char(&s, 'T') || !take_fixed(&s, 2, &h) || !take_char(&s, ':') ||
        !take_fixed(&s, 2, &m) || !take_char(&s, ':') || !take_fixed(&s, 2, &sec))
        return false;
    if (take_char(&s, '.') && !take_fixed(&s, 3, &ms))
        return false;
    if (!take_zone(&s, &zone) || s.len != 0 || h > 23 || m > 59 || sec > 59)
        return false;
    *ret = days * DAY_MS + h * 3600000 + m * 60000 + sec * 1000 + ms + zone;
    return true;
}

bool
cedar_ext_parse(enum cedar_kind kind, struct cedar_span text, struct cedar_value *ret)
{
    int64_t v;
    bool ok = false;

    if (kind == CEDAR_DECIMAL) {
        ok = parse_decimal(text, &v);
    } else if (kind == CEDAR_DATETIME) {
        ok = parse_datetime(text, &v);
    } else if (kind == CEDAR_DURATION) {
        ok = parse_duration(text, &v);
    }
    if (ok)
        *ret = (struct cedar_value){.kind = (uint8_t)kind, .u.num = v};
    return ok;
}

static bool
parse_v4(struct cedar_span s, uint8_t *addr)
{
    size_t at = 0;

    for (size_t i = 0; i < 4; i++) {
        size_t from = at;
        unsigned v = 0;

        while (at < s.len && at - from < 3 && is_digit(s.ptr[at]))
            v = v * 10 + (unsigned)(s.ptr[at++] - '0');
        if (at == from || v > 255 || (s.ptr[from] == '0' && at - from > 1))
            return false; /* "010" is octal to some and decimal to others */
        addr[i] = (uint8_t)v;
        if (i < 3 && (at == s.len || s.ptr[at++] != '.'))
            return false;
    }
    return at == s.len;
}

static int
hex_digit(char c)
{
    if (is_digit(c))
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* Reads up to max groups; a colon that is not followed by a group is left. */
static size_t
take_groups(struct cedar_span *s, size_t max, uint16_t *group)
{
    size_t n = 0;

    while (n < max) {
        struct cedar_span at = *s;
        unsigned v = 0;
        size_t digits = 0;

        if (n != 0 && !take_char(&at, ':'))
            break;
        while (digits < at.len && digits < 4 && hex_digit(at.ptr[digits]) >= 0)
            v = v * 16 + (unsigned)hex_digit(at.ptr[digits++]);
        if (digits == 0)
            break;
        group[n++] = (uint16_t)v;
        *s = cx_span(at.ptr + digits, at.len - digits);
    }
    return n;
}

static bool
parse_v6(struct cedar_span s, uint8_t *addr)
{
    uint16_t head[8] = {0};
    uint16_t tail[8] = {0};
    size_t nh = take_groups(&s, 8, head);
    size_t nt = 0;

    if (nh != 8) {
        if (s.len < 2 || s.ptr[0] != ':' || s.ptr[1] != ':')
            return false;
        s = cx_span(s.ptr + 2, s.len - 2);
        nt = take_groups(&s, 7 - nh, tail); /* "::" stands for one group at least */
    }
    if (s.len != 0)
        return false;
    memcpy(head + (8 - nt), tail, nt * sizeof tail[0]);
    for (size_t i = 0; i < 8; i++) {
        addr[2 * i] = (uint8_t)(head[i] >> 8);
        addr[2 * i + 1] = (uint8_t)head[i];
    }
    return true;
}

bool
cedar_ip_parse(struct cedar_span text, struct cedar_ip *ret)
{
    struct cedar_ip ip = {{0}, 0, false};
    struct cedar_span addr = text;
    struct cedar_span prefix = {NULL, 0};
    const char *slash;
    int64_t v;

    if (text.len == 0 || text.len > 43)
        return false;
    slash = (const char *)memchr(text.ptr, '/', text.len);
    if (slash != NULL) {
        addr = cx_span(text.ptr, (size_t)(slash - text.ptr));
        prefix = cx_span(slash + 1, text.len - addr.len - 1);
    }
    ip.v6 = memchr(addr.ptr, ':', addr.len) != NULL;
    if (ip.v6 ? !parse_v6(addr, ip.addr) : !parse_v4(addr, ip.addr))
        return false;
    v = ip.v6 ? 128 : 32;
    if (slash != NULL) {
        int64_t max = v;

        if (prefix.len > 3 || (prefix.len > 1 && prefix.ptr[0] == '0') ||
            !take_number(&prefix, false, &v) || prefix.len != 0 || v > max)
            return false;
    }
    ip.prefix = (uint8_t)v;
    *ret = ip;
    return true;
}

static bool
ip_in_range(const struct cedar_ip *a, const struct cedar_ip *b)
{
    unsigned whole = b->prefix / 8;
    unsigned bits = b->prefix % 8;

    if (a->v6 != b->v6 || a->prefix < b->prefix || memcmp(a->addr, b->addr, whole) != 0)
        return false;
    return bits == 0 || ((a->addr[whole] ^ b->addr[whole]) >> (8 - bits)) == 0;
}

static bool
call_ip(enum cx_fn fn, const struct cedar_value *args, bool *ret)
{
    static const struct cedar_ip loop4 = {{127}, 8, false};
    static const struct cedar_ip loop6 = {{[15] = 1}, 128, true};
    static const struct cedar_ip multi4 = {{224}, 4, false};
    static const struct cedar_ip multi6 = {{0xff}, 8, true};
    const struct cedar_ip *ip = args[0].u.ip;

    if (fn == CX_FN_IS_IPV4) {
        *ret = !ip->v6;
    } else if (fn == CX_FN_IS_IPV6) {
        *ret = ip->v6;
    } else if (fn == CX_FN_IS_LOOPBACK) {
        *ret = ip_in_range(ip, ip->v6 ? &loop6 : &loop4);
    } else if (fn == CX_FN_IS_MULTICAST) {
        *ret = ip_in_range(ip, ip->v6 ? &multi6 : &multi4);
    } else {
        *ret = ip_in_range(ip, args[1].u.ip);
    }
    return true;
}

static bool
call_compare(enum cx_fn fn, int64_t a, int64_t b)
{
    if (fn == CX_FN_LESS)
        return a < b;
    if (fn == CX_FN_LESS_EQ)
        return a <= b;
    return fn == CX_FN_GREATER ? a > b : a >= b;
}

/* Midnight of the day of t, towards the past also before 1970. */
static bool
day_start(int64_t t, int64_t *ret)
{
    int64_t day = t / DAY_MS - (t % DAY_MS < 0 ? 1 : 0);

    return !__builtin_mul_overflow(day, DAY_MS, ret);
}

static bool
call_time(enum cx_fn fn, const struct cedar_value *args, int64_t *ret)
{
    static const int64_t unit[] = {1, 1000, 60000, 3600000, DAY_MS};
    int64_t t = args[0].u.num;

    switch ((unsigned)fn) {
    case CX_FN_OFFSET:
        return !__builtin_add_overflow(t, args[1].u.num, ret);
    case CX_FN_DURATION_SINCE:
        return !__builtin_sub_overflow(t, args[1].u.num, ret);
    case CX_FN_TO_DATE:
        return day_start(t, ret);
    case CX_FN_TO_TIME:
        *ret = t % DAY_MS + (t % DAY_MS < 0 ? DAY_MS : 0);
        return true;
    default:
        *ret = t / unit[fn - CX_FN_TO_MILLIS];
        return true;
    }
}

bool
cx_call(enum cx_fn fn, const struct cedar_value *args, size_t n, struct cedar_ip *ip,
        struct cedar_value *ret)
{
    const struct cx_fn_info *info = &cx_fns[fn];
    bool yes = false;
    int64_t num = 0;

    if (fn == CX_FN_NONE || n != info->arity || args[0].kind != info->self ||
        (n == 2 && args[1].kind != info->arg))
        return false;
    if (fn == CX_FN_IP) {
        if (!cedar_ip_parse(cx_str(&args[0]), ip))
            return false;
        *ret = cedar_ip_value(ip);
        return true;
    }
    if (fn <= CX_FN_DURATION)
        return cedar_ext_parse((enum cedar_kind)info->returns, cx_str(&args[0]), ret);
    if (info->self == CEDAR_IP && call_ip(fn, args, &yes)) {
        *ret = cedar_bool(yes);
        return true;
    }
    if (info->self == CEDAR_DECIMAL) {
        *ret = cedar_bool(call_compare(fn, args[0].u.num, args[1].u.num));
        return true;
    }
    if (!call_time(fn, args, &num))
        return false;
    *ret = (struct cedar_value){.kind = info->returns, .u.num = num};
    return true;
}
