/*
 * http1_head.h - what request heads, response heads and trailer sections share; for src/proto only.
 */
#ifndef WRIT_PROTO_HTTP1_HEAD_H
#define WRIT_PROTO_HTTP1_HEAD_H

#include "proto/http1.h"

/* Sets *fault and returns FORMAT; the callers' many refusals stay one line each. */
enum writ_err writ_http1_refuse(struct writ_http1_fault *fault, unsigned status,
                                const char *reason) WRIT_CHECK;
enum writ_err writ_http1_exceed(struct writ_http1_fault *fault, unsigned status,
                                const char *reason) WRIT_CHECK;

/*
 * Looks for the empty line from *scanned on. OK: *ret_len is the length with it, and in these bytes
 * each CR is followed by LF, each LF preceded by CR, and no other control character but HTAB is
 * left. A section (trailers) may consist of the empty line alone, a head may not.
 */
enum writ_err writ_http1_scan(struct writ_span in, size_t *scanned, bool section, size_t *ret_len,
                              struct writ_http1_fault *fault) WRIT_CHECK;

/* enum writ_http1_name, or WRIT_HTTP1_H_MAX for what only looks like a known name. */
unsigned writ_http1_name_id(const uint8_t *name, size_t len) WRIT_CHECK;
/* The same for a name of letters, digits and '-' alone, which is not empty. */
unsigned writ_http1_plain_name_id(const uint8_t *name, size_t len) WRIT_CHECK;
bool writ_http1_name_is_hop(unsigned id) WRIT_CHECK;
bool writ_http1_name_is_single(unsigned id, bool request) WRIT_CHECK;
/* May this header be named in Connection, or come as a trailer? */
bool writ_http1_name_may_list(unsigned id) WRIT_CHECK;
bool writ_http1_name_may_trail(unsigned id) WRIT_CHECK;

/* One field line of scanned bytes at *at, which moves past its CRLF; limit is where the head ends.
 */
enum writ_err writ_http1_field(const uint8_t **at, const uint8_t *limit,
                               struct writ_http1_header *ret,
                               struct writ_http1_fault *fault) WRIT_CHECK;
/* All field lines of a head from *at to the empty line, with singletons and Connection judged. */
enum writ_err writ_http1_fields(const uint8_t *at, const uint8_t *limit, bool request,
                                struct writ_http1_headers *ret,
                                struct writ_http1_fault *fault) WRIT_CHECK;

struct writ_http1_options {
    bool close;
    bool keep_alive;
};

/* Reads Connection and marks the headers that it names. */
enum writ_err writ_http1_read_connection(struct writ_http1_headers *hs,
                                         struct writ_http1_options *ret,
                                         struct writ_http1_fault *fault) WRIT_CHECK;
/* Content-Length and Transfer-Encoding; NO_BODY if there is neither. */
enum writ_err writ_http1_read_framing(const struct writ_http1_headers *hs, unsigned minor,
                                      enum writ_http1_framing *ret, uint64_t *ret_length,
                                      struct writ_http1_fault *fault) WRIT_CHECK;
/* "HTTP/1.0" or "HTTP/1.1" in exactly eight bytes. */
enum writ_err writ_http1_read_version(const uint8_t *at, size_t len, uint8_t *ret_minor,
                                      struct writ_http1_fault *fault) WRIT_CHECK;
/* The next element between commas, trimmed, perhaps empty; *rest starts as the value. */
bool writ_http1_list_next(struct writ_span *rest, struct writ_span *ret) WRIT_CHECK;
struct writ_span writ_http1_trim(struct writ_span s) WRIT_CHECK;

#endif
