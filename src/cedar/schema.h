/*
 * schema.h - a schema whose names are resolved, and what can be asked of it.
 */
#ifndef CEDAR_SCHEMA_H
#define CEDAR_SCHEMA_H

#include "cedar/value.h"

enum cx_tkind {
    CX_TY_NEVER, /* of no value: the members of an empty set */
    CX_TY_BOOL,
    CX_TY_TRUE,
    CX_TY_FALSE,
    CX_TY_LONG,
    CX_TY_STRING,
    CX_TY_ENTITY,
    CX_TY_ANY_ENTITY,
    CX_TY_SET,
    CX_TY_RECORD,
    CX_TY_EXT,
};

struct cx_tattr {
    struct cedar_span name;
    const struct cx_ty *type;
    bool required;
};

/* Types are shared and never changed once made. */
struct cx_ty {
    uint8_t kind; /* enum cx_tkind */
    uint8_t ext;  /* CX_TY_EXT: enum cedar_kind */
    bool open;    /* a record that may have more attributes than it lists */
    uint16_t height;
    uint32_t n; /* attributes, or entity types */
    const struct cx_ty *elem;

    union {
        const struct cx_tattr *attrs;   /* sorted by name */
        const struct cedar_span *types; /* names of entity types, sorted; one, unless of a union */
    } u;
};

struct cx_etype {
    struct cedar_span name;
    const struct cx_ty *attrs; /* CX_TY_RECORD */
    const struct cx_ty *tags;  /* NULL: none are allowed */
    const struct cx_ty *self;  /* the type of an entity of this type */
    struct cedar_span *parents;
    struct cedar_span *ancestors; /* transitive, sorted; itself only if it can be its own parent */
    struct cedar_span *ids;       /* of an enumerated type: the only entities there are */
    uint32_t parent_n;
    uint32_t ancestor_n;
    uint32_t id_n;
    bool is_enum;
};

struct cx_action {
    struct cedar_uid uid;
    struct cedar_uid *parents;
    struct cedar_uid *ancestors; /* transitive */
    struct cedar_span *principals;
    struct cedar_span *resources;
    const struct cx_ty *context; /* CX_TY_RECORD */
    uint32_t parent_n;
    uint32_t ancestor_n;
    uint32_t principal_n;
    uint32_t resource_n;
};

struct cedar_schema {
    struct cx_arena arena;
    struct cx_etype *etypes; /* sorted by name */
    struct cx_action *actions;
    size_t etype_n;
    size_t action_n;
};

extern const struct cx_ty cx_ty_never;
extern const struct cx_ty cx_ty_bool;
extern const struct cx_ty cx_ty_true;
extern const struct cx_ty cx_ty_false;
extern const struct cx_ty cx_ty_long;
extern const struct cx_ty cx_ty_string;
extern const struct cx_ty cx_ty_any_entity;
extern const struct cx_ty cx_ty_empty_record;
/* The extension type, NULL if kind is none. */
const struct cx_ty *cx_ty_ext(enum cedar_kind kind) WRIT_CHECK;

const struct cx_etype *cx_schema_etype(const struct cedar_schema *s,
                                       struct cedar_span name) WRIT_CHECK;
const struct cx_action *cx_schema_action(const struct cedar_schema *s,
                                         const struct cedar_uid *uid) WRIT_CHECK;
/* Whether an entity of type `of` may have one of type `above` among its ancestors; not reflexive.
 */
bool cx_etype_below(const struct cx_etype *of, struct cedar_span above) WRIT_CHECK;
bool cx_action_below(const struct cx_action *of, const struct cedar_uid *above) WRIT_CHECK;
const struct cx_tattr *cx_ty_attr(const struct cx_ty *record, struct cedar_span name) WRIT_CHECK;
/* The last part of a type's name is `Action`. */
bool cx_is_action_type(struct cedar_span type) WRIT_CHECK;
bool cx_etype_has_id(const struct cx_etype *t, struct cedar_span id) WRIT_CHECK;

#endif
