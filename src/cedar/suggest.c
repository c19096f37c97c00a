#include "cedar/suggest.h"

#include <stdio.h>

void
cx_suggest_init(struct cx_suggest *s, struct cedar_span typed)
{
    s->nearest = (struct writ_nearest){.typed = writ_span(typed.ptr, typed.len)};
    s->name[0] = '\0';
}

void
cx_suggest_try(struct cx_suggest *s, struct cedar_span name)
{
    struct writ_nearest before = s->nearest;
    char text[WRIT_NAME_MAX + 1];

    if (!writ_span_copy(writ_span(name.ptr, name.len), text, sizeof text))
        return;
    writ_nearest_try(&s->nearest, text);
    if (s->nearest.name != before.name || s->nearest.distance != before.distance) {
        (void)cx_show(name, s->name, sizeof s->name);
        s->nearest.name = s->name;
    }
}

void
cx_suggest_attrs(struct cx_suggest *s, const struct cedar_schema *schema, const struct cx_ty *t)
{
    if (t->kind == CX_TY_ENTITY) {
        const struct cx_etype *e = cx_schema_etype(schema, t->u.types[0]);

        if (e == NULL)
            return;
        t = e->attrs;
    }
    for (uint32_t i = 0; t->kind == CX_TY_RECORD && i < t->n; i++)
        cx_suggest_try(s, t->u.attrs[i].name);
}

const char *
cx_suggested(struct cx_suggest *s)
{
    s->text[0] = '\0';
    if (s->nearest.name != NULL)
        (void)snprintf(s->text, sizeof s->text, "; did you mean `%s`?", s->name);
    return s->text;
}
