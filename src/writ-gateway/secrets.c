#include "writ-gateway/secrets.h"

#include <stdio.h>

#include "writ-gateway/inject.h"
#include "writ-gateway/services.h"
#include "writ-gateway/waiting.h"

static void
refuse(struct gateway *gw, struct service *s, const char *reason)
{
    s->credential = CREDENTIAL_REFUSED;
    (void)snprintf(s->keeper_reason, sizeof(s->keeper_reason), "%s", reason);
    waiting_wake(gw, s);
}

enum writ_err
secrets_need(struct client *c, const char **reason)
{
    struct gateway *gw = c->gw;
    struct service *s = c->x.service;
    WRIT_BUF_AUTO struct writ_buf body = {0};
    char id[24];

    if (s->credential == CREDENTIAL_NONE || s->credential == CREDENTIAL_HERE)
        return WRIT_OK;
    if (s->credential == CREDENTIAL_REFUSED) {
        *reason = s->keeper_reason;
        return WRIT_E_DENIED;
    }
    waiting_add(c);
    if (s->credential == CREDENTIAL_ASKED)
        return WRIT_E_AGAIN;
    writ_buf_init(&body, 512);
    writ_buf_put_blob(&body, writ_span_str(s->doc->name));
    (void)snprintf(id, sizeof(id), "r%llu", (unsigned long long)c->x.id);
    writ_buf_put_blob(&body, writ_span_str(id));
    writ_buf_put_u64(&body, writ_ring_position(&gw->ring));
    s->credential = CREDENTIAL_ASKED;
    if (writ_chan_send(&gw->keeper, WRIT_MSG_KEEPER_NEED, writ_buf_span(&body), NULL, 0) != WRIT_OK)
        refuse(gw, s, "the keeper of the credentials is gone");
    return WRIT_E_AGAIN;
}

static struct service *
by_name(struct gateway *gw, struct writ_span name)
{
    for (size_t i = 0; i < gw->service_count; i++) {
        if (writ_span_is(name, gw->services[i].doc->name))
            return &gw->services[i];
    }
    return NULL;
}

/* str service, str credential, u32 version, blob fingerprint (16 bytes), blob secret. */
static enum writ_err
take_secret(struct gateway *gw, struct writ_span body)
{
    struct writ_reader r = writ_reader(body);
    struct writ_span name;
    struct writ_span credential;
    struct writ_span fingerprint;
    struct writ_span secret;
    struct service *s;
    uint32_t version;

    if (!writ_read_blob(&r, &name) || !writ_read_blob(&r, &credential) ||
        !writ_read_u32(&r, &version) || !writ_read_blob(&r, &fingerprint) ||
        !writ_read_blob(&r, &secret) || !writ_read_done(&r))
        return WRIT_E_FORMAT;
    s = by_name(gw, name);
    if (s == NULL || s->credential != CREDENTIAL_ASKED ||
        !writ_span_is(credential, s->doc->credential) ||
        fingerprint.len != sizeof(s->fingerprint) || secret.len == 0)
        return WRIT_E_STATE;
    if (inject_prepare(s, secret) != WRIT_OK) {
        refuse(gw, s, "the credential cannot be sent as it is; rotate it");
        return WRIT_OK;
    }
    memcpy(s->fingerprint, fingerprint.ptr, sizeof(s->fingerprint));
    s->version = version;
    s->credential = CREDENTIAL_HERE;
    waiting_wake(gw, s);
    return WRIT_OK;
}

static enum writ_err
take_refusal(struct gateway *gw, struct writ_span body)
{
    struct writ_reader r = writ_reader(body);
    struct writ_span name;
    struct writ_span reason;
    struct service *s;
    char text[256];

    if (!writ_read_blob(&r, &name) || !writ_read_blob(&r, &reason) || !writ_read_done(&r))
        return WRIT_E_FORMAT;
    s = by_name(gw, name);
    if (s == NULL || s->credential != CREDENTIAL_ASKED)
        return WRIT_E_STATE;
    (void)snprintf(text, sizeof(text), "%.*s", (int)(reason.len < 250 ? reason.len : 250),
                   reason.len == 0 ? "" : (const char *)reason.ptr);
    refuse(gw, s, text);
    return WRIT_OK;
}

static void
keeper_gone(struct gateway *gw)
{
    writ_loop_remove(&gw->loop, &gw->keeper_io);
    writ_chan_done(&gw->keeper);
    for (size_t i = 0; i < gw->service_count; i++) {
        if (gw->services[i].credential == CREDENTIAL_ASKED)
            refuse(gw, &gw->services[i], "the keeper of the credentials is gone");
    }
}

void
secrets_read(struct gateway *gw)
{
    struct writ_msg_in m;
    enum writ_err e = writ_chan_recv(&gw->keeper, &m);

    if (e == WRIT_E_AGAIN)
        return;
    if (e == WRIT_OK)
        e = m.type == WRIT_MSG_KEEPER_SECRET ? take_secret(gw, m.body) : take_refusal(gw, m.body);
    if (gw->keeper.in.mem != NULL)
        explicit_bzero(gw->keeper.in.mem, gw->keeper.in.size);
    if (e != WRIT_OK)
        keeper_gone(gw);
}
