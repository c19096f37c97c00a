#include "profile/make.h"

#include <stdlib.h>

#include "base/text.h"
#include "profile/check.h"

#define WALL_MS_MAX (UINT64_C(30) * 86400 * 1000) /* a task is no service */
#define BYTES_MAX   (UINT64_C(1) << 50)
#define MEMORY_MIN  (UINT64_C(4) << 20) /* below it no interpreter starts, and few programs */
#define DISK_MIN    (UINT64_C(1) << 20)
#define PIDS_MAX    UINT64_C(4194304) /* PID_MAX_LIMIT of Linux */
#define PIDS_MIN    UINT64_C(2)

const char *
writ_make_why(int error)
{
    return strerror(error);
}

char *
writ_make_copy(struct writ_span s)
{
    char *text = malloc(s.len + 1);

    if (text == NULL)
        return NULL;
    if (s.len != 0)
        memcpy(text, s.ptr, s.len);
    text[s.len] = '\0';
    return text;
}

bool
writ_make_room(void **list, size_t count, size_t size)
{
    void *more;
    size_t bytes;

    /* full whenever count is a power of two or 0 */
    if ((count & (count - 1)) != 0)
        return true;
    if (!writ_mul(count == 0 ? 1 : 2 * count, size, &bytes))
        return false;
    more = realloc(*list, bytes);
    if (more == NULL)
        return false;
    *list = more;
    return true;
}

/* A NULL-terminated list of strings; takes text over. */
static bool
add_text(struct writ_at at, char ***list, size_t *count, char *text)
{
    char **more = NULL;

    if (text != NULL)
        more = realloc(*list, (*count + 2) * sizeof(**list));
    if (more == NULL) {
        free(text);
        return writ_fail(at, "out of memory");
    }
    more[*count] = text;
    more[*count + 1] = NULL;
    *list = more;
    (*count)++;
    return true;
}

bool
writ_make_name(struct writ_at at, struct writ_span s, const char *what, char ret[WRIT_NAME_MAX + 1])
{
    if (!writ_is_name(s) || !writ_span_copy(s, ret, WRIT_NAME_MAX + 1)) {
        return writ_fail(at,
                         "`%.*s` is no %s: expected a letter or digit, then letters, digits, "
                         "`.`, `_`, `-`, at most %d",
                         s.len > 80 ? 80 : (int)s.len, s.len == 0 ? "" : (const char *)s.ptr, what,
                         WRIT_NAME_MAX);
    }
    return true;
}

bool
writ_make_arg(struct writ_at at, struct writ_doc *d, struct writ_span s)
{
    if (s.len > WRIT_ARG_BYTES_MAX)
        return writ_fail(at, "an argument is longer than %d bytes", WRIT_ARG_BYTES_MAX);
    if (d->argc == WRIT_ARGS_MAX)
        return writ_fail(at, "the command has more than %d arguments", WRIT_ARGS_MAX);
    if (d->argc == 0 && s.len == 0)
        return writ_fail(at, "the command is empty");
    return add_text(at, &d->argv, &d->argc, writ_make_copy(s));
}

/* What makes the dynamic linker, the C library or a shell run other code than the program that the
 * ledger names. */
static bool
chooses_code(struct writ_span name)
{
    static const char *const names[] = {"GLIBC_TUNABLES", "GCONV_PATH",    "NLSPATH",
                                        "BASH_ENV",       "ENV",           "SHELLOPTS",
                                        "BASHOPTS",       "PROMPT_COMMAND"};

    if (writ_span_starts(name, "LD_") || writ_span_starts(name, "BASH_FUNC_"))
        return true;
    for (size_t i = 0; i < WRIT_COUNT(names); i++) {
        if (writ_span_is(name, names[i]))
            return true;
    }
    return false;
}

