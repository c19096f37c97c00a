#include "profile/profile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/fd.h"
#include "profile/check.h"
#include "profile/load.h"

static const char file_name[] = "profile.yaml";

/* The end of a long path says more than its beginning. */
static void
name_file(struct writ_diag *diag, const char *path)
{
    size_t len = strlen(path);
    size_t cut = len < sizeof(diag->file) ? 0 : len - sizeof(diag->file) + 1;

    memcpy(diag->file, path + cut, len - cut + 1);
}

bool
writ_load_list(struct writ_load *l, const struct writ_yaml_node *list,
               bool (*item)(struct writ_load *l, const struct writ_yaml_node *n))
{
    if (!writ_yaml_expect(list, WRIT_YAML_LIST, "list", l->diag))
        return false;
    for (const struct writ_yaml_node *n = list->first; n != NULL; n = n->next) {
        if (!item(l, n))
            return false;
    }
    return true;
}

static bool
take_version(void *ctx, const struct writ_yaml_node *n)
{
    struct writ_load *l = ctx;

    return writ_yaml_expect(n, WRIT_YAML_TEXT, "version", l->diag) &&
           (strcmp(n->text, "1") == 0 ||
            writ_fail(writ_load_at(l, n), "version `%.20s` is not known; expected 1", n->text));
}

static bool
take_name(void *ctx, const struct writ_yaml_node *n)
{
    struct writ_load *l = ctx;

    return writ_yaml_expect(n, WRIT_YAML_TEXT, "name", l->diag) &&
           writ_make_name(writ_load_at(l, n), writ_yaml_span(n), "name", l->doc->profile);
}

/* Read before the rest, which is compared with it. */
static bool
take_env(void *ctx, const struct writ_yaml_node *n)
{
    struct writ_load *l = ctx;
    char own[WRIT_NAME_MAX + 1] = "";
    const char *asked = l->doc->env;

    if (!writ_yaml_expect(n, WRIT_YAML_TEXT, "env", l->diag) ||
        !writ_make_name(writ_load_at(l, n), writ_yaml_span(n), "environment label", own))
        return false;
    if (asked[0] != '\0' && strcmp(asked, own) != 0) {
        return writ_fail(writ_load_at(l, n), "the profile is for `%s`, but `%s` was asked for", own,
                         asked);
    }
    memcpy(l->doc->env, own, sizeof(own));
    return true;
}

static bool
command_item(struct writ_load *l, const struct writ_yaml_node *n)
{
    return writ_yaml_expect(n, WRIT_YAML_TEXT, "command", l->diag) &&
           writ_make_arg(writ_load_at(l, n), l->doc, writ_yaml_span(n));
}

static bool
take_command(void *ctx, const struct writ_yaml_node *n)
{
    struct writ_load *l = ctx;

    return writ_load_list(l, n, command_item) &&
           (n->count != 0 || writ_fail(writ_load_at(l, n), "the command is empty"));
}

static bool
take_cwd(void *ctx, const struct writ_yaml_node *n)
{
    struct writ_load *l = ctx;

    if (!writ_yaml_expect(n, WRIT_YAML_TEXT, "cwd", l->diag))
        return false;
    if (!writ_check_path(n->text)) {
        return writ_fail(writ_load_at(l, n), "expected the absolute path of a folder inside the "
                                             "task, without `.`, `..` and `//`");
    }
    l->doc->cwd = writ_make_copy(writ_yaml_span(n));
    return l->doc->cwd != NULL || writ_fail(writ_load_at(l, n), "out of memory");
}

static bool
bind_item(struct writ_load *l, const struct writ_yaml_node *n, bool write)
{
    size_t i = l->doc->bind_count;

    if (!writ_yaml_expect(n, WRIT_YAML_TEXT, "files", l->diag) ||
        !writ_make_bind(writ_load_at(l, n), l->doc, &l->places, writ_yaml_span(n), write))
        return false;
    l->bind_line[i] = n->line;
    l->bind_col[i] = n->col;
    return true;
}

