/*
 * yaml.h - the strict part of YAML that a profile is written in, as a tree that knows its places.
 *
 * Maps, lists and text, in block or flow style, in UTF-8. Anchors, aliases, tags, merge keys,
 * directives, second documents, keys that are not text or appear twice are refused: each has made
 * two readers see two files. Text is taken as it is written, whether it looks like a number, a date
 * or a boolean or not; what stands for "nothing" (empty, ~, null, not quoted) is marked `null`.
 * The tree belongs to the struct; whoever keeps text copies it. Lines and columns count from 1,
 * columns in characters.
 */
#ifndef WRIT_PROFILE_YAML_H
#define WRIT_PROFILE_YAML_H

#include "base/err.h"
#include "base/span.h"

enum writ_yaml_kind {
    WRIT_YAML_TEXT = 1,
    WRIT_YAML_LIST,
    WRIT_YAML_MAP,
};

struct writ_yaml_node {
    enum writ_yaml_kind kind;
    bool null; /* text that stands for no value */
    unsigned line;
    unsigned col;
    const struct writ_yaml_node *key; /* of a member of a map: its key; else NULL */
    struct writ_yaml_node *first;     /* members of a map, items of a list, in order */
    struct writ_yaml_node *next;      /* of the same parent */
    struct writ_yaml_node *allocated; /* next in the list of all */
    size_t count;                     /* of members or items */
    size_t len;
    char text[]; /* NUL-terminated, and without a NUL before that */
};

struct writ_yaml {
    struct writ_yaml_node *root; /* never NULL after a successful parse */
    struct writ_yaml_node *all;
};

/* WRIT_E_FORMAT, WRIT_E_LIMIT or WRIT_E_NOMEM, always with *diag set (its file is the
 * caller's) and *ret empty. */
enum writ_err writ_yaml_parse(struct writ_span text, struct writ_yaml *ret,
                              struct writ_diag *diag) WRIT_CHECK;
void writ_yaml_done(struct writ_yaml *y);

static inline struct writ_span
writ_yaml_span(const struct writ_yaml_node *n)
{
    return writ_span(n->text, n->len);
}

/* One key a map may have, and who reads its value. take returns false with the diag set. */
struct writ_yaml_field {
    const char *key;
    bool (*take)(void *ctx, const struct writ_yaml_node *value);
};

/* Hands every member to its reader, in the order of the file. A key that is in no field is an error
 * that names the nearest one: what nobody read cannot pass unseen. `what` names the map. */
bool writ_yaml_take(const struct writ_yaml_node *map, const char *what,
                    const struct writ_yaml_field *fields, size_t count, void *ctx,
                    struct writ_diag *diag) WRIT_CHECK;
/* Not null and of that kind; for a member of a map the message names its key, else `what`. */
bool writ_yaml_expect(const struct writ_yaml_node *n, enum writ_yaml_kind kind, const char *what,
                      struct writ_diag *diag) WRIT_CHECK;
/* The member of that name, or NULL. */
const struct writ_yaml_node *writ_yaml_get(const struct writ_yaml_node *map, const char *key);

#endif
