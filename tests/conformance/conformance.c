/*
 * conformance.c - runs Cedar's own tests: cedar-conformance DIR [WORD].
 *
 * DIR holds corpus-tests, tests, sample-data and so on; with WORD only the files whose name
 * contains it. Prints one line for each family and fails if any test did.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json_read.h"
#include "cedar/cedar.h"
#include "rejson.h"
#include "schema_same.h"
#include "trips.h"

enum { FILE_BYTES_MAX = 64 * 1024 * 1024, SHOWN_MAX = 20, ROOM = 64, NAMES_MAX = 20000 };

struct family {
    const char *name;
    unsigned passed;
    unsigned failed;
};

enum {
    DECISIONS,
    REASONS,
    ERRORS,
    HANDWRITTEN,
    SCHEMAS,
    ENTITIES,
    REQUESTS,
    SHOULD,
    STRICT,
    PERMISSIVE,
    TREE,
    TEXT_TRIP,
    JSON_TRIP,
    FORMAT_TRIP,
    FAMILIES,
};

static struct family families[FAMILIES] = {
    [DECISIONS] = {"corpus: decision", 0, 0},
    [REASONS] = {"corpus: reasons", 0, 0},
    [ERRORS] = {"corpus: erroring policies", 0, 0},
    [HANDWRITTEN] = {"handwritten requests", 0, 0},
    [SCHEMAS] = {"schemas as text and JSON", 0, 0},
    [ENTITIES] = {"entity validation", 0, 0},
    [REQUESTS] = {"request validation", 0, 0},
    [SHOULD] = {"shouldValidate", 0, 0},
    [STRICT] = {"policy validation, strict", 0, 0},
    [PERMISSIVE] = {"policy validation, permissive", 0, 0},
    [TREE] = {"both evaluators agree", 0, 0},
    [TEXT_TRIP] = {"text round trip", 0, 0},
    [JSON_TRIP] = {"JSON round trip", 0, 0},
    [FORMAT_TRIP] = {"formatted text", 0, 0},
};
static unsigned shown;
static const char *root;
static const char *only = "";

static bool
count(int family, bool ok, const char *file, const char *what)
{
    struct family *f = &families[family];

    if (ok) {
        f->passed++;
        return true;
    }
    f->failed++;
    if (shown++ < SHOWN_MAX)
        (void)fprintf(stderr, "%s: %s: %s\n", f->name, file, what);
    return false;
}

/* One test file and what it refers to. */
struct fixture {
    const char *file;
    struct writ_jdoc *doc;
    struct writ_buf text[3];
    struct cedar_policies *ps;
    struct cedar_store *store;
    struct cedar_schema *schema;
    struct cedar_error err;
};

static bool
slurp(const char *name, struct writ_buf *ret)
{
    char path[1024];

    writ_buf_init(ret, FILE_BYTES_MAX);
    (void)snprintf(path, sizeof path, "%s/%s", root, name);
    return writ_read_file(AT_FDCWD, path, FILE_BYTES_MAX, ret) == WRIT_OK;
}

/* The file that member key of the test names. */
static struct cedar_source
source(struct fixture *f, size_t slot, const char *key)
{
    const struct writ_jval *v = writ_jval_get(writ_jdoc_root(f->doc), key);
    char name[512] = "";
    struct writ_span text;

    if (v != NULL && writ_span_starts(v->text, "testdata/"))
        (void)snprintf(name, sizeof name, "validator-handwritten/%.*s", (int)v->text.len - 9,
                       (const char *)v->text.ptr + 9);
    else if (v != NULL && !writ_span_copy(v->text, name, sizeof name))
        name[0] = '\0';
    writ_buf_done(&f->text[slot]);
    if (!slurp(name, &f->text[slot]))
        (void)fprintf(stderr, "%s: cannot read its %s\n", f->file, key);
    text = writ_buf_span(&f->text[slot]);
    return (struct cedar_source){key, (const char *)text.ptr, text.len};
}

