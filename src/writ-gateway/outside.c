#include "writ-gateway/outside.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

/* Called by OpenSSL with a new session ticket; returning 1 keeps the reference. */
static int
remember_session(SSL *ssl, SSL_SESSION *session)
{
    struct service *s = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));

    if (s->session != NULL)
        SSL_SESSION_free(s->session);
    s->session = session;
    return 1;
}

static bool
trust_pem(SSL_CTX *ctx, struct writ_span pem)
{
    BIO *bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);
    X509_STORE *store = SSL_CTX_get_cert_store(ctx);
    X509 *cert;
    unsigned n = 0;

    if (bio == NULL)
        return false;
    while ((cert = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
        n += X509_STORE_add_cert(store, cert) == 1 ? 1 : 0;
        X509_free(cert);
    }
    ERR_clear_error();
    BIO_free(bio);
    return n != 0;
}

static bool
configure(SSL_CTX *ctx, struct service *s)
{
    static const unsigned char alpn[] = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
    bool trusted = s->doc->ca.len != 0 ? trust_pem(ctx, s->doc->ca)
                                       : SSL_CTX_set_default_verify_paths(ctx) == 1;

    SSL_CTX_set_app_data(ctx, s);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                              SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_read_ahead(ctx, 1); /* one read for a record, not one for its header first */
    (void)SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    (void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ctx, remember_session);
    return trusted && SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1 &&
           SSL_CTX_set_alpn_protos(ctx, alpn, sizeof(alpn)) == 0;
}

enum writ_err
outside_prepare(struct service *s, const char **reason)
{
    SSL_CTX *ctx;

    if (s->outside != NULL)
        return WRIT_OK;
    ctx = SSL_CTX_new(TLS_client_method());
    if (ctx == NULL || !configure(ctx, s)) {
        SSL_CTX_free(ctx);
        *reason = "the certificates to trust for this service cannot be used";
        return WRIT_E_FORMAT;
    }
    s->outside = ctx;
    return WRIT_OK;
}

enum writ_err
outside_session(struct service *s, int fd, SSL **ret)
{
    SSL *ssl = SSL_new(s->outside);
    char name[WRIT_HOST_MAX + 1]; /* OpenSSL's macro wants it writable */
    bool named;

    if (ssl == NULL)
        return WRIT_E_NOMEM;
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (s->literal.family != 0) {
        named = X509_VERIFY_PARAM_set1_ip(SSL_get0_param(ssl), s->literal.bytes,
                                          s->literal.family == 4 ? 4 : 16) == 1;
    } else {
        memcpy(name, s->doc->host, sizeof(name));
        named = SSL_set1_host(ssl, name) == 1 && SSL_set_tlsext_host_name(ssl, name) == 1;
    }
    if (!named || SSL_set_fd(ssl, fd) != 1) {
        SSL_free(ssl);
        return WRIT_E_NOMEM;
    }
    if (s->session != NULL)
        (void)SSL_set_session(ssl, s->session);
    SSL_set_connect_state(ssl);
    *ret = ssl;
    return WRIT_OK;
}

const char *
outside_failure(const SSL *ssl)
{
    long verdict = SSL_get_verify_result(ssl);

    switch (verdict) {
    case X509_V_OK:
        return "the TLS handshake with the service failed";
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        return "the service's certificate is for another name";
    case X509_V_ERR_CERT_HAS_EXPIRED:
        return "the service's certificate has expired";
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
        return "the service's certificate is not signed by a trusted authority";
    default:
        return X509_verify_cert_error_string(verdict);
    }
}

bool
outside_drain_idle(struct stream *s)
{
    uint8_t byte;

    if (s->ssl == NULL)
        return false;
    return stream_read(s, &byte, 1) == STREAM_AGAIN && SSL_has_pending(s->ssl) == 0;
}

void
outside_done(struct service *s)
{
    if (s->session != NULL)
        SSL_SESSION_free(s->session);
    SSL_CTX_free(s->outside);
    s->session = NULL;
    s->outside = NULL;
}
