/*
 * scope.h - what the keeper takes from a writ: which services may get which credential, and until
 * when. It keeps nothing else of it.
 *
 * A credential is released only where three labels agree: the writ's, the service's and its own.
 * That is checked when the task is registered and again at each release, because the store may have
 * changed in between.
 */
#ifndef WRIT_KEEPER_SCOPE_H
#define WRIT_KEEPER_SCOPE_H

#include "base/id.h"
#include "writ-keeper/safe.h"

struct writ_scope_service {
    char name[WRIT_NAME_MAX + 1];
    char env[WRIT_NAME_MAX + 1];
    char credential[WRIT_NAME_MAX + 1]; /* "": none */
    int64_t used_us;                    /* last released and not yet written to the store; else 0 */
};

struct writ_scope {
    struct writ_id task;
    char env[WRIT_NAME_MAX + 1];
    int64_t deadline_us;       /* wall clock; 0: none */
    uint64_t deadline_mono_us; /* the same moment, safe from a clock that is set back */
    struct writ_scope_service *services;
    size_t service_count;
};

void writ_scope_done(struct writ_scope *s);
/* memfd: the encoded writ, which nobody can change any more; borrowed. */
enum writ_err writ_scope_read(int memfd, struct writ_scope *ret, struct writ_diag *diag) WRIT_CHECK;
/* NULL if the writ names no such service. */
struct writ_scope_service *writ_scope_find(struct writ_scope *s, const char *service);
bool writ_scope_over(const struct writ_scope *s) WRIT_CHECK;
/* Does this credential fit this service? WRIT_E_DENIED and *diag if not. */
enum writ_err writ_scope_fits(const struct writ_scope *s, const struct writ_scope_service *service,
                              const struct writ_safe_item *item, struct writ_diag *diag) WRIT_CHECK;

#endif
