/*
 * The ledger as a process, over real channels and rings.
 *
 * usage: test_ledger_process WRIT_LEDGER [KILLS]
 */
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/mman.h>
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

/* --- killed at random points ------------------------------------------------------------------ */

static pid_t
kill_later(pid_t victim)
{
    uint32_t us;
    pid_t killer;

    writ_random(&us, sizeof(us));
    killer = fork();
    if (killer != 0)
        return killer;
    (void)usleep(500 + us % 15000);
    (void)kill(victim, SIGKILL);
    _exit(0);
}

/* Loads the ledger until it dies; returns how many records it acknowledged. */
static uint64_t
load_until_dead(struct peer *p)
{
    struct writ_ring ring = {0};
    uint64_t acked = 0;

    if (!peer_ready(p) || !peer_open(p) || !peer_ring(p, &ring, WRIT_ROLE_GATEWAY))
        return 0;
    for (;;) {
        for (unsigned i = 0; i < 200; i++) {
            if (writ_ring_push(&ring, peer_record(WRIT_KIND_REQUEST_DECISION, 1, "allow")) !=
                WRIT_OK)
                break;
        }
        if (peer_ask(p, WRIT_MSG_LEDGER_APPEND, peer_record(WRIT_KIND_PROGRAM_START, 1, ""),
                     NULL) != WRIT_MSG_LEDGER_ACK)
            break;
        acked++;
    }
    writ_ring_done(&ring);
    return acked;
}

static void
test_killed(void)
{
    char state[128];
    uint64_t total = 0;
    uint64_t torn;
    struct tally t;

    state_dir(state, "killed");
    for (unsigned i = 0; i < kills; i++) {
        struct peer p;
        struct peer next;
        uint64_t acked;
        uint64_t sum;

        peer_start(&p, state);
        (void)kill_later(p.pid);
        acked = load_until_dead(&p);
        total += acked;
        CHECK(WIFSIGNALED(peer_end(&p)));
        (void)wait(NULL);         /* the killer */
        peer_start(&next, state); /* takes up what was left, then has nothing to do */
        CHECK(peer_ready(&next) && peer_end(&next) == 0);
        if (acked != 0)
            CHECK(records(state, p.task.text, WRIT_KIND_PROGRAM_START, &sum) >= acked);
        if (i % 20 == 19)
            CHECK(verify(state).bad == 0);
    }
    t = verify(state);
    torn = t.torn;
    CHECK(t.bad == 0 && t.running == 0);
    CHECK(total > kills);
    (void)printf("killed %u times: %llu records acknowledged, none lost; %llu torn tails\n", kills,
                 (unsigned long long)total, (unsigned long long)torn);
}

/* --- killed, and taken up by another one ------------------------------------------------------ */

enum { PUSHED_MAX = 400000 };

struct load {
    struct peer p;
    struct writ_ring ring;
    int fds[2]; /* of the ring */
    uint64_t pushed;
};

static struct writ_span
numbered(uint64_t n)
{
    struct writ_record r;
    struct writ_span s = writ_span(NULL, 0);

    writ_record_begin(&r, peer_mem, sizeof(peer_mem), WRIT_KIND_REQUEST_DECISION,
                      writ_clock_wall_us());
    writ_record_u64(&r, WRIT_FIELD_COUNT, n);
    writ_record_str(&r, WRIT_FIELD_DECISION, "allow");
    writ_record_str(&r, WRIT_FIELD_PATH, "/v2/issues/of/a/project/with/a/name");
    if (writ_record_end(&r, &s) != WRIT_OK)
        abort();
    return s;
}

static bool
hung_up(const struct peer *p)
{
    struct pollfd fd = {.fd = p->chan.fd, .events = POLLIN};

    return poll(&fd, 1, 0) != 0;
}

/* Pushes until the ledger is dead and a while longer, as a gateway does that nobody told yet. */
static void
push_until_dead(struct load *l, bool slowly)
{
    unsigned more = (unsigned)l->pushed % 3000;

    while (l->pushed < PUSHED_MAX && (more != 0 || !hung_up(&l->p))) {
        for (unsigned i = 0; i < 50; i++) {
            if (writ_ring_push(&l->ring, numbered(l->pushed + 1)) != WRIT_OK)
                break;
            l->pushed++;
        }
        if (slowly)
            (void)usleep(300);
        if (hung_up(&l->p))
            more -= more < 50 ? more : 50;
    }
    writ_ring_refuse(&l->ring);
    CHECK(writ_ring_push(&l->ring, numbered(l->pushed + 1)) == WRIT_E_CLOSED);
}