static bool
read_item(struct writ_load *l, const struct writ_yaml_node *n)
{
    return bind_item(l, n, false);
}

static bool
write_item(struct writ_load *l, const struct writ_yaml_node *n)
{
    return bind_item(l, n, true);
}

static bool
take_read(void *ctx, const struct writ_yaml_node *n)
{
    return writ_load_list(ctx, n, read_item);
}

static bool
take_write(void *ctx, const struct writ_yaml_node *n)
{
    return writ_load_list(ctx, n, write_item);
}

static bool
take_files(void *ctx, const struct writ_yaml_node *n)
{
    static const struct writ_yaml_field fields[] = {{"read", take_read}, {"write", take_write}};
    const struct writ_load *l = ctx;

    return writ_yaml_take(n, "`files`", fields, WRIT_COUNT(fields), ctx, l->diag);
}

static bool
take_limit(struct writ_load *l, const struct writ_yaml_node *n, enum writ_limit which)
{
    return writ_yaml_expect(n, WRIT_YAML_TEXT, "limit", l->diag) &&
           writ_make_limit(writ_load_at(l, n), which, writ_yaml_span(n), NULL, &l->doc->limits);
}

static bool
take_wall(void *ctx, const struct writ_yaml_node *n)
{
    return take_limit(ctx, n, WRIT_LIMIT_WALL);
}

static bool
take_memory(void *ctx, const struct writ_yaml_node *n)
{
    return take_limit(ctx, n, WRIT_LIMIT_MEMORY);
}

static bool
take_pids(void *ctx, const struct writ_yaml_node *n)
{
    return take_limit(ctx, n, WRIT_LIMIT_PIDS);
}

static bool
take_disk(void *ctx, const struct writ_yaml_node *n)
{
    return take_limit(ctx, n, WRIT_LIMIT_DISK);
}

static bool
take_limits(void *ctx, const struct writ_yaml_node *n)
{
    static const struct writ_yaml_field fields[] = {
        {"wall", take_wall}, {"memory", take_memory}, {"pids", take_pids}, {"disk", take_disk}};
    const struct writ_load *l = ctx;

    return writ_yaml_take(n, "`limits`", fields, WRIT_COUNT(fields), ctx, l->diag);
}

static bool
take_environment(void *ctx, const struct writ_yaml_node *map)
{
    struct writ_load *l = ctx;

    if (!writ_yaml_expect(map, WRIT_YAML_MAP, "environment", l->diag))
        return false;
    for (const struct writ_yaml_node *n = map->first; n != NULL; n = n->next) {
        if (!writ_yaml_expect(n, WRIT_YAML_TEXT, "environment", l->diag) ||
            !writ_make_env(writ_load_at(l, n->key), l->doc, writ_yaml_span(n->key),
                           writ_yaml_span(n)))
            return false;
    }
    return true;
}

/* {file: NAME, text: ...}: a policy that stands in the profile itself. */
static bool
inline_policy(struct writ_load *l, const struct writ_yaml_node *n)
{
    const struct writ_yaml_node *file = writ_yaml_get(n, "file");
    const struct writ_yaml_node *text = writ_yaml_get(n, "text");

    if (file == NULL || text == NULL || n->count != 2) {
        return writ_fail(writ_load_at(l, n), "a policy is the name of a file, or a map of `file` "
                                             "and `text`");
    }
    if (!writ_yaml_expect(file, WRIT_YAML_TEXT, "file", l->diag) ||
        !writ_yaml_expect(text, WRIT_YAML_TEXT, "text", l->diag))
        return false;
    if (file->len == 0 || file->len >= WRIT_PATH_BYTES_MAX ||
        !writ_check_visible(writ_yaml_span(file)))
        return writ_fail(writ_load_at(l, file), "expected a name for the policy, for messages");
    return writ_make_policy(writ_load_at(l, text), l->doc, writ_yaml_span(file),
                            writ_yaml_span(text));
}

