/* rejson.h - a JSON value back to text, so that it goes through the library's own reader. */
#ifndef CEDAR_TESTS_REJSON_H
#define CEDAR_TESTS_REJSON_H

#include "base/buf.h"
#include "base/json_read.h"

void put_json(struct writ_buf *b, const struct writ_jval *v);

#endif