static bool
load_start(struct load *l, const char *state)
{
    const uint8_t gateway = WRIT_ROLE_GATEWAY;

    *l = (struct load){0};
    peer_start(&l->p, state);
    return CHECK(peer_ready(&l->p) && peer_open(&l->p)) &&
           CHECK(writ_ring_make(&l->fds[0], &l->fds[1]) == WRIT_OK) &&
           CHECK(writ_chan_send(&l->p.chan, WRIT_MSG_LEDGER_RING, writ_span(&gateway, 1), l->fds,
                                2) == WRIT_OK) &&
           CHECK(writ_ring_map(&l->ring, dup(l->fds[0]), dup(l->fds[1])) == WRIT_OK);
}

/* Every number from 1 to l->pushed stands in the log; returns how many stand there twice. */
static uint64_t
check_all_there(const struct load *l, const char *state)
{
    static uint8_t seen[PUSHED_MAX + 1];
    static struct writ_line line;
    WRIT_FD_AUTO int fd = -1;
    char path[256];
    struct writ_lines lines;
    struct writ_span s;
    const char *why;
    uint64_t missing = 0;
    uint64_t twice = 0;
    uint64_t n;

    memset(seen, 0, sizeof(seen));
    (void)snprintf(path, sizeof(path), "%s/ledger/tasks/%s.jsonl", state, l->p.task.text);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (!CHECK(fd >= 0) || !CHECK(writ_lines_init(&lines, fd) == WRIT_OK))
        return 0;
    while (writ_lines_next(&lines, &s) == WRIT_OK) {
        if (writ_line_parse(s, &line, &why) == WRIT_OK && line.kind == WRIT_KIND_REQUEST_DECISION &&
            writ_line_u64(&line, WRIT_FIELD_COUNT, &n) && n <= PUSHED_MAX && seen[n] < 255)
            twice += seen[n]++ != 0 ? 1 : 0;
    }
    writ_lines_done(&lines);
    for (n = 1; n <= l->pushed; n++)
        missing += seen[n] == 0 ? 1 : 0;
    CHECK(missing == 0);
    return twice;
}

/* What a launcher does when its ledger died. False if this one was killed as well. */
static bool
take_up(struct load *l, const char *state, bool kill_it)
{
    const uint8_t gateway = WRIT_ROLE_GATEWAY;
    enum writ_msg resumed = peer_resume(&l->p, state);
    pid_t killer = -1;
    uint64_t n;
    bool ok;

    if (!CHECK(resumed == WRIT_MSG_LEDGER_RESUMED))
        return true;
    if (kill_it)
        killer = kill_later(l->p.pid);
    ok = writ_chan_send(&l->p.chan, WRIT_MSG_LEDGER_RING, writ_span(&gateway, 1), l->fds, 2) ==
             WRIT_OK &&
         peer_ask(&l->p, WRIT_MSG_LEDGER_APPEND, peer_record(WRIT_KIND_PROCESS_DIED, 1, ""),
                  NULL) == WRIT_MSG_LEDGER_ACK;
    if (!kill_it)
        ok = CHECK(ok) && CHECK(peer_seal(&l->p, &n));
    else
        CHECK(waitpid(killer, NULL, 0) == killer);
    return !kill_it;
}

static void
leave(struct load *l)
{
    int status;

    writ_chan_done(&l->p.chan);
    CHECK(waitpid(l->p.pid, &status, 0) == l->p.pid);
}

