#include <assert.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/id.h"
#include "writ-keeper/keeper.h"
#include "writ-keeper/record.h"
#include "writ-keeper/scope.h"

/*
 * A task asks for one credential at a time: need, record, acknowledgement, answer. While it waits
 * for the ledger its gateway is not read, so that what it sends meanwhile stays in its own socket.
 */

enum {
    ACK_US_MAX = 5000000,     /* a ledger that takes longer is as good as gone */
    REQUEST_BYTES_MAX = 64,   /* a request id */
    ANSWER_BYTES_MAX = 65536, /* KEEPER_SECRET */
};

struct writ_keeper_task {
    struct writ_deferred deferred; /* first */
    struct writ_keeper_task *next;
    struct writ_keeper *keeper;
    struct writ_scope scope;
    struct writ_chan gateway;
    struct writ_chan ledger;
    struct writ_io gateway_io;
    struct writ_io ledger_io;
    uint64_t ask_us; /* since when the ledger owes an acknowledgement; 0: it does not */
    struct writ_scope_service *service; /* that the answer releases to; NULL: the answer refuses */
    struct writ_secret *answer;         /* the body, ready to be sent */
    char asked[WRIT_NAME_MAX + 1];      /* the service of the last need */
};

static struct writ_keeper_task *
of_gateway(struct writ_io *io)
{
    return (struct writ_keeper_task *)(void *)((char *)io -
                                               offsetof(struct writ_keeper_task, gateway_io));
}

static struct writ_keeper_task *
of_ledger(struct writ_io *io)
{
    return (struct writ_keeper_task *)(void *)((char *)io -
                                               offsetof(struct writ_keeper_task, ledger_io));
}

/* --- ending ---------------------------------------------------------------------------------- */

static void
task_free(struct writ_deferred *d)
{
    free(d);
}

static void
flush_used(struct writ_keeper_task *t)
{
    for (size_t i = 0; i < t->scope.service_count; i++) {
        struct writ_scope_service *s = &t->scope.services[i];
        struct writ_diag diag = {0};

        /* a convenience of the list; the ledger has the truth, so a full disk loses nothing */
        if (s->used_us != 0 &&
            writ_safe_used(t->keeper->store, s->credential, s->used_us, &diag) == WRIT_OK)
            s->used_us = 0;
    }
}

static void
ledger_close(struct writ_keeper_task *t)
{
    writ_loop_remove(&t->keeper->loop, &t->ledger_io);
    writ_chan_done(&t->ledger);
}

static void
gateway_close(struct writ_keeper_task *t)
{
    writ_loop_remove(&t->keeper->loop, &t->gateway_io);
    writ_chan_done(&t->gateway);
    writ_secret_freep(&t->answer);
    t->ask_us = 0;
    ledger_close(t); /* it has nothing more to say */
}

static void
task_end(struct writ_keeper_task **at)
{
    struct writ_keeper_task *t = *at;

    *at = t->next;
    t->keeper->task_count--;
    gateway_close(t);
    flush_used(t);
    writ_scope_done(&t->scope);
    writ_loop_defer(&t->keeper->loop, &t->deferred, task_free);
}

void
writ_keeper_task_end(struct writ_keeper *k, const struct writ_id *id)
{
    for (struct writ_keeper_task **at = &k->tasks; *at != NULL; at = &(*at)->next) {
        if (strcmp((*at)->scope.task.text, id->text) == 0) {
            task_end(at);
            return;
        }
    }
}

void
writ_keeper_tasks_end(struct writ_keeper *k)
{
    while (k->tasks != NULL)
        task_end(&k->tasks);
}

/* --- answering ------------------------------------------------------------------------------- */

