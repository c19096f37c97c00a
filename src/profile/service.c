#include "profile/make.h"

#include "base/text.h"
#include "profile/check.h"
#include "proto/addr.h"

static const char secret_mark[] = "{secret}";

static size_t
find_any(struct writ_span s, const char *set)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] != '\0' && strchr(set, s.ptr[i]) != NULL)
            return i;
    }
    return s.len;
}

/* A name, or an address in the one form that is compared everywhere. */
static bool
make_host(struct writ_at at, struct writ_span host, bool v6, char ret[WRIT_HOST_MAX + 1])
{
    struct writ_addr a;
    char text[WRIT_ADDR_TEXT_MAX];

    if (writ_addr_parse(host, &a)) {
        if ((a.family == 6) != v6)
            return writ_fail(at, "an IPv6 address is written in brackets, as in [::1]:8443");
        (void)writ_addr_print(&a, text);
        return writ_span_copy(writ_span_str(text), ret, WRIT_HOST_MAX + 1) ||
               writ_fail(at, "the address is too long");
    }
    for (size_t i = 0; i < host.len; i++) {
        if (host.ptr[i] >= 'A' && host.ptr[i] <= 'Z')
            return writ_fail(at, "the host must be written in lower case");
    }
    if (v6 || !writ_is_host(host) || !writ_span_copy(host, ret, WRIT_HOST_MAX + 1)) {
        return writ_fail(at, "`%.*s` is no host name and no address", (int)(host.len & 0xff),
                         (const char *)host.ptr);
    }
    return true;
}

static bool
make_base(struct writ_at at, struct writ_span path, char ret[WRIT_URL_MAX + 1])
{
    char base[WRIT_URL_MAX + 1];

    if (path.len == 0)
        path = writ_span("/", 1);
    if (!writ_span_copy(path, base, sizeof(base) - 1))
        return writ_fail(at, "the URL is longer than %d bytes", WRIT_URL_MAX);
    if (base[path.len - 1] != '/')
        memcpy(base + path.len, "/", 2);
    if (!writ_check_base(writ_span_str(base))) {
        return writ_fail(at, "the path of the URL can be read in two ways; expected no empty, "
                             "`.` or `..` segment, no `;`, and %%XX in capitals only where it is "
                             "needed and never for a slash");
    }
    memcpy(ret, base, sizeof(base));
    return true;
}

bool
writ_make_url(struct writ_at at, struct writ_span s, struct writ_doc_service *svc)
{
    bool tls = writ_span_starts(s, "https://");
    struct writ_span rest = writ_span_from(s, tls ? 8 : 7);
    struct writ_span authority;
    struct writ_span host;
    uint16_t port;
    bool v6;

    if (!tls && !writ_span_starts(s, "http://"))
        return writ_fail(at, "expected https://HOST[:PORT][/PATH] or http://HOST[:PORT][/PATH]");
    if (find_any(rest, "?#") != rest.len)
        return writ_fail(at, "the URL of a service has no query and no fragment");
    authority = writ_span(rest.ptr, find_any(rest, "/"));
    if (find_any(authority, "@") != authority.len)
        return writ_fail(at, "the URL must not hold a user or password; name a credential instead");
    if (!writ_host_port_split(authority, &host, &port, &v6)) {
        return writ_fail(at,
                         "expected HOST or HOST:PORT after the %s://, with a port of 1 to 65535",
                         tls ? "https" : "http");
    }
    if (!make_host(at, host, v6, svc->host) ||
        !make_base(at, writ_span_from(rest, authority.len), svc->base))
        return false;
    svc->scheme = tls ? WRIT_SCHEME_HTTPS : WRIT_SCHEME_HTTP;
    svc->port = port != 0 ? port : tls ? 443 : 80;
    return true;
}

bool
writ_make_connect(struct writ_at at, struct writ_span s, struct writ_doc_service *svc)
{
    struct writ_span host;
    uint16_t port;
    bool v6;

    if (!writ_host_port_split(s, &host, &port, &v6) || port == 0)
        return writ_fail(at, "expected HOST:PORT, ADDRESS:PORT or [ADDRESS]:PORT to connect to");
    if (!make_host(at, host, v6, svc->connect_host))
        return false;
    svc->connect_port = port;
    return true;
}