static void
test_resumed(void)
{
    const unsigned rounds_max = kills / 4 + 8;
    char state[128];
    uint64_t total = 0;
    uint64_t twice = 0;
    struct tally t = {0};

    state_dir(state, "resumed");
    for (unsigned i = 0; i < rounds_max; i++) {
        struct load l;
        struct peer other;
        pid_t killer;
        uint64_t died;
        uint64_t sum;
        unsigned rounds = i % 4 == 3 ? 2 : 1;

        if (!load_start(&l, state))
            return;
        killer = kill_later(l.p.pid);
        push_until_dead(&l, i % 2 != 0);
        CHECK(waitpid(killer, NULL, 0) == killer);
        leave(&l);
        /* another task's ledger starts now: it must not seal a log that is ours */
        peer_start(&other, state);
        CHECK(peer_ready(&other) && peer_end(&other) == 0);
        CHECK(records(state, l.p.task.text, WRIT_KIND_TASK_SEALED, &sum) == 0);
        if (rounds == 2) {
            CHECK(!take_up(&l, state, true));
            leave(&l);
        }
        CHECK(take_up(&l, state, false));
        CHECK(peer_end(&l.p) == 0);
        twice += check_all_there(&l, state);
        died = records(state, l.p.task.text, WRIT_KIND_PROCESS_DIED, &sum);
        CHECK(died >= 1 && died <= rounds);
        CHECK(records(state, l.p.task.text, WRIT_KIND_TASK_END, &sum) == 1);
        CHECK(records(state, l.p.task.text, WRIT_KIND_TASK_SEALED, &sum) == 1);
        total += l.pushed;
        writ_ring_done(&l.ring);
        (void)close(l.fds[0]);
        (void)close(l.fds[1]);
        if (i % 20 == 19)
            CHECK(verify(state).bad == 0);
    }
    t = verify(state);
    CHECK(t.bad == 0 && t.running == 0 && t.ok == rounds_max + 1);
    CHECK(total > rounds_max);
    (void)printf("resumed after %u kills: %llu records pushed, none missing, %llu twice; %llu torn "
                 "tails\n",
                 rounds_max, (unsigned long long)total, (unsigned long long)twice,
                 (unsigned long long)t.torn);
}

/* What may not be taken up: another task's log, one opened for reading, one that somebody writes.
 */
static void
test_resume_refused(void)
{
    char state[128];
    char path[256];
    struct peer a;
    struct peer b;
    uint64_t n;
    int own;

    state_dir(state, "refused");
    peer_start(&a, state);
    CHECK(peer_ready(&a) && peer_open(&a) && a.log >= 0);
    own = fcntl(a.log, F_DUPFD_CLOEXEC, 3);
    (void)snprintf(path, sizeof(path), "%s/ledger/tasks/%s.jsonl", state, a.task.text);

    b = (struct peer){.log = fcntl(own, F_DUPFD_CLOEXEC, 3)};
    writ_id_new(&b.task); /* not the one that this log belongs to */
    CHECK(peer_resume(&b, state) == WRIT_MSG_LEDGER_FAIL);
    (void)peer_end(&b);
    /* a descriptor that does not have the lock */
    b = (struct peer){.task = a.task, .log = open(path, O_RDWR | O_CLOEXEC)};
    CHECK(peer_resume(&b, state) == WRIT_MSG_LEDGER_FAIL && strstr(b.fail, "locked") != NULL);
    (void)peer_end(&b);
    b = (struct peer){.task = a.task, .log = open(path, O_RDONLY | O_CLOEXEC)};
    CHECK(peer_resume(&b, state) == WRIT_MSG_LEDGER_FAIL);
    (void)peer_end(&b);
    CHECK(peer_seal(&a, &n));
    /* sealed already: said so, and only the seal may be asked for again */
    b = (struct peer){.task = a.task, .log = own};
    CHECK(peer_resume(&b, state) == WRIT_MSG_LEDGER_RESUMED);
    CHECK(peer_seal(&b, &n));
    CHECK(peer_end(&b) == 0 && peer_end(&a) == 0);
    b = (struct peer){.task = a.task, .log = open(path, O_RDWR | O_CLOEXEC)};
    CHECK(peer_resume(&b, state) == WRIT_MSG_LEDGER_RESUMED);
    CHECK(peer_ask(&b, WRIT_MSG_LEDGER_APPEND, peer_record(WRIT_KIND_PROCESS_DIED, 1, ""), NULL) ==
          WRIT_MSG_NONE);
    CHECK(peer_end(&b) == 0);
    CHECK(verify(state).bad == 0 && verify(state).running == 0);
}

/* --- a full disk ------------------------------------------------------------------------------ */

