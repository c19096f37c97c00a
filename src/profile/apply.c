#include "profile/flags.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/text.h"
#include "profile/load.h"
#include "profile/profile.h"

static const char default_name[] = "adhoc";

struct apply {
    const struct writ_flags *flags;
    struct writ_doc *doc;
    struct writ_diag *diag;
    struct writ_places places;      /* the current folder's */
    struct writ_kept kept;          /* the profile's files */
    struct writ_doc_limits ceiling; /* the profile's limits */
    size_t first;                   /* services from here on came from flags */
};

/* Names the flag in front of whatever will be said about it. */
static struct writ_at
at_flag(const struct apply *a, const char *name, const char *value)
{
    (void)snprintf(a->diag->file, sizeof(a->diag->file), "--%s %.200s", name, value);
    for (char *p = a->diag->file; *p != '\0'; p++) {
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            *p = '?';
    }
    return (struct writ_at){.diag = a->diag};
}

static const char *
value_of(const struct writ_flags *f, enum writ_flag flag)
{
    for (size_t i = 0; i < f->count; i++) {
        if (f->items[i].flag == flag)
            return f->items[i].value;
    }
    return NULL;
}

static bool
apply_bind(struct apply *a, const char *value, bool write)
{
    struct writ_at at = at_flag(a, write ? "write" : "read", value);
    size_t i = a->doc->bind_count;

    return writ_make_bind(at, a->doc, &a->places, writ_span_str(value), write) &&
           (!write || writ_kept_check(at, &a->kept, a->doc->binds[i].host));
}

static bool
apply_setenv(struct apply *a, const char *value)
{
    struct writ_at at = at_flag(a, "setenv", value);
    const char *equals = strchr(value, '=');

    if (equals == NULL)
        return writ_fail(at, "expected NAME=VALUE");
    return writ_make_env(at, a->doc, writ_span(value, (size_t)(equals - value)),
                         writ_span_str(equals + 1));
}

static bool
apply_limit(struct apply *a, enum writ_limit which, const char *name, const char *value)
{
    return writ_make_limit(at_flag(a, name, value), which, writ_span_str(value), &a->ceiling,
                           &a->doc->limits);
}

/* A name made of what was written: "api.example.com", "api.example.com-8443-v2". */
static bool
name_service(struct writ_at at, struct writ_doc_service *svc)
{
    bool usual = svc->scheme == WRIT_SCHEME_HTTPS && svc->port == 443;
    char text[WRIT_HOST_MAX + WRIT_URL_MAX + 32];
    size_t len;

    (void)snprintf(text, sizeof(text), "%s", svc->host);
    len = strlen(text);
    if (svc->scheme == WRIT_SCHEME_HTTP)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "-http");
    if (!usual && !(svc->scheme == WRIT_SCHEME_HTTP && svc->port == 80))
        len += (size_t)snprintf(text + len, sizeof(text) - len, "-%u", (unsigned)svc->port);
    if (svc->base[1] != '\0')
        (void)snprintf(text + len, sizeof(text) - len, "%s", svc->base);
    len = strlen(text);
    if (text[len - 1] == '/')
        text[--len] = '\0';
    for (char *p = text; *p != '\0'; p++) {
        if (strchr("/:%~!$&'()*+,=@", *p) != NULL)
            *p = '-';
    }
    if (text[0] == '-' || text[0] == '_')
        text[0] = 'x'; /* "::1" */
    if (!writ_is_name(writ_span(text, len)))
        return writ_fail(at, "too long for the name of a service; write a profile");
    return writ_span_copy(writ_span(text, len), svc->name, sizeof(svc->name));
}

static bool
add_policy(struct apply *a, struct writ_at at, const char *name)
{
    WRIT_BUF_AUTO struct writ_buf text;
    char file[WRIT_NAME_MAX + 32];

    /* a service's name needs no escape in Cedar, see writ_is_name */
    writ_buf_init(&text, 1024);
    writ_buf_putf(&text,
                  "@id(\"flag-%s\")\n"
                  "permit (\n"
                  "    principal,\n"
                  "    action in [Writ::Action::\"http:read\", Writ::Action::\"http:write\"],\n"
                  "    resource in Writ::Service::\"%s\"\n"
                  ");\n",
                  name, name);
    (void)snprintf(file, sizeof(file), "flag-%s.cedar", name);
    if (text.failed)
        return writ_fail(at, "out of memory");
    return writ_make_policy(at, a->doc, writ_span_str(file), writ_buf_span(&text));
}

/* The same place was named by an earlier flag, which said enough. */
static bool
there_already(const struct apply *a, const struct writ_doc_service *svc)
{
    for (size_t i = a->first; i < a->doc->service_count; i++) {
        const struct writ_doc_service *s = &a->doc->services[i];

        if (s->port == svc->port && strcmp(s->host, svc->host) == 0 &&
            strcmp(s->base, svc->base) == 0)
            return true;
    }
    return false;
}

static bool
add_service(struct apply *a, struct writ_at at, struct writ_doc_service *svc)
{
    char name[WRIT_NAME_MAX + 1];

    if (!name_service(at, svc))
        return false;
    memcpy(name, svc->name, sizeof(name));
    return writ_make_add_service(at, a->doc, svc) && add_policy(a, at, name);
}

