/*
 * audit.c - `writ audit`: what was recorded, and whether it still says so.
 */
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/text.h"
#include "ledger/lines.h"
#include "ledger/show.h"
#include "ledger/verify.h"
#include "writ/audit_list.h"
#include "writ/cmd.h"
#include "writ/programs.h"

enum { WIDTH_DEFAULT = 100, WIDTH_MIN = 60, WIDTH_MAX = 1000 };

struct audit {
    struct writ_store store;
    bool json;
    bool all;
    bool brief;
    char state[WRIT_PATH_BYTES_MAX];
};

static const char usage_text[] =
    "usage: writ audit list [--json]             the tasks, newest first\n"
    "       writ audit show TASK [--all|--brief] [--json]\n"
    "                                           one task's timeline; TASK is an id, the\n"
    "                                           beginning of one, or last\n"
    "       writ audit verify [TASK] [--json]      is every record still what was recorded?\n";

static int
usage(void)
{
    (void)fputs(usage_text, stderr);
    return 2;
}

/* --- which task ------------------------------------------------------------------------------- */

/* Fills ret with the one task that text means; says on stderr why there is none. */
static bool
pick_task(const struct audit *a, const char *text, char ret[WRIT_TASK_ID_BYTES + 1])
{
    WRIT_BUF_AUTO struct writ_buf names;
    struct audit_name *at;
    size_t count;
    size_t hits = 0;

    assert(text != NULL);
    writ_buf_init(&names, AUDIT_NAMES_BYTES_MAX);
    if (!audit_names(&a->store, &names, &at, &count)) {
        (void)fprintf(stderr, "writ: %s/ledger/tasks: %s\n", a->state, strerror(errno));
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        bool last = strcmp(text, "last") == 0;

        if (!(last && i == 0) && (last || strncasecmp(at[i].task, text, strlen(text)) != 0))
            continue;
        memcpy(ret, at[i].task, sizeof(at[i].task));
        hits++;
    }
    if (hits == 1)
        return true;
    if (count == 0) {
        (void)fprintf(stderr, "writ: no task has been recorded yet in %s\n", a->state);
    } else if (hits == 0) {
        (void)fprintf(stderr, "writ: no task's id begins with %.30s\n", text);
    } else {
        (void)fprintf(stderr, "writ: %zu tasks' ids begin with %.30s\n", hits, text);
    }
    return false;
}

/* --- show ------------------------------------------------------------------------------------- */

static bool
locale_is_utf8(void)
{
    static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};

    for (size_t i = 0; i < WRIT_COUNT(names); i++) {
        const char *v = getenv(names[i]);

        if (v != NULL && v[0] != '\0')
            return strcasestr(v, "utf-8") != NULL || strcasestr(v, "utf8") != NULL;
    }
    return false;
}

static unsigned
terminal_width(void)
{
    const char *v = getenv("COLUMNS");
    struct winsize w;
    uint64_t n = WIDTH_DEFAULT;

    if (isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col != 0) {
        n = w.ws_col;
    } else if (v != NULL && !writ_parse_dec(writ_span_str(v), WIDTH_MAX, &n)) {
        n = WIDTH_DEFAULT;
    }
    return n < WIDTH_MIN ? WIDTH_MIN : n > WIDTH_MAX ? WIDTH_MAX : (unsigned)n;
}

/* The records as they are: every line of the log is a JSON object already. */
static int
show_raw(const struct audit *a, const char *task)
{
    WRIT_LINES_AUTO struct writ_lines lines = {0};
    WRIT_FD_AUTO int fd = -1;
    char name[WRIT_LOG_NAME];
    struct writ_span line;
    enum writ_err e;

    writ_log_name(task, name);
    fd = openat(a->store.tasks, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 || writ_lines_init(&lines, fd) != WRIT_OK) {
        (void)fprintf(stderr, "writ: %s: %s\n", name, strerror(errno));
        return 1;
    }
    while ((e = writ_lines_next(&lines, &line)) == WRIT_OK) {
        (void)fwrite(line.ptr, 1, line.len, stdout);
        (void)fputc('\n', stdout);
    }
    return e == WRIT_E_AGAIN || e == WRIT_E_CLOSED ? 0 : 1;
}

