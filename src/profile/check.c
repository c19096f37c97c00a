#include "profile/check.h"

#include "base/text.h"
#include "proto/addr.h"

static bool
is_alnum(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool
among(uint8_t c, const char *set)
{
    return c != '\0' && strchr(set, c) != NULL;
}

/* The one way to write an address: "::1" but not "0:0::1", so that comparing text is enough. */
static bool
is_address(const char *host)
{
    struct writ_addr a;
    char text[WRIT_ADDR_TEXT_MAX];

    if (!writ_addr_parse(writ_span_str(host), &a))
        return false;
    (void)writ_addr_print(&a, text);
    return strcmp(text, host) == 0;
}

bool
writ_check_host(const char *host)
{
    return writ_is_host(writ_span_str(host)) || is_address(host);
}

static bool
hex_upper(uint8_t c, unsigned *ret)
{
    if (c >= '0' && c <= '9') {
        *ret = (unsigned)(c - '0');
    } else if (c >= 'A' && c <= 'F') {
        *ret = (unsigned)(c - 'A') + 10;
    } else {
        return false;
    }
    return true;
}

static bool
needs_encoding(struct writ_span s)
{
    unsigned hi;
    unsigned lo;
    uint8_t c;

    if (s.len < 3 || !hex_upper(s.ptr[1], &hi) || !hex_upper(s.ptr[2], &lo))
        return false;
    c = (uint8_t)(hi << 4 | lo);
    return c >= 0x20 && c != 0x7f && !is_alnum(c) && !among(c, "-._~/\\%!$&'()*,=:@");
}

static bool
is_dots(struct writ_span s)
{
    return writ_span_is(s, ".") || writ_span_is(s, "..");
}

bool
writ_check_base(struct writ_span s)
{
    size_t segment = 1; /* where the current one begins */

    if (s.len == 0 || s.len > WRIT_URL_MAX || s.ptr[0] != '/' || s.ptr[s.len - 1] != '/')
        return false;
    for (size_t i = 1; i < s.len; i++) {
        if (s.ptr[i] == '/') {
            if (i == segment || is_dots(writ_span(s.ptr + segment, i - segment)))
                return false;
            segment = i + 1;
        } else if (s.ptr[i] == '%') {
            if (!needs_encoding(writ_span_from(s, i)))
                return false;
        } else if (!is_alnum(s.ptr[i]) && !among(s.ptr[i], "-._~!$&'()*+,=:@")) {
            return false;
        }
    }
    return true;
}

bool
writ_check_path(const char *path)
{
    size_t len = strlen(path);
    size_t start = 1;

    if (len == 0 || len >= WRIT_PATH_BYTES_MAX || path[0] != '/')
        return false;
    for (size_t i = 1; i <= len && len > 1; i++) {
        if (path[i] != '/' && path[i] != '\0')
            continue;
        if (i == start || is_dots(writ_span(path + start, i - start)))
            return false;
        start = i + 1;
    }
    return true;
}

bool
writ_check_env_name(struct writ_span s)
{
    if (s.len == 0 || s.len > WRIT_NAME_MAX || (s.ptr[0] >= '0' && s.ptr[0] <= '9'))
        return false;
    for (size_t i = 0; i < s.len; i++) {
        if (!is_alnum(s.ptr[i]) && s.ptr[i] != '_')
            return false;
    }
    return true;
}

bool
writ_check_token(struct writ_span s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (!is_alnum(s.ptr[i]) && !among(s.ptr[i], "!#$%&'*+-.^_`|~"))
            return false;
    }
    return s.len != 0 && s.len <= WRIT_NAME_MAX;
}

bool
writ_check_inject_header(struct writ_span s)
{
    static const char *const ours[] = {
        "host",    "content-length", "transfer-encoding", "connection", "te", "trailer",
        "upgrade", "expect",         "keep-alive"};

    if (!writ_check_token(s))
        return false;
    for (size_t i = 0; i < WRIT_COUNT(ours); i++) {
        if (writ_span_iis(s, ours[i]))
            return false;
    }
    return s.len < 6 || !writ_span_iis(writ_span(s.ptr, 6), "proxy-");
}

bool
writ_check_visible(struct writ_span s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] < 0x20 || s.ptr[i] > 0x7e)
            return false;
    }
    return true;
}

static bool
around_secret(const char *s)
{
    return writ_check_visible(writ_span_str(s)) && strstr(s, "{secret}") == NULL;
}

bool
writ_check_cidr(const struct writ_doc_cidr *c)
{
    if (c->bits > 128)
        return false;
    for (unsigned bit = c->bits; bit < 128; bit++) {
        if ((c->addr[bit / 8] >> (7 - bit % 8) & 1) != 0)
            return false;
    }
    return true;
}

static bool
label_ok(const char *name)
{
    return name[0] == '\0' || writ_is_name(writ_span_str(name));
}

