#include "writ-keeper/key.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/id.h"
#include "writ-keeper/seal.h"

static enum writ_err
check_file(const struct stat *st, const char *name, enum writ_key_place place,
           struct writ_diag *diag)
{
    /* where systemd uses an ACL its mask shows up as the group's bits */
    const mode_t open_bits = place == WRIT_KEY_MANAGER ? 037 : 077;

    if (!S_ISREG(st->st_mode)) {
        writ_diag_set(diag, 0, 0, "the key file %s is not a regular file", name);
        return WRIT_E_DENIED;
    }
    if (st->st_uid != geteuid() && !(place == WRIT_KEY_MANAGER && st->st_uid == 0)) {
        writ_diag_set(diag, 0, 0,
                      "the key file %s belongs to user %u, not to user %u who runs the keeper",
                      name, (unsigned)st->st_uid, (unsigned)geteuid());
        return WRIT_E_DENIED;
    }
    if ((st->st_mode & open_bits) != 0) {
        writ_diag_set(diag, 0, 0,
                      "the key file %s can be read by others (mode %04o): make it 0600, and rotate "
                      "the credentials if others could have copied it",
                      name, (unsigned)(st->st_mode & 07777));
        return WRIT_E_DENIED;
    }
    if (st->st_size != WRIT_KEY_BYTES) {
        writ_diag_set(diag, 0, 0, "the key file %s has %lld bytes instead of %d", name,
                      (long long)st->st_size, WRIT_KEY_BYTES);
        return WRIT_E_FORMAT;
    }
    return WRIT_OK;
}

enum writ_err
writ_key_read(int dirfd, const char *name, enum writ_key_place place, struct writ_secret **ret,
              struct writ_diag *diag)
{
    WRIT_FD_AUTO int fd = -1;
    WRIT_SECRET_AUTO struct writ_secret *key = NULL;
    struct stat st;
    enum writ_err e;

    fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 && errno == ENOENT)
        return WRIT_E_STATE;
    if (fd < 0 && errno == ELOOP) {
        writ_diag_set(diag, 0, 0, "the key file %s is a symbolic link", name);
        return WRIT_E_DENIED;
    }
    if (fd < 0 || fstat(fd, &st) < 0) {
        writ_diag_set(diag, 0, 0, "the key file %s cannot be opened: %s", name,
                      writ_errno_text(errno));
        return WRIT_E_SYS;
    }
    e = check_file(&st, name, place, diag);
    if (e == WRIT_OK)
        e = writ_secret_new(WRIT_KEY_BYTES, &key);
    if (e != WRIT_OK)
        return e;
    if (writ_read_full(fd, writ_secret_bytes(key), WRIT_KEY_BYTES) != WRIT_KEY_BYTES) {
        writ_diag_set(diag, 0, 0, "the key file %s cannot be read", name);
        return WRIT_E_SYS;
    }
    *ret = writ_secret_take(&key);
    return WRIT_OK;
}

static enum writ_err
write_key(int dirfd, const char *temp, const char *name, struct writ_span key)
{
    WRIT_FD_AUTO int fd = -1;

    /* left over from a creation that was killed: it was never anyone's key */
    if (unlinkat(dirfd, temp, 0) < 0 && errno != ENOENT)
        return WRIT_E_SYS;
    fd = openat(dirfd, temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 || writ_write_full(fd, key) != WRIT_OK || fsync(fd) < 0)
        return WRIT_E_SYS;
    /* unlike rename, this fails if someone else was first */
    if (linkat(dirfd, temp, dirfd, name, 0) < 0)
        return WRIT_E_SYS;
    return fsync(dirfd) < 0 ? WRIT_E_SYS : WRIT_OK;
}

enum writ_err
writ_key_create(int dirfd, const char *name, struct writ_secret **ret, struct writ_diag *diag)
{
    WRIT_SECRET_AUTO struct writ_secret *key = NULL;
    char temp[64];
    enum writ_err e;
    int error;

    e = writ_secret_new(WRIT_KEY_BYTES, &key);
    if (e != WRIT_OK)
        return e;
    writ_random(writ_secret_bytes(key), WRIT_KEY_BYTES);
    (void)snprintf(temp, sizeof(temp), "%s.new", name);
    e = write_key(dirfd, temp, name, writ_secret_span(key));
    error = errno;
    (void)unlinkat(dirfd, temp, 0);
    if (e != WRIT_OK) {
        writ_diag_set(diag, 0, 0, "the key file %s cannot be made: %s", name,
                      writ_errno_text(error));
        return e;
    }
    *ret = writ_secret_take(&key);
    return WRIT_OK;
}
