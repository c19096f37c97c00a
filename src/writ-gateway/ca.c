/*
 * The keys are made with the functions of OpenSSL 1: writing a certificate's public key that
 * EVP_EC_gen made loads every encoder of the library first, for each task anew. So does the
 * library's own generator of random numbers with every cipher: the kernel's is used directly.
 */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "writ-gateway/ca.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/id.h"

enum { CA_DAYS = 7, CA_SKEW_S = 300, CA_SERIAL_BYTES = 16 };

struct ca {
    const struct gateway *gw;
    EVP_PKEY *key;
    X509 *cert;
    EVP_PKEY *leaf_key; /* one for all leaves: they protect the same two ends */
};

static bool
add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509_EXTENSION *ext;
    int ok;

    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
    ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    if (ext == NULL)
        return false;
    ok = X509_add_ext(cert, ext, -1);
    X509_EXTENSION_free(ext);
    return ok == 1;
}

static bool
set_serial(X509 *cert)
{
    uint8_t bytes[CA_SERIAL_BYTES];
    BIGNUM *n;
    bool ok;

    writ_random(bytes, sizeof(bytes));
    bytes[0] &= 0x7f; /* a positive number of at most 20 octets: RFC 5280 4.1.2.2 */
    n = BN_bin2bn(bytes, sizeof(bytes), NULL);
    ok = n != NULL && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(cert)) != NULL;
    BN_free(n);
    return ok;
}

static bool
set_name(X509_NAME *name, const char *text)
{
    return X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)text, -1, -1,
                                      0) == 1;
}

static X509 *
new_cert(EVP_PKEY *key, const char *name, long life_s)
{
    X509 *cert = X509_new();

    if (cert == NULL || X509_set_version(cert, X509_VERSION_3) != 1 || !set_serial(cert) ||
        X509_gmtime_adj(X509_getm_notBefore(cert), -CA_SKEW_S) == NULL ||
        X509_gmtime_adj(X509_getm_notAfter(cert), life_s) == NULL ||
        X509_set_pubkey(cert, key) != 1 || !set_name(X509_get_subject_name(cert), name)) {
        X509_free(cert);
        return NULL;
    }
    return cert;
}

/* permitted: exactly the hosts of the services; excluded: every address, unless one is a service */
static bool
constrain(X509 *cert, const struct gateway *gw)
{
    WRIT_BUF_AUTO struct writ_buf text = {0};
    bool address = false;

    writ_buf_init(&text, WRIT_SERVICES_MAX * (WRIT_HOST_MAX + 32UL));
    writ_buf_put_str(&text, "critical");
    for (size_t i = 0; i < gw->service_count; i++) {
        const struct service *s = &gw->services[i];

        if (!s->https)
            continue;
        if (s->literal.family == 0) {
            writ_buf_putf(&text, ",permitted;DNS:%s", s->doc->host);
        } else {
            writ_buf_putf(&text, ",permitted;IP:%s/%s", s->doc->host,
                          s->literal.family == 4 ? "255.255.255.255"
                                                 : "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
            address = true;
        }
    }
    if (!address)
        writ_buf_put_str(&text, ",excluded;IP:0.0.0.0/0.0.0.0,excluded;IP:::/::");
    writ_buf_put_u8(&text, 0);
    return !text.failed &&
           add_extension(cert, cert, NID_name_constraints, (const char *)writ_buf_span(&text).ptr);
}

static long
life_s(const struct gateway *gw)
{
    int64_t left = (gw->doc.deadline_us - writ_clock_wall_us()) / 1000000;

    if (gw->doc.deadline_us == 0 || left > CA_DAYS * 86400L)
        return CA_DAYS * 86400L;
    return (long)left + CA_SKEW_S;
}

static EVP_PKEY *
new_key(void)
{
    EVP_PKEY *key = EVP_PKEY_new();
    EC_KEY *ec = EC_KEY_new_by_curve_name(NID_X9_62_prime256v1);

    if (key != NULL && ec != NULL && EC_KEY_generate_key(ec) == 1 &&
        EVP_PKEY_assign_EC_KEY(key, ec) == 1)
        return key;
    EC_KEY_free(ec);
    EVP_PKEY_free(key);
    return NULL;
}

static bool
make(struct ca *ca)
{
    char name[64];

    (void)snprintf(name, sizeof(name), "writ task %s", ca->gw->doc.task.text);
    ca->key = new_key();
    ca->leaf_key = new_key();
    if (ca->key == NULL || ca->leaf_key == NULL)
        return false;
    ca->cert = new_cert(ca->key, name, life_s(ca->gw));
    return ca->cert != NULL &&
           X509_set_issuer_name(ca->cert, X509_get_subject_name(ca->cert)) == 1 &&
           add_extension(ca->cert, ca->cert, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
           add_extension(ca->cert, ca->cert, NID_key_usage, "critical,keyCertSign") &&
           add_extension(ca->cert, ca->cert, NID_subject_key_identifier, "hash") &&
           constrain(ca->cert, ca->gw) && X509_sign(ca->cert, ca->key, EVP_sha256()) != 0;
}

static enum writ_err
to_pem(X509 *cert, struct writ_buf *pem)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *mem;
    long n;

    if (bio == NULL || PEM_write_bio_X509(bio, cert) != 1) {
        BIO_free(bio);
        return WRIT_E_NOMEM;
    }
    n = BIO_get_mem_data(bio, &mem);
    writ_buf_put(pem, writ_span(mem, (size_t)n));
    BIO_free(bio);
    return pem->failed ? WRIT_E_LIMIT : WRIT_OK;
}

static bool
any_https(const struct gateway *gw)
{
    for (size_t i = 0; i < gw->service_count; i++) {
        if (gw->services[i].https)
            return true;
    }
    return false;
}

static int
kernel_random(unsigned char *mem, int n)
{
    if (n < 0)
        return 0;
    writ_random(mem, (size_t)n); /* ends the process rather than return less */
    return 1;
}

static int
always_seeded(void)
{
    return 1;
}

static bool
start_library(void)
{
    static const RAND_METHOD kernel = {
        .bytes = kernel_random, .pseudorand = kernel_random, .status = always_seeded};

    /* error texts are never shown, and tables need not be taken apart before the process ends */
    return OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_LOAD_SSL_STRINGS |
                                OPENSSL_INIT_NO_LOAD_CRYPTO_STRINGS | OPENSSL_INIT_NO_ATEXIT,
                            NULL) == 1 &&
           RAND_set_rand_method(&kernel) == 1;
}

