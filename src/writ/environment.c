#include "writ/environment.h"

#include <stdio.h>
#include <stdlib.h>

/* Made from nothing: no variable of ours is passed on, whatever it may hold. */
static const char *const fixed[] = {
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME=/home/task",
    "USER=task",
    "LOGNAME=task",
    "SHELL=/bin/sh",
    "LANG=C.UTF-8",
    "TMPDIR=/tmp",
    "SSL_CERT_FILE=" ENVIRONMENT_CA_FILE,
    "REQUESTS_CA_BUNDLE=" ENVIRONMENT_CA_FILE,
    "CURL_CA_BUNDLE=" ENVIRONMENT_CA_FILE,
    "NODE_EXTRA_CA_CERTS=" ENVIRONMENT_CA_FILE,
    "GIT_SSL_CAINFO=" ENVIRONMENT_CA_FILE,
    "PIP_CERT=" ENVIRONMENT_CA_FILE,
    "AWS_CA_BUNDLE=" ENVIRONMENT_CA_FILE,
    "DENO_CERT=" ENVIRONMENT_CA_FILE,
    "AWS_EC2_METADATA_DISABLED=true",
};

/* 3128 is for clients that are told to use a proxy; the others for plain and TLS connections to any
 * address, so that a refusal can say why. */
static const uint16_t usual_ports[] = {80, 443, 3128};

static bool
same_name(const char *a, const char *b)
{
    size_t n = strcspn(a, "=");

    return strncmp(a, b, n + 1) == 0;
}

/* A later variable takes an earlier one's place. */
static bool
put(struct environment *e, const char *var)
{
    char *copy = strdup(var);

    if (copy == NULL)
        return false;
    for (size_t i = 0; i < e->count; i++) {
        if (same_name(copy, e->vars[i])) {
            free(e->vars[i]);
            e->vars[i] = copy;
            return true;
        }
    }
    e->vars[e->count++] = copy;
    return true;
}

static bool
put_term(struct environment *e)
{
    const char *term = getenv("TERM");
    char var[80];

    if (term == NULL || strlen(term) > 60)
        return true;
    (void)snprintf(var, sizeof(var), "TERM=%s", term);
    return put(e, var);
}

static bool
add_port(struct environment *e, uint16_t port)
{
    for (size_t i = 0; i < e->port_count; i++) {
        if (e->ports[i] == port)
            return true;
    }
    if (e->port_count == ENVIRONMENT_PORTS_MAX)
        return false;
    e->ports[e->port_count++] = port;
    return true;
}

enum writ_err
environment_make(const struct writ_doc *doc, bool tty, struct environment *ret)
{
    struct environment e = {0};
    bool ok = true;
    char id[64];

    e.vars = calloc(WRIT_COUNT(fixed) + doc->envc + 3, sizeof(*e.vars));
    if (e.vars == NULL)
        return WRIT_E_NOMEM;
    for (size_t i = 0; i < WRIT_COUNT(fixed); i++)
        ok = ok && put(&e, fixed[i]);
    (void)snprintf(id, sizeof(id), "WRIT_TASK=%s", doc->task.text);
    ok = ok && put(&e, id) && (!tty || put_term(&e));
    for (size_t i = 0; i < doc->envc; i++)
        ok = ok && put(&e, doc->envp[i]);
    if (!ok) {
        environment_done(&e);
        return WRIT_E_NOMEM;
    }
    for (size_t i = 0; i < WRIT_COUNT(usual_ports); i++)
        ok = ok && add_port(&e, usual_ports[i]);
    for (size_t i = 0; i < doc->service_count; i++)
        ok = ok && add_port(&e, doc->services[i].port);
    if (!ok) {
        environment_done(&e);
        return WRIT_E_LIMIT;
    }
    *ret = e;
    return WRIT_OK;
}

void
environment_done(struct environment *e)
{
    for (size_t i = 0; i < e->count; i++)
        free(e->vars[i]);
    free(e->vars);
    *e = (struct environment){0};
}
