/* schema_same.h - whether two loaded schemas say the same. */
#ifndef CEDAR_TESTS_SCHEMA_SAME_H
#define CEDAR_TESTS_SCHEMA_SAME_H

#include "cedar/schema.h"

bool schema_same(const struct cedar_schema *a, const struct cedar_schema *b);

#endif
