#include "ipc/ring.h"

#include <assert.h>

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/limits.h"

/* The writer owns the first line, the reader the second: they do not fight over one. */
struct writ_ring_shared {
    _Alignas(64) _Atomic uint64_t head;
    _Alignas(64) _Atomic uint64_t tail;
    _Atomic uint32_t asleep;
    _Atomic uint32_t refused;
    _Alignas(64) uint8_t bytes[WRIT_RING_BYTES];
};

enum { FRAME_BYTES = 4, FRAME_ALIGN = 8 };

static_assert((WRIT_RING_BYTES & (WRIT_RING_BYTES - 1)) == 0, "positions wrap by masking");

enum writ_err
writ_ring_make(int *ret_mem, int *ret_bell)
{
    WRIT_FD_AUTO int mem = -1;
    WRIT_FD_AUTO int bell = -1;

    mem = memfd_create("writ-ring", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (mem < 0 || bell < 0 || ftruncate(mem, (off_t)sizeof(struct writ_ring_shared)) < 0)
        return WRIT_E_SYS;
    /* a shrunk file would turn the other side's next access into SIGBUS */
    if (fcntl(mem, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
        return WRIT_E_SYS;
    *ret_mem = writ_fd_take(&mem);
    *ret_bell = writ_fd_take(&bell);
    return WRIT_OK;
}

enum writ_err
writ_ring_map(struct writ_ring *r, int mem, int bell)
{
    WRIT_FD_AUTO int owned_mem = mem;
    WRIT_FD_AUTO int owned_bell = bell;
    struct stat st;
    void *at;

    if (fstat(owned_mem, &st) < 0)
        return WRIT_E_SYS;
    if (st.st_size != (off_t)sizeof(struct writ_ring_shared) ||
        (fcntl(owned_mem, F_GET_SEALS) & F_SEAL_SHRINK) == 0)
        return WRIT_E_FORMAT;
    at = mmap(NULL, sizeof(struct writ_ring_shared), PROT_READ | PROT_WRITE, MAP_SHARED, owned_mem,
              0);
    if (at == MAP_FAILED)
        return WRIT_E_SYS;
    *r = (struct writ_ring){.shared = at, .bell = writ_fd_take(&owned_bell)};
    r->head = atomic_load(&r->shared->head);
    r->tail = atomic_load(&r->shared->tail);
    return WRIT_OK;
}

void
writ_ring_done(struct writ_ring *r)
{
    if (r->shared == NULL)
        return;
    (void)munmap(r->shared, sizeof(*r->shared));
    r->shared = NULL;
    writ_fd_close(&r->bell);
}

static void
copy_in(struct writ_ring_shared *s, uint64_t at, const uint8_t *from, size_t n)
{
    size_t begin = (size_t)(at & (WRIT_RING_BYTES - 1));
    size_t first = WRIT_RING_BYTES - begin < n ? WRIT_RING_BYTES - begin : n;

    memcpy(s->bytes + begin, from, first);
    memcpy(s->bytes, from + first, n - first);
}

static void
copy_out(const struct writ_ring_shared *s, uint64_t at, uint8_t *to, size_t n)
{
    size_t begin = (size_t)(at & (WRIT_RING_BYTES - 1));
    size_t first = WRIT_RING_BYTES - begin < n ? WRIT_RING_BYTES - begin : n;

    memcpy(to, s->bytes + begin, first);
    memcpy(to + first, s->bytes, n - first);
}

static size_t
framed(size_t n)
{
    return (FRAME_BYTES + n + FRAME_ALIGN - 1) & ~(size_t)(FRAME_ALIGN - 1);
}

static void
ring_bell(struct writ_ring *r)
{
    const uint64_t one = 1;

    /* a full eventfd counter is a bell that is ringing already */
    if (write(r->bell, &one, sizeof(one)) < 0)
        return;
}

enum writ_err
writ_ring_push(struct writ_ring *r, struct writ_span record)
{
    struct writ_ring_shared *s = r->shared;
    uint32_t len = (uint32_t)record.len;
    size_t need = framed(record.len);
    uint64_t used;

    if (record.len == 0 || record.len > WRIT_RECORD_BYTES_MAX)
        return WRIT_E_LIMIT;
    if (atomic_load_explicit(&s->refused, memory_order_relaxed) != 0)
        return WRIT_E_CLOSED;
    used = r->head - atomic_load_explicit(&s->tail, memory_order_acquire);
    if (used > WRIT_RING_BYTES || WRIT_RING_BYTES - used < need)
        return WRIT_E_AGAIN;
    copy_in(s, r->head, (const uint8_t *)&len, FRAME_BYTES);
    copy_in(s, r->head + FRAME_BYTES, record.ptr, record.len);
    r->head += need;
    atomic_store(&s->head, r->head);
    /* sequentially consistent with writ_ring_sleep: one of the two sees the other */
    if (atomic_load(&s->asleep) != 0 && atomic_exchange(&s->asleep, 0) != 0)
        ring_bell(r);
    /* asked again behind the record: a reader that refused and saw an empty ring is seen here */
    return atomic_load(&s->refused) == 0 ? WRIT_OK : WRIT_E_CLOSED;
}

bool
writ_ring_alive(const struct writ_ring *r)
{
    return atomic_load_explicit(&r->shared->refused, memory_order_relaxed) == 0;
}

uint64_t
writ_ring_position(const struct writ_ring *r)
{
    return r->head;
}

enum writ_err
writ_ring_pop(struct writ_ring *r, uint8_t *scratch, struct writ_span *ret)
{
    struct writ_ring_shared *s = r->shared;
    /* sequentially consistent with writ_ring_refuse before it and with writ_ring_push */
    uint64_t filled = atomic_load(&s->head) - r->tail;
    uint32_t len;

    if (filled == 0)
        return WRIT_E_AGAIN;
    if (filled > WRIT_RING_BYTES || filled < FRAME_BYTES)
        return WRIT_E_FORMAT;
    copy_out(s, r->tail, (uint8_t *)&len, FRAME_BYTES);
    if (len == 0 || len > WRIT_RECORD_BYTES_MAX || framed(len) > filled)
        return WRIT_E_FORMAT;
    copy_out(s, r->tail + FRAME_BYTES, scratch, len);
    r->tail += framed(len);
    *ret = writ_span(scratch, len);
    return WRIT_OK;
}

void
writ_ring_release(struct writ_ring *r)
{
    atomic_store_explicit(&r->shared->tail, r->tail, memory_order_release);
}

bool
writ_ring_sleep(struct writ_ring *r)
{
    uint64_t count;

    if (read(r->bell, &count, sizeof(count)) < 0 && errno != EAGAIN)
        return false;
    atomic_store(&r->shared->asleep, 1);
    if (atomic_load(&r->shared->head) == r->tail)
        return true;
    atomic_store(&r->shared->asleep, 0);
    return false;
}

void
writ_ring_refuse(struct writ_ring *r)
{
    atomic_store(&r->shared->refused, 1);
}
