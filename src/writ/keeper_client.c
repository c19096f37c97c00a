#include "writ/keeper_client.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "writ/programs.h"
#include "writ/secret_input.h"

enum { READY_MS = 30000 /* a store on a slow disk, not a hang */ };

static enum writ_err
spawn_with(const char *path, const char *state, int fd, pid_t *ret)
{
    char name[] = "writ-keeper";
    char flag[] = "--state";
    char folder[WRIT_PATH_BYTES_MAX];
    char credentials[WRIT_PATH_BYTES_MAX] = "CREDENTIALS_DIRECTORY=";
    char *argv[] = {name, flag, folder, NULL};
    char *envp[] = {NULL, NULL};
    const char *given = secure_getenv("CREDENTIALS_DIRECTORY");
    posix_spawn_file_actions_t actions;
    int rc;

    if (strlen(state) >= sizeof(folder))
        return WRIT_E_LIMIT;
    memcpy(folder, state, strlen(state) + 1);
    if (given != NULL && strlen(given) < sizeof(credentials) - strlen(credentials)) {
        memcpy(credentials + strlen(credentials), given, strlen(given) + 1);
        envp[0] = credentials;
    }
    if (posix_spawn_file_actions_init(&actions) != 0)
        return WRIT_E_NOMEM;
    rc = posix_spawn_file_actions_adddup2(&actions, fd, 3);
    if (rc == 0)
        rc = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    if (rc == 0)
        rc = posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    if (rc == 0)
        rc = posix_spawn(ret, path, &actions, NULL, argv, envp);
    (void)posix_spawn_file_actions_destroy(&actions);
    errno = rc;
    return rc == 0 ? WRIT_OK : WRIT_E_SYS;
}

enum writ_err
writ_keeper_client_spawn(const char *state, struct writ_keeper_client *ret, struct writ_diag *diag)
{
    char path[WRIT_PATH_BYTES_MAX];
    struct writ_keeper_client c = {.pid = 0};
    int pair[2] = {-1, -1};
    enum writ_err e;

    e = writ_program_path("writ-keeper", path, sizeof(path), diag);
    if (e == WRIT_OK)
        e = writ_chan_pair(pair);
    if (e == WRIT_OK)
        e = spawn_with(path, state, pair[1], &c.pid);
    writ_fd_close(&pair[1]);
    if (e != WRIT_OK) {
        writ_diag_set(diag, 0, 0, "writ-keeper cannot be started: %s", writ_errno_text(errno));
        writ_fd_close(&pair[0]);
        return e;
    }
    writ_chan_init(&c.chan, pair[0], WRIT_ROLE_LAUNCHER, WRIT_ROLE_KEEPER);
    *ret = c;
    return WRIT_OK;
}

static enum writ_err
send_passphrase(struct writ_keeper_client *c, bool again, struct writ_diag *diag)
{
    WRIT_SECRET_AUTO struct writ_secret *passphrase = NULL;
    WRIT_SECRET_AUTO struct writ_secret *body = NULL;
    struct writ_secret_writer w;
    enum writ_err e;

    if (again)
        (void)fputs("writ: that is not the passphrase of the store\n", stderr);
    e = writ_secret_prompt("Passphrase of writ's credential store: ", WRIT_PASSPHRASE_BYTES_MAX,
                           &passphrase, diag);
    if (e != WRIT_OK)
        return e;
    e = writ_secret_new(writ_secret_len(passphrase) + 4, &body);
    if (e != WRIT_OK)
        return e;
    w = writ_secret_writer(body);
    writ_secret_put_blob(&w, writ_secret_span(passphrase));
    return writ_chan_send(&c->chan, WRIT_MSG_KEEPER_UNLOCK, writ_secret_span(body), NULL, 0);
}

static enum writ_err
wait_ready(struct writ_keeper_client *c, struct writ_diag *diag)
{
    for (bool again = false;; again = true) {
        struct writ_msg_in m;
        struct writ_reader r;
        char text[1024];
        enum writ_err e = writ_chan_wait(&c->chan, READY_MS, &m);

        if (e != WRIT_OK)
            return e;
        if (m.type == WRIT_MSG_KEEPER_READY)
            return WRIT_OK;
        if (m.type == WRIT_MSG_KEEPER_LOCKED) {
            e = send_passphrase(c, again, diag);
            if (e != WRIT_OK)
                return e;
            continue;
        }
        r = writ_reader(m.body);
        if (m.type != WRIT_MSG_KEEPER_FAIL || !writ_read_str(&r, text, sizeof(text)))
            return WRIT_E_FORMAT;
        writ_diag_set(diag, 0, 0, "%s", text);
        return WRIT_E_DENIED;
    }
}

enum writ_err
writ_keeper_client_ready(struct writ_keeper_client *c, struct writ_diag *diag)
{
    enum writ_err e = wait_ready(c, diag);

    if (e == WRIT_OK) {
        c->chan.phase = WRIT_PHASE_RUN;
        return WRIT_OK;
    }
    writ_diag_set(diag, 0, 0, "writ-keeper did not start (%s)", writ_err_name(e));
    writ_keeper_client_end(c);
    return e;
}

enum writ_err
writ_keeper_client_start(const char *state, struct writ_keeper_client *ret, struct writ_diag *diag)
{
    enum writ_err e = writ_keeper_client_spawn(state, ret, diag);

    return e == WRIT_OK ? writ_keeper_client_ready(ret, diag) : e;
}

void
writ_keeper_client_end(struct writ_keeper_client *c)
{
    writ_chan_done(&c->chan);
    while (c->pid > 0 && waitpid(c->pid, NULL, 0) < 0 && errno == EINTR) {
    }
    c->pid = 0;
}
