/*
 * relay.h - the task's standard input, output and error: pipes and a pty of its own.
 *
 * The task never gets a descriptor of ours: through /proc/self/fd it could open the file behind it
 * anew, with other rights. Streams that are terminals become one pty, whose size follows ours; the
 * others become pipes. Descriptors 0, 1 and 2 are shared with whoever started us, so they are never
 * made non-blocking: one read or a small write is made when epoll says that it will not wait.
 */
#ifndef WRIT_WRIT_RELAY_H
#define WRIT_WRIT_RELAY_H

#include <termios.h>

#include "loop/loop.h"

enum { RELAY_FLOWS = 4, RELAY_BYTES = 65536 };

struct relay_end {
    struct writ_io io;
    struct relay_flow *flow;
    int fd;
    bool owned;    /* a pipe or pty of ours: non-blocking, closed by us */
    bool pollable; /* files and /dev/null are not: always ready */
};

struct relay_flow {
    struct relay *relay;
    struct relay_end from;
    struct relay_end to;
    uint8_t *mem;
    size_t start;
    size_t end;
    bool active;
    bool eof;
    bool output; /* towards us: has to be complete before we end */
};

struct relay {
    struct writ_loop *loop;
    struct relay_flow flows[RELAY_FLOWS];
    int task_fds[3]; /* what the task gets */
    int master;      /* of the pty; -1 if there is none */
    int terminal;    /* the descriptor of ours that is a terminal */
    bool raw;
    struct termios saved;
};

enum writ_err relay_open(struct relay *r, struct writ_loop *loop) WRIT_CHECK;
/* After the task has its ends: closes our copies of them and begins. */
enum writ_err relay_start(struct relay *r) WRIT_CHECK;
void relay_resize(struct relay *r);
/* Everything the task wrote is out, or nobody takes it any more. */
bool relay_drained(const struct relay *r) WRIT_CHECK;
/* No process of the task is left: what is in the pipes is the rest. */
void relay_task_gone(struct relay *r);
void relay_close(struct relay *r);

#endif
