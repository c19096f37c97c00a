/*
 * digests.h - SHA-256 of the programs a task starts, each file read once.
 *
 * The key is device, inode, size, modification and change time: only who owns the machine's clock
 * can make two contents share one. The cache lives as long as the launcher.
 */
#ifndef WRIT_WRIT_DIGESTS_H
#define WRIT_WRIT_DIGESTS_H

#include "ledger/hash.h"
#include "sandbox/exec_notify.h"

enum { DIGESTS_MAX = 256, DIGEST_FILE_MAX = 64 << 20 };

struct digest_entry {
    dev_t dev;
    ino_t ino;
    uint64_t size;
    int64_t mtime_ns;
    int64_t ctime_ns;
    uint8_t digest[WRIT_HASH_BYTES];
};

struct digests {
    struct digest_entry *at; /* a ring: the oldest is overwritten */
    size_t count;
    size_t next;
};

/* False if the file cannot be read, changed under us, or is larger than DIGEST_FILE_MAX. */
bool digests_get(struct digests *d, const struct writ_exec_event *ev,
                 uint8_t ret[WRIT_HASH_BYTES]) WRIT_CHECK;
void digests_done(struct digests *d);

#endif
