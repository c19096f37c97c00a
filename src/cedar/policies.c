#include "cedar/policies.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "cedar/parse.h"
#include "cedar/program.h"

enum cedar_err
cx_builder_init(struct cx_builder *b, struct cedar_error *err)
{
    *b = (struct cx_builder){.err = err};
    b->ps = (struct cedar_policies *)calloc(1, sizeof *b->ps);
    return b->ps == NULL ? CEDAR_E_NOMEM : CEDAR_OK;
}

void
cx_builder_done(struct cx_builder *b)
{
    cx_vec_done(&b->policies);
    cx_vec_done(&b->files);
    cedar_policies_free(b->ps);
    b->ps = NULL;
}

void
cedar_policies_free(struct cedar_policies *ps)
{
    if (ps == NULL)
        return;
    cx_arena_done(&ps->arena);
    free(ps);
}

static bool
nomem(struct cx_builder *b)
{
    b->e = CEDAR_E_NOMEM;
    return false;
}

/* "dir/agent.cedar" is called "agent". */
static struct cedar_span
stem_of(struct cedar_span name)
{
    size_t from = name.len;
    size_t end = name.len;

    while (from > 0 && name.ptr[from - 1] != '/')
        from--;
    for (size_t i = name.len; i > from + 1; i--) {
        if (name.ptr[i - 1] == '.') {
            end = i - 1;
            break;
        }
    }
    return cx_span(name.ptr + from, end - from);
}

bool
cx_builder_file(struct cx_builder *b, const struct cedar_source *src, uint32_t *ret)
{
    struct cx_file *f = (struct cx_file *)cx_vec_push(&b->files, sizeof *f);
    size_t name_len = strlen(src->name);
    char *name = (char *)cx_alloc(&b->ps->arena, name_len + 1);
    struct cedar_span text;

    if (f == NULL || name == NULL || !cx_copy(&b->ps->arena, cx_span(src->text, src->len), &text))
        return nomem(b);
    memcpy(name, src->name, name_len);
    f->src = (struct cedar_source){name, text.ptr, text.len};
    f->stem = stem_of(cx_span(name, name_len));
    *ret = (uint32_t)(b->files.len - 1);
    return true;
}

bool
cx_builder_policy(struct cx_builder *b, const struct cx_policy *p)
{
    struct cx_policy *slot;

    if (b->policies.len >= WRIT_CEDAR_POLICIES_MAX) {
        b->e = CEDAR_E_LIMIT;
        cx_error_set(b->err, "", 0, 0, "more than %d policies", WRIT_CEDAR_POLICIES_MAX);
        return false;
    }
    slot = (struct cx_policy *)cx_vec_push(&b->policies, sizeof *slot);
    if (slot == NULL)
        return nomem(b);
    *slot = *p;
    return true;
}

static bool
bad_link(struct cx_builder *b, const struct cedar_link *link, const char *problem)
{
    char shown[CX_SHOW];

    b->e = CEDAR_E_INVALID;
    cx_error_set(b->err, "", 0, 0, "link \"%s\": %s", cx_show(link->id, shown, sizeof shown),
                 problem);
    return false;
}

/* Puts the entity into the slot, if there is one. */
static bool
fill_slot(struct cx_builder *b, const struct cedar_link *link, const struct cedar_uid *uid,
          struct cx_scope *s)
{
    struct cedar_span type;
    struct cedar_span id;

    if (s->slot != (uid != NULL))
        return bad_link(b, link, "it must fill exactly the slots of its template");
    if (uid == NULL)
        return true;
    s->uids = (struct cedar_uid *)cx_alloc(&b->ps->arena, sizeof *s->uids);
    if (s->uids == NULL || !cx_copy(&b->ps->arena, cx_type(uid), &type) ||
        !cx_copy(&b->ps->arena, cx_id(uid), &id))
        return nomem(b);
    s->uids[0] = cedar_uid(type, id);
    s->n = 1;
    s->slot = false;
    return true;
}

bool
cx_builder_link(struct cx_builder *b, const struct cedar_link *link)
{
    const struct cx_policy *list = (const struct cx_policy *)b->policies.mem;
    struct cx_policy p;
    size_t i = 0;

    while (i < b->policies.len &&
           !(list[i].is_template && cx_span_eq(list[i].id, link->template_id)))
        i++;
    if (i == b->policies.len)
        return bad_link(b, link, "there is no such template");
    p = list[i];
    p.of = (uint32_t)i;
    p.is_template = false;
    p.is_link = true;
    return (cx_copy(&b->ps->arena, link->id, &p.id) || nomem(b)) &&
           fill_slot(b, link, link->principal, &p.scope[0]) &&
           fill_slot(b, link, link->resource, &p.scope[2]) && cx_builder_policy(b, &p);
}

static int
id_cmp(const void *pa, const void *pb)
{
    const struct cx_policy *a = *(const struct cx_policy *const *)pa;
    const struct cx_policy *b = *(const struct cx_policy *const *)pb;

    return cx_span_cmp(a->id, b->id);
}

static bool
ids_differ(struct cx_builder *b)
{
    size_t n = b->policies.len;
    const struct cx_policy **list =
        (const struct cx_policy **)calloc(n + 1, sizeof(struct cx_policy *));
    char shown[CX_SHOW];

    if (list == NULL)
        return nomem(b);
    for (size_t i = 0; i < n; i++)
        list[i] = (const struct cx_policy *)b->policies.mem + i;
    qsort(list, n, sizeof(struct cx_policy *), id_cmp);
    for (size_t i = 1; i < n && b->e == CEDAR_OK; i++) {
        if (id_cmp(&list[i - 1], &list[i]) != 0)
            continue;
        b->e = CEDAR_E_INVALID;
        cx_error_set(b->err, ((struct cx_file *)b->files.mem)[list[i]->file].src.name, 0, 0,
                     "two policies have the id \"%s\"", cx_show(list[i]->id, shown, sizeof shown));
    }
    free(list);
    return b->e == CEDAR_OK;
}

