/* A datagram from a peer gone mad: the channel takes it by its table or closes. */
#include <assert.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ipc/chan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum writ_phase phases[] = {WRIT_PHASE_SETUP, WRIT_PHASE_RUN, WRIT_PHASE_END};
    struct writ_chan c;
    struct writ_msg_in m;
    int pair[2];

    if (size < 2 || writ_chan_pair(pair) != WRIT_OK)
        return 0;
    writ_chan_init(&c, pair[0], (enum writ_role)(1 + (data[0] & 3)),
                   (enum writ_role)(1 + (data[0] >> 2 & 3)));
    c.phase = phases[data[0] >> 4 & 1];
    if (send(pair[1], data + 1, size - 1, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)size - 1) {
        enum writ_err e = writ_chan_recv(&c, &m);

        if (e == WRIT_OK) {
            const struct writ_msg_rule *rule = writ_msg_rule((unsigned)m.type);

            assert(rule != NULL && rule->from == c.peer && rule->to == c.self);
            assert(m.body.len <= rule->body_max && m.fd_count == rule->fds);
        } else {
            assert(c.fd == -1);
        }
    }
    writ_chan_done(&c);
    (void)close(pair[1]);
    return 0;
}
