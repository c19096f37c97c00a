#include "base/fd.h"
#include "base/id.h"
#include "writ-keeper/admin.h"
#include "writ-keeper/keeper.h"

static struct writ_keeper *
of_launcher(struct writ_io *io)
{
    return (struct writ_keeper *)(void *)((char *)io - offsetof(struct writ_keeper, launcher_io));
}

static enum writ_err
send_str(struct writ_chan *c, enum writ_msg type, const char *text)
{
    WRIT_BUF_AUTO struct writ_buf b;

    writ_buf_init(&b, 1024);
    writ_buf_put_blob(&b, writ_span_str(text));
    if (b.failed)
        return WRIT_E_NOMEM;
    return writ_chan_send(c, type, writ_buf_span(&b), NULL, 0);
}

static enum writ_err
on_task(struct writ_keeper *k, struct writ_msg_in *m)
{
    struct writ_diag diag = {0};
    struct writ_id id;
    enum writ_err e = writ_keeper_task_new(k, m, &id, &diag);

    writ_msg_in_close(m);
    if (e == WRIT_OK)
        return send_str(&k->launcher, WRIT_MSG_KEEPER_TASK_OK, id.text);
    return send_str(&k->launcher, WRIT_MSG_KEEPER_FAIL,
                    diag.text[0] == '\0' ? writ_err_name(e) : diag.text);
}

static enum writ_err
on_task_end(struct writ_keeper *k, struct writ_span body)
{
    struct writ_reader r = writ_reader(body);
    struct writ_id id;

    if (!writ_read_str(&r, id.text, sizeof(id.text)) || !writ_read_done(&r))
        return WRIT_E_FORMAT;
    writ_keeper_task_end(k, &id);
    return WRIT_OK;
}

static enum writ_err
on_admin(struct writ_keeper *k, struct writ_span body)
{
    struct writ_admin a;
    enum writ_err e = writ_admin_decode(body, &a);

    return e == WRIT_OK ? writ_admin_do(k->store, &k->launcher, &a) : e;
}

static void
on_launcher(struct writ_io *io, uint32_t events)
{
    struct writ_keeper *k = of_launcher(io);
    struct writ_msg_in m;
    enum writ_err e = writ_chan_recv(&k->launcher, &m);

    (void)events;
    if (e == WRIT_OK && m.type == WRIT_MSG_KEEPER_TASK) {
        e = on_task(k, &m);
    } else if (e == WRIT_OK && m.type == WRIT_MSG_KEEPER_TASK_END) {
        e = on_task_end(k, m.body);
    } else if (e == WRIT_OK && m.type == WRIT_MSG_KEEPER_ADMIN) {
        e = on_admin(k, m.body);
    }
    writ_buf_done(&k->launcher.in); /* wiped: it held a secret */
    /* whoever breaks the rules, or has gone, is no launcher any more: then nobody needs us */
    if (e != WRIT_OK && e != WRIT_E_AGAIN)
        k->loop.stop = true;
}

static void
on_tick(struct writ_loop *loop)
{
    struct writ_keeper *k = loop->owner;

    if (!writ_keeper_tasks_tick(k))
        writ_loop_tick_every(loop, 0);
}

enum writ_err
writ_keeper_serve(struct writ_keeper *k)
{
    enum writ_err e = writ_loop_init(&k->loop, k);

    if (e != WRIT_OK)
        return e;
    k->loop.tick = on_tick;
    e = writ_loop_add(&k->loop, &k->launcher_io, k->launcher.fd, EPOLLIN, on_launcher);
    if (e == WRIT_OK)
        e = writ_loop_run(&k->loop);
    writ_keeper_tasks_end(k);
    writ_loop_done(&k->loop);
    return e;
}
