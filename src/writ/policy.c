/*
 * writ policy: check, test, explain and format the policies of a profile.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/limits.h"
#include "writ/cmd.h"
#include "writ/policy_ask.h"
#include "writ/policy_files.h"

enum { OUT_BYTES_MAX = 16 * 1024 * 1024 };

static const char usage_text[] =
    "usage: writ policy check DIR|FILE [--json]       parse and validate\n"
    "       writ policy test DIR [--json]             run DIR/*.test.json\n"
    "       writ policy explain DIR --service NAME [--method GET] [--path /] [--query Q]\n"
    "                       [--profile NAME] [--json] why a request is allowed or denied\n"
    "       writ policy format DIR|FILE [--check]     rewrite in the usual layout\n"
    "       writ policy schema                        the words that policies may use\n";

struct options {
    const char *path;
    bool json;
    bool check;
    struct policy_ask ask;
    bool has_profile;
};

/* "dir/report/" is the profile "report" unless something else is said. */
static struct writ_span
folder_name(const char *path)
{
    size_t end = strlen(path);
    size_t from;

    while (end > 1 && path[end - 1] == '/')
        end--;
    from = end;
    while (from > 0 && path[from - 1] != '/')
        from--;
    return writ_span(path + from, end - from);
}

static struct writ_span *
text_option(struct options *o, const char *name)
{
    if (strcmp(name, "--method") == 0)
        return &o->ask.method;
    if (strcmp(name, "--service") == 0)
        return &o->ask.service;
    if (strcmp(name, "--path") == 0)
        return &o->ask.path;
    if (strcmp(name, "--query") == 0)
        return &o->ask.query;
    if (strcmp(name, "--profile") == 0)
        return &o->ask.profile;
    return strcmp(name, "--env") == 0 ? &o->ask.env : NULL;
}

/* The arguments after the subcommand's name. */
static bool
parse_options(int argc, char **argv, struct options *o)
{
    policy_ask_init(&o->ask, writ_span(NULL, 0));
    for (int i = 1; i < argc; i++) {
        struct writ_span *text = text_option(o, argv[i]);

        if (text != NULL && i + 1 < argc) {
            *text = writ_span_str(argv[++i]);
            o->ask.has_query = o->ask.has_query || text == &o->ask.query;
        } else if (strcmp(argv[i], "--json") == 0) {
            o->json = true;
        } else if (strcmp(argv[i], "--check") == 0) {
            o->check = true;
        } else if (argv[i][0] != '-' && o->path == NULL) {
            o->path = argv[i];
        } else {
            (void)fprintf(stderr, "writ: unexpected argument \"%s\"\n%s", argv[i], usage_text);
            return false;
        }
    }
    if (o->path == NULL) {
        (void)fprintf(stderr, "%s", usage_text);
        return false;
    }
    if (o->ask.profile.len == 0)
        o->ask.profile = folder_name(o->path);
    return true;
}

static void
print_buf(const struct writ_buf *b)
{
    struct writ_span s = writ_buf_span(b);

    (void)fwrite(s.ptr, 1, s.len, stdout);
}

/* ---- check ---- */

struct report {
    bool json;
    unsigned problems;
    struct writ_buf out;
    struct writ_json j;
};

static void
report_begin(struct report *r, bool json)
{
    *r = (struct report){.json = json};
    writ_buf_init(&r->out, OUT_BYTES_MAX);
    writ_json_init(&r->j, &r->out);
    writ_json_object(&r->j, NULL);
    writ_json_array(&r->j, "problems");
}

static void
report_problem(struct report *r, const struct cedar_error *e, const char *file)
{
    r->problems++;
    if (!r->json) {
        (void)fprintf(stderr, "%s:%u:%u: %s\n", file, e->line, e->col, e->text);
        return;
    }
    writ_json_object(&r->j, NULL);
    writ_json_str(&r->j, "file", file);
    writ_json_u64(&r->j, "line", e->line);
    writ_json_u64(&r->j, "col", e->col);
    writ_json_str(&r->j, "text", e->text);
    writ_json_object_end(&r->j);
}

static int
report_end(struct report *r, size_t policies)
{
    writ_json_array_end(&r->j);
    writ_json_u64(&r->j, "policies", policies);
    writ_json_bool(&r->j, "ok", r->problems == 0);
    writ_json_object_end(&r->j);
    if (r->json) {
        print_buf(&r->out);
        (void)putchar('\n');
    } else if (r->problems == 0) {
        (void)printf("%zu %s in order\n", policies, policies == 1 ? "policy is" : "policies are");
    }
    writ_buf_done(&r->out);
    return r->problems == 0 ? 0 : 1;
}

