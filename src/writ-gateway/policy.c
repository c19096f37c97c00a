#include "writ-gateway/policy.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/id.h"
#include "cedar/cedar.h"
#include "proto/http1_chars.h"
#include "proto/http1_path.h"
#include "writ-gateway/sieve.h"

enum {
    POLICY_ARENA_BYTES = 16384,
    POLICY_LABEL_BYTES = 160,
    POLICY_SEGMENTS_MAX = 64,
    POLICY_FIELDS_MAX = 16,
};

struct label {
    char text[POLICY_LABEL_BYTES];
    size_t len;
};

struct policy {
    struct cedar_policies *set;
    struct cedar_store *store;
    struct label *labels; /* one for each policy */
    struct cedar_uid principal;
    struct cedar_uid *services; /* by service index */
    struct cedar_uid actions[WRIT_HTTP1_CONNECT + 1];
    struct cedar_uid read;
    struct cedar_uid write;
    struct cedar_span env;
    uint64_t decided;
    bool wants_headers; /* some policy reads them: otherwise they are not put into the context */
    bool wants_segments;
    struct writ_buf
        folded; /* the policies' texts, if they read headers, folded as header names are */
    _Alignas(16) char arena[POLICY_ARENA_BYTES];
};

static struct cedar_span
borrow(struct writ_span s)
{
    return (struct cedar_span){(const char *)s.ptr, s.len};
}

static struct cedar_uid
uid(const char *type, const char *id)
{
    return cedar_uid(cedar_span_str(type), cedar_span_str(id));
}

static struct cedar_field
field(const char *name, struct cedar_value v)
{
    return (struct cedar_field){name, (uint32_t)strlen(name), v};
}

static struct cedar_value
text(struct writ_span s)
{
    return cedar_string(s.len == 0 ? "" : (const char *)s.ptr, s.len);
}

static const char *const method_names[WRIT_HTTP1_CONNECT + 1] = {
    [WRIT_HTTP1_GET] = "http:GET",         [WRIT_HTTP1_HEAD] = "http:HEAD",
    [WRIT_HTTP1_POST] = "http:POST",       [WRIT_HTTP1_PUT] = "http:PUT",
    [WRIT_HTTP1_DELETE] = "http:DELETE",   [WRIT_HTTP1_PATCH] = "http:PATCH",
    [WRIT_HTTP1_OPTIONS] = "http:OPTIONS", [WRIT_HTTP1_TRACE] = "http:TRACE",
    [WRIT_HTTP1_CONNECT] = "http:CONNECT",
};

static bool
is_read(enum writ_http1_method m)
{
    return m == WRIT_HTTP1_GET || m == WRIT_HTTP1_HEAD || m == WRIT_HTTP1_OPTIONS;
}

static bool
add(struct policy *p, const struct cedar_entity *e, struct cedar_error *err)
{
    return cedar_store_add(p->store, e, err) == CEDAR_OK;
}

static bool
add_actions(struct policy *p, struct cedar_error *err)
{
    struct cedar_uid any = uid("Writ::Action", "http:any");
    struct cedar_entity e = {.uid = any};

    p->read = uid("Writ::Action", "http:read");
    p->write = uid("Writ::Action", "http:write");
    if (!add(p, &e, err))
        return false;
    e = (struct cedar_entity){.uid = p->read, .parents = &any, .parent_count = 1};
    if (!add(p, &e, err))
        return false;
    e.uid = p->write;
    if (!add(p, &e, err))
        return false;
    for (size_t m = WRIT_HTTP1_GET; m <= WRIT_HTTP1_CONNECT; m++) {
        p->actions[m] = uid("Writ::Action", method_names[m]);
        e.uid = p->actions[m];
        e.parents = is_read((enum writ_http1_method)m) ? &p->read : &p->write;
        if (!add(p, &e, err))
            return false;
    }
    return true;
}

static bool
add_service(struct policy *p, const struct writ_doc_service *s, size_t i, struct cedar_error *err)
{
    const struct cedar_field attrs[] = {
        field("name", text(writ_span_str(s->name))),
        field("host", text(writ_span_str(s->host))),
        field("port", cedar_long(s->port)),
        field("env", text(writ_span_str(s->env))),
        field("credentialed", cedar_bool(s->credential[0] != '\0')),
    };
    struct cedar_entity e = {.attrs = attrs, .attr_count = WRIT_COUNT(attrs)};

    p->services[i] = uid("Writ::Service", s->name);
    e.uid = p->services[i];
    return add(p, &e, err);
}

