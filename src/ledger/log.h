/*
 * log.h - a task's own log: tasks/<task id>.jsonl, append only, chained, locked by its writer.
 *
 * Records gather in memory (writ_log_add) and reach the file together (writ_log_flush); what a
 * failed flush did not write stays in memory for the next one, and the file is cut back to its last
 * whole line. Room is reserved ahead of the end of the file, so that a full disk is noticed
 * (writ_log_flush gives WRIT_E_LIMIT after it wrote) while what is already on its way can still be
 * kept. The lock (flock) tells others whether somebody writes this log; it goes with the process.
 */
#ifndef WRIT_LEDGER_LOG_H
#define WRIT_LEDGER_LOG_H

#include <sys/types.h>

#include "base/buf.h"
#include "base/id.h"
#include "ledger/hash.h"
#include "ledger/record.h"

struct writ_log {
    int fd; /* -1: not open */
    char task[WRIT_TASK_ID_BYTES + 1];
    uint64_t records; /* lines in the file and in memory */
    bool sealed;      /* the last line in the file is the seal */
    uint64_t written; /* lines in the file */
    off_t size;       /* of the whole lines in the file */
    off_t reserved;   /* the file system has given us blocks up to here */
    uint8_t first[WRIT_HASH_BYTES];
    uint8_t head[WRIT_HASH_BYTES];         /* of the last line added */
    uint8_t written_head[WRIT_HASH_BYTES]; /* of the last line in the file */
    struct writ_buf pending;
};

/* How the last whole line of a log reads, and what stands behind it. */
struct writ_tail {
    off_t size;   /* up to the end of the last whole line */
    off_t torn;   /* bytes behind it */
    uint64_t seq; /* 0: there is no whole line */
    enum writ_kind kind;
    uint8_t head[WRIT_HASH_BYTES];
    uint8_t torn_hash[WRIT_HASH_BYTES];
};

void writ_log_init(struct writ_log *l);
/* Closes and unlocks; what was not flushed is lost. */
void writ_log_done(struct writ_log *l);

/* "<task>.jsonl" */
enum { WRIT_LOG_NAME = WRIT_TASK_ID_BYTES + sizeof(".jsonl") };

void writ_log_name(const char *task, char ret[WRIT_LOG_NAME]);

/* A new log; STATE if there is one already. */
enum writ_err writ_log_create(int tasks_fd, const char *task, struct writ_log *l) WRIT_CHECK;
/*
 * Takes up a log that nobody writes any more, cuts a torn tail off and records the cut. AGAIN if
 * somebody writes it; FORMAT if its last line is no record: nothing is touched then.
 */
enum writ_err writ_log_resume(int tasks_fd, const char *task, struct writ_log *l) WRIT_CHECK;
/*
 * The same with a descriptor that a dead writer left behind (taken over in every case): its lock
 * never went away, so that nobody came in between. DENIED if it is not this task's log.
 */
enum writ_err writ_log_adopt(int tasks_fd, const char *task, int fd, struct writ_log *l) WRIT_CHECK;
/* FORMAT: the record is malformed and nothing was added. LIMIT: flush first. */
enum writ_err writ_log_add(struct writ_log *l, struct writ_span record,
                           enum writ_role from) WRIT_CHECK;

/* Where a log stands, to return to it while nothing has been flushed since. */
struct writ_log_mark {
    uint64_t records;
    size_t pending;
    uint8_t head[WRIT_HASH_BYTES];
};

struct writ_log_mark writ_log_mark(const struct writ_log *l);
void writ_log_undo(struct writ_log *l, const struct writ_log_mark *m);
/* SYS: not written. LIMIT: written, but no room is left beyond; errno says why in both cases. */
enum writ_err writ_log_flush(struct writ_log *l) WRIT_CHECK;
enum writ_err writ_log_sync(struct writ_log *l) WRIT_CHECK;
/* Gives the reserved room back. */
void writ_log_trim(struct writ_log *l);

/* Reads the end of a log without reading the rest. FORMAT: the last whole line is no record. */
enum writ_err writ_tail_read(int fd, off_t size, struct writ_tail *ret) WRIT_CHECK;

#endif
