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
writ_load_keep(struct writ_load *l, const struct writ_yaml_node *n, const char *path)
{
    if (l->kept_count == WRIT_LOAD_KEPT_MAX)
        return writ_fail(writ_load_at(l, n), "more files than a profile can have");
    l->kept[l->kept_count] = writ_make_copy(writ_span_str(path));
    if (l->kept[l->kept_count] == NULL)
        return writ_fail(writ_load_at(l, n), "out of memory");
    l->kept_count++;
    return true;
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
    if (asked[0] != '\0' && strcmp(asked, own) != 0)
        return writ_fail(writ_load_at(l, n), "the profile is for `%s`, but `%s` was asked for", own,
                         asked);
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
    if (!writ_check_path(n->text))
        return writ_fail(writ_load_at(l, n), "expected the absolute path of a folder inside the "
                                             "task, without `.`, `..` and `//`");
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

    if (file == NULL || text == NULL || n->count != 2)
        return writ_fail(writ_load_at(l, n), "a policy is the name of a file, or a map of `file` "
                                             "and `text`");
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
           writ_load_keep(l, n, path) &&
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

/* What a task can write it can change for the next task: never the profile itself. */
static bool
check_writes(const struct writ_load *l)
{
    for (size_t i = 0; i < l->doc->bind_count; i++) {
        const struct writ_doc_bind *b = &l->doc->binds[i];
        struct writ_at at = {l->diag, l->bind_line[i], l->bind_col[i]};
        size_t len = strlen(b->host);

        if (!b->write)
            continue;
        for (size_t k = 0; k < l->kept_count; k++) {
            if (strncmp(l->kept[k], b->host, len) == 0 &&
                (l->kept[k][len] == '/' || l->kept[k][len] == '\0'))
                return writ_fail(at,
                                 "a task that writes `%s` could change its own profile (%s); "
                                 "name a folder beside it",
                                 b->host, l->kept[k]);
        }
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
    if (!check_writes(l))
        return false;
    writ_make_sort_binds(l->doc);
    return writ_make_cwd(at, l->doc, l->places.dir);
}

static enum writ_err
load_tree(struct writ_load *l, const char *dir)
{
    struct writ_at top = {l->diag, 0, 0};
    char own[WRIT_PATH_BYTES_MAX + sizeof(file_name)];
    bool ok = writ_places_find(top, dir, &l->places);

    if (ok) {
        (void)snprintf(own, sizeof(own), "%s/%s", l->places.dir, file_name);
        ok = writ_load_keep(l, l->root, own) && take_root(l);
    }
    for (size_t i = 0; i < l->kept_count; i++)
        free(l->kept[i]);
    return ok ? WRIT_OK : WRIT_E_FORMAT;
}

enum writ_err
writ_profile_parse(struct writ_span text, const char *dir, const char *path, const char *env,
                   struct writ_doc *ret, struct writ_diag *diag)
{
    struct writ_load *l = NULL;
    struct writ_yaml yaml;
    enum writ_err e;

    writ_doc_init(ret);
    name_file(diag, path);
    if (!writ_make_name((struct writ_at){diag, 0, 0}, writ_span_str(env[0] == '\0' ? "x" : env),
                        "environment label", ret->env))
        return WRIT_E_FORMAT;
    if (env[0] == '\0')
        ret->env[0] = '\0';
    e = writ_yaml_parse(text, &yaml, diag);
    if (e != WRIT_OK)
        return e;
    l = calloc(1, sizeof(*l));
    if (l == NULL) {
        writ_diag_set(diag, 0, 0, "out of memory");
        e = WRIT_E_NOMEM;
    } else {
        l->doc = ret;
        l->diag = diag;
        l->root = yaml.root;
        e = load_tree(l, dir);
    }
    if (e != WRIT_OK)
        writ_doc_done(ret);
    free(l);
    writ_yaml_done(&yaml);
    return e;
}

enum writ_err
writ_profile_load_env(const char *dir, const char *env, struct writ_doc *ret,
                      struct writ_diag *diag)
{
    WRIT_BUF_AUTO struct writ_buf text;
    char path[WRIT_PATH_BYTES_MAX];
    enum writ_err e;
    int n;

    writ_doc_init(ret);
    writ_buf_init(&text, WRIT_PROFILE_BYTES_MAX + 8192);
    n = snprintf(path, sizeof(path), "%s%s%s", dir,
                 dir[0] != '\0' && dir[strlen(dir) - 1] == '/' ? "" : "/", file_name);
    name_file(diag, path);
    if (n < 0 || (size_t)n >= sizeof(path)) {
        writ_diag_set(diag, 0, 0, "the path of the profile is too long");
        return WRIT_E_LIMIT;
    }
    e = writ_read_file(AT_FDCWD, path, WRIT_PROFILE_BYTES_MAX, &text);
    if (e == WRIT_E_SYS)
        writ_diag_set(diag, 0, 0, "cannot read the profile: %s", strerror(errno));
    else if (e != WRIT_OK)
        writ_diag_set(diag, 0, 0, "larger than %d KiB", WRIT_PROFILE_BYTES_MAX / 1024);
    if (e != WRIT_OK)
        return e;
    return writ_profile_parse(writ_buf_span(&text), dir, path, env, ret, diag);
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
