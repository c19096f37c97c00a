/*
 * writ-keeper: holds the sealed store and releases a credential to a gateway.
 *
 * usage: writ-keeper --state DIR, with the launcher's channel as descriptor 3
 *
 * Order matters: unreadable for others, then narrow, and only then is a byte of the store read.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/secret.h"
#include "writ-keeper/keeper.h"
#include "writ-keeper/key.h"
#include "writ-keeper/narrow.h"

enum { LAUNCHER_FD = 3, UNLOCK_TRIES = 5 };

#if defined(__SANITIZE_ADDRESS__)
#    define SANITIZED 1
#elif defined(__has_feature)
#    if __has_feature(address_sanitizer)
#        define SANITIZED 1
#    endif
#endif

#ifdef SANITIZED
WRIT_EXPORT const char *__asan_default_options(void);

/* The leak check traces its own process, which nobody may do to this one. */
const char *
__asan_default_options(void)
{
    return "detect_leaks=0";
}
#endif

static void
report_fail(struct writ_chan *launcher, const char *text)
{
    WRIT_BUF_AUTO struct writ_buf b;

    writ_buf_init(&b, 1024);
    writ_buf_put_blob(&b, writ_span_str(text));
    if (!b.failed &&
        writ_chan_send(launcher, WRIT_MSG_KEEPER_FAIL, writ_buf_span(&b), NULL, 0) == WRIT_OK)
        return;
    (void)fprintf(stderr, "writ-keeper: %s\n", text);
}

/* Ours alone: whoever can write to the folder can exchange the store and the key together. */
static enum writ_err
check_folder(int fd, const char *what, mode_t forbidden, struct writ_diag *diag)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return WRIT_E_SYS;
    if (S_ISDIR(st.st_mode) && st.st_uid == geteuid() && (st.st_mode & forbidden) == 0)
        return WRIT_OK;
    writ_diag_set(diag, 0, 0,
                  "%s is not a folder of user %u alone (mode %04o, owner %u): make it so with "
                  "chown and chmod 700",
                  what, (unsigned)geteuid(), (unsigned)(st.st_mode & 07777), (unsigned)st.st_uid);
    return WRIT_E_DENIED;
}

