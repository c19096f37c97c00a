/*
 * trial.h - every wall of a task, really put up and pushed against on this kernel, by this account.
 *
 * A trial runs in a process of its own that is gone afterwards and leaves nothing behind. It says
 * what it saw, never what a version number promises. Where the wall can be shown to hold, the trial
 * also does the same thing without it: a refusal that is always there proves nothing.
 */
#ifndef WRIT_SANDBOX_TRIAL_H
#define WRIT_SANDBOX_TRIAL_H

#include "base/err.h"
#include "base/span.h"

enum writ_have {
    WRIT_HAVE_NO = 0,
    WRIT_HAVE_PARTLY,
    WRIT_HAVE_YES,
};

struct writ_trial {
    const char *wall; /* a few words */
    const char *lost; /* what is lost without it */
    bool needed;      /* without it there is no task */
    enum writ_have have;
    char saw[160]; /* how it was tried and what came of it */
};

enum { WRIT_TRIALS_MAX = 24 };

/* Runs them all, in the order in which a task meets them. Returns how many. */
size_t writ_trial_all(struct writ_trial ret[WRIT_TRIALS_MAX]);

#endif
