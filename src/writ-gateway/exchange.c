#include "writ-gateway/exchange.h"

#include <assert.h>

#include "base/id.h"
#include "proto/http1_write.h"
#include "writ-gateway/inject.h"
#include "writ-gateway/reply.h"
#include "writ-gateway/report.h"
#include "writ-gateway/request.h"
#include "writ-gateway/sieve.h"
#include "writ-gateway/upstream.h"

enum pump { PUMP_STUCK, PUMP_MOVED, PUMP_OVER };

enum {
    EXCHANGE_TURNS_MAX = 16,    /* one connection may not starve the others */
    EXCHANGE_BIG_BYTES = 65536, /* one read of a large body */
};

/* ---- the request, outwards ------------------------------------------------------------------ */

static enum writ_err
put_request_head(struct client *c, struct writ_span path, struct writ_http1_fault *fault)
{
    const struct writ_http1_request *req = &c->gw->request;
    struct exchange *x = &c->x;
    struct writ_buf *out = &x->up->out;
    enum writ_err e;

    writ_buf_put(out, req->method_name);
    writ_buf_put_u8(out, ' ');
    writ_buf_put(out, path);
    e = inject_put_query(&x->decision, out, req->has_query, req->query, fault);
    if (e != WRIT_OK)
        return e;
    writ_buf_put_str(out, " HTTP/1.1\r\n");
    writ_http1_put_host(out, &x->service->authority);
    for (size_t i = 0; i < req->headers.count; i++) {
        const struct writ_http1_header *h = &req->headers.at[i];

        if (sieve_passes(x->service, h))
            writ_http1_put_header(out, h->name, h->value);
    }
    e = inject_put_header(&x->decision, out, &req->headers, fault);
    if (e != WRIT_OK)
        return e;
    if (req->framing == WRIT_HTTP1_LENGTH) {
        writ_http1_put_content_length(out, req->length);
    } else if (req->framing == WRIT_HTTP1_CHUNKED) {
        writ_http1_put_header_str(out, "Transfer-Encoding", "chunked");
    }
    if (req->expect_continue)
        writ_http1_put_header_str(out, "Expect", "100-continue");
    writ_http1_put_end(out);
    return out->failed ? WRIT_E_LIMIT : WRIT_OK;
}

void
exchange_begin(struct client *c, struct writ_span path)
{
    const struct writ_http1_request *req = &c->gw->request;
    struct writ_http1_fault fault = {"the request became too large with its credential", 431};
    struct exchange *x = &c->x;

    if (put_request_head(c, path, &fault) != WRIT_OK) {
        upstream_release(x->up, false);
        exchange_fail(c, fault.status, "malformed", fault.reason);
        return;
    }
    x->in_chunked = req->framing == WRIT_HTTP1_CHUNKED;
    writ_http1_body_init(&x->request_body, req->framing, req->length);
    x->request_done = req->framing == WRIT_HTTP1_NO_BODY;
    x->expects = req->expect_continue;
    x->head_done = false;
    x->response_done = false;
    x->sent = true;
    x->head_len = req->head_len;
    if (!x->retryable) {
        writ_buf_consume(&c->in, x->head_len);
        x->head_len = 0;
    }
    x->up->deadline_us = c->gw->loop.now_us + GATEWAY_ANSWER_TIME;
    c->deadline_us = 0;
    c->state = CLIENT_EXCHANGE;
    exchange_pump(c);
}

static void
put_data(struct writ_buf *out, bool chunked, struct writ_span data)
{
    char head[WRIT_HTTP1_CHUNK_HEADER_MAX];

    if (!chunked) {
        writ_buf_put(out, data);
        return;
    }
    writ_buf_put(out, writ_span(head, writ_http1_chunk_header(data.len, head)));
    writ_buf_put(out, data);
    writ_buf_put_str(out, "\r\n");
}

/* Trailers pass the same sieve as the head: a server may merge them into it. So none goes out (s is
 * NULL) where policy judges headers: it has decided before they come. */
static void
put_last_chunk(struct writ_buf *out, const struct writ_http1_body *body, const struct service *s)
{
    writ_buf_put_str(out, "0\r\n");
    for (size_t i = 0; s != NULL && i < body->trailer_count; i++) {
        if (sieve_passes(s, &body->trailers[i]))
            writ_http1_put_header(out, body->trailers[i].name, body->trailers[i].value);
    }
    writ_buf_put_str(out, "\r\n");
}