/* Everything but the entities. */
static bool
fixture_open(struct fixture *f, const char *file)
{
    struct writ_buf text;
    struct writ_diag d = {0};
    struct cedar_source policies;
    struct cedar_source schema;
    enum writ_err e;

    f->file = file;
    if (!slurp(file, &text))
        return false;
    e = writ_jdoc_read(writ_buf_span(&text), &f->doc, &d);
    writ_buf_done(&text);
    if (e != WRIT_OK)
        return false;
    policies = source(f, 0, "policies");
    schema = source(f, 2, "schema");
    return cedar_policies_load(&policies, 1, CEDAR_IDS_NUMBERED, &f->ps, &f->err) == CEDAR_OK &&
           cedar_schema_load(&schema, CEDAR_TEXT, &f->schema, &f->err) == CEDAR_OK;
}

static bool
fixture_load(struct fixture *f, const char *file)
{
    struct cedar_source entities;

    if (!fixture_open(f, file))
        return false;
    entities = source(f, 1, "entities");
    return cedar_store_new(&f->store) == CEDAR_OK &&
           cedar_store_add_json_typed(f->store, &entities, f->schema, &f->err) == CEDAR_OK &&
           cedar_store_seal(f->store, &f->err) == CEDAR_OK;
}

static void
fixture_done(struct fixture *f)
{
    cedar_policies_free(f->ps);
    cedar_store_free(f->store);
    cedar_schema_free(f->schema);
    writ_jdoc_freep(&f->doc);
    for (size_t i = 0; i < 3; i++)
        writ_buf_done(&f->text[i]);
}

static struct cedar_uid
uid_of(const struct writ_jval *request, const char *key)
{
    const struct writ_jval *v = writ_jval_get(request, key);
    const struct writ_jval *type = writ_jval_get(v, "type");
    const struct writ_jval *id = writ_jval_get(v, "id");

    return cedar_uid((struct cedar_span){(const char *)type->text.ptr, type->text.len},
                     (struct cedar_span){(const char *)id->text.ptr, id->text.len});
}

/* Whether the indexes are exactly the policies of that list of ids, as sets. */
static bool
same_ids(const struct cedar_policies *ps, const uint32_t *index, uint32_t n,
         const struct writ_jval *list)
{
    uint32_t found = 0;

    for (uint32_t i = 0; i < n; i++) {
        struct cedar_span id = cedar_policy_info(ps, index[i]).id;

        for (const struct writ_jval *v = list->first; v != NULL; v = v->next)
            found += writ_span_eq(v->text, writ_span(id.ptr, id.len)) ? 1 : 0;
    }
    return n == list->count && found == n;
}

/* The context of a request, with the schema's types where the action has any. */
static bool
context_of(struct fixture *f, const struct writ_jval *request, const struct cedar_uid *action,
           struct cedar_document **ret)
{
    struct writ_buf text;
    struct cedar_source src;
    bool ok;

    writ_buf_init(&text, FILE_BYTES_MAX);
    put_json(&text, writ_jval_get(request, "context"));
    src = (struct cedar_source){"context", (const char *)writ_buf_span(&text).ptr,
                                writ_buf_len(&text)};
    f->err.text[0] = '\0';
    ok = cedar_document_new_typed(&src, f->schema, action, ret, &f->err) == CEDAR_OK;
    writ_buf_done(&text);
    return ok;
}

