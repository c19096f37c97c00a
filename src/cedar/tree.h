/*
 * tree.h - the reference evaluator: walks the syntax tree and does what the language says, in the
 * plainest way. It decides nothing in production; tests hold the compiled evaluator against it.
 */
#ifndef CEDAR_TREE_H
#define CEDAR_TREE_H

#include "cedar/ast.h"
#include "cedar/program.h"

/* One expression; false is an evaluation error. Sets and records are built in the arena. */
bool cx_tree_eval(const struct cx_world *w, struct cx_arena *a, const struct cx_expr *e,
                  struct cedar_value *ret) WRIT_CHECK;
/* One policy: its scope and all its conditions. */
enum cx_verdict cx_tree_policy(const struct cx_world *w, struct cx_arena *a,
                               const struct cx_policy *p) WRIT_CHECK;
#endif
