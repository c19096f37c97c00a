/*
 * launch.h - what the launcher does outside, before and after the child: checks, ids, cgroups.
 */
#ifndef WRIT_SANDBOX_LAUNCH_H
#define WRIT_SANDBOX_LAUNCH_H

#include "sandbox/inner.h"
#include "sandbox/sandbox.h"

/* Adds "what" to s->missing, separated by "; "; what does not fit is marked by "...". */
void writ_launch_missing(struct writ_sandbox *s, const char *what);

/* Opens and checks every bind of the spec into plan->binds (allocated; writ_launch_plan_done), in
 * an order in which each can be mounted. Refuses what would let the host in or cannot be done. */
enum writ_err writ_launch_binds(const struct writ_sandbox_spec *spec, struct writ_inner_plan *plan,
                                struct writ_diag *diag) WRIT_CHECK;
enum writ_err writ_launch_check(const struct writ_sandbox_spec *spec,
                                struct writ_diag *diag) WRIT_CHECK;
void writ_launch_plan_done(struct writ_inner_plan *plan);

/* Who the task is on the host. */
struct writ_launch_identity {
    uint32_t uid;
    uint32_t gid;
    bool own; /* the invoker's own ids */
};

/* As root: an id of its own from WRIT_SANDBOX_UID_BASE, and id-mapped mounts of the binds, by which
 * the owner of each is the task. Falls back to the invoker's own id where the kernel or a file
 * system cannot do that, and says so in s->missing. As an ordinary user: that user. */
void writ_launch_identity(struct writ_inner_plan *plan, struct writ_sandbox *s,
                          struct writ_launch_identity *ret);
/* Gives the user namespace of a new process its only id, 1000; with the same fall-back. */
enum writ_err writ_launch_map(pid_t pid, struct writ_sandbox *s,
                              struct writ_launch_identity *who) WRIT_CHECK;

/* Makes the task's cgroups as far as this account may, after removing those that dead launchers
 * left behind. Sets s->cgroup*, plan->cgroup_v1 and plan->data_limit. */
void writ_launch_cgroup(const struct writ_sandbox_spec *spec, struct writ_inner_plan *plan,
                        struct writ_sandbox *s);
bool writ_launch_cgroup_write(const struct writ_sandbox *s, const char *file, const char *value);
/* True once nothing in the cgroup runs any more, or after timeout_ms. */
void writ_launch_cgroup_frozen(const struct writ_sandbox *s, int timeout_ms);
void writ_launch_cgroup_remove(struct writ_sandbox *s);

#endif
