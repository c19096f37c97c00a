/*
 * cedar_bench.c - how long a decision takes, request and entity lookup included.
 *
 * The policy set is a permit with four conditions (one an address range) and a forbid, beside a
 * growing number of policies with scopes of other actions and groups. Each figure is the median of
 * many batches; the request is built anew for every decision, as a gateway does.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "cedar/cedar.h"

enum { BATCHES = 401, BATCH = 500, TEXT_MAX = 16 * 1024 * 1024 };

static const char set_a[] =
    "permit(principal in Group::\"admins\", action == Action::\"read\", resource is Doc)\n"
    "when { principal.level >= 3 && resource.owner == principal && context.tls == true &&\n"
    "       context.src.isInRange(ip(\"10.0.0.0/8\")) };\n"
    "forbid(principal, action == Action::\"read\", resource) unless { context.mtls };\n";

static unsigned batches = BATCHES;

static uint64_t
now_ns(void)
{
    struct timespec t;

    /* CPU time: what else the machine does is not our concern. */
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

static int
cmp(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

static void
must(enum cedar_err e, const struct cedar_error *err)
{
    if (e == CEDAR_OK)
        return;
    (void)fprintf(stderr, "%s:%u:%u: %s\n", err->file, err->line, err->col, err->text);
    exit(1);
}

static struct cedar_uid
uid(const char *type, const char *id)
{
    return cedar_uid(cedar_span_str(type), cedar_span_str(id));
}

static struct cedar_store *
make_store(void)
{
    struct cedar_error err = {.text = ""};
    struct cedar_store *s = NULL;
    struct cedar_uid group = uid("Group", "admins");
    struct cedar_uid alice = uid("User", "alice");
    struct cedar_field level[] = {{"level", 5, cedar_long(5)}};
    struct cedar_field owner[] = {{"owner", 5, cedar_entity(&alice)}};
    struct cedar_entity list[] = {
        {.uid = alice, .parents = &group, .parent_count = 1, .attrs = level, .attr_count = 1},
        {.uid = group},
        {.uid = uid("Doc", "d1"), .attrs = owner, .attr_count = 1},
    };

    must(cedar_store_new(&s), &err);
    for (size_t i = 0; i < WRIT_COUNT(list); i++)
        must(cedar_store_add(s, &list[i], &err), &err);
    must(cedar_store_seal(s, &err), &err);
    return s;
}

/* How the policies beside set A differ. */
enum spread { BY_ACTION, BY_PRINCIPAL, BY_GROUP_AND_TYPE };

static void
put_policy(struct writ_buf *b, enum spread how, unsigned i)
{
    if (how == BY_ACTION)
        writ_buf_putf(b, "permit(principal, action == Action::\"a%u\", resource)", i);
    else if (how == BY_PRINCIPAL)
        writ_buf_putf(b, "permit(principal == User::\"u%u\", action == Action::\"read\", resource)",
                      i);
    else
        writ_buf_putf(b,
                      "permit(principal in Group::\"g%u\", action == Action::\"read\", "
                      "resource is T%u)",
                      i, i % 50);
    writ_buf_putf(b, " when { principal.level > %u && context.tls };\n", i % 7);
}

static struct cedar_policies *
make_policies(enum spread how, unsigned n, uint64_t *load_ns)
{
    WRIT_BUF_AUTO struct writ_buf b;
    struct cedar_error err = {.text = ""};
    struct cedar_policies *ps = NULL;
    struct cedar_source src;
    uint64_t t;

    writ_buf_init(&b, TEXT_MAX);
    writ_buf_put_str(&b, set_a);
    for (unsigned i = 2; i < n; i++)
        put_policy(&b, how, i);
    src =
        (struct cedar_source){"bench.cedar", (const char *)writ_buf_span(&b).ptr, writ_buf_len(&b)};
    t = now_ns();
    must(cedar_policies_load(&src, 1, 0, &ps, &err), &err);
    *load_ns = now_ns() - t;
    return ps;
}

/* One request from nothing: names, context, the address parsed from text. */
static enum cedar_decision
decide_once(const struct cedar_policies *ps, const struct cedar_store *s)
{
    struct cedar_ip src;
    struct cedar_answer a;
    struct cedar_field ctx[3] = {{"tls", 3, cedar_bool(true)}, {"mtls", 4, cedar_bool(true)}};
    struct cedar_request req;

    if (!cedar_ip_parse(cedar_span_str("10.2.3.4"), &src))
        return CEDAR_DENY;
    ctx[2] = (struct cedar_field){"src", 3, cedar_ip_value(&src)};
    req = (struct cedar_request){.principal = uid("User", "alice"),
                                 .action = uid("Action", "read"),
                                 .resource = uid("Doc", "d1"),
                                 .context = cedar_record(ctx, 3)};
    cedar_decide(ps, s, &req, CEDAR_STRICT_FORBID, &a);
    return a.decision;
}

static void
measure(enum spread how, const char *name, unsigned n, const struct cedar_store *s)
{
    static uint64_t times[BATCHES];
    uint64_t load;
    struct cedar_policies *ps = make_policies(how, n, &load);
    unsigned allowed = 0;

    for (unsigned i = 0; i < batches; i++) {
        uint64_t t = now_ns();

        for (unsigned k = 0; k < BATCH; k++)
            allowed += decide_once(ps, s) == CEDAR_ALLOW ? 1 : 0;
        times[i] = (now_ns() - t) * 10 / BATCH;
    }
    qsort(times, batches, sizeof times[0], cmp);
    (void)printf("%-24s %6u policies  %5.1f ns  p99 %5.1f ns  load %7.2f ms%s\n", name, n,
                 (double)times[batches / 2] / 10, (double)times[batches * 99 / 100] / 10,
                 (double)load / 1e6, allowed == batches * BATCH ? "" : "  WRONG DECISION");
    cedar_policies_free(ps);
}

/* cedar-bench [BATCHES]: fewer of them for a profiler. */
int
main(int argc, char **argv)
{
    static const unsigned sizes[] = {2, 100, 1000, 10000};
    static const char *const names[] = {"other actions", "other principals", "other groups, types"};
    struct cedar_store *s = make_store();

    if (argc > 1 && argv[1][0] >= '1' && argv[1][0] <= '9')
        batches = (unsigned)(argv[1][0] - '0');
    for (unsigned how = 0; how < (argc > 1 ? 1 : WRIT_COUNT(names)); how++) {
        for (size_t i = 0; i < (argc > 1 ? 1 : WRIT_COUNT(sizes)); i++)
            measure((enum spread)how, names[how], sizes[i], s);
    }
    cedar_store_free(s);
    return 0;
}