static void
answer_send(struct writ_keeper_task *t)
{
    WRIT_SECRET_AUTO struct writ_secret *answer = writ_secret_take(&t->answer);
    struct writ_scope_service *service = t->service;
    enum writ_err e;

    assert(answer != NULL);
    t->ask_us = 0;
    t->service = NULL;
    e = writ_chan_send(&t->gateway,
                       service != NULL ? WRIT_MSG_KEEPER_SECRET : WRIT_MSG_KEEPER_REFUSE,
                       writ_secret_span(answer), NULL, 0);
    if (e != WRIT_OK) {
        gateway_close(t); /* it does not read its answers */
        return;
    }
    if (service != NULL) {
        service->used_us = writ_clock_wall_us();
        writ_loop_tick_every(&t->keeper->loop, 100000);
    }
    writ_loop_want(&t->keeper->loop, &t->gateway_io, EPOLLIN);
}

static enum writ_err
answer_finish(struct writ_keeper_task *t, struct writ_secret **body,
              const struct writ_secret_writer *w)
{
    if (w->failed)
        return WRIT_E_LIMIT;
    writ_secret_cut(*body, w->at);
    writ_secret_freep(&t->answer);
    t->answer = writ_secret_take(body);
    return WRIT_OK;
}

static enum writ_err
answer_refuse(struct writ_keeper_task *t, const char *reason)
{
    WRIT_SECRET_AUTO struct writ_secret *body = NULL;
    struct writ_secret_writer w;
    enum writ_err e = writ_secret_new(1024, &body);

    if (e != WRIT_OK)
        return e;
    w = writ_secret_writer(body);
    writ_secret_put_blob(&w, writ_span_str(t->asked));
    writ_secret_put_blob(&w, writ_span_str(reason));
    t->service = NULL;
    return answer_finish(t, &body, &w);
}

static enum writ_err
answer_secret(struct writ_keeper_task *t, struct writ_scope_service *service,
              const struct writ_safe_item *item, struct writ_span value)
{
    WRIT_SECRET_AUTO struct writ_secret *body = NULL;
    struct writ_secret_writer w;
    enum writ_err e = writ_secret_new(value.len + 512, &body);

    if (e != WRIT_OK)
        return e;
    w = writ_secret_writer(body);
    writ_secret_put_blob(&w, writ_span_str(service->name));
    writ_secret_put_blob(&w, writ_span_str(item->name));
    writ_secret_put_u32(&w, item->version);
    writ_secret_put_blob(&w, writ_span(item->fingerprint, WRIT_FINGERPRINT_BYTES));
    writ_secret_put_blob(&w, value);
    t->service = service;
    return answer_finish(t, &body, &w);
}

/* Records first; the answer leaves when the ledger has acknowledged. */
static void
answer_after_record(struct writ_keeper_task *t, const struct writ_keeper_event *ev)
{
    if (t->ledger.fd >= 0 && writ_keeper_record(&t->ledger, ev) == WRIT_OK) {
        t->ask_us = writ_clock_mono_us();
        writ_loop_want(&t->keeper->loop, &t->gateway_io, 0);
        writ_loop_tick_every(&t->keeper->loop, 100000);
        return;
    }
    ledger_close(t);
    if (answer_refuse(t, "the ledger cannot record the release") != WRIT_OK) {
        gateway_close(t);
        return;
    }
    answer_send(t);
}

/* --- asking ---------------------------------------------------------------------------------- */

/* All that stands between a gateway and a credential. */
static enum writ_err
decide(struct writ_keeper_task *t, struct writ_scope_service *service, struct writ_safe_item *item,
       struct writ_secret **ret, struct writ_diag *diag)
{
    WRIT_SECRET_AUTO struct writ_secret *value = NULL;
    enum writ_err e;

    if (service == NULL) {
        writ_diag_set(diag, 0, 0, "the writ names no such service");
        return WRIT_E_DENIED;
    }
    if (service->credential[0] == '\0') {
        writ_diag_set(diag, 0, 0, "the writ gives service %s no credential", service->name);
        return WRIT_E_DENIED;
    }
    if (writ_scope_over(&t->scope)) {
        writ_diag_set(diag, 0, 0, "the task's deadline has passed");
        return WRIT_E_DENIED;
    }
    e = writ_safe_get(t->keeper->store, service->credential, item, &value, diag);
    if (e == WRIT_OK)
        e = writ_scope_fits(&t->scope, service, item, diag);
    if (e == WRIT_OK)
        *ret = writ_secret_take(&value);
    return e;
}

