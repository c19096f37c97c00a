#include "ledger/log.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "ledger/json.h"
#include "ledger/line.h"

enum {
    PENDING_BYTES_MAX = 8 * WRIT_LEDGER_LINE_MAX,
    RESERVE_FIRST = 128 * 1024,     /* many tasks make a few records only */
    RESERVE_NEXT = 4 * 1024 * 1024, /* more than a full ring becomes as JSON */
    TAIL_FIRST = 4096,
    TAIL_MAX = 2 * WRIT_LEDGER_LINE_MAX,
};

void
writ_log_init(struct writ_log *l)
{
    *l = (struct writ_log){.fd = -1};
    writ_buf_init(&l->pending, PENDING_BYTES_MAX);
}

void
writ_log_done(struct writ_log *l)
{
    writ_fd_close(&l->fd);
    writ_buf_done(&l->pending);
}

void
writ_log_name(const char *task, char ret[WRIT_LOG_NAME])
{
    (void)snprintf(ret, WRIT_LOG_NAME, "%.*s.jsonl", WRIT_TASK_ID_BYTES, task);
}

/* The line that ends before `end` in the window, and everything derived from it. */
static enum writ_err
tail_line(const uint8_t *window, size_t end, size_t begin, struct writ_tail *t)
{
    struct writ_span line = writ_span(window + begin, end - begin);
    struct writ_line l;
    const char *why;
    enum writ_err e = writ_line_parse(line, &l, &why);

    if (e != WRIT_OK)
        return e;
    t->seq = l.seq;
    t->kind = l.kind;
    writ_hash(line, t->head);
    return WRIT_OK;
}

/* AGAIN: the window does not hold a whole line; a larger one might. */
static enum writ_err
tail_in_window(const uint8_t *window, size_t n, off_t at, struct writ_tail *t)
{
    const uint8_t *nl = memrchr(window, '\n', n);
    const uint8_t *before;
    size_t end;

    if (nl == NULL) {
        if (at != 0)
            return WRIT_E_AGAIN;
        t->torn = (off_t)n; /* not one whole line */
        writ_hash(writ_span(window, n), t->torn_hash);
        return WRIT_OK;
    }
    end = (size_t)(nl - window);
    before = memrchr(window, '\n', end);
    if (before == NULL && at != 0)
        return WRIT_E_AGAIN;
    t->size = at + (off_t)end + 1;
    t->torn = (off_t)(n - end - 1);
    writ_hash(writ_span(nl + 1, n - end - 1), t->torn_hash);
    return tail_line(window, end, before == NULL ? 0 : (size_t)(before + 1 - window), t);
}

static enum writ_err
tail_try(int fd, off_t size, size_t window, struct writ_tail *ret)
{
    static uint8_t mem[TAIL_MAX];
    struct writ_tail t = {0};
    size_t n = size < (off_t)window ? (size_t)size : window;
    off_t at = size - (off_t)n;
    size_t got = 0;
    enum writ_err e;

    while (got < n) {
        ssize_t r = pread(fd, mem + got, n - got, at + (off_t)got);

        if (r < 0 && errno == EINTR)
            continue;
        if (r <= 0)
            return WRIT_E_SYS;
        got += (size_t)r;
    }
    e = tail_in_window(mem, n, at, &t);
    if (e == WRIT_OK)
        *ret = t;
    return e;
}

enum writ_err
writ_tail_read(int fd, off_t size, struct writ_tail *ret)
{
    enum writ_err e = tail_try(fd, size, TAIL_FIRST, ret);

    if (e == WRIT_E_AGAIN)
        e = tail_try(fd, size, TAIL_MAX, ret);
    return e == WRIT_E_AGAIN ? WRIT_E_FORMAT : e;
}

/* Blocks ahead of the end. A file system that cannot reserve is left to fail when it must. */
static enum writ_err
reserve(struct writ_log *l)
{
    off_t ahead = l->size < RESERVE_FIRST / 2 ? RESERVE_FIRST : RESERVE_NEXT;

    if (l->reserved - l->size >= ahead / 2)
        return WRIT_OK;
    if (fallocate(l->fd, FALLOC_FL_KEEP_SIZE, l->size, ahead) < 0 &&
        (errno == ENOSPC || errno == EDQUOT || errno == EFBIG || errno == EIO))
        return WRIT_E_LIMIT;
    l->reserved = l->size + ahead;
    return WRIT_OK;
}

/* Locks a log that was opened; fd is taken over if that worked. */
static enum writ_err
take_log(int *fd, const char *task, struct writ_log *l)
{
    struct stat st;
    uint8_t *mem;

    if (flock(*fd, LOCK_EX | LOCK_NB) < 0)
        return errno == EWOULDBLOCK ? WRIT_E_AGAIN : WRIT_E_SYS;
    if (fstat(*fd, &st) < 0)
        return WRIT_E_SYS;
    if (!S_ISREG(st.st_mode))
        return WRIT_E_DENIED;
    l->size = st.st_size;
    memcpy(l->task, task, WRIT_TASK_ID_BYTES);
    l->fd = writ_fd_take(fd);
    /* all of it now: memory that is not touched costs nothing, and growing later could fail */
    return writ_buf_reserve(&l->pending, PENDING_BYTES_MAX, &mem);
}

static enum writ_err
open_log(int tasks_fd, const char *task, int flags, struct writ_log *l)
{
    WRIT_FD_AUTO int fd = -1;
    char name[WRIT_LOG_NAME];

    writ_log_name(task, name);
    fd = openat(tasks_fd, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | flags, 0600);
    if (fd < 0)
        return errno == EEXIST ? WRIT_E_STATE : WRIT_E_SYS;
    return take_log(&fd, task, l);
}