enum writ_err
ca_new(const struct gateway *gw, struct ca **ret, struct writ_buf *pem)
{
    struct ca *ca;
    enum writ_err e;

    *ret = NULL;
    if (!any_https(gw))
        return WRIT_OK;
    /* here and not earlier: a task without TLS does not pay for the library */
    if (!start_library())
        return WRIT_E_SYS;
    ca = calloc(1, sizeof(*ca));
    if (ca == NULL)
        return WRIT_E_NOMEM;
    ca->gw = gw;
    e = make(ca) ? to_pem(ca->cert, pem) : WRIT_E_NOMEM;
    if (e != WRIT_OK) {
        ca_free(ca);
        return e;
    }
    *ret = ca;
    return WRIT_OK;
}

void
ca_free(struct ca *ca)
{
    if (ca == NULL)
        return;
    EVP_PKEY_free(ca->key);
    EVP_PKEY_free(ca->leaf_key);
    X509_free(ca->cert);
    free(ca);
}

static X509 *
leaf_cert(struct ca *ca, const struct service *s)
{
    char name[WRIT_HOST_MAX + 16];
    /* the common name is for people; names that count are alternative names, which have no limit */
    X509 *cert = new_cert(ca->leaf_key, "writ service", life_s(ca->gw));

    (void)snprintf(name, sizeof(name), "%s:%s", s->literal.family == 0 ? "DNS" : "IP",
                   s->doc->host);
    if (cert == NULL || X509_set_issuer_name(cert, X509_get_subject_name(ca->cert)) != 1 ||
        !add_extension(cert, ca->cert, NID_basic_constraints, "critical,CA:FALSE") ||
        !add_extension(cert, ca->cert, NID_key_usage, "critical,digitalSignature") ||
        !add_extension(cert, ca->cert, NID_ext_key_usage, "serverAuth") ||
        !add_extension(cert, ca->cert, NID_authority_key_identifier, "keyid") ||
        !add_extension(cert, ca->cert, NID_subject_alt_name, name) ||
        X509_sign(cert, ca->key, EVP_sha256()) == 0) {
        X509_free(cert);
        return NULL;
    }
    return cert;
}

static int
choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                const unsigned char *in, unsigned in_len, void *arg)
{
    static const unsigned char http11[] = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
    unsigned char *chosen;

    (void)ssl;
    (void)arg;
    if (SSL_select_next_proto(&chosen, out_len, http11, sizeof(http11), in, in_len) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

enum writ_err
ca_leaf(struct ca *ca, struct service *s)
{
    SSL_CTX *ctx;
    X509 *cert;
    bool ok;

    if (s->inside != NULL)
        return WRIT_OK;
    ctx = SSL_CTX_new(TLS_server_method());
    cert = leaf_cert(ca, s);
    ok = ctx != NULL && cert != NULL && SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1 &&
         SSL_CTX_use_certificate(ctx, cert) == 1 && SSL_CTX_use_PrivateKey(ctx, ca->leaf_key) == 1;
    X509_free(cert);
    if (!ok) {
        SSL_CTX_free(ctx);
        return WRIT_E_NOMEM;
    }
    /* tickets cost more to make than they save between two processes of one machine */
    (void)SSL_CTX_set_num_tickets(ctx, 0);
    (void)SSL_CTX_set_options(ctx,
                              SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    (void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                              SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_read_ahead(ctx, 1); /* one read for a record, not one for its header first */
    SSL_CTX_set_alpn_select_cb(ctx, choose_protocol, NULL);
    s->inside = ctx;
    return WRIT_OK;
}