static bool
add_task(struct policy *p, const struct writ_doc *doc, struct cedar_error *err)
{
    struct cedar_uid profile = uid("Writ::Profile", doc->profile);
    char invoker[16];
    struct cedar_entity e = {.uid = profile};

    (void)snprintf(invoker, sizeof(invoker), "%u", doc->invoker.uid);
    const struct cedar_field attrs[] = {
        field("env", text(writ_span_str(doc->env))),
        field("profile", text(writ_span_str(doc->profile))),
        field("user", text(writ_span_str(doc->invoker.user))),
        field("uid", cedar_long(doc->invoker.uid)),
        field("started", cedar_datetime(doc->started_us / 1000)),
    };
    if (!add(p, &e, err))
        return false;
    p->principal = uid("Writ::Task", doc->task.text);
    e = (struct cedar_entity){.uid = p->principal,
                              .parents = &profile,
                              .parent_count = 1,
                              .attrs = attrs,
                              .attr_count = WRIT_COUNT(attrs)};
    return add(p, &e, err);
}

static bool
add_entities(struct policy *p, const struct writ_doc *doc, struct cedar_error *err)
{
    if (!add_actions(p, err) || !add_task(p, doc, err))
        return false;
    for (size_t i = 0; i < doc->service_count; i++) {
        if (!add_service(p, &doc->services[i], i, err))
            return false;
    }
    return cedar_store_seal(p->store, err) == CEDAR_OK;
}

static enum writ_err
label_policies(struct policy *p)
{
    size_t n = cedar_policies_count(p->set);

    p->labels = calloc(n + 1, sizeof(*p->labels));
    if (p->labels == NULL)
        return WRIT_E_NOMEM;
    for (size_t i = 0; i < n; i++) {
        struct cedar_policy_info info = cedar_policy_info(p->set, i);
        struct label *l = &p->labels[i];
        struct cedar_span id;
        int len;

        if (cedar_policy_annotation(p->set, i, "id", &id) && id.len != 0) {
            len = snprintf(l->text, sizeof(l->text), "%.*s", (int)id.len, id.ptr);
        } else {
            len = snprintf(l->text, sizeof(l->text), "%.*s:%u", (int)info.file.len, info.file.ptr,
                           info.line);
        }
        l->len = len < 0 ? 0 : (size_t)len < sizeof(l->text) ? (size_t)len : sizeof(l->text) - 1;
    }
    return WRIT_OK;
}

static bool
mentions(const struct writ_doc *doc, const char *word)
{
    for (size_t i = 0; i < doc->policy_count; i++) {
        if (memmem(doc->policies[i].text.ptr, doc->policies[i].text.len, word, strlen(word)) !=
            NULL)
            return true;
    }
    return false;
}

static enum writ_err
load(const struct writ_doc *doc, struct policy *p, struct cedar_error *err)
{
    struct cedar_source *src = calloc(doc->policy_count + 1, sizeof(*src));
    enum cedar_err e;

    p->services = calloc(doc->service_count + 1, sizeof(*p->services));
    if (src == NULL || p->services == NULL) {
        free(src);
        return WRIT_E_NOMEM;
    }
    for (size_t i = 0; i < doc->policy_count; i++) {
        src[i] =
            (struct cedar_source){doc->policies[i].file, (const char *)doc->policies[i].text.ptr,
                                  doc->policies[i].text.len};
    }
    e = cedar_policies_load(src, doc->policy_count, 0, &p->set, err);
    free(src);
    if (e != CEDAR_OK || cedar_store_new(&p->store) != CEDAR_OK || !add_entities(p, doc, err))
        return e == CEDAR_E_NOMEM ? WRIT_E_NOMEM : WRIT_E_FORMAT;
    return label_policies(p);
}

static uint8_t
fold(uint8_t c)
{
    return writ_http1_fold[c] == 0 ? c : writ_http1_fold[c];
}

static bool
fold_texts(struct policy *p, const struct writ_doc *doc)
{
    writ_buf_init(&p->folded, (WRIT_POLICY_BYTES_MAX + 1UL) * WRIT_POLICIES_MAX);
    for (size_t i = 0; i < doc->policy_count; i++) {
        struct writ_span text = doc->policies[i].text;
        uint8_t *at;

        if (writ_buf_reserve(&p->folded, text.len + 1, &at) != WRIT_OK)
            return false;
        for (size_t k = 0; k < text.len; k++)
            at[k] = fold(text.ptr[k]);
        at[text.len] = ' ';
        writ_buf_commit(&p->folded, text.len + 1);
    }
    return true;
}

