#include "profile/load.h"

#include <stdio.h>

#include "profile/check.h"

struct service {
    struct writ_load *load;
    const struct writ_yaml_node *map;
    struct writ_doc_service doc;
    bool plaintext;
};

static struct writ_at
at(const struct service *s, const struct writ_yaml_node *n)
{
    return writ_load_at(s->load, n);
}

static bool
is_text(const struct service *s, const struct writ_yaml_node *n)
{
    return writ_yaml_expect(n, WRIT_YAML_TEXT, "item", s->load->diag);
}

static bool
take_url(void *ctx, const struct writ_yaml_node *n)
{
    struct service *s = ctx;

    return is_text(s, n) && writ_make_url(at(s, n), writ_yaml_span(n), &s->doc);
}

static bool
take_env(void *ctx, const struct writ_yaml_node *n)
{
    struct service *s = ctx;

    return is_text(s, n) &&
           writ_make_name(at(s, n), writ_yaml_span(n), "environment label", s->doc.env);
}

static bool
take_credential(void *ctx, const struct writ_yaml_node *n)
{
    struct service *s = ctx;

    return is_text(s, n) &&
           writ_make_name(at(s, n), writ_yaml_span(n), "name of a credential", s->doc.credential);
}

static bool
one_way(const struct service *s, const struct writ_yaml_node *n)
{
    return s->doc.inject == WRIT_INJECT_NONE ||
           writ_fail(at(s, n->key), "a credential goes to one place only: header, basic, query or "
                                    "cookie");
}

static bool
take_header(void *ctx, const struct writ_yaml_node *n)
{
    struct service *s = ctx;

    return one_way(s, n) && is_text(s, n) && writ_make_header(at(s, n), writ_yaml_span(n), &s->doc);
}

static bool
take_format(void *ctx, const struct writ_yaml_node *n)
{
    struct service *s = ctx;

    return is_text(s, n) && writ_make_format(at(s, n), writ_yaml_span(n), &s->doc);
}

static bool
take_basic(void *ctx, const struct writ_yaml_node *n)
{
    struct service *s = ctx;
    struct writ_span user = writ_yaml_span(n);

    if (!one_way(s, n) || !is_text(s, n))
        return false;
    if (!writ_check_visible(user) || strchr(n->text, ':') != NULL ||
        !writ_span_copy(user, s->doc.inject_name, sizeof(s->doc.inject_name))) {
        return writ_fail(at(s, n), "expected a user name without `:`, at most %d characters",
                         WRIT_NAME_MAX);
    }
    s->doc.inject = WRIT_INJECT_BASIC;
    return true;
}

static bool
take_parameter(struct service *s, const struct writ_yaml_node *n, enum writ_inject kind)
{
    if (!one_way(s, n) || !is_text(s, n))
        return false;
    if (!writ_check_token(writ_yaml_span(n)) ||
        !writ_span_copy(writ_yaml_span(n), s->doc.inject_name, sizeof(s->doc.inject_name))) {
        return writ_fail(at(s, n), "expected the name of a %s: letters, digits, `-` and `_`",
                         kind == WRIT_INJECT_QUERY ? "query parameter" : "cookie");
    }
    s->doc.inject = kind;
    return true;
}

static bool
take_query(void *ctx, const struct writ_yaml_node *n)
{
    return take_parameter(ctx, n, WRIT_INJECT_QUERY);
}

static bool
take_cookie(void *ctx, const struct writ_yaml_node *n)
{
    return take_parameter(ctx, n, WRIT_INJECT_COOKIE);
}

static bool
take_inject(void *ctx, const struct writ_yaml_node *n)
{
    static const struct writ_yaml_field fields[] = {{"header", take_header},
                                                    {"format", take_format},
                                                    {"basic", take_basic},
                                                    {"query", take_query},
                                                    {"cookie", take_cookie}};
    struct service *s = ctx;
    const struct writ_yaml_node *format;

    if (n->kind == WRIT_YAML_TEXT && strcmp(n->text, "bearer") == 0) {
        writ_make_bearer(&s->doc);
        return true;
    }
    if (n->kind != WRIT_YAML_MAP) {
        return writ_fail(at(s, n), "expected `bearer`, or a map: {header: NAME, format: \"Bearer "
                                   "{secret}\"}, {basic: USER}, {query: NAME} or {cookie: NAME}");
    }
    if (!writ_yaml_take(n, "`inject`", fields, WRIT_COUNT(fields), s, s->load->diag))
        return false;
    if (s->doc.inject == WRIT_INJECT_NONE)
        return writ_fail(at(s, n), "`inject` must name a header, basic, query or cookie");
    format = writ_yaml_get(n, "format");
    if (format != NULL && s->doc.inject != WRIT_INJECT_HEADER)
        return writ_fail(at(s, format->key), "`format` is for a header only");
    return true;
}

static bool
take_connect(void *ctx, const struct writ_yaml_node *n)
{
    struct service *s = ctx;

    return is_text(s, n) && writ_make_connect(at(s, n), writ_yaml_span(n), &s->doc);
}

