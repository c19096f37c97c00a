#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

void
writ_fd_close(int *fd)
{
    int saved = errno;

    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
    errno = saved;
}

int
writ_fd_take(int *fd)
{
    int taken = *fd;

    *fd = -1;
    return taken;
}

ssize_t
writ_read_full(int fd, void *mem, size_t n)
{
    uint8_t *at = mem;
    size_t got = 0;

    while (got < n) {
        ssize_t r = read(fd, at + got, n - got);

        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0)
            return -1;
        if (r == 0)
            break;
        got += (size_t)r;
    }
    return (ssize_t)got;
}

enum writ_err
writ_write_full(int fd, struct writ_span s)
{
    while (s.len != 0) {
        ssize_t w = write(fd, s.ptr, s.len);

        if (w < 0 && errno == EINTR)
            continue;
        if (w < 0)
            return WRIT_E_SYS;
        s = writ_span_from(s, (size_t)w);
    }
    return WRIT_OK;
}

enum writ_err
writ_read_file(int dirfd, const char *path, size_t max, struct writ_buf *ret)
{
    WRIT_FD_AUTO int fd = -1;
    struct stat st;

    /* O_NONBLOCK: a FIFO planted under this name must not hang us. */
    fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 || fstat(fd, &st) < 0)
        return WRIT_E_SYS;
    if (!S_ISREG(st.st_mode)) {
        errno = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
        return WRIT_E_SYS;
    }
    for (;;) {
        uint8_t *at;
        ssize_t n;
        enum writ_err e = writ_buf_reserve(ret, 4096, &at);

        if (e != WRIT_OK)
            return e;
        n = writ_read_full(fd, at, 4096);
        if (n < 0)
            return WRIT_E_SYS;
        writ_buf_commit(ret, (size_t)n);
        if (writ_buf_len(ret) > max)
            return WRIT_E_LIMIT;
        if (n < 4096)
            return WRIT_OK;
    }
}

enum writ_err
writ_fd_nonblock(int fd)
{
    int flags = fcntl(fd, F_GETFL);

    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
        return WRIT_E_SYS;
    return WRIT_OK;
}

enum writ_err
writ_memfd_sealed(const char *name, struct writ_span s, int *ret)
{
    WRIT_FD_AUTO int fd = -1;
    enum writ_err e;

    fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return WRIT_E_SYS;
    e = writ_write_full(fd, s);
    if (e != WRIT_OK)
        return e;
    if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
        return WRIT_E_SYS;
    *ret = writ_fd_take(&fd);
    return WRIT_OK;
}

#if defined(__SANITIZE_ADDRESS__)
#    include <sys/prctl.h>

int __lsan_is_turned_off(void) __attribute__((visibility("default")));

/* LeakSanitizer traces the process as it ends, which a process that is not dumpable does not allow:
 * it would report that as an error. */
int
__lsan_is_turned_off(void)
{
    return prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 1;
}
#endif
