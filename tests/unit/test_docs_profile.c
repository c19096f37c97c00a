/*
 * docs/profile.md and docs/profile.schema.json say what the code does: every example loads, and
 * every key is in all three. usage: test_docs_profile DOCS
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "fixture_ca.h"
#include "profile/flags.h"
#include "profile/profile.h"
#include "test.h"

static char root[] = "/tmp/writ-docs-XXXXXX";

static void
put_file(const char *name, const char *text)
{
    FILE *f = fopen(name, "wb");

    if (f == NULL || fputs(text, f) < 0 || fclose(f) != 0)
        abort();
}

static void
set_up(void)
{
    if (mkdtemp(root) == NULL || chdir(root) != 0 || mkdir("data", 0755) != 0)
        abort();
    put_file("policy.cedar", "");
    put_file("tracker-ca.pem", fixture_ca);
}

static void
tear_down(void)
{
    char command[128];

    (void)snprintf(command, sizeof(command), "rm -r %s", root);
    /* NOLINTNEXTLINE(cert-env33-c): our own folder */
    if (chdir("/") != 0 || system(command) != 0)
        CHECK_ROW(false, "the test's folder could not be removed");
}

static char *
slurp(const char *docs, const char *name)
{
    char path[512];
    struct writ_buf b;
    char *text;

    (void)snprintf(path, sizeof(path), "%s/%s", docs, name);
    writ_buf_init(&b, 1 << 20);
    if (writ_read_file(AT_FDCWD, path, 1 << 19, &b) != WRIT_OK)
        abort();
    text = malloc(writ_buf_len(&b) + 1);
    if (text == NULL || !writ_span_copy(writ_buf_span(&b), text, writ_buf_len(&b) + 1))
        abort();
    writ_buf_done(&b);
    return text;
}

static void
check_example(const char *text, size_t len)
{
    struct writ_diag diag = {0};
    struct writ_doc d;

    if (!CHECK_ROW(writ_profile_parse(writ_span(text, len), root, "example", "", &d, &diag) ==
                       WRIT_OK,
                   diag.text)) {
        (void)fprintf(stderr, "  %u:%u in\n%.*s", diag.line, diag.col, (int)len, text);
        return;
    }
    writ_doc_done(&d);
}

static void
test_examples(const char *text)
{
    static const char begin[] = "\n```yaml\n";
    unsigned count = 0;

    for (const char *p = strstr(text, begin); p != NULL; p = strstr(p, begin)) {
        const char *end;

        p += sizeof(begin) - 1;
        end = strstr(p, "\n```\n");
        if (end == NULL)
            abort();
        check_example(p, (size_t)(end - p) + 1);
        p = end;
        count++;
    }
    CHECK(count >= 7);
}

/* Where each key stands, and a value of the wrong kind for it: known, but refused. */
static const struct {
    const char *key;
    const char *before;
} keys[] = {
    {"version", ""},
    {"name", ""},
    {"env", ""},
    {"command", ""},
    {"cwd", ""},
    {"files", ""},
    {"read", "files:\n  "},
    {"write", "files:\n  "},
    {"limits", ""},
    {"wall", "limits:\n  "},
    {"memory", "limits:\n  "},
    {"pids", "limits:\n  "},
    {"disk", "limits:\n  "},
    {"environment", ""},
    {"services", ""},
    {"url", "services:\n  a:\n    "},
    {"credential", "services:\n  a:\n    "},
    {"inject", "services:\n  a:\n    "},
    {"header", "services:\n  a:\n    inject:\n      "},
    {"format", "services:\n  a:\n    inject:\n      "},
    {"basic", "services:\n  a:\n    inject:\n      "},
    {"query", "services:\n  a:\n    inject:\n      "},
    {"cookie", "services:\n  a:\n    inject:\n      "},
    {"connect", "services:\n  a:\n    "},
    {"addresses", "services:\n  a:\n    "},
    {"ca", "services:\n  a:\n    "},
    {"plaintext", "services:\n  a:\n    "},
    {"policy", ""},
};

static void
test_keys(const char *page, const char *schema)
{
    for (size_t i = 0; i < WRIT_COUNT(keys); i++) {
        struct writ_diag diag = {0};
        struct writ_doc d;
        char text[256];

        (void)snprintf(text, sizeof(text), "%s%s: ~\n", keys[i].before, keys[i].key);
        CHECK_ROW(writ_profile_parse(writ_span_str(text), root, "key", "", &d, &diag) != WRIT_OK &&
                      strstr(diag.text, "unknown key") == NULL,
                  keys[i].key);
        (void)snprintf(text, sizeof(text), "\"%s\": {", keys[i].key);
        CHECK_ROW(strstr(schema, text) != NULL, keys[i].key);
        (void)snprintf(text, sizeof(text), "%s", keys[i].key);
        CHECK_ROW(strstr(page, text) != NULL, keys[i].key);
    }
}

/* Every flag is on the page. */
static void
test_flags(const char *page)
{
    struct writ_buf b;
    struct writ_span rest;

    writ_buf_init(&b, 8192);
    writ_flags_help(&b);
    for (rest = writ_buf_span(&b); rest.len != 0;) {
        const uint8_t *lf = memchr(rest.ptr, '\n', rest.len);
        const uint8_t *end = memchr(rest.ptr + 2, ' ', rest.len - 2);
        char name[64];

        if (lf == NULL || end == NULL ||
            !writ_span_copy(writ_span(rest.ptr + 2, (size_t)(end - rest.ptr) - 2), name,
                            sizeof(name)))
            abort();
        CHECK_ROW(strstr(page, name) != NULL || strcmp(name, "--help") == 0, name);
        rest = writ_span_from(rest, (size_t)(lf - rest.ptr) + 1);
    }
    writ_buf_done(&b);
}

int
main(int argc, char **argv)
{
    char *page;
    char *schema;

    if (argc != 2)
        return 2;
    page = slurp(argv[1], "profile.md");
    schema = slurp(argv[1], "profile.schema.json");
    set_up();
    test_examples(page);
    test_keys(page, schema);
    test_flags(page);
    tear_down();
    free(page);
    free(schema);
    return test_end();
}
