/*
 * client.h - one connection of the task, and the one exchange that may be open on it.
 *
 * A client is freed between turns after client_close; an exchange lives inside it and owns nothing
 * but its upstream, which it returns to the pool or closes when it ends. Requests on a connection
 * are answered one after the other.
 */
#ifndef WRIT_GATEWAY_CLIENT_H
#define WRIT_GATEWAY_CLIENT_H

#include "proto/http1_body.h"
#include "writ-gateway/gateway.h"
#include "writ-gateway/policy.h"
#include "writ-gateway/stream.h"

enum client_state {
    CLIENT_SNIFF,     /* TLS or not? */
    CLIENT_HANDSHAKE, /* TLS */
    CLIENT_HEAD,      /* a request head is awaited or being read */
    CLIENT_WAIT,      /* an allowed request waits for a credential, an address or a connection */
    CLIENT_EXCHANGE,
    CLIENT_FLUSH,  /* the last bytes are going out; then closed */
    CLIENT_LINGER, /* what still comes is dropped, so that the answer is not reset away */
    CLIENT_CLOSED,
};

struct exchange {
    uint64_t id; /* "r<id>" for people */
    struct service *service;
    struct upstream *up;
    struct decision decision;
    enum writ_http1_method method;
    bool client_http10;
    bool client_keep;
    bool te_trailers;
    bool retried;
    bool expects;      /* 100-continue */
    bool wiped;        /* the credential is out of up->out */
    bool up_keep;      /* the upstream may be used again */
    bool retryable;    /* safe, without a body: may be sent again if a pooled connection was dead */
    bool sent;         /* something of it went to the upstream */
    bool request_done; /* the whole body went into up->out */
    bool head_done;    /* the final answer's head was read */
    bool response_done; /* the whole answer went into client.out */
    bool out_chunked;   /* of the answer, towards the client */
    bool in_chunked;    /* of the request, towards the upstream */
    bool early;         /* the answer came before the request was complete */
    unsigned status;
    unsigned interims; /* 1xx answers so far */
    size_t head_len;   /* of the request, still in client.in: a retry reads it again */
    uint64_t begin_us; /* monotonic */
    uint64_t decided_us;
    uint64_t first_us; /* the answer's head was there */
    struct writ_http1_body request_body;
    struct writ_http1_body response_body;
};

struct client {
    struct writ_deferred deferred; /* first */
    struct gateway *gw;
    struct client *prev;
    struct client *next;
    struct client *wait_next;
    struct writ_io io;
    struct stream s;
    struct writ_buf in;
    struct writ_buf out;
    enum client_state state;
    uint64_t id;
    uint64_t deadline_us; /* 0: none */
    uint64_t lingered;
    size_t scanned;
    size_t hello_bytes; /* of an incomplete ClientHello: looked at again only when there are more */
    struct writ_addr dest; /* where the task thought it was going */
    uint16_t dest_port;
    uint16_t peer_port; /* inside the task */
    bool proxied;       /* CONNECT was answered: `tunnel` is the destination now */
    bool waiting;       /* in gw->waiting */
    bool woken;
    struct writ_http1_authority tunnel;
    char sni[WRIT_HOST_MAX + 1];
    bool busy; /* more can be moved at once, in the next turn */
    struct exchange x;
};

void client_accept(struct listener *l);
/* Goes on with a connection after something it waited for has happened. */
void client_resume(struct client *c);
void client_close(struct client *c);
void client_tick(struct client *c, uint64_t now_us);
/* Brings what epoll waits for in line with the state. */
void client_interest(struct client *c);
/* The answer in c->out is the last one: flush, linger, close. */
void client_finish(struct client *c);
/* Ready for the next request on the same connection. */
void client_next(struct client *c);

#endif
