/*
 * trial_parts.h - what the two halves of the trials share: trial.c (namespaces, root, network, the
 * list) and trial_process.c (what a process does to itself, and control groups).
 */
#ifndef WRIT_SANDBOX_TRIAL_PARTS_H
#define WRIT_SANDBOX_TRIAL_PARTS_H

#include <sched.h>

#include "sandbox/trial.h"

enum {
    WRIT_TRIAL_MS = 3000,
    WRIT_TRIAL_SPACES = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC |
                        CLONE_NEWUTS | CLONE_NEWCGROUP,
};

void writ_trial_saw(struct writ_trial *t, enum writ_have have, const char *fmt, ...)
    WRIT_PRINTF(3, 4);
/* Runs fn in a child with these namespaces (and, with CLONE_NEWUSER, as 1000 in them) and brings
 * its verdict back. What the child starts ends with it if it has a pid namespace; else fn sees to
 * it. */
void writ_trial_in_child(struct writ_trial *t, uint64_t spaces,
                         void (*fn)(struct writ_trial *t, int parent));

void writ_trial_caps(struct writ_trial *t);
void writ_trial_seccomp(struct writ_trial *t);
void writ_trial_notify(struct writ_trial *t);
void writ_trial_landlock(struct writ_trial *t);
void writ_trial_secret(struct writ_trial *t);
void writ_trial_pids(struct writ_trial *t);
void writ_trial_death(struct writ_trial *t);
void writ_trial_cgroup(struct writ_trial *t);
void writ_trial_memory(struct writ_trial *t);

#endif
