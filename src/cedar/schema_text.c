/* The schema syntax: namespace, entity, action, type. */
#include "cedar/lex.h"
#include "cedar/schema_raw.h"

struct text {
    struct cx_reader r;
    struct cx_raw_schema *raw;
    struct cedar_span ns;
};

static struct cx_raw_type *parse_type(struct text *t);

static struct cx_place
here(const struct text *t)
{
    return (struct cx_place){t->r.tok.pos, 0};
}

static bool
nomem(struct text *t)
{
    return cx_fail(&t->r, CEDAR_E_NOMEM, t->r.tok.pos, "out of memory");
}

static void *
push(struct text *t, struct cx_vec *v, size_t size)
{
    void *slot = cx_vec_push(v, size);

    if (slot == NULL)
        (void)nomem(t);
    return slot;
}

/* Copies a list into the arena; false when there is no memory. */
static bool
keep(struct text *t, const struct cx_vec *v, size_t size, void **ret, uint32_t *n)
{
    *ret = cx_vec_keep(v, size, t->r.arena);
    *n = (uint32_t)v->len;
    return t->r.arena->failed ? nomem(t) : true;
}

static bool
skip_annotations(struct text *t)
{
    struct cx_vec seen = {0};
    bool ok = true;

    while (ok && cx_take(&t->r, CX_P('@'))) {
        struct cedar_span *slot = (struct cedar_span *)push(t, &seen, sizeof *slot);
        struct cedar_span value;

        ok = slot != NULL && (t->r.tok.kind == CX_T_IDENT || cx_expected(&t->r, "a name"));
        if (!ok)
            break;
        *slot = t->r.tok.text;
        for (size_t i = 0; i + 1 < seen.len; i++) {
            if (cx_span_eq(((struct cedar_span *)seen.mem)[i], *slot))
                ok = cx_fail(&t->r, CEDAR_E_SYNTAX, t->r.tok.pos, "this annotation is there twice");
        }
        cx_next(&t->r);
        if (ok && cx_take(&t->r, CX_P('('))) {
            ok = cx_string(&t->r, &value);
            cx_next(&t->r);
            ok = ok && cx_need(&t->r, CX_P(')'), "`)`");
        }
    }
    cx_vec_done(&seen);
    return ok;
}

/* A name that may be in the reserved namespace of the built-in types. */
static bool
parse_path(struct text *t, struct cedar_span *ret, bool *builtin)
{
    *builtin = cx_take_word(&t->r, "__cedar");
    if (!*builtin)
        return cx_path(&t->r, ret, NULL, NULL);
    if (!cx_need(&t->r, CX_PP(':', ':'), "`::`"))
        return false;
    return cx_path(&t->r, ret, NULL, NULL);
}

/* IDENT or STRING */
static bool
parse_name(struct text *t, struct cedar_span *ret)
{
    if (t->r.tok.kind == CX_T_STRING) {
        if (!cx_string(&t->r, ret))
            return false;
    } else if (t->r.tok.kind == CX_T_IDENT) {
        *ret = t->r.tok.text;
        if (cx_span_is(*ret, "__cedar"))
            return cx_fail(&t->r, CEDAR_E_SYNTAX, t->r.tok.pos, "`__cedar` is reserved");
    } else {
        return cx_expected(&t->r, "a name");
    }
    cx_next(&t->r);
    return t->r.e == CEDAR_OK;
}

static bool
parse_attr(struct text *t, struct cx_vec *list)
{
    struct cx_raw_attr a = {.required = true};
    struct cx_raw_attr *slot;
    uint32_t pos;
    char shown[CX_SHOW];

    if (!skip_annotations(t))
        return false;
    pos = t->r.tok.pos;
    if (!parse_name(t, &a.name))
        return false;
    a.required = !cx_take(&t->r, CX_P('?'));
    for (size_t i = 0; i < list->len; i++) {
        if (cx_span_eq(((struct cx_raw_attr *)list->mem)[i].name, a.name)) {
            return cx_fail(&t->r, CEDAR_E_SYNTAX, pos, "the attribute `%s` is there twice",
                           cx_show(a.name, shown, sizeof shown));
        }
    }
    if (!cx_need(&t->r, CX_P(':'), "`:`"))
        return false;
    a.type = parse_type(t);
    slot = a.type == NULL ? NULL : (struct cx_raw_attr *)push(t, list, sizeof a);
    if (slot == NULL)
        return false;
    *slot = a;
    return true;
}

static struct cx_raw_type *
new_type(struct text *t, enum cx_raw_kind kind)
{
    struct cx_raw_type *ty = (struct cx_raw_type *)cx_alloc(t->r.arena, sizeof *ty);

    if (ty == NULL) {
        (void)nomem(t);
        return NULL;
    }
    ty->kind = kind;
    ty->at = here(t);
    return ty;
}

