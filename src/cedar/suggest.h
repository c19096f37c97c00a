/*
 * suggest.h - "did you mean": the name that a person may have had in mind.
 */
#ifndef CEDAR_SUGGEST_H
#define CEDAR_SUGGEST_H

#include "base/limits.h"
#include "base/text.h"
#include "cedar/schema.h"

struct cx_suggest {
    struct writ_nearest nearest;
    char name[WRIT_NAME_MAX + 1];
    char text[WRIT_NAME_MAX + 32];
};

void cx_suggest_init(struct cx_suggest *s, struct cedar_span typed);
void cx_suggest_try(struct cx_suggest *s, struct cedar_span name);
/* The names of the attributes of t, a record or entity type. */
void cx_suggest_attrs(struct cx_suggest *s, const struct cedar_schema *schema,
                      const struct cx_ty *t);
/* "; did you mean `name`?", or nothing. */
const char *cx_suggested(struct cx_suggest *s) WRIT_CHECK;

#endif
