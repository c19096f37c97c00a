/* profile.yaml: what is taken, and what is refused with which words at which place. */
#include <dirent.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "fixture_ca.h"
#include "profile/profile.h"
#include "test.h"

static char root[] = "/tmp/writ-profile-XXXXXX"; /* holds everything */
static char dir[64];                             /* the profile folder in it */

static void
put_file(const char *name, const char *text)
{
    char path[256];
    FILE *f;

    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    f = fopen(path, "wb");
    if (f == NULL || fputs(text, f) < 0 || fclose(f) != 0)
        abort();
}

static void
put_dir(const char *name)
{
    char path[256];

    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    if (mkdir(path, 0755) != 0)
        abort();
}

static void
put_link(const char *name, const char *to)
{
    char path[256];

    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    if (symlink(to, path) != 0)
        abort();
}

static void
put_socket(void)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)snprintf(sa.sun_path, sizeof(sa.sun_path), "%s/a.sock", dir);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&sa, sizeof(sa)) != 0 || close(fd) != 0)
        abort();
}

static void
set_up(void)
{
    char path[128];

    if (mkdtemp(root) == NULL)
        abort();
    (void)snprintf(dir, sizeof(dir), "%s/p", root);
    put_dir("");
    put_dir("sub");
    put_dir("out");
    put_dir("../state");
    put_dir("../home");
    put_dir("../home/data");
    put_file("policy.cedar", "permit (principal, action, resource);\n");
    put_file("sub/more.cedar", "");
    put_file("latin.cedar", "// caf\xe9\n");
    put_file("ca.pem", fixture_ca);
    put_file("cut.pem", "-----BEGIN CERTIFICATE-----\nMIIBeDCCAR+gAwIBAgIUJDG1moKHkqEBSmjq\n");
    put_file("mangled.pem", "-----BEGIN CERTIFICATE-----\nMIIBeDCCAR+gAwIBAgIUJDG1moKHkqEBSmjq\n"
                            "-----END CERTIFICATE-----\n");
    put_file("key.pem", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
    put_file("none.pem", "no certificate\n");
    put_link("link.cedar", "policy.cedar");
    put_link("dangling", "nowhere");
    put_link("away", "/usr/share");
    put_socket();
    (void)snprintf(path, sizeof(path), "%s/state", root);
    (void)setenv("WRIT_HOME", path, 1);
    (void)snprintf(path, sizeof(path), "%s/home", root);
    (void)setenv("HOME", path, 1);
}

static void
tear_down(void)
{
    char command[128];

    (void)snprintf(command, sizeof(command), "rm -r %s", root);
    /* NOLINTNEXTLINE(cert-env33-c): our own folder */
    if (system(command) != 0)
        CHECK_ROW(false, "the test's folder could not be removed");
}

static enum writ_err
parse(const char *text, struct writ_doc *ret, struct writ_diag *diag)
{
    *diag = (struct writ_diag){0};
    return writ_profile_parse(writ_span_str(text), dir, "p/profile.yaml", "", ret, diag);
}

static const char whole[] =
    "# a comment\n"
    "version: 1\n"
    "name: report\n"
    "env: staging\n"
    "command: [python3, report.py, \"\"]\n"
    "files: {read: [., ../home/data], write: [out, new/]}\n"
    "limits: {wall: 10m, memory: 512MiB, pids: 64, disk: 256MiB}\n"
    "environment:\n"
    "  LANG: C.UTF-8\n"
    "  EMPTY: \"\"\n"
    "  DEBUG: no\n"
    "services:\n"
    "  tracker:\n"
    "    url: https://api.tracker.test\n"
    "    env: staging\n"
    "    credential: tracker-token\n"
    "    inject: {header: Authorization, format: \"Bearer {secret}\"}\n"
    "    connect: 127.0.0.1:8443\n"
    "    addresses: [127.0.0.0/8, '::1']\n"
    "    ca: ca.pem\n"
    "  tracker-v2:\n"
    "    url: https://api.tracker.test:443/v2\n"
    "    credential: other\n"
    "    inject: bearer\n"
    "  local:\n"
    "    url: http://[0:0::1]:8080/a/b/\n"
    "    credential: l\n"
    "    inject: {basic: alice}\n"
    "    addresses: ['::1']\n"
    "  search: {url: 'http://search.test', credential: s, inject: {query: key}, plaintext: true}\n"
    "  shop: {url: 'https://shop.test', credential: c, inject: {cookie: sid}}\n"
    "policy: [policy.cedar, sub/more.cedar, {file: inline.cedar, text: 'forbid (p, a, r);'}]\n";

static void
check_services(const struct writ_doc *d)
{
    const struct writ_doc_service *s = d->services;

    if (!CHECK(d->service_count == 5))
        return;
    CHECK(strcmp(s[0].name, "tracker") == 0 && s[0].scheme == WRIT_SCHEME_HTTPS &&
          strcmp(s[0].host, "api.tracker.test") == 0 && s[0].port == 443 &&
          strcmp(s[0].base, "/") == 0 && strcmp(s[0].env, "staging") == 0);
    CHECK(strcmp(s[0].credential, "tracker-token") == 0 && s[0].inject == WRIT_INJECT_HEADER &&
          strcmp(s[0].inject_name, "Authorization") == 0 &&
          strcmp(s[0].inject_before, "Bearer ") == 0 && s[0].inject_after[0] == '\0');
    CHECK(strcmp(s[0].connect_host, "127.0.0.1") == 0 && s[0].connect_port == 8443);
    CHECK(s[0].address_count == 2 && s[0].addresses[0].bits == 104 &&
          s[0].addresses[0].addr[12] == 127 && s[0].addresses[0].addr[10] == 0xff &&
          s[0].addresses[1].bits == 128 && s[0].addresses[1].addr[15] == 1);
    CHECK(writ_span_is(s[0].ca, fixture_ca));
    CHECK(strcmp(s[1].base, "/v2/") == 0 && s[1].port == 443 && s[1].env[0] == '\0');
    CHECK(strcmp(s[1].inject_name, "Authorization") == 0 &&
          strcmp(s[1].inject_before, "Bearer ") == 0 && s[1].ca.len == 0);
    CHECK(strcmp(s[2].host, "::1") == 0 && s[2].port == 8080 && strcmp(s[2].base, "/a/b/") == 0 &&
          s[2].scheme == WRIT_SCHEME_HTTP && s[2].inject == WRIT_INJECT_BASIC &&
          strcmp(s[2].inject_name, "alice") == 0);
    CHECK(s[3].port == 80 && s[3].inject == WRIT_INJECT_QUERY &&
          strcmp(s[3].inject_name, "key") == 0);
    CHECK(s[4].inject == WRIT_INJECT_COOKIE && strcmp(s[4].inject_name, "sid") == 0);
}

static void
check_binds(const struct writ_doc *d)
{
    static const struct {
        const char *end;
        bool write;
    } want[] = {{"/home/data", false}, {"/p", false}, {"/p/new", true}, {"/p/out", true}};

    if (!CHECK(d->bind_count == WRIT_COUNT(want)))
        return;
    for (size_t i = 0; i < WRIT_COUNT(want); i++) {
        char path[128];

        (void)snprintf(path, sizeof(path), "%s%s", root, want[i].end);
        CHECK_ROW(strcmp(d->binds[i].host, path) == 0 && strcmp(d->binds[i].inside, path) == 0 &&
                      d->binds[i].write == want[i].write,
                  want[i].end);
    }
}

static void
test_whole(void)
{
    struct writ_diag diag;
    struct writ_doc d;
    struct writ_buf b;
    struct stat st;
    char path[128];

    if (!CHECK_ROW(parse(whole, &d, &diag) == WRIT_OK, diag.text))
        return;
    CHECK(strcmp(d.profile, "report") == 0 && strcmp(d.env, "staging") == 0);
    CHECK(d.argc == 3 && strcmp(d.argv[1], "report.py") == 0 && d.argv[2][0] == '\0' &&
          d.argv[3] == NULL);
    CHECK(d.limits.wall_ms == 600000 && d.limits.memory_bytes == 512U << 20 &&
          d.limits.pids == 64 && d.limits.disk_bytes == 256U << 20);
    CHECK(d.envc == 3 && strcmp(d.envp[0], "LANG=C.UTF-8") == 0 &&
          strcmp(d.envp[1], "EMPTY=") == 0 && strcmp(d.envp[2], "DEBUG=no") == 0);
    CHECK(strcmp(d.cwd, dir) == 0);
    CHECK(d.policy_count == 3 && strcmp(d.policies[1].file, "sub/more.cedar") == 0 &&
          d.policies[1].text.len == 0 && writ_span_is(d.policies[2].text, "forbid (p, a, r);"));
    check_services(&d);
    check_binds(&d);

    /* nothing was made by loading; the missing folder is made when asked */
    (void)snprintf(path, sizeof(path), "%s/new", dir);
    CHECK(stat(path, &st) != 0);
    CHECK(writ_profile_prepare(&d, &diag) == WRIT_OK);
    CHECK(stat(path, &st) == 0 && S_ISDIR(st.st_mode));
    CHECK(writ_profile_prepare(&d, &diag) == WRIT_OK);
    (void)rmdir(path);

    writ_profile_stamp(&d);
    CHECK(d.deadline_us - d.started_us == 600000000);
    CHECK(writ_profile_discover_invoker(&d.invoker) == WRIT_OK);
    CHECK(d.invoker.uid == getuid() && d.invoker.user[0] != '\0');
    writ_buf_init(&b, WRIT_WRIT_BYTES_MAX);
    CHECK(writ_doc_encode(&d, &b) == WRIT_OK);
    writ_buf_done(&b);
    writ_doc_done(&d);
}

#define HEAD    "version: 1\nname: t\n"
#define SERVICE HEAD "services:\n  a:\n    "
#define URL     SERVICE "url: https://a.test\n    "

static const char *const good[] = {
    HEAD,
    "---\nversion: 1\nname: t\n...\n",
    "{version: 1, name: t}",
    "\"version\": \"1\"\n'name': t\n",
    "version: 1\r\nname: t\r\n",
    HEAD "policy: []\nservices: {}\nfiles: {}\nlimits: {}\nenvironment: {}\n",
    HEAD "files: {read: [away]}\n",
    HEAD "files: {read: [/usr/share, /etc/hostname], write: [/tmp/writ-x]}\ncwd: /usr/share\n",
    URL "addresses: [100.64.0.0/10, fd12:3456::/32, 192.168.1.7]\n",
    URL "inject: {header: X-Key}\n    credential: c\n",
    URL "inject: {header: X-Key, format: '{{secret}}'}\n    credential: c\n",
    SERVICE "url: http://127.0.0.1\n    addresses: [127.0.0.1]\n    credential: c\n    inject: "
            "bearer\n",
    SERVICE "url: http://a.test\n    connect: '[::1]:80'\n    addresses: ['::1']\n    credential: "
            "c\n    inject: bearer\n",
    SERVICE "url: https://a.test/%20x/~y\n  b: {url: 'https://a.test/z/'}\n",
    SERVICE "url: https://a.test\n  b: {url: 'https://a.test:444'}\n  c: {url: "
            "'https://b.test'}\n",
};

static void
test_good(void)
{
    for (size_t i = 0; i < WRIT_COUNT(good); i++) {
        struct writ_diag diag;
        struct writ_doc d;

        if (!CHECK_ROW(parse(good[i], &d, &diag) == WRIT_OK, good[i])) {
            (void)fprintf(stderr, "  %u:%u: %s\n", diag.line, diag.col, diag.text);
            continue;
        }
        writ_doc_done(&d);
    }
}

struct bad {
    const char *text;
    unsigned line;
    unsigned col;
    const char *says;
};

static const struct bad bad_yaml[] = {
    {"", 1, 1, "the file is empty"},
    {"# nothing\n", 2, 1, "the file is empty"},
    {"[]", 1, 1, "`profile` must be a map, not a list"},
    {"~", 1, 1, "`profile` has no value"},
    {"version: 1\nname: t\ncomand: [x]\n", 3, 1,
     "unknown key `comand` in the profile, did you mean `command`?"},
    {HEAD "zzz: 1\n", 3, 1, "unknown key `zzz` in the profile"},
    {HEAD "name: u\n", 3, 1, "key `name` is given twice; first on line 2"},
    {HEAD "files: {read: [a], read: [b]}\n", 3, 20, "key `read` is given twice"},
    {HEAD "command: &a [x]\n", 3, 10, "anchors are not supported"},
    {HEAD "command: [&a x]\n", 3, 11, "anchors are not supported"},
    {HEAD "command: *a\n", 3, 10, "aliases are not supported"},
    {HEAD "command: [!!str x]\n", 3, 11, "tags are not supported"},
    {HEAD "command: !x [x]\n", 3, 10, "tags are not supported"},
    {HEAD "<<: {env: a}\n", 3, 1, "merge keys"},
    {HEAD "? [a]\n: b\n", 3, 3, "a key must be text"},
    {HEAD "~: b\n", 3, 1, "a key must be text"},
    {HEAD "---\nversion: 1\n", 3, 1, "a second document"},
    {"%YAML 1.1\n---\nversion: 1\n", 1, 1, "directives"},
    {"%TAG ! tag:x,2000:\n---\nversion: 1\n", 1, 1, "directives"},
    {HEAD "env: \"a\\0b\"\n", 3, 6, "NUL"},
    {HEAD "env: a\x01\n", 3, 7, "not plain UTF-8"},
    {HEAD "env: caf\xe9\n", 3, 9, "not plain UTF-8"},
    {HEAD "\tenv: x\n", 3, 1, "not valid YAML"},
    {HEAD "env: [a\n", 4, 1, "not valid YAML"},
    {HEAD "env: {a: {b: {c: {d: {e: {f: {g: {h: {i: 1}}}}}}}}}\n", 3, 34, "nested too deeply"},
};

static const struct bad bad_top[] = {
    {"name: t\n", 1, 1, "`version: 1` is missing"},
    {"version: 1\n", 1, 1, "`name` is missing"},
    {"version: 2\nname: t\n", 1, 10, "version `2` is not known; expected 1"},
    {"version: 1.0\nname: t\n", 1, 10, "expected 1"},
    {"version: [1]\nname: t\n", 1, 10, "`version` must be text, not a list"},
    {"version: 1\nname:\n", 2, 6, "`name` has no value; expected text"},
    {"version: 1\nname: -x\n", 2, 7, "`-x` is no name"},
    {"version: 1\nname: a/b\n", 2, 7, "`a/b` is no name"},
    {HEAD "env: a b\n", 3, 6, "`a b` is no environment label"},
    {HEAD "command: python3 x.py\n", 3, 10, "`command` must be a list, not text"},
    {HEAD "command: []\n", 3, 10, "the command is empty"},
    {HEAD "command: ['']\n", 3, 11, "the command is empty"},
    {HEAD "command: [a, [b]]\n", 3, 14, "`command` must be text, not a list"},
    {HEAD "command:\n  - a\n  -\n", 5, 4, "`command` has no value"},
    {HEAD "cwd: tmp\n", 3, 6, "expected the absolute path"},
    {HEAD "cwd: /tmp/../etc\n", 3, 6, "expected the absolute path"},
    {HEAD "limits: {wall: 10}\n", 3, 16, "expected a duration such as"},
    {HEAD "limits: {wall: 0s}\n", 3, 16, "expected a duration"},
    {HEAD "limits: {wall: 31d}\n", 3, 16, "expected a duration"},
    {HEAD "limits: {wall: -1m}\n", 3, 16, "expected a duration"},
    {HEAD "limits: {memory: 512MB5}\n", 3, 18, "expected a size"},
    {HEAD "limits: {memory: 1MiB}\n", 3, 18, "at least 4MiB"},
    {HEAD "limits: {memory: 99999999999999999999GiB}\n", 3, 18, "expected a size"},
    {HEAD "limits: {pids: 1}\n", 3, 16, "expected a number of processes"},
    {HEAD "limits: {pids: 1e3}\n", 3, 16, "expected a number of processes"},
    {HEAD "limits: {disk: 10}\n", 3, 16, "at least 1MiB"},
    {HEAD "limits: {mem: 1GiB}\n", 3, 10, "unknown key `mem` in `limits`"},
    {HEAD "limits: [1]\n", 3, 9, "`limits` must be a map, not a list"},
    {HEAD "environment: {1A: x}\n", 3, 15, "expected the name of a variable"},
    {HEAD "environment: {A-B: x}\n", 3, 15, "expected the name of a variable"},
    {HEAD "environment: {A=B: x}\n", 3, 15, "expected the name of a variable"},
    {HEAD "environment:\n  LD_PRELOAD: x\n", 4, 3, "`LD_PRELOAD` decides which code is loaded"},
    {HEAD "environment:\n  BASH_ENV: x\n", 4, 3, "decides which code"},
    {HEAD "environment:\n  A:\n", 4, 5, "`A` has no value"},
    {HEAD "environment: {A: x, A: y}\n", 3, 21, "given twice"},
    {HEAD "environment: {A: [x]}\n", 3, 18, "`A` must be text, not a list"},
    {HEAD "environment: [A=x]\n", 3, 14, "`environment` must be a map"},
    {HEAD "policy: policy.cedar\n", 3, 9, "`policy` must be a list, not text"},
    {HEAD "policy: [gone.cedar]\n", 3, 10, "No such file"},
    {HEAD "policy: [/etc/hostname]\n", 3, 10, "must be a path inside the profile folder"},
    {HEAD "policy: [../p/policy.cedar]\n", 3, 10, "must lie inside the profile folder"},
    {HEAD "policy: [./policy.cedar]\n", 3, 10, "written without"},
    {HEAD "policy: [link.cedar]\n", 3, 10, "symbolic link"},
    {HEAD "policy: [away/dict]\n", 3, 10, "away/dict"},
    {HEAD "policy: [sub]\n", 3, 10, "is not a plain file"},
    {HEAD "policy: [latin.cedar]\n", 3, 10, "is not plain UTF-8 text"},
    {HEAD "policy: [policy.cedar, policy.cedar]\n", 3, 24, "`policy.cedar` is given twice"},
    {HEAD "policy: ['']\n", 3, 10, "the path is empty"},
    {HEAD "policy: [{file: a}]\n", 3, 10, "a map of `file` and `text`"},
    {HEAD "policy: [{file: a, text: b, c: d}]\n", 3, 10, "a map of `file` and `text`"},
    {HEAD "policy: [{file: \"a\\nb\", text: b}]\n", 3, 17, "expected a name for the policy"},
};

static const struct bad bad_files[] = {
    {HEAD "files: [.]\n", 3, 8, "`files` must be a map, not a list"},
    {HEAD "files: {read: .}\n", 3, 15, "`read` must be a list, not text"},
    {HEAD "files: {reed: [.]}\n", 3, 9, "unknown key `reed` in `files`, did you mean `read`?"},
    {HEAD "files: {read: [gone]}\n", 3, 16, "No such file"},
    {HEAD "files: {read: [~]}\n", 3, 16, "`files` has no value"},
    {HEAD "files: {read: [~/x]}\n", 3, 16, "`~` is not expanded"},
    {HEAD "files: {read: ['']}\n", 3, 16, "the path is empty"},
    {HEAD "files: {read: [/]}\n", 3, 16, "the whole machine"},
    {HEAD "files: {read: [../../..]}\n", 3, 16, "the whole machine"},
    {HEAD "files: {read: [/proc]}\n", 3, 16, "reaches the kernel"},
    {HEAD "files: {read: [/proc/self]}\n", 3, 16, "reaches the kernel"},
    {HEAD "files: {read: [/sys/kernel]}\n", 3, 16, "reaches the kernel"},
    {HEAD "files: {read: [/dev]}\n", 3, 16, "reaches the kernel"},
    {HEAD "files: {read: [/run]}\n", 3, 16, "reaches the kernel"},
    {HEAD "files: {read: [/var/run]}\n", 3, 16, "reaches the kernel"},
    {HEAD "files: {read: [/etc]}\n", 3, 16, "as a whole holds what belongs to others"},
    {HEAD "files: {read: [/tmp]}\n", 3, 16, "writ's own state"},
    {HEAD "files: {read: [..]}\n", 3, 16, "writ's own state"},
    {HEAD "files: {read: [../state]}\n", 3, 16, "writ's own state"},
    {HEAD "files: {write: [../state/new]}\n", 3, 17, "writ's own state"},
    {HEAD "files: {read: [../home]}\n", 3, 16, "the whole home folder"},
    {HEAD "files: {read: [/home]}\n", 3, 16, "holds what belongs to others"},
    {HEAD "files: {read: [a.sock]}\n", 3, 16, "neither a file nor a folder"},
    {HEAD "files: {write: [/usr/local]}\n", 3, 17, "belongs to the system"},
    {HEAD "files: {write: [/etc/hostname]}\n", 3, 17, "belongs to the system"},
    {HEAD "files: {write: [/etc/new]}\n", 3, 17, "belongs to the system"},
    {HEAD "files: {write: [new/deeper]}\n", 3, 17, "neither this folder nor the one above"},
    {HEAD "files: {write: [dangling]}\n", 3, 17, "No such file"},
    {HEAD "files: {write: [.]}\n", 3, 17, "could change its own profile"},
    {HEAD "files: {write: [profile.yaml]}\n", 3, 17, "could change its own profile"},
    {HEAD "files: {read: [.], write: [out, sub]}\npolicy: [policy.cedar, sub/more.cedar]\n", 3, 33,
     "could change its own profile"},
    {HEAD "policy: [policy.cedar]\nfiles: {write: [policy.cedar]}\n", 4, 17,
     "could change its own profile"},
    {HEAD "files: {read: [sub, ./sub/]}\n", 3, 21, "is given twice"},
    {HEAD "files: {read: [sub], write: [sub]}\n", 3, 30, "is given twice"},
};

static const struct bad bad_services[] = {
    {HEAD "services: [a]\n", 3, 11, "`services` must be a map, not a list"},
    {HEAD "services:\n  a: https://a.test\n", 4, 6, "`a` must be a map, not text"},
    {HEAD "services:\n  a/b: {url: 'https://a.test'}\n", 4, 3, "is no name of a service"},
    {HEAD "services:\n  a: {}\n", 4, 3, "service `a` needs a `url`"},
    {URL "creds: x\n", 6, 5, "unknown key `creds` in service `a`"},
    {URL "adresses: []\n", 6, 5, "did you mean `addresses`?"},
    {SERVICE "url: a.test\n", 5, 10, "expected https://HOST"},
    {SERVICE "url: ftp://a.test\n", 5, 10, "expected https://HOST"},
    {SERVICE "url: HTTPS://a.test\n", 5, 10, "expected https://HOST"},
    {SERVICE "url: https://\n", 5, 10, "expected HOST or HOST:PORT"},
    {SERVICE "url: https://A.test\n", 5, 10, "lower case"},
    {SERVICE "url: https://u:p@a.test\n", 5, 10, "must not hold a user or password"},
    {SERVICE "url: https://a.test/?q=1\n", 5, 10, "no query and no fragment"},
    {SERVICE "url: 'https://a.test/#f'\n", 5, 10, "no query and no fragment"},
    {SERVICE "url: https://a.test:0\n", 5, 10, "a port of 1 to 65535"},
    {SERVICE "url: https://a.test:65536\n", 5, 10, "a port of 1 to 65535"},
    {SERVICE "url: https://a.test:080\n", 5, 10, "a port of 1 to 65535"},
    {SERVICE "url: 'https://a.test:'\n", 5, 10, "a port of 1 to 65535"},
    {SERVICE "url: https://a..test\n", 5, 10, "`a..test` is no host name"},
    {SERVICE "url: https://127.1\n", 5, 10, "is no host name and no address"},
    {SERVICE "url: https://2130706433\n", 5, 10, "is no host name and no address"},
    {SERVICE "url: https://[::1\n", 5, 10, "expected HOST or HOST:PORT"},
    {SERVICE "url: https://[127.0.0.1]\n", 5, 10, "in brackets"},
    {SERVICE "url: https://a.test\\x\n", 5, 10, "is no host name"},
    {SERVICE "url: https://a.test/a/../b\n", 5, 10, "can be read in two ways"},
    {SERVICE "url: https://a.test/a//b\n", 5, 10, "can be read in two ways"},
    {SERVICE "url: https://a.test/a%2fb\n", 5, 10, "can be read in two ways"},
    {SERVICE "url: https://a.test/a;b\n", 5, 10, "can be read in two ways"},
    {SERVICE "url: https://127.0.0.1\n", 5, 10, "127.0.0.1 is a loopback address"},
    {SERVICE "url: https://10.1.2.3\n    addresses: [10.2.0.0/16]\n", 5, 10,
     "10.1.2.3 is a private"},
    {SERVICE "url: https://169.254.169.254\n", 5, 10, "those are never reached"},
    {URL "connect: 127.0.0.1:80\n", 5, 10, "must be named in the addresses of service `a`"},
    {URL "connect: 127.0.0.1\n", 6, 14, "expected HOST:PORT"},
    {URL "connect: ::1:80\n", 6, 14, "expected HOST:PORT"},
    {URL "connect: '[fe80::1]:80'\n", 5, 10, "fe80::1 is a link-local address"},
    {URL "addresses: 10.0.0.0/8\n", 6, 16, "`addresses` must be a list, not text"},
    {URL "addresses: [10.0.0.1/8]\n", 6, 17, "no bits set behind the prefix"},
    {URL "addresses: [10.0.0.0/33]\n", 6, 17, "expected an address or a range"},
    {URL "addresses: [a.test]\n", 6, 17, "expected an address or a range"},
    {URL "addresses: [0.0.0.0/0]\n", 6, 17, "must be named narrowly"},
    {URL "addresses: ['::/0']\n", 6, 17, "must be named narrowly"},
    {URL "addresses: [128.0.0.0/1]\n", 6, 17, "never reached"},
    {URL "addresses: [169.254.0.0/16]\n", 6, 17, "never reached"},
    {URL "addresses: [169.254.169.254]\n", 6, 17, "never reached"},
    {URL "addresses: ['fe80::/10']\n", 6, 17, "never reached"},
    {URL "addresses: ['fd00:ec2::254']\n", 6, 17, "never reached"},
    {URL "addresses: ['::ffff:169.254.169.254']\n", 6, 17, "never reached"},
    {URL "addresses: [10.0.0.0/8, 10.0.0.0/8]\n", 6, 29, "this range is given twice"},
    {URL "credential: t\n", 6, 5, "add `inject: bearer`"},
    {URL "inject: bearer\n", 6, 5, "add `credential: NAME`"},
    {URL "credential: a b\n", 6, 17, "`a b` is no name of a credential"},
    {URL "inject: basic\n", 6, 13, "expected `bearer`, or a map"},
    {URL "inject: {}\n", 6, 13, "must name a header, basic, query or cookie"},
    {URL "inject: {format: 'x {secret}'}\n", 6, 13, "must name a header"},
    {URL "inject: {headr: X}\n", 6, 14, "unknown key `headr` in `inject`, did you mean `header`?"},
    {URL "inject: {header: Host}\n", 6, 22, "cannot go into this header"},
    {URL "inject: {header: content-length}\n", 6, 22, "cannot go into this header"},
    {URL "inject: {header: Proxy-Authorization}\n", 6, 22, "cannot go into this header"},
    {URL "inject: {header: 'X Key'}\n", 6, 22, "expected the name of a header"},
    {URL "inject: {header: X, basic: u}\n", 6, 25, "to one place only"},
    {URL "inject: {header: X, format: Bearer}\n", 6, 33, "must hold {secret}"},
    {URL "inject: {header: X, format: '{secret}{secret}'}\n", 6, 33, "once, not twice"},
    {URL "inject: {header: X, format: \"{secret}\\n\"}\n", 6, 33, "only visible ASCII"},
    {URL "inject: {cookie: a, format: '{secret}'}\n", 6, 25, "`format` is for a header only"},
    {URL "inject: {basic: 'a:b'}\n", 6, 21, "a user name without `:`"},
    {URL "inject: {query: 'a=b'}\n", 6, 21, "expected the name of a query parameter"},
    {URL "inject: {cookie: 'a b'}\n", 6, 22, "expected the name of a cookie"},
    {URL "ca: gone.pem\n", 6, 9, "No such file"},
    {URL "ca: /etc/ssl/certs/ca-certificates.crt\n", 6, 9, "inside the profile folder"},
    {URL "ca: key.pem\n", 6, 9, "no certificate (a key?)"},
    {URL "ca: none.pem\n", 6, 9, "holds no certificate"},
    {URL "ca: cut.pem\n", 6, 9, "ends inside a certificate"},
    {URL "ca: mangled.pem\n", 6, 9, "is damaged"},
    {SERVICE "url: http://a.test\n    ca: ca.pem\n", 5, 10, "a `ca` is for https"},
    {URL "plaintext: true\n", 5, 10, "`plaintext` is for http services"},
    {URL "plaintext: yes\n", 6, 16, "expected true or false"},
    {SERVICE "url: http://a.test\n    credential: c\n    inject: bearer\n", 5, 10,
     "could be read on the way"},
    {SERVICE "url: http://127.0.0.1\n    addresses: [127.0.0.0/8, 10.0.0.0/8]\n    connect: "
             "10.0.0.1:80\n    credential: c\n    inject: bearer\n",
     5, 10, "could be read on the way"},
    {URL "env: prod\n", 6, 10, "but the profile has no `env`; add `env: prod`"},
    {HEAD "env: staging\nservices:\n  a: {url: 'https://a.test', env: prod}\n", 5, 35,
     "service `a` is for `prod`, but the profile is for `staging` (line 3, column 6)"},
    /* the label that comes last in the file counts as well */
    {HEAD "services:\n  a: {url: 'https://a.test', env: prod}\nenv: staging\n", 4, 35,
     "but the profile is for `staging` (line 5, column 6)"},
    {URL "\n  b: {url: 'https://a.test/'}\n", 7, 12, "a request could belong to either"},
    {URL "\n  b: {url: 'http://a.test:443/x'}\n", 7, 12, "but another scheme"},
    {URL "\n  a: {url: 'https://b.test/'}\n", 7, 3, "key `a` is given twice"},
};

static void
check_bad(const struct bad *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct writ_diag diag;
        struct writ_doc d;

        if (!CHECK_ROW(parse(rows[i].text, &d, &diag) != WRIT_OK, rows[i].text)) {
            writ_doc_done(&d);
            continue;
        }
        if (!CHECK_ROW(diag.line == rows[i].line && diag.col == rows[i].col &&
                           strstr(diag.text, rows[i].says) != NULL,
                       rows[i].text))
            (void)fprintf(stderr, "  %u:%u: %s\n", diag.line, diag.col, diag.text);
        CHECK(strcmp(diag.file, "p/profile.yaml") == 0 && d.argv == NULL && d.services == NULL);
    }
}