static struct cx_raw_type *
parse_record(struct text *t)
{
    CX_VEC_AUTO struct cx_vec list = {0};
    struct cx_raw_type *ty = new_type(t, CX_RAW_RECORD);
    void *attrs;

    if (ty == NULL || !cx_need(&t->r, CX_P('{'), "`{`"))
        return NULL;
    while (!cx_is(&t->r, CX_P('}'))) {
        if (!parse_attr(t, &list))
            return NULL;
        if (!cx_take(&t->r, CX_P(',')))
            break;
    }
    if (!cx_need(&t->r, CX_P('}'), "`,` or `}`") ||
        !keep(t, &list, sizeof(struct cx_raw_attr), &attrs, &ty->n))
        return NULL;
    ty->attrs = (struct cx_raw_attr *)attrs;
    return ty;
}

static struct cx_raw_type *
parse_named_type(struct text *t)
{
    struct cx_raw_type *ty = new_type(t, CX_RAW_NAME);
    bool builtin;

    if (ty == NULL || !parse_path(t, &ty->name, &builtin))
        return NULL;
    if (builtin)
        ty->kind = CX_RAW_BUILTIN;
    if (!cx_span_is(ty->name, "Set") || builtin || !cx_take(&t->r, CX_P('<')))
        return ty;
    ty->kind = CX_RAW_SET;
    ty->elem = parse_type(t);
    return ty->elem != NULL && cx_need(&t->r, CX_P('>'), "`>`") ? ty : NULL;
}

static struct cx_raw_type *
parse_type(struct text *t)
{
    struct cx_raw_type *ty;

    if (!cx_enter(&t->r))
        return NULL;
    ty = cx_is(&t->r, CX_P('{')) ? parse_record(t) : parse_named_type(t);
    t->r.nesting--;
    return ty;
}

static bool
parse_type_name(struct text *t, struct cx_vec *list)
{
    struct cx_raw_name *slot = (struct cx_raw_name *)push(t, list, sizeof *slot);

    if (slot == NULL)
        return false;
    slot->at = here(t);
    return cx_path(&t->r, &slot->name, NULL, NULL);
}

/* Path | '[' [Path {',' Path}] ']' */
static bool
parse_type_names(struct text *t, struct cx_raw_name **ret, uint32_t *n)
{
    CX_VEC_AUTO struct cx_vec list = {0};
    void *mem;

    if (!cx_take(&t->r, CX_P('['))) {
        if (!parse_type_name(t, &list))
            return false;
    } else {
        while (!cx_is(&t->r, CX_P(']'))) {
            if (!parse_type_name(t, &list))
                return false;
            if (!cx_take(&t->r, CX_P(',')))
                break;
        }
        if (!cx_need(&t->r, CX_P(']'), "`,` or `]`"))
            return false;
    }
    if (!keep(t, &list, sizeof **ret, &mem, n))
        return false;
    *ret = (struct cx_raw_name *)mem;
    return true;
}

static bool
parse_enum(struct text *t, struct cx_raw_etype *e)
{
    CX_VEC_AUTO struct cx_vec list = {0};
    void *mem;

    e->is_enum = true;
    if (!cx_need(&t->r, CX_P('['), "`[`"))
        return false;
    while (!cx_is(&t->r, CX_P(']')) || list.len == 0) {
        struct cedar_span *slot = (struct cedar_span *)push(t, &list, sizeof *slot);

        if (slot == NULL || !cx_string(&t->r, slot))
            return false;
        cx_next(&t->r);
        if (!cx_take(&t->r, CX_P(',')))
            break;
    }
    if (!cx_need(&t->r, CX_P(']'), "`,` or `]`") ||
        !keep(t, &list, sizeof(struct cedar_span), &mem, &e->id_n))
        return false;
    e->ids = (struct cedar_span *)mem;
    return true;
}

static bool
parse_entity_body(struct text *t, struct cx_raw_etype *e)
{
    if (cx_take_word(&t->r, "enum"))
        return parse_enum(t, e);
    if (cx_take_word(&t->r, "in") && !parse_type_names(t, &e->parents, &e->parent_n))
        return false;
    if (cx_take(&t->r, CX_P('=')) || cx_is(&t->r, CX_P('{'))) {
        e->shape = parse_record(t);
        if (e->shape == NULL)
            return false;
    }
    if (cx_take_word(&t->r, "tags")) {
        e->tags = parse_type(t);
        if (e->tags == NULL)
            return false;
    }
    return t->r.e == CEDAR_OK;
}

