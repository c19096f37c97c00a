/*
 * The writ's encoding. `test_doc FILE` writes the sample to FILE instead: the seed of
 * fuzz/corpus/doc_decode.
 */
#include "profile/check.h"
#include "profile/doc.h"
#include "test.h"

#include <stdlib.h>

static char *
dup_text(const char *s)
{
    char *copy = strdup(s);

    if (copy == NULL)
        abort();
    return copy;
}

static void *
zeroed(size_t n, size_t size)
{
    void *mem = calloc(n, size);

    if (mem == NULL)
        abort();
    return mem;
}

static struct writ_span
own(const char *s)
{
    return writ_span(dup_text(s), strlen(s));
}

static void
put_text(char *ret, size_t cap, const char *text)
{
    if (!writ_span_copy(writ_span_str(text), ret, cap))
        abort();
}

#define PUT(field, text) put_text((field), sizeof(field), (text))

static void
sample_service(struct writ_doc_service *s)
{
    *s = (struct writ_doc_service){.name = "tracker",
                                   .scheme = WRIT_SCHEME_HTTPS,
                                   .host = "api.tracker.test",
                                   .port = 443,
                                   .base = "/v1/",
                                   .env = "staging",
                                   .credential = "tracker-token",
                                   .inject = WRIT_INJECT_HEADER,
                                   .inject_name = "Authorization",
                                   .inject_before = "Bearer ",
                                   .connect_host = "::1",
                                   .connect_port = 8443};
    s->addresses = zeroed(1, sizeof(*s->addresses));
    s->address_count = 1;
    memcpy(s->addresses[0].addr, "\0\0\0\0\0\0\0\0\0\0\xff\xff\x7f\0\0\0", 16);
    s->addresses[0].bits = 104;
    s->ca = own("-----BEGIN CERTIFICATE-----\n");
}

static void
sample(struct writ_doc *d)
{
    writ_doc_init(d);
    memcpy(d->task.text, "01JD9Z5T7RN8QK3M4P6S0V2X1Y", sizeof(d->task.text));
    PUT(d->profile, "report");
    PUT(d->env, "staging");
    d->invoker = (struct writ_doc_invoker){.uid = 1000,
                                           .gid = 100,
                                           .login_uid = UINT32_MAX,
                                           .session = 7,
                                           .user = "alice",
                                           .parent = "/usr/bin/bash",
                                           .tty = "pts/3"};
    d->started_us = 1700000000000000;
    d->deadline_us = d->started_us + 600000000;
    d->limits = (struct writ_doc_limits){600000, 512U << 20, 256U << 20, 64};
    d->argv = zeroed(3, sizeof(*d->argv));
    d->argv[0] = dup_text("python3");
    d->argv[1] = dup_text("");
    d->argc = 2;
    d->envp = zeroed(3, sizeof(*d->envp));
    d->envp[0] = dup_text("LANG=C.UTF-8");
    d->envp[1] = dup_text("EMPTY=");
    d->envc = 2;
    d->cwd = dup_text("/srv/report");
    d->binds = zeroed(2, sizeof(*d->binds));
    d->binds[0] = (struct writ_doc_bind){
        .host = dup_text("/srv/report"), .inside = dup_text("/srv/report"), .write = false};
    d->binds[1] = (struct writ_doc_bind){
        .host = dup_text("/srv/out"), .inside = dup_text("/srv/report/out"), .write = true};
    d->bind_count = 2;
    d->services = zeroed(2, sizeof(*d->services));
    sample_service(&d->services[0]);
    d->services[1] = (struct writ_doc_service){
        .name = "plain", .scheme = WRIT_SCHEME_HTTP, .host = "127.0.0.1", .port = 80, .base = "/"};
    d->service_count = 2;
    d->policies = zeroed(1, sizeof(*d->policies));
    d->policies[0] = (struct writ_doc_policy){dup_text("policy.cedar"), own("permit (p, a, r);")};
    d->policy_count = 1;
}

