/*
 * store.h - the ledger's folder and its main log, which many launchers share.
 *
 *     $STATE/ledger/main.jsonl        anchors of all tasks, chained as well
 *     $STATE/ledger/tasks/<id>.jsonl  one log for each task
 *     $STATE/ledger/open/<id>         an empty file while the task's log is not sealed
 *
 * The main log is appended under flock; whoever appends cuts a torn tail off first and records the
 * cut. Only the end of the file is read for it.
 */
#ifndef WRIT_LEDGER_STORE_H
#define WRIT_LEDGER_STORE_H

#include "base/err.h"
#include "ledger/log.h"

struct writ_store {
    int dir;
    int tasks;
    int open; /* -1 when opened for reading */
    int main; /* -1 when opened for reading and there is none yet */
};

#define WRIT_STORE_AUTO WRIT_CLEANUP(writ_store_done)

/* Makes what is missing, 0700 and 0600. DENIED if the folder is not ours alone. */
enum writ_err writ_store_make(const char *state, struct writ_store *ret,
                              struct writ_diag *diag) WRIT_CHECK;
/* For reading. STATE if there is no ledger yet; *diag is not filled then. */
enum writ_err writ_store_read(const char *state, struct writ_store *ret,
                              struct writ_diag *diag) WRIT_CHECK;
void writ_store_done(struct writ_store *s);

/* Appends the ledger's own record about a task. AGAIN: the lock could not be had in wait_ms. */
enum writ_err writ_store_anchor(struct writ_store *s, const char *task, struct writ_span record,
                                int wait_ms) WRIT_CHECK;
/* flock(2) with LOCK_SH or LOCK_EX, waiting at most so long. */
enum writ_err writ_store_lock(int fd, int how, int wait_ms) WRIT_CHECK;
enum writ_err writ_store_sync(struct writ_store *s) WRIT_CHECK;
/* The mark that a task's log is not sealed. */
enum writ_err writ_store_mark(struct writ_store *s, const char *task) WRIT_CHECK;
void writ_store_unmark(struct writ_store *s, const char *task);
/* A task that never began (its first record is not in the main log) leaves no log of its own. */
void writ_store_forget(struct writ_store *s, const char *task);

/*
 * Seals l: the last record, everything to the disk, the anchor in the main log. reason is NULL
 * after an orderly end; else a process.died of `process` is recorded first. After a failure it may
 * be called again: what was done is not done twice.
 */
enum writ_err writ_store_seal(struct writ_store *s, struct writ_log *l, const char *process,
                              const char *reason) WRIT_CHECK;
/* Seals the logs, at most max, whose ledger died. Returns how many it sealed. */
unsigned writ_store_recover(struct writ_store *s, unsigned max);

#endif
