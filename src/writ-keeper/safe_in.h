/*
 * safe_in.h - what safe.c (opening, keys) and rows.c (credentials) share; for no one else.
 */
#ifndef WRIT_KEEPER_SAFE_IN_H
#define WRIT_KEEPER_SAFE_IN_H

#include "writ-keeper/db.h"
#include "writ-keeper/keys.h"
#include "writ-keeper/safe.h"

struct writ_safe {
    sqlite3 *db;
    int dirfd; /* borrowed */
    struct writ_keys_head head;
    struct writ_secret *keys; /* NULL while locked */
};

/* Whatever was not committed when the scope is left is undone. */
#define WRIT_TX_AUTO WRIT_CLEANUP(writ_tx_end)

/* Begins, and checks that the rows are the ones we wrote; says how many there are. */
enum writ_err writ_tx_begin(struct writ_safe *s, bool write, size_t *ret_count,
                            struct writ_diag *diag) WRIT_CHECK;
/* After rows were changed: writes the manifest anew and commits. */
enum writ_err writ_tx_commit_rows(struct writ_safe *s, struct writ_diag *diag) WRIT_CHECK;
void writ_tx_end(struct writ_safe **s);

#endif
