/*
 * keeper.h - the process: one store, one launcher, one pair of channels for each task.
 *
 * Everything happens between two waits of the loop; nothing blocks but the disk and the launcher's
 * channel. A gateway or a ledger that breaks the rules loses its channel, and with it its task its
 * credentials; the keeper and all other tasks live on. When the launcher has gone, so is the
 * keeper.
 */
#ifndef WRIT_KEEPER_KEEPER_H
#define WRIT_KEEPER_KEEPER_H

#include "base/id.h"
#include "ipc/chan.h"
#include "loop/loop.h"
#include "writ-keeper/safe.h"

struct writ_keeper_task;

struct writ_keeper {
    struct writ_loop loop;
    struct writ_chan launcher;
    struct writ_io launcher_io;
    struct writ_safe *store;
    struct writ_keeper_task *tasks; /* a list */
    size_t task_count;
};

/* The store is open and unlocked and the launcher knows: serves until the launcher goes. */
enum writ_err writ_keeper_serve(struct writ_keeper *k) WRIT_CHECK;

/* --- task.c ---------------------------------------------------------------------------------- */

/* Registers the task of a KEEPER_TASK message, whose descriptors it takes. On failure *diag says
 * why the task may not start. */
enum writ_err writ_keeper_task_new(struct writ_keeper *k, struct writ_msg_in *m,
                                   struct writ_id *ret_id, struct writ_diag *diag) WRIT_CHECK;
/* Closes its channels, wipes what it waits for. A task that is not known is none. */
void writ_keeper_task_end(struct writ_keeper *k, const struct writ_id *id);
void writ_keeper_tasks_end(struct writ_keeper *k);
/* Gives up on answers that are overdue and writes down what was used. True: call again. */
bool writ_keeper_tasks_tick(struct writ_keeper *k);

#endif
