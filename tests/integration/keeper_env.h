/*
 * keeper_env.h - for the tests of the keeper's process: the real program, started over a
 * socketpair, with the test as launcher, gateway and ledger.
 */
#ifndef WRIT_TESTS_KEEPER_ENV_H
#define WRIT_TESTS_KEEPER_ENV_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../unit/test.h"
#include "base/fd.h"
#include "base/id.h"
#include "ipc/chan.h"
#include "ledger/record.h"
#include "profile/doc.h"

enum { ENV_WAIT_MS = 15000, ENV_TEXT = 1024 };

struct keeper {
    pid_t pid;
    struct writ_chan c;
    char text[ENV_TEXT]; /* of the last answer */
    unsigned items;      /* that came with it */
    uint32_t version;    /* of the last item */
    uint64_t used_us;
    char env[WRIT_NAME_MAX + 1];
};

struct task {
    struct writ_id id;
    struct writ_chan gateway; /* our end, as gateway */
    struct writ_chan ledger;  /* our end, as ledger */
};

struct service {
    const char *name;
    const char *env;
    const char *credential;
};

static const char *env_program;
static char env_state[64];

static inline void
env_state_new(void)
{
    (void)snprintf(env_state, sizeof(env_state), "/tmp/writ-test-keeper-XXXXXX");
    if (mkdtemp(env_state) == NULL)
        abort();
}

static inline void
env_state_remove(void)
{
    static const char *const files[] = {"store.db", "store.db-journal", "key", "lock", ""};
    char path[128];

    for (size_t i = 0; i < WRIT_COUNT(files); i++) {
        (void)snprintf(path, sizeof(path), "%s/keeper/%s", env_state, files[i]);
        (void)remove(path);
    }
    (void)rmdir(env_state);
}

/* Starts the program; does not wait for it. */
static inline struct keeper
keeper_spawn(void)
{
    struct keeper k = {.pid = 0};
    posix_spawn_file_actions_t a;
    char name[] = "writ-keeper";
    char flag[] = "--state";
    char *argv[] = {name, flag, env_state, NULL};
    char *envp[] = {NULL};
    int pair[2];

    if (writ_chan_pair(pair) != WRIT_OK || posix_spawn_file_actions_init(&a) != 0 ||
        posix_spawn_file_actions_adddup2(&a, pair[1], 3) != 0 ||
        posix_spawn(&k.pid, env_program, &a, NULL, argv, envp) != 0)
        abort();
    (void)posix_spawn_file_actions_destroy(&a);
    (void)close(pair[1]);
    writ_chan_init(&k.c, pair[0], WRIT_ROLE_LAUNCHER, WRIT_ROLE_KEEPER);
    return k;
}

/* True when it is ready; its reason in k->text if it says one. */
static inline bool
keeper_ready(struct keeper *k)
{
    struct writ_msg_in m;
    struct writ_reader r;

    k->text[0] = '\0';
    if (writ_chan_wait(&k->c, ENV_WAIT_MS, &m) != WRIT_OK)
        return false;
    if (m.type == WRIT_MSG_KEEPER_READY) {
        k->c.phase = WRIT_PHASE_RUN;
        return true;
    }
    if (m.type == WRIT_MSG_KEEPER_LOCKED) {
        (void)snprintf(k->text, sizeof(k->text), "locked");
        return false;
    }
    r = writ_reader(m.body);
    if (!writ_read_str(&r, k->text, sizeof(k->text)))
        k->text[0] = '\0';
    return false;
}

static inline struct keeper
keeper_start(void)
{
    struct keeper k = keeper_spawn();

    CHECK_ROW(keeper_ready(&k), k.text);
    return k;
}

/* Closes the channel; the wait status. */
static inline int
keeper_end(struct keeper *k)
{
    int status = -1;

    writ_chan_done(&k->c);
    (void)waitpid(k->pid, &status, 0);
    return status;
}

static inline bool
keeper_alive(const struct keeper *k)
{
    return waitpid(k->pid, NULL, WNOHANG) == 0;
}

static inline void
put_admin(struct writ_buf *b, unsigned verb, const char *name, const char *env,
          struct writ_span value)
{
    writ_buf_put_u8(b, (uint8_t)verb);
    writ_buf_put_blob(b, writ_span_str(name));
    writ_buf_put_blob(b, writ_span_str(env));
    writ_buf_put_blob(b, value);
}

static inline void
take_item(struct keeper *k, struct writ_span body)
{
    struct writ_reader r = writ_reader(body);
    char name[WRIT_NAME_MAX + 1];
    char fingerprint[40];
    uint64_t added;

    if (!CHECK(writ_read_str(&r, name, sizeof(name)) && writ_read_str(&r, k->env, sizeof(k->env)) &&
               writ_read_u32(&r, &k->version) && writ_read_u64(&r, &added) &&
               writ_read_u64(&r, &k->used_us) &&
               writ_read_str(&r, fingerprint, sizeof(fingerprint)) && writ_read_done(&r)))
        return;
    CHECK(strlen(fingerprint) == 32);
    k->items++;
}