/* A CA may stand in the profile: comments and line ends of other systems do not matter. */
static void
test_inline_ca(void)
{
    struct writ_diag diag;
    struct writ_doc d;
    char text[4096];
    size_t n =
        (size_t)snprintf(text, sizeof(text), "%sca: \"%s", URL, "-----BEGIN CERTIFICATE-----");

    for (const char *p = fixture_ca + 27; *p != '\0'; p++)
        n += (size_t)snprintf(text + n, sizeof(text) - n, *p == '\n' ? "\\r\\n" : "%c", *p);
    (void)snprintf(text + n, sizeof(text) - n, "# a comment\"\n");
    if (!CHECK_ROW(parse(text, &d, &diag) == WRIT_OK, diag.text))
        return;
    CHECK(d.service_count == 1 && writ_span_is(d.services[0].ca, fixture_ca));
    writ_doc_done(&d);
}

static void
test_load(void)
{
    struct writ_diag diag = {0};
    struct writ_doc d;

    CHECK(writ_profile_load(dir, &d, &diag) != WRIT_OK);
    CHECK(strstr(diag.file, "/p/profile.yaml") != NULL &&
          strstr(diag.text, "cannot read the profile: No such file") != NULL);
    put_file("profile.yaml", HEAD "env: staging\ncomand: [x]\n");
    diag = (struct writ_diag){0};
    CHECK(writ_profile_load(dir, &d, &diag) == WRIT_E_FORMAT && diag.line == 4 && diag.col == 1);
    put_file("profile.yaml", HEAD "env: staging\ncommand: [x]\n");
    diag = (struct writ_diag){0};
    if (CHECK(writ_profile_load(dir, &d, &diag) == WRIT_OK)) {
        CHECK(strcmp(d.cwd, "/home/task") == 0); /* the folder is not shown inside */
        writ_doc_done(&d);
    }
    CHECK(writ_profile_load_env(dir, "prod", &d, &diag) == WRIT_E_FORMAT && diag.line == 3 &&
          strstr(diag.text, "is for `staging`, but `prod` was asked for") != NULL);
    diag = (struct writ_diag){0};
    CHECK(writ_profile_load_env(dir, "a b", &d, &diag) == WRIT_E_FORMAT);
    diag = (struct writ_diag){0};
    put_file("profile.yaml", URL "env: prod\n");
    if (CHECK(writ_profile_load_env(dir, "prod", &d, &diag) == WRIT_OK)) {
        CHECK(strcmp(d.env, "prod") == 0);
        writ_doc_done(&d);
    }
}

int
main(void)
{
    set_up();
    test_whole();
    test_good();
    check_bad(bad_yaml, WRIT_COUNT(bad_yaml));
    check_bad(bad_top, WRIT_COUNT(bad_top));
    check_bad(bad_files, WRIT_COUNT(bad_files));
    check_bad(bad_services, WRIT_COUNT(bad_services));
    test_inline_ca();
    test_load();
    tear_down();
    return test_end();
}
