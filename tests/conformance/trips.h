/* trips.h - policies out of the library and in again, and the two evaluators side by side. */
#ifndef CEDAR_TESTS_TRIPS_H
#define CEDAR_TESTS_TRIPS_H

#include <stdbool.h>

#include "cedar/cedar.h"

/* Every policy as text, read again, has the same JSON form. */
bool text_trip(const struct cedar_policies *ps);
/* The set as JSON, read again, has the same JSON form. */
bool json_trip(const struct cedar_policies *ps);
/* The text in the usual layout means the same, and is already in the usual layout. */
bool format_trip(const struct cedar_source *src);
/* The reference evaluator gives the same answer, whatever the index leaves out. */
bool tree_agrees(const struct cedar_policies *ps, const struct cedar_store *s,
                 const struct cedar_request *req, const struct cedar_answer *a);

#endif
