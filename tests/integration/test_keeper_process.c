/*
 * The keeper as its launcher, its gateways and its ledger see it.
 *
 * usage: test_keeper_process PATH-OF-writ-keeper
 */
#include "keeper_env.h"

static const struct service one[] = {{"tracker", "staging", "token"}, {"open", "staging", ""}};

static void
test_admin(void)
{
    struct keeper k;

    env_state_new();
    k = keeper_start();
    CHECK(keeper_admin(&k, WRIT_KEEPER_LIST, "", "", writ_span(NULL, 0)) == WRIT_OK &&
          k.items == 0);
    CHECK(keeper_add(&k, "token", "staging", "s3cret") && k.items == 1 && k.version == 1);
    CHECK(!keeper_add(&k, "token", "", "other") && strstr(k.text, "exists") == NULL &&
          strstr(k.text, "already") != NULL);
    CHECK(keeper_admin(&k, WRIT_KEEPER_ROTATE, "token", "", writ_span_str("n3w")) == WRIT_OK &&
          k.version == 2 && strcmp(k.env, "staging") == 0);
    CHECK(keeper_admin(&k, WRIT_KEEPER_ROTATE, "gone", "", writ_span_str("x")) == WRIT_E_STATE);
    CHECK(!keeper_add(&k, "bad", "", "a\n") && strstr(k.text, "--trim") != NULL);
    CHECK(!keeper_add(&k, "bad", "", ""));
    CHECK(keeper_admin(&k, WRIT_KEEPER_ROTATE, "token", "", writ_span("a\0b", 3)) != WRIT_OK);
    CHECK(keeper_add(&k, "second", "", "two"));
    CHECK(keeper_admin(&k, WRIT_KEEPER_LIST, "", "", writ_span(NULL, 0)) == WRIT_OK &&
          k.items == 2);
    CHECK(keeper_admin(&k, WRIT_KEEPER_REMOVE, "second", "", writ_span(NULL, 0)) == WRIT_OK);
    CHECK(keeper_admin(&k, WRIT_KEEPER_REMOVE, "second", "", writ_span(NULL, 0)) == WRIT_E_STATE);

    /* killed without warning: what was acknowledged is there */
    (void)kill(k.pid, SIGKILL);
    (void)keeper_end(&k);
    k = keeper_start();
    CHECK(keeper_admin(&k, WRIT_KEEPER_LIST, "", "", writ_span(NULL, 0)) == WRIT_OK &&
          k.items == 1 && k.version == 2);
    CHECK(keeper_end(&k) == 0); /* it goes when its launcher goes */
    env_state_remove();
}

static void
test_release(void)
{
    struct keeper k;
    struct task t;
    struct task other;
    char text[ENV_TEXT];

    env_state_new();
    k = keeper_start();
    CHECK(keeper_add(&k, "token", "staging", "s3cret"));
    CHECK_ROW(task_new(&k, &t, "staging", one, 2), k.text);
    CHECK(task_new(&k, &other, "staging", one, 2));

    /* no record, no release */
    CHECK(task_ask(&t, "tracker"));
    CHECK(task_record(&t, text, sizeof(text)) == WRIT_KIND_CREDENTIAL_RELEASE);
    CHECK(quiet(&t.gateway));
    CHECK(task_gets(&other, "tracker", "s3cret")); /* another task does not wait for this one */
    CHECK(quiet(&t.gateway));
    CHECK(task_ack(&t));
    CHECK(task_answer(&t, text, sizeof(text)) == WRIT_MSG_KEEPER_SECRET &&
          strcmp(text, "s3cret") == 0);

    CHECK(task_refused(&t, "open", "no credential"));
    CHECK(task_refused(&t, "elsewhere", "no such service"));
    CHECK(task_refused(&t, "", "no such service"));
    CHECK(task_gets(&t, "tracker", "s3cret"));

    /* what changes in the store counts from the next release on */
    CHECK(keeper_admin(&k, WRIT_KEEPER_ROTATE, "token", "", writ_span_str("n3w")) == WRIT_OK);
    CHECK(task_gets(&t, "tracker", "n3w"));
    CHECK(keeper_admin(&k, WRIT_KEEPER_REMOVE, "token", "", writ_span(NULL, 0)) == WRIT_OK);
    CHECK(task_refused(&t, "tracker", "no credential named token"));
    CHECK(keeper_add(&k, "token", "production", "prod"));
    CHECK(task_refused(&t, "tracker", "is labelled production"));
    CHECK(keeper_admin(&k, WRIT_KEEPER_REMOVE, "token", "", writ_span(NULL, 0)) == WRIT_OK);
    CHECK(keeper_add(&k, "token", "staging", "again"));
    CHECK(task_gets(&t, "tracker", "again"));

    /* the list tells when it was last used, also to the next keeper */
    task_done(&t);
    task_done(&other);
    CHECK(keeper_end(&k) == 0);
    k = keeper_start();
    CHECK(keeper_admin(&k, WRIT_KEEPER_LIST, "", "", writ_span(NULL, 0)) == WRIT_OK &&
          k.used_us > 0);
    CHECK(keeper_end(&k) == 0);
    env_state_remove();
}

