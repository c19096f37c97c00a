#include "writ-gateway/reply.h"

#include <stdio.h>

#include "base/json.h"
#include "proto/http1_write.h"

enum { REPLY_BODY_MAX = 4096 };

static void
put_body(struct writ_buf *b, const struct refusal *r)
{
    struct writ_json j;
    char id[24];

    (void)snprintf(id, sizeof(id), "r%llu", (unsigned long long)r->request_id);
    writ_json_init(&j, b);
    writ_json_object(&j, NULL);
    writ_json_str(&j, "error", r->error);
    writ_json_str(&j, "reason", r->reason);
    writ_json_array(&j, "policy");
    for (size_t i = 0; r->decision != NULL && i < r->decision->policy_count; i++)
        writ_json_span(&j, NULL, r->decision->policies[i]);
    writ_json_array_end(&j);
    writ_json_str(&j, "request_id", id);
    writ_json_object_end(&j);
    writ_buf_put_u8(b, '\n');
}

void
reply_refuse(struct client *c, const struct refusal *r, bool close)
{
    WRIT_BUF_AUTO struct writ_buf body;

    writ_buf_init(&body, REPLY_BODY_MAX);
    put_body(&body, r);
    writ_http1_put_status(&c->out, r->status);
    writ_http1_put_header_str(&c->out, "Content-Type", "application/json");
    writ_http1_put_content_length(&c->out, writ_buf_len(&body));
    writ_http1_put_header_str(&c->out, "Cache-Control", "no-store");
    writ_http1_put_header_str(&c->out, "Connection", close ? "close" : "keep-alive");
    writ_http1_put_end(&c->out);
    if (c->x.method != WRIT_HTTP1_HEAD)
        writ_buf_put(&c->out, writ_buf_span(&body));
}
