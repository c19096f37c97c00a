#include "writ-gateway/services.h"

#include <stdio.h>
#include <stdlib.h>

#include "writ-gateway/client.h"
#include "writ-gateway/outside.h"

/*
 * Inside the task each service name has an address of its own, in ranges that no network routes
 * (RFC 2544, and a unique local prefix): so the address that is dialled says which service is
 * meant. Services with one host share them.
 */
static void
give_addresses(struct service *s, size_t n)
{
    const uint8_t v4[4] = {198, 18, (uint8_t)(n >> 8), (uint8_t)(n + 1)};
    uint8_t v6[16] = {0xfd, 0x77, 0x72, 0x69, 0x74};

    v6[14] = (uint8_t)(n >> 8);
    v6[15] = (uint8_t)(n + 1);
    s->dns[0] = writ_addr_v4(v4);
    s->dns[1] = writ_addr_v6(v6);
}

static struct writ_addr
parse_literal(const char *host)
{
    struct writ_addr a = {0};

    if (!writ_addr_parse(writ_span_str(host), &a))
        a.family = 0;
    return a;
}

static enum writ_err
allow_ranges(struct service *s)
{
    s->allowed = calloc(s->doc->address_count + 1, sizeof(*s->allowed));
    if (s->allowed == NULL)
        return WRIT_E_NOMEM;
    for (size_t i = 0; i < s->doc->address_count; i++) {
        const struct writ_doc_cidr *d = &s->doc->addresses[i];
        static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
        bool v4 = memcmp(d->addr, mapped, 12) == 0 && d->bits >= 96;

        s->allowed[i].addr = v4 ? writ_addr_v4(d->addr + 12) : writ_addr_v6(d->addr);
        s->allowed[i].bits = (uint8_t)(v4 ? d->bits - 96 : d->bits);
    }
    s->allowed_count = s->doc->address_count;
    return WRIT_OK;
}

static enum writ_err
service_init(struct service *s, const struct writ_doc_service *doc, size_t index)
{
    const char *dial = doc->connect_host[0] != '\0' ? doc->connect_host : doc->host;
    uint16_t standard = doc->scheme == WRIT_SCHEME_HTTPS ? 443 : 80;

    s->doc = doc;
    s->index = index;
    s->https = doc->scheme == WRIT_SCHEME_HTTPS;
    s->base = writ_span_str(doc->base);
    s->literal = parse_literal(doc->host);
    give_addresses(s, index);
    s->authority.port = doc->port == standard ? 0 : doc->port;
    s->authority.addr = s->literal;
    s->authority.host_len = (uint8_t)strlen(doc->host);
    memcpy(s->authority.host, doc->host, strlen(doc->host) + 1);
    s->dial_port = doc->connect_port != 0 ? doc->connect_port : doc->port;
    s->address[0] = parse_literal(dial);
    if (s->address[0].family != 0) {
        s->address_count = 1;
        s->resolved_us = UINT64_MAX;
    }
    s->credential = doc->inject == WRIT_INJECT_NONE ? CREDENTIAL_NONE : CREDENTIAL_UNASKED;
    return allow_ranges(s);
}

/* Services of one name are told apart by their port or folder, so they share its addresses. */
static void
share_addresses(const struct gateway *gw, struct service *s)
{
    for (size_t i = 0; i < s->index; i++) {
        if (strcmp(gw->services[i].doc->host, s->doc->host) == 0) {
            memcpy(s->dns, gw->services[i].dns, sizeof(s->dns));
            return;
        }
    }
}

enum writ_err
services_new(struct gateway *gw)
{
    gw->services = calloc(gw->doc.service_count + 1, sizeof(*gw->services));
    if (gw->services == NULL)
        return WRIT_E_NOMEM;
    for (size_t i = 0; i < gw->doc.service_count; i++) {
        struct service *s = &gw->services[i];
        enum writ_err e = service_init(s, &gw->doc.services[i], i);

        if (e != WRIT_OK)
            return e;
        share_addresses(gw, s);
        gw->service_count++;
    }
    return WRIT_OK;
}

void
services_done(struct gateway *gw)
{
    for (size_t i = 0; i < gw->service_count; i++) {
        struct service *s = &gw->services[i];

        outside_done(s);
        SSL_CTX_free(s->inside);
        writ_secret_freep(&s->secret);
        free(s->allowed);
    }
    free(gw->services);
    gw->services = NULL;
    gw->service_count = 0;
}

struct service *
service_find(struct gateway *gw, bool https, const char *host, uint16_t port)
{
    for (size_t i = 0; i < gw->service_count; i++) {
        struct service *s = &gw->services[i];

        if (s->https == https && s->doc->port == port && strcmp(s->doc->host, host) == 0)
            return s;
    }
    return NULL;
}

/* "/v2/" holds "/v2/issues" and "/v2/", and "/v2" itself: the same folder. */
static bool
holds(struct writ_span base, struct writ_span path)
{
    if (path.len + 1 == base.len)
        return memcmp(base.ptr, path.ptr, path.len) == 0;
    return path.len >= base.len && memcmp(base.ptr, path.ptr, base.len) == 0;
}

struct service *
service_under(struct gateway *gw, struct service *at, struct writ_span path)
{
    struct service *best = NULL;

    for (size_t i = 0; i < gw->service_count; i++) {
        struct service *s = &gw->services[i];

        if (s->https != at->https || s->doc->port != at->doc->port ||
            strcmp(s->doc->host, at->doc->host) != 0)
            continue;
        if (s->base.len > 1 && !holds(s->base, path))
            continue;
        if (best == NULL || s->base.len > best->base.len)
            best = s;
    }
    return best;
}

struct service *
service_named(struct gateway *gw, const char *host)
{
    for (size_t i = 0; i < gw->service_count; i++) {
        struct service *s = &gw->services[i];

        if (s->literal.family == 0 && strcmp(s->doc->host, host) == 0)
            return s;
    }
    return NULL;
}

bool
service_is_at(const struct service *s, const struct writ_addr *addr)
{
    if (s->literal.family != 0)
        return writ_addr_eq(&s->literal, addr);
    return writ_addr_eq(&s->dns[0], addr) || writ_addr_eq(&s->dns[1], addr);
}

struct service *
service_at(struct gateway *gw, const struct writ_addr *addr, uint16_t port)
{
    for (size_t i = 0; i < gw->service_count; i++) {
        struct service *s = &gw->services[i];

        if (s->https && s->doc->port == port && service_is_at(s, addr))
            return s;
    }
    return NULL;
}

const char *
service_why_not(struct gateway *gw, const struct client *c, bool https, uint16_t port)
{
    static char text[512];
    const struct writ_http1_authority *a = &gw->request.authority;
    struct service *other = service_named(gw, a->host);
    const struct writ_addr *dest = a->addr.family != 0 ? &a->addr : &c->dest;
    enum writ_addr_class class = writ_addr_classify_inner(dest);

    if (class == WRIT_ADDR_METADATA)
        return "a metadata address: there are no credentials of the machine in here";
    if (other != NULL) {
        (void)snprintf(text, sizeof(text), "the service %s is at %s://%s:%u, not at %s port %u",
                       other->doc->name, other->https ? "https" : "http", other->doc->host,
                       other->doc->port, https ? "https" : "http", port);
        return text;
    }
    (void)snprintf(text, sizeof(text), "%s://%s:%u is not a service of this task",
                   https ? "https" : "http", a->host, port);
    return text;
}