static void
test_deadline(void)
{
    struct keeper k;
    struct task t;

    env_state_new();
    k = keeper_start();
    CHECK(keeper_add(&k, "token", "staging", "s3cret"));
    writ_id_new(&t.id);
    CHECK(task_register(&k, &t, env_writ(&t.id, "staging", one, 1, 400)));
    CHECK(task_gets(&t, "tracker", "s3cret"));
    (void)usleep(450000);
    CHECK(task_refused(&t, "tracker", "deadline has passed"));
    task_done(&t);
    writ_id_new(&t.id);
    CHECK(task_register(&k, &t, env_writ(&t.id, "staging", one, 1, 0)));
    CHECK(task_gets(&t, "tracker", "s3cret"));
    task_done(&t);
    CHECK(keeper_end(&k) == 0);
    env_state_remove();
}

static void
test_labels(void)
{
    static const struct {
        const char *writ;
        const char *service;
        const char *credential; /* name: its label is in the name */
        const char *message;    /* NULL: registered */
    } rows[] = {
        {"staging", "staging", "staging-token", NULL},
        {"", "", "plain-token", NULL},
        {"staging", "production", "staging-token", "service s is labelled production, but the"},
        {"staging", "", "staging-token", "service s has no label"},
        {"", "staging", "staging-token", "but the task has no label"},
        {"staging", "staging", "production-token", "credential production-token is labelled prod"},
        {"staging", "staging", "plain-token", "only a task without one may use it"},
        {"staging", "staging", "plain-token", "--env staging"},
        {"", "", "staging-token", "have no label"},
        {"staging", "staging", "missing-token", "no credential named missing-token"},
    };
    struct keeper k;

    env_state_new();
    k = keeper_start();
    CHECK(keeper_add(&k, "staging-token", "staging", "a"));
    CHECK(keeper_add(&k, "production-token", "production", "b"));
    CHECK(keeper_add(&k, "plain-token", "", "c"));
    for (size_t i = 0; i < WRIT_COUNT(rows); i++) {
        const struct service s = {"s", rows[i].service, rows[i].credential};
        struct task t;
        bool ok = task_new(&k, &t, rows[i].writ, &s, 1);

        if (rows[i].message == NULL) {
            CHECK_ROW(ok, k.text);
        } else {
            CHECK_ROW(!ok && strstr(k.text, rows[i].message) != NULL, k.text);
        }
        task_done(&t);
    }
    CHECK(keeper_end(&k) == 0);
    env_state_remove();
}