enum writ_err
policy_new(const struct writ_doc *doc, struct policy **ret, struct writ_diag *diag)
{
    struct policy *p = calloc(1, sizeof(*p));
    struct cedar_error err = {0};
    enum writ_err e;

    if (p == NULL)
        return WRIT_E_NOMEM;
    e = load(doc, p, &err);
    if (e != WRIT_OK) {
        (void)snprintf(diag->file, sizeof(diag->file), "%s", err.file);
        writ_diag_set(diag, err.line, err.col, "%s",
                      err.text[0] != '\0' ? err.text : "out of memory");
        policy_free(p);
        return e;
    }
    p->env = borrow(writ_span_str(doc->env));
    p->wants_headers = mentions(doc, "headers");
    p->wants_segments = mentions(doc, "segments");
    if (p->wants_headers && !fold_texts(p, doc)) {
        policy_free(p);
        return WRIT_E_NOMEM;
    }
    *ret = p;
    return WRIT_OK;
}

void
policy_free(struct policy *p)
{
    if (p == NULL)
        return;
    writ_buf_done(&p->folded);
    cedar_policies_free(p->set);
    cedar_store_free(p->store);
    free(p->labels);
    free(p->services);
    free(p);
}

bool
policy_reads_headers(const struct policy *p)
{
    return p->wants_headers;
}

static bool
named_by_policies(const struct policy *p, struct writ_span name)
{
    uint8_t folded[WRIT_HTTP_HEAD_BYTES_MAX];

    for (size_t i = 0; i < name.len; i++)
        folded[i] = fold(name.ptr[i]);
    return memmem(writ_buf_span(&p->folded).ptr, writ_buf_len(&p->folded), folded, name.len) !=
           NULL;
}

static bool
is_odd(struct writ_span name)
{
    for (size_t i = 0; i < name.len; i++) {
        if ((writ_http1_chars[name.ptr[i]] & WRIT_HTTP1_C_NAME) == 0)
            return true;
    }
    return false;
}

const char *
policy_why_not_judged(const struct policy *p, const struct service *s,
                      const struct writ_http1_headers *hs)
{
    for (size_t i = 0; p->wants_headers && i < hs->count; i++) {
        struct writ_span name = hs->at[i].name;
        bool twice = false;

        if (!sieve_shows(s, &hs->at[i]))
            continue;
        for (size_t k = 0; k < i && !twice; k++)
            twice = writ_http1_name_like(hs->at[k].name, name);
        if (twice && named_by_policies(p, name))
            return "a header twice that policy reads";
        if (is_odd(name) && named_by_policies(p, name))
            return "a header name that servers may take for one that policy reads";
    }
    return NULL;
}

/* Names in lower case. Of several lines with one name the first counts; policies read none of them
 * (policy_why_not_judged). */
