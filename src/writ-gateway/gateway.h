/*
 * gateway.h - the state of one gateway: one task, its services, its connections.
 *
 * Everything here belongs to one thread and one loop. The doc outlives all else; services are an
 * array of fixed length, so a pointer to one stays valid. Clients and upstreams are lists of
 * separately allocated structs that are freed between turns of the loop.
 */
#ifndef WRIT_GATEWAY_GATEWAY_H
#define WRIT_GATEWAY_GATEWAY_H

#include <openssl/ssl.h>

#include "base/secret.h"
#include "ipc/chan.h"
#include "ipc/ring.h"
#include "loop/loop.h"
#include "profile/doc.h"
#include "proto/addr.h"
#include "proto/http1.h"

enum {
    GATEWAY_CLIENTS_MAX = 1024,     /* connections of the task at a time */
    GATEWAY_UPSTREAMS_MAX = 256,    /* connections to one service */
    GATEWAY_IDLE_MAX = 64,          /* of them, waiting for the next request */
    GATEWAY_ADDRESSES_MAX = 16,     /* of one service, as resolved */
    GATEWAY_READ_BYTES = 16384,     /* one read; also one TLS record */
    GATEWAY_HIGH_BYTES = 65536,     /* unsent bytes at which the other side is no longer read */
    GATEWAY_LINGER_BYTES = 1 << 20, /* what is read and dropped so that a refusal arrives */
    GATEWAY_LISTENERS_MAX = 32,
};

/* Microseconds. */
#define GATEWAY_HEAD_TIME    (30 * 1000000ULL)  /* for a request head, and a TLS handshake */
#define GATEWAY_KEEP_TIME    (300 * 1000000ULL) /* an idle client: it is on this machine */
#define GATEWAY_CONNECT_TIME (10 * 1000000ULL)
#define GATEWAY_ANSWER_TIME  (300 * 1000000ULL) /* from the request to the head of the answer */
#define GATEWAY_IDLE_TIME                                                                          \
    (50 * 1000000ULL) /* an idle upstream: below what servers allow (60 s)                         \
                       */
#define GATEWAY_LINGER_TIME (2 * 1000000ULL)
#define GATEWAY_RESOLVED_TIME                                                                      \
    (60 * 1000000ULL) /* how long an address is used before it is asked again */

struct client;
struct upstream;

enum credential_state {
    CREDENTIAL_NONE,    /* the service has none */
    CREDENTIAL_UNASKED, /* the keeper is asked with the first allowed request */
    CREDENTIAL_ASKED,
    CREDENTIAL_HERE,
    CREDENTIAL_REFUSED,
};

struct service {
    const struct writ_doc_service *doc;
    size_t index;
    bool https;
    struct writ_addr literal;              /* of doc->host; family 0 if that is a name */
    struct writ_addr dns[2];               /* what names resolve to inside the task: IPv4, IPv6 */
    struct writ_http1_authority authority; /* the Host header of its requests */
    struct writ_span base;                 /* doc->base */
    struct writ_cidr *allowed;             /* special ranges that may be dialled */
    size_t allowed_count;

    struct writ_addr address[GATEWAY_ADDRESSES_MAX]; /* resolved and allowed */
    size_t address_count;
    uint16_t dial_port;
    bool resolving;
    uint64_t resolved_us; /* 0: not yet; UINT64_MAX: an address was written down, never again */

    SSL_CTX *inside;  /* our leaf certificate for it */
    SSL_CTX *outside; /* verification of the upstream */
    SSL_SESSION *session;

    enum credential_state credential;
    struct writ_secret *secret; /* exactly the bytes that go into the request */
    uint8_t fingerprint[16];
    uint32_t version;
    char keeper_reason[256];

    struct upstream *idle; /* most recently used first */
    size_t idle_count;
    size_t upstream_count;
};

struct listener {
    struct writ_io io;
    struct gateway *gw;
    enum writ_listener kind;
    uint16_t port;
};

struct gateway {
    struct writ_loop loop;
    struct writ_chan launcher;
    struct writ_io launcher_io;
    struct writ_chan keeper;
    struct writ_io keeper_io;
    struct writ_ring ring;
    struct writ_doc doc;
    struct service *services;
    size_t service_count;
    struct policy *policy;
    struct ca *ca;
    struct resolver *resolver;
    struct dnsd *dnsd;
    struct tap *tap;
    struct listener listeners[GATEWAY_LISTENERS_MAX];
    size_t listener_count;

    struct client *clients;
    size_t client_count;
    struct upstream *upstreams;
    struct client *waiting; /* for a credential or for an address */
    uint64_t connection_seq;
    uint64_t request_seq;
    bool woken; /* some waiting client can go on */
    bool ending;

    /* Scratch for the request being read: nothing in it outlives the call that fills it. */
    struct writ_http1_request request;
    struct writ_http1_response response;
    struct writ_buf path;  /* canonical */
    struct writ_buf query; /* canonical; request.query lies in it */
    uint8_t record[WRIT_RECORD_BYTES_MAX];
    uint8_t hello[WRIT_TLS_HELLO_MAX];
    uint8_t hello_scratch[WRIT_TLS_HELLO_MAX];
};

static inline struct gateway *
gateway_of(struct writ_loop *l)
{
    return l->owner;
}

#endif