static void
check_all(const struct policy_files *f, const struct cedar_schema *schema, struct report *r,
          size_t *policies)
{
    struct cedar_policies *ps = NULL;
    struct cedar_error err;

    if (!policy_files_load(f, &ps, &err)) {
        report_problem(r, &err, err.file);
        return;
    }
    *policies = cedar_policies_count(ps);
    for (size_t i = 0; i < *policies; i++) {
        err = (struct cedar_error){.text = ""};
        if (cedar_policy_validate(ps, i, schema, CEDAR_STRICT, &err) != CEDAR_OK)
            report_problem(r, &err, err.file);
    }
    cedar_policies_free(ps);
}

static int
cmd_check(const struct options *o)
{
    POLICY_FILES_AUTO struct policy_files *f = NULL;
    struct cedar_schema *schema = policy_schema();
    struct report r;
    size_t policies = 0;

    if (schema == NULL || !policy_files_read(o->path, ".cedar", &f)) {
        cedar_schema_free(schema);
        return 1;
    }
    report_begin(&r, o->json);
    check_all(f, schema, &r, &policies);
    cedar_schema_free(schema);
    return report_end(&r, policies);
}

/* ---- test ---- */

struct suite {
    const struct options *o;
    const struct cedar_policies *ps;
    const struct cedar_schema *schema;
    const char *file;
    unsigned passed;
    struct report report;
};

static void
test_failed(struct suite *s, const struct writ_jval *v, const char *name, const char *what)
{
    struct cedar_error e = {.line = v->line, .col = v->col};

    (void)snprintf(e.text, sizeof e.text, "%.100s: %.280s", name, what);
    report_problem(&s->report, &e, s->file);
}

static bool
listed(const struct writ_jval *list, const char *label)
{
    for (const struct writ_jval *m = list->first; m != NULL; m = m->next) {
        if (m->kind == WRIT_J_STRING && writ_span_is(m->text, label))
            return true;
    }
    return false;
}

/* The labels of the determining policies are exactly the listed ones. */
static bool
same_policies(const struct suite *s, const struct cedar_answer *a, const struct writ_jval *list,
              char *got, size_t got_size)
{
    bool same = list->kind == WRIT_J_ARRAY && list->count == a->reason_count;
    size_t n = 0;

    got[0] = '\0';
    for (uint32_t i = 0; i < a->reason_count && i < CEDAR_ANSWER_MAX; i++) {
        char label[POLICY_LABEL_MAX];
        int w;

        (void)policy_label(s->ps, a->reason[i], label);
        same = same && listed(list, label);
        w = snprintf(got + n, got_size - n, "%s%s", i == 0 ? "" : ", ", label);
        if (w < 0 || (size_t)w >= got_size - n)
            break;
        n += (size_t)w;
    }
    return same;
}

static void
judge(struct suite *s, const struct writ_jval *v, const char *name, const struct cedar_answer *a)
{
    const struct writ_jval *expect = writ_jval_get(v, "expect");
    const struct writ_jval *policies = writ_jval_get(v, "policies");
    const char *decision = a->decision == CEDAR_ALLOW ? "allow" : "deny";
    char got[512];
    char what[640];

    if (expect == NULL ||
        (!writ_span_is(expect->text, "allow") && !writ_span_is(expect->text, "deny"))) {
        test_failed(s, v, name, "`expect` must be \"allow\" or \"deny\"");
    } else if (!writ_span_is(expect->text, decision)) {
        (void)snprintf(what, sizeof what, "the answer is %s", decision);
        test_failed(s, v, name, what);
    } else if (policies != NULL && !same_policies(s, a, policies, got, sizeof got)) {
        (void)snprintf(what, sizeof what, "decided by: %s", got[0] == '\0' ? "no policy" : got);
        test_failed(s, policies, name, what);
    } else {
        s->passed++;
    }
}

static void
run_test(struct suite *s, const struct writ_jval *v)
{
    const struct writ_jval *request = writ_jval_get(v, "request");
    const struct writ_jval *title = writ_jval_get(v, "name");
    struct policy_ask ask;
    struct policy_asked *q = NULL;
    struct writ_diag d = {.line = 0};
    struct cedar_error err = {.text = ""};
    struct cedar_answer a;
    char name[128] = "test";

    if (title != NULL && !writ_span_copy(title->text, name, sizeof name))
        name[0] = '\0';
    policy_ask_init(&ask, s->o->ask.profile);
    if (request == NULL) {
        test_failed(s, v, name, "a test needs `request` and `expect`");
        return;
    }
    if (!policy_ask_json(&ask, request, &d)) {
        test_failed(s, request, name, d.text);
        return;
    }
    if (!policy_asked_new(&ask, s->schema, &q, &err)) {
        test_failed(s, request, name, err.text);
        return;
    }
    cedar_decide(s->ps, policy_asked_store(q), policy_asked_request(q), CEDAR_STRICT_FORBID, &a);
    judge(s, v, name, &a);
    policy_asked_free(q);
}