/* The body went out as far as it came in, or the upstream takes no more. */
static enum pump
flush_request(struct client *c, enum pump so_far)
{
    struct upstream *up = c->x.up;
    bool full = writ_buf_len(&up->out) >= GATEWAY_HIGH_BYTES;
    enum writ_err e = stream_flush(&up->s, &up->out);

    if (e == WRIT_OK && up->out.mem != NULL && !c->x.wiped) {
        explicit_bzero(up->out.mem, up->out.size); /* the credential was in it */
        c->x.wiped = true;
    }
    if (e == WRIT_E_CLOSED) {
        /* it may have answered before it closed: read on, but send no more */
        c->x.early = c->x.early || !c->x.request_done;
        c->x.request_done = true;
        writ_buf_reset(&up->out);
        up->s.readable = true;
    }
    return full && writ_buf_len(&up->out) < GATEWAY_HIGH_BYTES ? PUMP_MOVED : so_far;
}

static enum pump
move_request_body(struct client *c)
{
    struct exchange *x = &c->x;
    struct writ_http1_fault fault = {0};
    struct writ_http1_body_out out;

    if (writ_http1_body_feed(&x->request_body, writ_buf_span(&c->in), &out, &fault) != WRIT_OK) {
        exchange_fail(c, fault.status, "malformed", fault.reason);
        return PUMP_OVER;
    }
    if (out.event == WRIT_HTTP1_BODY_DATA)
        put_data(&x->up->out, x->in_chunked, out.data);
    if (out.event == WRIT_HTTP1_BODY_DONE) {
        if (x->in_chunked)
            put_last_chunk(&x->up->out, &x->request_body,
                           policy_reads_headers(c->gw->policy) ? NULL : x->service);
        x->request_done = true;
    }
    writ_buf_consume(&c->in, out.consumed);
    return out.event == WRIT_HTTP1_BODY_MORE ? PUMP_STUCK : PUMP_MOVED;
}

/* More of the request, if there is any: else stuck. */
static enum pump
read_request(struct client *c)
{
    enum writ_err e = c->s.readable ? stream_fill(&c->s, &c->in, GATEWAY_READ_BYTES) : WRIT_E_AGAIN;

    if (e == WRIT_E_AGAIN)
        return PUMP_STUCK;
    if (e != WRIT_OK) {
        exchange_drop(c);
        return PUMP_OVER;
    }
    return PUMP_MOVED;
}

static enum pump
pump_request(struct client *c)
{
    struct exchange *x = &c->x;
    struct upstream *up = x->up;
    enum pump moved = PUMP_STUCK;

    while (!x->request_done && writ_buf_len(&up->out) < GATEWAY_HIGH_BYTES) {
        enum pump step = move_request_body(c);

        if (step == PUMP_MOVED) {
            moved = PUMP_MOVED;
        } else if (step == PUMP_STUCK) {
            step = read_request(c);
        }
        if (step == PUMP_OVER)
            return PUMP_OVER;
        if (step == PUMP_STUCK)
            break;
    }
    return flush_request(c, moved);
}

/* ---- the answer, inwards -------------------------------------------------------------------- */

static bool
answered_header(const struct writ_http1_header *h)
{
    /* Alt-Svc names another way to the service, which does not exist from in here */
    return !writ_http1_is_hop_by_hop(h) && h->id != WRIT_HTTP1_H_CONTENT_LENGTH &&
           h->id != WRIT_HTTP1_H_ALT_SVC;
}

static void
put_answer_head(struct client *c)
{
    const struct writ_http1_response *res = &c->gw->response;
    struct exchange *x = &c->x;
    bool body = res->framing == WRIT_HTTP1_CHUNKED || res->framing == WRIT_HTTP1_UNTIL_CLOSE;

    x->out_chunked = body && !x->client_http10;
    if (body && x->client_http10)
        x->client_keep = false;
    writ_http1_put_status(&c->out, res->status);
    for (size_t i = 0; i < res->headers.count; i++) {
        if (answered_header(&res->headers.at[i]) &&
            !inject_returned(&x->decision, res->headers.at[i].value))
            writ_http1_put_header(&c->out, res->headers.at[i].name, res->headers.at[i].value);
    }
    if (x->out_chunked) {
        writ_http1_put_header_str(&c->out, "Transfer-Encoding", "chunked");
    } else if (res->framing == WRIT_HTTP1_LENGTH) {
        writ_http1_put_content_length(&c->out, res->length);
    } else if (res->has_length) {
        writ_http1_put_content_length(&c->out, res->length_field);
    }
    if (!x->client_keep) {
        writ_http1_put_header_str(&c->out, "Connection", "close");
    } else if (x->client_http10) {
        writ_http1_put_header_str(&c->out, "Connection", "keep-alive");
    }
    writ_http1_put_end(&c->out);
}

/* A server that mends an address ("/dir" to "/dir/") repeats the query that it was asked with, the
 * credential in it, and often once more in the body. Another line that has it is only left out. */
