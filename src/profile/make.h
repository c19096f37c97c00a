/*
 * make.h - building a writ from what a person wrote, be it a profile or flags.
 *
 * Each function reads one value, says what is wrong with it in a sentence for that person, and
 * changes its target only on success. They return false with the diag set. A `writ_at` says where
 * the value stands: line 0 for a flag.
 */
#ifndef WRIT_PROFILE_MAKE_H
#define WRIT_PROFILE_MAKE_H

#include "profile/doc.h"

struct writ_at {
    struct writ_diag *diag;
    unsigned line;
    unsigned col;
};

/* An expression: sets the message and is false. */
#define writ_fail(at, ...) (writ_diag_set((at).diag, (at).line, (at).col, __VA_ARGS__), false)

/* --- service.c ------------------------------------------------------------------------------- */
/* "https://api.example.com:8443/v1": scheme, host, port and base. */
bool writ_make_url(struct writ_at at, struct writ_span s, struct writ_doc_service *svc) WRIT_CHECK;
/* "127.0.0.1:8443", "[::1]:8443" or "name:8443". */
bool writ_make_connect(struct writ_at at, struct writ_span s,
                       struct writ_doc_service *svc) WRIT_CHECK;
/* One more range that may be dialled, "10.0.0.0/8". */
bool writ_make_address(struct writ_at at, struct writ_span s,
                       struct writ_doc_service *svc) WRIT_CHECK;
/* "Bearer {secret}": what stands before and after. */
bool writ_make_format(struct writ_at at, struct writ_span s,
                      struct writ_doc_service *svc) WRIT_CHECK;
bool writ_make_header(struct writ_at at, struct writ_span s,
                      struct writ_doc_service *svc) WRIT_CHECK;
void writ_make_bearer(struct writ_doc_service *svc);
/* Certificates in PEM; only they are kept, in one canonical form, and a private key is refused. */
bool writ_make_ca(struct writ_at at, struct writ_span pem, struct writ_doc_service *svc) WRIT_CHECK;
/* True if what the service dials is, as far as can be known now, this very machine. */
bool writ_service_is_local(const struct writ_doc_service *svc) WRIT_CHECK;
/* The rules between the values; `plaintext` allows a credential to travel unencrypted. */
bool writ_make_service_done(struct writ_at at, const struct writ_doc_service *svc,
                            bool plaintext) WRIT_CHECK;
/* Takes *svc over (its memory is the writ's even on failure). Refuses a second service of that
 * name, or one that could claim the same requests. */
bool writ_make_add_service(struct writ_at at, struct writ_doc *d,
                           struct writ_doc_service *svc) WRIT_CHECK;

/* --- files.c --------------------------------------------------------------------------------- */
/* What no task may be given, resolved once. "" where there is none. */
struct writ_places {
    char dir[WRIT_PATH_BYTES_MAX];          /* what relative paths begin at, resolved */
    char state[WRIT_PATH_BYTES_MAX];        /* our own state: keys, credentials, ledger */
    char home[WRIT_PATH_BYTES_MAX];         /* $HOME */
    char account_home[WRIT_PATH_BYTES_MAX]; /* of the account, should $HOME say otherwise */
};

/* dir must exist. The state folder is $WRIT_HOME, else $XDG_STATE_HOME/writ, else
 * ~/.local/state/writ, for root /var/lib/writ. */
bool writ_places_find(struct writ_at at, const char *dir, struct writ_places *ret) WRIT_CHECK;
/* A path to be seen inside, at the same place. What will be written may be missing: then it is
 * made as a folder by writ_profile_prepare, if its parent is there. */
bool writ_make_bind(struct writ_at at, struct writ_doc *d, const struct writ_places *places,
                    struct writ_span path, bool write) WRIT_CHECK;
/* Once all binds are there: does the way to bind i lead over a link that the task could have put
 * there, in an earlier run, because it may write to where the link is? */
bool writ_make_bind_settled(struct writ_at at, const struct writ_doc *d, size_t i) WRIT_CHECK;
/* A file that belongs to the profile: below dir, by a plain relative path without symbolic links.
 * *ret is initialised by the caller; ret_path (WRIT_PATH_BYTES_MAX) is where it is. */
bool writ_make_read(struct writ_at at, const char *dir, struct writ_span path, size_t max,
                    struct writ_buf *ret, char *ret_path) WRIT_CHECK;

/* The files that make a profile, which no task may write: what it could change is its own writ. */
enum { WRIT_KEPT_MAX = 2 + WRIT_POLICIES_MAX + WRIT_SERVICES_MAX };

struct writ_kept {
    char *path[WRIT_KEPT_MAX];
    size_t count;
};

bool writ_kept_add(struct writ_at at, struct writ_kept *k, const char *path) WRIT_CHECK;
/* False if whoever can write `path` could change one of the files. */
bool writ_kept_check(struct writ_at at, const struct writ_kept *k, const char *path) WRIT_CHECK;
void writ_kept_done(struct writ_kept *k);

/* Binds in the order of their paths, which is an order to mount them in. */
void writ_make_sort_binds(struct writ_doc *d);
/* The working directory: d's own if it has one, else dir if the task can see it, else its home. */
bool writ_make_cwd(struct writ_at at, struct writ_doc *d, const char *dir) WRIT_CHECK;
/* True if one of the binds shows path; *ret_write says whether the one that counts is writable. */
bool writ_doc_shows(const struct writ_doc *d, const char *path, bool *ret_write) WRIT_CHECK;

/* --- make.c ---------------------------------------------------------------------------------- */
bool writ_make_name(struct writ_at at, struct writ_span s, const char *what,
                    char ret[WRIT_NAME_MAX + 1]) WRIT_CHECK;
bool writ_make_arg(struct writ_at at, struct writ_doc *d, struct writ_span s) WRIT_CHECK;
bool writ_make_env(struct writ_at at, struct writ_doc *d, struct writ_span name,
                   struct writ_span value) WRIT_CHECK;
bool writ_make_policy(struct writ_at at, struct writ_doc *d, struct writ_span file,
                      struct writ_span text) WRIT_CHECK;

enum writ_limit {
    WRIT_LIMIT_WALL,
    WRIT_LIMIT_MEMORY,
    WRIT_LIMIT_PIDS,
    WRIT_LIMIT_DISK,
};

/* Replaces the limit; what is 0 in `ceiling` (NULL: all of it) may be anything, else not more. */
bool writ_make_limit(struct writ_at at, enum writ_limit which, struct writ_span s,
                     const struct writ_doc_limits *ceiling, struct writ_doc_limits *ret) WRIT_CHECK;

/* What errno says, for a message. */
const char *writ_make_why(int error);
/* A copy of s with a terminator, or NULL. */
char *writ_make_copy(struct writ_span s) WRIT_CHECK;
/* Room for one more item of that size behind count; false and untouched if there is no memory. */
bool writ_make_room(void **list, size_t count, size_t size) WRIT_CHECK;

#endif
