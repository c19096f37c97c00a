/* Syntax tree to stack code. */
#include "base/limits.h"
#include "cedar/program.h"

struct compiler {
    struct cedar_policies *ps;
    struct cedar_error *err;
    enum cedar_err e;
    struct cx_vec code;
    struct cx_vec consts;
    struct cx_vec names;
    struct cx_vec patterns;
    const struct cx_policy *policy;
    uint32_t depth; /* values on the stack at this point */
    uint32_t depth_max;
    uint32_t scratch; /* bytes that the policy builds */
};

static bool compile(struct compiler *c, const struct cx_expr *e);

static bool
nomem(struct compiler *c)
{
    c->e = CEDAR_E_NOMEM;
    return false;
}

/* Adds an instruction that leaves `pushed` more values than it found (fewer when negative). */
static bool
emit(struct compiler *c, struct cx_ins ins, int pushed)
{
    struct cx_ins *slot = (struct cx_ins *)cx_vec_push(&c->code, sizeof *slot);

    if (slot == NULL)
        return nomem(c);
    *slot = ins;
    c->depth = (uint32_t)((int64_t)c->depth + pushed);
    if (c->depth > c->depth_max)
        c->depth_max = c->depth;
    return true;
}

static uint32_t
here(const struct compiler *c)
{
    return (uint32_t)c->code.len;
}

static void
patch(struct compiler *c, uint32_t at)
{
    ((struct cx_ins *)c->code.mem)[at].arg = here(c);
}

static bool
add_const(struct compiler *c, const struct cedar_value *v, uint32_t *ret)
{
    struct cedar_value *slot = (struct cedar_value *)cx_vec_push(&c->consts, sizeof *slot);

    if (slot == NULL)
        return nomem(c);
    *slot = *v;
    *ret = (uint32_t)(c->consts.len - 1);
    return true;
}

static bool
add_names(struct compiler *c, const struct cedar_span *names, size_t n, uint32_t *ret)
{
    *ret = (uint32_t)c->names.len;
    for (size_t i = 0; i < n; i++) {
        struct cedar_span *slot = (struct cedar_span *)cx_vec_push(&c->names, sizeof *slot);

        if (slot == NULL)
            return nomem(c);
        *slot = names[i];
    }
    return true;
}

/* Room that the policy needs when it runs. */
static bool
need_scratch(struct compiler *c, const struct cx_expr *e, size_t bytes)
{
    size_t total = c->scratch + ((bytes + 15) & ~(size_t)15);
    const struct cx_policy *p = c->policy;

    if (total > WRIT_CEDAR_SCRATCH_MAX) {
        cx_error_at(c->err, &c->ps->files[p->file].src, e->pos,
                    "the policy builds more than %d bytes of sets and records",
                    WRIT_CEDAR_SCRATCH_MAX);
        c->e = CEDAR_E_LIMIT;
        return false;
    }
    c->scratch = (uint32_t)total;
    return true;
}

static bool fold(struct compiler *c, const struct cx_expr *e, struct cedar_value *ret);

static bool
fold_set(struct compiler *c, const struct cx_expr *e, struct cedar_value *ret)
{
    struct cedar_value *items;

    items = (struct cedar_value *)cx_alloc_array(&c->ps->arena, e->n, sizeof *items);
    for (uint32_t i = 0; items != NULL && i < e->n; i++) {
        if (!fold(c, e->args[i], &items[i]))
            return false;
    }
    if (items == NULL)
        return nomem(c);
    *ret = cedar_set(items, cx_set_sort(items, e->n));
    ret->sorted = 1;
    return true;
}

static bool
fold_record(struct compiler *c, const struct cx_expr *e, struct cedar_value *ret)
{
    struct cedar_field *f;
    struct cedar_span dup;

    f = (struct cedar_field *)cx_alloc_array(&c->ps->arena, e->n, sizeof *f);
    for (uint32_t i = 0; f != NULL && i < e->n; i++) {
        f[i].name = e->u.names[i].ptr;
        f[i].name_len = (uint32_t)e->u.names[i].len;
        if (!fold(c, e->args[i], &f[i].value))
            return false;
    }
    if (f == NULL)
        return nomem(c);
    *ret = cedar_record(f, e->n);
    ret->sorted = 1;
    return cx_fields_sort(f, e->n, &dup);
}

/* Whether e is the same for every request, and then its value. What would fail is left to fail
 * when it is reached. Recurses by the height of the expression. */
