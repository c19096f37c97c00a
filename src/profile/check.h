/*
 * check.h - what a writ may contain: the rules that hold however it was made.
 *
 * The reader of profiles explains a mistake to a person; here is only yes or no, and it is asked
 * again for every writ that arrives from another process. Nothing here allocates or does I/O.
 */
#ifndef WRIT_PROFILE_CHECK_H
#define WRIT_PROFILE_CHECK_H

#include "profile/doc.h"

/* A host name as writ_is_host, or an IP address as writ_addr_print writes it, without brackets. */
bool writ_check_host(const char *host) WRIT_CHECK;
/* A path prefix that policy and every upstream read the same way: begins and ends with '/', no
 * empty, "." or ".." segment, no ';', no '\\', percent-encoding (RFC 3986 section 2.1) only in
 * capitals, only where it is needed, and never of '/', '\\', '%', '.' or a control character. */
bool writ_check_base(struct writ_span s) WRIT_CHECK;
/* Absolute, no empty, "." or ".." component, no '/' at the end except in "/" itself. */
bool writ_check_path(const char *path) WRIT_CHECK;
/* [A-Za-z_][A-Za-z0-9_]* up to WRIT_NAME_MAX: what a POSIX shell can read back. */
bool writ_check_env_name(struct writ_span s) WRIT_CHECK;
/* RFC 9110 section 5.6.2. */
bool writ_check_token(struct writ_span s) WRIT_CHECK;
/* A header that a credential may be put into: a token that is not about the connection, the length
 * or the host, which are the gateway's own to write. */
bool writ_check_inject_header(struct writ_span s) WRIT_CHECK;
/* Visible ASCII and blanks: what may stand before and after a credential in a header. */
bool writ_check_visible(struct writ_span s) WRIT_CHECK;
/* The bits after the prefix are zero. */
bool writ_check_cidr(const struct writ_doc_cidr *c) WRIT_CHECK;

bool writ_check_service(const struct writ_doc_service *s) WRIT_CHECK;
bool writ_check_doc(const struct writ_doc *d) WRIT_CHECK;

#endif