static enum writ_err
need(struct writ_keeper_task *t, struct writ_span body)
{
    WRIT_SECRET_AUTO struct writ_secret *value = NULL;
    struct writ_reader r = writ_reader(body);
    struct writ_diag diag = {0};
    struct writ_safe_item item;
    struct writ_scope_service *service;
    struct writ_keeper_event ev = {.env = t->scope.env, .credential = ""};
    char request[REQUEST_BYTES_MAX + 1];
    uint64_t position;
    enum writ_err e;

    if (!writ_read_str(&r, t->asked, sizeof(t->asked)) ||
        !writ_read_str(&r, request, sizeof(request)) || !writ_read_u64(&r, &position) ||
        !writ_read_done(&r))
        return WRIT_E_FORMAT;
    ev.service = t->asked;
    ev.request = request;
    service = writ_scope_find(&t->scope, t->asked);
    e = decide(t, service, &item, &value, &diag);
    if (e == WRIT_OK) {
        ev.released = &item;
        e = answer_secret(t, service, &item, writ_secret_span(value));
        if (e != WRIT_OK)
            return e;
    } else {
        ev.credential = service == NULL ? "" : service->credential;
        ev.reason = diag.text[0] == '\0' ? writ_err_name(e) : diag.text;
        e = answer_refuse(t, ev.reason);
        if (e != WRIT_OK)
            return e;
    }
    answer_after_record(t, &ev);
    return WRIT_OK;
}

static void
on_gateway(struct writ_io *io, uint32_t events)
{
    struct writ_keeper_task *t = of_gateway(io);
    struct writ_msg_in m;
    enum writ_err e;

    if (t->ask_us != 0) { /* it waits and is not read: this is its end */
        if ((events & (EPOLLHUP | EPOLLERR)) != 0)
            gateway_close(t);
        return;
    }
    e = writ_chan_recv(&t->gateway, &m);
    if (e == WRIT_E_AGAIN)
        return;
    /* the channel's rules let nothing but KEEPER_NEED through */
    if (e == WRIT_OK)
        e = need(t, m.body);
    writ_buf_done(&t->gateway.in);
    if (e != WRIT_OK)
        gateway_close(t);
}

static void
on_ledger(struct writ_io *io, uint32_t events)
{
    struct writ_keeper_task *t = of_ledger(io);
    struct writ_msg_in m;
    struct writ_reader r;
    uint64_t records;
    enum writ_err e;
    bool acked;

    (void)events;
    e = writ_chan_recv(&t->ledger, &m);
    if (e == WRIT_E_AGAIN)
        return;
    r = writ_reader(e == WRIT_OK ? m.body : writ_span(NULL, 0));
    acked = e == WRIT_OK && writ_read_u64(&r, &records) && writ_read_done(&r);
    writ_buf_done(&t->ledger.in);
    if (acked && t->ask_us != 0) {
        answer_send(t);
        return;
    }
    /* closed, or an acknowledgement of nothing */
    ledger_close(t);
    if (t->ask_us == 0)
        return;
    if (answer_refuse(t, "the ledger went away before it recorded the release") == WRIT_OK) {
        answer_send(t);
    } else {
        gateway_close(t);
    }
}

bool
writ_keeper_tasks_tick(struct writ_keeper *k)
{
    uint64_t now = writ_clock_mono_us();
    bool again = false;

    for (struct writ_keeper_task *t = k->tasks; t != NULL; t = t->next) {
        flush_used(t);
        if (t->ask_us == 0)
            continue;
        if (now - t->ask_us < ACK_US_MAX) {
            again = true;
            continue;
        }
        ledger_close(t); /* a late acknowledgement must not answer the next need */
        if (answer_refuse(t, "the ledger did not record the release in time") == WRIT_OK) {
            answer_send(t);
        } else {
            gateway_close(t);
        }
    }
    return again;
}

/* --- beginning ------------------------------------------------------------------------------- */

