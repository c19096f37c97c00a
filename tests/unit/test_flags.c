/* The flags of `writ run`, and the writ printed as a profile. */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fixture_ca.h"
#include "profile/flags.h"
#include "profile/print.h"
#include "profile/profile.h"
#include "test.h"

enum { ARGS_MAX = 24 };

static char root[] = "/tmp/writ-flags-XXXXXX";

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
    static const char *const folders[] = {"state", "home", "p", "p/out", "data"};

    if (mkdtemp(root) == NULL || chdir(root) != 0)
        abort();
    for (size_t i = 0; i < WRIT_COUNT(folders); i++) {
        if (mkdir(folders[i], 0755) != 0)
            abort();
    }
    (void)setenv("WRIT_HOME", "/nowhere/writ", 1);
    (void)setenv("HOME", "/nowhere/home", 1);
    put_file("p/policy.cedar", "permit (principal, action, resource)\n  unless { 1 > 2 };\n");
    put_file("p/profile.yaml", "version: 1\nname: report\nenv: staging\ncommand: [python3, r.py]\n"
                               "files: {read: [.], write: [out]}\n"
                               "limits: {wall: 10m, pids: 64}\n"
                               "environment: {A: \"x: 'y'\\n\\t\\u00e9\\u2028z\"}\n"
                               "services:\n"
                               "  tracker: {url: 'https://api.tracker.test', credential: t, "
                               "inject: bearer}\n"
                               "policy: [policy.cedar]\n");
    put_file("ca.pem", fixture_ca);
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

static const struct writ_doc_service *
service(const struct writ_doc *d, const char *name)
{
    for (size_t i = 0; i < d->service_count; i++) {
        if (strcmp(d->services[i].name, name) == 0)
            return &d->services[i];
    }
    return NULL;
}

/* Splits at '|', which no flag of the tests holds. */
static enum writ_err
run(const char *line, struct writ_doc *ret, struct writ_diag *diag)
{
    static char text[1024];
    static struct writ_flags f;
    char *argv[ARGS_MAX + 1] = {NULL};
    int argc = 1;
    enum writ_err e;

    *diag = (struct writ_diag){0};
    (void)snprintf(text, sizeof(text), "run%s%s", line[0] == '\0' ? "" : "|", line);
    argv[0] = text;
    for (char *p = text; *p != '\0'; p++) {
        if (*p != '|')
            continue;
        *p = '\0';
        if (argc == ARGS_MAX)
            abort();
        argv[argc++] = p + 1;
    }
    e = writ_flags_parse(argc, argv, &f, diag);
    return e == WRIT_OK ? writ_flags_apply(&f, ret, diag) : e;
}

/* The same writ again after it was printed and read back, in another folder. */
static void
check_round_trip(struct writ_doc *d, const char *row)
{
    struct writ_buf text;
    struct writ_buf one;
    struct writ_buf two;
    struct writ_diag diag = {0};
    struct writ_doc back;

    writ_buf_init(&text, WRIT_WRIT_BYTES_MAX);
    writ_buf_init(&one, WRIT_WRIT_BYTES_MAX);
    writ_buf_init(&two, WRIT_WRIT_BYTES_MAX);
    CHECK_ROW(writ_profile_print(d, &text) == WRIT_OK, row);
    if (!CHECK_ROW(writ_profile_parse(writ_buf_span(&text), "/usr", "printed", "", &back, &diag) ==
                       WRIT_OK,
                   row)) {
        (void)fprintf(stderr, "  %u:%u: %s\n%.*s\n", diag.line, diag.col, diag.text,
                      (int)writ_buf_len(&text), (const char *)writ_buf_span(&text).ptr);
    } else {
        writ_profile_stamp(d);
        back.task = d->task;
        back.started_us = d->started_us;
        back.deadline_us = d->deadline_us;
        CHECK_ROW(writ_doc_encode(d, &one) == WRIT_OK && writ_doc_encode(&back, &two) == WRIT_OK &&
                      writ_span_eq(writ_buf_span(&one), writ_buf_span(&two)),
                  row);
        writ_doc_done(&back);
    }
    writ_buf_done(&text);
    writ_buf_done(&one);
    writ_buf_done(&two);
}