bool
writ_make_env(struct writ_at at, struct writ_doc *d, struct writ_span name, struct writ_span value)
{
    size_t len;
    char *text;

    if (!writ_check_env_name(name)) {
        return writ_fail(at,
                         "expected the name of a variable: letters, digits and `_`, not a "
                         "digit first, at most %d",
                         WRIT_NAME_MAX);
    }
    if (chooses_code(name)) {
        return writ_fail(at, "`%.*s` decides which code is loaded; a profile cannot set it",
                         (int)name.len, (const char *)name.ptr);
    }
    for (size_t i = 0; i < d->envc; i++) {
        if (strncmp(d->envp[i], (const char *)name.ptr, name.len) == 0 &&
            d->envp[i][name.len] == '=') {
            return writ_fail(at, "variable `%.*s` is set twice", (int)name.len,
                             (const char *)name.ptr);
        }
    }
    if (d->envc == WRIT_ENV_MAX)
        return writ_fail(at, "more than %d variables", WRIT_ENV_MAX);
    if (value.len > WRIT_ARG_BYTES_MAX - WRIT_NAME_MAX - 1) {
        return writ_fail(at, "the value is longer than %d bytes",
                         WRIT_ARG_BYTES_MAX - WRIT_NAME_MAX - 1);
    }
    len = name.len + 1 + value.len;
    text = malloc(len + 1);
    if (text == NULL)
        return writ_fail(at, "out of memory");
    memcpy(text, name.ptr, name.len);
    text[name.len] = '=';
    if (value.len != 0)
        memcpy(text + name.len + 1, value.ptr, value.len);
    text[len] = '\0';
    return add_text(at, &d->envp, &d->envc, text);
}

bool
writ_make_policy(struct writ_at at, struct writ_doc *d, struct writ_span file,
                 struct writ_span text)
{
    struct writ_doc_policy p = {0};
    void *list = d->policies;
    char *copy;

    if (writ_utf8_check(text) != text.len ||
        (text.len != 0 && memchr(text.ptr, 0, text.len) != NULL)) {
        return writ_fail(at, "policy `%.*s` is not plain UTF-8 text",
                         file.len > 128 ? 128 : (int)file.len, (const char *)file.ptr);
    }
    for (size_t i = 0; i < d->policy_count; i++) {
        if (writ_span_is(file, d->policies[i].file))
            return writ_fail(at, "policy `%.128s` is given twice", d->policies[i].file);
    }
    if (d->policy_count == WRIT_POLICIES_MAX)
        return writ_fail(at, "more than %d policy files", WRIT_POLICIES_MAX);
    p.file = writ_make_copy(file);
    copy = writ_make_copy(text);
    if (p.file == NULL || copy == NULL ||
        !writ_make_room(&list, d->policy_count, sizeof(*d->policies))) {
        free(p.file);
        free(copy);
        return writ_fail(at, "out of memory");
    }
    p.text = writ_span(copy, text.len);
    d->policies = list;
    d->policies[d->policy_count++] = p;
    return true;
}

static bool
parse_limit(struct writ_at at, enum writ_limit which, struct writ_span s, uint64_t *ret)
{
    switch (which) {
    case WRIT_LIMIT_WALL:
        return writ_parse_duration(s, WALL_MS_MAX, ret) ||
               writ_fail(at, "expected a duration such as 90s, 10m or 2h, at most 30d");
    case WRIT_LIMIT_MEMORY:
        return (writ_parse_size(s, BYTES_MAX, ret) && *ret >= MEMORY_MIN) ||
               writ_fail(at, "expected a size such as 512MiB or 2GiB, at least 4MiB");
    case WRIT_LIMIT_DISK:
        return (writ_parse_size(s, BYTES_MAX, ret) && *ret >= DISK_MIN) ||
               writ_fail(at, "expected a size such as 256MiB or 1GiB, at least 1MiB");
    case WRIT_LIMIT_PIDS:
        return (writ_parse_dec(s, PIDS_MAX, ret) && *ret >= PIDS_MIN) ||
               writ_fail(at, "expected a number of processes, at least 2");
    }
    return false;
}

static uint64_t
get_limit(const struct writ_doc_limits *l, enum writ_limit which)
{
    switch (which) {
    case WRIT_LIMIT_WALL:
        return l->wall_ms;
    case WRIT_LIMIT_MEMORY:
        return l->memory_bytes;
    case WRIT_LIMIT_DISK:
        return l->disk_bytes;
    case WRIT_LIMIT_PIDS:
        return l->pids;
    }
    return 0;
}

bool
writ_make_limit(struct writ_at at, enum writ_limit which, struct writ_span s,
                const struct writ_doc_limits *ceiling, struct writ_doc_limits *ret)
{
    uint64_t max = ceiling == NULL ? 0 : get_limit(ceiling, which);
    uint64_t v;

    if (!parse_limit(at, which, s, &v))
        return false;
    if (max != 0 && v > max)
        return writ_fail(at, "a flag can only lower what the profile allows");
    switch (which) {
    case WRIT_LIMIT_WALL:
        ret->wall_ms = v;
        break;
    case WRIT_LIMIT_MEMORY:
        ret->memory_bytes = v;
        break;
    case WRIT_LIMIT_DISK:
        ret->disk_bytes = v;
        break;
    case WRIT_LIMIT_PIDS:
        ret->pids = (uint32_t)v;
        break;
    }
    return true;
}
