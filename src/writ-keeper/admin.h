/*
 * admin.h - what `writ credential` asks of the keeper.
 */
#ifndef WRIT_KEEPER_ADMIN_H
#define WRIT_KEEPER_ADMIN_H

#include "ipc/chan.h"
#include "writ-keeper/safe.h"

/* The body of KEEPER_ADMIN; the secret is borrowed from it. */
struct writ_admin {
    enum writ_keeper_verb verb;
    char name[WRIT_NAME_MAX + 1];
    char env[WRIT_NAME_MAX + 1];
    struct writ_span secret;
};

/* WRIT_E_FORMAT for anything that `writ credential` could not have sent: a field that its verb
 * does not take is an error as well. */
enum writ_err writ_admin_decode(struct writ_span body, struct writ_admin *ret) WRIT_CHECK;
/* Does it and answers: KEEPER_ITEMs where there is something to show, then KEEPER_DONE. An error is
 * returned only if the launcher can no longer be answered. */
enum writ_err writ_admin_do(struct writ_safe *store, struct writ_chan *launcher,
                            const struct writ_admin *a) WRIT_CHECK;

#endif