/* 'entity' A, B .. ';' */
static bool
parse_entity(struct text *t)
{
    CX_VEC_AUTO struct cx_vec names = {0};
    struct cx_raw_etype e = {.ns = t->ns};

    do {
        struct cx_raw_name *slot = (struct cx_raw_name *)push(t, &names, sizeof *slot);

        if (slot == NULL)
            return false;
        if (t->r.tok.kind != CX_T_IDENT || cx_is_reserved(t->r.tok.text))
            return cx_expected(&t->r, "the name of an entity type");
        *slot = (struct cx_raw_name){t->r.tok.text, here(t)};
        cx_next(&t->r);
    } while (cx_take(&t->r, CX_P(',')));
    if (!parse_entity_body(t, &e))
        return false;
    for (size_t i = 0; i < names.len; i++) {
        struct cx_raw_etype *slot = (struct cx_raw_etype *)push(t, &t->raw->etypes, sizeof *slot);

        if (slot == NULL)
            return false;
        *slot = e;
        slot->name = ((struct cx_raw_name *)names.mem)[i].name;
        slot->at = ((struct cx_raw_name *)names.mem)[i].at;
    }
    return cx_need(&t->r, CX_P(';'), "`;`");
}

/* A parent: NAME of the same namespace, or Path '::' STRING. */
static bool
parse_action_ref(struct text *t, struct cx_vec *list)
{
    struct cx_raw_ref *slot = (struct cx_raw_ref *)push(t, list, sizeof *slot);
    bool has_id;

    if (slot == NULL)
        return false;
    slot->at = here(t);
    if (t->r.tok.kind == CX_T_STRING)
        return parse_name(t, &slot->id);
    if (!cx_path(&t->r, &slot->type, &slot->id, &has_id))
        return false;
    if (!has_id) {
        slot->id = slot->type;
        slot->type = cx_span("", 0);
    }
    return true;
}

/* '[' REF {',' REF} [','] ']', not empty; the bracket is taken. */
static bool
parse_action_list(struct text *t, struct cx_vec *list)
{
    do {
        if (!parse_action_ref(t, list))
            return false;
    } while (cx_take(&t->r, CX_P(',')) && !cx_is(&t->r, CX_P(']')));
    return cx_need(&t->r, CX_P(']'), "`,` or `]`");
}

static bool
parse_action_refs(struct text *t, struct cx_raw_action *a)
{
    CX_VEC_AUTO struct cx_vec list = {0};
    void *mem;
    bool ok = cx_take(&t->r, CX_P('[')) ? parse_action_list(t, &list) : parse_action_ref(t, &list);

    if (!ok || !keep(t, &list, sizeof(struct cx_raw_ref), &mem, &a->parent_n))
        return false;
    a->parents = (struct cx_raw_ref *)mem;
    return true;
}

enum { SEEN_PRINCIPAL = 1, SEEN_RESOURCE = 2, SEEN_CONTEXT = 4 };

static bool
parse_applies_item(struct text *t, struct cx_raw_action *a, unsigned *seen)
{
    static const char *const words[] = {"principal", "resource", "context"};
    uint32_t pos = t->r.tok.pos;
    unsigned i = 0;

    while (i < 3 && !cx_take_word(&t->r, words[i]))
        i++;
    if (i == 3)
        return cx_expected(&t->r, "principal, resource or context");
    if ((*seen & (1U << i)) != 0)
        return cx_fail(&t->r, CEDAR_E_SYNTAX, pos, "%s is there twice", words[i]);
    *seen |= 1U << i;
    if (!cx_need(&t->r, CX_P(':'), "`:`"))
        return false;
    if (i == 2) {
        a->context = parse_type(t);
        return a->context != NULL;
    }
    if (i == 0 ? !parse_type_names(t, &a->principals, &a->principal_n)
               : !parse_type_names(t, &a->resources, &a->resource_n))
        return false;
    if (i == 0 ? a->principal_n == 0 : a->resource_n == 0)
        return cx_fail(&t->r, CEDAR_E_SYNTAX, pos, "%s needs at least one entity type", words[i]);
    return true;
}

static bool
parse_applies(struct text *t, struct cx_raw_action *a)
{
    uint32_t pos = t->r.tok.pos;
    unsigned seen = 0;

    if (!cx_need(&t->r, CX_P('{'), "`{`"))
        return false;
    while (!cx_is(&t->r, CX_P('}'))) {
        if (!parse_applies_item(t, a, &seen))
            return false;
        if (!cx_take(&t->r, CX_P(',')))
            break;
    }
    if (!cx_need(&t->r, CX_P('}'), "`,` or `}`"))
        return false;
    if ((seen & SEEN_PRINCIPAL) == 0 || (seen & SEEN_RESOURCE) == 0)
        return cx_fail(&t->r, CEDAR_E_SYNTAX, pos, "appliesTo needs both principal and resource");
    return true;
}

