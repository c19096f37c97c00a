#include "profile/flags.h"

#include <stdio.h>

#include "base/text.h"

static const struct {
    const char *name;
    const char *value; /* NULL: the flag takes none */
    bool once;
    const char *help;
} flags[WRIT_FLAG_COUNT] = {
    [WRIT_FLAG_PROFILE] = {"profile", "DIR", true, "the kind of task: a folder with profile.yaml"},
    [WRIT_FLAG_ENV] = {"env", "LABEL", true, "the environment, which must match the profile's"},
    [WRIT_FLAG_NAME] = {"name", "NAME", true, "name of the task's kind, without a profile"},
    [WRIT_FLAG_TTL] = {"ttl", "TIME", true, "the task ends after this long, as in 5m or 2h"},
    [WRIT_FLAG_ALLOW_HOST] = {"allow-host", "HOST[:PORT]", false,
                              "a service without credential; every request is allowed"},
    [WRIT_FLAG_SECRET] = {"secret", "NAME@HOST[:PORT][/PATH]", false,
                          "a service with this credential as its bearer token"},
    [WRIT_FLAG_CONNECT] = {"connect", "HOST:PORT=HOST:PORT", false,
                           "dial the second instead of the first"},
    [WRIT_FLAG_CA] = {"ca", "FILE", true,
                      "trust these certificates instead of the system's for services from flags"},
    [WRIT_FLAG_ADDRESSES] = {"addresses", "RANGE", false,
                             "a private or loopback range that services from flags may be in"},
    [WRIT_FLAG_READ] = {"read", "PATH", false, "show this file or folder in the task"},
    [WRIT_FLAG_WRITE] = {"write", "PATH", false, "the same, and the task may write it"},
    [WRIT_FLAG_MEMORY] = {"memory", "SIZE", true, "as in 512MiB"},
    [WRIT_FLAG_PIDS] = {"pids", "COUNT", true, "processes and threads at once"},
    [WRIT_FLAG_DISK] = {"disk", "SIZE", true, "what the task may write to /tmp and its home"},
    [WRIT_FLAG_SETENV] = {"setenv", "NAME=VALUE", false, "a variable for the task; no secrets"},
    [WRIT_FLAG_PRINT_PROFILE] = {"print-profile", NULL, true,
                                 "print the writ as a profile and run nothing"},
    [WRIT_FLAG_HELP] = {"help", NULL, true, "this text"},
};

static void
unknown(struct writ_span name, struct writ_diag *diag)
{
    struct writ_nearest near = {.typed = name};
    int len = name.len > 64 ? 64 : (int)name.len;

    for (size_t i = 0; i < WRIT_FLAG_COUNT; i++)
        writ_nearest_try(&near, flags[i].name);
    if (near.name != NULL) {
        writ_diag_set(diag, 0, 0, "unknown flag `--%.*s`, did you mean `--%s`?", len,
                      (const char *)name.ptr, near.name);
    } else {
        writ_diag_set(diag, 0, 0, "unknown flag `--%.*s`; `writ run --help` lists them", len,
                      (const char *)name.ptr);
    }
}

static bool
find(struct writ_span name, enum writ_flag *ret)
{
    for (size_t i = 0; i < WRIT_FLAG_COUNT; i++) {
        if (writ_span_is(name, flags[i].name)) {
            *ret = (enum writ_flag)i;
            return true;
        }
    }
    return false;
}

static bool
repeated(const struct writ_flags *f, enum writ_flag flag)
{
    for (size_t i = 0; i < f->count; i++) {
        if (f->items[i].flag == flag)
            return true;
    }
    return false;
}

/* word begins with "--". *used is how many words the flag took. */
static enum writ_err
take_flag(struct writ_flags *f, const char *word, const char *next, int *used,
          struct writ_diag *diag)
{
    const char *equals = strchr(word, '=');
    size_t len = equals == NULL ? strlen(word) - 2 : (size_t)(equals - word) - 2;
    const char *value = equals == NULL ? next : equals + 1;
    enum writ_flag flag;

    *used = 1;
    if (!find(writ_span(word + 2, len), &flag)) {
        unknown(writ_span(word + 2, len), diag);
        return WRIT_E_FORMAT;
    }
    if (flags[flag].value == NULL && equals != NULL) {
        writ_diag_set(diag, 0, 0, "flag `--%s` takes no value", flags[flag].name);
        return WRIT_E_FORMAT;
    }
    if (flags[flag].value != NULL && value == NULL) {
        writ_diag_set(diag, 0, 0, "flag `--%s` needs a value: --%s %s", flags[flag].name,
                      flags[flag].name, flags[flag].value);
        return WRIT_E_FORMAT;
    }
    if (flags[flag].once && repeated(f, flag)) {
        writ_diag_set(diag, 0, 0, "flag `--%s` is given twice", flags[flag].name);
        return WRIT_E_FORMAT;
    }
    if (f->count == WRIT_FLAGS_MAX) {
        writ_diag_set(diag, 0, 0, "more than %d flags; write a profile", WRIT_FLAGS_MAX);
        return WRIT_E_LIMIT;
    }
    if (flags[flag].value != NULL && equals == NULL)
        *used = 2;
    f->print_profile = f->print_profile || flag == WRIT_FLAG_PRINT_PROFILE;
    f->help = f->help || flag == WRIT_FLAG_HELP;
    f->items[f->count++] = (struct writ_flag_item){flag, flags[flag].value == NULL ? NULL : value};
    return WRIT_OK;
}

enum writ_err
writ_flags_parse(int argc, char *const *argv, struct writ_flags *ret, struct writ_diag *diag)
{
    int i = 1;

    *ret = (struct writ_flags){0};
    while (i < argc) {
        const char *word = argv[i];
        enum writ_err e;
        int used;

        if (strcmp(word, "-h") == 0)
            word = "--help";
        if (strcmp(word, "--") == 0) {
            i++;
            break;
        }
        if (word[0] != '-')
            break;
        if (word[1] != '-') {
            writ_diag_set(diag, 0, 0, "unknown flag `%.64s`; flags begin with `--`", word);
            return WRIT_E_FORMAT;
        }
        e = take_flag(ret, word, i + 1 < argc ? argv[i + 1] : NULL, &used, diag);
        if (e != WRIT_OK)
            return e;
        i += used;
    }
    ret->command = argv + (i < argc ? i : argc);
    ret->command_count = i < argc ? (size_t)(argc - i) : 0;
    return WRIT_OK;
}

void
writ_flags_help(struct writ_buf *ret)
{
    for (size_t i = 0; i < WRIT_FLAG_COUNT; i++) {
        char left[64];

        (void)snprintf(left, sizeof(left), "--%s %s", flags[i].name,
                       flags[i].value == NULL ? "" : flags[i].value);
        writ_buf_putf(ret, "  %-34s %s\n", left, flags[i].help);
    }
}
