/*
 * ledger_bench.c - what a record costs its sender and the ledger.
 *
 * usage: ledger_bench DIR [RECORDS]: writes into DIR/state. Prints nanoseconds for building and
 * pushing one record of a request's size, and records per second through ring, JSON, chain and
 * write on one core, without and with the final fdatasync.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/text.h"
#include "ipc/ring.h"
#include "ledger/flood.h"
#include "ledger/store.h"

static uint8_t mem[WRIT_RECORD_BYTES_MAX];
static uint8_t scratch[WRIT_RECORD_BYTES_MAX];

static double
cpu_s(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static struct writ_span
request(uint64_t n)
{
    struct writ_record r;
    struct writ_span s = writ_span(NULL, 0);

    writ_record_begin(&r, mem, sizeof(mem), WRIT_KIND_REQUEST_DECISION, writ_clock_wall_us());
    writ_record_text(&r, WRIT_FIELD_REQUEST, writ_span("01KANZ5Q3M", 10));
    writ_record_u64(&r, WRIT_FIELD_CONNECTION, n / 100);
    writ_record_text(&r, WRIT_FIELD_SERVICE, writ_span("tracker", 7));
    writ_record_text(&r, WRIT_FIELD_HOST, writ_span("api.tracker.test", 16));
    writ_record_text(&r, WRIT_FIELD_ADDRESS, writ_span("127.66.0.1", 10));
    writ_record_u64(&r, WRIT_FIELD_PORT, 443);
    writ_record_text(&r, WRIT_FIELD_PROTOCOL, writ_span("https", 5));
    writ_record_text(&r, WRIT_FIELD_METHOD, writ_span("GET", 3));
    writ_record_text(&r, WRIT_FIELD_PATH, writ_span("/v2/projects/17/issues/4711", 27));
    writ_record_text(&r, WRIT_FIELD_DECISION, writ_span("allow", 5));
    writ_record_item(&r, WRIT_FIELD_POLICIES, writ_span("policy.cedar:3", 14));
    writ_record_u64(&r, WRIT_FIELD_DECIDE_US, 12);
    return writ_record_end(&r, &s) == WRIT_OK ? s : writ_span(NULL, 0);
}

static void
must(enum writ_err e, const char *what)
{
    if (e == WRIT_OK)
        return;
    (void)fprintf(stderr, "ledger_bench: %s: %s\n", what, writ_err_name(e));
    exit(1);
}

/* Pushes until the ring is full; returns how many went in. */
static uint64_t
fill(struct writ_ring *r, uint64_t begin)
{
    uint64_t n = 0;

    while (writ_ring_push(r, request(begin + n)) == WRIT_OK)
        n++;
    return n;
}

static void
drain(struct writ_ring *r, struct writ_log *l, struct writ_flood_state *f)
{
    struct writ_span record;

    while (writ_ring_pop(r, scratch, &record) == WRIT_OK) {
        if (!writ_flood_hold(f, record, writ_clock_mono_us()))
            must(writ_log_add(l, record, WRIT_ROLE_GATEWAY), "add");
        if (writ_buf_len(&l->pending) >= (size_t)256 * 1024)
            must(writ_log_flush(l), "flush");
    }
    must(writ_log_flush(l), "flush");
    writ_ring_release(r);
}

int
main(int argc, char **argv)
{
    static struct writ_ring ring;
    static struct writ_flood_state flood;
    static struct writ_log l;
    struct writ_store store;
    struct writ_diag diag = {0};
    struct writ_id id;
    uint64_t count = 1000000;
    uint64_t n = 0;
    double sent = 0;
    double kept = 0;
    char state[4096];
    int shared;
    int bell;

    if (argc < 2 || snprintf(state, sizeof(state), "%s/state", argv[1]) >= (int)sizeof(state) ||
        (argc > 2 && !writ_parse_dec(writ_span_str(argv[2]), UINT64_MAX, &count)))
        return 2;
    must(writ_store_make(state, &store, &diag), diag.text);
    writ_id_new(&id);
    writ_log_init(&l);
    must(writ_log_create(store.tasks, id.text, &l), "create");
    must(writ_ring_make(&shared, &bell), "ring");
    must(writ_ring_map(&ring, shared, bell), "ring");
    while (n < count) {
        double t0 = cpu_s();
        double t1;

        n += fill(&ring, n);
        t1 = cpu_s();
        drain(&ring, &l, &flood);
        sent += t1 - t0;
        kept += cpu_s() - t1;
    }
    (void)printf("record: %zu bytes sent, %lld bytes kept\n", request(0).len,
                 (long long)l.size / (long long)n);
    (void)printf("build and push: %.0f ns/record\n", sent / (double)n * 1e9);
    (void)printf("ring, JSON, chain, write: %.0f records/s on one core\n", (double)n / kept);
    must(writ_log_sync(&l), "sync");
    writ_log_done(&l);
    writ_store_done(&store);
    return 0;
}