static int
cmd_show(const struct audit *a, const char *which)
{
    const char *no_color = getenv("NO_COLOR");
    const struct writ_show_style style = {
        .all = a->all,
        .brief = a->brief,
        .utf8 = locale_is_utf8(),
        .color = isatty(STDOUT_FILENO) && (no_color == NULL || no_color[0] == '\0'),
        .width = terminal_width(),
    };
    char task[WRIT_TASK_ID_BYTES + 1];
    enum writ_err e;

    if (!pick_task(a, which, task))
        return 1;
    if (a->json)
        return show_raw(a, task);
    e = writ_show(&a->store, task, &style, stdout);
    if (e == WRIT_OK)
        return 0;
    (void)fprintf(stderr, "writ: %s: cannot be read: %s\n", task, writ_err_name(e));
    return 1;
}

/* --- verify ----------------------------------------------------------------------------------- */

struct verified {
    const struct audit *a;
    const char *only;
    unsigned sealed;
    unsigned running;
    unsigned bad;
    uint64_t records;
};

static const char *
verdict_name(enum writ_verdict v)
{
    return v == WRIT_VERDICT_OK ? "ok" : v == WRIT_VERDICT_RUNNING ? "running" : "bad";
}

static void
print_json(const struct writ_verify_result *r)
{
    WRIT_BUF_AUTO struct writ_buf b;
    struct writ_json j;

    writ_buf_init(&b, 8192);
    writ_json_init(&j, &b);
    writ_json_object(&j, NULL);
    writ_json_str(&j, "file", r->file);
    writ_json_str(&j, "task", r->task);
    writ_json_str(&j, "verdict", verdict_name(r->verdict));
    writ_json_u64(&j, "records", r->records);
    writ_json_u64(&j, "torn", r->torn);
    if (r->verdict == WRIT_VERDICT_BAD) {
        writ_json_u64(&j, "line", r->line);
        writ_json_str(&j, "expected", r->text);
    }
    writ_json_object_end(&j);
    (void)printf("%.*s\n", (int)writ_buf_len(&b), (const char *)b.mem + b.start);
}

static void
print_text(const struct writ_verify_result *r)
{
    if (r->verdict == WRIT_VERDICT_BAD && r->line != 0) {
        (void)printf("BAD      %s:%llu: %s\n", r->file, (unsigned long long)r->line, r->text);
    } else if (r->verdict == WRIT_VERDICT_BAD) {
        (void)printf("BAD      %s: %s\n", r->file, r->text);
    } else {
        (void)printf("%-8s %s: %llu records%s\n", r->verdict == WRIT_VERDICT_OK ? "ok" : "running",
                     r->file, (unsigned long long)r->records,
                     r->torn != 0 ? ", a torn end was cut off and recorded" : "");
    }
}

static void
take_result(void *arg, const struct writ_verify_result *r)
{
    struct verified *v = arg;

    v->bad += r->verdict == WRIT_VERDICT_BAD ? 1 : 0;
    v->running += r->verdict == WRIT_VERDICT_RUNNING ? 1 : 0;
    v->sealed += r->verdict == WRIT_VERDICT_OK && r->task[0] != '\0' ? 1 : 0;
    v->records += r->records;
    if (v->a->json) {
        print_json(r);
    } else if (v->only != NULL || r->verdict != WRIT_VERDICT_OK || r->torn != 0) {
        print_text(r);
    }
}

