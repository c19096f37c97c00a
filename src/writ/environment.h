/*
 * environment.h - what a task finds around itself: variables, and the ports it can reach.
 */
#ifndef WRIT_WRIT_ENVIRONMENT_H
#define WRIT_WRIT_ENVIRONMENT_H

#include "profile/doc.h"
#include "sandbox/sandbox.h"

/* Where every TLS library of the system looks, and where the variables point: the task's CA alone.
 */
#define ENVIRONMENT_CA_FILE "/etc/ssl/certs/ca-certificates.crt"

enum { ENVIRONMENT_PORTS_MAX = 26 };

struct environment {
    char **vars; /* NULL-terminated; the strings belong to it */
    size_t count;
    uint16_t ports[ENVIRONMENT_PORTS_MAX];
    size_t port_count;
};

/* WRIT_E_LIMIT: the services have more different ports than a task can listen on. */
enum writ_err environment_make(const struct writ_doc *doc, bool tty,
                               struct environment *ret) WRIT_CHECK;
void environment_done(struct environment *e);

#endif