static bool
is_channel(int fd)
{
    int type = 0;
    socklen_t len = sizeof(type);

    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_SEQPACKET;
}

static enum writ_err
check_credentials(struct writ_keeper *k, struct writ_scope *s, struct writ_diag *diag)
{
    struct writ_safe_item item;

    for (size_t i = 0; i < s->service_count; i++) {
        const struct writ_scope_service *service = &s->services[i];
        enum writ_err e;

        if (service->credential[0] == '\0')
            continue;
        e = writ_safe_find(k->store, service->credential, &item, diag);
        if (e == WRIT_OK)
            e = writ_scope_fits(s, service, &item, diag);
        if (e != WRIT_OK)
            return e;
    }
    return WRIT_OK;
}

static enum writ_err
check_task(struct writ_keeper *k, const struct writ_msg_in *m, struct writ_scope *s,
           struct writ_diag *diag)
{
    struct writ_reader r = writ_reader(m->body);
    struct writ_id id;

    if (!writ_read_str(&r, id.text, sizeof(id.text)) || !writ_read_done(&r) ||
        strcmp(id.text, s->task.text) != 0) {
        writ_diag_set(diag, 0, 0, "the writ is another task's");
        return WRIT_E_DENIED;
    }
    if (!is_channel(m->fds[1]) || !is_channel(m->fds[2])) {
        writ_diag_set(diag, 0, 0, "the keeper was given no channels for the task");
        return WRIT_E_FORMAT;
    }
    for (const struct writ_keeper_task *t = k->tasks; t != NULL; t = t->next) {
        if (strcmp(t->scope.task.text, id.text) == 0) {
            writ_diag_set(diag, 0, 0, "the task is registered already");
            return WRIT_E_STATE;
        }
    }
    if (k->task_count >= WRIT_KEEPER_TASKS_MAX) {
        writ_diag_set(diag, 0, 0, "the keeper serves %d tasks, which is the most it takes",
                      WRIT_KEEPER_TASKS_MAX);
        return WRIT_E_LIMIT;
    }
    return check_credentials(k, s, diag);
}

static enum writ_err
watch(struct writ_keeper *k, struct writ_keeper_task *t)
{
    enum writ_err e = writ_fd_nonblock(t->gateway.fd);

    if (e == WRIT_OK)
        e = writ_fd_nonblock(t->ledger.fd);
    if (e == WRIT_OK)
        e = writ_loop_add(&k->loop, &t->gateway_io, t->gateway.fd, EPOLLIN, on_gateway);
    if (e == WRIT_OK)
        e = writ_loop_add(&k->loop, &t->ledger_io, t->ledger.fd, EPOLLIN, on_ledger);
    return e;
}

enum writ_err
writ_keeper_task_new(struct writ_keeper *k, struct writ_msg_in *m, struct writ_id *ret_id,
                     struct writ_diag *diag)
{
    struct writ_keeper_task *t = NULL;
    struct writ_scope s = {0};
    enum writ_err e = writ_scope_read(m->fds[0], &s, diag);

    if (e == WRIT_OK)
        e = check_task(k, m, &s, diag);
    if (e == WRIT_OK) {
        t = calloc(1, sizeof(*t));
        e = t == NULL ? WRIT_E_NOMEM : WRIT_OK;
    }
    if (t == NULL) {
        writ_scope_done(&s);
        return e;
    }
    t->keeper = k;
    t->scope = s;
    writ_chan_init(&t->gateway, writ_fd_take(&m->fds[1]), WRIT_ROLE_KEEPER, WRIT_ROLE_GATEWAY);
    writ_chan_init(&t->ledger, writ_fd_take(&m->fds[2]), WRIT_ROLE_KEEPER, WRIT_ROLE_LEDGER);
    t->gateway.phase = WRIT_PHASE_RUN;
    t->ledger.phase = WRIT_PHASE_RUN;
    t->next = k->tasks;
    k->tasks = t;
    k->task_count++;
    e = watch(k, t);
    if (e != WRIT_OK) {
        task_end(&k->tasks);
        return e;
    }
    *ret_id = s.task;
    return WRIT_OK;
}