static enum writ_err
open_folder(const char *state, int *ret, struct writ_diag *diag)
{
    WRIT_FD_AUTO int outer = -1;
    WRIT_FD_AUTO int fd = -1;
    enum writ_err e;

    outer = open(state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (outer < 0) {
        writ_diag_set(diag, 0, 0, "the state folder %s cannot be opened: %s", state,
                      writ_errno_text(errno));
        return WRIT_E_SYS;
    }
    e = check_folder(outer, "the state folder", 022, diag);
    if (e != WRIT_OK)
        return e;
    if (mkdirat(outer, "keeper", 0700) < 0 && errno != EEXIST) {
        writ_diag_set(diag, 0, 0, "the folder keeper cannot be made in %s: %s", state,
                      writ_errno_text(errno));
        return WRIT_E_SYS;
    }
    fd = openat(outer, "keeper", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 || fchdir(fd) < 0) {
        writ_diag_set(diag, 0, 0, "the folder keeper in %s cannot be opened: %s", state,
                      writ_errno_text(errno));
        return WRIT_E_SYS;
    }
    e = check_folder(fd, "the folder keeper in the state folder", 077, diag);
    if (e == WRIT_OK)
        *ret = writ_fd_take(&fd);
    return e;
}

/* systemd's LoadCredential= and SetCredentialEncrypted= put it there. */
static enum writ_err
manager_key(struct writ_secret **ret, struct writ_diag *diag)
{
    WRIT_FD_AUTO int fd = -1;
    const char *dir = secure_getenv("CREDENTIALS_DIRECTORY");
    enum writ_err e;

    if (dir == NULL || dir[0] == '\0')
        return WRIT_OK;
    fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return WRIT_OK; /* made for another program of the same service */
    e = writ_key_read(fd, "writ-keeper-key", WRIT_KEY_MANAGER, ret, diag);
    return e == WRIT_E_STATE ? WRIT_OK : e;
}

static enum writ_err
unlock(struct writ_keeper *k, struct writ_diag *diag)
{
    for (unsigned i = 0; i < UNLOCK_TRIES; i++) {
        struct writ_msg_in m;
        struct writ_reader r;
        struct writ_span passphrase;
        enum writ_err e;

        *diag = (struct writ_diag){0};
        e = writ_chan_send(&k->launcher, WRIT_MSG_KEEPER_LOCKED, writ_span(NULL, 0), NULL, 0);
        if (e == WRIT_OK)
            e = writ_chan_expect(&k->launcher, WRIT_MSG_KEEPER_UNLOCK, -1, &m);
        if (e != WRIT_OK)
            return e;
        r = writ_reader(m.body);
        e = WRIT_E_FORMAT;
        if (writ_read_blob(&r, &passphrase) && writ_read_done(&r))
            e = writ_safe_unlock(k->store, passphrase, diag);
        writ_buf_done(&k->launcher.in); /* wiped */
        if (e != WRIT_E_DENIED)
            return e;
    }
    return WRIT_E_DENIED;
}

static enum writ_err
prepare(struct writ_keeper *k, const char *state, struct writ_diag *diag)
{
    static int folder = -1; /* kept open: the store works in it */
    WRIT_SECRET_AUTO struct writ_secret *given = NULL;
    enum writ_err e;

    e = open_folder(state, &folder, diag);
    if (e == WRIT_OK)
        e = manager_key(&given, diag);
    if (e == WRIT_OK)
        e = writ_keeper_narrow(folder, diag);
    if (e == WRIT_OK)
        e = writ_safe_open(folder, &given, &k->store, diag);
    if (e == WRIT_OK && writ_safe_locked(k->store))
        e = unlock(k, diag);
    return e;
}

/* Keys pressed for the task's sake must not take the keeper away before the task has ended. */
static void
ignore_terminal(void)
{
    sigset_t set;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGQUIT);
    (void)sigaddset(&set, SIGHUP);
    (void)sigaddset(&set, SIGTSTP);
    (void)pthread_sigmask(SIG_BLOCK, &set, NULL);
}

static bool
has_channel(void)
{
    int type = 0;
    socklen_t len = sizeof(type);

    return getsockopt(LAUNCHER_FD, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_SEQPACKET;
}

int
main(int argc, char **argv)
{
    static struct writ_keeper k; /* large, and there is one */
    struct writ_diag diag = {0};
    enum writ_err e;

    if (argc != 3 || strcmp(argv[1], "--state") != 0 || !has_channel()) {
        (void)fputs("writ-keeper is started by writ and speaks to it alone\n", stderr);
        return 2;
    }
    if (writ_secret_process() != WRIT_OK || close_range(LAUNCHER_FD + 1, ~0U, 0) < 0 ||
        fcntl(LAUNCHER_FD, F_SETFD, FD_CLOEXEC) < 0) {
        (void)fputs("writ-keeper: cannot protect its own process\n", stderr);
        return 1;
    }
    (void)umask(077);
    ignore_terminal();
    writ_chan_init(&k.launcher, LAUNCHER_FD, WRIT_ROLE_KEEPER, WRIT_ROLE_LAUNCHER);
    e = prepare(&k, argv[2], &diag);
    if (e == WRIT_OK)
        e = writ_chan_send(&k.launcher, WRIT_MSG_KEEPER_READY, writ_span(NULL, 0), NULL, 0);
    if (e != WRIT_OK) {
        report_fail(&k.launcher, diag.text[0] == '\0' ? writ_err_name(e) : diag.text);
        writ_safe_closep(&k.store);
        return 1;
    }
    k.launcher.phase = WRIT_PHASE_RUN;
    e = writ_keeper_serve(&k);
    writ_safe_closep(&k.store);
    writ_chan_done(&k.launcher);
    return e == WRIT_OK ? 0 : 1;
}