static bool
sends_back(const struct exchange *x, const struct writ_http1_response *res)
{
    const struct writ_http1_header *h = writ_http1_find(&res->headers, WRIT_HTTP1_H_LOCATION);

    return h != NULL && inject_returned(&x->decision, h->value);
}

static enum pump
read_answer_head(struct client *c)
{
    struct exchange *x = &c->x;
    struct upstream *up = x->up;
    struct writ_http1_response *res = &c->gw->response;
    struct writ_http1_fault fault = {0};
    enum writ_err e =
        writ_http1_parse_response(writ_buf_span(&up->in), &up->scanned, x->method, res, &fault);

    if (e == WRIT_E_AGAIN)
        return PUMP_STUCK;
    if (e != WRIT_OK || res->upgrade) {
        exchange_fail(c, 502, "upstream",
                      e != WRIT_OK ? fault.reason : "the service switched protocols");
        return PUMP_OVER;
    }
    up->scanned = 0;
    if (res->interim && ++x->interims > WRIT_HTTP_INTERIM_MAX) {
        exchange_fail(c, 502, "upstream", "the service sends interim answers without end");
        return PUMP_OVER;
    }
    if (res->interim) {
        if (res->status == 100 && x->expects && !x->client_http10)
            writ_buf_put_str(&c->out, "HTTP/1.1 100 Continue\r\n\r\n");
        writ_buf_consume(&up->in, res->head_len);
        return PUMP_MOVED;
    }
    if (sends_back(x, res)) {
        exchange_fail(c, 502, "upstream",
                      "the service redirects to an address with the credential");
        return PUMP_OVER;
    }
    if (!x->request_done)
        x->early = true; /* it may be closing on us: neither side is used again */
    x->status = res->status;
    x->first_us = writ_clock_mono_us();
    x->up_keep = res->keep_alive && res->framing != WRIT_HTTP1_UNTIL_CLOSE;
    x->client_keep = x->client_keep && !x->early;
    put_answer_head(c);
    writ_http1_body_init(&x->response_body, res->framing, res->length);
    writ_buf_consume(&up->in, res->head_len);
    x->head_done = true;
    x->response_done = res->framing == WRIT_HTTP1_NO_BODY;
    up->deadline_us = 0; /* a stream may be silent for as long as the task lives */
    if (c->out.failed) {
        exchange_fail(c, 502, "upstream", "the head of the answer is too large");
        return PUMP_OVER;
    }
    return PUMP_MOVED;
}

/* Past the copy: bytes that need no framing go straight from the one socket to the other. */
static enum writ_err
send_plain(struct client *c, struct writ_span data)
{
    if (writ_buf_len(&c->out) == 0 && data.len >= GATEWAY_READ_BYTES / 4) {
        ssize_t n = stream_write(&c->s, data);

        if (n == STREAM_ERROR)
            return WRIT_E_CLOSED;
        if (n > 0)
            data = writ_span_from(data, (size_t)n);
    }
    writ_buf_put(&c->out, data);
    return WRIT_OK;
}

static enum pump
move_answer_body(struct client *c)
{
    struct exchange *x = &c->x;
    struct upstream *up = x->up;
    struct writ_http1_fault fault = {0};
    struct writ_http1_body_out out;
    enum writ_err e = writ_http1_body_feed(&x->response_body, writ_buf_span(&up->in), &out, &fault);

    if (e != WRIT_OK) {
        exchange_fail(c, 502, "upstream", fault.reason);
        return PUMP_OVER;
    }
    if (out.event == WRIT_HTTP1_BODY_DATA && x->out_chunked) {
        put_data(&c->out, true, out.data);
    } else if (out.event == WRIT_HTTP1_BODY_DATA && send_plain(c, out.data) != WRIT_OK) {
        exchange_drop(c);
        return PUMP_OVER;
    }
    if (out.event == WRIT_HTTP1_BODY_DONE) {
        if (x->out_chunked)
            put_last_chunk(&c->out, &x->response_body, x->te_trailers ? x->service : NULL);
        x->response_done = true;
    }
    writ_buf_consume(&up->in, out.consumed);
    return out.event == WRIT_HTTP1_BODY_MORE ? PUMP_STUCK : PUMP_MOVED;
}

/* The upstream closed: that ends an answer without a length, and breaks any other. */
static enum pump
upstream_ended(struct client *c, enum writ_err how)
{
    struct exchange *x = &c->x;
    bool clean = how == WRIT_E_CLOSED;

    if (x->head_done && clean && writ_http1_body_end(&x->response_body) == WRIT_OK) {
        if (x->out_chunked)
            put_last_chunk(&c->out, &x->response_body, NULL);
        x->response_done = true;
        return PUMP_MOVED;
    }
    if (!x->head_done && x->retryable && !x->retried && x->up->reused &&
        writ_buf_len(&x->up->in) == 0) {
        /* it closed the idle connection just as we took it: nobody has seen the request */
        upstream_release(x->up, false);
        x->retried = true;
        request_again(c);
        return PUMP_OVER;
    }
    exchange_fail(c, 502, "upstream",
                  x->head_done ? "the service broke off its answer"
                               : "the service closed the connection without an answer");
    return PUMP_OVER;
}