enum cedar_err
cx_builder_finish(struct cx_builder *b, struct cedar_policies **ret)
{
    struct cedar_policies *ps = b->ps;
    enum cedar_err e;

    if (!ids_differ(b))
        return b->e;
    ps->n = b->policies.len;
    ps->file_n = b->files.len;
    ps->policies = (struct cx_policy *)cx_vec_keep(&b->policies, sizeof *ps->policies, &ps->arena);
    ps->files = (struct cx_file *)cx_vec_keep(&b->files, sizeof *ps->files, &ps->arena);
    if (ps->arena.failed)
        return CEDAR_E_NOMEM;
    e = cx_program_build(ps, b->err);
    if (e != CEDAR_OK)
        return e;
    *ret = ps;
    b->ps = NULL;
    return CEDAR_OK;
}

static bool
default_id(struct cx_builder *b, unsigned flags, size_t in_file, struct cx_policy *p)
{
    const struct cx_file *f = (const struct cx_file *)b->files.mem + p->file;
    char text[32];
    char *id;
    int n;

    if ((flags & CEDAR_IDS_NUMBERED) != 0) {
        n = snprintf(text, sizeof text, "policy%zu", b->policies.len);
        return cx_copy(&b->ps->arena, cx_span(text, (size_t)n), &p->id) || nomem(b);
    }
    n = snprintf(text, sizeof text, ".%zu", in_file);
    id = (char *)cx_alloc(&b->ps->arena, f->stem.len + (size_t)n);
    if (id == NULL)
        return nomem(b);
    memcpy(id, f->stem.ptr, f->stem.len);
    memcpy(id + f->stem.len, text, (size_t)n);
    p->id = cx_span(id, f->stem.len + (size_t)n);
    return true;
}

static bool
load_text(struct cx_builder *b, const struct cedar_source *src, unsigned flags)
{
    struct cx_reader r;
    struct cedar_source copy;
    uint32_t file;

    if (!cx_builder_file(b, src, &file))
        return false;
    copy = ((struct cx_file *)b->files.mem)[file].src;
    b->e = cx_reader_init(&r, &copy, &b->ps->arena, b->err);
    for (size_t n = 0; b->e == CEDAR_OK && r.tok.kind != CX_T_END; n++) {
        struct cx_policy p = {.file = file};

        if (!cx_parse_policy(&r, &p)) {
            b->e = r.e;
            return false;
        }
        if (!default_id(b, flags, n, &p) || !cx_builder_policy(b, &p))
            return false;
    }
    if (b->e == CEDAR_OK)
        b->e = r.e;
    return b->e == CEDAR_OK;
}

enum cedar_err
cedar_policies_load(const struct cedar_source *src, size_t n, unsigned flags,
                    struct cedar_policies **ret, struct cedar_error *err)
{
    return cedar_policies_load_linked(src, n, flags, NULL, 0, ret, err);
}

enum cedar_err /* NOLINTNEXTLINE(readability-function-size): the texts, the links and the answer */
cedar_policies_load_linked(const struct cedar_source *src, size_t n, unsigned flags,
                           const struct cedar_link *links, size_t link_count,
                           struct cedar_policies **ret, struct cedar_error *err)
{
    CX_BUILDER_AUTO struct cx_builder b = {0};
    enum cedar_err e = cx_builder_init(&b, err);

    if (e != CEDAR_OK)
        return e;
    for (size_t i = 0; i < n; i++) {
        if (!load_text(&b, &src[i], flags))
            return b.e;
    }
    for (size_t i = 0; i < link_count; i++) {
        if (!cx_builder_link(&b, &links[i]))
            return b.e;
    }
    return cx_builder_finish(&b, ret); /* b frees itself. NOLINT(clang-analyzer-unix.Malloc) */
}

size_t
cedar_policies_count(const struct cedar_policies *ps)
{
    return ps->n;
}

struct cedar_policy_info
cedar_policy_info(const struct cedar_policies *ps, size_t i)
{
    const struct cx_policy *p = &ps->policies[i];
    const struct cedar_source *src = &ps->files[p->file].src;
    struct cedar_error place = {.text = ""};

    cx_error_at(&place, src, p->begin, " ");
    return (struct cedar_policy_info){.id = p->id,
                                      .file = cedar_span_str(src->name),
                                      .line = place.line,
                                      .col = place.col,
                                      .text = cx_span(src->text + p->begin, p->end - p->begin),
                                      .effect = (enum cedar_effect)p->effect,
                                      .annotation_count = p->annotation_n,
                                      .is_template = p->is_template,
                                      .is_link = p->is_link};
}

void
cedar_policy_annotation_at(const struct cedar_policies *ps, size_t i, size_t n,
                           struct cedar_span *key, struct cedar_span *value)
{
    *key = ps->policies[i].annotations[n].key;
    *value = ps->policies[i].annotations[n].value;
}

bool
cedar_policy_annotation(const struct cedar_policies *ps, size_t i, const char *key,
                        struct cedar_span *ret)
{
    const struct cx_policy *p = &ps->policies[i];

    for (uint32_t k = 0; k < p->annotation_n; k++) {
        if (cx_span_is(p->annotations[k].key, key)) {
            *ret = p->annotations[k].value;
            return true;
        }
    }
    return false;
}
