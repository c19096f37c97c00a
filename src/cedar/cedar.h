/*
 * cedar.h - libcedar: the Cedar policy language (cedarpolicy.com), natively in C.
 *
 * Three things make a decision: a policy set (parsed once, never changed), an entity store (filled
 * once, then sealed) and a request (built by the caller on its own memory, for each decision).
 * Policy sets and sealed stores are read-only, so any number of threads or requests may use them
 * at once; to replace one, build the next, swap your pointer, free the old one when its last
 * reader is done. cedar_decide allocates nothing and cannot fail.
 *
 * Text is UTF-8. Lengths are in bytes. A span borrows: what it points to must outlive its user.
 * Everything that can fail returns a cedar_err and describes the first cause in *err, which may be
 * NULL. Outputs are untouched on failure.
 */
#ifndef CEDAR_CEDAR_H
#define CEDAR_CEDAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define CEDAR_CHECK __attribute__((warn_unused_result))

enum cedar_err {
    CEDAR_OK = 0,
    CEDAR_E_SYNTAX,  /* text that does not follow its grammar */
    CEDAR_E_INVALID, /* well-formed, but it breaks a rule: a duplicate, a cycle, the schema */
    CEDAR_E_LIMIT,   /* a maximum of docs/cedar-limits.md was passed */
    CEDAR_E_NOMEM,
};

/* Lines and columns count from 1; 0 when no place is meant. */
struct cedar_error {
    char file[128];
    uint32_t line;
    uint32_t col;
    char text[384]; /* one line; bytes from the input are escaped */
};

struct cedar_span {
    const char *ptr; /* NULL only if len is 0 */
    size_t len;
};

static inline struct cedar_span
cedar_span_str(const char *s)
{
    return (struct cedar_span){s, strlen(s)};
}

/* ---- Values ---------------------------------------------------------------------------------- */

enum cedar_kind {
    CEDAR_BOOL = 1,
    CEDAR_LONG,
    CEDAR_STRING,
    CEDAR_ENTITY,
    CEDAR_SET,
    CEDAR_RECORD,
    CEDAR_DECIMAL,  /* num in units of 1/10000 */
    CEDAR_DATETIME, /* num in milliseconds since 1970, UTC */
    CEDAR_DURATION, /* num in milliseconds */
    CEDAR_IP,
};

/* An entity's name. Make it with cedar_uid, which computes the hash. */
struct cedar_uid {
    const char *type; /* with its namespace: "Writ::Task" */
    const char *id;
    uint32_t type_len;
    uint32_t id_len;
    uint64_t hash;
};

struct cedar_ip {
    uint8_t addr[16]; /* IPv4 uses the first four */
    uint8_t prefix;
    bool v6;
};

/* A value borrows everything it points to. Build with the functions below. */
struct cedar_value {
    uint8_t kind;   /* enum cedar_kind */
    uint8_t sorted; /* the library's own: members of a set in its order, without duplicates */
    uint32_t len;   /* bytes of a string, members of a set, fields of a record */

    union {
        int64_t num; /* CEDAR_BOOL (0 or 1), CEDAR_LONG, CEDAR_DECIMAL, ..DATETIME, ..DURATION */
        const char *str;
        const struct cedar_uid *uid;
        const struct cedar_value *items;
        const struct cedar_field *fields;
        const struct cedar_ip *ip;
    } u;
};

/* One member of a record. Names within a record must differ: of two equal ones the first counts. */
struct cedar_field {
    const char *name;
    uint32_t name_len;
    struct cedar_value value;
};

struct cedar_uid cedar_uid(struct cedar_span type, struct cedar_span id);

static inline struct cedar_value
cedar_bool(bool v)
{
    return (struct cedar_value){.kind = CEDAR_BOOL, .u.num = v ? 1 : 0};
}

static inline struct cedar_value
cedar_long(int64_t v)
{
    return (struct cedar_value){.kind = CEDAR_LONG, .u.num = v};
}

static inline struct cedar_value
cedar_string(const char *ptr, size_t len)
{
    return (struct cedar_value){.kind = CEDAR_STRING, .len = (uint32_t)len, .u.str = ptr};
}

static inline struct cedar_value
cedar_entity(const struct cedar_uid *uid)
{
    return (struct cedar_value){.kind = CEDAR_ENTITY, .u.uid = uid};
}

