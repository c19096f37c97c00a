/* The stack machine. */
#include "cedar/ops.h"
#include "cedar/program.h"

/* names of a variable; *ret is NULL if there is no such attribute. */
static inline bool
var_names(const struct cx_machine *m, const struct cx_ins *ins, const struct cedar_value **ret)
{
    const struct cx_attrs *a = &m->attrs[ins->sub];
    const struct cedar_span *names = m->prog->names + ins->arg;

    *ret = cx_field_get(a->fields, a->n, a->sorted, names[0]);
    return ins->n == 1 || cx_op_names(m->w, names + 1, ins->n - 1, *ret, ret);
}

static bool
is_type(const struct cx_machine *m, const struct cedar_value *v, uint32_t name, bool *ret)
{
    if (v->kind != CEDAR_ENTITY)
        return false;
    *ret = cx_span_eq(cx_type(v->u.uid), m->prog->names[name]);
    return true;
}

static void *
scratch_take(char **at, size_t bytes)
{
    void *mem = *at;

    *at += (bytes + 15) & ~(size_t)15;
    return mem;
}

/* Sets, records and calls; v is the first of their operands and takes the result. */
static bool
build(const struct cx_machine *m, const struct cx_ins *ins, struct cedar_value *v, char **at)
{
    struct cedar_value *items;
    struct cedar_field *f;
    struct cedar_ip *ip = NULL;

    if (ins->op == CX_I_SET) {
        items = (struct cedar_value *)scratch_take(at, ins->n * sizeof *items);
        for (uint32_t i = 0; i < ins->n; i++)
            items[i] = v[i];
        *v = cedar_set(items, ins->n);
        return true;
    }
    if (ins->op == CX_I_RECORD) {
        f = (struct cedar_field *)scratch_take(at, ins->n * sizeof *f);
        for (uint32_t i = 0; i < ins->n; i++) {
            const struct cedar_span *name = &m->prog->names[ins->arg + i];

            f[i] = (struct cedar_field){name->ptr, (uint32_t)name->len, v[i]};
        }
        *v = cedar_record(f, ins->n);
        return true;
    }
    if (ins->sub == CX_FN_IP)
        ip = (struct cedar_ip *)scratch_take(at, sizeof *ip);
    return cx_call((enum cx_fn)ins->sub, v, ins->n, ip, v);
}

/* What is left to the slower half: *sp is the first free place. */
static bool
step(const struct cx_machine *m, const struct cx_ins *ins, struct cedar_value **sp, char **at)
{
    struct cedar_value *top = *sp - 1;
    const struct cedar_value *found;
    struct cedar_value out;
    bool yes;

    switch (ins->op) {
    case CX_I_HAS:
        if (!cx_op_names(m->w, m->prog->names + ins->arg, ins->n, top, &found))
            return false;
        *top = cedar_bool(found != NULL);
        return true;
    case CX_I_IS:
        if (!is_type(m, top, ins->arg, &yes))
            return false;
        *top = cedar_bool(yes);
        return true;
    case CX_I_LIKE:
        if (top->kind != CEDAR_STRING)
            return false;
        *top = cedar_bool(cx_like(cx_str(top), &m->prog->patterns[ins->arg]));
        return true;
    case CX_I_SET:
    case CX_I_RECORD:
    case CX_I_CALL:
        *sp = *sp - ins->n + 1;
        return build(m, ins, *sp - 1, at);
    default: /* an operator of enum cx_op */
        *sp = *sp - ins->n + 1;
        if (!cx_op_apply(m->w, ins->op, *sp - 1, &out))
            return false;
        (*sp)[-1] = out;
        return true;
    }
}

/* One switch over all instructions that matter for speed: split up, it would only be slower and
 * no easier to follow. */
enum cx_verdict
cx_run(struct cx_machine *m, uint32_t policy) /* NOLINT(readability-function-*) */
{
    const struct cx_program *prog = m->prog;
    const struct cx_ins *ins = prog->code + prog->start[policy];
    struct cedar_value *sp = m->stack;
    const struct cedar_value *found;
    char *at = m->scratch;
    bool yes;

    for (;; ins++) {
        switch (ins->op) {
        case CX_I_CONST:
            *sp++ = prog->consts[ins->arg];
            break;
        case CX_I_VAR:
            *sp++ = m->vars[ins->sub];
            break;
        case CX_I_GET_VAR:
            if (!var_names(m, ins, &found) || found == NULL)
                return CX_ERROR;
            *sp++ = *found;
            break;
        case CX_I_HAS_VAR:
            if (!var_names(m, ins, &found))
                return CX_ERROR;
            *sp++ = cedar_bool(found != NULL);
            break;
        case CX_I_GET:
            if (!cx_op_names(m->w, prog->names + ins->arg, 1, sp - 1, &found) || found == NULL)
                return CX_ERROR;
            sp[-1] = *found;
            break;
        case CX_I_EQ_CONST:
            sp[-1] = cedar_bool(cx_eq(sp - 1, &prog->consts[ins->arg]));
            break;
        case CX_I_AND:
        case CX_I_OR:
            if (sp[-1].kind != CEDAR_BOOL)
                return CX_ERROR;
            if ((sp[-1].u.num != 0) == (ins->op == CX_I_OR)) {
                ins = prog->code + ins->arg - 1;
            } else {
                sp--;
            }
            break;
        case CX_I_BOOL:
            if (sp[-1].kind != CEDAR_BOOL)
                return CX_ERROR;
            break;
        case CX_I_NOT:
            if (sp[-1].kind != CEDAR_BOOL)
                return CX_ERROR;
            sp[-1].u.num = sp[-1].u.num == 0;
            break;
        case CX_I_ELSE:
            if ((--sp)->kind != CEDAR_BOOL)
                return CX_ERROR;
            if (sp->u.num == 0)
                ins = prog->code + ins->arg - 1;
            break;
        case CX_I_JUMP:
            ins = prog->code + ins->arg - 1;
            break;
        case CX_I_IS_JUMP:
            if (!is_type(m, sp - 1, ins->n, &yes))
                return CX_ERROR;
            if (!yes) {
                sp[-1] = cedar_bool(false);
                ins = prog->code + ins->arg - 1;
            }
            break;
        case CX_I_WHEN:
        case CX_I_UNLESS:
            if ((--sp)->kind != CEDAR_BOOL)
                return CX_ERROR;
            if ((sp->u.num != 0) == (ins->op == CX_I_UNLESS))
                return CX_FALSE;
            break;
        case CX_I_END:
            return CX_TRUE;
        default:
            if (!step(m, ins, &sp, &at))
                return CX_ERROR;
            break;
        }
    }
}
