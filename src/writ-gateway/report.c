#include "writ-gateway/report.h"

#include "base/id.h"
#include "ledger/record.h"
#include "writ-gateway/upstream.h"

static void
begin(struct gateway *gw, struct writ_record *r, enum writ_kind kind)
{
    writ_record_begin(r, gw->record, sizeof(gw->record), kind, writ_clock_wall_us());
}

static bool
push(struct gateway *gw, struct writ_record *r)
{
    struct writ_span bytes;

    return writ_record_end(r, &bytes) == WRIT_OK && writ_ring_push(&gw->ring, bytes) == WRIT_OK;
}

static void
put_address(struct writ_record *r, enum writ_field f, const struct writ_addr *a)
{
    char text[WRIT_ADDR_TEXT_MAX];

    if (a->family != 0)
        writ_record_text(r, f, writ_span(text, writ_addr_print(a, text)));
}

static void
put_request_id(struct writ_record *r, uint64_t id)
{
    char text[24]; /* two of these for each request: written from the back, not with printf */
    size_t at = sizeof(text);

    do {
        text[--at] = (char)('0' + id % 10);
        id /= 10;
    } while (id != 0);
    text[--at] = 'r';
    writ_record_text(r, WRIT_FIELD_REQUEST, writ_span(text + at, sizeof(text) - at));
}

static void
put_destination(struct writ_record *r, const struct client *c)
{
    writ_record_u64(r, WRIT_FIELD_CONNECTION, c->id);
    put_address(r, WRIT_FIELD_ADDRESS, &c->dest);
    writ_record_u64(r, WRIT_FIELD_PORT, c->dest_port);
}

bool
report_start(struct gateway *gw)
{
    struct writ_record r;

    begin(gw, &r, WRIT_KIND_GATEWAY_START);
    writ_record_u64(&r, WRIT_FIELD_COUNT, gw->service_count);
    return push(gw, &r);
}

bool
report_end(struct gateway *gw)
{
    struct writ_record r;

    begin(gw, &r, WRIT_KIND_GATEWAY_END);
    writ_record_u64(&r, WRIT_FIELD_COUNT, gw->request_seq);
    return push(gw, &r);
}

bool
report_connection(const struct client *c, bool tls)
{
    struct writ_record r;

    begin(c->gw, &r, WRIT_KIND_CONNECTION_OPEN);
    put_destination(&r, c);
    writ_record_str(&r, WRIT_FIELD_PROTOCOL, tls ? "tls" : "tcp");
    writ_record_str(&r, WRIT_FIELD_SNI, c->sni);
    return push(c->gw, &r);
}

bool
report_connection_refused(const struct client *c, const char *reason)
{
    struct writ_record r;

    begin(c->gw, &r, WRIT_KIND_CONNECTION_REFUSED);
    put_destination(&r, c);
    writ_record_str(&r, WRIT_FIELD_SNI, c->sni);
    writ_record_str(&r, WRIT_FIELD_REASON, reason);
    return push(c->gw, &r);
}

bool
report_request_refused(const struct client *c, uint64_t id, struct writ_span method,
                       const char *host, const char *reason, unsigned status)
{
    struct writ_record r;

    begin(c->gw, &r, WRIT_KIND_REQUEST_REFUSED);
    put_request_id(&r, id);
    put_destination(&r, c);
    writ_record_text(&r, WRIT_FIELD_METHOD, method);
    writ_record_str(&r, WRIT_FIELD_HOST, host);
    writ_record_u64(&r, WRIT_FIELD_STATUS, status);
    writ_record_str(&r, WRIT_FIELD_REASON, reason);
    return push(c->gw, &r);
}