enum writ_err
writ_log_create(int tasks_fd, const char *task, struct writ_log *l)
{
    enum writ_err e = open_log(tasks_fd, task, O_CREAT | O_EXCL, l);
    struct stat st;

    if (e != WRIT_OK)
        return e;
    /* between making and locking it, another ledger may have taken it for one that was left empty
     */
    if (fstat(l->fd, &st) < 0 || st.st_nlink == 0) {
        writ_fd_close(&l->fd);
        return WRIT_E_AGAIN;
    }
    return reserve(l);
}

/* The log is open: where does it stand? */
static enum writ_err
take_up(struct writ_log *l)
{
    struct writ_tail t;
    struct writ_record r;
    struct writ_span bytes;
    uint8_t mem[256];
    enum writ_err e = writ_tail_read(l->fd, l->size, &t);

    if (e != WRIT_OK)
        return e;
    l->size = t.size;
    l->sealed = t.kind == WRIT_KIND_TASK_SEALED && t.torn == 0;
    l->records = t.seq;
    l->written = t.seq;
    memcpy(l->head, t.head, sizeof(l->head));
    memcpy(l->written_head, t.head, sizeof(l->head));
    if (t.torn == 0)
        return WRIT_OK;
    if (ftruncate(l->fd, t.size) < 0)
        return WRIT_E_SYS;
    writ_record_begin(&r, mem, sizeof(mem), WRIT_KIND_LEDGER_TORN, writ_clock_wall_us());
    writ_record_u64(&r, WRIT_FIELD_SIZE, (uint64_t)t.torn);
    writ_record_bytes(&r, WRIT_FIELD_DIGEST, writ_span(t.torn_hash, sizeof(t.torn_hash)));
    e = writ_record_end(&r, &bytes);
    return e == WRIT_OK ? writ_log_add(l, bytes, WRIT_ROLE_LEDGER) : e;
}

enum writ_err
writ_log_resume(int tasks_fd, const char *task, struct writ_log *l)
{
    enum writ_err e = open_log(tasks_fd, task, 0, l);

    return e == WRIT_OK ? take_up(l) : e;
}

enum writ_err
writ_log_adopt(int tasks_fd, const char *task, int fd, struct writ_log *l)
{
    WRIT_FD_AUTO int owned = fd;
    char name[WRIT_LOG_NAME];
    struct stat in_folder;
    struct stat st;
    int flags = fcntl(owned, F_GETFL);
    enum writ_err e;

    writ_log_name(task, name);
    if (flags < 0 || fstat(owned, &st) < 0 ||
        fstatat(tasks_fd, name, &in_folder, AT_SYMLINK_NOFOLLOW) < 0)
        return WRIT_E_SYS;
    if ((flags & (O_ACCMODE | O_APPEND)) != O_RDWR || st.st_dev != in_folder.st_dev ||
        st.st_ino != in_folder.st_ino)
        return WRIT_E_DENIED;
    e = take_log(&owned, task, l);
    return e == WRIT_OK ? take_up(l) : e;
}

enum writ_err
writ_log_add(struct writ_log *l, struct writ_span record, enum writ_role from)
{
    const struct writ_json_line line = {l->records + 1, l->task, from, l->head};
    size_t before = writ_buf_len(&l->pending);
    struct writ_span all;
    enum writ_err e = writ_ledger_json(record, &line, &l->pending);

    if (e != WRIT_OK)
        return e;
    all = writ_buf_span(&l->pending);
    writ_hash(writ_span(all.ptr + before, all.len - before - 1), l->head);
    if (l->records++ == 0)
        memcpy(l->first, l->head, sizeof(l->first));
    return WRIT_OK;
}

struct writ_log_mark
writ_log_mark(const struct writ_log *l)
{
    struct writ_log_mark m = {.records = l->records, .pending = writ_buf_len(&l->pending)};

    memcpy(m.head, l->head, sizeof(m.head));
    return m;
}

void
writ_log_undo(struct writ_log *l, const struct writ_log_mark *m)
{
    assert(l->written <= m->records && m->pending <= writ_buf_len(&l->pending));
    l->records = m->records;
    l->pending.end = l->pending.start + m->pending;
    memcpy(l->head, m->head, sizeof(l->head));
}

enum writ_err
writ_log_flush(struct writ_log *l)
{
    struct writ_span left = writ_buf_span(&l->pending);
    off_t at = l->size;

    while (left.len != 0) {
        ssize_t n = pwrite(l->fd, left.ptr, left.len, at);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            int saved = n == 0 ? ENOSPC : errno;

            /* a part may stand behind the last whole line; if even this fails it is a torn tail */
            if (at != l->size && ftruncate(l->fd, l->size) == 0)
                l->reserved = 0;
            errno = saved;
            return WRIT_E_SYS;
        }
        at += n;
        left = writ_span_from(left, (size_t)n);
    }
    l->size = at;
    l->written = l->records;
    memcpy(l->written_head, l->head, sizeof(l->head));
    writ_buf_consume(&l->pending, writ_buf_len(&l->pending));
    return reserve(l);
}

enum writ_err
writ_log_sync(struct writ_log *l)
{
    return fdatasync(l->fd) < 0 ? WRIT_E_SYS : WRIT_OK;
}

void
writ_log_trim(struct writ_log *l)
{
    /* only blocks behind the end go; a failure leaves them to the file's own end */
    if (l->reserved > l->size && ftruncate(l->fd, l->size) == 0)
        l->reserved = l->size;
}