static void
run_suite(struct suite *s, const struct policy_files *tests)
{
    for (size_t i = 0; i < tests->n; i++) {
        WRIT_JDOC_AUTO struct writ_jdoc *doc = NULL;
        struct writ_diag d = {.line = 0};
        struct cedar_error e = {.text = ""};

        s->file = tests->src[i].name;
        if (writ_jdoc_read(writ_buf_span(&tests->text[i]), &doc, &d) != WRIT_OK) {
            e.line = d.line;
            e.col = d.col;
            (void)snprintf(e.text, sizeof e.text, "%.*s", (int)sizeof e.text - 1, d.text);
            report_problem(&s->report, &e, s->file);
            continue;
        }
        if (writ_jdoc_root(doc)->kind != WRIT_J_ARRAY)
            test_failed(s, writ_jdoc_root(doc), s->file, "expected an array of tests");
        for (const struct writ_jval *v = writ_jdoc_root(doc)->first; v != NULL; v = v->next)
            run_test(s, v);
    }
}

static int
end_suite(struct suite *s)
{
    unsigned failed = s->report.problems;
    int ret;

    writ_json_array_end(&s->report.j);
    writ_json_u64(&s->report.j, "passed", s->passed);
    writ_json_u64(&s->report.j, "failed", failed);
    writ_json_object_end(&s->report.j);
    ret = failed == 0 && s->passed != 0 ? 0 : 1;
    if (s->o->json) {
        print_buf(&s->report.out);
    } else {
        (void)printf("%u passed, %u failed", s->passed, failed);
    }
    (void)putchar('\n');
    writ_buf_done(&s->report.out);
    return ret;
}

static int
cmd_test(const struct options *o)
{
    POLICY_FILES_AUTO struct policy_files *f = NULL;
    POLICY_FILES_AUTO struct policy_files *tests = NULL;
    struct cedar_policies *ps = NULL;
    struct cedar_schema *schema = policy_schema();
    struct suite s = {.o = o, .schema = schema};
    struct cedar_error err;
    int ret = 1;

    if (schema != NULL && policy_files_read(o->path, ".cedar", &f) &&
        policy_files_read(o->path, ".test.json", &tests)) {
        if (policy_files_load(f, &ps, &err)) {
            s.ps = ps;
            report_begin(&s.report, o->json);
            run_suite(&s, tests);
            ret = end_suite(&s);
        } else {
            (void)fprintf(stderr, "%s:%u:%u: %s\n", err.file, err.line, err.col, err.text);
        }
    }
    cedar_policies_free(ps);
    cedar_schema_free(schema);
    return ret;
}

/* ---- explain ---- */

static const char *
outcome_text(enum cedar_outcome o)
{
    switch (o) {
    case CEDAR_SATISFIED:
        return "applies";
    case CEDAR_OUT_OF_SCOPE:
        return "is about something else";
    case CEDAR_NOT_SATISFIED:
        return "a condition is not met";
    case CEDAR_FAILED:
        return "a condition cannot be evaluated";
    case CEDAR_IS_TEMPLATE:
        break;
    }
    return "is a template";
}

static void
explain_policy(const struct cedar_policies *ps, size_t i, const struct policy_asked *q,
               struct writ_json *j)
{
    struct cedar_policy_info info = cedar_policy_info(ps, i);
    struct cedar_explanation x;
    char label[POLICY_LABEL_MAX];
    const char *effect = info.effect == CEDAR_FORBID ? "forbid" : "permit";

    cedar_explain(ps, policy_asked_store(q), policy_asked_request(q), i, &x);
    (void)policy_label(ps, i, label);
    if (j != NULL) {
        writ_json_object(j, NULL);
        writ_json_str(j, "policy", label);
        writ_json_str(j, "effect", effect);
        writ_json_str(j, "outcome", outcome_text(x.outcome));
        writ_json_span(j, "file", writ_span(info.file.ptr, info.file.len));
        writ_json_u64(j, "line", x.line != 0 ? x.line : info.line);
        writ_json_str(j, "text", x.text);
        writ_json_object_end(j);
        return;
    }
    (void)printf("%s %s: %s", effect, label, outcome_text(x.outcome));
    if (x.line != 0) {
        (void)printf("\n    %.*s:%u:%u: %s", (int)info.file.len, info.file.ptr, x.line, x.col,
                     x.text);
    }
    (void)putchar('\n');
}

