/*
 * profile.h - from a profile folder to a writ.
 *
 * docs/profile.md is the reference of profile.yaml. Everything is read and checked before anything
 * is made: on failure nothing was written, *ret is empty, and the diag names file, line and column.
 * What a task will be does not depend on the folder afterwards: policy and CA files are in the
 * writ. The task's id, its times and the invoker are not the profile's; writ_profile_stamp sets
 * them when the task starts.
 */
#ifndef WRIT_PROFILE_PROFILE_H
#define WRIT_PROFILE_PROFILE_H

#include "profile/doc.h"

#define WRIT_PROFILE_HOME "/home/task" /* the task's own home, inside */

/* WRIT_E_FORMAT for whatever a person has to correct. *ret is initialised here and to be freed with
 * writ_doc_done after success. argc may be 0: a profile need not name a command. */
enum writ_err writ_profile_load(const char *dir, struct writ_doc *ret,
                                struct writ_diag *diag) WRIT_CHECK;
/* The same for an environment label that was asked for: it must be the profile's, if that has one;
 * "" asks for none. */
enum writ_err writ_profile_load_env(const char *dir, const char *env, struct writ_doc *ret,
                                    struct writ_diag *diag) WRIT_CHECK;
/* The text of a profile.yaml that would stand in dir. `path` is its name in messages. */
enum writ_err writ_profile_parse(struct writ_span text, const char *dir, const char *path,
                                 const char *env, struct writ_doc *ret,
                                 struct writ_diag *diag) WRIT_CHECK;

/* Makes the folders that the task will write to and that are missing: one level, mode 0755. */
enum writ_err writ_profile_prepare(const struct writ_doc *d, struct writ_diag *diag) WRIT_CHECK;
/* A new task id, now as the start, and the deadline that the wall limit gives. */
void writ_profile_stamp(struct writ_doc *d);
/* Who asks: this process's user, the login it comes from, its parent program and its terminal. */
enum writ_err writ_profile_discover_invoker(struct writ_doc_invoker *ret) WRIT_CHECK;

#endif