static void
same_services(const struct writ_doc *a, const struct writ_doc *b)
{
    CHECK(b->service_count == 2);
    for (size_t i = 0; i < 2; i++) {
        const struct writ_doc_service *x = &a->services[i];
        const struct writ_doc_service *y = &b->services[i];

        CHECK(strcmp(x->name, y->name) == 0 && x->scheme == y->scheme &&
              strcmp(x->host, y->host) == 0 && x->port == y->port && strcmp(x->base, y->base) == 0);
        CHECK(strcmp(x->env, y->env) == 0 && strcmp(x->credential, y->credential) == 0 &&
              x->inject == y->inject && strcmp(x->inject_name, y->inject_name) == 0 &&
              strcmp(x->inject_before, y->inject_before) == 0 &&
              strcmp(x->inject_after, y->inject_after) == 0);
        CHECK(strcmp(x->connect_host, y->connect_host) == 0 && x->connect_port == y->connect_port);
        CHECK(x->address_count == y->address_count && writ_span_eq(x->ca, y->ca));
    }
    CHECK(memcmp(a->services[0].addresses, b->services[0].addresses,
                 sizeof(struct writ_doc_cidr)) == 0);
}

static void
same(const struct writ_doc *a, const struct writ_doc *b)
{
    CHECK(strcmp(a->task.text, b->task.text) == 0 && strcmp(a->profile, b->profile) == 0 &&
          strcmp(a->env, b->env) == 0);
    CHECK(a->invoker.uid == b->invoker.uid && a->invoker.gid == b->invoker.gid &&
          a->invoker.login_uid == b->invoker.login_uid &&
          a->invoker.session == b->invoker.session &&
          strcmp(a->invoker.user, b->invoker.user) == 0 &&
          strcmp(a->invoker.parent, b->invoker.parent) == 0 &&
          strcmp(a->invoker.tty, b->invoker.tty) == 0);
    CHECK(a->started_us == b->started_us && a->deadline_us == b->deadline_us);
    CHECK(a->limits.wall_ms == b->limits.wall_ms &&
          a->limits.memory_bytes == b->limits.memory_bytes &&
          a->limits.disk_bytes == b->limits.disk_bytes && a->limits.pids == b->limits.pids);
    CHECK(b->argc == 2 && strcmp(b->argv[0], "python3") == 0 && b->argv[1][0] == '\0' &&
          b->argv[2] == NULL);
    CHECK(b->envc == 2 && strcmp(b->envp[1], "EMPTY=") == 0 && b->envp[2] == NULL);
    CHECK(strcmp(a->cwd, b->cwd) == 0);
    CHECK(b->bind_count == 2 && strcmp(b->binds[1].host, "/srv/out") == 0 &&
          strcmp(b->binds[1].inside, "/srv/report/out") == 0 && b->binds[1].write &&
          !b->binds[0].write);
    CHECK(b->policy_count == 1 && strcmp(b->policies[0].file, "policy.cedar") == 0 &&
          writ_span_eq(a->policies[0].text, b->policies[0].text));
    same_services(a, b);
}

static void
test_round_trip(void)
{
    struct writ_doc d;
    struct writ_doc back;
    struct writ_buf one;
    struct writ_buf two;

    sample(&d);
    writ_buf_init(&one, WRIT_WRIT_BYTES_MAX);
    writ_buf_init(&two, WRIT_WRIT_BYTES_MAX);
    CHECK(writ_doc_encode(&d, &one) == WRIT_OK);
    if (CHECK(writ_doc_decode(writ_buf_span(&one), &back) == WRIT_OK)) {
        same(&d, &back);
        CHECK(writ_doc_encode(&back, &two) == WRIT_OK);
        CHECK(writ_span_eq(writ_buf_span(&one), writ_buf_span(&two)));
        writ_doc_done(&back);
    }
    /* cut anywhere, or with a byte too many, it is no writ */
    for (size_t n = 0; n < writ_buf_len(&one); n++) {
        if (writ_doc_decode(writ_span(writ_buf_span(&one).ptr, n), &back) == WRIT_OK) {
            CHECK_ROW(false, "a cut writ was taken");
            writ_doc_done(&back);
        }
    }
    writ_buf_put_u8(&one, 0);
    CHECK(writ_doc_decode(writ_buf_span(&one), &back) == WRIT_E_FORMAT);
    CHECK(back.argv == NULL && back.services == NULL);
    writ_buf_done(&one);
    writ_buf_done(&two);
    writ_doc_done(&d);
}