/* One verb and its answer; -1 if the channel broke. */
static inline int
keeper_admin(struct keeper *k, unsigned verb, const char *name, const char *env,
             struct writ_span value)
{
    WRIT_BUF_AUTO struct writ_buf b;
    struct writ_msg_in m;
    struct writ_reader r;
    uint8_t result;

    k->items = 0;
    writ_buf_init(&b, WRIT_MSG_BYTES_MAX);
    put_admin(&b, verb, name, env, value);
    if (writ_chan_send(&k->c, WRIT_MSG_KEEPER_ADMIN, writ_buf_span(&b), NULL, 0) != WRIT_OK)
        return -1;
    for (;;) {
        if (writ_chan_wait(&k->c, ENV_WAIT_MS, &m) != WRIT_OK)
            return -1;
        if (m.type == WRIT_MSG_KEEPER_DONE)
            break;
        if (m.type != WRIT_MSG_KEEPER_ITEM)
            return -1;
        take_item(k, m.body);
    }
    r = writ_reader(m.body);
    if (!writ_read_u8(&r, &result) || !writ_read_str(&r, k->text, sizeof(k->text)))
        return -1;
    return result;
}

static inline bool
keeper_add(struct keeper *k, const char *name, const char *env, const char *value)
{
    return keeper_admin(k, WRIT_KEEPER_ADD, name, env, writ_span_str(value)) == WRIT_OK;
}

/* --- tasks ----------------------------------------------------------------------------------- */

static inline char *
env_dup(const char *s)
{
    char *copy = strdup(s);

    if (copy == NULL)
        abort();
    return copy;
}

static inline void
put_text(char *ret, size_t cap, const char *text)
{
    if (!writ_span_copy(writ_span_str(text), ret, cap))
        abort();
}

static inline void
env_service(struct writ_doc_service *s, const struct service *from, uint16_t port)
{
    put_text(s->name, sizeof(s->name), from->name);
    put_text(s->env, sizeof(s->env), from->env);
    put_text(s->credential, sizeof(s->credential), from->credential);
    put_text(s->host, sizeof(s->host), "api.test");
    put_text(s->base, sizeof(s->base), "/");
    s->scheme = WRIT_SCHEME_HTTPS;
    s->port = port;
    if (from->credential[0] != '\0') {
        s->inject = WRIT_INJECT_HEADER;
        put_text(s->inject_name, sizeof(s->inject_name), "Authorization");
        put_text(s->inject_before, sizeof(s->inject_before), "Bearer ");
    }
}

/* A writ as a memfd; ttl_ms 0: without a deadline. */
static inline int
env_writ(const struct writ_id *id, const char *env, const struct service *services, size_t count,
         int64_t ttl_ms)
{
    WRIT_BUF_AUTO struct writ_buf b;
    struct writ_doc d;
    int fd = -1;

    writ_doc_init(&d);
    d.task = *id;
    put_text(d.profile, sizeof(d.profile), "test");
    put_text(d.env, sizeof(d.env), env);
    put_text(d.invoker.user, sizeof(d.invoker.user), "tester");
    d.started_us = writ_clock_wall_us();
    if (ttl_ms != 0)
        d.deadline_us = d.started_us + ttl_ms * 1000;
    d.argv = calloc(2, sizeof(*d.argv));
    d.services = calloc(count == 0 ? 1 : count, sizeof(*d.services));
    if (d.argv == NULL || d.services == NULL)
        abort();
    d.argv[0] = env_dup("/bin/true");
    d.argc = 1;
    d.cwd = env_dup("/");
    for (size_t i = 0; i < count; i++)
        env_service(&d.services[i], &services[i], (uint16_t)(8000 + i));
    d.service_count = count;
    writ_buf_init(&b, WRIT_WRIT_BYTES_MAX);
    if (writ_doc_encode(&d, &b) != WRIT_OK ||
        writ_memfd_sealed("writ", writ_buf_span(&b), &fd) != WRIT_OK)
        abort();
    writ_doc_done(&d);
    return fd;
}

/* Registers with a writ that the caller made, which is closed. */
static inline bool
task_register(struct keeper *k, struct task *t, int writ)
{
    WRIT_BUF_AUTO struct writ_buf b;
    struct writ_msg_in m;
    struct writ_reader r;
    int gateway[2];
    int ledger[2];
    int fds[3];
    bool sent;

    if (writ_chan_pair(gateway) != WRIT_OK || writ_chan_pair(ledger) != WRIT_OK)
        abort();
    fds[0] = writ;
    fds[1] = gateway[1];
    fds[2] = ledger[1];
    writ_chan_init(&t->gateway, gateway[0], WRIT_ROLE_GATEWAY, WRIT_ROLE_KEEPER);
    writ_chan_init(&t->ledger, ledger[0], WRIT_ROLE_LEDGER, WRIT_ROLE_KEEPER);
    t->gateway.phase = WRIT_PHASE_RUN;
    t->ledger.phase = WRIT_PHASE_RUN;
    writ_buf_init(&b, 256);
    writ_buf_put_blob(&b, writ_span_str(t->id.text));
    sent = writ_chan_send(&k->c, WRIT_MSG_KEEPER_TASK, writ_buf_span(&b), fds, 3) == WRIT_OK;
    for (size_t i = 0; i < 3; i++)
        (void)close(fds[i]);
    if (!sent || writ_chan_wait(&k->c, ENV_WAIT_MS, &m) != WRIT_OK)
        return false;
    r = writ_reader(m.body);
    if (!writ_read_str(&r, k->text, sizeof(k->text)))
        return false;
    return m.type == WRIT_MSG_KEEPER_TASK_OK && strcmp(k->text, t->id.text) == 0;
}

