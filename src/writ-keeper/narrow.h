/*
 * narrow.h - what the keeper gives up before it reads a single byte from anyone.
 *
 * Afterwards the process reaches one folder and the channels it is given, and nothing else: no
 * other path (Landlock), no socket of its own, no program, no child, no memory that can be executed
 * (seccomp). A system call that only an attacker would want ends the process; one that we do not
 * know answers ENOSYS, as an older kernel would.
 */
#ifndef WRIT_KEEPER_NARROW_H
#define WRIT_KEEPER_NARROW_H

#include "base/err.h"

/* dirfd: the keeper's folder. A wall that this kernel lacks is an error: *diag names it. */
enum writ_err writ_keeper_narrow(int dirfd, struct writ_diag *diag) WRIT_CHECK;

#endif
