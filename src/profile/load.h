/*
 * load.h - what the readers of a profile's parts share while one profile is read.
 */
#ifndef WRIT_PROFILE_LOAD_H
#define WRIT_PROFILE_LOAD_H

#include "profile/make.h"
#include "profile/yaml.h"

struct writ_load {
    struct writ_doc *doc;
    struct writ_diag *diag;
    struct writ_places places;
    const struct writ_yaml_node *root;
    unsigned bind_line[WRIT_BINDS_MAX]; /* where each bind of doc was named */
    unsigned bind_col[WRIT_BINDS_MAX];
    struct writ_kept *kept;
};

static inline struct writ_at
writ_load_at(const struct writ_load *l, const struct writ_yaml_node *n)
{
    return (struct writ_at){l->diag, n->line, n->col};
}

/* Hands every item of a list to item. */
bool writ_load_list(struct writ_load *l, const struct writ_yaml_node *list,
                    bool (*item)(struct writ_load *l, const struct writ_yaml_node *n)) WRIT_CHECK;
/* The map of services, into l->doc. */
bool writ_load_services(void *load, const struct writ_yaml_node *map) WRIT_CHECK;

/* A profile and where it comes from. kept is the caller's, and is filled. */
struct writ_load_source {
    const char *dir;
    const char *path; /* of the text, for messages */
    const char *env;  /* the label that was asked for, or "" */
    struct writ_kept *kept;
};

enum writ_err writ_load_text(const struct writ_load_source *from, struct writ_span text,
                             struct writ_doc *ret, struct writ_diag *diag) WRIT_CHECK;
/* The file profile.yaml in from->dir; from->path is not looked at. */
enum writ_err writ_load_dir(const struct writ_load_source *from, struct writ_doc *ret,
                            struct writ_diag *diag) WRIT_CHECK;

#endif