static int
explain_all(const struct options *o, const struct cedar_policies *ps, const struct policy_asked *q)
{
    WRIT_BUF_AUTO struct writ_buf out;
    struct writ_json j;
    struct cedar_answer a;

    cedar_decide(ps, policy_asked_store(q), policy_asked_request(q), CEDAR_STRICT_FORBID, &a);
    writ_buf_init(&out, OUT_BYTES_MAX);
    writ_json_init(&j, &out);
    writ_json_object(&j, NULL);
    writ_json_str(&j, "decision", a.decision == CEDAR_ALLOW ? "allow" : "deny");
    writ_json_array(&j, "policies");
    if (!o->json) {
        (void)printf("%s%s\n", a.decision == CEDAR_ALLOW ? "allow" : "deny",
                     a.reason_count == 0 ? ": no policy allows it" : "");
    }
    for (size_t i = 0; i < cedar_policies_count(ps); i++)
        explain_policy(ps, i, q, o->json ? &j : NULL);
    writ_json_array_end(&j);
    writ_json_object_end(&j);
    if (o->json) {
        print_buf(&out);
        (void)putchar('\n');
    }
    return a.decision == CEDAR_ALLOW ? 0 : 1;
}

static int
cmd_explain(const struct options *o)
{
    POLICY_FILES_AUTO struct policy_files *f = NULL;
    struct cedar_policies *ps = NULL;
    struct policy_asked *q = NULL;
    struct cedar_schema *schema = policy_schema();
    struct cedar_error err = {.text = ""};
    int ret = 2;

    if (o->ask.service.len == 0) {
        (void)fprintf(stderr, "writ: explain needs --service\n%s", usage_text);
    } else if (schema != NULL && policy_files_read(o->path, ".cedar", &f)) {
        if (policy_files_load(f, &ps, &err) && policy_asked_new(&o->ask, schema, &q, &err)) {
            ret = explain_all(o, ps, q);
        } else {
            (void)fprintf(stderr, "writ: %s%s%s\n", err.file, err.file[0] != '\0' ? ": " : "",
                          err.text);
        }
    }
    policy_asked_free(q);
    cedar_policies_free(ps);
    cedar_schema_free(schema);
    return ret;
}

/* ---- format ---- */

static void
put(void *arg, const char *bytes, size_t n)
{
    writ_buf_put((struct writ_buf *)arg, writ_span(bytes, n));
}

static bool
rewrite(const char *path, const struct writ_buf *b)
{
    char temp[POLICY_PATH_MAX + 16];
    WRIT_FD_AUTO int fd = -1;

    (void)snprintf(temp, sizeof temp, "%s.writ-format", path);
    fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0 || writ_write_full(fd, writ_buf_span(b)) != WRIT_OK || rename(temp, path) < 0) {
        (void)fprintf(stderr, "writ: cannot write %s\n", path);
        (void)unlink(temp);
        return false;
    }
    return true;
}

static int
cmd_format(const struct options *o)
{
    POLICY_FILES_AUTO struct policy_files *f = NULL;
    int ret = 0;

    if (!policy_files_read(o->path, ".cedar", &f))
        return 1;
    for (size_t i = 0; i < f->n; i++) {
        WRIT_BUF_AUTO struct writ_buf out;
        struct cedar_error err = {.text = ""};

        writ_buf_init(&out, OUT_BYTES_MAX);
        if (cedar_format(&f->src[i], put, &out, &err) != CEDAR_OK) {
            (void)fprintf(stderr, "%s:%u:%u: %s\n", f->path[i], err.line, err.col, err.text);
            ret = 1;
            continue;
        }
        if (writ_span_eq(writ_buf_span(&out), writ_buf_span(&f->text[i])))
            continue;
        (void)printf("%s%s\n", f->path[i], o->check ? " is not formatted" : "");
        if (o->check || !rewrite(f->path[i], &out))
            ret = 1;
    }
    return ret;
}

/* ---- schema ---- */

static int
cmd_schema(void)
{
    struct cedar_span text = policy_schema_text();

    return fwrite(text.ptr, 1, text.len, stdout) == text.len ? 0 : 1;
}

int
writ_cmd_policy(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(const struct options *o);
    } commands[] = {
        {"check", cmd_check}, {"test", cmd_test}, {"explain", cmd_explain}, {"format", cmd_format}};
    struct options o = {.path = NULL};

    if (argc > 1 && strcmp(argv[1], "schema") == 0)
        return cmd_schema();
    for (size_t i = 0; argc > 1 && i < WRIT_COUNT(commands); i++) {
        if (strcmp(argv[1], commands[i].name) == 0)
            return parse_options(argc - 1, argv + 1, &o) ? commands[i].run(&o) : 2;
    }
    (void)fprintf(argc > 1 && strcmp(argv[1], "--help") == 0 ? stdout : stderr, "%s", usage_text);
    return argc > 1 && strcmp(argv[1], "--help") == 0 ? 0 : 2;
}
