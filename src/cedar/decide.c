#include <string.h>

#include "cedar/program.h"
#include "cedar/tree.h"

/* Where the indexes of the answer go. */
struct lists {
    uint32_t *reasons;
    uint32_t *errors;
    uint32_t cap;
};

enum cedar_err
cx_program_build(struct cedar_policies *ps, struct cedar_error *err)
{
    (void)ps;
    (void)err;
    return CEDAR_OK;
}

static void
note(uint32_t *list, uint32_t cap, uint32_t *count, uint32_t index)
{
    if (*count < cap)
        list[*count] = index;
    (*count)++;
}

static void
decide(const struct cedar_policies *ps, const struct cedar_store *s,
       const struct cedar_request *req, unsigned flags, struct cedar_answer *ret,
       const struct lists *lists)
{
    struct cx_world w;
    struct cx_arena a = {0};
    bool forbidden = false;

    ret->decision = CEDAR_DENY;
    ret->reason_count = ret->error_count = 0;
    ret->refused = !cx_world_init(&w, s, req);
    if (ret->refused)
        return;
    for (size_t i = 0; i < ps->n; i++) {
        enum cx_verdict v = cx_tree_policy(&w, &a, &ps->policies[i]);
        bool forbid = ps->policies[i].effect == CEDAR_FORBID;

        if (v == CX_ERROR)
            note(lists->errors, lists->cap, &ret->error_count, (uint32_t)i);
        if (v == CX_FALSE || (v == CX_ERROR && (!forbid || (flags & CEDAR_STRICT_FORBID) == 0)))
            continue;
        if (forbid && !forbidden) {
            forbidden = true;
            ret->reason_count = 0;
        }
        if (forbid == forbidden)
            note(lists->reasons, lists->cap, &ret->reason_count, (uint32_t)i);
    }
    cx_arena_done(&a);
    ret->decision = !forbidden && ret->reason_count != 0 ? CEDAR_ALLOW : CEDAR_DENY;
}

void
cedar_decide(const struct cedar_policies *ps, const struct cedar_store *s,
             const struct cedar_request *req, unsigned flags, struct cedar_answer *ret)
{
    const struct lists lists = {ret->reason, ret->error, CEDAR_ANSWER_MAX};

    decide(ps, s, req, flags, ret, &lists);
}

void
cedar_decide_all(const struct cedar_policies *ps, const struct cedar_store *s,
                 const struct cedar_request *req, unsigned flags, struct cedar_answer *ret,
                 uint32_t *reasons, uint32_t *errors)
{
    const struct lists lists = {reasons, errors, UINT32_MAX};

    decide(ps, s, req, flags, ret, &lists);
}
