/*
 * ast.h - what a policy looks like once it is parsed; all in the arena of its policy set.
 *
 * The height of an expression is bounded by WRIT_CEDAR_HEIGHT_MAX when it is built, so that what
 * walks it (compiler, validator, printer) may recurse.
 */
#ifndef CEDAR_AST_H
#define CEDAR_AST_H

#include "cedar/value.h"

enum cx_op {
    CX_LIT,
    CX_VAR,
    CX_NOT,
    CX_NEG,
    CX_AND,
    CX_OR,
    CX_IF,
    CX_EQ,
    CX_NE,
    CX_LT,
    CX_LE,
    CX_GT,
    CX_GE,
    CX_IN,
    CX_ADD,
    CX_SUB,
    CX_MUL,
    CX_HAS,  /* args[0] has names[0].names[1]... */
    CX_GET,  /* args[0].names[0] */
    CX_LIKE, /* args[0] like pattern */
    CX_IS,   /* args[0] is names[0], in args[1] if n is 2 */
    CX_CONTAINS,
    CX_CONTAINS_ALL,
    CX_CONTAINS_ANY,
    CX_IS_EMPTY,
    CX_GET_TAG,
    CX_HAS_TAG,
    CX_SET,
    CX_RECORD, /* names[i]: args[i] */
    CX_CALL,   /* fn */
    CX_OP_COUNT,
};

enum cx_var {
    CX_PRINCIPAL,
    CX_ACTION,
    CX_RESOURCE,
    CX_CONTEXT,
    CX_SLOT_PRINCIPAL,
    CX_SLOT_RESOURCE
};

struct cx_expr {
    uint8_t op;  /* enum cx_op */
    uint8_t sub; /* enum cx_var or enum cx_fn */
    uint16_t height;
    uint32_t pos; /* byte offset in the source text */
    uint32_t n;   /* arguments */
    uint32_t names_n;
    struct cx_expr **args;

    union {
        struct cedar_value lit; /* CX_LIT: bool, long, string, entity */
        struct cedar_span *names;
        struct cx_pattern pattern;
    } u;
};

enum cx_scope_kind {
    CX_SCOPE_ANY,
    CX_SCOPE_EQ,
    CX_SCOPE_IN, /* principal and resource: one uid or a slot; action: uids */
    CX_SCOPE_IS,
    CX_SCOPE_IS_IN,
};

struct cx_scope {
    uint8_t kind; /* enum cx_scope_kind */
    bool slot;    /* in place of uids[0]: ?principal or ?resource, whichever this is the scope of */
    bool list;    /* action in [..] was written, rather than action in one */
    uint32_t pos;
    uint32_t n;
    struct cedar_uid *uids;
    struct cedar_span type; /* of `is` */
};

struct cx_cond {
    bool unless;
    uint32_t pos;
    struct cx_expr *body;
};

struct cx_annotation {
    struct cedar_span key;
    struct cedar_span value;
    bool bare; /* @key without a value */
};

struct cx_file {
    struct cedar_source src; /* a copy */
    struct cedar_span stem;
};

struct cx_policy {
    struct cedar_span id;
    uint8_t effect; /* enum cedar_effect */
    bool is_template;
    bool is_link;
    uint32_t file;
    uint32_t begin; /* byte offsets in its file */
    uint32_t end;
    struct cx_scope scope[3]; /* principal, action, resource; of a link: with the slots filled */
    struct cx_cond *conds;
    struct cx_annotation *annotations;
    uint32_t cond_n;
    uint32_t annotation_n;
    uint32_t of; /* of a link: the index of its template */
};

struct cx_program; /* the compiled form, program.h */

struct cedar_policies {
    struct cx_arena arena;
    struct cx_policy *policies;
    size_t n;
    struct cx_file *files;
    size_t file_n;
    struct cx_program *program;
};

#endif