static struct cedar_value
headers_value(struct cedar_arena *a, const struct question *q)
{
    const struct writ_http1_headers *hs = q->headers;
    struct cedar_field *fields = cedar_arena_take(a, (hs->count + 1) * sizeof(*fields));
    size_t n = 0;

    for (size_t i = 0; fields != NULL && i < hs->count; i++) {
        const struct writ_http1_header *h = &hs->at[i];
        char *name;

        if (!sieve_shows(q->service, h))
            continue;
        name = cedar_arena_take(a, h->name.len);
        if (name == NULL)
            break;
        for (size_t k = 0; k < h->name.len; k++) {
            uint8_t c = h->name.ptr[k];

            name[k] = (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
        }
        fields[n++] = (struct cedar_field){name, (uint32_t)h->name.len, text(h->value)};
    }
    return cedar_record(fields, n);
}

static struct cedar_value
segments_value(struct cedar_arena *a, struct writ_span path)
{
    struct cedar_value *items = cedar_arena_take(a, POLICY_SEGMENTS_MAX * sizeof(*items));
    struct writ_span segment;
    size_t n = 0;

    while (items != NULL && writ_http1_path_next(&path, &segment)) {
        if (n == POLICY_SEGMENTS_MAX) {
            a->failed = true; /* a set without its last members could satisfy a forbid's unless */
            break;
        }
        items[n++] = text(segment);
    }
    return cedar_set(items, n);
}

static struct cedar_value
context(struct policy *p, struct cedar_arena *a, const struct question *q)
{
    struct cedar_field *top = cedar_arena_take(a, 2 * sizeof(*top));
    struct cedar_field *input = cedar_arena_take(a, POLICY_FIELDS_MAX * sizeof(*input));
    struct cedar_field *session = cedar_arena_take(a, POLICY_FIELDS_MAX * sizeof(*session));
    size_t n = 0;
    size_t m = 0;

    if (top == NULL || input == NULL || session == NULL)
        return cedar_record(NULL, 0);
    input[n++] = field("method", text(q->method_name));
    input[n++] = field("path", text(q->path));
    if (q->has_query)
        input[n++] = field("query", text(q->query));
    if (q->body_bytes != UINT64_MAX) {
        input[n++] = field(
            "length", cedar_long(q->body_bytes > INT64_MAX ? INT64_MAX : (int64_t)q->body_bytes));
    }
    if (p->wants_segments)
        input[n++] = field("segments", segments_value(a, q->path));
    if (p->wants_headers)
        input[n++] = field("headers", headers_value(a, q));
    session[m++] = field("now", cedar_datetime(writ_clock_wall_us() / 1000));
    session[m++] = field("env", cedar_string(p->env.ptr, p->env.len));
    session[m++] = field("requests", cedar_long((int64_t)p->decided));
    top[0] = field("input", cedar_record(input, n));
    top[1] = field("session", cedar_record(session, m));
    return cedar_record(top, 2);
}

/* The route is "<service> <path>": it exists for this request only. */
static struct cedar_uid
route(struct cedar_arena *a, const struct question *q)
{
    size_t name = strlen(q->service->doc->name);
    char *id = cedar_arena_take(a, name + 1 + q->path.len);

    if (id == NULL)
        return uid("Writ::Route", "");
    memcpy(id, q->service->doc->name, name);
    id[name] = ' ';
    memcpy(id + name + 1, q->path.ptr, q->path.len);
    return cedar_uid(cedar_span_str("Writ::Route"),
                     (struct cedar_span){id, name + 1 + q->path.len});
}

static struct cedar_uid
action(struct policy *p, struct cedar_arena *a, const struct question *q,
       struct cedar_entity *local)
{
    char *id;

    if (q->method != WRIT_HTTP1_OTHER)
        return p->actions[q->method];
    id = cedar_arena_take(a, 5 + q->method_name.len);
    if (id == NULL)
        return uid("Writ::Action", "");
    memcpy(id, "http:", 5); // NOLINT(bugprone-not-null-terminated-result): a span needs no NUL
    memcpy(id + 5, q->method_name.ptr, q->method_name.len);
    *local =
        (struct cedar_entity){.uid = cedar_uid(cedar_span_str("Writ::Action"),
                                               (struct cedar_span){id, 5 + q->method_name.len}),
                              .parents = &p->write, /* a method nobody knows may change anything */
                              .parent_count = 1};
    return local->uid;
}

void
policy_decide(struct policy *p, const struct question *q, struct decision *ret)
{
    struct cedar_arena a = cedar_arena(p->arena, sizeof(p->arena));
    struct cedar_entity locals[2] = {0};
    struct cedar_field attrs[2];
    struct cedar_request req = {.locals = locals, .local_count = 1};
    struct cedar_answer answer;

    *ret = (struct decision){.service = q->service, .request_id = q->request_id};
    attrs[0] = field("path", text(q->path));
    attrs[1] = field("service", text(writ_span_str(q->service->doc->name)));
    locals[0] = (struct cedar_entity){.uid = route(&a, q),
                                      .parents = &p->services[q->service->index],
                                      .parent_count = 1,
                                      .attrs = attrs,
                                      .attr_count = 2};
    req.principal = p->principal;
    req.resource = locals[0].uid;
    req.action = action(p, &a, q, &locals[1]);
    if (q->method == WRIT_HTTP1_OTHER)
        req.local_count = 2;
    req.context = context(p, &a, q);
    p->decided++;
    if (a.failed)
        return; /* too large to be judged: denied without a policy's name */
    cedar_decide(p->set, p->store, &req, CEDAR_STRICT_FORBID, &answer);
    ret->allow = answer.decision == CEDAR_ALLOW && !answer.refused;
    for (size_t i = 0; i < answer.reason_count && i < DECISION_POLICIES_MAX; i++) {
        const struct label *l = &p->labels[answer.reason[i]];

        ret->policies[ret->policy_count++] = writ_span(l->text, l->len);
    }
}
