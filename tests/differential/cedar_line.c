/*
 * cedar_line.c - answers jobs, one JSON object on a line each, with one line each.
 *
 * The differential fuzzer asks libcedar through it: {"op":"decide"|"parse"|"est"|"schema"|
 * "entities"|"validate", ...}. A job that is refused answers {"error":TEXT}.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "cedar/cedar.h"
#include "rejson.h"

enum { OUT_MAX = 64 * 1024 * 1024, LINKS_MAX = 16, SOURCES_MAX = 32 };

struct job {
    const struct writ_jval *v;
    struct writ_buf out;
    struct writ_buf text[4]; /* JSON pieces as text */
    struct cedar_error err;
    struct cedar_policies *ps;
    struct cedar_schema *schema;
    struct cedar_store *store;
    struct cedar_document *context;
};

static struct cedar_span
span_of(const struct writ_jval *v)
{
    return (struct cedar_span){(const char *)v->text.ptr, v->text.len};
}

static struct cedar_source
text_source(const struct writ_jval *v, const char *name)
{
    return (struct cedar_source){name, (const char *)v->text.ptr, v->text.len};
}

/* A JSON member as the text it was. */
static struct cedar_source
json_source(struct job *j, size_t slot, const char *key)
{
    const struct writ_jval *v = writ_jval_get(j->v, key);
    struct writ_span s;

    writ_buf_init(&j->text[slot], OUT_MAX);
    if (v != NULL)
        put_json(&j->text[slot], v);
    s = writ_buf_span(&j->text[slot]);
    return (struct cedar_source){key, (const char *)s.ptr, s.len};
}

static struct cedar_uid
uid_of(const struct writ_jval *v)
{
    return cedar_uid(span_of(writ_jval_get(v, "type")), span_of(writ_jval_get(v, "id")));
}

/* "policies" is text; "templates" a list of texts, one template each; "links" use their number. */
static bool
load_policies(struct job *j)
{
    const struct writ_jval *templates = writ_jval_get(j->v, "templates");
    const struct writ_jval *links = writ_jval_get(j->v, "links");
    const struct writ_jval *count = writ_jval_get(j->v, "count");
    struct cedar_source src[SOURCES_MAX];
    struct cedar_link link[LINKS_MAX];
    struct cedar_uid uids[LINKS_MAX][2];
    char ids[LINKS_MAX][32];
    size_t n = 0;
    size_t k = 0;

    src[n++] = text_source(writ_jval_get(j->v, "policies"), "policies");
    for (const struct writ_jval *t = templates == NULL ? NULL : templates->first;
         t != NULL && n < SOURCES_MAX; t = t->next)
        src[n++] = text_source(t, "template");
    for (const struct writ_jval *l = links == NULL ? NULL : links->first;
         l != NULL && k < LINKS_MAX; l = l->next, k++) {
        const struct writ_jval *principal = writ_jval_get(l, "principal");
        const struct writ_jval *resource = writ_jval_get(l, "resource");

        (void)snprintf(ids[k], sizeof ids[k], "policy%lld",
                       (long long)(count->num + writ_jval_get(l, "template")->num));
        link[k] = (struct cedar_link){.template_id = cedar_span_str(ids[k]),
                                      .id = span_of(writ_jval_get(l, "id"))};
        if (principal != NULL) {
            uids[k][0] = uid_of(principal);
            link[k].principal = &uids[k][0];
        }
        if (resource != NULL) {
            uids[k][1] = uid_of(resource);
            link[k].resource = &uids[k][1];
        }
    }
    return cedar_policies_load_linked(src, n, CEDAR_IDS_NUMBERED, link, k, &j->ps, &j->err) ==
           CEDAR_OK;
}

static bool
load_schema(struct job *j)
{
    const struct writ_jval *v = writ_jval_get(j->v, "schema");
    struct cedar_source src;

    if (v == NULL)
        return true;
    if (v->kind == WRIT_J_STRING) {
        src = text_source(v, "schema");
        return cedar_schema_load(&src, CEDAR_TEXT, &j->schema, &j->err) == CEDAR_OK;
    }
    src = json_source(j, 3, "schema");
    return cedar_schema_load(&src, CEDAR_JSON, &j->schema, &j->err) == CEDAR_OK;
}

static bool
load_entities(struct job *j)
{
    struct cedar_source src = json_source(j, 0, "entities");

    return cedar_store_new(&j->store) == CEDAR_OK &&
           cedar_store_add_json_typed(j->store, &src, j->schema, &j->err) == CEDAR_OK &&
           cedar_store_seal(j->store, &j->err) == CEDAR_OK;
}

static void
put_ids(struct job *j, const char *name, const uint32_t *index, uint32_t n)
{
    writ_buf_putf(&j->out, ",\"%s\":[", name);
    for (uint32_t i = 0; i < n; i++) {
        struct cedar_span id = cedar_policy_info(j->ps, index[i]).id;

        if (i != 0)
            writ_buf_put_u8(&j->out, ',');
        writ_json_quote(&j->out, writ_span(id.ptr, id.len));
    }
    writ_buf_put_u8(&j->out, ']');
}

