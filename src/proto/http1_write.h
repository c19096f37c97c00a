/*
 * http1_write.h - message heads, written anew and only from parts that cannot end a line.
 *
 * A part that could change the framing (CR, LF, NUL, another control character, a name that is no
 * token) sets the buffer's failed bit, so that nothing of it is ever sent: check it once before
 * sending. That never replaces refusing such a part where it came in.
 */
#ifndef WRIT_PROTO_HTTP1_WRITE_H
#define WRIT_PROTO_HTTP1_WRITE_H

#include "base/buf.h"
#include "proto/http1.h"

/* "OK" for 200 ...; "" for a status without a registered name. */
const char *writ_http1_status_text(unsigned status);
/* "HTTP/1.1 200 OK\r\n" */
void writ_http1_put_status(struct writ_buf *b, unsigned status);
/* "GET /path?query HTTP/1.1\r\n"; path as writ_http1_path_canonical gives it. */
void writ_http1_put_request_line(struct writ_buf *b, struct writ_span method, struct writ_span path,
                                 bool has_query, struct writ_span query);
/* "name: value\r\n" */
void writ_http1_put_header(struct writ_buf *b, struct writ_span name, struct writ_span value);
void writ_http1_put_header_str(struct writ_buf *b, const char *name, const char *value);
void writ_http1_put_content_length(struct writ_buf *b, uint64_t n);
/* "Host: host\r\n", "Host: host:port\r\n", "Host: [v6]:port\r\n"; the port is left out if 0. */
void writ_http1_put_host(struct writ_buf *b, const struct writ_http1_authority *a);
/* The empty line. */
void writ_http1_put_end(struct writ_buf *b);

#endif
