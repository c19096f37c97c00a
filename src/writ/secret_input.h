/*
 * secret_input.h - a secret from a person or a pipe, read straight into secret memory.
 *
 * No stdio, no echo, no copy. A value is at most cap bytes; a longer one is WRIT_E_LIMIT.
 */
#ifndef WRIT_WRIT_SECRET_INPUT_H
#define WRIT_WRIT_SECRET_INPUT_H

#include "base/secret.h"

/* One line from the terminal, without its newline. WRIT_E_SYS if there is none. */
enum writ_err writ_secret_prompt(const char *prompt, size_t cap, struct writ_secret **ret,
                                 struct writ_diag *diag) WRIT_CHECK;
/* Asks twice; WRIT_E_FORMAT if the two differ. */
enum writ_err writ_secret_prompt_twice(const char *prompt, const char *again, size_t cap,
                                       struct writ_secret **ret, struct writ_diag *diag) WRIT_CHECK;
/* All of fd up to its end. An empty input is WRIT_E_FORMAT. */
enum writ_err writ_secret_read(int fd, size_t cap, struct writ_secret **ret,
                               struct writ_diag *diag) WRIT_CHECK;

#endif