static struct writ_doc_cidr
to_doc_cidr(const struct writ_cidr *c)
{
    struct writ_doc_cidr d = {.bits = c->bits};

    if (c->addr.family == 6) {
        memcpy(d.addr, c->addr.bytes, 16);
        return d;
    }
    d.addr[10] = 0xff;
    d.addr[11] = 0xff;
    memcpy(d.addr + 12, c->addr.bytes, 4);
    d.bits = (uint8_t)(c->bits + 96);
    return d;
}

static bool
overlaps(const struct writ_cidr *a, const char *text)
{
    struct writ_cidr b;

    return writ_cidr_parse(writ_span_str(text), &b) &&
           (writ_cidr_match(a, &b.addr) || writ_cidr_match(&b, &a->addr));
}

bool
writ_make_address(struct writ_at at, struct writ_span s, struct writ_doc_service *svc)
{
    struct writ_cidr c;
    struct writ_doc_cidr d;
    enum writ_addr_class class;
    void *list = svc->addresses;

    if (!writ_cidr_parse(s, &c)) {
        return writ_fail(at, "expected an address or a range such as 10.0.0.0/8 or fd00::/8, with "
                             "no bits set behind the prefix");
    }
    class = writ_addr_classify_inner(&c.addr);
    if (c.bits == 0) {
        return writ_fail(at, "this range is everything, the metadata services of the cloud too; "
                             "special ranges must be named narrowly");
    }
    if (overlaps(&c, "169.254.0.0/16") || overlaps(&c, "fe80::/10") ||
        class == WRIT_ADDR_METADATA || class == WRIT_ADDR_LINK_LOCAL) {
        return writ_fail(at, "link-local and metadata addresses are never reached; name a range "
                             "without them");
    }
    d = to_doc_cidr(&c);
    for (size_t i = 0; i < svc->address_count; i++) {
        if (memcmp(svc->addresses[i].addr, d.addr, 16) == 0 && svc->addresses[i].bits == d.bits)
            return writ_fail(at, "this range is given twice");
    }
    if (svc->address_count == WRIT_ADDRESSES_MAX)
        return writ_fail(at, "more than %d ranges", WRIT_ADDRESSES_MAX);
    if (!writ_make_room(&list, svc->address_count, sizeof(*svc->addresses)))
        return writ_fail(at, "out of memory");
    svc->addresses = list;
    svc->addresses[svc->address_count++] = d;
    return true;
}

bool
writ_make_header(struct writ_at at, struct writ_span s, struct writ_doc_service *svc)
{
    if (!writ_check_token(s)) {
        return writ_fail(at,
                         "expected the name of a header: letters, digits and hyphens, at most "
                         "%d",
                         WRIT_NAME_MAX);
    }
    if (!writ_check_inject_header(s) ||
        !writ_span_copy(s, svc->inject_name, sizeof(svc->inject_name))) {
        return writ_fail(at, "a credential cannot go into this header: it is about the connection, "
                             "and the gateway writes it itself");
    }
    svc->inject = WRIT_INJECT_HEADER;
    return true;
}

void
writ_make_bearer(struct writ_doc_service *svc)
{
    svc->inject = WRIT_INJECT_HEADER;
    memcpy(svc->inject_name, "Authorization", sizeof("Authorization"));
    memcpy(svc->inject_before, "Bearer ", sizeof("Bearer "));
    svc->inject_after[0] = '\0';
}

bool
writ_make_format(struct writ_at at, struct writ_span s, struct writ_doc_service *svc)
{
    size_t mark_len = sizeof(secret_mark) - 1;
    size_t found = s.len;

    if (!writ_check_visible(s))
        return writ_fail(at, "the format may hold only visible ASCII and blanks");
    for (size_t i = 0; i < s.len; i++) {
        if (!writ_span_starts(writ_span_from(s, i), secret_mark))
            continue;
        if (found != s.len)
            return writ_fail(at, "the format must hold {secret} once, not twice");
        found = i;
    }
    if (found == s.len)
        return writ_fail(at, "the format must hold {secret}, the place of the credential");
    if (!writ_span_copy(writ_span(s.ptr, found), svc->inject_before, sizeof(svc->inject_before)) ||
        !writ_span_copy(writ_span_from(s, found + mark_len), svc->inject_after,
                        sizeof(svc->inject_after)))
        return writ_fail(at, "the format is too long");
    return true;
}

