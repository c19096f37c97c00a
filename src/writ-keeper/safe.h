/*
 * safe.h - the sealed store: named credentials, each sealed on its own, in one file.
 *
 * The file holds, sealed with the master key, three keys of the store: one that seals values, one
 * for fingerprints, one for the manifest. The manifest is a keyed digest over all rows, so that a
 * row that was put back, removed or exchanged by another program is noticed; the whole file set
 * back to an older state is not. Each value is sealed together with its name, label, version and
 * store, so that rows cannot be swapped.
 *
 * Several keepers may have the store open; each operation is one transaction. Every function that
 * fails has changed nothing and says in *diag what to do. Times are microseconds since 1970.
 */
#ifndef WRIT_KEEPER_SAFE_H
#define WRIT_KEEPER_SAFE_H

#include "base/err.h"
#include "base/limits.h"
#include "base/secret.h"

enum { WRIT_FINGERPRINT_BYTES = 16 };

struct writ_safe;

struct writ_safe_item {
    char name[WRIT_NAME_MAX + 1];
    char env[WRIT_NAME_MAX + 1]; /* "": no label */
    uint32_t version;            /* 1 when added; each rotation adds one */
    int64_t added_us;            /* when this version was stored */
    int64_t used_us;             /* last released; 0: never. Not covered by the manifest */
    uint8_t fingerprint[WRIT_FINGERPRINT_BYTES]; /* keyed: says nothing to who lacks the key */
};

#define WRIT_SAFE_AUTO WRIT_CLEANUP(writ_safe_closep)

/*
 * Opens the store in the directory dirfd (borrowed; also the process's working directory, because
 * SQLite knows only paths), or makes it, and its key, if there is none. manager_key is the key that
 * the service manager gave, or NULL; taken over. A store that a passphrase seals opens locked.
 */
enum writ_err writ_safe_open(int dirfd, struct writ_secret **manager_key, struct writ_safe **ret,
                             struct writ_diag *diag) WRIT_CHECK;
void writ_safe_closep(struct writ_safe **s);

bool writ_safe_locked(const struct writ_safe *s);
/* WRIT_E_DENIED: the passphrase is wrong, the store is still locked. */
enum writ_err writ_safe_unlock(struct writ_safe *s, struct writ_span passphrase,
                               struct writ_diag *diag) WRIT_CHECK;
/* From now on this passphrase opens the store; an empty one: a key file does. */
enum writ_err writ_safe_set_passphrase(struct writ_safe *s, struct writ_span passphrase,
                                       struct writ_diag *diag) WRIT_CHECK;

/* WRIT_E_STATE: the name is taken (add) or unknown (the others). */
enum writ_err writ_safe_add(struct writ_safe *s, const char *name, const char *env,
                            struct writ_span value, struct writ_safe_item *ret,
                            struct writ_diag *diag) WRIT_CHECK;
enum writ_err writ_safe_rotate(struct writ_safe *s, const char *name, struct writ_span value,
                               struct writ_safe_item *ret, struct writ_diag *diag) WRIT_CHECK;
enum writ_err writ_safe_remove(struct writ_safe *s, const char *name,
                               struct writ_diag *diag) WRIT_CHECK;
/* By name; the caller frees *ret, which is NULL for none. */
enum writ_err writ_safe_list(struct writ_safe *s, struct writ_safe_item **ret, size_t *ret_count,
                             struct writ_diag *diag) WRIT_CHECK;
enum writ_err writ_safe_find(struct writ_safe *s, const char *name, struct writ_safe_item *ret,
                             struct writ_diag *diag) WRIT_CHECK;
/* Unseals the value as well. */
enum writ_err writ_safe_get(struct writ_safe *s, const char *name, struct writ_safe_item *ret_item,
                            struct writ_secret **ret, struct writ_diag *diag) WRIT_CHECK;
/* Notes when it was last released; a name that has gone is no error. */
enum writ_err writ_safe_used(struct writ_safe *s, const char *name, int64_t used_us,
                             struct writ_diag *diag) WRIT_CHECK;

#endif
