/*
 * chan.h - one end of a SOCK_SEQPACKET pair between two of our processes.
 *
 * A datagram is a 16-byte header (magic u32, type u16, zero u16, body length u32, sequence u32) and
 * a body, with descriptors beside it. A truncated datagram, an unknown type, the wrong direction,
 * phase, size or number of descriptors, a gap in the sequence: the channel is closed and its owner
 * gets WRIT_E_FORMAT or WRIT_E_STATE; the process itself lives on. The body that recv returns is
 * borrowed from the channel until the next call on it. Received descriptors belong to the caller
 * and are close-on-exec.
 */
#ifndef WRIT_IPC_CHAN_H
#define WRIT_IPC_CHAN_H

#include "base/buf.h"
#include "ipc/msg.h"

struct writ_chan {
    int fd; /* -1 once closed */
    enum writ_role self;
    enum writ_role peer;
    enum writ_phase phase;
    uint32_t sent;
    uint32_t received;
    struct writ_buf in;
};

struct writ_msg_in {
    enum writ_msg type;
    struct writ_span body;
    int fds[WRIT_MSG_FDS_MAX];
    unsigned fd_count;
};

/* A connected pair, close-on-exec. */
enum writ_err writ_chan_pair(int ret[2]) WRIT_CHECK;
/* Takes fd over. */
void writ_chan_init(struct writ_chan *c, int fd, enum writ_role self, enum writ_role peer);
void writ_chan_done(struct writ_chan *c);

/* fds are duplicated by the kernel; the caller keeps its own. Blocks if fd blocks. */
enum writ_err writ_chan_send(struct writ_chan *c, enum writ_msg type, struct writ_span body,
                             const int *fds, unsigned fd_count) WRIT_CHECK;
/* WRIT_E_AGAIN if nothing is there on a non-blocking fd; WRIT_E_CLOSED when the peer has gone. */
enum writ_err writ_chan_recv(struct writ_chan *c, struct writ_msg_in *ret) WRIT_CHECK;
/* Receives, at most timeout_ms later (-1: whenever); WRIT_E_AGAIN if nothing came. */
enum writ_err writ_chan_wait(struct writ_chan *c, int timeout_ms,
                             struct writ_msg_in *ret) WRIT_CHECK;
/* The same, and insists on one type; descriptors of another are closed.
 */
enum writ_err writ_chan_expect(struct writ_chan *c, enum writ_msg type, int timeout_ms,
                               struct writ_msg_in *ret) WRIT_CHECK;
/* Closes the descriptors that came with m and were not taken (taken ones are set to -1). */
void writ_msg_in_close(struct writ_msg_in *m);

#endif
