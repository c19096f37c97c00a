/*
 * doc.h - the writ itself: who asked, which program, which services, which policy, until when.
 *
 * The launcher makes it from a profile or from flags, the ledger records its digest, the gateway
 * and the keeper are handed the encoded bytes and decode them strictly. It holds no secret: a
 * credential is named, never contained. One struct owns everything it points to (writ_doc_done);
 * strings are NUL-terminated and bounded by base/limits.h, optional ones are "" when absent.
 */
#ifndef WRIT_PROFILE_DOC_H
#define WRIT_PROFILE_DOC_H

#include <netinet/in.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/id.h"
#include "base/limits.h"

enum writ_scheme {
    WRIT_SCHEME_HTTP = 1,
    WRIT_SCHEME_HTTPS,
};

/* Where the credential goes in a request. */
enum writ_inject {
    WRIT_INJECT_NONE = 0,
    WRIT_INJECT_HEADER, /* name: before + secret + after */
    WRIT_INJECT_BASIC,  /* Authorization: Basic base64(name ":" secret) */
    WRIT_INJECT_QUERY,  /* name=secret, percent-encoded */
    WRIT_INJECT_COOKIE, /* Cookie: name=secret */
};

struct writ_doc_cidr {
    uint8_t addr[16]; /* IPv4 is written as ::ffff:a.b.c.d */
    uint8_t bits;     /* 0..128, counted in the 16-byte form */
};

struct writ_doc_service {
    char name[WRIT_NAME_MAX + 1];
    enum writ_scheme scheme;
    char host[WRIT_HOST_MAX + 1];
    uint16_t port;               /* as in the URL, or the scheme's own */
    char base[WRIT_URL_MAX + 1]; /* path prefix in canonical form, "/" for all; ends with '/' */
    char env[WRIT_NAME_MAX + 1];
    char credential[WRIT_NAME_MAX + 1];
    enum writ_inject inject;
    char inject_name[WRIT_NAME_MAX + 1];
    char inject_before[256];
    char inject_after[256];
    char connect_host[WRIT_HOST_MAX + 1]; /* dial this (a name or an address) instead of host */
    uint16_t connect_port;
    struct writ_doc_cidr *addresses; /* special ranges that may be dialled */
    size_t address_count;
    struct writ_span ca; /* PEM to trust instead of the system's roots; len 0: the system's */
};

struct writ_doc_bind {
    char *host;   /* absolute path outside, symbolic links resolved */
    char *inside; /* absolute path inside */
    char *asked; /* absolute path with its links, as the profile has it; not encoded, may be NULL */
    bool write;
};

struct writ_doc_policy {
    char *file; /* as named by the profile, for messages and ids */
    struct writ_span text;
};

struct writ_doc_limits { /* 0: none */
    uint64_t wall_ms;
    uint64_t memory_bytes;
    uint64_t disk_bytes; /* what the task may write to its private file systems */
    uint32_t pids;
};

struct writ_doc_invoker {
    uint32_t uid;
    uint32_t gid;
    uint32_t login_uid; /* /proc/self/loginuid; UINT32_MAX when not set */
    uint32_t session;   /* audit session id, same */
    char user[WRIT_NAME_MAX + 1];
    char parent[256]; /* the program that called us: its executable's path */
    char tty[64];
};

struct writ_doc {
    struct writ_id task;
    char profile[WRIT_NAME_MAX + 1];
    char env[WRIT_NAME_MAX + 1];
    struct writ_doc_invoker invoker;
    int64_t started_us;  /* wall clock */
    int64_t deadline_us; /* 0: none */
    struct writ_doc_limits limits;
    char **argv; /* NULL-terminated */
    size_t argc;
    char **envp; /* "NAME=value" that the profile adds; NULL-terminated */
    size_t envc;
    char *cwd; /* inside the task */
    struct writ_doc_bind *binds;
    size_t bind_count;
    struct writ_doc_service *services;
    size_t service_count;
    struct writ_doc_policy *policies;
    size_t policy_count;
};

void writ_doc_init(struct writ_doc *d);
void writ_doc_done(struct writ_doc *d);
/* Frees argv alone. */
void writ_doc_drop_command(struct writ_doc *d);
/* For one that is not in a writ yet. */
void writ_doc_service_done(struct writ_doc_service *s);
/* The canonical encoding: the same writ gives the same bytes. */
enum writ_err writ_doc_encode(const struct writ_doc *d, struct writ_buf *ret) WRIT_CHECK;
/* Refuses whatever writ_doc_encode cannot have written. *ret is initialised by the callee. */
enum writ_err writ_doc_decode(struct writ_span s, struct writ_doc *ret) WRIT_CHECK;

#endif
