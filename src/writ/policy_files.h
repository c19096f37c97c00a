/*
 * policy_files.h - the policies of a folder, as `writ policy` works with them.
 */
#ifndef WRIT_WRIT_POLICY_FILES_H
#define WRIT_WRIT_POLICY_FILES_H

#include "base/buf.h"
#include "cedar/cedar.h"

enum { POLICY_FILES_MAX = 64, POLICY_PATH_MAX = 512, POLICY_LABEL_MAX = 192 };

/* Files in the order of their names; `src` points into the rest. */
struct policy_files {
    char path[POLICY_FILES_MAX][POLICY_PATH_MAX];
    struct writ_buf text[POLICY_FILES_MAX];
    struct cedar_source src[POLICY_FILES_MAX];
    size_t n;
};

#define POLICY_FILES_AUTO WRIT_CLEANUP(policy_files_freep)

/* The files whose name ends so in the folder, or the file itself; says on stderr what is wrong. */
bool policy_files_read(const char *path, const char *suffix, struct policy_files **ret) WRIT_CHECK;
void policy_files_freep(struct policy_files **f);
/* Parses all of them; says on stderr what is wrong. */
bool policy_files_load(const struct policy_files *f, struct cedar_policies **ret,
                       struct cedar_error *err) WRIT_CHECK;
/* writ's own schema. */
struct cedar_schema *policy_schema(void);
struct cedar_span policy_schema_text(void);
/* What the ledger calls policy i: its @id, else "file:line". */
const char *policy_label(const struct cedar_policies *ps, size_t i, char ret[POLICY_LABEL_MAX]);

#endif
