/*
 * writ credential: puts credentials into the keeper's store, and shows what is there - never a
 * value. A value comes from standard input or from a prompt and goes into secret memory at once.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/id.h"
#include "base/json.h"
#include "base/secret.h"
#include "base/text.h"
#include "writ/cmd.h"
#include "writ/keeper_client.h"
#include "writ/programs.h"
#include "writ/secret_input.h"

enum { EXIT_DONE = 0, EXIT_NO = 1, EXIT_USAGE = 2, ANSWER_MS = 60000 };

static const char usage[] =
    "usage: writ credential add NAME [--env LABEL] [--trim] < VALUE\n"
    "       writ credential rotate NAME [--trim] < VALUE\n"
    "       writ credential remove NAME\n"
    "       writ credential list [--json]\n"
    "       writ credential passphrase [--remove]\n"
    "\n"
    "A value is read from standard input; on a terminal you are asked for it and it is not shown.\n"
    "  --env LABEL  only for tasks and services with the same label\n"
    "  --trim       leave out the newline at the end of the input\n"
    "  passphrase   seal the store with a passphrase instead of a key file, or change it\n";

struct args {
    enum writ_keeper_verb verb;
    const char *name; /* "" where the verb takes none */
    const char *env;
    bool trim;
    bool json;
    bool remove;
};

enum { NAME = 1, ENV = 2, TRIM = 4, JSON = 8, REMOVE = 16 };

struct verb {
    const char *name;
    enum writ_keeper_verb verb;
    unsigned takes;
};

static const struct verb verbs[] = {
    {"add", WRIT_KEEPER_ADD, NAME | ENV | TRIM},    {"rotate", WRIT_KEEPER_ROTATE, NAME | TRIM},
    {"remove", WRIT_KEEPER_REMOVE, NAME},           {"list", WRIT_KEEPER_LIST, JSON},
    {"passphrase", WRIT_KEEPER_PASSPHRASE, REMOVE},
};

/* --- arguments ------------------------------------------------------------------------------- */

static int
wrong_use(const char *text)
{
    (void)fprintf(stderr, "writ credential: %s\n\n%s", text, usage);
    return EXIT_USAGE;
}

/* What was given is not shown again: it may be the secret itself. */
static int
value_in_arguments(void)
{
    (void)fputs("writ credential: a value is never given as an argument: every user of this "
                "machine can see it there, and the shell keeps it in its history. If that was the "
                "real value, have it replaced where it was issued, then give the new one on "
                "standard input\n",
                stderr);
    return EXIT_USAGE;
}

/* --env LABEL and --env=LABEL; NULL if it is neither, "" if the label is missing. */
static const char *
env_option(int argc, char **argv, int *at)
{
    if (strncmp(argv[*at], "--env=", 6) == 0)
        return argv[*at] + 6;
    if (strcmp(argv[*at], "--env") != 0)
        return NULL;
    if (*at + 1 >= argc)
        return "";
    *at += 1;
    return argv[*at];
}

/* One option at argv[*at], which moves past its argument. */
static int
parse_option(const struct verb *v, int argc, char **argv, int *at, struct args *a)
{
    const char *option = argv[*at];

    const struct {
        const char *name;
        unsigned flag;
        bool *ret;
    } flags[] = {
        {"--trim", TRIM, &a->trim}, {"--json", JSON, &a->json}, {"--remove", REMOVE, &a->remove}};

    const char *env = (v->takes & ENV) != 0 ? env_option(argc, argv, at) : NULL;

    if (env != NULL) {
        a->env = env;
        return writ_is_name(writ_span_str(env))
                   ? EXIT_DONE
                   : wrong_use("a label has letters, digits, '.', '_' and '-', at most 64 of them");
    }
    for (size_t i = 0; i < WRIT_COUNT(flags); i++) {
        if ((v->takes & flags[i].flag) == 0 || strcmp(option, flags[i].name) != 0)
            continue;
        *flags[i].ret = true;
        return EXIT_DONE;
    }
    if (strchr(option, '=') != NULL)
        return value_in_arguments();
    return wrong_use("there is an option that it does not know, or that lacks its value");
}

