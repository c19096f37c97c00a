#include "profile/doc.h"

#include <stdlib.h>

#include "profile/check.h"

enum { DOC_VERSION = 1 };

void
writ_doc_init(struct writ_doc *d)
{
    *d = (struct writ_doc){.invoker = {.login_uid = UINT32_MAX, .session = UINT32_MAX}};
}

static void
span_free(struct writ_span *s)
{
    union {
        const uint8_t *borrowed;
        void *owned;
    } mem = {.borrowed = s->ptr}; /* the writ owns what its spans point to */

    free(mem.owned);
    *s = writ_span(NULL, 0);
}

static void
strings_free(char **list, size_t count)
{
    for (size_t i = 0; list != NULL && i < count; i++)
        free(list[i]);
    free(list);
}

void
writ_doc_drop_command(struct writ_doc *d)
{
    strings_free(d->argv, d->argc);
    d->argv = NULL;
    d->argc = 0;
}

void
writ_doc_service_done(struct writ_doc_service *s)
{
    free(s->addresses);
    span_free(&s->ca);
    *s = (struct writ_doc_service){0};
}

void
writ_doc_done(struct writ_doc *d)
{
    writ_doc_drop_command(d);
    strings_free(d->envp, d->envc);
    free(d->cwd);
    for (size_t i = 0; i < d->bind_count; i++) {
        free(d->binds[i].host);
        free(d->binds[i].inside);
        free(d->binds[i].asked);
    }
    free(d->binds);
    for (size_t i = 0; i < d->service_count; i++)
        writ_doc_service_done(&d->services[i]);
    free(d->services);
    for (size_t i = 0; i < d->policy_count; i++) {
        free(d->policies[i].file);
        span_free(&d->policies[i].text);
    }
    free(d->policies);
    writ_doc_init(d);
}

static void
put_str(struct writ_buf *b, const char *s)
{
    writ_buf_put_blob(b, writ_span_str(s == NULL ? "" : s));
}

static void
put_strings(struct writ_buf *b, char *const *list, size_t count)
{
    writ_buf_put_u32(b, (uint32_t)count);
    for (size_t i = 0; i < count; i++)
        put_str(b, list[i]);
}

static void
put_invoker(struct writ_buf *b, const struct writ_doc_invoker *i)
{
    writ_buf_put_u32(b, i->uid);
    writ_buf_put_u32(b, i->gid);
    writ_buf_put_u32(b, i->login_uid);
    writ_buf_put_u32(b, i->session);
    put_str(b, i->user);
    put_str(b, i->parent);
    put_str(b, i->tty);
}

static void
put_service(struct writ_buf *b, const struct writ_doc_service *s)
{
    put_str(b, s->name);
    writ_buf_put_u8(b, (uint8_t)s->scheme);
    put_str(b, s->host);
    writ_buf_put_u16(b, s->port);
    put_str(b, s->base);
    put_str(b, s->env);
    put_str(b, s->credential);
    writ_buf_put_u8(b, (uint8_t)s->inject);
    put_str(b, s->inject_name);
    put_str(b, s->inject_before);
    put_str(b, s->inject_after);
    put_str(b, s->connect_host);
    writ_buf_put_u16(b, s->connect_port);
    writ_buf_put_u32(b, (uint32_t)s->address_count);
    for (size_t i = 0; i < s->address_count; i++) {
        writ_buf_put(b, writ_span(s->addresses[i].addr, sizeof(s->addresses[i].addr)));
        writ_buf_put_u8(b, s->addresses[i].bits);
    }
    writ_buf_put_blob(b, s->ca);
}

enum writ_err
writ_doc_encode(const struct writ_doc *d, struct writ_buf *ret)
{
    size_t before = writ_buf_len(ret);

    if (!writ_check_doc(d))
        return WRIT_E_FORMAT;
    writ_buf_put_u8(ret, DOC_VERSION);
    put_str(ret, d->task.text);
    put_str(ret, d->profile);
    put_str(ret, d->env);
    put_invoker(ret, &d->invoker);
    writ_buf_put_u64(ret, (uint64_t)d->started_us);
    writ_buf_put_u64(ret, (uint64_t)d->deadline_us);
    writ_buf_put_u64(ret, d->limits.wall_ms);
    writ_buf_put_u64(ret, d->limits.memory_bytes);
    writ_buf_put_u64(ret, d->limits.disk_bytes);
    writ_buf_put_u32(ret, d->limits.pids);
    put_strings(ret, d->argv, d->argc);
    put_strings(ret, d->envp, d->envc);
    put_str(ret, d->cwd);
    writ_buf_put_u32(ret, (uint32_t)d->bind_count);
    for (size_t i = 0; i < d->bind_count; i++) {
        put_str(ret, d->binds[i].host);
        put_str(ret, d->binds[i].inside);
        writ_buf_put_u8(ret, d->binds[i].write ? 1 : 0);
    }
    writ_buf_put_u32(ret, (uint32_t)d->service_count);
    for (size_t i = 0; i < d->service_count; i++)
        put_service(ret, &d->services[i]);
    writ_buf_put_u32(ret, (uint32_t)d->policy_count);
    for (size_t i = 0; i < d->policy_count; i++) {
        put_str(ret, d->policies[i].file);
        writ_buf_put_blob(ret, d->policies[i].text);
    }
    if (ret->failed || writ_buf_len(ret) - before > WRIT_WRIT_BYTES_MAX)
        return WRIT_E_LIMIT;
    return WRIT_OK;
}

