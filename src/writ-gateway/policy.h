/*
 * policy.h - the decision for one request, made by Cedar when the request is made.
 *
 * A decision is the only thing that opens the way to a credential (inject.h), and only policy.c
 * makes one. What could not be evaluated is denied.
 */
#ifndef WRIT_GATEWAY_POLICY_H
#define WRIT_GATEWAY_POLICY_H

#include "proto/http1.h"
#include "writ-gateway/gateway.h"

enum { DECISION_POLICIES_MAX = 4 };

struct decision {
    bool allow;
    const struct service *service; /* the one it is about: it opens no other */
    uint64_t request_id;
    size_t policy_count;
    struct writ_span
        policies[DECISION_POLICIES_MAX]; /* "policy.cedar:3" or @id; live as the policy */
};

/* What is asked, in the one reading that is also sent. Spans are borrowed for the call. */
struct question {
    const struct service *service;
    uint64_t request_id;
    enum writ_http1_method method;
    struct writ_span method_name;
    struct writ_span path; /* canonical */
    bool has_query;
    struct writ_span query;
    const struct writ_http1_headers *headers;
    uint64_t body_bytes; /* as announced; UINT64_MAX when chunked */
};

struct policy;

/* Loads the doc's policies; the doc must outlive it. */
enum writ_err policy_new(const struct writ_doc *doc, struct policy **ret,
                         struct writ_diag *diag) WRIT_CHECK;
void policy_free(struct policy *p);
/* Some policy reads headers. */
bool policy_reads_headers(const struct policy *p) WRIT_CHECK;
/* Why the headers cannot be judged: one that policies name is there twice, or in a spelling that
 * some servers take for it. NULL if they can. */
const char *policy_why_not_judged(const struct policy *p, const struct service *s,
                                  const struct writ_http1_headers *hs) WRIT_CHECK;
void policy_decide(struct policy *p, const struct question *q, struct decision *ret);

#endif