static int
cmd_verify(const struct audit *a, const char *which)
{
    char task[WRIT_TASK_ID_BYTES + 1];
    struct verified v = {.a = a};
    enum writ_err e;

    /* a task whose file is gone is known to the main log only: an id in full needs no file */
    if (which != NULL && writ_id_valid(writ_span_str(which))) {
        memcpy(task, which, sizeof(task));
    } else if (which != NULL && !pick_task(a, which, task)) {
        return 1;
    }
    v.only = which == NULL ? NULL : task;
    e = writ_verify(&a->store, v.only, take_result, &v);
    if (e == WRIT_E_STATE) {
        (void)fprintf(stderr, "writ: no task %s has been recorded\n", task);
        return 1;
    }
    if (e != WRIT_OK) {
        (void)fprintf(stderr, "writ: the ledger cannot be verified: %s\n",
                      e == WRIT_E_SYS ? strerror(errno) : writ_err_name(e));
        return 1;
    }
    if (!a->json) {
        (void)printf("%s: %u sealed, %u running, %u bad; %llu records\n",
                     v.bad == 0 ? "intact" : "NOT INTACT", v.sealed, v.running, v.bad,
                     (unsigned long long)v.records);
    }
    return v.bad == 0 ? 0 : 1;
}

/* --- the command ------------------------------------------------------------------------------ */

/* 0 if the store is open, else the exit code. */
static int
open_store(struct audit *a, bool *ret_empty)
{
    struct writ_diag diag = {0};
    enum writ_err e = writ_state_dir(a->state, sizeof(a->state), &diag);

    *ret_empty = false;
    if (e == WRIT_OK)
        e = writ_store_read(a->state, &a->store, &diag);
    if (e == WRIT_OK)
        return 0;
    if (e == WRIT_E_STATE) {
        *ret_empty = true;
        return 0;
    }
    writ_diag_print(&diag);
    return 1;
}

static int
run(struct audit *a, const char *verb, const char *task)
{
    bool empty;
    int code = open_store(a, &empty);

    if (code != 0)
        return code;
    if (empty) {
        if (!a->json || task != NULL)
            (void)fprintf(stderr, "writ: no task has been recorded yet in %s\n", a->state);
        return task == NULL ? 0 : 1;
    }
    if (strcmp(verb, "list") == 0) {
        code = audit_list(&a->store, a->json, a->state);
    } else if (strcmp(verb, "show") == 0) {
        code = cmd_show(a, task);
    } else {
        code = cmd_verify(a, task);
    }
    writ_store_done(&a->store);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        (void)fprintf(stderr, "writ: the answer could not be written\n");
        return 1;
    }
    return code;
}

static bool
is_verb(const char *text)
{
    return strcmp(text, "list") == 0 || strcmp(text, "show") == 0 || strcmp(text, "verify") == 0;
}

/* False for anything that this verb does not take. */
static bool
take_argument(struct audit *a, const char *verb, const char *text, const char **task)
{
    if (strcmp(text, "--json") == 0) {
        a->json = true;
        return true;
    }
    if (strcmp(text, "--all") == 0 && strcmp(verb, "show") == 0) {
        a->all = true;
        return true;
    }
    if (strcmp(text, "--brief") == 0 && strcmp(verb, "show") == 0) {
        a->brief = true;
        return true;
    }
    if (text[0] == '-' || text[0] == '\0' || *task != NULL || strcmp(verb, "list") == 0)
        return false;
    *task = text;
    return true;
}

int
writ_cmd_audit(int argc, char **argv)
{
    static struct audit a;
    const char *verb = argc > 1 ? argv[1] : "";
    const char *task = NULL;

    a = (struct audit){.store = {-1, -1, -1, -1}};
    if (strcmp(verb, "--help") == 0 || strcmp(verb, "-h") == 0)
        return fputs(usage_text, stdout) < 0 ? 1 : 0;
    if (!is_verb(verb))
        return usage();
    for (int i = 2; i < argc; i++) {
        if (!take_argument(&a, verb, argv[i], &task))
            return usage();
    }
    if (strcmp(verb, "show") == 0 && task == NULL)
        return usage();
    return run(&a, verb, task);
}
