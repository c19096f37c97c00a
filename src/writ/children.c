#include "writ/children.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "writ/programs.h"

enum { CHILD_CHANNEL_FD = 3 };

static int
spawn(pid_t *pid, const char *path, char *const argv[], int channel)
{
    static char *const no_environment[] = {NULL};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    sigset_t none;
    sigset_t all;
    int r;

    (void)sigemptyset(&none);
    (void)sigfillset(&all);
    if (posix_spawn_file_actions_init(&files) != 0 || posix_spawnattr_init(&attr) != 0)
        return ENOMEM;
    r = posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDWR, 0);
    r = r != 0 ? r : posix_spawn_file_actions_adddup2(&files, 0, 1);
    r = r != 0 ? r : posix_spawn_file_actions_adddup2(&files, channel, CHILD_CHANNEL_FD);
    r = r != 0 ? r : posix_spawn_file_actions_addclosefrom_np(&files, CHILD_CHANNEL_FD + 1);
    r = r != 0 ? r : posix_spawnattr_setsigmask(&attr, &none);
    r = r != 0 ? r : posix_spawnattr_setsigdefault(&attr, &all);
    r = r != 0 ? r
               : posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK |
                                                     POSIX_SPAWN_SETSIGDEF);
    r = r != 0 ? r : posix_spawn(pid, path, &files, &attr, argv, no_environment);
    (void)posix_spawn_file_actions_destroy(&files);
    (void)posix_spawnattr_destroy(&attr);
    return r;
}

enum writ_err
child_start(struct child *c, const char *name, enum writ_role role, const char *state,
            struct writ_diag *diag)
{
    char path[PATH_MAX];
    char arg_name[64];
    char arg_flag[] = "--state";
    char arg_state[PATH_MAX];
    char *argv[] = {arg_name, state == NULL ? NULL : arg_flag, arg_state, NULL};
    int pair[2];
    int r;
    enum writ_err e = writ_program_path(name, path, sizeof(path), diag);

    if (e != WRIT_OK)
        return e;
    if (!writ_span_copy(writ_span_str(name), arg_name, sizeof(arg_name)) ||
        (state != NULL && !writ_span_copy(writ_span_str(state), arg_state, sizeof(arg_state))))
        return WRIT_E_LIMIT;
    e = writ_chan_pair(pair);
    if (e != WRIT_OK) {
        writ_diag_set(diag, 0, 0, "no channel to %s could be made (errno %d)", name, errno);
        return e;
    }
    r = spawn(&c->pid, path, argv, pair[1]);
    (void)close(pair[1]);
    if (r != 0) {
        (void)close(pair[0]);
        c->pid = 0;
        writ_diag_set(diag, 0, 0, "%s could not be started (errno %d)", path, r);
        return WRIT_E_SYS;
    }
    c->name = name;
    writ_chan_init(&c->chan, pair[0], WRIT_ROLE_LAUNCHER, role);
    return WRIT_OK;
}

enum writ_err
child_failed(const struct child *c, enum writ_err e, const struct writ_msg_in *m,
             struct writ_diag *diag)
{
    struct writ_reader r = writ_reader(m->body);
    struct writ_span text = m->body;

    if (m->type == WRIT_MSG_GATEWAY_FAIL || m->type == WRIT_MSG_KEEPER_FAIL ||
        m->type == WRIT_MSG_LEDGER_FAIL) {
        struct writ_span inner;

        if (writ_read_blob(&r, &inner) && writ_read_done(&r))
            text = inner;
        writ_diag_set(diag, 0, 0, "%.*s", (int)text.len,
                      text.len == 0 ? "" : (const char *)text.ptr);
        return WRIT_E_DENIED;
    }
    writ_diag_set(diag, 0, 0, "%s %s", c->name,
                  e == WRIT_E_AGAIN ? "does not answer" : "ended unexpectedly");
    return e == WRIT_OK ? WRIT_E_STATE : e;
}

enum writ_err
child_expect(struct child *c, enum writ_msg type, int timeout_ms, struct writ_diag *diag,
             struct writ_msg_in *ret)
{
    struct pollfd p = {.fd = c->chan.fd, .events = POLLIN};
    struct writ_msg_in m = {0};
    enum writ_err e;
    int n;

    do {
        n = poll(&p, 1, timeout_ms);
    } while (n < 0 && errno == EINTR);
    e = n == 1 ? writ_chan_recv(&c->chan, &m) : WRIT_E_AGAIN;
    if (e == WRIT_OK && m.type == type) {
        *ret = m;
        return WRIT_OK;
    }
    e = child_failed(c, e, &m, diag);
    writ_msg_in_close(&m);
    return e;
}

void
child_release(struct child *c)
{
    if (c->pid != 0)
        writ_chan_done(&c->chan);
}

void
child_reap(struct child *c, int timeout_ms)
{
    WRIT_FD_AUTO int pidfd = -1;
    struct pollfd p = {.fd = -1, .events = POLLIN};

    if (c->pid == 0)
        return;
    child_release(c);
    pidfd = (int)syscall(SYS_pidfd_open, c->pid, 0);
    p.fd = pidfd;
    if (pidfd < 0 || poll(&p, 1, timeout_ms) != 1)
        (void)kill(c->pid, SIGKILL);
    while (waitpid(c->pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    c->pid = 0;
}