/* Each breaks one rule of the sample; the name says which. */
static const char *const broken[] = {
    "lower-case task id", "profile name",      "env label",        "deadline before start",
    "negative start",     "relative cwd",      "variable name",    "variable twice",
    "variable without =", "relative bind",     "dot segment",      "inside twice",
    "service name",       "service twice",     "scheme 0",         "scheme 3",
    "host in capitals",   "long-hand IPv6",    "port 0",           "base without end",
    "encoded slash",      "dots in base",      "credential alone", "inject alone",
    "header host",        "newline in format", "connect no port",  "bits after prefix",
    "129 bits",           "policy twice",      "same place",       "too many services",
    "query with a blank", "colon in user",
};

static void
break_places(struct writ_doc_service *s, size_t row)
{
    switch (row) {
    case 22:
        s->inject = WRIT_INJECT_NONE;
        break;
    case 23:
        s->credential[0] = '\0';
        break;
    case 24:
        PUT(s->inject_name, "HOST");
        break;
    case 25:
        PUT(s->inject_before, "a\nb");
        break;
    case 26:
        s->connect_port = 0;
        break;
    case 27:
        s->addresses[0].bits = 96;
        break;
    case 28:
        s->addresses[0].bits = 129;
        break;
    case 30:
        PUT(s->host, "127.0.0.1");
        PUT(s->base, "/");
        s->scheme = WRIT_SCHEME_HTTP;
        s->port = 80;
        break;
    case 32:
        s->inject = WRIT_INJECT_QUERY;
        s->inject_before[0] = '\0';
        PUT(s->inject_name, "a b");
        break;
    case 33:
        s->inject = WRIT_INJECT_BASIC;
        s->inject_before[0] = '\0';
        PUT(s->inject_name, "a:b");
        break;
    default:
        break;
    }
}

static void
break_service(struct writ_doc_service *s, size_t row)
{
    switch (row) {
    case 12:
        PUT(s->name, "a/b");
        break;
    case 13:
        PUT(s->name, "plain");
        break;
    case 14:
        s->scheme = (enum writ_scheme)0;
        break;
    case 15:
        s->scheme = (enum writ_scheme)3;
        break;
    case 16:
        PUT(s->host, "API.tracker.test");
        break;
    case 17:
        PUT(s->host, "0:0:0:0:0:0:0:1");
        break;
    case 18:
        s->port = 0;
        break;
    case 19:
        PUT(s->base, "/v1");
        break;
    case 20:
        PUT(s->base, "/v1%2Fx/");
        break;
    case 21:
        PUT(s->base, "/v1/../");
        break;
    default:
        break_places(s, row);
        break;
    }
}

static void
replace(char **text, const char *with)
{
    free(*text);
    *text = dup_text(with);
}

static void
break_doc(struct writ_doc *d, size_t row)
{
    switch (row) {
    case 0:
        d->task.text[3] = 'a';
        break;
    case 1:
        PUT(d->profile, "-x");
        break;
    case 2:
        PUT(d->env, "a b");
        break;
    case 3:
        d->deadline_us = d->started_us;
        break;
    case 4:
        d->started_us = -1;
        break;
    case 5:
        replace(&d->cwd, "srv");
        break;
    case 6:
        replace(&d->envp[0], "1A=x");
        break;
    case 7:
        replace(&d->envp[0], "EMPTY=x");
        break;
    case 8:
        replace(&d->envp[0], "EMPTY");
        break;
    case 9:
        replace(&d->binds[0].host, "srv");
        break;
    case 10:
        replace(&d->binds[0].inside, "/srv/./x");
        break;
    case 11:
        replace(&d->binds[0].inside, "/srv/report/out");
        break;
    case 29:
        d->policies = realloc(d->policies, 2 * sizeof(*d->policies));
        if (d->policies == NULL)
            abort();
        d->policies[1] = (struct writ_doc_policy){dup_text("policy.cedar"), own("x")};
        d->policy_count = 2;
        break;
    default:
        break_service(&d->services[0], row);
        break;
    }
}

