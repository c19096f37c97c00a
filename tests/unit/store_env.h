/*
 * store_env.h - for the tests of the store: a folder of its own to work in, and short ways to ask.
 */
#ifndef WRIT_TESTS_STORE_ENV_H
#define WRIT_TESTS_STORE_ENV_H

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "test.h"
#include "writ-keeper/safe.h"

enum { STORE_FILE_MAX = 1 << 20 };

static int env_dir = -1;

/* A new empty folder, which becomes the working directory. */
static inline void
env_enter(void)
{
    char path[] = "/tmp/writ-test-store-XXXXXX";

    if (env_dir >= 0)
        (void)close(env_dir);
    if (mkdtemp(path) == NULL || chdir(path) < 0)
        abort();
    env_dir = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static inline void
env_leave(void)
{
    char path[256];
    static const char *const files[] = {
        "store.db", "store.db-journal", "store.db.new", "key", "key.new", "lock", "old.db"};

    for (size_t i = 0; i < WRIT_COUNT(files); i++)
        (void)unlink(files[i]);
    (void)rmdir("dir");
    if (getcwd(path, sizeof(path)) != NULL && chdir("/") == 0)
        (void)rmdir(path);
}

static inline struct writ_safe *
env_open(struct writ_diag *diag)
{
    struct writ_secret *none = NULL;
    struct writ_safe *s = NULL;

    *diag = (struct writ_diag){0};
    return writ_safe_open(env_dir, &none, &s, diag) == WRIT_OK ? s : NULL;
}

/* Opens and closes: the message, "" if it worked. Borrowed until the next call. */
static inline const char *
env_try(void)
{
    static struct writ_diag diag;
    WRIT_SAFE_AUTO struct writ_safe *s = env_open(&diag);

    return s != NULL ? "" : diag.text[0] != '\0' ? diag.text : "(no message)";
}

static inline bool
env_add(struct writ_safe *s, const char *name, const char *env, const char *value)
{
    struct writ_safe_item item;
    struct writ_diag diag = {0};

    return writ_safe_add(s, name, env, writ_span_str(value), &item, &diag) == WRIT_OK;
}

/* The value that is stored under name is this one. */
static inline bool
env_is(struct writ_safe *s, const char *name, const char *value)
{
    WRIT_SECRET_AUTO struct writ_secret *got = NULL;
    struct writ_safe_item item;
    struct writ_diag diag = {0};

    return writ_safe_get(s, name, &item, &got, &diag) == WRIT_OK &&
           writ_span_is(writ_secret_span(got), value);
}

/* A whole file; the length, or 0. */
static inline size_t
env_read(const char *path, uint8_t *mem)
{
    WRIT_FD_AUTO int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : writ_read_full(fd, mem, STORE_FILE_MAX);

    return n < 0 ? 0 : (size_t)n;
}

static inline void
env_write(const char *path, const uint8_t *mem, size_t len)
{
    WRIT_FD_AUTO int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    if (fd < 0 || writ_write_full(fd, writ_span(mem, len)) != WRIT_OK)
        abort();
}

#endif
