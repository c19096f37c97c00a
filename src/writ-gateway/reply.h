/*
 * reply.h - answers of our own: refusals that say what was refused, why, and by which rule.
 */
#ifndef WRIT_GATEWAY_REPLY_H
#define WRIT_GATEWAY_REPLY_H

#include "writ-gateway/client.h"

struct refusal {
    unsigned status;
    const char
        *error; /* "denied", "malformed", "upstream", "limit", "ledger": a word for programs */
    const char *reason;              /* a sentence for people */
    const struct decision *decision; /* names the policies; may be NULL */
    uint64_t request_id;
};

/* Puts the answer into c->out. close: the connection ends with it (a body was not read, or the
 * bytes that follow cannot be trusted); else the client may go on. */
void reply_refuse(struct client *c, const struct refusal *r, bool close);

#endif