static void
run_request(struct fixture *f, const struct writ_jval *request, bool corpus)
{
    struct cedar_document *context = NULL;
    struct cedar_request req = {.principal = uid_of(request, "principal"),
                                .action = uid_of(request, "action"),
                                .resource = uid_of(request, "resource")};
    bool allow = writ_span_is(writ_jval_get(request, "decision")->text, "allow");
    const struct writ_jval *validate = writ_jval_get(request, "validateRequest");
    struct cedar_answer a;
    bool decision;
    bool reasons;
    bool errors;

    if (!context_of(f, request, &req.action, &context)) {
        (void)count(corpus ? DECISIONS : HANDWRITTEN, false, f->file, f->err.text);
        return;
    }
    req.context = cedar_document_value(context);
    if ((validate == NULL || validate->yes) &&
        cedar_schema_check_request(f->schema, &req, &f->err) != CEDAR_OK)
        (void)count(corpus ? DECISIONS : HANDWRITTEN, false, f->file, f->err.text);
    cedar_decide(f->ps, f->store, &req, 0, &a);
    (void)count(TREE, tree_agrees(f->ps, f->store, &req, &a), f->file, "the evaluators differ");
    decision = (a.decision == CEDAR_ALLOW) == allow;
    reasons = same_ids(f->ps, a.reason, a.reason_count, writ_jval_get(request, "reason"));
    errors = same_ids(f->ps, a.error, a.error_count, writ_jval_get(request, "errors"));
    if (corpus) {
        (void)count(DECISIONS, decision, f->file, "wrong decision");
        (void)count(REASONS, reasons, f->file, "wrong reasons");
        (void)count(ERRORS, errors, f->file, "wrong erroring policies");
    } else {
        (void)count(HANDWRITTEN, decision && reasons && errors, f->file, "wrong answer");
    }
    cedar_document_free(context);
}

static void
run_file(const char *file, bool corpus)
{
    struct fixture f = {.file = file};
    const struct writ_jval *requests;
    struct cedar_source policies;

    if (!fixture_load(&f, file)) {
        (void)fprintf(stderr, "%s: %s:%u:%u: %s\n", file, f.err.file, f.err.line, f.err.col,
                      f.err.text);
        (void)count(corpus ? DECISIONS : HANDWRITTEN, false, file, "does not load");
        fixture_done(&f);
        return;
    }
    f.err.text[0] = '\0';
    (void)count(SHOULD,
                (cedar_policies_validate(f.ps, f.schema, CEDAR_STRICT, &f.err) == CEDAR_OK) ==
                    writ_jval_get(writ_jdoc_root(f.doc), "shouldValidate")->yes,
                file, f.err.text);
    (void)count(TEXT_TRIP, text_trip(f.ps), file, "printed policies differ");
    policies = source(&f, 0, "policies");
    (void)count(FORMAT_TRIP, format_trip(&policies), file, "the layout is not stable");
    (void)count(JSON_TRIP, json_trip(f.ps), file, "the JSON form differs");
    requests = writ_jval_get(writ_jdoc_root(f.doc), "requests");
    for (const struct writ_jval *r = requests->first; r != NULL; r = r->next)
        run_request(&f, r, corpus);
    fixture_done(&f);
}

/* corpus-json-schemas/HASH.cedarschema.json against corpus-tests/HASH.cedarschema */
static void
run_schema(const char *file, bool corpus)
{
    struct cedar_error err = {.text = ""};
    struct cedar_schema *a = NULL;
    struct cedar_schema *b = NULL;
    struct writ_buf json;
    struct writ_buf text;
    struct cedar_source src[2];
    char name[768];
    const char *base = strrchr(file, '/');

    (void)corpus;
    (void)snprintf(name, sizeof name, "corpus-tests%.*s", (int)(strlen(base) - 5), base);
    if (!slurp(file, &json) || !slurp(name, &text))
        return;
    src[0] =
        (struct cedar_source){"text", (const char *)writ_buf_span(&text).ptr, writ_buf_len(&text)};
    src[1] =
        (struct cedar_source){"json", (const char *)writ_buf_span(&json).ptr, writ_buf_len(&json)};
    (void)count(SCHEMAS,
                cedar_schema_load(&src[0], CEDAR_TEXT, &a, &err) == CEDAR_OK &&
                    cedar_schema_load(&src[1], CEDAR_JSON, &b, &err) == CEDAR_OK &&
                    schema_same(a, b),
                file, err.text[0] != '\0' ? err.text : "the two forms differ");
    cedar_schema_free(a);
    cedar_schema_free(b);
    writ_buf_done(&json);
    writ_buf_done(&text);
}

