/*
 * http1_chars.h - byte classes of RFC 9110 and RFC 3986 as tables; a test derives them again.
 */
#ifndef WRIT_PROTO_HTTP1_CHARS_H
#define WRIT_PROTO_HTTP1_CHARS_H

#include <stdint.h>

enum {
    WRIT_HTTP1_C_TARGET = 1,     /* printable ASCII but '#' */
    WRIT_HTTP1_C_UNRESERVED = 2, /* RFC 3986 2.3 */
    WRIT_HTTP1_C_PCHAR = 4,      /* RFC 3986 3.3, without '%' */
    WRIT_HTTP1_C_VALUE = 8,      /* RFC 9110 5.5: HTAB, printable ASCII, 0x80..0xff */
    WRIT_HTTP1_C_NAME = 16,      /* letters, digits, '-' */
};

/* 0: no token character (RFC 9110 5.6.2). Letters in lower case, digits as they are, every other
 * token character as '-', because CGI and its heirs make one character of all of them. */
extern const uint8_t writ_http1_fold[256];
extern const uint8_t writ_http1_chars[256];
/* The value of a hexadecimal digit, else 255. */
extern const uint8_t writ_http1_hex[256];

#endif