static int
parse_rest(const struct verb *v, int argc, char **argv, struct args *a)
{
    for (int i = 2; i < argc; i++) {
        if (argv[i][0] == '-') {
            int rc = parse_option(v, argc, argv, &i, a);

            if (rc != EXIT_DONE)
                return rc;
            continue;
        }
        if (a->name[0] != '\0')
            return value_in_arguments();
        if ((v->takes & NAME) == 0)
            return wrong_use("it takes no name");
        if (!writ_is_name(writ_span_str(argv[i])))
            return wrong_use("a name has letters, digits, '.', '_' and '-', at most 64 of them");
        a->name = argv[i];
    }
    if ((v->takes & NAME) != 0 && a->name[0] == '\0')
        return wrong_use("the name is missing");
    return EXIT_DONE;
}

static int
parse(int argc, char **argv, struct args *ret)
{
    *ret = (struct args){.name = "", .env = ""};
    if (argc < 2)
        return wrong_use("say what to do");
    for (size_t i = 0; i < WRIT_COUNT(verbs); i++) {
        if (strcmp(argv[1], verbs[i].name) == 0) {
            ret->verb = verbs[i].verb;
            return parse_rest(&verbs[i], argc, argv, ret);
        }
    }
    return wrong_use("it can add, rotate, remove, list and set a passphrase");
}

/* --- the value ------------------------------------------------------------------------------- */

static void
trim(struct writ_secret *s)
{
    size_t len = writ_secret_len(s);
    const uint8_t *mem = writ_secret_bytes(s);

    while (len > 0 && (mem[len - 1] == '\n' || mem[len - 1] == '\r'))
        len--;
    writ_secret_cut(s, len);
}

static enum writ_err
get_value(const struct args *a, struct writ_secret **ret, struct writ_diag *diag)
{
    char prompt[WRIT_NAME_MAX + 32];
    enum writ_err e;

    if (isatty(STDIN_FILENO) != 0) {
        (void)snprintf(prompt, sizeof(prompt), "Value of %s: ", a->name);
        return writ_secret_prompt_twice(prompt, "Once more: ", WRIT_CREDENTIAL_BYTES_MAX, ret,
                                        diag);
    }
    e = writ_secret_read(STDIN_FILENO, WRIT_CREDENTIAL_BYTES_MAX, ret, diag);
    if (e == WRIT_OK && a->trim)
        trim(*ret);
    return e;
}

static enum writ_err
get_secret(const struct args *a, struct writ_secret **ret, struct writ_diag *diag)
{
    if (a->verb == WRIT_KEEPER_ADD || a->verb == WRIT_KEEPER_ROTATE)
        return get_value(a, ret, diag);
    if (a->verb == WRIT_KEEPER_PASSPHRASE && !a->remove) {
        return writ_secret_prompt_twice(
            "New passphrase: ", "Once more: ", WRIT_PASSPHRASE_BYTES_MAX, ret, diag);
    }
    return WRIT_OK;
}

/* The value is in secret memory from the read to the send. */
static enum writ_err
send_request(struct writ_keeper_client *c, const struct args *a, struct writ_diag *diag)
{
    WRIT_SECRET_AUTO struct writ_secret *value = NULL;
    WRIT_SECRET_AUTO struct writ_secret *body = NULL;
    struct writ_secret_writer w;
    struct writ_span v = writ_span(NULL, 0);
    enum writ_err e = get_secret(a, &value, diag);

    if (e != WRIT_OK)
        return e;
    if (value != NULL)
        v = writ_secret_span(value);
    e = writ_secret_new(v.len + 256, &body);
    if (e != WRIT_OK)
        return e;
    w = writ_secret_writer(body);
    writ_secret_put_u8(&w, (uint8_t)a->verb);
    writ_secret_put_blob(&w, writ_span_str(a->name));
    writ_secret_put_blob(&w, writ_span_str(a->env));
    writ_secret_put_blob(&w, v);
    if (w.failed)
        return WRIT_E_LIMIT;
    writ_secret_cut(body, w.at);
    return writ_chan_send(&c->chan, WRIT_MSG_KEEPER_ADMIN, writ_secret_span(body), NULL, 0);
}