static void
test_services(void)
{
    struct writ_diag diag;
    struct writ_doc d;
    const struct writ_doc_service *s;

    if (!CHECK_ROW(run("--secret|tok@api.x.test|--secret=k2@api.x.test:8443/v2|--allow-host|"
                       "api.x.test|--allow-host|y.test:8080|--allow-host|http://[::1]:81|"
                       "--connect|api.x.test:8443=127.0.0.1:9443|--ca|ca.pem|--addresses|"
                       "127.0.0.0/8|--addresses|::1|--|curl|-s",
                       &d, &diag) == WRIT_OK,
                   diag.text))
        return;
    CHECK(strcmp(d.profile, "adhoc") == 0 && d.env[0] == '\0' && d.service_count == 5 &&
          d.policy_count == 5);
    CHECK(d.argc == 2 && strcmp(d.argv[1], "-s") == 0 && d.argv[2] == NULL);
    s = service(&d, "api.x.test");
    CHECK(s != NULL && s->scheme == WRIT_SCHEME_HTTPS && s->port == 443 &&
          strcmp(s->credential, "tok") == 0 && s->inject == WRIT_INJECT_HEADER &&
          strcmp(s->inject_before, "Bearer ") == 0 && s->connect_port == 0 && s->ca.len != 0 &&
          s->address_count == 2);
    s = service(&d, "api.x.test-8443-v2");
    CHECK(s != NULL && strcmp(s->base, "/v2/") == 0 && s->connect_port == 9443 &&
          strcmp(s->connect_host, "127.0.0.1") == 0);
    s = service(&d, "api.x.test-http");
    CHECK(s != NULL && s->scheme == WRIT_SCHEME_HTTP && s->port == 80 && s->ca.len == 0 &&
          s->credential[0] == '\0');
    s = service(&d, "y.test-8080");
    CHECK(s != NULL && s->scheme == WRIT_SCHEME_HTTPS && s->credential[0] == '\0');
    s = service(&d, "x-1-http-81");
    CHECK(s != NULL && strcmp(s->host, "::1") == 0 && s->port == 81);
    CHECK(strcmp(d.policies[0].file, "flag-api.x.test.cedar") == 0);
    CHECK(strstr((const char *)d.policies[0].text.ptr,
                 "resource in Writ::Service::\"api.x.test\"\n") != NULL);
    CHECK(strcmp(d.cwd, "/home/task") == 0);
    check_round_trip(&d, "services");
    writ_doc_done(&d);
}

static void
test_plain(void)
{
    struct writ_diag diag;
    struct writ_doc d;
    char here[128];

    if (!CHECK_ROW(run("--name|probe|--env|dev|--ttl|90s|--memory=64MiB|--pids|9|--disk|10MB|"
                       "--read|.|--write|data|--write|new|--setenv|A=b=c|--setenv|B=|true",
                       &d, &diag) == WRIT_OK,
                   diag.text))
        return;
    (void)snprintf(here, sizeof(here), "%s/data", root);
    CHECK(strcmp(d.profile, "probe") == 0 && strcmp(d.env, "dev") == 0 && d.service_count == 0 &&
          d.policy_count == 0);
    CHECK(d.limits.wall_ms == 90000 && d.limits.memory_bytes == 64U << 20 && d.limits.pids == 9 &&
          d.limits.disk_bytes == 10000000);
    CHECK(d.envc == 2 && strcmp(d.envp[0], "A=b=c") == 0 && strcmp(d.envp[1], "B=") == 0);
    CHECK(d.bind_count == 3 && strcmp(d.binds[0].host, root) == 0 && !d.binds[0].write &&
          strcmp(d.binds[1].host, here) == 0 && d.binds[1].write);
    CHECK(strcmp(d.cwd, root) == 0 && d.argc == 1 && strcmp(d.argv[0], "true") == 0);
    check_round_trip(&d, "plain");
    writ_doc_done(&d);
}