static bool
policy_item(struct writ_load *l, const struct writ_yaml_node *n)
{
    WRIT_BUF_AUTO struct writ_buf text;
    char path[WRIT_PATH_BYTES_MAX];

    writ_buf_init(&text, WRIT_POLICY_BYTES_MAX + 8192);
    if (n->kind == WRIT_YAML_MAP)
        return inline_policy(l, n);
    return writ_yaml_expect(n, WRIT_YAML_TEXT, "policy", l->diag) &&
           writ_make_read(writ_load_at(l, n), l->places.dir, writ_yaml_span(n),
                          WRIT_POLICY_BYTES_MAX, &text, path) &&
           writ_kept_add(writ_load_at(l, n), l->kept, path) &&
           writ_make_policy(writ_load_at(l, n), l->doc, writ_yaml_span(n), writ_buf_span(&text));
}

static bool
take_policy(void *ctx, const struct writ_yaml_node *n)
{
    return writ_load_list(ctx, n, policy_item);
}

static bool
taken_already(void *ctx, const struct writ_yaml_node *n)
{
    (void)ctx;
    (void)n;
    return true;
}

static bool
check_binds(const struct writ_load *l)
{
    for (size_t i = 0; i < l->doc->bind_count; i++) {
        struct writ_at at = {l->diag, l->bind_line[i], l->bind_col[i]};

        if (l->doc->binds[i].write && !writ_kept_check(at, l->kept, l->doc->binds[i].host))
            return false;
        if (!writ_make_bind_settled(at, l->doc, i))
            return false;
    }
    return true;
}

static bool
take_root(struct writ_load *l)
{
    static const struct writ_yaml_field fields[] = {{"version", take_version},
                                                    {"name", take_name},
                                                    {"env", taken_already},
                                                    {"command", take_command},
                                                    {"cwd", take_cwd},
                                                    {"files", take_files},
                                                    {"limits", take_limits},
                                                    {"environment", take_environment},
                                                    {"services", writ_load_services},
                                                    {"policy", take_policy}};
    const struct writ_yaml_node *env;
    struct writ_at at = writ_load_at(l, l->root);

    if (!writ_yaml_expect(l->root, WRIT_YAML_MAP, "profile", l->diag))
        return false;
    env = writ_yaml_get(l->root, "env");
    if (env != NULL && !take_env(l, env))
        return false;
    if (!writ_yaml_take(l->root, "the profile", fields, WRIT_COUNT(fields), l, l->diag))
        return false;
    if (writ_yaml_get(l->root, "version") == NULL)
        return writ_fail(at, "`version: 1` is missing");
    if (writ_yaml_get(l->root, "name") == NULL)
        return writ_fail(at, "`name` is missing");
    if (!check_binds(l))
        return false;
    writ_make_sort_binds(l->doc);
    return writ_make_cwd(at, l->doc, l->places.dir);
}

static bool
load_tree(struct writ_load *l, const char *dir)
{
    struct writ_at top = {l->diag, 0, 0};
    char own[WRIT_PATH_BYTES_MAX + sizeof(file_name)];

    if (!writ_places_find(top, dir, &l->places))
        return false;
    (void)snprintf(own, sizeof(own), "%s/%s", l->places.dir, file_name);
    return writ_kept_add(top, l->kept, own) && take_root(l);
}

static enum writ_err
load_yaml(const struct writ_load_source *from, const struct writ_yaml *yaml, struct writ_doc *ret,
          struct writ_diag *diag)
{
    struct writ_load *l = calloc(1, sizeof(*l)); /* too large for a stack that others share */
    bool ok;

