#include "base/secret.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/limits.h"

struct writ_secret {
    uint8_t *mem;
    size_t len;
    size_t mapped;
};

static void *
map_memfd_secret(size_t size)
{
    WRIT_FD_AUTO int fd = -1;

    fd = (int)syscall(SYS_memfd_secret, O_CLOEXEC);
    if (fd < 0 || ftruncate(fd, (off_t)size) < 0)
        return MAP_FAILED;
    return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
}

static void *
map_locked(size_t size)
{
    void *mem = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (mem == MAP_FAILED)
        return mem;
    if (mlock(mem, size) < 0 || madvise(mem, size, MADV_DONTDUMP) < 0 ||
        madvise(mem, size, MADV_WIPEONFORK) < 0) {
        (void)munmap(mem, size);
        return MAP_FAILED;
    }
    return mem;
}

enum writ_err
writ_secret_new(size_t len, struct writ_secret **ret)
{
    struct writ_secret *s;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t size;

    if (len == 0 || len > WRIT_SECRET_BYTES_MAX)
        return WRIT_E_LIMIT;
    size = (len + page - 1) / page * page;
    s = calloc(1, sizeof(*s));
    if (s == NULL)
        return WRIT_E_NOMEM;
    s->mem = map_memfd_secret(size);
    if (s->mem == MAP_FAILED)
        s->mem = map_locked(size);
    if (s->mem == MAP_FAILED) {
        free(s);
        return WRIT_E_NOMEM;
    }
    s->len = len;
    s->mapped = size;
    *ret = s;
    return WRIT_OK;
}

void
writ_secret_freep(struct writ_secret **s)
{
    if (*s == NULL)
        return;
    explicit_bzero((*s)->mem, (*s)->mapped);
    (void)munmap((*s)->mem, (*s)->mapped);
    free(*s);
    *s = NULL;
}

struct writ_secret *
writ_secret_take(struct writ_secret **s)
{
    struct writ_secret *taken = *s;

    *s = NULL;
    return taken;
}

uint8_t *
writ_secret_bytes(struct writ_secret *s)
{
    return s->mem;
}

size_t
writ_secret_len(const struct writ_secret *s)
{
    return s->len;
}

struct writ_span
writ_secret_span(const struct writ_secret *s)
{
    return writ_span(s->mem, s->len);
}

void
writ_secret_cut(struct writ_secret *s, size_t len)
{
    assert(len <= s->len);
    explicit_bzero(s->mem + len, s->len - len);
    s->len = len;
}

bool
writ_secret_equal(struct writ_span a, struct writ_span b)
{
    volatile uint8_t diff = 0;

    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        diff = (uint8_t)(diff | (a.ptr[i] ^ b.ptr[i]));
    return diff == 0;
}

struct writ_secret_writer
writ_secret_writer(struct writ_secret *s)
{
    return (struct writ_secret_writer){.s = s};
}

static void
put(struct writ_secret_writer *w, const void *ptr, size_t n)
{
    if (w->failed || n > w->s->len - w->at) {
        w->failed = true;
        return;
    }
    if (n != 0)
        memcpy(w->s->mem + w->at, ptr, n);
    w->at += n;
}

void
writ_secret_put_u8(struct writ_secret_writer *w, uint8_t v)
{
    put(w, &v, 1);
}

void
writ_secret_put_u32(struct writ_secret_writer *w, uint32_t v)
{
    const uint8_t out[4] = {(uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v};

    put(w, out, sizeof(out));
}

void
writ_secret_put_blob(struct writ_secret_writer *w, struct writ_span v)
{
    if (v.len > UINT32_MAX) {
        w->failed = true;
        return;
    }
    writ_secret_put_u32(w, (uint32_t)v.len);
    put(w, v.ptr, v.len);
}

enum writ_err
writ_secret_process(void)
{
    const struct rlimit none = {0, 0};

    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 || setrlimit(RLIMIT_CORE, &none) < 0)
        return WRIT_E_SYS;
    return WRIT_OK;
}