static void
test_with_profile(void)
{
    struct writ_diag diag;
    struct writ_doc d;

    if (CHECK_ROW(run("--profile|p", &d, &diag) == WRIT_OK, diag.text)) {
        CHECK(strcmp(d.profile, "report") == 0 && d.argc == 2 && d.limits.wall_ms == 600000);
        check_round_trip(&d, "profile");
        writ_doc_done(&d);
    }
    if (CHECK_ROW(run("--profile|p|--env|staging|--ttl|1m|--memory|1GiB|--allow-host|y.test|"
                      "--write|data|--print-profile",
                      &d, &diag) == WRIT_OK,
                  diag.text)) {
        CHECK(d.limits.wall_ms == 60000 && d.limits.memory_bytes == 1U << 30 &&
              d.limits.pids == 64 && d.service_count == 3 && d.policy_count == 3 &&
              d.bind_count == 3);
        check_round_trip(&d, "profile and flags");
        writ_doc_done(&d);
    }
    if (CHECK_ROW(run("--profile|p|--|sh|-c|--ttl", &d, &diag) == WRIT_OK, diag.text)) {
        CHECK(d.argc == 3 && strcmp(d.argv[0], "sh") == 0 && strcmp(d.argv[2], "--ttl") == 0 &&
              d.limits.wall_ms == 600000);
        writ_doc_done(&d);
    }
}

static const struct {
    const char *line;
    const char *file;
    const char *says;
} bad[] = {
    {"", "", "no command; write it behind the flags"},
    {"--", "", "no command"},
    {"--alow-host|x.test", "", "unknown flag `--alow-host`, did you mean `--allow-host`?"},
    {"--zzzz", "", "unknown flag `--zzzz`; `writ run --help` lists them"},
    {"--print-profil=1", "", "unknown flag `--print-profil`, did you mean `--print-profile`?"},
    {"-v", "", "unknown flag `-v`"},
    {"--ttl", "", "flag `--ttl` needs a value: --ttl TIME"},
    {"--print-profile=yes", "", "flag `--print-profile` takes no value"},
    {"--ttl|5m|--ttl|6m", "", "flag `--ttl` is given twice"},
    {"--ttl|5|true", "--ttl 5", "expected a duration"},
    {"--memory|lots|true", "--memory lots", "expected a size"},
    {"--env|a b|true", "--env a b", "`a b` is no environment label"},
    {"--name|a/b|true", "--name a/b", "`a/b` is no name"},
    {"--setenv|A|true", "--setenv A", "expected NAME=VALUE"},
    {"--setenv|LD_PRELOAD=x|true", "--setenv LD_PRELOAD=x", "decides which code"},
    {"--read|gone|true", "--read gone", "No such file"},
    {"--read|/|true", "--read /", "the whole machine"},
    {"--secret|tok|true", "--secret tok", "expected NAME@HOST"},
    {"--secret|@x.test|true", "--secret @x.test", "is no name of a credential"},
    {"--secret|t@X.test|true", "--secret t@X.test", "lower case"},
    {"--secret|t@http://x.test|true", "--secret x.test-http", "could be read on the way"},
    {"--secret|t@x.test|--secret|u@x.test|true", "--secret u@x.test", "already a service"},
    {"--allow-host|x.test/v1|true", "--allow-host x.test/v1", "expected HOST or HOST:PORT"},
    {"--allow-host|x.test:0|true", "--allow-host x.test:0", "1 to 65535"},
    {"--allow-host|127.0.0.1|true", "--allow-host 127.0.0.1", "is a loopback address"},
    {"--allow-host|x.test|--connect|x.test:443|true", "--connect x.test:443",
     "expected HOST:PORT=HOST:PORT"},
    {"--allow-host|x.test|--connect|y.test:443=z.test:1|true", "--connect y.test:443=z.test:1",
     "no --allow-host or --secret names this host and port"},
    {"--allow-host|x.test|--connect|x.test:443=10.0.0.1:1|true", "--allow-host x.test",
     "10.0.0.1 is a private address"},
    {"--addresses|10.0.0.0/8|true", "--addresses 10.0.0.0/8", "there are none"},
    {"--ca|ca.pem|true", "--ca ca.pem", "there are none"},
    {"--allow-host|x.test|--ca|gone.pem|true", "--ca gone.pem", "No such file"},
    {"--allow-host|x.test|--addresses|0.0.0.0/0|true", "--addresses 0.0.0.0/0", "narrowly"},
    {"--profile|gone|true", "gone/profile.yaml", "cannot read the profile"},
    {"--profile|p|--env|prod", "p/profile.yaml", "is for `staging`, but `prod` was asked for"},
    {"--profile|p|--name|x", "--name x", "a profile has its own name"},
    {"--profile|p|--ttl|11m", "--ttl 11m", "can only lower what the profile allows"},
    {"--profile|p|--pids|65", "--pids 65", "can only lower what the profile allows"},
    {"--profile|p|--setenv|A=1", "--setenv A=1", "set twice"},
    {"--profile|p|--write|p", "--write p", "is given twice"},
    {"--profile|p|--write|.", "--write .", "could change its own profile"},
    {"--profile|p|--write|p/policy.cedar", "--write p/policy.cedar", "change its own profile"},
    {"--profile|p|--addresses|10.0.0.0/8", "--addresses 10.0.0.0/8", "there are none"},
    {"--profile|p|--connect|api.tracker.test:443=x.test:443",
     "--connect api.tracker.test:443=x.test:443", "no --allow-host or --secret names"},
    {"--profile|p|--secret|mine@api.tracker.test", "--secret mine@api.tracker.test",
     "a request could belong to either"},
};

