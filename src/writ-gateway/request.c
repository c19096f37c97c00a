#include "writ-gateway/request.h"

#include <stdio.h>

#include "base/id.h"
#include "proto/http1_path.h"
#include "writ-gateway/exchange.h"
#include "writ-gateway/reply.h"
#include "writ-gateway/report.h"
#include "writ-gateway/secrets.h"
#include "writ-gateway/services.h"
#include "writ-gateway/upstream.h"
#include "writ-gateway/waiting.h"

/* Answers a request that never came to a decision. close: what follows cannot be trusted. */
static void
refuse(struct client *c, unsigned status, const char *error, const char *reason, bool close)
{
    const struct writ_http1_request *req = &c->gw->request;
    bool parsed = status != 0 && !close;
    struct refusal r = {status, error, reason, NULL, c->x.id};

    if (!report_request_refused(c, c->x.id, parsed ? req->method_name : writ_span(NULL, 0),
                                parsed ? req->authority.host : "", reason, status)) {
        stream_abort(&c->s);
        client_close(c);
        return;
    }
    reply_refuse(c, &r, close);
    if (close) {
        client_finish(c);
        return;
    }
    writ_buf_consume(&c->in, req->head_len);
    client_next(c);
}

/* A refusal after which the connection can go on: unless a body follows, which nobody will read, or
 * the request was malformed, whose sender is not to be believed about what comes next. */
static void
refuse_parsed(struct client *c, unsigned status, const char *error, const char *reason)
{
    const struct writ_http1_request *req = &c->gw->request;
    struct refusal r = {status, error, reason, NULL, c->x.id};
    bool close = req->framing != WRIT_HTTP1_NO_BODY || !req->keep_alive || status == 400;

    if (!close) {
        refuse(c, status, error, reason, false);
        return;
    }
    if (!report_request_refused(c, c->x.id, req->method_name, req->authority.host, reason,
                                status)) {
        stream_abort(&c->s);
        client_close(c);
        return;
    }
    reply_refuse(c, &r, true);
    client_finish(c);
}

static bool
request_https(const struct client *c)
{
    if (c->gw->request.form == WRIT_HTTP1_ABSOLUTE)
        return c->gw->request.scheme == WRIT_HTTP1_HTTPS;
    return c->s.ssl != NULL;
}

static uint16_t
request_port(const struct client *c, bool https)
{
    uint16_t port = c->gw->request.authority.port;

    if (port != 0)
        return port;
    return https ? 443 : 80;
}

/*
 * Everything that names the destination must name the same: the address that was dialled, SNI, the
 * tunnel's target, the request's own. NULL if it does.
 */
static const char *
disagreement(const struct client *c, const struct service *s, uint16_t port)
{
    const struct writ_http1_request *req = &c->gw->request;
    bool plain_proxy = req->form == WRIT_HTTP1_ABSOLUTE && c->s.ssl == NULL && !c->proxied;

    if (c->sni[0] != '\0' && strcmp(c->sni, s->doc->host) != 0)
        return "the TLS server name and the Host header name different services";
    if (c->proxied && (strcmp(c->tunnel.host, s->doc->host) != 0 || c->tunnel.port != port))
        return "the CONNECT target and the Host header name different services";
    if (c->s.ssl != NULL && req->form == WRIT_HTTP1_ABSOLUTE && req->scheme != WRIT_HTTP1_HTTPS)
        return "the request's scheme is not the connection's";
    if (plain_proxy || c->proxied)
        return NULL;
    if (!service_is_at(s, &c->dest) || c->dest_port != port)
        return "the connection was made to another address or port than the one of the service";
    return NULL;
}

static const char *
misuse(const struct writ_http1_request *req)
{
    for (size_t i = 0; i < req->headers.count; i++) {
        switch (req->headers.at[i].id) {
        case WRIT_HTTP1_H_X_HTTP_METHOD:
        case WRIT_HTTP1_H_X_METHOD_OVERRIDE:
        case WRIT_HTTP1_H_X_HTTP_METHOD_OVERRIDE:
            return "a header overrides the method that policy decides on; send the method itself";
        case WRIT_HTTP1_H_X_ORIGINAL_URL:
        case WRIT_HTTP1_H_X_REWRITE_URL:
            return "a header overrides the path that policy decides on; send the path itself";
        default:
            break;
        }
    }
    return NULL;
}

/* Both ask for the request back as the server got it; RFC 9110 9.3.8 forbids credentials in it. */
static bool
echoes(const struct writ_http1_request *req)
{
    return req->method == WRIT_HTTP1_TRACE || writ_span_iis(req->method_name, "TRACK");
}