static bool
parse_action_body(struct text *t, struct cx_raw_action *a)
{
    if (cx_take_word(&t->r, "in") && !parse_action_refs(t, a))
        return false;
    if (cx_take_word(&t->r, "appliesTo") && !parse_applies(t, a))
        return false;
    if (cx_take_word(&t->r, "attributes") &&
        (!cx_need(&t->r, CX_P('{'), "`{`") || !cx_need(&t->r, CX_P('}'), "`}`")))
        return false;
    return cx_need(&t->r, CX_P(';'), "`;`");
}

static bool
parse_action(struct text *t)
{
    CX_VEC_AUTO struct cx_vec names = {0};
    struct cx_raw_action a = {.ns = t->ns};

    do {
        struct cx_raw_name *slot = (struct cx_raw_name *)push(t, &names, sizeof *slot);

        if (slot == NULL)
            return false;
        slot->at = here(t);
        if (!parse_name(t, &slot->name))
            return false;
    } while (cx_take(&t->r, CX_P(',')));
    if (!parse_action_body(t, &a))
        return false;
    for (size_t i = 0; i < names.len; i++) {
        struct cx_raw_action *slot =
            (struct cx_raw_action *)push(t, &t->raw->actions, sizeof *slot);

        if (slot == NULL)
            return false;
        *slot = a;
        slot->id = ((struct cx_raw_name *)names.mem)[i].name;
        slot->at = ((struct cx_raw_name *)names.mem)[i].at;
    }
    return true;
}

static bool
parse_common(struct text *t)
{
    struct cx_raw_common c = {.ns = t->ns, .at = here(t)};
    struct cx_raw_common *slot;

    if (t->r.tok.kind != CX_T_IDENT || cx_is_reserved(t->r.tok.text))
        return cx_expected(&t->r, "the name of a type");
    c.name = t->r.tok.text;
    cx_next(&t->r);
    if (!cx_need(&t->r, CX_P('='), "`=`"))
        return false;
    c.type = parse_type(t);
    slot = c.type == NULL ? NULL : (struct cx_raw_common *)push(t, &t->raw->commons, sizeof c);
    if (slot == NULL)
        return false;
    *slot = c;
    return cx_need(&t->r, CX_P(';'), "`;`");
}

static bool
parse_decl(struct text *t)
{
    if (cx_take_word(&t->r, "entity"))
        return parse_entity(t);
    if (cx_take_word(&t->r, "action"))
        return parse_action(t);
    if (cx_take_word(&t->r, "type"))
        return parse_common(t);
    return cx_expected(&t->r, "`entity`, `action`, `type` or `namespace`");
}

static bool
parse_namespace(struct text *t)
{
    struct cx_vec *seen = &t->raw->namespaces;
    uint32_t pos = t->r.tok.pos;
    struct cedar_span *slot;

    if (!cx_path(&t->r, &t->ns, NULL, NULL))
        return false;
    for (size_t i = 0; i < seen->len; i++) {
        if (cx_span_eq(((struct cedar_span *)seen->mem)[i], t->ns))
            return cx_fail(&t->r, CEDAR_E_INVALID, pos, "this namespace is there twice");
    }
    slot = (struct cedar_span *)push(t, seen, sizeof *slot);
    if (slot == NULL)
        return false;
    *slot = t->ns;
    if (!cx_need(&t->r, CX_P('{'), "`{`"))
        return false;
    while (!cx_is(&t->r, CX_P('}'))) {
        if (!skip_annotations(t) || !parse_decl(t))
            return false;
    }
    t->ns = cx_span("", 0);
    return cx_need(&t->r, CX_P('}'), "`}`");
}

bool
cx_schema_parse_text(struct cx_raw_schema *raw)
{
    struct text t = {.raw = raw, .ns = {"", 0}};

    raw->e = cx_reader_init(&t.r, raw->src, &raw->schema->arena, raw->err);
    while (raw->e == CEDAR_OK && t.r.tok.kind != CX_T_END) {
        bool ok = skip_annotations(&t);

        if (ok && cx_take_word(&t.r, "namespace")) {
            ok = parse_namespace(&t);
        } else if (ok) {
            ok = parse_decl(&t);
        }
        if (!ok)
            break;
    }
    if (raw->e == CEDAR_OK)
        raw->e = t.r.e;
    return raw->e == CEDAR_OK;
}