/* "HOST..." is https; a scheme may be written. */
static bool
read_target(struct writ_at at, const char *value, struct writ_doc_service *svc)
{
    char url[WRIT_URL_MAX + 16];
    int n =
        snprintf(url, sizeof(url), "%s%s", strstr(value, "://") == NULL ? "https://" : "", value);

    if (n < 0 || (size_t)n >= sizeof(url))
        return writ_fail(at, "longer than %d bytes", WRIT_URL_MAX);
    return writ_make_url(at, writ_span_str(url), svc);
}

static bool
apply_host(struct apply *a, const char *value)
{
    struct writ_at at = at_flag(a, "allow-host", value);
    struct writ_doc_service svc = {0};
    struct writ_doc_service plain = {.scheme = WRIT_SCHEME_HTTP, .port = 80, .base = "/"};
    bool bare;

    if (!read_target(at, value, &svc))
        return false;
    if (svc.base[1] != '\0')
        return writ_fail(at, "expected HOST or HOST:PORT; a path needs a profile and its policy");
    memcpy(plain.host, svc.host, sizeof(plain.host));
    /* just a host: both of the web's ports */
    bare = strchr(value, ':') == NULL || value[strlen(value) - 1] == ']';
    if (!there_already(a, &svc) && !add_service(a, at, &svc))
        return false;
    return !bare || there_already(a, &plain) || add_service(a, at, &plain);
}

static bool
apply_secret(struct apply *a, const char *value)
{
    struct writ_at at = at_flag(a, "secret", value);
    struct writ_doc_service svc = {0};
    const char *sign = strchr(value, '@');

    if (sign == NULL)
        return writ_fail(at, "expected NAME@HOST: the name of a credential and where it goes");
    if (!writ_make_name(at, writ_span(value, (size_t)(sign - value)), "name of a credential",
                        svc.credential) ||
        !read_target(at, sign + 1, &svc))
        return false;
    writ_make_bearer(&svc);
    return add_service(a, at, &svc);
}

static bool
apply_connect(struct apply *a, const char *value)
{
    struct writ_at at = at_flag(a, "connect", value);
    struct writ_doc_service from = {0};
    const char *equals = strchr(value, '=');
    bool any = false;

    if (equals == NULL)
        return writ_fail(at, "expected HOST:PORT=HOST:PORT, first the service, then what to dial");
    if (!writ_make_connect(at, writ_span(value, (size_t)(equals - value)), &from))
        return false;
    for (size_t i = a->first; i < a->doc->service_count; i++) {
        struct writ_doc_service *s = &a->doc->services[i];

        if (s->port != from.connect_port || strcmp(s->host, from.connect_host) != 0)
            continue;
        any = true;
        if (s->connect_port != 0)
            return writ_fail(at, "this service is already connected elsewhere");
        if (!writ_make_connect(at, writ_span_str(equals + 1), s))
            return false;
    }
    return any || writ_fail(at, "no --allow-host or --secret names this host and port");
}

static bool
apply_address(struct apply *a, const char *value)
{
    struct writ_at at = at_flag(a, "addresses", value);

    for (size_t i = a->first; i < a->doc->service_count; i++) {
        if (!writ_make_address(at, writ_span_str(value), &a->doc->services[i]))
            return false;
    }
    return a->first != a->doc->service_count ||
           writ_fail(at, "this is for services named by --allow-host or --secret; there are none");
}

static bool
apply_ca(struct apply *a, const char *value)
{
    WRIT_BUF_AUTO struct writ_buf pem;
    struct writ_at at = at_flag(a, "ca", value);
    bool any = false;
    enum writ_err e;

    writ_buf_init(&pem, WRIT_CA_BYTES_MAX + 8192);
    e = writ_read_file(AT_FDCWD, value, WRIT_CA_BYTES_MAX, &pem);
    if (e == WRIT_E_SYS)
        return writ_fail(at, "cannot read the file: %s", writ_make_why(errno));
    if (e != WRIT_OK)
        return writ_fail(at, "larger than %d KiB", WRIT_CA_BYTES_MAX / 1024);
    for (size_t i = a->first; i < a->doc->service_count; i++) {
        struct writ_doc_service *s = &a->doc->services[i];

        if (s->scheme != WRIT_SCHEME_HTTPS)
            continue;
        any = true;
        if (!writ_make_ca(at, writ_buf_span(&pem), s))
            return false;
    }
    return any || writ_fail(at, "this is for https services named by --allow-host or --secret; "
                                "there are none");
}

