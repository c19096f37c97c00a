/*
 * program.h - the form of a policy set that decisions are made with.
 */
#ifndef CEDAR_PROGRAM_H
#define CEDAR_PROGRAM_H

#include "cedar/ast.h"

enum cedar_err cx_program_build(struct cedar_policies *ps, struct cedar_error *err) WRIT_CHECK;

#endif
