#include "profile/yaml.h"

#include <assert.h>
#include <stdlib.h>
#include <yaml.h>

#include "base/limits.h"
#include "base/text.h"

struct frame {
    struct writ_yaml_node *node;
    struct writ_yaml_node *last;
    const struct writ_yaml_node *key; /* read, and waiting for its value */
};

struct builder {
    struct writ_yaml *out;
    struct writ_diag *diag;
    struct frame stack[WRIT_YAML_DEPTH_MAX];
    unsigned depth;
    size_t nodes;
    bool ended; /* the one document is complete */
};

static enum writ_err
refuse(const struct builder *b, yaml_mark_t at, const char *why)
{
    writ_diag_set(b->diag, (unsigned)at.line + 1, (unsigned)at.column + 1, "%s", why);
    return WRIT_E_FORMAT;
}

static enum writ_err
no_memory(const struct builder *b)
{
    writ_diag_set(b->diag, 0, 0, "out of memory");
    return WRIT_E_NOMEM;
}

static bool
stands_for_nothing(struct writ_span s)
{
    static const char *const words[] = {"", "~", "null", "Null", "NULL"};

    for (size_t i = 0; i < WRIT_COUNT(words); i++) {
        if (writ_span_is(s, words[i]))
            return true;
    }
    return false;
}

static struct writ_yaml_node *
make_node(struct builder *b, enum writ_yaml_kind kind, yaml_mark_t at, struct writ_span text)
{
    struct writ_yaml_node *n = calloc(1, sizeof(*n) + text.len + 1);

    if (n == NULL)
        return NULL;
    n->kind = kind;
    n->line = (unsigned)at.line + 1;
    n->col = (unsigned)at.column + 1;
    n->len = text.len;
    if (text.len != 0)
        memcpy(n->text, text.ptr, text.len);
    n->allocated = b->out->all;
    b->out->all = n;
    b->nodes++;
    return n;
}

static enum writ_err
take_key(struct builder *b, struct frame *f, const struct writ_yaml_node *n)
{
    const struct writ_yaml_node *twin = writ_yaml_get(f->node, n->text);

    if (n->kind != WRIT_YAML_TEXT || n->null) {
        writ_diag_set(b->diag, n->line, n->col, "a key must be text");
        return WRIT_E_FORMAT;
    }
    if (strcmp(n->text, "<<") == 0) {
        writ_diag_set(b->diag, n->line, n->col, "merge keys (`<<`) are not supported");
        return WRIT_E_FORMAT;
    }
    if (twin != NULL) {
        writ_diag_set(b->diag, n->line, n->col, "key `%.64s` is given twice; first on line %u",
                      n->text, twin->key->line);
        return WRIT_E_FORMAT;
    }
    f->key = n;
    return WRIT_OK;
}

static enum writ_err
attach(struct builder *b, struct writ_yaml_node *n)
{
    struct frame *f;

    if (b->nodes > WRIT_YAML_NODES_MAX) {
        writ_diag_set(b->diag, n->line, n->col, "more than %d keys and values",
                      WRIT_YAML_NODES_MAX);
        return WRIT_E_LIMIT;
    }
    if (b->depth == 0) {
        b->out->root = n;
        return WRIT_OK;
    }
    f = &b->stack[b->depth - 1];
    assert(f->node != NULL);
    if (f->node->kind == WRIT_YAML_MAP && f->key == NULL)
        return take_key(b, f, n);
    n->key = f->key;
    f->key = NULL;
    if (f->last == NULL) {
        f->node->first = n;
    } else {
        f->last->next = n;
    }
    f->last = n;
    f->node->count++;
    return WRIT_OK;
}

static enum writ_err
on_scalar(struct builder *b, const yaml_event_t *ev)
{
    struct writ_span text = writ_span(ev->data.scalar.value, ev->data.scalar.length);
    struct writ_yaml_node *n;

    if (ev->data.scalar.anchor != NULL)
        return refuse(b, ev->start_mark, "anchors are not supported");
    if (ev->data.scalar.tag != NULL)
        return refuse(b, ev->start_mark, "tags are not supported");
    if (text.len != 0 && memchr(text.ptr, 0, text.len) != NULL)
        return refuse(b, ev->start_mark, "text may not contain a NUL");
    n = make_node(b, WRIT_YAML_TEXT, ev->start_mark, text);
    if (n == NULL)
        return no_memory(b);
    n->null = ev->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && stands_for_nothing(text);
    return attach(b, n);
}

