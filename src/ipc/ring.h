/*
 * ring.h - a queue of records in shared memory: one process writes, one reads.
 *
 * What was pushed is outside the writer at once: it survives the writer's death and is drained by
 * the reader, so "in the ring" is "out of this process". The reader trusts nothing in it: each
 * length is checked against the ring, and a broken ring is reported, never followed.
 *
 * The writer pushes before it acts and asks writ_ring_alive first: a reader that failed (disk full)
 * or went away has said so in the header or closed its end of the doorbell's channel. When the ring
 * is full the push fails with WRIT_E_AGAIN and the writer must refuse what it wanted to do.
 */
#ifndef WRIT_IPC_RING_H
#define WRIT_IPC_RING_H

#include "base/err.h"
#include "base/span.h"

enum { WRIT_RING_BYTES = 1 << 20 };

struct writ_ring_shared;

struct writ_ring {
    struct writ_ring_shared *shared;
    int bell;      /* eventfd: the writer rings it when the reader may be asleep */
    uint64_t head; /* the writer's own count of bytes pushed, never read back from shared memory */
    uint64_t tail; /* the reader's own count of bytes taken */
};

/* Makes the memory and the doorbell; both are handed to writer and reader, who map them. */
enum writ_err writ_ring_make(int *ret_mem, int *ret_bell) WRIT_CHECK;
/* Maps mem (and closes it), takes bell over. The size is checked: mem may come from elsewhere. */
enum writ_err writ_ring_map(struct writ_ring *r, int mem, int bell) WRIT_CHECK;
void writ_ring_done(struct writ_ring *r);

/*
 * Writer. WRIT_E_AGAIN: full. WRIT_E_LIMIT: larger than WRIT_RECORD_BYTES_MAX. WRIT_E_CLOSED: the
 * ring is refused; the record may be read nevertheless. After WRIT_OK it is read by any reader that
 * refuses the ring first and empties it then.
 */
enum writ_err writ_ring_push(struct writ_ring *r, struct writ_span record) WRIT_CHECK;
/* Writer: false once the reader has declared that it keeps nothing any more. */
bool writ_ring_alive(const struct writ_ring *r) WRIT_CHECK;
/* Writer: how many bytes were pushed in all; names a record's place. */
uint64_t writ_ring_position(const struct writ_ring *r);

/* Reader. Copies the oldest record out: *ret points into scratch (WRIT_RECORD_BYTES_MAX bytes). */
enum writ_err writ_ring_pop(struct writ_ring *r, uint8_t *scratch,
                            struct writ_span *ret) WRIT_CHECK;
/* Reader: what was popped is safe now; its room is the writer's again. Should the reader die
 * before, the next one pops the same records once more: a record may come twice, but never not at
 * all. */
void writ_ring_release(struct writ_ring *r);
/* Reader: about to sleep. True if it may: the next push will ring the bell. */
bool writ_ring_sleep(struct writ_ring *r) WRIT_CHECK;
/*
 * From now on every push is refused. What was pushed before is still there for the reader, or for
 * the next one: whoever ends the record refuses first and then pops until nothing is left.
 */
void writ_ring_refuse(struct writ_ring *r);

#endif
