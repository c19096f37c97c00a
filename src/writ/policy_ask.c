#include "writ/policy_ask.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"
#include "proto/http1_path.h"

enum { INPUT_FIELDS = 6, SESSION_FIELDS = 3, TASK_FIELDS = 5, SERVICE_FIELDS = 5 };

struct policy_asked {
    struct cedar_store *store;
    struct cedar_request req;
    struct cedar_entity route;
    struct cedar_uid profile;
    struct cedar_uid service;
    struct cedar_field route_attrs[2];
    struct cedar_field top[2];
    struct cedar_field input[INPUT_FIELDS];
    struct cedar_field session[SESSION_FIELDS];
    struct cedar_value segments[POLICY_SEGMENTS_MAX];
    char action[64];
    char route_id[WRIT_HTTP_TARGET_BYTES_MAX];
};

static struct cedar_value
text(struct writ_span s)
{
    return cedar_string(s.len == 0 ? "" : (const char *)s.ptr, s.len);
}

static struct cedar_field
field(const char *name, struct cedar_value v)
{
    return (struct cedar_field){name, (uint32_t)strlen(name), v};
}

static struct cedar_uid
uid(const char *type, struct writ_span id)
{
    return cedar_uid(cedar_span_str(type), (struct cedar_span){(const char *)id.ptr, id.len});
}

void
policy_ask_init(struct policy_ask *a, struct writ_span profile)
{
    *a = (struct policy_ask){.method = writ_span_str("GET"),
                             .path = writ_span_str("/"),
                             .length = -1,
                             .profile = profile,
                             .env = writ_span_str("test"),
                             .user = writ_span_str("test"),
                             .uid = 1000,
                             .now = cedar_datetime(1767225600000), /* 2026-01-01 */
                             .credentialed = true};
}

static bool
wrong(const struct writ_jval *v, struct writ_diag *d, const char *what)
{
    writ_diag_set(d, v->line, v->col, "%s", what);
    return false;
}

static bool
headers_json(struct policy_ask *a, const struct writ_jval *v, struct writ_diag *d)
{
    if (v->kind != WRIT_J_OBJECT || v->count > POLICY_HEADERS_MAX)
        return wrong(v, d, "expected an object of a few headers");
    for (const struct writ_jval *m = v->first; m != NULL; m = m->next) {
        if (m->kind != WRIT_J_STRING)
            return wrong(m, d, "expected a string");
        a->headers[a->header_n++] =
            (struct cedar_field){(const char *)m->key.ptr, (uint32_t)m->key.len, text(m->text)};
    }
    return true;
}

static bool
other_json(struct policy_ask *a, const struct writ_jval *m, struct writ_diag *d)
{
    struct cedar_span s = {(const char *)m->text.ptr, m->text.len};

    if (writ_span_is(m->key, "headers"))
        return headers_json(a, m, d);
    if (writ_span_is(m->key, "credentialed")) {
        a->credentialed = m->yes;
        return m->kind == WRIT_J_BOOL || wrong(m, d, "expected true or false");
    }
    if (writ_span_is(m->key, "now")) {
        return (m->kind == WRIT_J_STRING && cedar_ext_parse(CEDAR_DATETIME, s, &a->now)) ||
               wrong(m, d, "expected a time, as in 2026-01-31T10:00:00Z");
    }
    return wrong(m, d, "a request has no such member");
}

static bool
member_json(struct policy_ask *a, const struct writ_jval *m, struct writ_diag *d)
{
    const struct {
        const char *name;
        struct writ_span *text;
        int64_t *num;
    } members[] = {{"method", &a->method, NULL},   {"service", &a->service, NULL},
                   {"path", &a->path, NULL},       {"query", &a->query, NULL},
                   {"profile", &a->profile, NULL}, {"env", &a->env, NULL},
                   {"user", &a->user, NULL},       {"uid", NULL, &a->uid},
                   {"length", NULL, &a->length},   {"requests", NULL, &a->requests}};

    for (size_t i = 0; i < WRIT_COUNT(members); i++) {
        if (!writ_span_is(m->key, members[i].name))
            continue;
        if (members[i].text != NULL) {
            if (m->kind != WRIT_J_STRING)
                return wrong(m, d, "expected a string");
            *members[i].text = m->text;
            a->has_query = a->has_query || members[i].text == &a->query;
            return true;
        }
        if (!m->is_int || m->num < 0)
            return wrong(m, d, "expected a whole number");
        assert(members[i].num != NULL); /* each has one of the two */
        *members[i].num = m->num;
        return true;
    }
    return other_json(a, m, d);
}

bool
policy_ask_json(struct policy_ask *a, const struct writ_jval *v, struct writ_diag *d)
{
    if (v->kind != WRIT_J_OBJECT)
        return wrong(v, d, "expected a request: an object");
    for (const struct writ_jval *m = v->first; m != NULL; m = m->next) {
        if (!member_json(a, m, d))
            return false;
    }
    return a->service.len != 0 || wrong(v, d, "a request needs `service`");
}

