/*
 * launch_in.h - what the files of the launcher share: one task, from its writ to its sealed log.
 *
 * launch.c watches it, launch_start.c starts its processes and tells them what they need to know,
 * launch_end.c takes everything down again. A failure leaves its text for the user in diag.
 */
#ifndef WRIT_WRIT_LAUNCH_IN_H
#define WRIT_WRIT_LAUNCH_IN_H

#include "ipc/ring.h"
#include "profile/doc.h"
#include "sandbox/sandbox.h"
#include "writ/children.h"
#include "writ/digests.h"
#include "writ/launch.h"
#include "writ/ledger_client.h"
#include "writ/records.h"
#include "writ/relay.h"

enum {
    LAUNCH_START_MS = 10000, /* one of our own processes that takes longer to start is stuck */
    LAUNCH_END_MS = 2000,
    LAUNCH_GRACE_US = 10 * 1000000,
};

struct launch {
    struct writ_loop loop;
    const struct writ_doc *doc;
    const char *state;
    struct writ_buf encoded;
    int doc_fd;
    struct ledger_client ledger;
    struct child keeper;
    struct child gateway;
    int ring_fds[2];       /* memory and doorbell */
    struct writ_ring ring; /* our own view, to stop it when the ledger dies */
    struct writ_sandbox box;
    bool box_started;
    bool task_running;
    struct writ_io control_io;
    struct writ_io notify_io;
    struct writ_io signal_io;
    struct writ_io timer_io;
    int signal_fd;
    int timer_fd;
    struct relay relay;
    struct digests digests;
    uint64_t drain_until_us; /* the task is over, its last output is on its way; 0 before that */
    uint64_t term_us;        /* when we were asked to end; the task gets a moment for it */
    int wait_status;
    int exit_code;
    const char *reason; /* why the task was ended; NULL: by itself */
    char text[1200];
    const char *died; /* the process of ours whose death is not recorded yet */
    bool log_open;
    struct writ_diag diag;
    uint8_t record[WRIT_RECORD_BYTES_MAX];
};

/* From the writ to a running task. */
enum writ_err launch_start(struct launch *l) WRIT_CHECK;
/* Freeze, cut the connections, kill, remove, seal: in this order, from whatever state we are in. */
void launch_end(struct launch *l);
/* Passes on what the task wrote before it ended. */
void launch_drain(struct launch *l);
/* Why one of our processes did not take what it was told, if it said so; into diag. */
void launch_last_words(struct launch *l);

#endif
