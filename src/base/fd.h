/*
 * fd.h - descriptors that close themselves, and reads and writes that finish.
 */
#ifndef WRIT_BASE_FD_H
#define WRIT_BASE_FD_H

#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"

#define WRIT_FD_AUTO WRIT_CLEANUP(writ_fd_close)

/* Closes *fd if it is not negative and sets it to -1; errno is kept. */
void writ_fd_close(int *fd);
/* Gives the descriptor away: returns *fd and leaves -1. */
int writ_fd_take(int *fd);

/* Up to n bytes, fewer only at the end of the file; -1 with errno. Retries EINTR. */
ssize_t writ_read_full(int fd, void *mem, size_t n) WRIT_CHECK;
enum writ_err writ_write_full(int fd, struct writ_span s) WRIT_CHECK;
/* A whole regular file of at most max bytes into *ret, which the caller owns and has initialised.
 */
enum writ_err writ_read_file(int dirfd, const char *path, size_t max,
                             struct writ_buf *ret) WRIT_CHECK;
enum writ_err writ_fd_nonblock(int fd) WRIT_CHECK;
/* An anonymous file that holds s and can no longer change. */
enum writ_err writ_memfd_sealed(const char *name, struct writ_span s, int *ret) WRIT_CHECK;

#endif
