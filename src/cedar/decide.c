#include "base/limits.h"
#include "cedar/program.h"

enum { SMALL_STACK = 48, SMALL_SCRATCH = 1024 };

/* One decision in the making. */
struct tally {
    const struct cedar_policies *ps;
    struct cx_machine machine;
    struct cedar_answer *ret;
    uint32_t *reasons;
    uint32_t *errors;
    uint32_t cap;
    bool strict;
    bool forbidden; /* a forbid was satisfied: only forbids are reasons from here on */
};

/* Keeps the list ascending; the first cap of them when it overflows. */
static void
note(uint32_t *list, uint32_t cap, uint32_t *count, uint32_t index)
{
    uint32_t kept = *count < cap ? *count : cap;
    uint32_t at = kept;

    (*count)++;
    while (at > 0 && list[at - 1] > index)
        at--;
    if (at == cap)
        return;
    for (uint32_t i = kept < cap ? kept : cap - 1; i > at; i--)
        list[i] = list[i - 1];
    list[at] = index;
}

static void
candidate(void *arg, uint32_t policy)
{
    struct tally *t = (struct tally *)arg;
    enum cx_verdict v = cx_run(&t->machine, policy);
    bool forbid = t->ps->policies[policy].effect == CEDAR_FORBID;

    if (v == CX_ERROR)
        note(t->errors, t->cap, &t->ret->error_count, policy);
    if (v == CX_FALSE || (v == CX_ERROR && !(forbid && t->strict)))
        return;
    if (forbid && !t->forbidden) {
        t->forbidden = true;
        t->ret->reason_count = 0;
    }
    if (forbid == t->forbidden)
        note(t->reasons, t->cap, &t->ret->reason_count, policy);
}

static void
run_small(struct tally *t)
{
    WRIT_UNINIT struct cedar_value stack[SMALL_STACK];
    WRIT_UNINIT _Alignas(16) char scratch[SMALL_SCRATCH];

    t->machine.stack = stack;
    t->machine.scratch = scratch;
    cx_index_match(t->ps, t->machine.w, candidate, t);
}

static void
run_large(struct tally *t)
{
    WRIT_UNINIT struct cedar_value stack[WRIT_CEDAR_STACK_MAX];
    WRIT_UNINIT _Alignas(16) char scratch[WRIT_CEDAR_SCRATCH_MAX];

    t->machine.stack = stack;
    t->machine.scratch = scratch;
    cx_index_match(t->ps, t->machine.w, candidate, t);
}

static struct cx_attrs
attrs_of(const struct cx_ent *e)
{
    if (e == NULL)
        return (struct cx_attrs){NULL, 0, false};
    return (struct cx_attrs){e->attrs, e->attr_n, !e->local};
}

static void
set_vars(struct cx_machine *m, const struct cx_world *w)
{
    m->vars[CX_PRINCIPAL] = cedar_entity(&w->req->principal);
    m->vars[CX_ACTION] = cedar_entity(&w->req->action);
    m->vars[CX_RESOURCE] = cedar_entity(&w->req->resource);
    m->vars[CX_CONTEXT] = w->context;
    m->attrs[CX_PRINCIPAL] = attrs_of(w->principal);
    m->attrs[CX_ACTION] = attrs_of(w->action);
    m->attrs[CX_RESOURCE] = attrs_of(w->resource);
    m->attrs[CX_CONTEXT] =
        (struct cx_attrs){w->context.u.fields, w->context.len, w->context.sorted != 0};
}

static void
decide(struct tally *t, const struct cedar_store *s, const struct cedar_request *req,
       unsigned flags)
{
    WRIT_UNINIT struct cx_world w; /* cx_world_init fills what is in use */
    const struct cx_program *prog = t->ps->program;

    t->ret->decision = CEDAR_DENY;
    t->ret->reason_count = t->ret->error_count = 0;
    t->ret->refused = !cx_world_init(&w, s, req);
    if (t->ret->refused)
        return;
    t->strict = (flags & CEDAR_STRICT_FORBID) != 0;
    t->machine.w = &w;
    t->machine.prog = prog;
    set_vars(&t->machine, &w);
    if (prog->stack_max <= SMALL_STACK && prog->scratch_max <= SMALL_SCRATCH) {
        run_small(t);
    } else {
        run_large(t);
    }
    if (!t->forbidden && t->ret->reason_count != 0)
        t->ret->decision = CEDAR_ALLOW;
}

void
cedar_decide(const struct cedar_policies *ps, const struct cedar_store *s,
             const struct cedar_request *req, unsigned flags, struct cedar_answer *ret)
{
    struct tally t = {.ps = ps,
                      .ret = ret,
                      .reasons = ret->reason,
                      .errors = ret->error,
                      .cap = CEDAR_ANSWER_MAX};

    decide(&t, s, req, flags);
}

/* Three things to read, flags, and where the answer goes. NOLINTBEGIN(readability-*) */
void
cedar_decide_all(const struct cedar_policies *ps, const struct cedar_store *s,
                 const struct cedar_request *req, unsigned flags, struct cedar_answer *ret,
                 uint32_t *reasons, uint32_t *errors)
{
    struct tally t = {
        .ps = ps, .ret = ret, .reasons = reasons, .errors = errors, .cap = UINT32_MAX};

    decide(&t, s, req, flags);
}

/* NOLINTEND(readability-*) */