/* A list's length: within its maximum, and no more than the bytes that are left can hold, so that
 * a short message cannot make us allocate a long list. */
static bool
read_count(struct writ_reader *r, size_t max, size_t item_bytes_min, size_t *ret)
{
    uint32_t n;

    if (!writ_read_u32(r, &n) || n > max || n > r->rest.len / item_bytes_min)
        return false;
    *ret = n;
    return true;
}

/* An owned copy. Out of memory is not told apart: either way there is no writ. */
static bool
read_bytes(struct writ_reader *r, size_t max, struct writ_span *ret)
{
    struct writ_span s;
    uint8_t *mem;

    if (!writ_read_blob(r, &s) || s.len > max)
        return false;
    if (s.len == 0) {
        *ret = writ_span(NULL, 0);
        return true;
    }
    mem = malloc(s.len);
    if (mem == NULL)
        return false;
    memcpy(mem, s.ptr, s.len);
    *ret = writ_span(mem, s.len);
    return true;
}

static bool
read_text(struct writ_reader *r, size_t max, char **ret)
{
    struct writ_span s;
    char *text;

    if (!writ_read_blob(r, &s) || s.len > max)
        return false;
    text = malloc(s.len + 1);
    if (text == NULL)
        return false;
    if (!writ_span_copy(s, text, s.len + 1)) {
        free(text);
        return false;
    }
    *ret = text;
    return true;
}

/* The count is set as the list grows, so that writ_doc_done frees exactly what is there. */
static bool
read_strings(struct writ_reader *r, size_t max, char ***ret, size_t *ret_count)
{
    size_t n;

    if (!read_count(r, max, 4, &n))
        return false;
    *ret = calloc(n + 1, sizeof(**ret));
    if (*ret == NULL)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (!read_text(r, WRIT_ARG_BYTES_MAX, &(*ret)[i]))
            return false;
        *ret_count = i + 1;
    }
    return true;
}

static bool
read_i64(struct writ_reader *r, int64_t *ret)
{
    uint64_t v;

    if (!writ_read_u64(r, &v) || v > INT64_MAX)
        return false;
    *ret = (int64_t)v;
    return true;
}

static bool
read_bool(struct writ_reader *r, bool *ret)
{
    uint8_t v;

    if (!writ_read_u8(r, &v) || v > 1)
        return false;
    *ret = v == 1;
    return true;
}

static bool
read_invoker(struct writ_reader *r, struct writ_doc_invoker *i)
{
    return writ_read_u32(r, &i->uid) && writ_read_u32(r, &i->gid) &&
           writ_read_u32(r, &i->login_uid) && writ_read_u32(r, &i->session) &&
           writ_read_str(r, i->user, sizeof(i->user)) &&
           writ_read_str(r, i->parent, sizeof(i->parent)) &&
           writ_read_str(r, i->tty, sizeof(i->tty));
}

static bool
read_addresses(struct writ_reader *r, struct writ_doc_service *s)
{
    size_t n;

    if (!read_count(r, WRIT_ADDRESSES_MAX, 17, &n))
        return false;
    if (n == 0)
        return true;
    s->addresses = calloc(n, sizeof(*s->addresses));
    if (s->addresses == NULL)
        return false;
    for (size_t i = 0; i < n; i++) {
        struct writ_span raw;

        if (!writ_read_span(r, sizeof(s->addresses[i].addr), &raw) ||
            !writ_read_u8(r, &s->addresses[i].bits))
            return false;
        memcpy(s->addresses[i].addr, raw.ptr, raw.len);
    }
    s->address_count = n;
    return true;
}

