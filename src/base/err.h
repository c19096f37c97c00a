/*
 * err.h - the closed list of ways in which a function can fail, and the message for a person.
 *
 * Library code returns one of these and never logs. A function that reads what a person wrote (a
 * profile, a policy, a flag) fills a writ_diag as well, so that the message can name the place.
 */
#ifndef WRIT_BASE_ERR_H
#define WRIT_BASE_ERR_H

#include "base/attr.h"

enum writ_err {
    WRIT_OK = 0,
    WRIT_E_AGAIN,  /* not now; nothing was consumed */
    WRIT_E_CLOSED, /* the peer has gone */
    WRIT_E_FORMAT, /* bytes that do not follow their grammar */
    WRIT_E_LIMIT,  /* a maximum of limits.h was passed */
    WRIT_E_STATE,  /* well-formed, but not allowed at this point */
    WRIT_E_DENIED, /* policy, ownership or mode says no */
    WRIT_E_NOMEM,
    WRIT_E_SYS, /* a system call failed; errno says how */
};

/* A short lower-case name, for logs and the ledger; never NULL. */
const char *writ_err_name(enum writ_err e);
/* What errno means, for a person; static text, never NULL. */
const char *writ_errno_text(int error);

/* Lines and columns count from 1; 0 means that the message is about no particular place. */
struct writ_diag {
    char file[256];
    unsigned line;
    unsigned col;
    char text[512]; /* one sentence without a final stop; control characters are escaped */
};

/* Fills *d unless it already holds a message: the first cause is the one a person needs. */
void writ_diag_set(struct writ_diag *d, unsigned line, unsigned col, const char *fmt, ...)
    WRIT_PRINTF(4, 5);
/* Prints "writ: file:line:col: text" and a newline to stderr, leaving out what is not known. */
void writ_diag_print(const struct writ_diag *d);

#endif