/* --- the answer ------------------------------------------------------------------------------ */

struct item {
    char name[WRIT_NAME_MAX + 1];
    char env[WRIT_NAME_MAX + 1];
    uint32_t version;
    uint64_t added_us;
    uint64_t used_us;
    char fingerprint[40];
};

struct items {
    struct item *at;
    size_t count;
};

static enum writ_err
read_item(struct writ_span body, struct items *items)
{
    struct writ_reader r = writ_reader(body);
    struct item it;
    struct item *more;

    if (!writ_read_str(&r, it.name, sizeof(it.name)) ||
        !writ_read_str(&r, it.env, sizeof(it.env)) || !writ_read_u32(&r, &it.version) ||
        !writ_read_u64(&r, &it.added_us) || !writ_read_u64(&r, &it.used_us) ||
        !writ_read_str(&r, it.fingerprint, sizeof(it.fingerprint)) || !writ_read_done(&r))
        return WRIT_E_FORMAT;
    if (items->count >= WRIT_CREDENTIALS_MAX)
        return WRIT_E_LIMIT;
    more = realloc(items->at, (items->count + 1) * sizeof(it));
    if (more == NULL)
        return WRIT_E_NOMEM;
    items->at = more;
    items->at[items->count++] = it;
    return WRIT_OK;
}

static enum writ_err
read_done(struct writ_span body, struct writ_diag *diag)
{
    struct writ_reader r = writ_reader(body);
    char text[1024];
    uint8_t result;

    if (!writ_read_u8(&r, &result) || !writ_read_str(&r, text, sizeof(text)) || !writ_read_done(&r))
        return WRIT_E_FORMAT;
    if (result == (uint8_t)WRIT_OK)
        return WRIT_OK;
    writ_diag_set(diag, 0, 0, "%s", text[0] != '\0' ? text : writ_err_name((enum writ_err)result));
    return WRIT_E_DENIED;
}

static enum writ_err
read_answer(struct writ_keeper_client *c, struct items *items, struct writ_diag *diag)
{
    for (;;) {
        struct writ_msg_in m;
        enum writ_err e = writ_chan_wait(&c->chan, ANSWER_MS, &m);

        if (e == WRIT_OK && m.type == WRIT_MSG_KEEPER_DONE)
            return read_done(m.body, diag);
        if (e == WRIT_OK)
            e = m.type == WRIT_MSG_KEEPER_ITEM ? read_item(m.body, items) : WRIT_E_FORMAT;
        if (e != WRIT_OK) {
            writ_diag_set(diag, 0, 0, "writ-keeper ended without an answer (%s)", writ_err_name(e));
            return e;
        }
    }
}

/* --- output ---------------------------------------------------------------------------------- */

/* "2026-11-22 10:11 UTC", or "never". */
static void
short_time(uint64_t us, char ret[WRIT_TIME_TEXT])
{
    if (us == 0) {
        (void)snprintf(ret, WRIT_TIME_TEXT, "never");
        return;
    }
    writ_time_text((int64_t)us, ret);
    ret[10] = ' ';
    memcpy(ret + 16, " UTC", 5);
}

static void
print_table(const struct items *items)
{
    int name = (int)strlen("NAME");
    int env = (int)strlen("ENV");

    for (size_t i = 0; i < items->count; i++) {
        name = (int)strlen(items->at[i].name) > name ? (int)strlen(items->at[i].name) : name;
        env = (int)strlen(items->at[i].env) > env ? (int)strlen(items->at[i].env) : env;
    }
    (void)printf("%-*s  %-*s  %7s  %-20s  %-20s  %s\n", name, "NAME", env, "ENV", "VERSION",
                 "ADDED", "LAST USED", "FINGERPRINT");
    for (size_t i = 0; i < items->count; i++) {
        const struct item *it = &items->at[i];
        char added[WRIT_TIME_TEXT];
        char used[WRIT_TIME_TEXT];

        short_time(it->added_us, added);
        short_time(it->used_us, used);
        (void)printf("%-*s  %-*s  %7u  %-20s  %-20s  %.8s\n", name, it->name, env,
                     it->env[0] == '\0' ? "-" : it->env, (unsigned)it->version, added, used,
                     it->fingerprint);
    }
}