static bool
fold(struct compiler *c, const struct cx_expr *e, struct cedar_value *ret)
{
    struct cedar_value arg;
    struct cedar_ip *ip;

    if (e->op == CX_LIT) {
        *ret = e->u.lit;
        return true;
    }
    if (e->op == CX_SET)
        return fold_set(c, e, ret);
    if (e->op == CX_RECORD)
        return fold_record(c, e, ret);
    if (e->op != CX_CALL || cx_fns[e->sub].method || e->n != 1 || !fold(c, e->args[0], &arg))
        return false;
    ip = (struct cedar_ip *)cx_alloc(&c->ps->arena, sizeof *ip);
    return ip != NULL && cx_call((enum cx_fn)e->sub, &arg, 1, ip, ret);
}

static bool
compile_args(struct compiler *c, const struct cx_expr *e)
{
    for (uint32_t i = 0; i < e->n; i++) {
        if (!compile(c, e->args[i]))
            return false;
    }
    return true;
}

static bool
compile_logic(struct compiler *c, const struct cx_expr *e)
{
    uint32_t at;

    if (!compile(c, e->args[0]))
        return false;
    at = here(c);
    if (!emit(c, (struct cx_ins){.op = e->op == CX_AND ? CX_I_AND : CX_I_OR}, -1) ||
        !compile(c, e->args[1]) || !emit(c, (struct cx_ins){.op = CX_I_BOOL}, 0))
        return false;
    patch(c, at);
    return true;
}

static bool
compile_if(struct compiler *c, const struct cx_expr *e)
{
    uint32_t to_else;
    uint32_t to_end;

    if (!compile(c, e->args[0]))
        return false;
    to_else = here(c);
    if (!emit(c, (struct cx_ins){.op = CX_I_ELSE}, -1) || !compile(c, e->args[1]))
        return false;
    to_end = here(c);
    if (!emit(c, (struct cx_ins){.op = CX_I_JUMP}, -1)) /* the other branch pushes its own */
        return false;
    patch(c, to_else);
    if (!compile(c, e->args[2]))
        return false;
    patch(c, to_end);
    return true;
}

static bool
compile_names(struct compiler *c, const struct cx_expr *e)
{
    const struct cx_expr *self = e->args[0];
    bool get = e->op == CX_GET;
    struct cx_ins ins = {.op = get ? CX_I_GET : CX_I_HAS, .n = e->names_n};

    if (!add_names(c, e->u.names, e->names_n, &ins.arg))
        return false;
    if (self->op != CX_VAR)
        return compile(c, self) && emit(c, ins, 0);
    ins.op = get ? CX_I_GET_VAR : CX_I_HAS_VAR;
    ins.sub = self->sub;
    return emit(c, ins, 1);
}

static bool
compile_is(struct compiler *c, const struct cx_expr *e)
{
    struct cx_ins ins = {.op = CX_I_IS};
    uint32_t name;
    uint32_t at;

    if (!compile(c, e->args[0]) || !add_names(c, e->u.names, 1, &name))
        return false;
    if (e->n == 1) {
        ins.arg = name;
        return emit(c, ins, 0);
    }
    ins.op = CX_I_IS_JUMP;
    ins.n = name;
    at = here(c);
    if (!emit(c, ins, 0) || !compile(c, e->args[1]) ||
        !emit(c, (struct cx_ins){.op = CX_IN, .n = 2}, -1))
        return false;
    patch(c, at);
    return true;
}

static bool
compile_like(struct compiler *c, const struct cx_expr *e)
{
    struct cx_pattern *slot;

    if (!compile(c, e->args[0]))
        return false;
    slot = (struct cx_pattern *)cx_vec_push(&c->patterns, sizeof *slot);
    if (slot == NULL)
        return nomem(c);
    *slot = e->u.pattern;
    return emit(c, (struct cx_ins){.op = CX_I_LIKE, .arg = (uint32_t)(c->patterns.len - 1)}, 0);
}

/* Sets, records and calls that are not constants. */
static bool
compile_build(struct compiler *c, const struct cx_expr *e)
{
    struct cx_ins ins = {.op = CX_I_SET, .sub = e->sub, .n = e->n};
    size_t bytes = e->n * sizeof(struct cedar_value);

    if (e->op == CX_RECORD) {
        ins.op = CX_I_RECORD;
        bytes = e->n * sizeof(struct cedar_field);
        if (!add_names(c, e->u.names, e->n, &ins.arg))
            return false;
    } else if (e->op == CX_CALL) {
        ins.op = CX_I_CALL;
        bytes = e->sub == CX_FN_IP ? sizeof(struct cedar_ip) : 0;
    }
    return need_scratch(c, e, bytes) && compile_args(c, e) && emit(c, ins, 1 - (int)e->n);
}