static enum writ_err
on_open(struct builder *b, const yaml_event_t *ev, enum writ_yaml_kind kind)
{
    bool list = kind == WRIT_YAML_LIST;
    const void *anchor = list ? ev->data.sequence_start.anchor : ev->data.mapping_start.anchor;
    const void *tag = list ? ev->data.sequence_start.tag : ev->data.mapping_start.tag;
    struct writ_yaml_node *n;
    enum writ_err e;

    if (anchor != NULL)
        return refuse(b, ev->start_mark, "anchors are not supported");
    if (tag != NULL)
        return refuse(b, ev->start_mark, "tags are not supported");
    if (b->depth == WRIT_YAML_DEPTH_MAX)
        return refuse(b, ev->start_mark, "nested too deeply");
    n = make_node(b, kind, ev->start_mark, writ_span(NULL, 0));
    if (n == NULL)
        return no_memory(b);
    e = attach(b, n);
    if (e != WRIT_OK)
        return e;
    b->stack[b->depth++] = (struct frame){.node = n};
    return WRIT_OK;
}

static enum writ_err
on_document(const struct builder *b, const yaml_event_t *ev)
{
    if (b->out->root != NULL)
        return refuse(b, ev->start_mark, "a second document; there may be only one");
    if (ev->data.document_start.version_directive != NULL ||
        ev->data.document_start.tag_directives.start != ev->data.document_start.tag_directives.end)
        return refuse(b, ev->start_mark, "directives (lines with %) are not supported");
    return WRIT_OK;
}

static enum writ_err
on_event(struct builder *b, const yaml_event_t *ev)
{
    switch (ev->type) {
    case YAML_SCALAR_EVENT:
        return on_scalar(b, ev);
    case YAML_SEQUENCE_START_EVENT:
        return on_open(b, ev, WRIT_YAML_LIST);
    case YAML_MAPPING_START_EVENT:
        return on_open(b, ev, WRIT_YAML_MAP);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        assert(b->depth > 0); /* the library pairs them */
        b->depth--;
        return WRIT_OK;
    case YAML_DOCUMENT_START_EVENT:
        return on_document(b, ev);
    case YAML_ALIAS_EVENT:
        return refuse(b, ev->start_mark, "aliases are not supported");
    case YAML_STREAM_END_EVENT:
        b->ended = true;
        return b->out->root == NULL ? refuse(b, ev->start_mark, "the file is empty") : WRIT_OK;
    case YAML_STREAM_START_EVENT:
    case YAML_DOCUMENT_END_EVENT:
    case YAML_NO_EVENT:
        return WRIT_OK;
    }
    return refuse(b, ev->start_mark, "not understood");
}

/* The library counts bytes where it could not even read characters. */
static yaml_mark_t
mark_of_offset(struct writ_span text, size_t offset)
{
    yaml_mark_t at = {0};

    for (size_t i = 0; i < offset && i < text.len; i++) {
        if (text.ptr[i] == '\n') {
            at.line++;
            at.column = 0;
        } else if ((text.ptr[i] & 0xc0) != 0x80) {
            at.column++;
        }
    }
    return at;
}

static enum writ_err
on_problem(const struct builder *b, const yaml_parser_t *p, struct writ_span text)
{
    char why[256];

    switch (p->error) {
    case YAML_MEMORY_ERROR:
        return no_memory(b);
    case YAML_READER_ERROR:
        (void)snprintf(why, sizeof(why), "not plain UTF-8 text: %s", p->problem);
        return refuse(b, mark_of_offset(text, p->problem_offset), why);
    case YAML_SCANNER_ERROR:
    case YAML_PARSER_ERROR:
        (void)snprintf(why, sizeof(why), "not valid YAML: %s%s%s",
                       p->context == NULL ? "" : p->context, p->context == NULL ? "" : ", ",
                       p->problem);
        return refuse(b, p->problem_mark, why);
    case YAML_NO_ERROR:
    case YAML_COMPOSER_ERROR:
    case YAML_WRITER_ERROR:
    case YAML_EMITTER_ERROR:
        break;
    }
    return refuse(b, p->mark, "not valid YAML");
}