static void
test_bad(void)
{
    for (size_t i = 0; i < WRIT_COUNT(bad); i++) {
        struct writ_diag diag;
        struct writ_doc d;

        if (!CHECK_ROW(run(bad[i].line, &d, &diag) != WRIT_OK, bad[i].line)) {
            writ_doc_done(&d);
            continue;
        }
        if (!CHECK_ROW(strcmp(diag.file, bad[i].file) == 0 &&
                           strstr(diag.text, bad[i].says) != NULL && diag.line <= 3,
                       bad[i].line))
            (void)fprintf(stderr, "  `%s`: %s\n", diag.file, diag.text);
    }
}

/* Policy text that a literal block cannot hold comes back all the same. */
static void
test_odd_text(void)
{
    static const char *const texts[] = {
        "",
        "x",
        "\n",
        " x\n",
        "x\n\n",
        "x\n\n\ny",
        "x\r\ny",
        "# a\n#b",
        "a\t\n",
        "\tx",
        "a\n \n  b\n",
        "\x7f\x01",
        "\xc2\x85x\n",
        "- a: |\n",
        "\"'\\\n",
        "\xe2\x80\xa8z\n",
        "\xf0\x9f\x98\x80\n",
        "\xef\xbb\xbfx\n",
        "---\n...\n",
        "a\n---\n",
        "%x y\n",
        "a: b #c\n ",
    };

    for (size_t i = 0; i < WRIT_COUNT(texts); i++) {
        struct writ_diag diag;
        struct writ_doc d;
        char name[] = "p/odd.cedar";

        put_file(name, texts[i]);
        put_file("p/profile.yaml", "version: 1\nname: 'true'\npolicy: [odd.cedar]\n");
        if (!CHECK_ROW(run("--profile|p|--|\xe2\x80\xa9|- a|~|1e3|", &d, &diag) == WRIT_OK,
                       diag.text))
            continue;
        check_round_trip(&d, texts[i]);
        writ_doc_done(&d);
    }
}

/* A path or argument need not be UTF-8; YAML must be. */
static void
test_not_utf8(void)
{
    struct writ_diag diag;
    struct writ_doc d;
    struct writ_buf b;

    if (!CHECK(run("--|true|\xff", &d, &diag) == WRIT_OK))
        return;
    writ_buf_init(&b, 8192);
    CHECK(writ_profile_print(&d, &b) == WRIT_E_FORMAT);
    writ_buf_done(&b);
    writ_doc_done(&d);
}

static void
test_help(void)
{
    struct writ_buf b;

    writ_buf_init(&b, 8192);
    writ_flags_help(&b);
    CHECK(!b.failed && writ_span_starts(writ_buf_span(&b), "  --profile DIR "));
    writ_buf_done(&b);
}

int
main(void)
{
    set_up();
    test_services();
    test_plain();
    test_with_profile();
    test_bad();
    test_odd_text();
    test_not_utf8();
    test_help();
    tear_down();
    return test_end();
}