static bool
run_decide(struct job *j)
{
    struct cedar_source src;
    struct cedar_request req;
    struct cedar_answer a;

    if (!load_schema(j) || !load_policies(j) || !load_entities(j))
        return false;
    req = (struct cedar_request){.principal = uid_of(writ_jval_get(j->v, "principal")),
                                 .action = uid_of(writ_jval_get(j->v, "action")),
                                 .resource = uid_of(writ_jval_get(j->v, "resource"))};
    src = json_source(j, 1, "context");
    if (j->schema == NULL ? cedar_document_new(&src, &j->context, &j->err) != CEDAR_OK
                          : cedar_document_new_typed(&src, j->schema, &req.action, &j->context,
                                                     &j->err) != CEDAR_OK)
        return false;
    req.context = cedar_document_value(j->context);
    if (j->schema != NULL && cedar_schema_check_request(j->schema, &req, &j->err) != CEDAR_OK)
        return false;
    cedar_decide(j->ps, j->store, &req, 0, &a);
    writ_buf_putf(&j->out, "{\"decision\":\"%s\"", a.decision == CEDAR_ALLOW ? "allow" : "deny");
    put_ids(j, "reason", a.reason, a.reason_count);
    put_ids(j, "errors", a.error, a.error_count);
    writ_buf_put_u8(&j->out, '}');
    return true;
}

static void
put(void *arg, const char *bytes, size_t n)
{
    writ_buf_put((struct writ_buf *)arg, writ_span(bytes, n));
}

/* The JSON form of every policy, and of every policy after a trip through its printed text. */
static bool
run_parse(struct job *j)
{
    if (!load_policies(j))
        return false;
    writ_buf_put_str(&j->out, "{\"policies\":[");
    for (size_t i = 0; i < cedar_policies_count(j->ps); i++) {
        if (i != 0)
            writ_buf_put_u8(&j->out, ',');
        if (cedar_policy_to_json(j->ps, i, put, &j->out) != CEDAR_OK)
            return false;
    }
    writ_buf_put_str(&j->out, "]}");
    return true;
}

/* A policy in the JSON form: its text. */
static bool
run_est(struct job *j)
{
    struct cedar_source src = json_source(j, 2, "est");
    WRIT_BUF_AUTO struct writ_buf text;

    writ_buf_init(&text, OUT_MAX);
    if (cedar_policies_load_json(&src, &j->ps, &j->err) != CEDAR_OK ||
        cedar_policy_to_text(j->ps, 0, put, &text) != CEDAR_OK)
        return false;
    writ_buf_put_str(&j->out, "{\"text\":");
    writ_json_quote(&j->out, writ_buf_span(&text));
    writ_buf_put_u8(&j->out, '}');
    return true;
}

static bool
run_validate(struct job *j)
{
    const char *comma = "";

    if (!load_schema(j) || !load_policies(j))
        return false;
    writ_buf_put_str(&j->out, "{\"bad\":[");
    for (size_t i = 0; i < cedar_policies_count(j->ps); i++) {
        struct cedar_span id = cedar_policy_info(j->ps, i).id;

        if (cedar_policy_validate(j->ps, i, j->schema, CEDAR_STRICT, &j->err) == CEDAR_OK)
            continue;
        writ_buf_put_str(&j->out, comma);
        writ_json_quote(&j->out, writ_span(id.ptr, id.len));
        comma = ",";
    }
    writ_buf_put_str(&j->out, "],\"first\":");
    writ_json_quote(&j->out, writ_span_str(j->err.text));
    writ_buf_put_u8(&j->out, '}');
    return true;
}

static bool
run_job(struct job *j)
{
    struct writ_span op = writ_jval_get(j->v, "op")->text;

    if (writ_span_is(op, "decide"))
        return run_decide(j);
    if (writ_span_is(op, "parse"))
        return run_parse(j);
    if (writ_span_is(op, "est"))
        return run_est(j);
    if (writ_span_is(op, "validate"))
        return run_validate(j);
    if (writ_span_is(op, "entities") ? load_schema(j) && load_entities(j) : load_schema(j)) {
        writ_buf_put_str(&j->out, "{}");
        return true;
    }
    return false;
}

static void
answer(const char *line, size_t len)
{
    WRIT_JDOC_AUTO struct writ_jdoc *doc = NULL;
    struct writ_diag d = {0};
    struct job j = {.ps = NULL};
    struct writ_span s;

    writ_buf_init(&j.out, OUT_MAX);
    if (writ_jdoc_read(writ_span(line, len), &doc, &d) != WRIT_OK) {
        (void)printf("{\"error\":\"job: %s\"}\n", d.text);
        return;
    }
    j.v = writ_jdoc_root(doc);
    if (!run_job(&j)) {
        writ_buf_reset(&j.out);
        writ_buf_put_str(&j.out, "{\"error\":");
        writ_json_quote(&j.out, writ_span_str(j.err.text));
        writ_buf_put_u8(&j.out, '}');
    }
    s = writ_buf_span(&j.out);
    (void)printf("%.*s\n", (int)s.len, (const char *)s.ptr);
    writ_buf_done(&j.out);
    for (size_t i = 0; i < WRIT_COUNT(j.text); i++)
        writ_buf_done(&j.text[i]);
    cedar_document_free(j.context);
    cedar_policies_free(j.ps);
    cedar_schema_free(j.schema);
    cedar_store_free(j.store);
}

int
main(void)
{
    char *line = NULL;
    size_t cap = 0;
    ssize_t n;

    while ((n = getline(&line, &cap, stdin)) > 0)
        answer(line, (size_t)n);
    free(line);
    return 0;
}