static bool
compile_strict(struct compiler *c, const struct cx_expr *e)
{
    struct cx_ins ins = {.op = e->op, .n = e->n};
    struct cedar_value v;

    if (e->op == CX_EQ && fold(c, e->args[1], &v)) {
        ins.op = CX_I_EQ_CONST;
        return compile(c, e->args[0]) && add_const(c, &v, &ins.arg) && emit(c, ins, 0);
    }
    return compile_args(c, e) && emit(c, ins, 1 - (int)e->n);
}

/* Recurses by the height of the expression, which the parser bounds. */
static bool
compile(struct compiler *c, const struct cx_expr *e)
{
    struct cedar_value v;
    struct cx_ins ins = {.op = CX_I_CONST};

    if (fold(c, e, &v))
        return add_const(c, &v, &ins.arg) && emit(c, ins, 1);
    if (c->e != CEDAR_OK)
        return false;
    switch (e->op) {
    case CX_VAR:
        return emit(c, (struct cx_ins){.op = CX_I_VAR, .sub = e->sub}, 1);
    case CX_NOT:
        return compile(c, e->args[0]) && emit(c, (struct cx_ins){.op = CX_I_NOT}, 0);
    case CX_AND:
    case CX_OR:
        return compile_logic(c, e);
    case CX_IF:
        return compile_if(c, e);
    case CX_GET:
    case CX_HAS:
        return compile_names(c, e);
    case CX_IS:
        return compile_is(c, e);
    case CX_LIKE:
        return compile_like(c, e);
    case CX_SET:
    case CX_RECORD:
    case CX_CALL:
        return compile_build(c, e);
    default:
        return compile_strict(c, e);
    }
}

static bool
compile_policy(struct compiler *c, const struct cx_policy *p)
{
    c->policy = p;
    c->depth = c->depth_max = c->scratch = 0;
    for (uint32_t i = 0; i < p->cond_n; i++) {
        uint8_t op = p->conds[i].unless ? CX_I_UNLESS : CX_I_WHEN;

        if (!compile(c, p->conds[i].body) || !emit(c, (struct cx_ins){.op = op}, -1))
            return false;
    }
    if (!emit(c, (struct cx_ins){.op = CX_I_END}, 0))
        return false;
    if (c->depth_max > WRIT_CEDAR_STACK_MAX) {
        cx_error_at(c->err, &c->ps->files[p->file].src, p->begin,
                    "the policy holds more than %d values at once", WRIT_CEDAR_STACK_MAX);
        c->e = CEDAR_E_LIMIT;
        return false;
    }
    return true;
}

static bool
compile_all(struct compiler *c, struct cx_program *prog)
{
    for (size_t i = 0; i < c->ps->n; i++) {
        const struct cx_policy *p = &c->ps->policies[i];

        prog->start[i] = here(c);
        if (p->is_link) {
            prog->start[i] = prog->start[p->of]; /* the same conditions */
            continue;
        }
        if (!compile_policy(c, p))
            return false;
        if (c->depth_max > prog->stack_max)
            prog->stack_max = c->depth_max;
        if (c->scratch > prog->scratch_max)
            prog->scratch_max = c->scratch;
    }
    return true;
}

static void
keep_all(struct compiler *c, struct cx_program *prog)
{
    struct cx_arena *a = &c->ps->arena;

    prog->code = (struct cx_ins *)cx_vec_keep(&c->code, sizeof *prog->code, a);
    prog->consts = (struct cedar_value *)cx_vec_keep(&c->consts, sizeof *prog->consts, a);
    prog->names = (struct cedar_span *)cx_vec_keep(&c->names, sizeof *prog->names, a);
    prog->patterns = (struct cx_pattern *)cx_vec_keep(&c->patterns, sizeof *prog->patterns, a);
}

enum cedar_err
cx_program_build(struct cedar_policies *ps, struct cedar_error *err)
{
    struct cx_program *prog = (struct cx_program *)cx_alloc(&ps->arena, sizeof *prog);
    struct compiler c = {.ps = ps, .err = err};

    if (prog == NULL)
        return CEDAR_E_NOMEM;
    prog->start = (uint32_t *)cx_alloc_array(&ps->arena, ps->n, sizeof *prog->start);
    if (prog->start == NULL)
        return CEDAR_E_NOMEM;
    if (compile_all(&c, prog))
        keep_all(&c, prog);
    cx_vec_done(&c.code);
    cx_vec_done(&c.consts);
    cx_vec_done(&c.names);
    cx_vec_done(&c.patterns);
    if (c.e != CEDAR_OK)
        return c.e;
    ps->program = prog;
    return ps->arena.failed ? CEDAR_E_NOMEM : cx_index_build(ps);
}
