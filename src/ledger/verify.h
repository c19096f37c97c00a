/*
 * verify.h - does the record still say what was recorded?
 *
 * Reads the main log, then every task's log, and reports the first bad record of each file: edits,
 * deletions, insertions and reorderings break the chain; a cut tail contradicts the anchors of the
 * main log; so do a missing file and one that was put there. What is not found: a main log and task
 * logs that were cut back together to the same moment, or rewritten from the beginning.
 */
#ifndef WRIT_LEDGER_VERIFY_H
#define WRIT_LEDGER_VERIFY_H

#include "ledger/store.h"

enum writ_verdict {
    WRIT_VERDICT_OK = 1,  /* intact; a task's log is sealed */
    WRIT_VERDICT_RUNNING, /* intact so far; somebody writes it */
    WRIT_VERDICT_BAD,
};

struct writ_verify_result {
    char file[WRIT_LOG_NAME + sizeof("tasks/")]; /* below the ledger's folder */
    char task[WRIT_TASK_ID_BYTES + 1];           /* "" for the main log */
    enum writ_verdict verdict;
    uint64_t records;
    uint64_t torn;  /* how many times a torn tail was cut and recorded */
    uint64_t line;  /* of the first bad record; 0: the file as a whole */
    char text[256]; /* what was expected */
};

typedef void writ_verify_fn(void *arg, const struct writ_verify_result *r);

/*
 * Calls fn for the main log and for each task's log, or for one task only (only is an id; NULL for
 * all). STATE if that task is not known. SYS, NOMEM: nothing can be said.
 */
enum writ_err writ_verify(const struct writ_store *s, const char *only, writ_verify_fn *fn,
                          void *arg) WRIT_CHECK;

/* True if somebody holds the log's lock, i.e. writes it. */
bool writ_log_is_written(int fd) WRIT_CHECK;

#endif