static bool
add_entities(const struct policy_ask *a, struct policy_asked *q, const struct cedar_schema *schema,
             struct cedar_error *err)
{
    const struct cedar_field task[TASK_FIELDS] = {
        field("env", text(a->env)), field("profile", text(a->profile)),
        field("user", text(a->user)), field("uid", cedar_long(a->uid)), field("started", a->now)};
    const struct cedar_field service[SERVICE_FIELDS] = {
        field("name", text(a->service)), field("host", text(a->service)),
        field("port", cedar_long(443)), field("env", text(a->env)),
        field("credentialed", cedar_bool(a->credentialed))};
    const struct cedar_entity list[] = {
        {.uid = q->profile},
        {.uid = q->service, .attrs = service, .attr_count = SERVICE_FIELDS},
        {.uid = q->req.principal,
         .parents = &q->profile,
         .parent_count = 1,
         .attrs = task,
         .attr_count = TASK_FIELDS}};

    for (size_t i = 0; i < WRIT_COUNT(list); i++) {
        if (cedar_schema_check_entity(schema, &list[i], err) != CEDAR_OK ||
            cedar_store_add(q->store, &list[i], err) != CEDAR_OK)
            return false;
    }
    return cedar_store_add_actions(q->store, schema, err) == CEDAR_OK &&
           cedar_store_seal(q->store, err) == CEDAR_OK;
}

static bool
fill_context(const struct policy_ask *a, struct policy_asked *q)
{
    struct writ_span rest = a->path;
    struct writ_span segment;
    size_t segments = 0;
    size_t n = 0;

    while (writ_http1_path_next(&rest, &segment)) {
        if (segments == POLICY_SEGMENTS_MAX)
            return false;
        q->segments[segments++] = text(segment);
    }
    q->input[n++] = field("method", text(a->method));
    q->input[n++] = field("path", text(a->path));
    q->input[n++] = field("segments", cedar_set(q->segments, segments));
    q->input[n++] = field("headers", cedar_record(a->headers, a->header_n));
    if (a->has_query)
        q->input[n++] = field("query", text(a->query));
    if (a->length >= 0)
        q->input[n++] = field("length", cedar_long(a->length));
    q->session[0] = field("now", a->now);
    q->session[1] = field("env", text(a->env));
    q->session[2] = field("requests", cedar_long(a->requests));
    q->top[0] = field("input", cedar_record(q->input, n));
    q->top[1] = field("session", cedar_record(q->session, SESSION_FIELDS));
    q->req.context = cedar_record(q->top, 2);
    return true;
}

static bool
fill(const struct policy_ask *a, struct policy_asked *q, const struct cedar_schema *schema,
     struct cedar_error *err)
{
    int action = snprintf(q->action, sizeof q->action, "http:%.*s", (int)a->method.len,
                          (const char *)a->method.ptr);
    int route = snprintf(q->route_id, sizeof q->route_id, "%.*s %.*s", (int)a->service.len,
                         (const char *)a->service.ptr, (int)a->path.len, (const char *)a->path.ptr);

    if (action < 0 || (size_t)action >= sizeof q->action || route < 0 ||
        (size_t)route >= sizeof q->route_id || !fill_context(a, q)) {
        (void)snprintf(err->text, sizeof err->text, "the request is too long");
        return false;
    }
    q->profile = uid("Writ::Profile", a->profile);
    q->service = uid("Writ::Service", a->service);
    q->req.principal = uid("Writ::Task", writ_span_str("test"));
    q->req.action = uid("Writ::Action", writ_span_str(q->action));
    q->req.resource = uid("Writ::Route", writ_span_str(q->route_id));
    q->route_attrs[0] = field("path", text(a->path));
    q->route_attrs[1] = field("service", text(a->service));
    q->route = (struct cedar_entity){.uid = q->req.resource,
                                     .parents = &q->service,
                                     .parent_count = 1,
                                     .attrs = q->route_attrs,
                                     .attr_count = 2};
    q->req.locals = &q->route;
    q->req.local_count = 1;
    return cedar_schema_check_request(schema, &q->req, err) == CEDAR_OK &&
           cedar_schema_check_entity(schema, &q->route, err) == CEDAR_OK &&
           add_entities(a, q, schema, err);
}

bool
policy_asked_new(const struct policy_ask *a, const struct cedar_schema *schema,
                 struct policy_asked **ret, struct cedar_error *err)
{
    struct policy_asked *q = calloc(1, sizeof *q);

    if (q == NULL)
        return false;
    if (cedar_store_new(&q->store) != CEDAR_OK || !fill(a, q, schema, err)) {
        policy_asked_free(q);
        return false;
    }
    *ret = q;
    return true;
}

void
policy_asked_free(struct policy_asked *q)
{
    if (q == NULL)
        return;
    cedar_store_free(q->store);
    free(q);
}

const struct cedar_store *
policy_asked_store(const struct policy_asked *q)
{
    return q->store;
}

const struct cedar_request *
policy_asked_request(const struct policy_asked *q)
{
    return &q->req;
}