static inline struct cedar_value
cedar_set(const struct cedar_value *items, size_t n)
{
    return (struct cedar_value){.kind = CEDAR_SET, .len = (uint32_t)n, .u.items = items};
}

static inline struct cedar_value
cedar_record(const struct cedar_field *fields, size_t n)
{
    return (struct cedar_value){.kind = CEDAR_RECORD, .len = (uint32_t)n, .u.fields = fields};
}

static inline struct cedar_value
cedar_datetime(int64_t ms)
{
    return (struct cedar_value){.kind = CEDAR_DATETIME, .u.num = ms};
}

static inline struct cedar_value
cedar_duration(int64_t ms)
{
    return (struct cedar_value){.kind = CEDAR_DURATION, .u.num = ms};
}

static inline struct cedar_value
cedar_ip_value(const struct cedar_ip *ip)
{
    return (struct cedar_value){.kind = CEDAR_IP, .u.ip = ip};
}

/* From the text that Cedar's constructors take: decimal("1.5"), datetime("2026-01-31"),
 * duration("1h30m"). kind is one of those three. */
bool cedar_ext_parse(enum cedar_kind kind, struct cedar_span text,
                     struct cedar_value *ret) CEDAR_CHECK;
/* "10.0.0.0/8", "::1". */
bool cedar_ip_parse(struct cedar_span text, struct cedar_ip *ret) CEDAR_CHECK;

/* Room on the caller's memory for the values of one request. */
struct cedar_arena {
    char *at;
    char *end;
    bool failed; /* sticky: ask once, when all is built */
};

static inline struct cedar_arena
cedar_arena(void *mem, size_t size)
{
    return (struct cedar_arena){(char *)mem, (char *)mem + size, false};
}

/* Aligned for any value; NULL, and the arena failed, when it is full. */
void *cedar_arena_take(struct cedar_arena *a, size_t size) CEDAR_CHECK;

/* ---- Policies -------------------------------------------------------------------------------- */

struct cedar_policies;

struct cedar_source {
    const char *name; /* as it shall appear in errors; ids use it without folder and extension */
    const char *text;
    size_t len;
};

enum {
    CEDAR_IDS_NUMBERED = 1, /* ids are "policy0", "policy1" ... instead of "<file stem>.<n>" */
};

enum cedar_effect { CEDAR_PERMIT, CEDAR_FORBID };

/* One policy set of all the texts, in their order; a mistake anywhere and nothing is loaded. The
 * texts may be freed afterwards. n may be 0: such a set denies everything. */
enum cedar_err cedar_policies_load(const struct cedar_source *src, size_t n, unsigned flags,
                                   struct cedar_policies **ret,
                                   struct cedar_error *err) CEDAR_CHECK;

/* A policy made from a template: what its slots stand for. NULL where the template has no slot. */
struct cedar_link {
    struct cedar_span template_id;
    struct cedar_span id;
    const struct cedar_uid *principal;
    const struct cedar_uid *resource;
};

/* The same with links, which come after all policies of the texts. */
enum cedar_err cedar_policies_load_linked(const struct cedar_source *src, size_t n, unsigned flags,
                                          const struct cedar_link *links, size_t link_count,
                                          struct cedar_policies **ret,
                                          struct cedar_error *err) CEDAR_CHECK;
/* One policy in Cedar's JSON form, or a set: {"staticPolicies","templates","templateLinks"}. */
enum cedar_err cedar_policies_load_json(const struct cedar_source *src, struct cedar_policies **ret,
                                        struct cedar_error *err) CEDAR_CHECK;

typedef void cedar_put_fn(void *arg, const char *bytes, size_t n);
/* One policy as text or JSON, handed to put at once. */
enum cedar_err cedar_policy_to_text(const struct cedar_policies *ps, size_t i, cedar_put_fn *put,
                                    void *arg) CEDAR_CHECK;
enum cedar_err cedar_policy_to_json(const struct cedar_policies *ps, size_t i, cedar_put_fn *put,
                                    void *arg) CEDAR_CHECK;
enum cedar_err cedar_policies_to_json(const struct cedar_policies *ps, cedar_put_fn *put,
                                      void *arg) CEDAR_CHECK;
/* The text in the usual layout, comments kept; it means the same as before. */
enum cedar_err cedar_format(const struct cedar_source *src, cedar_put_fn *put, void *arg,
                            struct cedar_error *err) CEDAR_CHECK;
