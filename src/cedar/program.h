/*
 * program.h - the form of a policy set that decisions are made with: flat code for a stack machine,
 * and an index that finds the policies whose scope can match.
 *
 * A policy whose scope is false never evaluates its conditions, so leaving it out changes neither
 * decision nor errors. The index finds candidates by hash; their scope is then tested exactly.
 */
#ifndef CEDAR_PROGRAM_H
#define CEDAR_PROGRAM_H

#include "cedar/ast.h"
#include "cedar/store.h"

enum cx_verdict { CX_FALSE, CX_TRUE, CX_ERROR };

/* Instructions; the operators of enum cx_op that take evaluated operands are instructions too. */
enum cx_code {
    CX_I_CONST = CX_OP_COUNT, /* push consts[arg] */
    CX_I_VAR,                 /* push variable sub */
    CX_I_GET,                 /* top.names[arg] */
    CX_I_GET_VAR,             /* push variable sub.names[arg] */
    CX_I_HAS,                 /* top has names[arg]..[arg + n - 1] */
    CX_I_HAS_VAR,             /* the same of variable sub */
    CX_I_EQ_CONST,            /* top == consts[arg] */
    CX_I_AND,                 /* false: jump and keep; true: pop */
    CX_I_OR,                  /* true: jump and keep; false: pop */
    CX_I_BOOL,                /* top must be a bool */
    CX_I_ELSE,                /* pop; false: jump */
    CX_I_JUMP,
    CX_I_NOT,
    CX_I_IS,      /* top is names[arg] */
    CX_I_IS_JUMP, /* if top is not names[n]: false in its place, jump to arg */
    CX_I_LIKE,    /* patterns[arg] */
    CX_I_SET,     /* of the top arg values */
    CX_I_RECORD,  /* of the top n values, named names[arg].. */
    CX_I_CALL,    /* function sub of the top n values */
    CX_I_WHEN,    /* pop; false: the policy does not apply */
    CX_I_UNLESS,
    CX_I_END,
};

struct cx_ins {
    uint8_t op;
    uint8_t sub;
    uint16_t pad;
    uint32_t n;
    uint32_t arg;
};

/* A key of the index and one policy under it. */
struct cx_entry {
    uint64_t hash;
    uint32_t policy;
    uint32_t elem; /* which of a list of actions the key is of */
};

/* Policies whose scopes ask for the same kinds of things, e.g. "principal in, action ==". */
struct cx_shape {
    uint8_t principal; /* enum cx_scope_kind without IS_IN */
    uint8_t action;
    uint8_t resource;
    uint32_t begin; /* entries, sorted by hash */
    uint32_t end;
};

enum { CX_SHAPES = 4 * 3 * 4 };

struct cx_program {
    struct cx_ins *code;
    uint32_t *start; /* by policy: its first instruction */
    struct cedar_value *consts;
    struct cedar_span *names;
    struct cx_pattern *patterns;
    uint32_t stack_max;   /* values */
    uint32_t scratch_max; /* bytes */
    struct cx_shape *shapes;
    uint32_t shape_n;
    struct cx_entry *entries;
    uint32_t *table; /* entry + 1 of the first with that hash */
    uint64_t table_mask;
};

enum cedar_err cx_program_build(struct cedar_policies *ps, struct cedar_error *err) WRIT_CHECK;
enum cedar_err cx_index_build(struct cedar_policies *ps) WRIT_CHECK;

/* The attributes of a variable, which most expressions begin with. */
struct cx_attrs {
    const struct cedar_field *fields;
    uint32_t n;
    bool sorted;
};

struct cx_machine {
    const struct cx_world *w;
    const struct cx_program *prog;
    struct cedar_value vars[4];
    struct cx_attrs attrs[4];  /* of the same; none of an entity that does not exist */
    struct cedar_value *stack; /* stack_max values */
    char *scratch;             /* scratch_max bytes, aligned for any value */
};

/* The conditions of a policy, its scope being known to match. */
enum cx_verdict cx_run(struct cx_machine *m, uint32_t policy) WRIT_CHECK;
/* The scope of a policy; templates match nothing. *elem is the first action that matched. */
bool cx_scope_match(const struct cx_world *w, const struct cx_policy *p, uint32_t *elem) WRIT_CHECK;

typedef void cx_candidate_fn(void *arg, uint32_t policy);
/* Calls fn once for each policy whose scope matches, in no particular order. */
void cx_index_match(const struct cedar_policies *ps, const struct cx_world *w, cx_candidate_fn *fn,
                    void *arg);

#endif
