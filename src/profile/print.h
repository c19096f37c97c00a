/*
 * print.h - a writ as one profile.yaml that stands for itself: policy and CA are written into it.
 *
 * Loading what was printed gives the same writ again (but for the task's id, times and invoker),
 * from any folder. WRIT_E_FORMAT if a path, argument or value is not UTF-8: YAML cannot hold it.
 */
#ifndef WRIT_PROFILE_PRINT_H
#define WRIT_PROFILE_PRINT_H

#include "profile/doc.h"

enum writ_err writ_profile_print(const struct writ_doc *d, struct writ_buf *ret) WRIT_CHECK;

#endif