bool
report_decision(const struct client *c, const struct question *q, const struct decision *d,
                uint64_t decide_us)
{
    struct writ_record r;

    begin(c->gw, &r, WRIT_KIND_REQUEST_DECISION);
    put_request_id(&r, q->request_id);
    writ_record_u64(&r, WRIT_FIELD_CONNECTION, c->id);
    writ_record_str(&r, WRIT_FIELD_SERVICE, q->service->doc->name);
    writ_record_text(&r, WRIT_FIELD_METHOD, q->method_name);
    writ_record_text(&r, WRIT_FIELD_PATH, q->path);
    writ_record_str(&r, WRIT_FIELD_DECISION, d->allow ? "allow" : "deny");
    for (size_t i = 0; i < d->policy_count; i++)
        writ_record_item(&r, WRIT_FIELD_POLICIES, d->policies[i]);
    writ_record_u64(&r, WRIT_FIELD_DECIDE_US, decide_us);
    if (!d->allow)
        writ_record_u64(&r, WRIT_FIELD_STATUS, 403);
    return push(c->gw, &r);
}

bool
report_request_end(const struct client *c, const char *reason)
{
    const struct exchange *x = &c->x;
    const struct service *s = x->service;
    uint64_t now = writ_clock_mono_us();
    struct writ_record r;

    begin(c->gw, &r, WRIT_KIND_REQUEST_END);
    put_request_id(&r, x->id);
    writ_record_u64(&r, WRIT_FIELD_STATUS, x->status);
    writ_record_u64(&r, WRIT_FIELD_BYTES_OUT, x->request_body.bytes);
    writ_record_u64(&r, WRIT_FIELD_BYTES_IN, x->response_body.bytes);
    if (x->first_us != 0)
        writ_record_u64(&r, WRIT_FIELD_UPSTREAM_US, x->first_us - x->decided_us);
    writ_record_u64(&r, WRIT_FIELD_TOTAL_US, now - x->begin_us);
    if (x->up != NULL) {
        put_address(&r, WRIT_FIELD_UPSTREAM, &x->up->address);
        writ_record_bool(&r, WRIT_FIELD_REUSED, x->up->reused);
    }
    if (x->sent && s->credential == CREDENTIAL_HERE) {
        uint8_t print[16];

        writ_record_str(&r, WRIT_FIELD_CREDENTIAL, s->doc->credential);
        writ_record_u64(&r, WRIT_FIELD_CREDENTIAL_VERSION, s->version);
        memcpy(print, s->fingerprint, sizeof(print));
        writ_record_bytes(&r, WRIT_FIELD_FINGERPRINT, writ_span(print, sizeof(print)));
    }
    if (reason != NULL)
        writ_record_str(&r, WRIT_FIELD_REASON, reason);
    return push(c->gw, &r);
}

bool
report_name(struct gateway *gw, const char *name, const char *type, bool allow, const char *reason)
{
    struct writ_record r;

    begin(gw, &r, WRIT_KIND_NAME_QUERY);
    writ_record_str(&r, WRIT_FIELD_NAME, name);
    writ_record_str(&r, WRIT_FIELD_TYPE, type);
    writ_record_str(&r, WRIT_FIELD_DECISION, allow ? "allow" : "deny");
    writ_record_str(&r, WRIT_FIELD_REASON, reason);
    return push(gw, &r);
}

static bool
report_packet(struct gateway *gw, enum writ_kind kind, const struct writ_addr *dest, uint16_t port,
              const char *protocol)
{
    struct writ_record r;

    begin(gw, &r, kind);
    put_address(&r, WRIT_FIELD_ADDRESS, dest);
    if (port != 0)
        writ_record_u64(&r, WRIT_FIELD_PORT, port);
    writ_record_str(&r, WRIT_FIELD_PROTOCOL, protocol);
    return push(gw, &r);
}

bool
report_decoy(struct gateway *gw, const struct writ_addr *dest, uint16_t port, const char *protocol)
{
    return report_packet(gw, WRIT_KIND_DECOY_TOUCHED, dest, port, protocol);
}

bool
report_attempt(struct gateway *gw, const struct writ_addr *dest, uint16_t port,
               const char *protocol)
{
    return report_packet(gw, WRIT_KIND_CONNECTION_ATTEMPT, dest, port, protocol);
}
