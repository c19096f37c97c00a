/*
 * inject.h - the one place where a credential meets a request.
 *
 * Every function takes the allow decision for that very request: without one there is no way to a
 * secret in this program. What the task itself sent in the credential's place never goes out.
 */
#ifndef WRIT_GATEWAY_INJECT_H
#define WRIT_GATEWAY_INJECT_H

#include "writ-gateway/policy.h"

/* From what the keeper released to the bytes that go into requests; wipes nothing of its input. */
enum writ_err inject_prepare(struct service *s, struct writ_span secret) WRIT_CHECK;
/* True if a header that the task sent stands where the credential goes, or could be read so. */
bool inject_replaces(const struct service *s, const struct writ_http1_header *h) WRIT_CHECK;
/* The query with any pair of the credential's name left out, and the credential added. */
enum writ_err inject_put_query(const struct decision *d, struct writ_buf *out, bool has_query,
                               struct writ_span query, struct writ_http1_fault *fault) WRIT_CHECK;
/* The header that carries the credential, if it is carried in one. cookie: what the task sent. */
enum writ_err inject_put_header(const struct decision *d, struct writ_buf *out,
                                const struct writ_http1_headers *sent,
                                struct writ_http1_fault *fault) WRIT_CHECK;

/* True if a header's value of the answer holds the credential that the request carried. */
bool inject_returned(const struct decision *d, struct writ_span value) WRIT_CHECK;

#endif