static void
test_broken(void)
{
    for (size_t row = 0; row < WRIT_COUNT(broken); row++) {
        struct writ_doc d;
        struct writ_buf b;

        sample(&d);
        writ_buf_init(&b, WRIT_WRIT_BYTES_MAX);
        break_doc(&d, row);
        if (row == 31) { /* only the count is wrong: it must be looked at before the list is */
            d.service_count = WRIT_SERVICES_MAX + 1;
            CHECK_ROW(writ_doc_encode(&d, &b) == WRIT_E_FORMAT, broken[row]);
            d.service_count = 2;
        } else {
            CHECK_ROW(writ_doc_encode(&d, &b) == WRIT_E_FORMAT, broken[row]);
        }
        CHECK(writ_buf_len(&b) == 0);
        writ_buf_done(&b);
        writ_doc_done(&d);
    }
}

static void
test_predicates(void)
{
    static const char *const good_bases[] = {"/", "/v1/", "/a/b-._~/", "/%20x/", "/a:b@c,(d)/"};
    static const char *const bad_bases[] = {
        "",      "v1/",   "/v1",        "//",    "/a//", "/./",      "/a/../", "/%2f/",
        "/%2F/", "/%5C/", "/%41/",      "/%zz/", "/%2/", "/%2e%2e/", "/a;b/",  "/a\\b/",
        "/a b/", "/%0A/", "/\xc3\xa9/", "/%25/", "/a?/", "/a#/"};
    static const char *const bad_paths[] = {"",      "a",    "/a/", "//",
                                            "/a//b", "/a/.", "/..", "/a/../b"};

    for (size_t i = 0; i < WRIT_COUNT(good_bases); i++)
        CHECK_ROW(writ_check_base(writ_span_str(good_bases[i])), good_bases[i]);
    for (size_t i = 0; i < WRIT_COUNT(bad_bases); i++)
        CHECK_ROW(!writ_check_base(writ_span_str(bad_bases[i])), bad_bases[i]);
    for (size_t i = 0; i < WRIT_COUNT(bad_paths); i++)
        CHECK_ROW(!writ_check_path(bad_paths[i]), bad_paths[i]);
    CHECK(writ_check_path("/") && writ_check_path("/a") && writ_check_path("/a/b..c/.d"));
    CHECK(writ_check_host("::1") && writ_check_host("10.0.0.1") && writ_check_host("a.test"));
    CHECK(!writ_check_host("") && !writ_check_host("[::1]") && !writ_check_host("010.0.0.1"));
    CHECK(!writ_check_host("::0001") && !writ_check_host("fe80::1%lo") && !writ_check_host("a b"));
    CHECK(writ_check_inject_header(writ_span_str("X-Api-Key")));
    CHECK(!writ_check_inject_header(writ_span_str("Proxy-Authorization")));
    CHECK(!writ_check_inject_header(writ_span_str("Content-Length")));
    CHECK(!writ_check_inject_header(writ_span_str("a b")));
}

static int
write_seed(const char *path)
{
    struct writ_doc d;
    struct writ_buf b;
    FILE *f = fopen(path, "wb");
    bool ok = f != NULL;

    sample(&d);
    writ_buf_init(&b, WRIT_WRIT_BYTES_MAX);
    ok = writ_doc_encode(&d, &b) == WRIT_OK && ok &&
         fwrite(writ_buf_span(&b).ptr, 1, writ_buf_len(&b), f) == writ_buf_len(&b);
    if (f != NULL)
        ok = fclose(f) == 0 && ok;
    writ_buf_done(&b);
    writ_doc_done(&d);
    return ok ? 0 : 1;
}

int
main(int argc, char **argv)
{
    if (argc == 2)
        return write_seed(argv[1]);
    test_round_trip();
    test_broken();
    test_predicates();
    return test_end();
}