static void
test_full(void)
{
    char state[128];
    struct peer p;
    struct writ_ring ring;
    struct tally t;
    uint64_t n = 0;
    uint64_t pushed = 0;
    uint64_t sum;
    enum writ_err e;

    state_dir(state, "full");
    if (mkdir(state, 0700) < 0 ||
        mount("tmpfs", state, "tmpfs", MS_NOSUID | MS_NODEV, "size=1m,mode=0700") < 0) {
        (void)printf("a full disk: not tested, this account cannot mount a small file system\n");
        return;
    }
    peer_start(&p, state);
    CHECK(peer_ready(&p) && peer_open(&p) && peer_ring(&p, &ring, WRIT_ROLE_GATEWAY));
    do {
        e = writ_ring_push(&ring, peer_record(WRIT_KIND_REQUEST_DECISION, 1, "allow"));
        pushed += e == WRIT_OK ? 1 : 0;
    } while ((e == WRIT_OK && pushed < 100000) || e == WRIT_E_AGAIN);
    CHECK(e == WRIT_E_CLOSED); /* a gateway refuses every request from here on */
    CHECK(peer_answer(&p, NULL) == WRIT_MSG_LEDGER_FAIL);
    CHECK(strstr(p.fail, "No space left") != NULL);
    t = verify(state);
    CHECK(t.running == 1 && t.bad == 0);
    /* what was pushed before still fits the reserve, or is kept in memory until there is room */
    if (!peer_seal(&p, &n)) {
        CHECK(strstr(p.fail, "No space left") != NULL);
        CHECK(verify(state).bad == 0);
        CHECK(mount("tmpfs", state, "tmpfs", MS_REMOUNT, "size=16m") == 0);
        CHECK(peer_seal(&p, &n));
    }
    CHECK(peer_end(&p) == 0);
    t = verify(state);
    CHECK(t.ok == 2 && t.bad == 0);
    n = records(state, p.task.text, WRIT_KIND_REQUEST_DECISION, &sum);
    CHECK(n == pushed || n == pushed + 1); /* one that was refused may be kept all the same */
    writ_ring_done(&ring);

    /* no room at all: said before anything starts */
    {
        char path[256];
        int fd;

        (void)snprintf(path, sizeof(path), "%s/fill", state);
        fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        while (write(fd, state, sizeof(state)) > 0)
            continue;
        (void)close(fd);
    }
    peer_start(&p, state);
    CHECK(!peer_ready(&p) || !peer_open(&p));
    CHECK(strstr(p.fail, "No space left") != NULL);
    (void)peer_end(&p);
    CHECK(umount2(state, MNT_DETACH) == 0);
}

/* --- senders that misbehave ------------------------------------------------------------------- */

static void
test_scribbled(void)
{
    char state[128];
    const uint8_t body[1] = {WRIT_ROLE_GATEWAY};
    const uint64_t one = 1;
    int fds[2];
    struct peer p;
    struct stat st;
    uint8_t *at;
    uint64_t sum;
    uint64_t n;

    state_dir(state, "scribbled");
    peer_start(&p, state);
    CHECK(peer_ready(&p) && peer_open(&p));
    for (unsigned round = 0; round < WRIT_LEDGER_RINGS_MAX; round++) {
        CHECK(writ_ring_make(&fds[0], &fds[1]) == WRIT_OK);
        CHECK(writ_chan_send(&p.chan, WRIT_MSG_LEDGER_RING, writ_span(body, 1), fds, 2) == WRIT_OK);
        CHECK(fstat(fds[0], &st) == 0);
        at = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fds[0], 0);
        for (unsigned i = 0; i < 20; i++) {
            writ_random(at, round < 4 ? (size_t)st.st_size : 4096);
            CHECK(write(fds[1], &one, sizeof(one)) == sizeof(one));
            (void)usleep(500);
        }
        (void)munmap(at, (size_t)st.st_size);
        (void)close(fds[0]);
        (void)close(fds[1]);
    }
    CHECK(peer_ask(&p, WRIT_MSG_LEDGER_APPEND, peer_record(WRIT_KIND_PROGRAM_START, 1, ""), NULL) ==
          WRIT_MSG_LEDGER_ACK);
    CHECK(peer_seal(&p, &n) && peer_end(&p) == 0);
    CHECK(verify(state).bad == 0);
    CHECK(records(state, p.task.text, WRIT_KIND_LEDGER_GAP, &sum) == WRIT_LEDGER_RINGS_MAX);
}