static bool
read_service(struct writ_reader *r, struct writ_doc_service *s)
{
    uint8_t scheme;
    uint8_t inject;

    if (!writ_read_str(r, s->name, sizeof(s->name)) || !writ_read_u8(r, &scheme) ||
        !writ_read_str(r, s->host, sizeof(s->host)) || !writ_read_u16(r, &s->port) ||
        !writ_read_str(r, s->base, sizeof(s->base)) || !writ_read_str(r, s->env, sizeof(s->env)) ||
        !writ_read_str(r, s->credential, sizeof(s->credential)) || !writ_read_u8(r, &inject))
        return false;
    if (scheme < WRIT_SCHEME_HTTP || scheme > WRIT_SCHEME_HTTPS || inject > WRIT_INJECT_COOKIE)
        return false;
    s->scheme = (enum writ_scheme)scheme;
    s->inject = (enum writ_inject)inject;
    return writ_read_str(r, s->inject_name, sizeof(s->inject_name)) &&
           writ_read_str(r, s->inject_before, sizeof(s->inject_before)) &&
           writ_read_str(r, s->inject_after, sizeof(s->inject_after)) &&
           writ_read_str(r, s->connect_host, sizeof(s->connect_host)) &&
           writ_read_u16(r, &s->connect_port) && read_addresses(r, s) &&
           read_bytes(r, WRIT_CA_BYTES_MAX, &s->ca);
}

static bool
read_binds(struct writ_reader *r, struct writ_doc *d)
{
    size_t n;

    if (!read_count(r, WRIT_BINDS_MAX, 9, &n))
        return false;
    d->binds = calloc(n + 1, sizeof(*d->binds));
    if (d->binds == NULL)
        return false;
    d->bind_count = n; /* what is not read yet is NULL */
    for (size_t i = 0; i < n; i++) {
        if (!read_text(r, WRIT_PATH_BYTES_MAX, &d->binds[i].host) ||
            !read_text(r, WRIT_PATH_BYTES_MAX, &d->binds[i].inside) ||
            !read_bool(r, &d->binds[i].write))
            return false;
    }
    return true;
}

static bool
read_services(struct writ_reader *r, struct writ_doc *d)
{
    size_t n;

    if (!read_count(r, WRIT_SERVICES_MAX, 50, &n))
        return false;
    d->services = calloc(n + 1, sizeof(*d->services));
    if (d->services == NULL)
        return false;
    d->service_count = n;
    for (size_t i = 0; i < n; i++) {
        if (!read_service(r, &d->services[i]))
            return false;
    }
    return true;
}

static bool
read_policies(struct writ_reader *r, struct writ_doc *d)
{
    size_t n;

    if (!read_count(r, WRIT_POLICIES_MAX, 8, &n))
        return false;
    d->policies = calloc(n + 1, sizeof(*d->policies));
    if (d->policies == NULL)
        return false;
    d->policy_count = n;
    for (size_t i = 0; i < n; i++) {
        if (!read_text(r, WRIT_PATH_BYTES_MAX, &d->policies[i].file) ||
            !read_bytes(r, WRIT_POLICY_BYTES_MAX, &d->policies[i].text))
            return false;
    }
    return true;
}

static bool
read_doc(struct writ_reader *r, struct writ_doc *d)
{
    uint8_t version;

    return writ_read_u8(r, &version) && version == DOC_VERSION &&
           writ_read_str(r, d->task.text, sizeof(d->task.text)) &&
           writ_read_str(r, d->profile, sizeof(d->profile)) &&
           writ_read_str(r, d->env, sizeof(d->env)) && read_invoker(r, &d->invoker) &&
           read_i64(r, &d->started_us) && read_i64(r, &d->deadline_us) &&
           writ_read_u64(r, &d->limits.wall_ms) && writ_read_u64(r, &d->limits.memory_bytes) &&
           writ_read_u64(r, &d->limits.disk_bytes) && writ_read_u32(r, &d->limits.pids) &&
           read_strings(r, WRIT_ARGS_MAX, &d->argv, &d->argc) &&
           read_strings(r, WRIT_ENV_MAX, &d->envp, &d->envc) &&
           read_text(r, WRIT_PATH_BYTES_MAX, &d->cwd) && read_binds(r, d) && read_services(r, d) &&
           read_policies(r, d) && writ_read_done(r);
}

enum writ_err
writ_doc_decode(struct writ_span s, struct writ_doc *ret)
{
    struct writ_reader r = writ_reader(s);

    writ_doc_init(ret);
    if (s.len > WRIT_WRIT_BYTES_MAX)
        return WRIT_E_LIMIT;
    if (read_doc(&r, ret) && writ_check_doc(ret))
        return WRIT_OK;
    writ_doc_done(ret);
    return WRIT_E_FORMAT;
}
