/*
 * programs.h - where our other programs and our files are.
 */
#ifndef WRIT_WRIT_PROGRAMS_H
#define WRIT_WRIT_PROGRAMS_H

#include <stddef.h>

#include "base/err.h"

/*
 * The path of one of our own programs: in $WRIT_LIBEXEC if that is set, else beside this program as
 * it was installed (../libexec/writ) or built. Only absolute paths are given back.
 */
enum writ_err writ_program_path(const char *name, char *ret, size_t cap,
                                struct writ_diag *diag) WRIT_CHECK;
/*
 * The state folder: $WRIT_HOME, else $XDG_STATE_HOME/writ, else ~/.local/state/writ, and for root
 * /var/lib/writ. Made (mode 0700) if it is not there; refused if others could have changed it.
 */
enum writ_err writ_state_dir(char *ret, size_t cap, struct writ_diag *diag) WRIT_CHECK;

#endif