/* A gateway that speaks for another process is not heard again; the others are. */
static void
test_impostors(void)
{
    static const enum writ_kind kinds[] = {WRIT_KIND_TASK_START, WRIT_KIND_TASK_END,
                                           WRIT_KIND_TASK_SEALED, WRIT_KIND_CREDENTIAL_RELEASE,
                                           WRIT_KIND_PROGRAM_START};

    char state[128];
    struct peer p;
    struct writ_ring good;
    uint64_t sum;
    uint64_t n;

    state_dir(state, "impostors");
    peer_start(&p, state);
    CHECK(peer_ready(&p) && peer_open(&p) && peer_ring(&p, &good, WRIT_ROLE_GATEWAY));
    for (size_t i = 0; i <= WRIT_COUNT(kinds); i++) {
        struct writ_ring ring;
        struct writ_span record =
            i < WRIT_COUNT(kinds) ? peer_record(kinds[i], 1, "") : writ_span("garbage", 7);

        CHECK(peer_ring(&p, &ring, WRIT_ROLE_GATEWAY));
        CHECK(writ_ring_push(&ring, record) == WRIT_OK);
        CHECK(peer_ask(&p, WRIT_MSG_LEDGER_APPEND, peer_record(WRIT_KIND_PROGRAM_START, 1, ""),
                       NULL) == WRIT_MSG_LEDGER_ACK);
        (void)usleep(3000);
        CHECK(!writ_ring_alive(&ring));
        writ_ring_done(&ring);
    }
    CHECK(writ_ring_push(&good, peer_record(WRIT_KIND_REQUEST_DECISION, 1, "allow")) == WRIT_OK);
    CHECK(peer_seal(&p, &n) && peer_end(&p) == 0);
    CHECK(verify(state).bad == 0);
    CHECK(records(state, p.task.text, WRIT_KIND_LEDGER_GAP, &sum) == WRIT_COUNT(kinds) + 1);
    CHECK(records(state, p.task.text, WRIT_KIND_CREDENTIAL_RELEASE, &sum) == 0);
    CHECK(records(state, p.task.text, WRIT_KIND_REQUEST_DECISION, &sum) == 1);
    CHECK(records(state, p.task.text, WRIT_KIND_TASK_SEALED, &sum) == 1);
    writ_ring_done(&good);
}

static void
test_keeper(void)
{
    const uint8_t body[1] = {WRIT_ROLE_KEEPER};
    char state[128];
    int pair[2];
    struct peer p;
    struct writ_chan keeper;
    struct writ_msg_in m;
    uint64_t sum;
    uint64_t n;

    state_dir(state, "keeper");
    peer_start(&p, state);
    CHECK(peer_ready(&p) && peer_open(&p) && writ_chan_pair(pair) == WRIT_OK);
    CHECK(writ_chan_send(&p.chan, WRIT_MSG_LEDGER_CHANNEL, writ_span(body, 1), &pair[1], 1) ==
          WRIT_OK);
    (void)close(pair[1]);
    writ_chan_init(&keeper, pair[0], WRIT_ROLE_KEEPER, WRIT_ROLE_LEDGER);
    keeper.phase = WRIT_PHASE_RUN;
    CHECK(writ_chan_send(&keeper, WRIT_MSG_LEDGER_APPEND_KEEPER,
                         peer_record(WRIT_KIND_CREDENTIAL_RELEASE, 1, ""), NULL, 0) == WRIT_OK);
    CHECK(writ_chan_expect(&keeper, WRIT_MSG_LEDGER_ACK_KEEPER, 2000, &m) == WRIT_OK);
    CHECK(writ_chan_send(&keeper, WRIT_MSG_LEDGER_APPEND_KEEPER,
                         peer_record(WRIT_KIND_REQUEST_DECISION, 1, ""), NULL, 0) == WRIT_OK);
    CHECK(writ_chan_expect(&keeper, WRIT_MSG_LEDGER_ACK_KEEPER, 2000, &m) == WRIT_E_CLOSED);
    writ_chan_done(&keeper);
    CHECK(peer_seal(&p, &n) && peer_end(&p) == 0);
    CHECK(verify(state).bad == 0);
    CHECK(records(state, p.task.text, WRIT_KIND_CREDENTIAL_RELEASE, &sum) == 1);
    CHECK(records(state, p.task.text, WRIT_KIND_LEDGER_GAP, &sum) == 1);
}