static bool
take_addresses(void *ctx, const struct writ_yaml_node *n)
{
    struct service *s = ctx;

    if (!writ_yaml_expect(n, WRIT_YAML_LIST, "addresses", s->load->diag))
        return false;
    for (const struct writ_yaml_node *item = n->first; item != NULL; item = item->next) {
        if (!writ_yaml_expect(item, WRIT_YAML_TEXT, "addresses", s->load->diag) ||
            !writ_make_address(at(s, item), writ_yaml_span(item), &s->doc))
            return false;
    }
    return true;
}

static bool
take_ca(void *ctx, const struct writ_yaml_node *n)
{
    WRIT_BUF_AUTO struct writ_buf pem;
    struct service *s = ctx;
    char path[WRIT_PATH_BYTES_MAX];

    writ_buf_init(&pem, WRIT_CA_BYTES_MAX + 8192);
    if (!is_text(s, n))
        return false;
    if (writ_span_starts(writ_yaml_span(n), "-----BEGIN "))
        return writ_make_ca(at(s, n), writ_yaml_span(n), &s->doc);
    return writ_make_read(at(s, n), s->load->places.dir, writ_yaml_span(n), WRIT_CA_BYTES_MAX, &pem,
                          path) &&
           writ_kept_add(at(s, n), s->load->kept, path) &&
           writ_make_ca(at(s, n), writ_buf_span(&pem), &s->doc);
}

static bool
take_plaintext(void *ctx, const struct writ_yaml_node *n)
{
    struct service *s = ctx;

    if (!is_text(s, n))
        return false;
    s->plaintext = strcmp(n->text, "true") == 0;
    return s->plaintext || strcmp(n->text, "false") == 0 ||
           writ_fail(at(s, n), "expected true or false");
}

static bool
check_place(const struct service *s)
{
    const struct writ_yaml_node *credential = writ_yaml_get(s->map, "credential");
    const struct writ_yaml_node *inject = writ_yaml_get(s->map, "inject");

    if (credential != NULL && inject == NULL) {
        return writ_fail(at(s, credential->key),
                         "service `%s` has a `credential` but not where to put it; add `inject: "
                         "bearer`, or another place",
                         s->doc.name);
    }
    if (inject != NULL && credential == NULL) {
        return writ_fail(at(s, inject->key),
                         "service `%s` has `inject` but nothing to inject; add "
                         "`credential: NAME`",
                         s->doc.name);
    }
    return true;
}

/* A label on both sides must be the same: what is for one environment is no use in another. */
static bool
check_env(const struct service *s)
{
    const struct writ_yaml_node *mine = writ_yaml_get(s->map, "env");
    const struct writ_yaml_node *profile = writ_yaml_get(s->load->root, "env");
    const char *env = s->load->doc->env;

    if (mine == NULL || strcmp(s->doc.env, env) == 0)
        return true;
    if (profile != NULL) {
        return writ_fail(at(s, mine),
                         "service `%s` is for `%s`, but the profile is for `%s` (line "
                         "%u, column %u)",
                         s->doc.name, s->doc.env, env, profile->line, profile->col);
    }
    if (env[0] != '\0') {
        return writ_fail(at(s, mine), "service `%s` is for `%s`, but the task is for `%s`",
                         s->doc.name, s->doc.env, env);
    }
    return writ_fail(at(s, mine),
                     "service `%s` is for `%s`, but the profile has no `env`; add "
                     "`env: %s`",
                     s->doc.name, s->doc.env, s->doc.env);
}

static bool
read_service(struct service *s)
{
    static const struct writ_yaml_field fields[] = {{"url", take_url},
                                                    {"env", take_env},
                                                    {"credential", take_credential},
                                                    {"inject", take_inject},
                                                    {"connect", take_connect},
                                                    {"addresses", take_addresses},
                                                    {"plaintext", take_plaintext},
                                                    {"ca", take_ca}};
    const struct writ_yaml_node *url;
    char what[WRIT_NAME_MAX + 16];

    if (!writ_make_name(at(s, s->map->key), writ_yaml_span(s->map->key), "name of a service",
                        s->doc.name))
        return false;
    (void)snprintf(what, sizeof(what), "service `%s`", s->doc.name);
    if (!writ_yaml_take(s->map, what, fields, WRIT_COUNT(fields), s, s->load->diag))
        return false;
    url = writ_yaml_get(s->map, "url");
    if (url == NULL)
        return writ_fail(at(s, s->map->key), "service `%s` needs a `url`", s->doc.name);
    return check_place(s) && check_env(s) &&
           writ_make_service_done(at(s, url), &s->doc, s->plaintext) &&
           writ_make_add_service(at(s, url), s->load->doc, &s->doc);
}

bool
writ_load_services(void *load, const struct writ_yaml_node *map)
{
    struct writ_load *l = load;

    if (!writ_yaml_expect(map, WRIT_YAML_MAP, "services", l->diag))
        return false;
    for (const struct writ_yaml_node *n = map->first; n != NULL; n = n->next) {
        struct service s = {.load = l, .map = n};

        if (!read_service(&s)) {
            writ_doc_service_done(&s.doc);
            return false;
        }
    }
    return true;
}
