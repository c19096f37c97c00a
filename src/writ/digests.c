/* As in ledger/hash.c: the first use of EVP costs each task more than hashing its program. */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "writ/digests.h"

#include <openssl/sha.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int64_t
nanoseconds(struct timespec t)
{
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static bool
same(const struct digest_entry *a, const struct digest_entry *b)
{
    return a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
           a->mtime_ns == b->mtime_ns && a->ctime_ns == b->ctime_ns;
}

/* With read, not a mapping: the task may truncate its own file under us, and a mapping would then
 * end this process. */
static bool
hash_content(int fd, uint64_t size, SHA256_CTX *md)
{
    static uint8_t chunk[65536];
    uint64_t at = 0;

    while (at < size) {
        ssize_t n = pread(fd, chunk, sizeof(chunk), (off_t)at);

        if (n <= 0)
            return false;
        (void)SHA256_Update(md, chunk, (size_t)n); /* these return 1 always */
        at += (uint64_t)n;
    }
    return at == size;
}

static bool
hash_file(int fd, struct digest_entry *e)
{
    struct digest_entry after = *e;
    SHA256_CTX md;
    struct stat st;

    if (e->size == 0 || e->size > DIGEST_FILE_MAX)
        return false;
    (void)SHA256_Init(&md);
    if (!hash_content(fd, e->size, &md) || fstat(fd, &st) < 0)
        return false;
    (void)SHA256_Final(e->digest, &md);
    after.size = (uint64_t)st.st_size;
    after.mtime_ns = nanoseconds(st.st_mtim);
    after.ctime_ns = nanoseconds(st.st_ctim);
    return same(e, &after); /* it was not written to while we read it */
}

bool
digests_get(struct digests *d, const struct writ_exec_event *ev, uint8_t ret[WRIT_HASH_BYTES])
{
    struct digest_entry e = {.dev = ev->dev,
                             .ino = ev->ino,
                             .size = ev->size,
                             .mtime_ns = ev->mtime_ns,
                             .ctime_ns = ev->ctime_ns};

    if (ev->exe_fd < 0)
        return false;
    for (size_t i = 0; i < d->count; i++) {
        if (same(&d->at[i], &e)) {
            memcpy(ret, d->at[i].digest, WRIT_HASH_BYTES);
            return true;
        }
    }
    if (d->at == NULL)
        d->at = calloc(DIGESTS_MAX, sizeof(*d->at));
    if (d->at == NULL || !hash_file(ev->exe_fd, &e))
        return false;
    d->at[d->next] = e;
    d->next = (d->next + 1) % DIGESTS_MAX;
    d->count = d->count < DIGESTS_MAX ? d->count + 1 : d->count;
    memcpy(ret, e.digest, WRIT_HASH_BYTES);
    return true;
}

void
digests_done(struct digests *d)
{
    free(d->at);
    *d = (struct digests){0};
}