static void
test_registration(void)
{
    struct keeper k;
    struct task t;
    struct task twin;
    int fd;

    env_state_new();
    k = keeper_start();
    CHECK(keeper_add(&k, "token", "staging", "s3cret"));
    CHECK(task_new(&k, &t, "staging", one, 2));
    twin.id = t.id;
    CHECK(!task_register(&k, &twin, env_writ(&t.id, "staging", one, 2, 60000)) &&
          strstr(k.text, "already") != NULL);
    task_done(&twin);
    CHECK(task_gets(&t, "tracker", "s3cret")); /* the first is not disturbed */
    task_done(&t);

    writ_id_new(&t.id);
    writ_id_new(&twin.id);
    CHECK(!task_register(&k, &twin, env_writ(&t.id, "staging", one, 2, 60000)) &&
          strstr(k.text, "another task's") != NULL);
    task_done(&twin);

    /* a file that its maker could still change */
    fd = memfd_create("writ", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    CHECK(fd >= 0 && !task_register(&k, &t, fd) && strstr(k.text, "no sealed writ") != NULL);
    task_done(&t);
    CHECK(writ_memfd_sealed("writ", writ_span_str("no writ at all"), &fd) == WRIT_OK);
    CHECK(!task_register(&k, &t, fd) && strstr(k.text, "cannot read the writ") != NULL);
    task_done(&t);
    CHECK(writ_memfd_sealed("writ", writ_span(NULL, 0), &fd) == WRIT_OK);
    CHECK(!task_register(&k, &t, fd));
    task_done(&t);
    fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
    CHECK(!task_register(&k, &t, fd) && strstr(k.text, "no sealed writ") != NULL);
    task_done(&t);
    CHECK(keeper_alive(&k) && task_new(&k, &t, "staging", one, 2));
    task_done(&t);
    CHECK(keeper_end(&k) == 0);
    env_state_remove();
}

/* What the launcher must tell the keeper when a task is over. */
static void
test_task_end(void)
{
    WRIT_BUF_AUTO struct writ_buf b;
    struct keeper k;
    struct task t;
    char text[ENV_TEXT];

    env_state_new();
    k = keeper_start();
    CHECK(keeper_add(&k, "token", "staging", "s3cret"));
    CHECK(task_new(&k, &t, "staging", one, 2));
    CHECK(task_ask(&t, "tracker"));
    CHECK(task_record(&t, text, sizeof(text)) == WRIT_KIND_CREDENTIAL_RELEASE);
    writ_buf_init(&b, 64);
    writ_buf_put_blob(&b, writ_span_str(t.id.text));
    CHECK(writ_chan_send(&k.c, WRIT_MSG_KEEPER_TASK_END, writ_buf_span(&b), NULL, 0) == WRIT_OK);
    CHECK(task_answer(&t, text, sizeof(text)) == WRIT_MSG_NONE); /* it never gets the answer */
    CHECK(writ_chan_send(&k.c, WRIT_MSG_KEEPER_TASK_END, writ_buf_span(&b), NULL, 0) == WRIT_OK);
    task_done(&t);
    CHECK(keeper_admin(&k, WRIT_KEEPER_LIST, "", "", writ_span(NULL, 0)) == WRIT_OK);
    CHECK(keeper_end(&k) == 0);
    env_state_remove();
}

static void
test_ledger_gone(void)
{
    struct keeper k;
    struct task t;
    struct task slow;
    char text[ENV_TEXT];
    uint64_t start;

    env_state_new();
    k = keeper_start();
    CHECK(keeper_add(&k, "token", "staging", "s3cret"));
    CHECK(task_new(&k, &t, "staging", one, 2));
    CHECK(task_new(&k, &slow, "staging", one, 2));

    /* it dies between record and acknowledgement */
    CHECK(task_ask(&t, "tracker"));
    CHECK(task_record(&t, text, sizeof(text)) == WRIT_KIND_CREDENTIAL_RELEASE);
    writ_chan_done(&t.ledger);
    CHECK(task_answer(&t, text, sizeof(text)) == WRIT_MSG_KEEPER_REFUSE &&
          strstr(text, "ledger went away") != NULL);
    CHECK(task_ask(&t, "tracker"));
    CHECK(task_answer(&t, text, sizeof(text)) == WRIT_MSG_KEEPER_REFUSE &&
          strstr(text, "ledger cannot record") != NULL);

    task_done(&t);

    /* it acknowledges what nobody asked */
    CHECK(task_new(&k, &t, "staging", one, 2));
    CHECK(task_ack(&t));
    CHECK(task_ask(&t, "tracker"));
    CHECK(task_answer(&t, text, sizeof(text)) == WRIT_MSG_KEEPER_REFUSE);

    /* it says nothing */
    start = writ_clock_mono_us();
    CHECK(task_ask(&slow, "tracker"));
    CHECK(task_answer(&slow, text, sizeof(text)) == WRIT_MSG_KEEPER_REFUSE &&
          strstr(text, "in time") != NULL);
    CHECK(writ_clock_mono_us() - start < 8000000);
    task_done(&t);
    task_done(&slow);
    CHECK(keeper_end(&k) == 0);
    env_state_remove();
}

static void
test_unlock(void)
{
    static const char *const tries[] = {"wrong horse", "correct horse"};
    struct keeper k;

    env_state_new();
    k = keeper_start();
    CHECK(keeper_add(&k, "token", "", "s3cret"));
    CHECK(keeper_admin(&k, WRIT_KEEPER_PASSPHRASE, "", "", writ_span_str("correct horse")) ==
          WRIT_OK);
    CHECK(keeper_end(&k) == 0);
    k = keeper_spawn();
    for (size_t i = 0; i < 2; i++) {
        WRIT_BUF_AUTO struct writ_buf b;

        CHECK(!keeper_ready(&k) && strcmp(k.text, "locked") == 0);
        writ_buf_init(&b, 256);
        writ_buf_put_blob(&b, writ_span_str(tries[i]));
        CHECK(writ_chan_send(&k.c, WRIT_MSG_KEEPER_UNLOCK, writ_buf_span(&b), NULL, 0) == WRIT_OK);
    }
    CHECK_ROW(keeper_ready(&k), k.text);
    CHECK(keeper_admin(&k, WRIT_KEEPER_LIST, "", "", writ_span(NULL, 0)) == WRIT_OK &&
          k.items == 1);
    CHECK(keeper_admin(&k, WRIT_KEEPER_PASSPHRASE, "", "", writ_span(NULL, 0)) == WRIT_OK);
    CHECK(keeper_end(&k) == 0);
    k = keeper_start();
    CHECK(keeper_end(&k) == 0);
    env_state_remove();
}

static void
test_bad_start(void)
{
    struct keeper k;
    char path[128];

    env_state_new();
    k = keeper_start();
    CHECK(keeper_end(&k) == 0);
    (void)snprintf(path, sizeof(path), "%s/keeper/key", env_state);
    CHECK(chmod(path, 0640) == 0);
    k = keeper_spawn();
    CHECK(!keeper_ready(&k) && strstr(k.text, "can be read by others") != NULL);
    CHECK(keeper_end(&k) != 0);
    CHECK(chmod(path, 0600) == 0);
    (void)snprintf(path, sizeof(path), "%s/keeper", env_state);
    CHECK(chmod(path, 0750) == 0);
    k = keeper_spawn();
    CHECK(!keeper_ready(&k) && strstr(k.text, "chmod 700") != NULL);
    CHECK(keeper_end(&k) != 0);
    CHECK(chmod(path, 0700) == 0 && chmod(env_state, 0770) == 0);
    k = keeper_spawn();
    CHECK(!keeper_ready(&k) && strstr(k.text, "the state folder") != NULL);
    CHECK(keeper_end(&k) != 0);
    CHECK(chmod(env_state, 0700) == 0);
    k = keeper_start();
    CHECK(keeper_end(&k) == 0);
    env_state_remove();
    k = keeper_spawn();
    CHECK(!keeper_ready(&k) && strstr(k.text, "cannot be opened") != NULL);
    CHECK(keeper_end(&k) != 0);
}

int
main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    env_program = realpath(argv[1], NULL);
    if (env_program == NULL)
        return 2;
    (void)umask(077);
    test_admin();
    test_release();
    test_deadline();
    test_labels();
    test_registration();
    test_task_end();
    test_ledger_gone();
    test_unlock();
    test_bad_start();
    return test_end();
}