    if (l == NULL) {
        writ_diag_set(diag, 0, 0, "out of memory");
        return WRIT_E_NOMEM;
    }
    l->doc = ret;
    l->diag = diag;
    l->root = yaml->root;
    l->kept = from->kept;
    ok = load_tree(l, from->dir);
    free(l);
    return ok ? WRIT_OK : WRIT_E_FORMAT;
}

enum writ_err
writ_load_text(const struct writ_load_source *from, struct writ_span text, struct writ_doc *ret,
               struct writ_diag *diag)
{
    struct writ_at top = {diag, 0, 0};
    struct writ_yaml yaml;
    enum writ_err e;

    writ_doc_init(ret);
    name_file(diag, from->path);
    if (from->env[0] != '\0' &&
        !writ_make_name(top, writ_span_str(from->env), "environment label", ret->env))
        return WRIT_E_FORMAT;
    e = writ_yaml_parse(text, &yaml, diag);
    if (e != WRIT_OK)
        return e;
    e = load_yaml(from, &yaml, ret, diag);
    writ_yaml_done(&yaml);
    if (e != WRIT_OK)
        writ_doc_done(ret);
    return e;
}

enum writ_err
writ_load_dir(const struct writ_load_source *from, struct writ_doc *ret, struct writ_diag *diag)
{
    WRIT_BUF_AUTO struct writ_buf text;
    struct writ_load_source named = *from;
    const char *dir = from->dir;
    char path[WRIT_PATH_BYTES_MAX];
    enum writ_err e;
    int n;

    writ_doc_init(ret);
    writ_buf_init(&text, WRIT_PROFILE_BYTES_MAX + 8192);
    n = snprintf(path, sizeof(path), "%s%s%s", dir,
                 dir[0] != '\0' && dir[strlen(dir) - 1] == '/' ? "" : "/", file_name);
    if (n < 0 || (size_t)n >= sizeof(path)) {
        name_file(diag, dir);
        writ_diag_set(diag, 0, 0, "the path of the profile is too long");
        return WRIT_E_LIMIT;
    }
    name_file(diag, path);
    e = writ_read_file(AT_FDCWD, path, WRIT_PROFILE_BYTES_MAX, &text);
    if (e == WRIT_E_SYS) {
        writ_diag_set(diag, 0, 0, "cannot read the profile: %s", writ_make_why(errno));
    } else if (e != WRIT_OK) {
        writ_diag_set(diag, 0, 0, "larger than %d KiB", WRIT_PROFILE_BYTES_MAX / 1024);
    }
    if (e != WRIT_OK)
        return e;
    named.path = path;
    return writ_load_text(&named, writ_buf_span(&text), ret, diag);
}

enum writ_err
writ_profile_parse(struct writ_span text, const char *dir, const char *path, const char *env,
                   struct writ_doc *ret, struct writ_diag *diag)
{
    struct writ_kept kept = {0};
    struct writ_load_source from = {.dir = dir, .path = path, .env = env, .kept = &kept};
    enum writ_err e = writ_load_text(&from, text, ret, diag);

    writ_kept_done(&kept);
    return e;
}

enum writ_err
writ_profile_load_env(const char *dir, const char *env, struct writ_doc *ret,
                      struct writ_diag *diag)
{
    struct writ_kept kept = {0};
    struct writ_load_source from = {.dir = dir, .env = env, .kept = &kept};
    enum writ_err e = writ_load_dir(&from, ret, diag);

    writ_kept_done(&kept);
    return e;
}

enum writ_err
writ_profile_load(const char *dir, struct writ_doc *ret, struct writ_diag *diag)
{
    return writ_profile_load_env(dir, "", ret, diag);
}

void
writ_profile_stamp(struct writ_doc *d)
{
    writ_id_new(&d->task);
    d->started_us = writ_clock_wall_us();
    d->deadline_us = d->limits.wall_ms == 0 ? 0 : d->started_us + (int64_t)d->limits.wall_ms * 1000;
}
