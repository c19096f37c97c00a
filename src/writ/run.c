/*
 * writ run: from flags and profile to a writ, checked as a whole before anything is started.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "cedar/cedar.h"
#include "profile/flags.h"
#include "profile/print.h"
#include "profile/profile.h"
#include "writ/cmd.h"
#include "writ/launch.h"
#include "writ/programs.h"

enum { RUN_PRINT_MAX = 8 << 20 };

/* The gateway loads the policies again; here a mistake is found before anything exists. */
static enum writ_err
check_policies(const struct writ_doc *doc, struct writ_diag *diag)
{
    struct cedar_source *src = calloc(doc->policy_count + 1, sizeof(*src));
    struct cedar_policies *set = NULL;
    struct cedar_error err = {0};
    enum cedar_err e;

    if (src == NULL)
        return WRIT_E_NOMEM;
    for (size_t i = 0; i < doc->policy_count; i++) {
        src[i] =
            (struct cedar_source){doc->policies[i].file, (const char *)doc->policies[i].text.ptr,
                                  doc->policies[i].text.len};
    }
    e = cedar_policies_load(src, doc->policy_count, 0, &set, &err);
    free(src);
    cedar_policies_free(set);
    if (e == CEDAR_OK)
        return WRIT_OK;
    (void)snprintf(diag->file, sizeof(diag->file), "%s", err.file);
    writ_diag_set(diag, err.line, err.col, "%s", err.text);
    return WRIT_E_FORMAT;
}

static int
help(void)
{
    WRIT_BUF_AUTO struct writ_buf text = {0};

    writ_buf_init(&text, 65536);
    writ_flags_help(&text);
    (void)printf("usage: writ run [FLAGS] -- COMMAND [ARGUMENTS]\n\n%.*s", (int)writ_buf_len(&text),
                 (const char *)writ_buf_span(&text).ptr);
    return 0;
}

static int
print_profile(const struct writ_doc *doc)
{
    WRIT_BUF_AUTO struct writ_buf text = {0};

    writ_buf_init(&text, RUN_PRINT_MAX);
    if (writ_profile_print(doc, &text) != WRIT_OK)
        return LAUNCH_EXIT_OWN;
    (void)fwrite(writ_buf_span(&text).ptr, 1, writ_buf_len(&text), stdout);
    return 0;
}

static int
run(struct writ_doc *doc, struct writ_diag *diag)
{
    char state[PATH_MAX];
    enum writ_err e = writ_profile_discover_invoker(&doc->invoker);

    if (e == WRIT_OK)
        e = writ_state_dir(state, sizeof(state), diag);
    if (e == WRIT_OK)
        e = writ_profile_prepare(doc, diag);
    if (e != WRIT_OK) {
        writ_diag_set(diag, 0, 0, "the task could not be prepared (%s)", writ_err_name(e));
        writ_diag_print(diag);
        return LAUNCH_EXIT_OWN;
    }
    writ_profile_stamp(doc);
    return launch_run(doc, state);
}

int
writ_cmd_run(int argc, char **argv)
{
    static struct writ_flags flags;
    struct writ_doc doc;
    struct writ_diag diag = {0};
    enum writ_err e = writ_flags_parse(argc, argv, &flags, &diag);
    int code;

    if (e == WRIT_OK && flags.help)
        return help();
    if (e == WRIT_OK)
        e = writ_flags_apply(&flags, &doc, &diag);
    if (e != WRIT_OK) {
        writ_diag_set(&diag, 0, 0, "the command line could not be used (%s)", writ_err_name(e));
        writ_diag_print(&diag);
        return LAUNCH_EXIT_OWN;
    }
    e = check_policies(&doc, &diag);
    if (e != WRIT_OK) {
        writ_diag_print(&diag);
        code = LAUNCH_EXIT_OWN;
    } else if (flags.print_profile) {
        code = print_profile(&doc);
    } else {
        code = run(&doc, &diag);
    }
    writ_doc_done(&doc);
    return code;
}
