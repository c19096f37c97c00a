/*
 * policy_ask.h - a request as the gateway would put it, made up for a test or an explanation.
 */
#ifndef WRIT_WRIT_POLICY_ASK_H
#define WRIT_WRIT_POLICY_ASK_H

#include "base/json_read.h"
#include "cedar/cedar.h"

enum { POLICY_HEADERS_MAX = 32, POLICY_SEGMENTS_MAX = 64 };

/* What is asked. Texts are borrowed; what is not said has a default. */
struct policy_ask {
    struct writ_span method;  /* GET */
    struct writ_span service; /* required */
    struct writ_span path;    /* "/" */
    struct writ_span query;
    bool has_query;
    int64_t length; /* below 0: not announced */
    struct cedar_field headers[POLICY_HEADERS_MAX];
    size_t header_n;
    struct writ_span profile;
    struct writ_span env;
    struct writ_span user;
    int64_t uid;
    int64_t requests;
    struct cedar_value now; /* a datetime */
    bool credentialed;
};

struct policy_asked;

void policy_ask_init(struct policy_ask *a, struct writ_span profile);
/* From {"method","service","path","query","length","headers","profile","env","user","uid",
 * "requests","now","credentialed"}; *d says what is wrong. */
bool policy_ask_json(struct policy_ask *a, const struct writ_jval *v,
                     struct writ_diag *d) WRIT_CHECK;

/* The entities and the request of an ask, which must outlive it; checked against the schema. */
bool policy_asked_new(const struct policy_ask *a, const struct cedar_schema *schema,
                      struct policy_asked **ret, struct cedar_error *err) WRIT_CHECK;
void policy_asked_free(struct policy_asked *q);
const struct cedar_store *policy_asked_store(const struct policy_asked *q) WRIT_CHECK;
const struct cedar_request *policy_asked_request(const struct policy_asked *q) WRIT_CHECK;

#endif
