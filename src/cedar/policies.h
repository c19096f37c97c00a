/*
 * policies.h - building a policy set from whatever form it comes in.
 */
#ifndef CEDAR_POLICIES_H
#define CEDAR_POLICIES_H

#include "cedar/ast.h"

/* A policy set while it is being built. */
struct cx_builder {
    struct cedar_policies *ps;
    struct cx_vec policies; /* struct cx_policy */
    struct cx_vec files;    /* struct cx_file */
    struct cedar_error *err;
    enum cedar_err e;
};

#define CX_BUILDER_AUTO WRIT_CLEANUP(cx_builder_done)

enum cedar_err cx_builder_init(struct cx_builder *b, struct cedar_error *err) WRIT_CHECK;
void cx_builder_done(struct cx_builder *b);
/* Takes a copy of the source; its index in *ret. */
bool cx_builder_file(struct cx_builder *b, const struct cedar_source *src,
                     uint32_t *ret) WRIT_CHECK;
bool cx_builder_policy(struct cx_builder *b, const struct cx_policy *p) WRIT_CHECK;
/* Adds a link to a template that is already there. */
bool cx_builder_link(struct cx_builder *b, const struct cedar_link *link) WRIT_CHECK;
/* Checks that ids differ, compiles, and gives the set away. */
enum cedar_err cx_builder_finish(struct cx_builder *b, struct cedar_policies **ret) WRIT_CHECK;

#endif