/* Whatever a launcher does wrong: its channel is closed, and what was recorded is sealed. */
static void
test_misuse(void)
{
    static const struct {
        const char *name;
        enum writ_msg type;
        const char *body;
        bool opened; /* before */
    } rows[] = {
        {"append before open", WRIT_MSG_LEDGER_APPEND, NULL, false},
        {"seal before open", WRIT_MSG_LEDGER_SEAL, NULL, false},
        {"open without an id", WRIT_MSG_LEDGER_OPEN, "", false},
        {"open with a path", WRIT_MSG_LEDGER_OPEN, "../../../../../../tmp/xxxx", false},
        {"open twice", WRIT_MSG_LEDGER_OPEN, "01M7Z9GD7080HAVE0STRY00000", true},
        {"garbage as a record", WRIT_MSG_LEDGER_APPEND, "garbage", true},
        {"seal with garbage", WRIT_MSG_LEDGER_SEAL, "garbage", true},
    };

    char state[128];

    state_dir(state, "misuse");
    for (size_t i = 0; i < WRIT_COUNT(rows); i++) {
        struct writ_buf b;
        struct writ_span body = peer_record(WRIT_KIND_TASK_END, 1, "");
        struct tally t;
        struct peer p;

        writ_buf_init(&b, 256);
        if (rows[i].body != NULL) {
            writ_buf_put_blob(&b, writ_span_str(rows[i].body));
            body = writ_buf_span(&b);
        }
        peer_start(&p, state);
        CHECK_ROW(peer_ready(&p) && (!rows[i].opened || peer_open(&p)), rows[i].name);
        if (rows[i].body == NULL)
            body = peer_record(WRIT_KIND_TASK_END, 1, "");
        CHECK_ROW(peer_ask(&p, rows[i].type, body, NULL) == WRIT_MSG_NONE, rows[i].name);
        CHECK_ROW(peer_end(&p) == 0, rows[i].name);
        t = verify(state);
        CHECK_ROW(t.bad == 0 && t.running == 0, rows[i].name);
        writ_buf_done(&b);
    }
}

static void
test_unusable_state(void)
{
    char state[128];
    struct peer p;
    int fd;

    state_dir(state, "file");
    fd = open(state, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    (void)close(fd);
    peer_start(&p, state);
    CHECK(peer_answer(&p, NULL) == WRIT_MSG_LEDGER_FAIL && p.fail[0] != '\0');
    CHECK(WEXITSTATUS(peer_end(&p)) == 1);
    CHECK(unlink(state) == 0 && mkdir(state, 0777) == 0 && chmod(state, 0777) == 0);
    peer_start(&p, state);
    CHECK(peer_answer(&p, NULL) == WRIT_MSG_LEDGER_FAIL && strstr(p.fail, "nobody else") != NULL);
    CHECK(WEXITSTATUS(peer_end(&p)) == 1);
}

static void
test_flood(void)
{
    const uint64_t total = 60000;
    char state[128];
    struct peer p;
    struct writ_ring ring;
    uint64_t written;
    uint64_t sum;
    uint64_t n;

    state_dir(state, "flood");
    peer_start(&p, state);
    CHECK(peer_ready(&p) && peer_open(&p) && peer_ring(&p, &ring, WRIT_ROLE_GATEWAY));
    for (uint64_t i = 0; i < total;) {
        if (writ_ring_push(&ring, peer_record(WRIT_KIND_CONNECTION_ATTEMPT, 1, "")) == WRIT_OK)
            i++;
    }
    CHECK(peer_seal(&p, &n) && peer_end(&p) == 0);
    written = records(state, p.task.text, WRIT_KIND_CONNECTION_ATTEMPT, &sum);
    CHECK(written < total && records(state, p.task.text, WRIT_KIND_FLOOD_SUMMARY, &sum) >= 1);
    CHECK(written + sum == total);
    CHECK(verify(state).bad == 0);
    writ_ring_done(&ring);
}

/* A record is durable, and the main log knows the head, without a seal and without another one. */
static void
test_anchored_in_time(void)
{
    char state[128];
    char path[256];
    struct stat before;
    struct stat after;
    struct peer p;
    uint64_t n;

    state_dir(state, "anchors");
    (void)snprintf(path, sizeof(path), "%s/ledger/main.jsonl", state);
    peer_start(&p, state);
    CHECK(peer_ready(&p) && peer_open(&p) && stat(path, &before) == 0);
    CHECK(peer_ask(&p, WRIT_MSG_LEDGER_APPEND, peer_record(WRIT_KIND_PROGRAM_START, 1, ""), NULL) ==
          WRIT_MSG_LEDGER_ACK);
    (void)usleep(1300000);
    CHECK(stat(path, &after) == 0 && after.st_size > before.st_size);
    CHECK(peer_seal(&p, &n) && peer_end(&p) == 0);
    CHECK(verify(state).bad == 0);
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
    test_scribbled();
    test_impostors();
    test_keeper();
    test_misuse();
    test_unusable_state();
    test_flood();
    test_anchored_in_time();
    test_full();
    test_killed();
    test_resumed();
    test_resume_refused();
    (void)snprintf(command, sizeof(command), "rm -rf %s", root);
    if (system(command) != 0) // NOLINT(cert-env33-c)
        return 2;
    return test_end();
}
