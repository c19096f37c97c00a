/*
 * keeper_client.h - a keeper of our own: started, unlocked, ready; ended when the channel closes.
 *
 * The keeper sees nothing of our environment and no descriptor but its channel. The client owns the
 * channel and the child.
 */
#ifndef WRIT_WRIT_KEEPER_CLIENT_H
#define WRIT_WRIT_KEEPER_CLIENT_H

#include <sys/types.h>

#include "ipc/chan.h"

struct writ_keeper_client {
    struct writ_chan chan; /* our end, role LAUNCHER; in phase RUN once started */
    pid_t pid;             /* 0: none */
};

/*
 * Starts writ-keeper on the state folder and waits until it is ready. A passphrase, where the store
 * has one, is asked for on the terminal. On failure *diag says what to do and nothing runs.
 */
enum writ_err writ_keeper_client_start(const char *state, struct writ_keeper_client *ret,
                                       struct writ_diag *diag) WRIT_CHECK;
/* The two halves of it, for who has other things to start meanwhile. */
enum writ_err writ_keeper_client_spawn(const char *state, struct writ_keeper_client *ret,
                                       struct writ_diag *diag) WRIT_CHECK;
enum writ_err writ_keeper_client_ready(struct writ_keeper_client *c,
                                       struct writ_diag *diag) WRIT_CHECK;
/* Closes the channel and waits for the keeper to have written what it had to write. */
void writ_keeper_client_end(struct writ_keeper_client *c);

#endif