/* Path and query in the one form that is judged and sent: gw->path, and request.query. */
static enum writ_err
canonical(struct gateway *gw, struct writ_http1_fault *fault)
{
    struct writ_http1_request *req = &gw->request;
    struct writ_http1_path info;
    enum writ_err e;

    writ_buf_reset(&gw->path);
    writ_buf_reset(&gw->query);
    if (req->form == WRIT_HTTP1_ASTERISK) {
        writ_buf_put_str(&gw->path, "*");
        return WRIT_OK;
    }
    e = writ_http1_path_canonical(req->path, 0, &gw->path, &info, fault);
    if (e != WRIT_OK || !req->has_query)
        return e;
    e = writ_http1_query_canonical(req->query, &gw->query, fault);
    req->query = writ_buf_span(&gw->query);
    return e;
}

/* The service and the canonical path (in gw->path); false if the request was answered here. */
static bool
route(struct client *c, struct service **ret)
{
    struct gateway *gw = c->gw;
    const struct writ_http1_request *req = &gw->request;
    struct writ_http1_fault fault = {0};
    bool https = request_https(c);
    uint16_t port = request_port(c, https);
    struct service *s = service_find(gw, https, req->authority.host, port);
    const char *wrong;

    if (s == NULL) {
        refuse_parsed(c, 403, "denied", service_why_not(gw, c, https, port));
        return false;
    }
    wrong = disagreement(c, s, port);
    if (wrong != NULL) {
        refuse_parsed(c, 421, "denied", wrong);
        return false;
    }
    wrong = misuse(req);
    if (wrong == NULL) {
        wrong = req->upgrade && writ_http1_find(&req->headers, WRIT_HTTP1_H_UPGRADE) != NULL &&
                        writ_span_iis(writ_http1_find(&req->headers, WRIT_HTTP1_H_UPGRADE)->value,
                                      "websocket")
                    ? "WebSocket connections are not supported"
                    : NULL;
    }
    if (wrong != NULL) {
        refuse_parsed(c, wrong[0] == 'W' ? 501 : 400, "malformed", wrong);
        return false;
    }
    if (canonical(gw, &fault) != WRIT_OK) {
        refuse_parsed(c, fault.status, "malformed", fault.reason);
        return false;
    }
    s = service_under(gw, s, writ_buf_span(&gw->path));
    if (s == NULL) {
        refuse_parsed(c, 403, "denied", "no service of this task covers this path");
        return false;
    }
    if (s->doc->inject != WRIT_INJECT_NONE && echoes(req)) {
        refuse_parsed(c, 403, "denied", "the answer to TRACE would hold the credential");
        return false;
    }
    wrong = policy_why_not_judged(gw->policy, s, &req->headers);
    if (wrong != NULL) {
        refuse_parsed(c, 400, "malformed", wrong);
        return false;
    }
    *ret = s;
    return true;
}

/* CONNECT: the tunnel ends here, at us; what comes through it is looked at like anything else. */
static void
open_tunnel(struct client *c)
{
    struct gateway *gw = c->gw;
    const struct writ_http1_authority *a = &gw->request.authority;
    uint16_t port = a->port;

    if (c->proxied || c->s.ssl != NULL) {
        refuse(c, 400, "malformed", "CONNECT inside a tunnel", true);
        return;
    }
    if (service_find(gw, true, a->host, port) == NULL &&
        service_find(gw, false, a->host, port) == NULL) {
        refuse_parsed(c, 403, "denied", service_why_not(gw, c, true, port));
        return;
    }
    if (writ_buf_len(&c->in) != gw->request.head_len) {
        refuse(c, 400, "malformed", "bytes were sent behind CONNECT before it was answered", true);
        return;
    }
    c->tunnel = *a;
    c->proxied = true;
    writ_buf_reset(&c->in);
    c->scanned = 0;
    writ_buf_put_str(&c->out, "HTTP/1.1 200 Connection established\r\n\r\n");
    c->state = CLIENT_SNIFF;
    c->deadline_us = gw->loop.now_us + GATEWAY_HEAD_TIME;
    if (stream_flush(&c->s, &c->out) == WRIT_E_CLOSED)
        client_close(c);
}

static struct question
question_of(const struct client *c, struct service *s)
{
    const struct writ_http1_request *req = &c->gw->request;

    return (struct question){
        .service = s,
        .request_id = c->x.id,
        .method = req->method,
        .method_name = req->method_name,
        .path = writ_buf_span(&c->gw->path),
        .has_query = req->has_query,
        .query = req->query,
        .headers = &req->headers,
        .body_bytes = req->framing == WRIT_HTTP1_CHUNKED  ? UINT64_MAX
                      : req->framing == WRIT_HTTP1_LENGTH ? req->length
                                                          : 0,
    };
}