static bool
inject_ok(const struct writ_doc_service *s)
{
    struct writ_span name = writ_span_str(s->inject_name);
    bool bare = s->inject_before[0] == '\0' && s->inject_after[0] == '\0';

    if ((s->inject == WRIT_INJECT_NONE) != (s->credential[0] == '\0'))
        return false;
    switch (s->inject) {
    case WRIT_INJECT_NONE:
        return name.len == 0 && bare;
    case WRIT_INJECT_HEADER:
        return writ_check_inject_header(name) && around_secret(s->inject_before) &&
               around_secret(s->inject_after);
    case WRIT_INJECT_BASIC: /* RFC 7617 section 2: the user ends at the first colon */
        return writ_check_visible(name) && strchr(s->inject_name, ':') == NULL && bare;
    case WRIT_INJECT_QUERY:
    case WRIT_INJECT_COOKIE:
        return writ_check_token(name) && bare;
    }
    return false;
}

bool
writ_check_service(const struct writ_doc_service *s)
{
    if (!writ_is_name(writ_span_str(s->name)) || !writ_check_host(s->host) || s->port == 0)
        return false;
    if (s->scheme != WRIT_SCHEME_HTTP && s->scheme != WRIT_SCHEME_HTTPS)
        return false;
    if (!writ_check_base(writ_span_str(s->base)) || !label_ok(s->env) || !label_ok(s->credential))
        return false;
    if ((s->connect_host[0] == '\0') != (s->connect_port == 0))
        return false;
    if (s->connect_host[0] != '\0' && !writ_check_host(s->connect_host))
        return false;
    if (s->address_count > WRIT_ADDRESSES_MAX || s->ca.len > WRIT_CA_BYTES_MAX)
        return false;
    for (size_t i = 0; i < s->address_count; i++) {
        if (!writ_check_cidr(&s->addresses[i]))
            return false;
    }
    return inject_ok(s);
}

static bool
services_ok(const struct writ_doc *d)
{
    if (d->service_count > WRIT_SERVICES_MAX)
        return false;
    for (size_t i = 0; i < d->service_count; i++) {
        if (!writ_check_service(&d->services[i]))
            return false;
        for (size_t k = 0; k < i; k++) {
            const struct writ_doc_service *a = &d->services[i];
            const struct writ_doc_service *b = &d->services[k];

            if (strcmp(a->name, b->name) == 0)
                return false;
            /* which of the two would a request belong to? */
            if (a->port == b->port && strcmp(a->host, b->host) == 0 &&
                (a->scheme != b->scheme || strcmp(a->base, b->base) == 0))
                return false;
        }
    }
    return true;
}

static bool
strings_ok(char *const *list, size_t count, size_t max)
{
    if (count > max)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (strlen(list[i]) > WRIT_ARG_BYTES_MAX)
            return false;
    }
    return true;
}

static bool
env_ok(const struct writ_doc *d)
{
    if (!strings_ok(d->envp, d->envc, WRIT_ENV_MAX))
        return false;
    for (size_t i = 0; i < d->envc; i++) {
        const char *equals = strchr(d->envp[i], '=');
        size_t len = equals == NULL ? 0 : (size_t)(equals - d->envp[i]);

        if (!writ_check_env_name(writ_span(d->envp[i], len)))
            return false;
        for (size_t k = 0; k < i; k++) {
            if (strncmp(d->envp[i], d->envp[k], len + 1) == 0)
                return false;
        }
    }
    return true;
}

static bool
binds_ok(const struct writ_doc *d)
{
    if (d->bind_count > WRIT_BINDS_MAX)
        return false;
    for (size_t i = 0; i < d->bind_count; i++) {
        if (!writ_check_path(d->binds[i].host) || !writ_check_path(d->binds[i].inside))
            return false;
        for (size_t k = 0; k < i; k++) {
            if (strcmp(d->binds[i].inside, d->binds[k].inside) == 0)
                return false;
        }
    }
    return true;
}

static bool
policies_ok(const struct writ_doc *d)
{
    if (d->policy_count > WRIT_POLICIES_MAX)
        return false;
    for (size_t i = 0; i < d->policy_count; i++) {
        const struct writ_doc_policy *p = &d->policies[i];

        if (p->file[0] == '\0' || strlen(p->file) >= WRIT_PATH_BYTES_MAX ||
            p->text.len > WRIT_POLICY_BYTES_MAX)
            return false;
        for (size_t k = 0; k < i; k++) {
            if (strcmp(p->file, d->policies[k].file) == 0)
                return false;
        }
    }
    return true;
}

bool
writ_check_doc(const struct writ_doc *d)
{
    return writ_id_valid(writ_span_str(d->task.text)) && writ_is_name(writ_span_str(d->profile)) &&
           label_ok(d->env) && d->started_us >= 0 &&
           (d->deadline_us == 0 || d->deadline_us > d->started_us) &&
           strings_ok(d->argv, d->argc, WRIT_ARGS_MAX) &&
           (d->cwd == NULL || d->cwd[0] == '\0' || writ_check_path(d->cwd)) && env_ok(d) &&
           binds_ok(d) && policies_ok(d) && services_ok(d);
}
