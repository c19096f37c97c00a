/*
 * wire.h - the few messages between the launcher and pid 1 of a task.
 *
 * One SOCK_SEQPACKET datagram each: type u32, value u32 (big-endian), then text, with descriptors
 * beside it. The launcher's end is held by the launcher alone, so that its death is an end of file
 * for pid 1. Nothing inside the task ever holds the other end: pid 1 cannot be traced or opened,
 * and the program's copy is closed before it is executed.
 */
#ifndef WRIT_SANDBOX_WIRE_H
#define WRIT_SANDBOX_WIRE_H

#include "base/err.h"
#include "base/span.h"

enum {
    WRIT_WIRE_TEXT_MAX = 4352, /* a path of PATH_MAX and what names it */
    WRIT_WIRE_FDS_MAX = 32,
};

enum writ_wire {
    /* from the launcher */
    WRIT_WIRE_MAPPED = 1, /* the user namespace has its ids */
    WRIT_WIRE_PUT,        /* text: path; one fd: the content */
    WRIT_WIRE_GO,
    WRIT_WIRE_SIGNAL, /* value: the signal, for the program's process group */
    WRIT_WIRE_STOP,   /* stop everything but pid 1 */
    WRIT_WIRE_PROC, /* one fd: a proc mount of the task's pid namespace; none: there can be none */
    /* from inside */
    WRIT_WIRE_LISTENERS, /* text: kind u8 and port u16 for each; the sockets */
    WRIT_WIRE_MISSING,   /* text: a wall that could not be put up */
    WRIT_WIRE_NEED_PROC, /* the kernel lets only the launcher mount proc here */
    WRIT_WIRE_NOTIFY,    /* one fd: the seccomp listener; the program is about to be executed */
    WRIT_WIRE_EXEC_FAIL, /* value: errno of the program's execve */
    WRIT_WIRE_STATUS,    /* value: the program's wait status */
    WRIT_WIRE_STOPPED,   /* the answer to STOP */
    WRIT_WIRE_FAIL,      /* value: errno; text: at what */
};

struct writ_wire_msg {
    enum writ_wire type;
    uint32_t value;
    int fds[WRIT_WIRE_FDS_MAX]; /* the caller owns them; close-on-exec */
    size_t fd_count;
    size_t text_len;
    char text[WRIT_WIRE_TEXT_MAX + 1]; /* terminated */
};

struct writ_wire_fds {
    const int *fds;
    size_t count;
};

/* Nothing is waited for but room in the socket. */
enum writ_err writ_wire_send(int fd, enum writ_wire type, uint32_t value, struct writ_span text,
                             struct writ_wire_fds fds) WRIT_CHECK;
/* Waits at most timeout_ms (-1: for ever) and gives WRIT_E_AGAIN when nothing came. A datagram that
 * is none of the above is WRIT_E_FORMAT. */
enum writ_err writ_wire_recv(int fd, int timeout_ms, struct writ_wire_msg *ret) WRIT_CHECK;
void writ_wire_close_fds(struct writ_wire_msg *m);

#endif