static inline bool
task_new(struct keeper *k, struct task *t, const char *env, const struct service *services,
         size_t count)
{
    writ_id_new(&t->id);
    return task_register(k, t, env_writ(&t->id, env, services, count, 60000));
}

static inline void
task_done(struct task *t)
{
    writ_chan_done(&t->gateway);
    writ_chan_done(&t->ledger);
}

static inline bool
task_ask(struct task *t, const char *service)
{
    WRIT_BUF_AUTO struct writ_buf b;

    writ_buf_init(&b, 512);
    writ_buf_put_blob(&b, writ_span_str(service));
    writ_buf_put_blob(&b, writ_span_str("req-1"));
    writ_buf_put_u64(&b, 4711);
    return writ_chan_send(&t->gateway, WRIT_MSG_KEEPER_NEED, writ_buf_span(&b), NULL, 0) == WRIT_OK;
}

/* The record that the keeper wants to have kept; its reason, if any, goes to text. */
static inline enum writ_kind
task_record(struct task *t, char *text, size_t cap)
{
    struct writ_msg_in m;
    struct writ_record_head head = {.kind = WRIT_KIND_NONE};
    struct writ_record_view v;
    struct writ_record_value value;

    text[0] = '\0';
    if (writ_chan_wait(&t->ledger, ENV_WAIT_MS, &m) != WRIT_OK ||
        writ_record_open(m.body, &head, &v) != WRIT_OK)
        return WRIT_KIND_NONE;
    while (writ_record_next(&v, &value) == WRIT_OK) {
        if (value.field == WRIT_FIELD_REASON && !writ_span_copy(value.text, text, cap))
            abort();
    }
    return head.kind;
}

static inline bool
task_ack(struct task *t)
{
    const uint8_t body[8] = {0, 0, 0, 0, 0, 0, 0, 1};

    return writ_chan_send(&t->ledger, WRIT_MSG_LEDGER_ACK_KEEPER, writ_span(body, 8), NULL, 0) ==
           WRIT_OK;
}

/* Nothing comes by a channel for a little while. */
static inline bool
quiet(const struct writ_chan *c)
{
    struct pollfd p = {.fd = c->fd, .events = POLLIN};

    return poll(&p, 1, 50) == 0;
}

/* The answer: the secret's bytes, or the reason of a refusal; NONE if the channel broke. */
static inline enum writ_msg
task_answer(struct task *t, char *text, size_t cap)
{
    struct writ_msg_in m;
    struct writ_reader r;
    struct writ_span s;
    char service[WRIT_NAME_MAX + 1];
    char credential[WRIT_NAME_MAX + 1];
    uint32_t version;

    text[0] = '\0';
    if (writ_chan_wait(&t->gateway, ENV_WAIT_MS, &m) != WRIT_OK)
        return WRIT_MSG_NONE;
    r = writ_reader(m.body);
    CHECK(writ_read_str(&r, service, sizeof(service)));
    if (m.type == WRIT_MSG_KEEPER_REFUSE) {
        CHECK(writ_read_str(&r, text, cap) && writ_read_done(&r));
        return m.type;
    }
    CHECK(writ_read_str(&r, credential, sizeof(credential)) && writ_read_u32(&r, &version) &&
          writ_read_blob(&r, &s) && s.len == 16);
    CHECK(writ_read_blob(&r, &s) && writ_span_copy(s, text, cap) && writ_read_done(&r));
    return m.type;
}

/* Asks, lets the ledger agree, and compares the secret. */
static inline bool
task_gets(struct task *t, const char *service, const char *secret)
{
    char text[ENV_TEXT];

    return task_ask(t, service) &&
           task_record(t, text, sizeof(text)) == WRIT_KIND_CREDENTIAL_RELEASE && task_ack(t) &&
           task_answer(t, text, sizeof(text)) == WRIT_MSG_KEEPER_SECRET &&
           strcmp(text, secret) == 0;
}

/* Asks and is refused, on record, with this in the reason. */
static inline bool
task_refused(struct task *t, const char *service, const char *reason)
{
    char recorded[ENV_TEXT];
    char text[ENV_TEXT];

    return task_ask(t, service) &&
           task_record(t, recorded, sizeof(recorded)) == WRIT_KIND_CREDENTIAL_REFUSED &&
           task_ack(t) && task_answer(t, text, sizeof(text)) == WRIT_MSG_KEEPER_REFUSE &&
           strcmp(text, recorded) == 0 && strstr(text, reason) != NULL;
}

#endif
