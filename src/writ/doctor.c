/*
 * doctor.c - writ doctor [--json]: which walls this kernel and this account give, as tried.
 */
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/json.h"
#include "sandbox/trial.h"
#include "writ/cmd.h"

enum {
    DOCTOR_OK = 0,
    DOCTOR_NOT_OK = 1,
    DOCTOR_USAGE = 2,
    DOCTOR_BYTES_MAX = 65536,
    DOCTOR_INDENT = 32,
    DOCTOR_WIDTH = 80,
};

static const char *
have_name(enum writ_have have)
{
    return have == WRIT_HAVE_YES ? "yes" : have == WRIT_HAVE_PARTLY ? "partly" : "no";
}

/* A needed wall that is only partly there still stands: what is missing is in the line below it. */
static bool
stands(const struct writ_trial *t)
{
    return !t->needed || t->have != WRIT_HAVE_NO;
}

/* Text in a column that begins at DOCTOR_INDENT, broken between words. */
static void
put_wrapped(struct writ_buf *out, const char *text)
{
    size_t column = DOCTOR_INDENT;

    for (;;) {
        size_t word = strcspn(text, " ");

        writ_buf_put(out, writ_span(text, word));
        column += word;
        text += word;
        if (*text == '\0')
            break;
        text++;
        if (column + 1 + strcspn(text, " ") <= DOCTOR_WIDTH) {
            writ_buf_put_u8(out, ' ');
            column++;
        } else {
            writ_buf_putf(out, "\n%*s", DOCTOR_INDENT, "");
            column = DOCTOR_INDENT;
        }
    }
    writ_buf_put_u8(out, '\n');
}

static void
put_text(struct writ_buf *out, const struct writ_trial *trials, size_t count, bool ok)
{
    writ_buf_putf(out, "%-24s%-8s%s\n", "wall", "here", "how it was tried");
    for (size_t i = 0; i < count; i++) {
        const struct writ_trial *t = &trials[i];

        writ_buf_putf(out, "%-24s%-8s", t->wall, have_name(t->have));
        put_wrapped(out, t->saw);
        if (t->have != WRIT_HAVE_YES) {
            writ_buf_putf(out, "%*s", DOCTOR_INDENT, t->needed ? "needed; lost: " : "lost: ");
            put_wrapped(out, t->lost);
        }
    }
    writ_buf_put_str(out, ok ? "Tasks can run here.\n"
                             : "Tasks cannot run here: a wall that is needed is missing.\n");
}

static void
put_json(struct writ_buf *out, const struct writ_trial *trials, size_t count, bool ok)
{
    struct utsname u;
    struct writ_json j;

    writ_json_init(&j, out);
    writ_json_object(&j, NULL);
    writ_json_bool(&j, "ok", ok);
    writ_json_str(&j, "version", WRIT_VERSION);
    writ_json_str(&j, "kernel", uname(&u) == 0 ? u.release : "");
    writ_json_u64(&j, "uid", geteuid());
    writ_json_array(&j, "walls");
    for (size_t i = 0; i < count; i++) {
        writ_json_object(&j, NULL);
        writ_json_str(&j, "wall", trials[i].wall);
        writ_json_str(&j, "have", have_name(trials[i].have));
        writ_json_bool(&j, "needed", trials[i].needed);
        writ_json_str(&j, "tried", trials[i].saw);
        writ_json_str(&j, "lost", trials[i].lost);
        writ_json_object_end(&j);
    }
    writ_json_array_end(&j);
    writ_json_object_end(&j);
    writ_buf_put_u8(out, '\n');
}

int
writ_cmd_doctor(int argc, char **argv)
{
    static struct writ_trial trials[WRIT_TRIALS_MAX];
    WRIT_BUF_AUTO struct writ_buf out;
    bool json = argc == 2 && strcmp(argv[1], "--json") == 0;
    bool ok = true;
    size_t count;

    writ_buf_init(&out, DOCTOR_BYTES_MAX);
    if (argc > 2 || (argc == 2 && !json)) {
        (void)fputs("usage: writ doctor [--json]\n", stderr);
        return DOCTOR_USAGE;
    }
    count = writ_trial_all(trials);
    for (size_t i = 0; i < count; i++)
        ok = ok && stands(&trials[i]);
    if (json) {
        put_json(&out, trials, count, ok);
    } else {
        put_text(&out, trials, count, ok);
    }
    if (out.failed || writ_write_full(STDOUT_FILENO, writ_buf_span(&out)) != WRIT_OK)
        return DOCTOR_NOT_OK;
    return ok ? DOCTOR_OK : DOCTOR_NOT_OK;
}
