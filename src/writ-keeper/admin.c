#include "writ-keeper/admin.h"

#include <stdlib.h>

#include "base/text.h"
#include "writ-keeper/value.h"

static const struct {
    bool known;
    bool name;
    bool env; /* may have one */
    bool secret;
} verbs[] = {
    [WRIT_KEEPER_ADD] = {true, true, true, true},
    [WRIT_KEEPER_ROTATE] = {true, true, false, true},
    [WRIT_KEEPER_REMOVE] = {true, true, false, false},
    [WRIT_KEEPER_LIST] = {true, false, false, false},
    [WRIT_KEEPER_PASSPHRASE] = {true, false, false, true},
};

enum writ_err
writ_admin_decode(struct writ_span body, struct writ_admin *ret)
{
    struct writ_reader r = writ_reader(body);
    struct writ_admin a = {.verb = WRIT_KEEPER_LIST};
    uint8_t verb;

    if (!writ_read_u8(&r, &verb) || !writ_read_str(&r, a.name, sizeof(a.name)) ||
        !writ_read_str(&r, a.env, sizeof(a.env)) || !writ_read_blob(&r, &a.secret) ||
        !writ_read_done(&r))
        return WRIT_E_FORMAT;
    if (verb >= WRIT_COUNT(verbs) || !verbs[verb].known)
        return WRIT_E_FORMAT;
    if (verbs[verb].name ? !writ_is_name(writ_span_str(a.name)) : a.name[0] != '\0')
        return WRIT_E_FORMAT;
    if (a.env[0] != '\0' && !(verbs[verb].env && writ_is_name(writ_span_str(a.env))))
        return WRIT_E_FORMAT;
    if (a.secret.len != 0 && !verbs[verb].secret)
        return WRIT_E_FORMAT;
    a.verb = (enum writ_keeper_verb)verb;
    *ret = a;
    return WRIT_OK;
}

static enum writ_err
send_item(struct writ_chan *launcher, const struct writ_safe_item *item)
{
    WRIT_BUF_AUTO struct writ_buf b;
    WRIT_BUF_AUTO struct writ_buf hex;

    writ_buf_init(&b, 1024);
    writ_buf_init(&hex, 2 * (size_t)WRIT_FINGERPRINT_BYTES);
    writ_put_hex(&hex, writ_span(item->fingerprint, WRIT_FINGERPRINT_BYTES));
    writ_buf_put_blob(&b, writ_span_str(item->name));
    writ_buf_put_blob(&b, writ_span_str(item->env));
    writ_buf_put_u32(&b, item->version);
    writ_buf_put_u64(&b, (uint64_t)item->added_us);
    writ_buf_put_u64(&b, (uint64_t)item->used_us);
    writ_buf_put_blob(&b, writ_buf_span(&hex));
    if (b.failed || hex.failed)
        return WRIT_E_NOMEM;
    return writ_chan_send(launcher, WRIT_MSG_KEEPER_ITEM, writ_buf_span(&b), NULL, 0);
}

static enum writ_err
send_done(struct writ_chan *launcher, enum writ_err result, const char *text)
{
    WRIT_BUF_AUTO struct writ_buf b;

    writ_buf_init(&b, 1024);
    writ_buf_put_u8(&b, (uint8_t)result);
    writ_buf_put_blob(&b, writ_span_str(text));
    if (b.failed)
        return WRIT_E_NOMEM;
    return writ_chan_send(launcher, WRIT_MSG_KEEPER_DONE, writ_buf_span(&b), NULL, 0);
}

static enum writ_err
store_value(struct writ_safe *store, const struct writ_admin *a, struct writ_safe_item *ret,
            struct writ_diag *diag)
{
    enum writ_err e = writ_value_check(a->secret, diag);

    if (e == WRIT_OK) {
        e = a->verb == WRIT_KEEPER_ADD ? writ_safe_add(store, a->name, a->env, a->secret, ret, diag)
                                       : writ_safe_rotate(store, a->name, a->secret, ret, diag);
    }
    return e;
}

static enum writ_err
do_value(struct writ_safe *store, struct writ_chan *launcher, const struct writ_admin *a)
{
    struct writ_diag diag = {0};
    struct writ_safe_item item;
    enum writ_err e = store_value(store, a, &item, &diag);

    if (e != WRIT_OK)
        return send_done(launcher, e, diag.text);
    e = send_item(launcher, &item);
    return e == WRIT_OK ? send_done(launcher, WRIT_OK, "") : e;
}

static enum writ_err
do_list(struct writ_safe *store, struct writ_chan *launcher)
{
    struct writ_diag diag = {0};
    struct writ_safe_item *items = NULL;
    size_t count = 0;
    enum writ_err e = writ_safe_list(store, &items, &count, &diag);

    if (e != WRIT_OK)
        return send_done(launcher, e, diag.text);
    for (size_t i = 0; i < count && e == WRIT_OK; i++)
        e = send_item(launcher, &items[i]);
    free(items);
    return e == WRIT_OK ? send_done(launcher, WRIT_OK, "") : e;
}

enum writ_err
writ_admin_do(struct writ_safe *store, struct writ_chan *launcher, const struct writ_admin *a)
{
    struct writ_diag diag = {0};
    enum writ_err e = WRIT_E_FORMAT;

    switch (a->verb) {
    case WRIT_KEEPER_ADD:
    case WRIT_KEEPER_ROTATE:
        return do_value(store, launcher, a);
    case WRIT_KEEPER_LIST:
        return do_list(store, launcher);
    case WRIT_KEEPER_REMOVE:
        e = writ_safe_remove(store, a->name, &diag);
        break;
    case WRIT_KEEPER_PASSPHRASE:
        e = writ_safe_set_passphrase(store, a->secret, &diag);
        break;
    }
    return send_done(launcher, e, diag.text);
}