static enum writ_err
build(struct builder *b, yaml_parser_t *p, struct writ_span text)
{
    while (!b->ended) {
        yaml_event_t ev;
        enum writ_err e;

        if (yaml_parser_parse(p, &ev) == 0)
            return on_problem(b, p, text);
        e = on_event(b, &ev);
        yaml_event_delete(&ev);
        if (e != WRIT_OK)
            return e;
    }
    return WRIT_OK;
}

enum writ_err
writ_yaml_parse(struct writ_span text, struct writ_yaml *ret, struct writ_diag *diag)
{
    struct builder b = {.out = ret, .diag = diag};
    yaml_parser_t parser;
    enum writ_err e;

    *ret = (struct writ_yaml){0};
    if (text.len > WRIT_PROFILE_BYTES_MAX) {
        writ_diag_set(diag, 0, 0, "larger than %d KiB", WRIT_PROFILE_BYTES_MAX / 1024);
        return WRIT_E_LIMIT;
    }
    if (yaml_parser_initialize(&parser) == 0)
        return no_memory(&b);
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, text.len == 0 ? (const uint8_t *)"" : text.ptr, text.len);
    e = build(&b, &parser, text);
    yaml_parser_delete(&parser);
    if (e != WRIT_OK)
        writ_yaml_done(ret);
    return e;
}

void
writ_yaml_done(struct writ_yaml *y)
{
    while (y->all != NULL) {
        struct writ_yaml_node *n = y->all;

        y->all = n->allocated;
        free(n);
    }
    y->root = NULL;
}

const struct writ_yaml_node *
writ_yaml_get(const struct writ_yaml_node *map, const char *key)
{
    for (const struct writ_yaml_node *n = map->first; n != NULL; n = n->next) {
        if (n->key != NULL && strcmp(n->key->text, key) == 0)
            return n;
    }
    return NULL;
}

static const char *
kind_name(enum writ_yaml_kind kind)
{
    switch (kind) {
    case WRIT_YAML_TEXT:
        return "text";
    case WRIT_YAML_LIST:
        return "a list";
    case WRIT_YAML_MAP:
        return "a map";
    }
    return "nothing";
}

bool
writ_yaml_expect(const struct writ_yaml_node *n, enum writ_yaml_kind kind, const char *what,
                 struct writ_diag *diag)
{
    const char *name = n->key != NULL ? n->key->text : what;

    if (n->null) {
        writ_diag_set(diag, n->line, n->col, "`%.64s` has no value; expected %s", name,
                      kind_name(kind));
    } else if (n->kind != kind) {
        writ_diag_set(diag, n->line, n->col, "`%.64s` must be %s, not %s", name, kind_name(kind),
                      kind_name(n->kind));
    }
    return !n->null && n->kind == kind;
}

static const struct writ_yaml_field *
find_field(const struct writ_yaml_node *key, const char *what, const struct writ_yaml_field *fields,
           size_t count, struct writ_diag *diag)
{
    struct writ_nearest near = {.typed = writ_yaml_span(key)};

    for (size_t i = 0; i < count; i++) {
        if (strcmp(key->text, fields[i].key) == 0)
            return &fields[i];
        writ_nearest_try(&near, fields[i].key);
    }
    if (near.name != NULL) {
        writ_diag_set(diag, key->line, key->col, "unknown key `%.64s` in %s, did you mean `%s`?",
                      key->text, what, near.name);
    } else {
        writ_diag_set(diag, key->line, key->col, "unknown key `%.64s` in %s", key->text, what);
    }
    return NULL;
}

bool
writ_yaml_take(const struct writ_yaml_node *map, const char *what,
               const struct writ_yaml_field *fields, size_t count, void *ctx,
               struct writ_diag *diag)
{
    if (!writ_yaml_expect(map, WRIT_YAML_MAP, what, diag))
        return false;
    for (const struct writ_yaml_node *n = map->first; n != NULL; n = n->next) {
        const struct writ_yaml_field *f = find_field(n->key, what, fields, count, diag);

        if (f == NULL || !f->take(ctx, n))
            return false;
    }
    return true;
}
