#include "ipc/msg.h"

#define LAUNCHER WRIT_ROLE_LAUNCHER
#define GATEWAY  WRIT_ROLE_GATEWAY
#define KEEPER   WRIT_ROLE_KEEPER
#define LEDGER   WRIT_ROLE_LEDGER
#define S        (unsigned)WRIT_PHASE_SETUP
#define R        (unsigned)WRIT_PHASE_RUN
#define E        (unsigned)WRIT_PHASE_END

static const struct writ_msg_rule rules[WRIT_MSG_COUNT] = {
#define M(name, from, to, phases, body_max, fds)                                                   \
    [WRIT_MSG_##name] = {#name, body_max, from, to, phases, fds},
#include "ipc/messages.def"
#undef M
};

const struct writ_msg_rule *
writ_msg_rule(unsigned type)
{
    if (type == WRIT_MSG_NONE || type >= WRIT_MSG_COUNT)
        return NULL;
    return &rules[type];
}