static void
json_time(struct writ_json *j, const char *key, uint64_t us)
{
    char text[WRIT_TIME_TEXT];

    if (us == 0) {
        writ_json_null(j, key);
        return;
    }
    writ_time_text((int64_t)us, text);
    writ_json_str(j, key, text);
}

static enum writ_err
print_json(const struct items *items)
{
    WRIT_BUF_AUTO struct writ_buf b;
    struct writ_json j;

    writ_buf_init(&b, (size_t)WRIT_CREDENTIALS_MAX * 512);
    writ_json_init(&j, &b);
    writ_json_array(&j, NULL);
    for (size_t i = 0; i < items->count; i++) {
        const struct item *it = &items->at[i];

        writ_json_object(&j, NULL);
        writ_json_str(&j, "name", it->name);
        writ_json_str(&j, "env", it->env);
        writ_json_u64(&j, "version", it->version);
        json_time(&j, "added", it->added_us);
        json_time(&j, "used", it->used_us);
        writ_json_str(&j, "fingerprint", it->fingerprint);
        writ_json_object_end(&j);
    }
    writ_json_array_end(&j);
    writ_buf_put_str(&b, "\n");
    return b.failed ? WRIT_E_NOMEM : writ_write_full(STDOUT_FILENO, writ_buf_span(&b));
}

static enum writ_err
print_list(const struct args *a, const struct items *items)
{
    if (a->json)
        return print_json(items);
    if (items->count == 0) {
        (void)fputs("there are no credentials yet; store one with `writ credential add NAME`\n",
                    stderr);
    } else {
        print_table(items);
    }
    return fflush(stdout) == 0 ? WRIT_OK : WRIT_E_SYS;
}

static enum writ_err
print_result(const struct args *a, const struct items *items)
{
    const struct item *it = items->at;

    if (a->verb == WRIT_KEEPER_LIST)
        return print_list(a, items);
    if (a->verb == WRIT_KEEPER_REMOVE) {
        (void)printf("removed %s; what was issued still works until it is revoked there\n",
                     a->name);
    } else if (a->verb == WRIT_KEEPER_PASSPHRASE) {
        (void)printf(a->remove ? "the store opens with a key file now\n"
                               : "the store opens with this passphrase only\n");
    } else if (items->count == 1) {
        (void)printf("%s %s%s%s, version %u, fingerprint %.8s\n",
                     a->verb == WRIT_KEEPER_ADD ? "added" : "rotated", it->name,
                     it->env[0] == '\0' ? "" : ", env ", it->env, (unsigned)it->version,
                     it->fingerprint);
    }
    return fflush(stdout) == 0 ? WRIT_OK : WRIT_E_SYS;
}

static enum writ_err
run(const struct args *a, struct writ_diag *diag)
{
    struct writ_keeper_client client;
    struct items items = {NULL, 0};
    char state[WRIT_PATH_BYTES_MAX];
    enum writ_err e = writ_state_dir(state, sizeof(state), diag);

    /* the keeper first: who holds a secret starts no program */
    if (e == WRIT_OK)
        e = writ_keeper_client_start(state, &client, diag);
    if (e != WRIT_OK)
        return e;
    e = send_request(&client, a, diag);
    if (e == WRIT_OK)
        e = read_answer(&client, &items, diag);
    if (e == WRIT_OK)
        e = print_result(a, &items);
    writ_keeper_client_end(&client);
    free(items.at);
    return e;
}

int
writ_cmd_credential(int argc, char **argv)
{
    struct writ_diag diag = {0};
    struct args a;
    enum writ_err e;
    int rc;

    if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        (void)fputs(usage, stdout);
        return EXIT_DONE;
    }
    rc = parse(argc, argv, &a);
    if (rc != EXIT_DONE)
        return rc;
    e = writ_secret_process();
    if (e == WRIT_OK)
        e = run(&a, &diag);
    if (e == WRIT_OK)
        return EXIT_DONE;
    writ_diag_set(&diag, 0, 0, "the credential store cannot be used (%s)", writ_err_name(e));
    writ_diag_print(&diag);
    return EXIT_NO;
}