/* Whether this entity alone conforms to the schema. */
static bool
entity_conforms(struct fixture *f, const struct writ_jval *entity)
{
    struct cedar_store *s = NULL;
    struct writ_buf text;
    struct cedar_source src;
    bool ok;

    writ_buf_init(&text, FILE_BYTES_MAX);
    writ_buf_put_u8(&text, '[');
    put_json(&text, entity);
    writ_buf_put_u8(&text, ']');
    src = (struct cedar_source){"entity", (const char *)writ_buf_span(&text).ptr,
                                writ_buf_len(&text)};
    f->err.text[0] = '\0';
    ok = cedar_store_new(&s) == CEDAR_OK &&
         cedar_store_add_json_typed(s, &src, f->schema, &f->err) == CEDAR_OK;
    cedar_store_free(s);
    writ_buf_done(&text);
    return ok;
}

static void
run_entities(struct fixture *f, const struct writ_jval *verdicts)
{
    struct cedar_source src = source(f, 1, "entities");
    struct writ_jdoc *doc = NULL;

    if (writ_jdoc_read(writ_span(src.text, src.len), &doc, NULL) != WRIT_OK)
        return;
    for (const struct writ_jval *e = writ_jdoc_root(doc)->first; e != NULL; e = e->next) {
        const struct writ_jval *uid = writ_jval_get(e, "uid");
        const struct writ_jval *verdict = NULL;
        char key[1024];

        if (writ_jval_get(uid, "__entity") != NULL)
            uid = writ_jval_get(uid, "__entity");
        (void)snprintf(key, sizeof key, "%.*s::%.*s", (int)writ_jval_get(uid, "type")->text.len,
                       (const char *)writ_jval_get(uid, "type")->text.ptr,
                       (int)writ_jval_get(uid, "id")->text.len,
                       (const char *)writ_jval_get(uid, "id")->text.ptr);
        verdict = writ_jval_get(verdicts, key);
        if (verdict != NULL)
            (void)count(ENTITIES,
                        entity_conforms(f, e) == (writ_jval_get(verdict, "errors") == NULL),
                        f->file, key);
    }
    writ_jdoc_freep(&doc);
}

static void
run_request_verdicts(struct fixture *f, const struct writ_jval *verdict)
{
    const struct writ_jval *requests = writ_jval_get(writ_jdoc_root(f->doc), "requests");
    const struct writ_jval *r = requests->first;

    for (; r != NULL && verdict != NULL; r = r->next, verdict = verdict->next) {
        struct cedar_document *context = NULL;
        struct cedar_request req = {.principal = uid_of(r, "principal"),
                                    .action = uid_of(r, "action"),
                                    .resource = uid_of(r, "resource")};
        bool ok = context_of(f, r, &req.action, &context);

        if (ok) {
            req.context = cedar_document_value(context);
            ok = cedar_schema_check_request(f->schema, &req, &f->err) == CEDAR_OK;
        }
        (void)count(REQUESTS, ok == writ_jval_get(verdict, "strict")->yes, f->file, f->err.text);
        cedar_document_free(context);
    }
}

static void
run_policy_verdicts(struct fixture *f, const struct writ_jval *verdicts)
{
    static const char *const modes[] = {"strict", "permissive"};

    for (size_t i = 0; i < cedar_policies_count(f->ps); i++) {
        struct cedar_span id = cedar_policy_info(f->ps, i).id;
        char key[64];
        const struct writ_jval *verdict;

        (void)snprintf(key, sizeof key, "%.*s", (int)id.len, id.ptr);
        verdict = writ_jval_get(verdicts, key);
        for (unsigned m = 0; verdict != NULL && m < 2; m++) {
            char what[512];
            bool ok;

            f->err = (struct cedar_error){.text = ""};
            ok =
                cedar_policy_validate(f->ps, i, f->schema, (enum cedar_mode)m, &f->err) == CEDAR_OK;
            (void)snprintf(what, sizeof what, "%s: ours %s: %u:%u: %s", key, ok ? "ok" : "bad",
                           f->err.line, f->err.col, f->err.text);
            (void)count(m == 0 ? STRICT : PERMISSIVE, ok == writ_jval_get(verdict, modes[m])->yes,
                        f->file, what);
        }
    }
}

