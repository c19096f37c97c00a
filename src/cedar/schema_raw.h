/*
 * schema_raw.h - a schema as it was written, in either syntax, before its names are resolved.
 */
#ifndef CEDAR_SCHEMA_RAW_H
#define CEDAR_SCHEMA_RAW_H

#include "cedar/schema.h"

/* Text: col 0 and a byte offset in line. JSON: line and column. */
struct cx_place {
    uint32_t line;
    uint32_t col;
};

enum cx_raw_kind {
    CX_RAW_NAME,   /* a common type, an entity type or a built-in one, in that order */
    CX_RAW_COMMON, /* a common or a built-in type */
    CX_RAW_ENTITY,
    CX_RAW_BUILTIN, /* a primitive or extension type, named outright */
    CX_RAW_SET,
    CX_RAW_RECORD,
};

struct cx_raw_type {
    enum cx_raw_kind kind;
    struct cx_place at;
    struct cedar_span name;
    struct cx_raw_type *elem;
    struct cx_raw_attr *attrs;
    uint32_t n;
};

struct cx_raw_attr {
    struct cedar_span name;
    struct cx_raw_type *type;
    bool required;
};

struct cx_raw_name {
    struct cedar_span name;
    struct cx_place at;
};

struct cx_raw_common {
    struct cedar_span ns;
    struct cedar_span name;
    struct cx_place at;
    struct cx_raw_type *type;
};

struct cx_raw_etype {
    struct cedar_span ns;
    struct cedar_span name;
    struct cx_place at;
    struct cx_raw_name *parents;
    struct cx_raw_type *shape; /* NULL: no attributes */
    struct cx_raw_type *tags;
    struct cedar_span *ids;
    uint32_t parent_n;
    uint32_t id_n;
    bool is_enum;
};

struct cx_raw_ref {
    struct cedar_span type; /* empty: an action of the same namespace */
    struct cedar_span id;
    struct cx_place at;
};

struct cx_raw_action {
    struct cedar_span ns;
    struct cedar_span id;
    struct cx_place at;
    struct cx_raw_ref *parents;
    struct cx_raw_name *principals;
    struct cx_raw_name *resources;
    struct cx_raw_type *context; /* NULL: empty */
    uint32_t parent_n;
    uint32_t principal_n;
    uint32_t resource_n;
};

struct cx_raw_schema {
    struct cedar_schema *schema; /* its arena holds everything */
    const struct cedar_source *src;
    struct cedar_error *err;
    enum cedar_err e;
    struct cx_vec namespaces; /* struct cedar_span */
    struct cx_vec commons;    /* struct cx_raw_common */
    struct cx_vec etypes;     /* struct cx_raw_etype */
    struct cx_vec actions;    /* struct cx_raw_action */
};

/* Records the first failure; always returns false. */
bool cx_raw_fail(struct cx_raw_schema *r, struct cx_place at, const char *fmt, ...)
    WRIT_PRINTF(3, 4);
bool cx_raw_nomem(struct cx_raw_schema *r);

bool cx_schema_parse_text(struct cx_raw_schema *r) WRIT_CHECK;
bool cx_schema_parse_json(struct cx_raw_schema *r) WRIT_CHECK;
/* Fills r->schema. */
bool cx_schema_resolve(struct cx_raw_schema *r) WRIT_CHECK;

#endif
