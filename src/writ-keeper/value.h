/*
 * value.h - what may be stored: a value that a request can carry exactly as it is.
 *
 * Anything else is refused when it is added, not when it is first used: a newline from a file
 * would end a header line, and a blank at an end is cut off by every HTTP parser.
 */
#ifndef WRIT_KEEPER_VALUE_H
#define WRIT_KEEPER_VALUE_H

#include "base/err.h"
#include "base/span.h"

/* The message names the place of the first bad byte, counted from 1, never the value. */
enum writ_err writ_value_check(struct writ_span value, struct writ_diag *diag) WRIT_CHECK;

#endif
