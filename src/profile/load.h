/*
 * load.h - what the readers of a profile's parts share while one profile is read.
 */
#ifndef WRIT_PROFILE_LOAD_H
#define WRIT_PROFILE_LOAD_H

#include "profile/make.h"
#include "profile/yaml.h"

enum { WRIT_LOAD_KEPT_MAX = 2 + WRIT_POLICIES_MAX + WRIT_SERVICES_MAX };

struct writ_load {
    struct writ_doc *doc;
    struct writ_diag *diag;
    struct writ_places places;
    const struct writ_yaml_node *root;
    unsigned bind_line[WRIT_BINDS_MAX]; /* where each bind of doc was named */
    unsigned bind_col[WRIT_BINDS_MAX];
    char *kept[WRIT_LOAD_KEPT_MAX]; /* the profile's own files, which no task may write */
    size_t kept_count;
};

static inline struct writ_at
writ_load_at(const struct writ_load *l, const struct writ_yaml_node *n)
{
    return (struct writ_at){l->diag, n->line, n->col};
}

/* Remembers that this file is the profile's. */
bool writ_load_keep(struct writ_load *l, const struct writ_yaml_node *n,
                    const char *path) WRIT_CHECK;
/* Hands every item of a list to item. */
bool writ_load_list(struct writ_load *l, const struct writ_yaml_node *list,
                    bool (*item)(struct writ_load *l, const struct writ_yaml_node *n)) WRIT_CHECK;
/* The map of services, into l->doc. */
bool writ_load_services(void *load, const struct writ_yaml_node *map) WRIT_CHECK;

#endif