/* First what stands alone, then what changes the services that the first pass made. */
static bool
first_pass(struct apply *a, const struct writ_flag_item *item)
{
    switch (item->flag) {
    case WRIT_FLAG_READ:
    case WRIT_FLAG_WRITE:
        return apply_bind(a, item->value, item->flag == WRIT_FLAG_WRITE);
    case WRIT_FLAG_SETENV:
        return apply_setenv(a, item->value);
    case WRIT_FLAG_TTL:
        return apply_limit(a, WRIT_LIMIT_WALL, "ttl", item->value);
    case WRIT_FLAG_MEMORY:
        return apply_limit(a, WRIT_LIMIT_MEMORY, "memory", item->value);
    case WRIT_FLAG_PIDS:
        return apply_limit(a, WRIT_LIMIT_PIDS, "pids", item->value);
    case WRIT_FLAG_DISK:
        return apply_limit(a, WRIT_LIMIT_DISK, "disk", item->value);
    case WRIT_FLAG_SECRET:
        return apply_secret(a, item->value);
    case WRIT_FLAG_PROFILE:
    case WRIT_FLAG_ENV:
    case WRIT_FLAG_NAME:
    case WRIT_FLAG_ALLOW_HOST:
    case WRIT_FLAG_CONNECT:
    case WRIT_FLAG_CA:
    case WRIT_FLAG_ADDRESSES:
    case WRIT_FLAG_PRINT_PROFILE:
    case WRIT_FLAG_HELP:
    case WRIT_FLAG_COUNT:
        break;
    }
    return true;
}

static bool
second_pass(struct apply *a, const struct writ_flag_item *item)
{
    if (item->flag == WRIT_FLAG_CONNECT)
        return apply_connect(a, item->value);
    if (item->flag == WRIT_FLAG_ADDRESSES)
        return apply_address(a, item->value);
    if (item->flag == WRIT_FLAG_CA)
        return apply_ca(a, item->value);
    return true;
}

static bool
apply_items(struct apply *a)
{
    const struct writ_flags *f = a->flags;

    for (size_t i = 0; i < f->count; i++) {
        if (!first_pass(a, &f->items[i]))
            return false;
    }
    /* after every --secret: a host that has one needs no second service without */
    for (size_t i = 0; i < f->count; i++) {
        if (f->items[i].flag == WRIT_FLAG_ALLOW_HOST && !apply_host(a, f->items[i].value))
            return false;
    }
    for (size_t i = 0; i < f->count; i++) {
        if (!second_pass(a, &f->items[i]))
            return false;
    }
    return true;
}

static bool
check_services(struct apply *a)
{
    for (size_t i = a->first; i < a->doc->service_count; i++) {
        const struct writ_doc_service *s = &a->doc->services[i];
        struct writ_at at = at_flag(a, s->credential[0] == '\0' ? "allow-host" : "secret", s->name);

        if (!writ_make_service_done(at, s, false))
            return false;
    }
    a->diag->file[0] = '\0';
    return true;
}

static bool
apply_command(struct apply *a)
{
    struct writ_at at = {.diag = a->diag};
    const struct writ_flags *f = a->flags;

    if (f->command_count != 0)
        writ_doc_drop_command(a->doc);
    for (size_t i = 0; i < f->command_count; i++) {
        if (!writ_make_arg(at, a->doc, writ_span_str(f->command[i])))
            return false;
    }
    return a->doc->argc != 0 || f->print_profile ||
           writ_fail(at, "no command; write it behind the flags: writ run [FLAGS] -- CMD [ARG...]");
}

/* The empty writ, or the profile's. */
static bool
begin(struct apply *a)
{
    const char *profile = value_of(a->flags, WRIT_FLAG_PROFILE);
    const char *name = value_of(a->flags, WRIT_FLAG_NAME);
    const char *env = value_of(a->flags, WRIT_FLAG_ENV);
    struct writ_load_source from = {.dir = profile, .env = env, .kept = &a->kept};

    if (env == NULL) {
        from.env = "";
    } else if (!writ_make_name(at_flag(a, "env", env), writ_span_str(env), "environment label",
                               a->doc->env)) {
        return false;
    }
    if (profile != NULL && name != NULL)
        return writ_fail(at_flag(a, "name", name), "a profile has its own name");
    if (profile != NULL)
        return writ_load_dir(&from, a->doc, a->diag) == WRIT_OK;
    if (name == NULL)
        name = default_name;
    return writ_make_name(at_flag(a, "name", name), writ_span_str(name), "name", a->doc->profile);
}

static bool
apply_all(struct apply *a)
{
    struct writ_at top = {.diag = a->diag};

    if (!begin(a))
        return false;
    a->diag->file[0] = '\0';
    a->first = a->doc->service_count;
    a->ceiling = a->doc->limits;
    if (!writ_places_find(top, ".", &a->places) || !apply_items(a) || !check_services(a) ||
        !apply_command(a))
        return false;
    for (size_t i = 0; i < a->doc->bind_count; i++) {
        if (!writ_make_bind_settled(top, a->doc, i))
            return false;
    }
    writ_make_sort_binds(a->doc);
    return writ_make_cwd(top, a->doc, a->places.dir);
}

enum writ_err
writ_flags_apply(const struct writ_flags *f, struct writ_doc *ret, struct writ_diag *diag)
{
    struct apply a = {.flags = f, .doc = ret, .diag = diag};
    bool ok;

    writ_doc_init(ret);
    ok = apply_all(&a);
    writ_kept_done(&a.kept);
    if (!ok)
        writ_doc_done(ret);
    return ok ? WRIT_OK : WRIT_E_FORMAT;
}
