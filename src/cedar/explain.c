/* Why a policy applies or not, by the tree evaluator. */
#include "cedar/print.h"
#include "cedar/tree.h"

enum { TEXT_MAX = 4096 };

struct explainer {
    const struct cedar_policies *ps;
    const struct cx_policy *p;
    struct cx_world w;
    struct cx_arena arena;
    struct cedar_explanation *ret;
};

static void
point_at(struct explainer *x, uint32_t pos, struct writ_buf *text)
{
    struct cedar_error place = {.text = ""};
    struct writ_span s = writ_buf_span(text);

    cx_error_at(&place, &x->ps->files[x->p->file].src, pos, " ");
    x->ret->line = place.line;
    x->ret->col = place.col;
    (void)cx_show(cx_span((const char *)s.ptr, s.len), x->ret->text, sizeof x->ret->text);
}

static void
point_at_expr(struct explainer *x, const struct cx_expr *e)
{
    WRIT_BUF_AUTO struct writ_buf text;

    writ_buf_init(&text, TEXT_MAX);
    cx_print_expr(&text, e);
    point_at(x, e->pos, &text);
}

/* 0 or 1, or -1 if it cannot be evaluated to a bool. */
static int
truth(struct explainer *x, const struct cx_expr *e)
{
    struct cedar_value v;

    if (!cx_tree_eval(&x->w, &x->arena, e, &v) || v.kind != CEDAR_BOOL)
        return -1;
    return v.u.num != 0 ? 1 : 0;
}

/* The operand that made e what it is (see truth), NULL if it is e itself. */
static const struct cx_expr *
step_down(struct explainer *x, const struct cx_expr *e, int is)
{
    bool chain = e->op == CX_AND || e->op == CX_OR;
    const struct cx_expr *last = e->n == 0 ? NULL : e->args[e->n - 1];

    if (e->op == CX_NOT)
        return is >= 0 || truth(x, e->args[0]) < 0 ? e->args[0] : NULL;
    if (!chain)
        return NULL;
    if (is >= 0 && is != (e->op == CX_AND ? 0 : 1))
        return NULL; /* both operands made it so */
    if (truth(x, e->args[0]) == is)
        return e->args[0];
    return truth(x, last) == is ? last : NULL;
}

/* Of a false && the operand that is false, of what fails the innermost part that fails. */
static const struct cx_expr *
culprit(struct explainer *x, const struct cx_expr *e, int is)
{
    const struct cx_expr *next = step_down(x, e, is);

    while (next != NULL) {
        if (e->op == CX_NOT && is >= 0)
            is = 1 - is;
        e = next;
        next = step_down(x, e, is);
    }
    return e;
}

static bool
scope_part(struct explainer *x, size_t i)
{
    struct cx_policy only = *x->p;
    uint32_t elem;

    for (size_t k = 0; k < 3; k++) {
        if (k != i)
            only.scope[k] = (struct cx_scope){.kind = CX_SCOPE_ANY};
    }
    return cx_scope_match(&x->w, &only, &elem);
}

static void
explain_scope(struct explainer *x)
{
    static const char *const names[] = {"principal", "action", "resource"};
    size_t order[] = {1, 0, 2}; /* the action says most about what a policy is for */

    for (size_t k = 0; k < 3; k++) {
        WRIT_BUF_AUTO struct writ_buf text;

        writ_buf_init(&text, TEXT_MAX);
        if (scope_part(x, order[k]))
            continue;
        cx_print_scope(&text, &x->p->scope[order[k]], names[order[k]]);
        point_at(x, x->p->scope[order[k]].pos, &text);
        return;
    }
}

static void
explain_conditions(struct explainer *x)
{
    for (uint32_t i = 0; i < x->p->cond_n; i++) {
        const struct cx_cond *c = &x->p->conds[i];
        int is = truth(x, c->body);

        if (is == (c->unless ? 0 : 1))
            continue;
        x->ret->outcome = is < 0 ? CEDAR_FAILED : CEDAR_NOT_SATISFIED;
        point_at_expr(x, culprit(x, c->body, is));
        return;
    }
    x->ret->outcome = CEDAR_SATISFIED;
}

void
cedar_explain(const struct cedar_policies *ps, const struct cedar_store *s,
              const struct cedar_request *req, size_t i, struct cedar_explanation *ret)
{
    struct explainer x = {.ps = ps, .p = &ps->policies[i], .ret = ret};
    uint32_t elem;

    *ret = (struct cedar_explanation){.outcome = CEDAR_FAILED};
    if (!cx_world_init(&x.w, s, req))
        return;
    if (x.p->is_template) {
        ret->outcome = CEDAR_IS_TEMPLATE;
    } else if (!cx_scope_match(&x.w, x.p, &elem)) {
        ret->outcome = CEDAR_OUT_OF_SCOPE;
        explain_scope(&x);
    } else {
        explain_conditions(&x);
    }
    cx_arena_done(&x.arena);
}
