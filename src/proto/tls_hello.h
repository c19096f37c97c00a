/*
 * tls_hello.h - what a TLS client says about itself before anything is encrypted (RFC 8446 4.1.2).
 *
 * Reads the ClientHello from the first bytes of a connection without consuming them: the TLS
 * library reads them again. It never asks for more bytes than WRIT_TLS_HELLO_MAX, 5 for each of 32
 * records and one record more. A hello that is spread over records is put together in `scratch`,
 * which the caller lends; alpn borrows from there or from `in`.
 */
#ifndef WRIT_PROTO_TLS_HELLO_H
#define WRIT_PROTO_TLS_HELLO_H

#include "base/err.h"
#include "base/limits.h"
#include "base/span.h"

enum writ_tls_alert {
    WRIT_TLS_HANDSHAKE_FAILURE = 40,
    WRIT_TLS_ILLEGAL_PARAMETER = 47,
    WRIT_TLS_ACCESS_DENIED = 49,
    WRIT_TLS_DECODE_ERROR = 50,
    WRIT_TLS_PROTOCOL_VERSION = 70,
    WRIT_TLS_INTERNAL_ERROR = 80,
    WRIT_TLS_UNRECOGNIZED_NAME = 112,
    WRIT_TLS_NO_APPLICATION_PROTOCOL = 120,
};

struct writ_tls_hello {
    char sni[WRIT_HOST_MAX + 1]; /* lower case; "" if the client named none */
    uint8_t sni_len;
    uint16_t version; /* the highest offered: 0x0304 is TLS 1.3, 0x0303 is TLS 1.2 */
    bool has_alpn;
    bool alpn_h2;
    bool alpn_http11;
    bool ech; /* an encrypted hello, real or grease: the name above may not be the true one */
    bool early_data;       /* 0-RTT bytes may follow the hello */
    struct writ_span alpn; /* the protocol names, each after its length byte */
};

struct writ_tls_fault {
    const char *reason; /* static, one sentence without a final stop */
    enum writ_tls_alert alert;
};

/*
 * AGAIN: more bytes are needed. STATE: this is not TLS. FORMAT, LIMIT: TLS that is refused; *fault
 * says why and which alert to send. An empty connection is AGAIN.
 */
enum writ_err writ_tls_hello_parse(struct writ_span in, uint8_t scratch[WRIT_TLS_HELLO_MAX],
                                   struct writ_tls_hello *ret,
                                   struct writ_tls_fault *fault) WRIT_CHECK;
/* The next protocol name of an alpn span; *rest starts as it. */
bool writ_tls_alpn_next(struct writ_span *rest, struct writ_span *ret) WRIT_CHECK;

enum { WRIT_TLS_ALERT_BYTES = 7 };

/* A fatal alert in a record of its own, sent in the clear instead of a ServerHello. */
void writ_tls_alert_record(enum writ_tls_alert alert, uint8_t ret[WRIT_TLS_ALERT_BYTES]);

#endif
