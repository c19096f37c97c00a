/*
 * launch.h - one task from its writ to its sealed log: starts the processes, wires them together,
 * watches, and ends everything in one order whatever happened.
 */
#ifndef WRIT_WRIT_LAUNCH_H
#define WRIT_WRIT_LAUNCH_H

#include "profile/doc.h"

enum {
    LAUNCH_EXIT_OWN = 125,  /* our own failure */
    LAUNCH_EXIT_TIME = 124, /* the task's time was over, as timeout(1) says it */
};

/* Runs the task and returns the exit code for our caller; messages go to stderr. */
int launch_run(const struct writ_doc *doc, const char *state);

#endif
