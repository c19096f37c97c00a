/*
 * secret.h - memory for secrets: no other process can read it, it is in no core dump, no swap and
 * no child, and it is wiped when freed.
 *
 * Backed by memfd_secret(2); where the kernel has none, by locked memory that is left out of dumps
 * and forks; where neither can be had, there is no secret. This stops other readers, not our own
 * write(): only the files in tools/secret-users may include this header.
 */
#ifndef WRIT_BASE_SECRET_H
#define WRIT_BASE_SECRET_H

#include "base/err.h"
#include "base/span.h"

struct writ_secret;

#define WRIT_SECRET_AUTO WRIT_CLEANUP(writ_secret_freep)

/* len is 1 .. WRIT_SECRET_BYTES_MAX; the content begins as zeros. */
enum writ_err writ_secret_new(size_t len, struct writ_secret **ret) WRIT_CHECK;
/* Wipes and frees *s, which may be NULL, and sets it to NULL. */
void writ_secret_freep(struct writ_secret **s);
struct writ_secret *writ_secret_take(struct writ_secret **s);

uint8_t *writ_secret_bytes(struct writ_secret *s);
size_t writ_secret_len(const struct writ_secret *s);
struct writ_span writ_secret_span(const struct writ_secret *s);
/* Shortens the secret and wipes what is cut off; len must not be more than it is now. */
void writ_secret_cut(struct writ_secret *s, size_t len);
/* In time that depends on the lengths alone. */
bool writ_secret_equal(struct writ_span a, struct writ_span b) WRIT_CHECK;

/*
 * A message built inside secret memory: what does not fit sets the sticky failed bit and is not
 * written. The counterpart of writ_read_u8, writ_read_u32 and writ_read_blob.
 */
struct writ_secret_writer {
    struct writ_secret *s; /* borrowed */
    size_t at;             /* bytes written so far */
    bool failed;
};

struct writ_secret_writer writ_secret_writer(struct writ_secret *s);
void writ_secret_put_u8(struct writ_secret_writer *w, uint8_t v);
void writ_secret_put_u32(struct writ_secret_writer *w, uint32_t v);
void writ_secret_put_blob(struct writ_secret_writer *w, struct writ_span v);

/* For a process that will hold secrets, before it holds one: no dumps, no ptrace by its own uid. */
enum writ_err writ_secret_process(void) WRIT_CHECK;

#endif
