/*
 * landlock.h - the second wall around the file system: should a descriptor or a mount from outside
 * turn up inside after all, nothing can be reached through it.
 *
 * The rules say the same as the mounts: everything below the task's root may be read and executed,
 * what is mounted writable may be written. With ABI 6 signals and abstract sockets end at the task
 * as well. TCP bind and connect are not restricted here: the network namespace is that wall, and a
 * task may serve and call itself on any port.
 */
#ifndef WRIT_SANDBOX_LANDLOCK_H
#define WRIT_SANDBOX_LANDLOCK_H

#include "base/err.h"

/* The kernel's Landlock ABI, 0 for none. */
int writ_landlock_abi(void);
/* An empty ruleset for everything that abi can refuse. Close-on-exec. */
enum writ_err writ_landlock_new(int abi, int *ret) WRIT_CHECK;
/* What may be done at and below path; a path that does not exist is passed over. */
enum writ_err writ_landlock_read(int ruleset, const char *path) WRIT_CHECK;
enum writ_err writ_landlock_write(int ruleset, int abi, const char *path) WRIT_CHECK;
/* For a device: it may be opened for writing and asked by ioctl. */
enum writ_err writ_landlock_device(int ruleset, int abi, const char *path) WRIT_CHECK;
/* For good, for the calling thread and its children; it must have no_new_privs. */
enum writ_err writ_landlock_restrict(int ruleset) WRIT_CHECK;

#endif