void cedar_policies_free(struct cedar_policies *ps); /* NULL is fine */

/* Static policies, templates and links, each with an index of its own; a template never decides. */
size_t cedar_policies_count(const struct cedar_policies *ps);

struct cedar_policy_info {
    struct cedar_span id;   /* default ids count from 0: "agent.0" for agent.cedar */
    struct cedar_span file; /* the name of its source */
    uint32_t line;          /* where the policy, annotations included, begins */
    uint32_t col;
    struct cedar_span text; /* its source text */
    enum cedar_effect effect;
    uint32_t annotation_count;
    bool is_template;
    bool is_link;
};

/* i is below cedar_policies_count. The spans live as long as the set. */
struct cedar_policy_info cedar_policy_info(const struct cedar_policies *ps, size_t i);
/* The value of @key("value"), an empty one for a bare @key; false if policy i has no such key. */
bool cedar_policy_annotation(const struct cedar_policies *ps, size_t i, const char *key,
                             struct cedar_span *ret) CEDAR_CHECK;
void cedar_policy_annotation_at(const struct cedar_policies *ps, size_t i, size_t n,
                                struct cedar_span *key, struct cedar_span *value);

/* ---- Schemas --------------------------------------------------------------------------------- */

struct cedar_schema;

enum cedar_syntax { CEDAR_TEXT, CEDAR_JSON };

enum cedar_err cedar_schema_load(const struct cedar_source *src, enum cedar_syntax syntax,
                                 struct cedar_schema **ret, struct cedar_error *err) CEDAR_CHECK;
void cedar_schema_free(struct cedar_schema *s); /* NULL is fine */

/* Strict is Cedar's own default, and what a policy that is to be relied on should pass. */
enum cedar_mode { CEDAR_STRICT, CEDAR_PERMISSIVE };

/* Whether the policy can go wrong for any request that the schema allows; the first mistake found
 * is described in *err. Only overflow and entities that do not exist can still fail afterwards. */
enum cedar_err cedar_policy_validate(const struct cedar_policies *ps, size_t i,
                                     const struct cedar_schema *schema, enum cedar_mode mode,
                                     struct cedar_error *err) CEDAR_CHECK;
/* All policies of the set, templates included. */
enum cedar_err cedar_policies_validate(const struct cedar_policies *ps,
                                       const struct cedar_schema *schema, enum cedar_mode mode,
                                       struct cedar_error *err) CEDAR_CHECK;

/* ---- Entities -------------------------------------------------------------------------------- */

struct cedar_entity {
    struct cedar_uid uid;
    const struct cedar_uid *parents;
    const struct cedar_field *attrs;
    const struct cedar_field *tags;
    uint32_t parent_count;
    uint32_t attr_count;
    uint32_t tag_count;
};

struct cedar_store;

enum cedar_err cedar_store_new(struct cedar_store **ret) CEDAR_CHECK;
void cedar_store_free(struct cedar_store *s); /* NULL is fine */
/* Copies the entity with all it points to. The same entity twice is fine, a differing one is not.
 */
enum cedar_err cedar_store_add(struct cedar_store *s, const struct cedar_entity *e,
                               struct cedar_error *err) CEDAR_CHECK;
/* A JSON array of {"uid":{"type","id"},"attrs":{..},"parents":[..],"tags":{..}}. */
enum cedar_err cedar_store_add_json(struct cedar_store *s, const struct cedar_source *json,
                                    struct cedar_error *err) CEDAR_CHECK;
/* The same with the types of a schema, which allow entities and extension values without their
 * escapes; every entity is checked, and the actions of the schema are added with their groups. */
enum cedar_err cedar_store_add_json_typed(struct cedar_store *s, const struct cedar_source *json,
                                          const struct cedar_schema *schema,
                                          struct cedar_error *err) CEDAR_CHECK;
/* Adds the actions of the schema, so that `action in Action::"group"` finds them. */
enum cedar_err cedar_store_add_actions(struct cedar_store *s, const struct cedar_schema *schema,
                                       struct cedar_error *err) CEDAR_CHECK;
/* Whether the entity is as the schema declares its type. */
enum cedar_err cedar_schema_check_entity(const struct cedar_schema *schema,
                                         const struct cedar_entity *e,
                                         struct cedar_error *err) CEDAR_CHECK;
