/*
 * flags.h - the flags of `writ run`, and the writ they make, alone or on top of a profile.
 *
 * Together with --profile they add services and files to the profile's, and may only shorten its
 * time and lower its limits; a command after the flags replaces the profile's. A service from
 * --allow-host or --secret comes with a policy of its own that allows every request to it, unless a
 * `forbid` of the profile says otherwise. Relative paths begin at the current folder.
 *
 * A struct writ_flags borrows argv. Messages have the flag in the diag's `file` and no line.
 */
#ifndef WRIT_PROFILE_FLAGS_H
#define WRIT_PROFILE_FLAGS_H

#include "profile/doc.h"

enum {
    WRIT_FLAGS_MAX = 512
}; /* more than this is written by a program, which can write a profile */

enum writ_flag {
    WRIT_FLAG_PROFILE = 0,
    WRIT_FLAG_ENV,
    WRIT_FLAG_NAME,
    WRIT_FLAG_TTL,
    WRIT_FLAG_ALLOW_HOST,
    WRIT_FLAG_SECRET,
    WRIT_FLAG_CONNECT,
    WRIT_FLAG_CA,
    WRIT_FLAG_ADDRESSES,
    WRIT_FLAG_READ,
    WRIT_FLAG_WRITE,
    WRIT_FLAG_MEMORY,
    WRIT_FLAG_PIDS,
    WRIT_FLAG_DISK,
    WRIT_FLAG_SETENV,
    WRIT_FLAG_PRINT_PROFILE,
    WRIT_FLAG_HELP,
    WRIT_FLAG_COUNT,
};

struct writ_flag_item {
    enum writ_flag flag;
    const char *value;
};

struct writ_flags {
    struct writ_flag_item items[WRIT_FLAGS_MAX]; /* in the order of the command line */
    size_t count;
    bool print_profile;
    bool help;
    char *const *command; /* what follows the flags; NULL-terminated as argv is */
    size_t command_count;
};

/* argv[0] is skipped. Flags end at "--" or at the first word that is none. "--flag VALUE" and
 * "--flag=VALUE" are the same. */
enum writ_err writ_flags_parse(int argc, char *const *argv, struct writ_flags *ret,
                               struct writ_diag *diag) WRIT_CHECK;
/* *ret is initialised here, complete but for what writ_profile_stamp sets, and to be freed with
 * writ_doc_done after success. A writ without a command is refused unless it is to be printed. */
enum writ_err writ_flags_apply(const struct writ_flags *f, struct writ_doc *ret,
                               struct writ_diag *diag) WRIT_CHECK;
/* One line for each flag, for --help. */
void writ_flags_help(struct writ_buf *ret);

#endif
