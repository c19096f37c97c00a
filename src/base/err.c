#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *
writ_err_name(enum writ_err e)
{
    static const char *const names[] = {
        [WRIT_OK] = "ok",           [WRIT_E_AGAIN] = "again", [WRIT_E_CLOSED] = "closed",
        [WRIT_E_FORMAT] = "format", [WRIT_E_LIMIT] = "limit", [WRIT_E_STATE] = "state",
        [WRIT_E_DENIED] = "denied", [WRIT_E_NOMEM] = "nomem", [WRIT_E_SYS] = "sys",
    };

    return (size_t)e < WRIT_COUNT(names) ? names[e] : "unknown";
}

const char *
writ_errno_text(int error)
{
    const char *text = strerrordesc_np(error); /* unlike strerror it shares no buffer */

    return text != NULL ? text : "an error without a name";
}

void
writ_diag_set(struct writ_diag *d, unsigned line, unsigned col, const char *fmt, ...)
{
    va_list ap;

    if (d == NULL || d->text[0] != '\0')
        return;
    d->line = line;
    d->col = col;
    va_start(ap, fmt);
    (void)vsnprintf(d->text, sizeof(d->text), fmt, ap);
    va_end(ap);
    for (char *p = d->text; *p != '\0'; p++) {
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            *p = '?';
    }
}

void
writ_diag_print(const struct writ_diag *d)
{
    if (d->file[0] == '\0') {
        (void)fprintf(stderr, "writ: %s\n", d->text);
    } else if (d->line == 0) {
        (void)fprintf(stderr, "writ: %s: %s\n", d->file, d->text);
    } else {
        (void)fprintf(stderr, "writ: %s:%u:%u: %s\n", d->file, d->line, d->col, d->text);
    }
}