static void
deny(struct client *c, const struct question *q)
{
    const struct writ_http1_request *req = &c->gw->request;
    struct refusal r = {403, "denied", "a policy forbids it", &c->x.decision, c->x.id};
    bool close = req->framing != WRIT_HTTP1_NO_BODY || !req->keep_alive;
    char text[256];

    if (c->x.decision.policy_count == 0) {
        (void)snprintf(
            text, sizeof(text), "no policy permits http:%.*s on this path of the service %s",
            (int)q->method_name.len, (const char *)q->method_name.ptr, q->service->doc->name);
        r.reason = text;
    }
    reply_refuse(c, &r, close);
    if (close) {
        client_finish(c);
        return;
    }
    writ_buf_consume(&c->in, req->head_len);
    client_next(c);
}

/* The head in gw->request was decided on and allowed. */
static void
go(struct client *c, bool fresh)
{
    struct exchange *x = &c->x;
    const char *reason = "";
    enum writ_err e = secrets_need(c, &reason);

    if (e == WRIT_OK && x->up == NULL)
        e = upstream_get(c, fresh, &reason);
    if (c->state == CLIENT_CLOSED)
        return;
    if (e == WRIT_OK) {
        exchange_begin(c, writ_buf_span(&c->gw->path));
        return;
    }
    if (e == WRIT_E_AGAIN) {
        c->state = CLIENT_WAIT;
        c->deadline_us = 0;
        client_interest(c);
        return;
    }
    exchange_fail(c,
                  e == WRIT_E_DENIED  ? 403
                  : e == WRIT_E_LIMIT ? 429
                                      : 502,
                  e == WRIT_E_DENIED ? "denied" : "upstream", reason);
}

static void
decide(struct client *c, struct service *s)
{
    struct gateway *gw = c->gw;
    const struct writ_http1_request *req = &gw->request;
    struct exchange *x = &c->x;
    struct question q = question_of(c, s);
    uint64_t before = writ_clock_mono_us();

    policy_decide(gw->policy, &q, &x->decision);
    x->decided_us = writ_clock_mono_us();
    /* invariant 5: no record, no request */
    if (!report_decision(c, &q, &x->decision, x->decided_us - before)) {
        struct refusal r = {503, "ledger", "the ledger takes no records; nothing can pass", NULL,
                            x->id};

        reply_refuse(c, &r, true);
        client_finish(c);
        return;
    }
    if (!x->decision.allow) {
        deny(c, &q);
        return;
    }
    x->service = s;
    x->client_http10 = req->minor == 0;
    x->client_keep = req->keep_alive;
    x->te_trailers = req->te_trailers;
    x->retryable = req->framing == WRIT_HTTP1_NO_BODY &&
                   (req->method == WRIT_HTTP1_GET || req->method == WRIT_HTTP1_HEAD ||
                    req->method == WRIT_HTTP1_OPTIONS);
    go(c, false);
}

void
request_read(struct client *c)
{
    struct gateway *gw = c->gw;
    struct writ_http1_fault fault = {0};
    struct service *s = NULL;
    enum writ_err e =
        writ_http1_parse_request(writ_buf_span(&c->in), &c->scanned, &gw->request, &fault);

    if (e == WRIT_E_AGAIN)
        return;
    c->scanned = 0;
    c->x = (struct exchange){.id = ++gw->request_seq, .begin_us = writ_clock_mono_us()};
    if (e != WRIT_OK) {
        refuse(c, fault.status, fault.status == 400 ? "malformed" : "limit", fault.reason, true);
        return;
    }
    c->x.method = gw->request.method;
    if (gw->request.method == WRIT_HTTP1_CONNECT) {
        open_tunnel(c);
        return;
    }
    if (route(c, &s))
        decide(c, s);
}

/* The head is still at the start of c->in and was allowed: the same bytes give the same parse. */
static bool
read_again(struct client *c)
{
    struct gateway *gw = c->gw;
    struct writ_http1_fault fault = {0};
    size_t scanned = 0;

    return writ_http1_parse_request(writ_buf_span(&c->in), &scanned, &gw->request, &fault) ==
               WRIT_OK &&
           canonical(gw, &fault) == WRIT_OK;
}

void
request_go_on(struct client *c)
{
    if (!read_again(c)) {
        exchange_fail(c, 502, "upstream", "the request changed while it waited");
        return;
    }
    go(c, false);
}

void
request_again(struct client *c)
{
    c->x.head_len = 0;
    c->x.wiped = false;
    if (!read_again(c)) {
        exchange_fail(c, 502, "upstream", "the request changed while it waited");
        return;
    }
    go(c, true);
}
