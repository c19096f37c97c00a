/*
 * store.h - the entities: kept in a store, or added to it for one request.
 */
#ifndef CEDAR_STORE_H
#define CEDAR_STORE_H

#include "cedar/value.h"

struct cx_anc {
    uint64_t hash; /* of *uid, beside it so that a search stays in one cache line */
    const struct cedar_uid *uid;
};

struct cx_ent {
    struct cedar_uid uid;
    const struct cedar_field *attrs;
    const struct cedar_field *tags;
    const struct cedar_uid *parents;
    const struct cx_anc
        *ancestors; /* every one, sorted by hash; empty for an entity of a request */
    uint32_t attr_n;
    uint32_t tag_n;
    uint32_t parent_n;
    uint32_t ancestor_n;
    bool local; /* of a request: attributes in any order, ancestors by way of the parents */
};

struct cedar_store {
    struct cx_arena arena;
    struct cx_vec ents; /* struct cx_ent */
    uint32_t *table;    /* index + 1, open addressing */
    size_t table_mask;
    bool sealed;
};

/* What a request can see. */
struct cx_world {
    const struct cedar_store *store;
    const struct cedar_request *req;
    struct cedar_value context;
    const struct cx_ent *principal; /* NULL if there is no such entity */
    const struct cx_ent *action;
    const struct cx_ent *resource;
    uint32_t local_n;
    struct cx_ent locals[CEDAR_LOCALS_MAX];
};

/* NULL if there is none. */
const struct cx_ent *cx_store_find(const struct cedar_store *s,
                                   const struct cedar_uid *uid) WRIT_CHECK;
/* Takes the value's pieces into the arena, sorting sets and records; false without memory or when
 * a record has a name twice, which is then in *dup. */
bool cx_value_copy(struct cx_arena *a, const struct cedar_value *v, struct cedar_value *ret,
                   struct cedar_span *dup) WRIT_CHECK;

/* False if the request is malformed. */
bool cx_world_init(struct cx_world *w, const struct cedar_store *s,
                   const struct cedar_request *req) WRIT_CHECK;
const struct cx_ent *cx_world_find(const struct cx_world *w,
                                   const struct cedar_uid *uid) WRIT_CHECK;
/* Whether a is b or below it. */
bool cx_world_in(const struct cx_world *w, const struct cedar_uid *a,
                 const struct cedar_uid *b) WRIT_CHECK;
/* The same for an entity that is already found, e NULL for one that does not exist. */
bool cx_ent_in(const struct cx_world *w, const struct cx_ent *e, const struct cedar_uid *a,
               const struct cedar_uid *b) WRIT_CHECK;

#endif
