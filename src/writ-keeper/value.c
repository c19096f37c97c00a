#include "writ-keeper/value.h"

#include <stdio.h>

#include "base/limits.h"

static const char *
byte_name(uint8_t c, char *mem, size_t cap)
{
    if (c == '\n')
        return "a line feed";
    if (c == '\r')
        return "a carriage return";
    if (c == '\0')
        return "a NUL";
    if (c == '\t')
        return "a tab";
    (void)snprintf(mem, cap, "the control character 0x%02x", c);
    return mem;
}

/* The place of the first byte that no header line can carry; value.len if there is none. */
static size_t
first_control(struct writ_span value)
{
    size_t i = 0;

    while (i < value.len && value.ptr[i] >= 0x20 && value.ptr[i] != 0x7f)
        i++;
    return i;
}

/* Nothing but line ends from `at` on. */
static bool
only_line_ends(struct writ_span value, size_t at)
{
    while (at < value.len && (value.ptr[at] == '\n' || value.ptr[at] == '\r'))
        at++;
    return at == value.len;
}

enum writ_err
writ_value_check(struct writ_span value, struct writ_diag *diag)
{
    char name[40];
    size_t at;

    if (value.len == 0) {
        writ_diag_set(diag, 0, 0, "the value is empty");
        return WRIT_E_FORMAT;
    }
    if (value.len > WRIT_CREDENTIAL_BYTES_MAX) {
        writ_diag_set(diag, 0, 0, "the value is longer than %d bytes", WRIT_CREDENTIAL_BYTES_MAX);
        return WRIT_E_LIMIT;
    }
    at = first_control(value);
    if (at < value.len && only_line_ends(value, at)) {
        writ_diag_set(diag, 0, 0,
                      "the value ends with a newline (byte %zu), as a file does; add --trim to "
                      "store it without",
                      at + 1);
        return WRIT_E_FORMAT;
    }
    if (at < value.len) {
        writ_diag_set(diag, 0, 0, "byte %zu of the value is %s, which no request can carry", at + 1,
                      byte_name(value.ptr[at], name, sizeof(name)));
        return WRIT_E_FORMAT;
    }
    if (value.ptr[0] == ' ' || value.ptr[value.len - 1] == ' ') {
        writ_diag_set(diag, 0, 0, "the value %s with a blank (byte %zu), which HTTP would cut off",
                      value.ptr[0] == ' ' ? "begins" : "ends",
                      value.ptr[0] == ' ' ? (size_t)1 : value.len);
        return WRIT_E_FORMAT;
    }
    return WRIT_OK;
}