static const char *
dialled_host(const struct writ_doc_service *svc)
{
    return svc->connect_host[0] != '\0' ? svc->connect_host : svc->host;
}

bool
writ_service_is_local(const struct writ_doc_service *svc)
{
    struct writ_addr a;

    return writ_addr_parse(writ_span_str(dialled_host(svc)), &a) &&
           writ_addr_classify_inner(&a) == WRIT_ADDR_LOOPBACK;
}

static struct writ_cidr
from_doc_cidr(const struct writ_doc_cidr *d)
{
    static const uint8_t mapped[12] = {[10] = 0xff, 0xff};

    if (d->bits >= 96 && memcmp(d->addr, mapped, sizeof(mapped)) == 0)
        return (struct writ_cidr){writ_addr_v4(d->addr + 12), (uint8_t)(d->bits - 96)};
    return (struct writ_cidr){writ_addr_v6(d->addr), d->bits};
}

/* What can be said before any name is looked up; the gateway asks again about every address. */
static bool
may_dial(struct writ_at at, const struct writ_doc_service *svc)
{
    const char *host = dialled_host(svc);
    enum writ_addr_class class;
    struct writ_addr a;

    if (!writ_addr_parse(writ_span_str(host), &a) || writ_addr_may_dial(&a, NULL, 0))
        return true;
    class = writ_addr_classify_inner(&a);
    if (class == WRIT_ADDR_METADATA || class == WRIT_ADDR_LINK_LOCAL) {
        return writ_fail(at, "%s is a %s address; those are never reached", host,
                         writ_addr_class_name(class));
    }
    for (size_t i = 0; i < svc->address_count; i++) {
        struct writ_cidr c = from_doc_cidr(&svc->addresses[i]);

        if (writ_addr_may_dial(&a, &c, 1))
            return true;
    }
    return writ_fail(at, "%s is a %s address, which must be named in the addresses of service `%s`",
                     host, writ_addr_class_name(class), svc->name);
}

bool
writ_make_service_done(struct writ_at at, const struct writ_doc_service *svc, bool plaintext)
{
    bool tls = svc->scheme == WRIT_SCHEME_HTTPS;

    if (tls && plaintext)
        return writ_fail(at, "`plaintext` is for http services; this one is encrypted");
    if (!tls && svc->ca.len != 0)
        return writ_fail(at, "a `ca` is for https services; this one is not encrypted");
    if (!may_dial(at, svc))
        return false;
    if (!tls && svc->credential[0] != '\0' && !plaintext && !writ_service_is_local(svc)) {
        return writ_fail(at,
                         "over http the credential of service `%s` could be read on the way; "
                         "use https, or say `plaintext: true` if that network is trusted",
                         svc->name);
    }
    if (!writ_check_service(svc))
        return writ_fail(at, "service `%s` is not complete", svc->name);
    return true;
}

bool
writ_make_add_service(struct writ_at at, struct writ_doc *d, struct writ_doc_service *svc)
{
    void *list = d->services;
    bool ok = d->service_count < WRIT_SERVICES_MAX ||
              writ_fail(at, "more than %d services", WRIT_SERVICES_MAX);

    for (size_t i = 0; ok && i < d->service_count; i++) {
        const struct writ_doc_service *other = &d->services[i];

        if (strcmp(other->name, svc->name) == 0) {
            ok = writ_fail(at, "there is already a service `%s`", svc->name);
        } else if (other->port != svc->port || strcmp(other->host, svc->host) != 0) {
            continue;
        } else if (other->scheme != svc->scheme) {
            ok = writ_fail(at, "service `%s` has the same host and port, but another scheme",
                           other->name);
        } else if (strcmp(other->base, svc->base) == 0) {
            ok = writ_fail(at,
                           "service `%s` has the same host, port and path: a request could "
                           "belong to either",
                           other->name);
        }
    }
    if (ok && !writ_make_room(&list, d->service_count, sizeof(*svc)))
        ok = writ_fail(at, "out of memory");
    if (!ok) {
        writ_doc_service_done(svc);
        return false;
    }
    d->services = list;
    d->services[d->service_count++] = *svc;
    *svc = (struct writ_doc_service){0};
    return true;
}
