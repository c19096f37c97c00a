/*
 * msg.h - the table of messages between our processes, made from messages.def.
 */
#ifndef WRIT_IPC_MSG_H
#define WRIT_IPC_MSG_H

#include "base/limits.h"
#include "base/span.h"

enum writ_role {
    WRIT_ROLE_NONE = 0,
    WRIT_ROLE_LAUNCHER, /* writ run, or writd */
    WRIT_ROLE_GATEWAY,
    WRIT_ROLE_KEEPER,
    WRIT_ROLE_LEDGER,
};

/* A channel moves through these in order and never back. */
enum writ_phase {
    WRIT_PHASE_SETUP = 1,
    WRIT_PHASE_RUN = 2,
    WRIT_PHASE_END = 4,
};

enum writ_msg {
    WRIT_MSG_NONE = 0,

#define M(name, from, to, phases, body_max, fds) WRIT_MSG_##name,
#include "ipc/messages.def"
#undef M
    WRIT_MSG_COUNT,
};

struct writ_msg_rule {
    const char *name;
    size_t body_max;
    enum writ_role from;
    enum writ_role to;
    unsigned phases;
    unsigned fds;
};

/* The rule of a type, or NULL for a number that is no message. */
const struct writ_msg_rule *writ_msg_rule(unsigned type);

/* Kinds of sockets that are made inside the task's network namespace for the gateway. */
enum writ_listener {
    WRIT_LISTENER_TCP = 1, /* bound to any address, both families, at one port */
    WRIT_LISTENER_UDP_DNS, /* port 53, with the destination address delivered beside each datagram
                            */
    WRIT_LISTENER_PACKETS, /* raw sockets that see what no listener takes (sandbox/tap.h) */
};

enum writ_keeper_verb {
    WRIT_KEEPER_ADD = 1, /* refused if the name exists */
    WRIT_KEEPER_ROTATE,  /* refused if it does not */
    WRIT_KEEPER_REMOVE,
    WRIT_KEEPER_LIST,
    WRIT_KEEPER_PASSPHRASE, /* seal the store with this passphrase; an empty one: with a key file */
};

#endif
