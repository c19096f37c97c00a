/*
 * The ledger as a process, over real channels and rings.
 *
 * usage: test_ledger_process WRIT_LEDGER [KILLS]
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/text.h"
#include "ledger/line.h"
#include "ledger/lines.h"

#include "../unit/test.h"
#include "ledger_peer.h"

static char root[] = "/tmp/writ-ledger-test-XXXXXX";
static unsigned kills = 100;

struct tally {
    unsigned ok;
    unsigned running;
    unsigned bad;
    uint64_t torn;
    struct writ_verify_result first_bad;
};

static void
count(void *arg, const struct writ_verify_result *r)
{
    struct tally *t = arg;

    t->ok += r->verdict == WRIT_VERDICT_OK ? 1 : 0;
    t->running += r->verdict == WRIT_VERDICT_RUNNING ? 1 : 0;
    t->torn += r->torn;
    if (r->verdict == WRIT_VERDICT_BAD && t->bad++ == 0)
        t->first_bad = *r;
}

static struct tally
verify(const char *state)
{
    struct tally t = {0};
    struct writ_diag diag = {0};
    struct writ_store s;

    if (!CHECK(writ_store_read(state, &s, &diag) == WRIT_OK))
        return t;
    CHECK(writ_verify(&s, NULL, count, &t) == WRIT_OK);
    writ_store_done(&s);
    if (t.bad != 0)
        (void)fprintf(stderr, "%s:%llu: %s\n", t.first_bad.file,
                      (unsigned long long)t.first_bad.line, t.first_bad.text);
    return t;
}

static void
state_dir(char ret[128], const char *name)
{
    (void)snprintf(ret, 128, "%s/%s", root, name);
}

/* How many records of a kind the task's log holds; *ret_sum adds up their "count". */
static uint64_t
records(const char *state, const char *task, enum writ_kind kind, uint64_t *ret_sum)
{
    static struct writ_line l;
    WRIT_FD_AUTO int fd = -1;
    char path[256];
    struct writ_lines lines;
    struct writ_span line;
    const char *why;
    uint64_t n = 0;
    uint64_t v;

    *ret_sum = 0;
    (void)snprintf(path, sizeof(path), "%s/ledger/tasks/%s.jsonl", state, task);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (!CHECK(fd >= 0) || !CHECK(writ_lines_init(&lines, fd) == WRIT_OK))
        return 0;
    while (writ_lines_next(&lines, &line) == WRIT_OK) {
        if (writ_line_parse(line, &l, &why) != WRIT_OK || l.kind != kind)
            continue;
        n++;
        if (writ_line_u64(&l, WRIT_FIELD_COUNT, &v))
            *ret_sum += v;
    }
    writ_lines_done(&lines);
    return n;
}

static void
test_ordinary(void)
{
    char state[128];
    struct peer p;
    struct writ_ring ring;
    struct tally t;
    uint64_t n = 0;
    uint64_t sum;

    state_dir(state, "ordinary");
    peer_start(&p, state);
    CHECK(peer_ready(&p));
    CHECK(peer_open(&p));
    t = verify(state);
    CHECK(t.ok == 1 && t.running == 1 && t.bad == 0);
    CHECK(peer_ring(&p, &ring, WRIT_ROLE_GATEWAY));
    for (uint64_t i = 0; i < 10000; i++) {
        enum writ_err e;

        do {
            e = writ_ring_push(&ring, peer_record(WRIT_KIND_REQUEST_DECISION, 1, "allow"));
        } while (e == WRIT_E_AGAIN);
        if (e != WRIT_OK)
            CHECK(e == WRIT_OK);
    }
    CHECK(peer_ask(&p, WRIT_MSG_LEDGER_APPEND, peer_record(WRIT_KIND_PROGRAM_START, 1, ""), &n) ==
          WRIT_MSG_LEDGER_ACK);
    CHECK(n >= 2);
    CHECK(peer_seal(&p, &n));
    CHECK(n == 1 + 10000 + 1 + 1 + 1); /* start, requests, program, end, seal */
    p.chan.phase = WRIT_PHASE_END;
    CHECK(writ_ring_push(&ring, peer_record(WRIT_KIND_REQUEST_DECISION, 1, "")) == WRIT_E_CLOSED);
    CHECK(peer_end(&p) == 0);
    t = verify(state);
    CHECK(t.ok == 2 && t.running == 0 && t.bad == 0 && t.torn == 0);
    CHECK(records(state, p.task.text, WRIT_KIND_REQUEST_DECISION, &sum) == 10000 && sum == 10000);
    writ_ring_done(&ring);
}

static void
test_launcher_dies(void)
{
    char state[128];
    struct peer p;
    struct writ_ring ring;
    struct tally t;
    uint64_t sum;

    state_dir(state, "orphan");
    peer_start(&p, state);
    CHECK(peer_ready(&p) && peer_open(&p) && peer_ring(&p, &ring, WRIT_ROLE_GATEWAY));
    for (unsigned i = 0; i < 100; i++)
        CHECK(writ_ring_push(&ring, peer_record(WRIT_KIND_REQUEST_END, 1, "")) == WRIT_OK);
    CHECK(peer_end(&p) == 0);
    t = verify(state);
    CHECK(t.ok == 2 && t.bad == 0);
    CHECK(records(state, p.task.text, WRIT_KIND_REQUEST_END, &sum) == 100);
    CHECK(records(state, p.task.text, WRIT_KIND_PROCESS_DIED, &sum) == 1);
    CHECK(records(state, p.task.text, WRIT_KIND_TASK_SEALED, &sum) == 1);
    writ_ring_done(&ring);

    /* before anything was recorded there is nothing to seal, and nothing is left to complain of */
    peer_start(&p, state);
    CHECK(peer_ready(&p) && peer_end(&p) == 0);
    t = verify(state);
    CHECK(t.ok == 2 && t.bad == 0);
}

int
main(int argc, char **argv)
{
    uint64_t n;
    char command[256];

    if (argc < 2 || mkdtemp(root) == NULL)
        return 2;
    peer_program = argv[1];
    if (argc > 2 && writ_parse_dec(writ_span_str(argv[2]), 1000000, &n))
        kills = (unsigned)n;
    (void)signal(SIGPIPE, SIG_IGN);
    test_ordinary();
    test_launcher_dies();
    (void)snprintf(command, sizeof(command), "rm -rf %s", root);
    return test_end();
}