/* Computes all ancestors; refuses a cycle. After it nothing can be added, before it nothing can be
 * decided. */
enum cedar_err cedar_store_seal(struct cedar_store *s, struct cedar_error *err) CEDAR_CHECK;
size_t cedar_store_count(const struct cedar_store *s);

/* A record from JSON, for tools and tests; it owns its memory. */
struct cedar_document;
enum cedar_err cedar_document_new(const struct cedar_source *json, struct cedar_document **ret,
                                  struct cedar_error *err) CEDAR_CHECK;
/* With the types of that action's context, which it then still has to be checked against. */
enum cedar_err cedar_document_new_typed(const struct cedar_source *json,
                                        const struct cedar_schema *schema,
                                        const struct cedar_uid *action, struct cedar_document **ret,
                                        struct cedar_error *err) CEDAR_CHECK;
struct cedar_value cedar_document_value(const struct cedar_document *d);
void cedar_document_free(struct cedar_document *d);

/* ---- Decisions ------------------------------------------------------------------------------- */

enum { CEDAR_LOCALS_MAX = 8 };

/* locals are entities that exist for this request only; one with the name of an entity of the
 * store hides that one. Their parents may be in the store or among the locals. */
struct cedar_request {
    struct cedar_uid principal;
    struct cedar_uid action;
    struct cedar_uid resource;
    struct cedar_value context; /* CEDAR_RECORD; kind 0 counts as an empty one */
    const struct cedar_entity *locals;
    uint32_t local_count; /* over CEDAR_LOCALS_MAX: denied, with `refused` set */
};

/* Whether the schema allows such a request: action, types of principal and resource, context. */
enum cedar_err cedar_schema_check_request(const struct cedar_schema *schema,
                                          const struct cedar_request *req,
                                          struct cedar_error *err) CEDAR_CHECK;

enum cedar_decision { CEDAR_DENY = 0, CEDAR_ALLOW = 1 };

enum {
    /* A forbid whose evaluation fails denies, and is among the reasons as well as the errors.
     * Cedar itself skips it, so that a missing attribute switches a prohibition off. */
    CEDAR_STRICT_FORBID = 1,
};

enum { CEDAR_ANSWER_MAX = 32 };

/* Indexes of policies, ascending. Counts are true counts; only the first CEDAR_ANSWER_MAX indexes
 * are kept here; cedar_decide_all keeps all of them. */
struct cedar_answer {
    enum cedar_decision decision;
    bool refused;          /* the request itself was malformed; nothing was evaluated */
    uint32_t reason_count; /* the satisfied forbids, else the satisfied permits */
    uint32_t error_count;  /* policies that were skipped because their evaluation failed */
    uint32_t reason[CEDAR_ANSWER_MAX];
    uint32_t error[CEDAR_ANSWER_MAX];
};

void cedar_decide(const struct cedar_policies *ps, const struct cedar_store *s,
                  const struct cedar_request *req, unsigned flags, struct cedar_answer *ret);

/* The same with room for every index: two arrays of cedar_policies_count elements each. */
void cedar_decide_all(const struct cedar_policies *ps, const struct cedar_store *s,
                      const struct cedar_request *req, unsigned flags, struct cedar_answer *ret,
                      uint32_t *reasons, uint32_t *errors);

/* ---- Explanations ---------------------------------------------------------------------------- */

enum cedar_outcome {
    CEDAR_SATISFIED,     /* the policy applies */
    CEDAR_OUT_OF_SCOPE,  /* its scope is about something else: place and text name the part */
    CEDAR_NOT_SATISFIED, /* a condition is not met: place and text name what decided that */
    CEDAR_FAILED,        /* a condition could not be evaluated: place and text name where */
    CEDAR_IS_TEMPLATE,
};

struct cedar_explanation {
    enum cedar_outcome outcome;
    uint32_t line;
    uint32_t col;
    char text[256]; /* the expression, cut if it is longer */
};

/* Why policy i does or does not apply to the request. For people: it takes its time and allocates;
 * without memory the outcome is CEDAR_FAILED. */
void cedar_explain(const struct cedar_policies *ps, const struct cedar_store *s,
                   const struct cedar_request *req, size_t i, struct cedar_explanation *ret);

#endif
