/*
 * est_in.h - policies out of their JSON form.
 */
#ifndef CEDAR_EST_IN_H
#define CEDAR_EST_IN_H

#include "base/json_read.h"
#include "cedar/parse.h"

/* One expression; NULL and r->e set on failure. r->src is the JSON text, for places. */
struct cx_expr *cx_est_expr(struct cx_reader *r, const struct writ_jval *v) WRIT_CHECK;
/* One policy or template, without id and file. */
bool cx_est_read(struct cx_reader *r, const struct writ_jval *v, struct cx_policy *ret) WRIT_CHECK;
/* {"type","id"} or {"__entity":{..}} */
bool cx_est_uid(struct cx_reader *r, const struct writ_jval *v, struct cedar_uid *ret) WRIT_CHECK;
bool cx_est_fail(struct cx_reader *r, const struct writ_jval *v, const char *what);
/* True if v is an object with members of these names only; the list ends with NULL. */
bool cx_est_only(struct cx_reader *r, const struct writ_jval *v,
                 const char *const *names) WRIT_CHECK;
bool cx_est_string(struct cx_reader *r, const struct writ_jval *v,
                   struct cedar_span *ret) WRIT_CHECK;

#endif
