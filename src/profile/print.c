#include "profile/print.h"

#include "base/text.h"
#include "profile/make.h"
#include "proto/addr.h"

struct printer {
    struct writ_buf *out;
    bool broken; /* met text that is not UTF-8 */
};

static bool
is_alpha(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool
among(uint8_t c, const char *set)
{
    return c != '\0' && strchr(set, c) != NULL;
}

/* Needs no quotes, for us or for any other reader of YAML: not what looks like a number either. */
static bool
is_plain(struct writ_span s)
{
    static const char *const words[] = {"true", "false", "yes", "no",   "on",  "off",
                                        "null", "y",     "n",   ".inf", ".nan"};

    if (s.len == 0 || !(is_alpha(s.ptr[0]) || s.ptr[0] == '/'))
        return false;
    for (size_t i = 0; i < s.len; i++) {
        bool digit = s.ptr[i] >= '0' && s.ptr[i] <= '9';

        if (!is_alpha(s.ptr[i]) && !digit && !among(s.ptr[i], "._/-"))
            return false;
    }
    for (size_t i = 0; i < WRIT_COUNT(words); i++) {
        if (writ_span_iis(s, words[i]))
            return false;
    }
    return true;
}

static uint32_t
code_point(struct writ_span s, size_t n)
{
    uint32_t v = n == 1 ? s.ptr[0] : s.ptr[0] & (0x7fU >> n);

    for (size_t i = 1; i < n; i++)
        v = v << 6 | (s.ptr[i] & 0x3fU);
    return v;
}

/* What YAML 1.1 takes as it is in text (its "c-printable") and what breaks no line. */
static bool
is_printable(uint32_t c)
{
    return (c >= 0x20 && c <= 0x7e) ||
           (c >= 0xa0 && c != 0x2028 && c != 0x2029 && c != 0xfeff && c != 0xfffe && c != 0xffff);
}

static void
put_quoted(struct printer *p, struct writ_span s)
{
    writ_buf_put_u8(p->out, '"');
    while (s.len != 0) {
        size_t n = writ_utf8_len(s);
        uint32_t c = n == 0 ? 0 : code_point(s, n);

        if (n == 0) {
            p->broken = true;
            return;
        }
        if (c == '"' || c == '\\') {
            writ_buf_putf(p->out, "\\%c", (int)c);
        } else if (c == '\n') {
            writ_buf_put_str(p->out, "\\n");
        } else if (is_printable(c)) {
            writ_buf_put(p->out, writ_span(s.ptr, n));
        } else {
            writ_buf_putf(p->out, "\\u%04x", (unsigned)c);
        }
        s = writ_span_from(s, n);
    }
    writ_buf_put_u8(p->out, '"');
}

static void
put_text(struct printer *p, struct writ_span s)
{
    if (is_plain(s)) {
        writ_buf_put(p->out, s);
    } else {
        put_quoted(p, s);
    }
}

/* Text that a literal block brings back byte for byte: begins with no blank, ends with one newline
 * or none, and holds nothing that YAML would read as something else. */
static bool
fits_block(struct writ_span s)
{
    if (s.len < 2 || s.ptr[0] == ' ' || s.ptr[0] == '\t' || s.ptr[0] == '\n' ||
        (s.ptr[s.len - 1] == '\n' && s.ptr[s.len - 2] == '\n'))
        return false;
    while (s.len != 0) {
        size_t n = writ_utf8_len(s);
        uint32_t c = n == 0 ? 0 : code_point(s, n);

        if (!is_printable(c) && c != '\n' && c != '\t')
            return false;
        s = writ_span_from(s, n);
    }
    return true;
}

static void
put_block(struct printer *p, struct writ_span s, const char *indent)
{
    if (!fits_block(s)) {
        writ_buf_put_u8(p->out, ' ');
        put_quoted(p, s);
        writ_buf_put_u8(p->out, '\n');
        return;
    }
    writ_buf_put_str(p->out, s.ptr[s.len - 1] == '\n' ? " |\n" : " |-\n");
    while (s.len != 0) {
        const uint8_t *lf = memchr(s.ptr, '\n', s.len);
        size_t len = lf == NULL ? s.len : (size_t)(lf - s.ptr);

        if (len != 0) {
            writ_buf_put_str(p->out, indent);
            writ_buf_put(p->out, writ_span(s.ptr, len));
        }
        writ_buf_put_u8(p->out, '\n');
        s = writ_span_from(s, len + 1);
    }
}

/* "indent key: value" and the end of the line. */
static void
put_pair(struct printer *p, const char *indent, const char *key, const char *value)
{
    writ_buf_putf(p->out, "%s%s: ", indent, key);
    put_text(p, writ_span_str(value));
    writ_buf_put_u8(p->out, '\n');
}

static void
put_item(struct printer *p, const char *indent, const char *value)
{
    writ_buf_putf(p->out, "%s- ", indent);
    put_text(p, writ_span_str(value));
    writ_buf_put_u8(p->out, '\n');
}

static void
put_binds(struct printer *p, const struct writ_doc *d)
{
    static const struct {
        const char *title;
        bool write;
    } kinds[] = {{"  read:\n", false}, {"  write:\n", true}};

    if (d->bind_count == 0)
        return;
    writ_buf_put_str(p->out, "files:\n");
    for (size_t k = 0; k < WRIT_COUNT(kinds); k++) {
        bool any = false;

        for (size_t i = 0; i < d->bind_count; i++) {
            if (d->binds[i].write != kinds[k].write)
                continue;
            if (!any)
                writ_buf_put_str(p->out, kinds[k].title);
            any = true;
            put_item(p, "    ", d->binds[i].host);
        }
    }
}

struct unit {
    const char *name;
    uint64_t factor;
};

static void
put_unit(struct printer *p, const char *key, uint64_t v, const struct unit *units)
{
    while (v % units->factor != 0)
        units++; /* the last factor is 1 */
    writ_buf_putf(p->out, "  %s: ", key);
    writ_buf_put_dec(p->out, v / units->factor);
    writ_buf_put_str(p->out, units->name);
    writ_buf_put_u8(p->out, '\n');
}

static void
put_limits(struct printer *p, const struct writ_doc_limits *l)
{
    static const struct unit times[] = {
        {"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};
    static const struct unit sizes[] = {
        {"GiB", 1U << 30}, {"MiB", 1U << 20}, {"KiB", 1U << 10}, {"", 1}};
    static const struct unit plain[] = {{"", 1}};

    if (l->wall_ms == 0 && l->memory_bytes == 0 && l->pids == 0 && l->disk_bytes == 0)
        return;
    writ_buf_put_str(p->out, "limits:\n");
    if (l->wall_ms != 0)
        put_unit(p, "wall", l->wall_ms, times);
    if (l->memory_bytes != 0)
        put_unit(p, "memory", l->memory_bytes, sizes);
    if (l->pids != 0)
        put_unit(p, "pids", l->pids, plain);
    if (l->disk_bytes != 0)
        put_unit(p, "disk", l->disk_bytes, sizes);
}

static void
put_environment(struct printer *p, const struct writ_doc *d)
{
    if (d->envc == 0)
        return;
    writ_buf_put_str(p->out, "environment:\n");
    for (size_t i = 0; i < d->envc; i++) {
        const char *equals = strchr(d->envp[i], '=');
        size_t len = equals == NULL ? 0 : (size_t)(equals - d->envp[i]);

        writ_buf_put_str(p->out, "  ");
        put_text(p, writ_span(d->envp[i], len));
        writ_buf_put_str(p->out, ": ");
        put_quoted(p, writ_span_str(d->envp[i] + len + 1));
        writ_buf_put_u8(p->out, '\n');
    }
}

static void
put_host(struct printer *p, const char *host)
{
    bool v6 = strchr(host, ':') != NULL;

    writ_buf_putf(p->out, "%s%s%s", v6 ? "[" : "", host, v6 ? "]" : "");
}

static void
put_url(struct printer *p, const struct writ_doc_service *s)
{
    bool tls = s->scheme == WRIT_SCHEME_HTTPS;

    writ_buf_putf(p->out, "    url: \"%s://", tls ? "https" : "http");
    put_host(p, s->host);
    if (s->port != (tls ? 443 : 80))
        writ_buf_putf(p->out, ":%u", (unsigned)s->port);
    writ_buf_put_str(p->out, s->base); /* too long for putf */
    writ_buf_put_str(p->out, "\"\n");
}

static void
put_inject(struct printer *p, const struct writ_doc_service *s)
{
    static const char *const ways[] = {[WRIT_INJECT_HEADER] = "header",
                                       [WRIT_INJECT_BASIC] = "basic",
                                       [WRIT_INJECT_QUERY] = "query",
                                       [WRIT_INJECT_COOKIE] = "cookie"};
    WRIT_BUF_AUTO struct writ_buf format;

    if (s->inject == WRIT_INJECT_NONE)
        return;
    writ_buf_init(&format, 1024);
    writ_buf_putf(p->out, "    inject: {%s: ", ways[s->inject]);
    put_quoted(p, writ_span_str(s->inject_name));
    if (s->inject == WRIT_INJECT_HEADER) {
        writ_buf_putf(&format, "%s{secret}%s", s->inject_before, s->inject_after);
        writ_buf_put_str(p->out, ", format: ");
        put_quoted(p, writ_buf_span(&format));
    }
    writ_buf_put_str(p->out, "}\n");
}

static void
put_addresses(struct printer *p, const struct writ_doc_service *s)
{
    for (size_t i = 0; i < s->address_count; i++) {
        struct writ_addr a = writ_addr_v6(s->addresses[i].addr);
        unsigned bits = s->addresses[i].bits;
        char text[WRIT_ADDR_TEXT_MAX];

        if (bits >= 96) {
            a = writ_addr_unmap(&a);
            bits -= a.family == 4 ? 96 : 0;
        }
        (void)writ_addr_print(&a, text);
        writ_buf_putf(p->out, "%s\"%s/%u\"", i == 0 ? "    addresses: [" : ", ", text, bits);
    }
    if (s->address_count != 0)
        writ_buf_put_str(p->out, "]\n");
}

static void
put_service(struct printer *p, const struct writ_doc_service *s)
{
    writ_buf_put_str(p->out, "  ");
    put_text(p, writ_span_str(s->name));
    writ_buf_put_str(p->out, ":\n");
    put_url(p, s);
    if (s->env[0] != '\0')
        put_pair(p, "    ", "env", s->env);
    if (s->credential[0] != '\0')
        put_pair(p, "    ", "credential", s->credential);
    put_inject(p, s);
    if (s->connect_host[0] != '\0') {
        writ_buf_put_str(p->out, "    connect: \"");
        put_host(p, s->connect_host);
        writ_buf_putf(p->out, ":%u\"\n", (unsigned)s->connect_port);
    }
    put_addresses(p, s);
    if (s->scheme == WRIT_SCHEME_HTTP && s->credential[0] != '\0' && !writ_service_is_local(s))
        writ_buf_put_str(p->out, "    plaintext: true\n");
    if (s->ca.len != 0) {
        writ_buf_put_str(p->out, "    ca:");
        put_block(p, s->ca, "      ");
    }
}

static void
put_policies(struct printer *p, const struct writ_doc *d)
{
    if (d->policy_count != 0)
        writ_buf_put_str(p->out, "policy:\n");
    for (size_t i = 0; i < d->policy_count; i++) {
        writ_buf_put_str(p->out, "  - file: ");
        put_text(p, writ_span_str(d->policies[i].file));
        writ_buf_put_str(p->out, "\n    text:");
        put_block(p, d->policies[i].text, "      ");
    }
}

enum writ_err
writ_profile_print(const struct writ_doc *d, struct writ_buf *ret)
{
    struct printer p = {.out = ret};

    writ_buf_put_str(ret, "version: 1\n");
    put_pair(&p, "", "name", d->profile);
    if (d->env[0] != '\0')
        put_pair(&p, "", "env", d->env);
    if (d->argc != 0)
        writ_buf_put_str(ret, "command:\n");
    for (size_t i = 0; i < d->argc; i++)
        put_item(&p, "  ", d->argv[i]);
    if (d->cwd != NULL && d->cwd[0] != '\0')
        put_pair(&p, "", "cwd", d->cwd);
    put_binds(&p, d);
    put_limits(&p, &d->limits);
    put_environment(&p, d);
    if (d->service_count != 0)
        writ_buf_put_str(ret, "services:\n");
    for (size_t i = 0; i < d->service_count; i++)
        put_service(&p, &d->services[i]);
    put_policies(&p, d);
    if (p.broken)
        return WRIT_E_FORMAT;
    return ret->failed ? WRIT_E_LIMIT : WRIT_OK;
}