/* DIR/NAME.validation.json beside the test of that name. */
static void
run_verdicts(const char *file, bool corpus)
{
    struct fixture f = {.file = file};
    struct writ_jdoc *doc = NULL;
    struct writ_buf text;
    char name[768];
    const char *base = strrchr(file, '/') + 1;
    const struct writ_jval *root_value;

    (void)snprintf(name, sizeof name, "%s/%.*s.json",
                   corpus ? "corpus-tests" : "validator-handwritten",
                   (int)(strlen(base) - strlen(".validation.json")), base);
    if (!slurp(file, &text) || writ_jdoc_read(writ_buf_span(&text), &doc, NULL) != WRIT_OK)
        return;
    writ_buf_done(&text);
    root_value = writ_jdoc_root(doc);
    if (fixture_open(&f, name)) {
        run_policy_verdicts(
            &f, writ_jval_get(writ_jval_get(root_value, "policyValidation"), "perPolicy"));
        run_entities(&f, writ_jval_get(writ_jval_get(root_value, "entityValidation"), "perEntity"));
        run_request_verdicts(&f, writ_jval_get(root_value, "requestValidation")->first);
    } else {
        (void)fprintf(stderr, "%s: %s:%u:%u: %s\n", name, f.err.file, f.err.line, f.err.col,
                      f.err.text);
        (void)count(ENTITIES, false, name, "does not load");
    }
    writ_jdoc_freep(&doc);
    fixture_done(&f);
}

static bool
ends_with(const char *name, const char *end)
{
    size_t n = strlen(name);
    size_t k = strlen(end);

    return n > k && strcmp(name + n - k, end) == 0;
}

static bool
is_test(const char *name, const char *end)
{
    return ends_with(name, end) &&
           (strcmp(end, ".json") != 0 ||
            (strstr(name, ".entities.") == NULL && strstr(name, ".validation.") == NULL));
}

static void
run_folder(const char *folder, const char *end, void (*run)(const char *file, bool corpus),
           bool corpus)
{
    char path[1024];
    struct dirent *d;
    DIR *dir;

    (void)snprintf(path, sizeof path, "%s/%s", root, folder);
    dir = opendir(path);
    if (dir == NULL)
        return;
    while ((d = readdir(dir)) != NULL) {
        char file[768];

        if (!is_test(d->d_name, end) || strstr(d->d_name, only) == NULL)
            continue;
        (void)snprintf(file, sizeof file, "%s/%s", folder, d->d_name);
        run(file, corpus);
    }
    (void)closedir(dir);
}

int
main(int argc, char **argv)
{
    static const char *const handwritten[] = {"tests/decimal", "tests/example_use_cases",
                                              "tests/ip", "tests/multi"};
    unsigned failed = 0;
    unsigned passed = 0;

    if (argc < 2) {
        (void)fprintf(stderr, "usage: cedar-conformance DIR [WORD]\n");
        return 2;
    }
    root = argv[1];
    only = argc > 2 ? argv[2] : "";
    run_folder("corpus-tests", ".json", run_file, true);
    for (size_t i = 0; i < WRIT_COUNT(handwritten); i++)
        run_folder(handwritten[i], ".json", run_file, false);
    run_folder("corpus-json-schemas", ".cedarschema.json", run_schema, true);
    run_folder("corpus-validation", ".validation.json", run_verdicts, true);
    run_folder("validator-handwritten", ".validation.json", run_verdicts, false);
    for (size_t i = 0; i < FAMILIES; i++) {
        (void)printf("%-28s %6u passed, %u failed\n", families[i].name, families[i].passed,
                     families[i].failed);
        passed += families[i].passed;
        failed += families[i].failed;
    }
    (void)printf("%u passed, %u failed\n", passed, failed);
    return failed == 0 && passed != 0 ? 0 : 1;
}