static void
finish(struct client *c)
{
    struct exchange *x = &c->x;
    struct upstream *up = x->up;

    if (!report_request_end(c, NULL))
        x->client_keep = false; /* a ledger that takes no more lets no further request pass */
    writ_buf_consume(&c->in, x->head_len);
    x->head_len = 0;
    upstream_release(up, x->up_keep && !x->early);
    x->service = NULL;
    if (x->client_keep && !c->s.eof) {
        client_next(c);
    } else {
        client_finish(c);
    }
}

/* More of the answer, if there is any: else stuck. */
static enum pump
read_answer(struct client *c)
{
    struct upstream *up = c->x.up;
    size_t n =
        c->x.response_body.left > EXCHANGE_BIG_BYTES ? EXCHANGE_BIG_BYTES : GATEWAY_READ_BYTES;
    enum writ_err e = up->s.readable ? stream_fill(&up->s, &up->in, n) : WRIT_E_AGAIN;

    if (e == WRIT_E_AGAIN)
        return PUMP_STUCK;
    if (e == WRIT_E_LIMIT) {
        exchange_fail(c, 502, "upstream", "the head of the answer is too large");
        return PUMP_OVER;
    }
    if (e != WRIT_OK && upstream_ended(c, e) == PUMP_OVER)
        return PUMP_OVER;
    return PUMP_MOVED;
}

static enum pump
pump_response(struct client *c)
{
    struct exchange *x = &c->x;
    enum pump moved = PUMP_STUCK;
    bool full;

    while (!x->response_done && writ_buf_len(&c->out) < GATEWAY_HIGH_BYTES) {
        enum pump step = x->head_done ? move_answer_body(c) : read_answer_head(c);

        if (step == PUMP_STUCK)
            step = read_answer(c);
        if (step == PUMP_OVER)
            return PUMP_OVER;
        if (step == PUMP_STUCK)
            break;
        moved = PUMP_MOVED;
    }
    full = writ_buf_len(&c->out) >= GATEWAY_HIGH_BYTES;
    if (c->out.failed || stream_flush(&c->s, &c->out) == WRIT_E_CLOSED) {
        exchange_drop(c);
        return PUMP_OVER;
    }
    if (x->response_done) {
        finish(c);
        return PUMP_OVER;
    }
    /* there is room again: what can be read already is read now, nothing else will tell of it */
    return full && writ_buf_len(&c->out) < GATEWAY_HIGH_BYTES ? PUMP_MOVED : moved;
}

void
exchange_pump(struct client *c)
{
    bool busy = false;

    for (unsigned turn = 0; turn < EXCHANGE_TURNS_MAX; turn++) {
        enum pump out;
        enum pump in;

        if (c->state != CLIENT_EXCHANGE || c->x.up == NULL)
            return;
        out = pump_request(c);
        if (out == PUMP_OVER)
            return;
        in = pump_response(c);
        if (in == PUMP_OVER)
            return;
        busy = out == PUMP_MOVED || in == PUMP_MOVED;
        if (!busy)
            break;
    }
    c->busy = busy; /* asks to be called in the next turn, though no socket may report anything */
    upstream_interest(c->x.up);
    client_interest(c);
}

/* ---- ends ----------------------------------------------------------------------------------- */

void
exchange_fail(struct client *c, unsigned status, const char *error, const char *reason)
{
    struct exchange *x = &c->x;
    struct refusal r = {status, error, reason, NULL, x->id};
    bool head_sent = x->head_done;
    bool recorded;

    if (!head_sent)
        x->status = status;
    recorded = report_request_end(c, reason);
    if (x->up != NULL)
        upstream_release(x->up, false);
    if (x->head_len != 0)
        writ_buf_consume(&c->in, x->head_len);
    x->head_len = 0;
    if (head_sent || c->out.failed || !recorded) {
        stream_abort(&c->s);
        client_close(c);
        return;
    }
    reply_refuse(c, &r, true);
    x->service = NULL;
    client_finish(c);
}

void
exchange_drop(struct client *c)
{
    if (c->x.service != NULL && !report_request_end(c, "the client went away"))
        c->x.client_keep = false; /* nothing follows on this connection anyway */
    if (c->x.up != NULL)
        upstream_release(c->x.up, false);
    c->x.service = NULL;
    client_close(c);
}
