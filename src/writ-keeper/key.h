/*
 * key.h - the master key as 32 bytes in a file: the keeper's own, or the service manager's.
 *
 * A key that others could have read, or could have put there, is refused: it protects nothing.
 * Messages are for a person and name what to do.
 */
#ifndef WRIT_KEEPER_KEY_H
#define WRIT_KEEPER_KEY_H

#include "base/err.h"
#include "base/secret.h"

enum writ_key_place {
    WRIT_KEY_OWN,     /* mode 0600, ours */
    WRIT_KEY_MANAGER, /* from systemd: owned by us or by root, closed to others */
};

/* WRIT_E_STATE: there is no such file. */
enum writ_err writ_key_read(int dirfd, const char *name, enum writ_key_place place,
                            struct writ_secret **ret, struct writ_diag *diag) WRIT_CHECK;
/* Makes the file with a random key; it appears whole or not at all and never replaces one. */
enum writ_err writ_key_create(int dirfd, const char *name, struct writ_secret **ret,
                              struct writ_diag *diag) WRIT_CHECK;

#endif
