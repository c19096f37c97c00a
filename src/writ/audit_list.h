/*
 * audit_list.h - the tasks that the ledger knows by their logs.
 */
#ifndef WRIT_WRIT_AUDIT_LIST_H
#define WRIT_WRIT_AUDIT_LIST_H

#include "ledger/store.h"

enum { AUDIT_NAMES_BYTES_MAX = 1 << 28 };

struct audit_name {
    char task[WRIT_TASK_ID_BYTES + 1];
};

/* Newest first; *ret points into names, which the caller has initialised and owns. */
bool audit_names(const struct writ_store *s, struct writ_buf *names, struct audit_name **ret,
                 size_t *ret_count) WRIT_CHECK;
/* `writ audit list`; returns the exit code. */
int audit_list(const struct writ_store *s, bool json, const char *state);

#endif
