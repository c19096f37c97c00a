#include "ledger/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/limits.h"
#include "ledger/json.h"

enum {
    MAIN_RESERVE = 64 * 1024, /* the anchors of the tasks that run now still fit a full disk */
    SEAL_WAIT_MS = 5000,
};

static enum writ_err
fail(struct writ_diag *diag, const char *what)
{
    writ_diag_set(diag, 0, 0, "%s: %s", what, strerror(errno));
    return WRIT_E_SYS;
}

/* A folder of ours, with nobody else writing in it. */
static enum writ_err
open_dir(int at, const char *name, bool make, int *ret, struct writ_diag *diag)
{
    WRIT_FD_AUTO int fd = -1;
    struct stat st;

    if (make && mkdirat(at, name, 0700) < 0 && errno != EEXIST)
        return fail(diag, name);
    fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | (at == AT_FDCWD ? 0 : O_NOFOLLOW));
    if (fd < 0 && errno == ENOENT && !make)
        return WRIT_E_STATE;
    if (fd < 0 || fstat(fd, &st) < 0)
        return fail(diag, name);
    if (make && (st.st_uid != geteuid() || (st.st_mode & 022) != 0)) {
        writ_diag_set(diag, 0, 0, "%s: must belong to uid %u and be writable by nobody else", name,
                      (unsigned)geteuid());
        return WRIT_E_DENIED;
    }
    *ret = writ_fd_take(&fd);
    return WRIT_OK;
}

static void
store_init(struct writ_store *s)
{
    *s = (struct writ_store){.dir = -1, .tasks = -1, .open = -1, .main = -1};
}

enum writ_err
writ_store_make(const char *state, struct writ_store *ret, struct writ_diag *diag)
{
    WRIT_STORE_AUTO struct writ_store s;
    WRIT_FD_AUTO int top = -1;
    enum writ_err e;

    store_init(&s);
    e = open_dir(AT_FDCWD, state, true, &top, diag);
    if (e == WRIT_OK)
        e = open_dir(top, "ledger", true, &s.dir, diag);
    if (e == WRIT_OK)
        e = open_dir(s.dir, "tasks", true, &s.tasks, diag);
    if (e == WRIT_OK)
        e = open_dir(s.dir, "open", true, &s.open, diag);
    if (e != WRIT_OK)
        return e;
    s.main =
        openat(s.dir, "main.jsonl", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    if (s.main < 0)
        return fail(diag, "main.jsonl");
    *ret = s;
    store_init(&s);
    return WRIT_OK;
}

enum writ_err
writ_store_read(const char *state, struct writ_store *ret, struct writ_diag *diag)
{
    WRIT_STORE_AUTO struct writ_store s;
    WRIT_FD_AUTO int top = -1;
    enum writ_err e;

    store_init(&s);
    e = open_dir(AT_FDCWD, state, false, &top, diag);
    if (e == WRIT_OK)
        e = open_dir(top, "ledger", false, &s.dir, diag);
    if (e == WRIT_OK)
        e = open_dir(s.dir, "tasks", false, &s.tasks, diag);
    if (e != WRIT_OK)
        return e;
    s.main = openat(s.dir, "main.jsonl", O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (s.main < 0 && errno != ENOENT)
        return fail(diag, "main.jsonl");
    *ret = s;
    store_init(&s);
    return WRIT_OK;
}

void
writ_store_done(struct writ_store *s)
{
    writ_fd_close(&s->dir);
    writ_fd_close(&s->tasks);
    writ_fd_close(&s->open);
    writ_fd_close(&s->main);
}

/* A stopped process could hold the lock for ever: wait, but not for ever. */
enum writ_err
writ_store_lock(int fd, int how, int wait_ms)
{
    for (int waited = 0;; waited++) {
        if (flock(fd, how | LOCK_NB) == 0)
            return WRIT_OK;
        if (errno != EWOULDBLOCK && errno != EINTR)
            return WRIT_E_SYS;
        if (waited >= wait_ms)
            return WRIT_E_AGAIN;
        (void)poll(NULL, 0, 1);
    }
}

static enum writ_err
write_at(int fd, struct writ_span s, off_t at)
{
    off_t begin = at;

    while (s.len != 0) {
        ssize_t n = pwrite(fd, s.ptr, s.len, at);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            int saved = n == 0 ? ENOSPC : errno;

            if (at != begin && ftruncate(fd, begin) < 0)
                saved = errno; /* a torn tail then: the next one to append cuts it */
            errno = saved;
            return WRIT_E_SYS;
        }
        at += n;
        s = writ_span_from(s, (size_t)n);
    }
    return WRIT_OK;
}

/* One line onto out, and the tail moved on by it. */
static enum writ_err
add_line(struct writ_tail *t, const char *task, struct writ_span record, struct writ_buf *out)
{
    const struct writ_json_line line = {t->seq + 1, task, WRIT_ROLE_LEDGER, t->head};
    size_t before = writ_buf_len(out);
    struct writ_span all;
    enum writ_err e = writ_ledger_json(record, &line, out);

    if (e != WRIT_OK)
        return e;
    all = writ_buf_span(out);
    writ_hash(writ_span(all.ptr + before, all.len - before - 1), t->head);
    t->seq++;
    return WRIT_OK;
}

static enum writ_err
cut_tail(int fd, struct writ_tail *t, const char *task, struct writ_buf *out)
{
    struct writ_record r;
    struct writ_span bytes;
    uint8_t mem[256];
    enum writ_err e;

    if (ftruncate(fd, t->size) < 0)
        return WRIT_E_SYS;
    writ_record_begin(&r, mem, sizeof(mem), WRIT_KIND_LEDGER_TORN, writ_clock_wall_us());
    writ_record_u64(&r, WRIT_FIELD_SIZE, (uint64_t)t->torn);
    writ_record_bytes(&r, WRIT_FIELD_DIGEST, writ_span(t->torn_hash, sizeof(t->torn_hash)));
    e = writ_record_end(&r, &bytes);
    return e == WRIT_OK ? add_line(t, task, bytes, out) : e;
}

static enum writ_err
append_locked(int fd, const char *task, struct writ_span record)
{
    WRIT_BUF_AUTO struct writ_buf out;
    struct writ_tail t;
    struct stat st;
    enum writ_err e;

    writ_buf_init(&out, (size_t)3 * WRIT_LEDGER_LINE_MAX);
    if (fstat(fd, &st) < 0)
        return WRIT_E_SYS;
    if (st.st_nlink == 0) { /* somebody put another file in its place: nobody would read this one */
        errno = ESTALE;
        return WRIT_E_SYS;
    }
    e = writ_tail_read(fd, st.st_size, &t);
    if (e == WRIT_OK && t.torn != 0)
        e = cut_tail(fd, &t, task, &out);
    if (e == WRIT_OK)
        e = add_line(&t, task, record, &out);
    if (e != WRIT_OK)
        return e;
    e = write_at(fd, writ_buf_span(&out), t.size);
    /* best effort: where the file system cannot reserve, the next anchor fails when it must */
    if (e == WRIT_OK && t.size % MAIN_RESERVE + (off_t)writ_buf_len(&out) >= MAIN_RESERVE / 2)
        (void)fallocate(fd, FALLOC_FL_KEEP_SIZE, t.size, 2 * (off_t)MAIN_RESERVE);
    return e;
}

enum writ_err
writ_store_anchor(struct writ_store *s, const char *task, struct writ_span record, int wait_ms)
{
    enum writ_err e = writ_store_lock(s->main, LOCK_EX, wait_ms);
    int saved;

    if (e != WRIT_OK)
        return e;
    e = append_locked(s->main, task, record);
    saved = errno;
    (void)flock(s->main, LOCK_UN);
    errno = saved;
    return e;
}

enum writ_err
writ_store_sync(struct writ_store *s)
{
    return fdatasync(s->main) < 0 ? WRIT_E_SYS : WRIT_OK;
}

enum writ_err
writ_store_mark(struct writ_store *s, const char *task)
{
    WRIT_FD_AUTO int fd = -1;

    fd = openat(s->open, task, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    return fd < 0 ? WRIT_E_SYS : WRIT_OK;
}

void
writ_store_unmark(struct writ_store *s, const char *task)
{
    (void)unlinkat(s->open, task, 0);
}

void
writ_store_forget(struct writ_store *s, const char *task)
{
    char name[WRIT_LOG_NAME];

    writ_log_name(task, name);
    /* the mark first: whoever sees that the log is gone may mark it anew at once */
    writ_store_unmark(s, task);
    (void)unlinkat(s->tasks, name, 0);
}

static enum writ_err
add_own(struct writ_log *l, struct writ_record *r)
{
    struct writ_span bytes;
    enum writ_err e = writ_record_end(r, &bytes);

    return e == WRIT_OK ? writ_log_add(l, bytes, WRIT_ROLE_LEDGER) : e;
}

static enum writ_err
anchor_seal(struct writ_store *s, const struct writ_log *l)
{
    struct writ_record r;
    struct writ_span bytes;
    uint8_t mem[256];
    enum writ_err e;

    writ_record_begin(&r, mem, sizeof(mem), WRIT_KIND_TASK_SEALED, writ_clock_wall_us());
    writ_record_u64(&r, WRIT_FIELD_RECORDS, l->records);
    writ_record_bytes(&r, WRIT_FIELD_HEAD, writ_span(l->head, sizeof(l->head)));
    e = writ_record_end(&r, &bytes);
    if (e == WRIT_OK)
        e = writ_store_anchor(s, l->task, bytes, SEAL_WAIT_MS);
    return e == WRIT_OK ? writ_store_sync(s) : e;
}

static enum writ_err
add_seal(struct writ_log *l, const char *process, const char *reason)
{
    struct writ_record r;
    uint8_t mem[1024];
    enum writ_err e = WRIT_OK;

    if (reason != NULL) {
        writ_record_begin(&r, mem, sizeof(mem), WRIT_KIND_PROCESS_DIED, writ_clock_wall_us());
        writ_record_str(&r, WRIT_FIELD_PROCESS, process);
        writ_record_str(&r, WRIT_FIELD_REASON, reason);
        e = add_own(l, &r);
    }
    if (e != WRIT_OK)
        return e;
    writ_record_begin(&r, mem, sizeof(mem), WRIT_KIND_TASK_SEALED, writ_clock_wall_us());
    writ_record_u64(&r, WRIT_FIELD_RECORDS, l->records);
    return add_own(l, &r);
}

/* The seal into the file; on failure the log is as it was. */
static enum writ_err
write_seal(struct writ_log *l, const char *process, const char *reason)
{
    struct writ_log_mark mark = writ_log_mark(l);
    enum writ_err e = add_seal(l, process, reason);

    if (e == WRIT_OK)
        e = writ_log_flush(l);
    if (e == WRIT_E_LIMIT && l->written == l->records)
        e = WRIT_OK; /* no room for more: there will be no more */
    if (e == WRIT_OK) {
        l->sealed = true;
    } else {
        writ_log_undo(l, &mark);
    }
    return e;
}

enum writ_err
writ_store_seal(struct writ_store *s, struct writ_log *l, const char *process, const char *reason)
{
    enum writ_err e = l->sealed ? WRIT_OK : write_seal(l, process, reason);

    if (e == WRIT_OK)
        e = writ_log_sync(l);
    if (e == WRIT_OK)
        writ_log_trim(l);
    if (e == WRIT_OK && fsync(s->tasks) < 0)
        e = WRIT_E_SYS;
    return e == WRIT_OK ? anchor_seal(s, l) : e;
}

/* AGAIN: somebody writes this log. */
static enum writ_err
recover_one(struct writ_store *s, const char *task)
{
    struct writ_log l;
    enum writ_err e;

    writ_log_init(&l);
    e = writ_log_resume(s->tasks, task, &l);
    if (e == WRIT_E_SYS && errno == ENOENT) {
        writ_store_unmark(s, task);
    } else if (e == WRIT_OK && l.written == 0) {
        writ_store_forget(s, task); /* its ledger died before the first record */
    } else if (e == WRIT_OK) {
        /* if it is sealed already, but perhaps not anchored, an anchor more says the same again */
        e = writ_store_seal(s, &l, "ledger", "found unsealed when the next ledger started");
        if (e == WRIT_OK)
            writ_store_unmark(s, task);
    }
    writ_log_done(&l);
    return e;
}

unsigned
writ_store_recover(struct writ_store *s, unsigned max)
{
    unsigned sealed = 0;
    int fd = openat(s->open, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *entry;

    if (d == NULL) {
        writ_fd_close(&fd);
        return 0;
    }
    while (sealed < max && (entry = readdir(d)) != NULL) {
        if (writ_id_valid(writ_span_str(entry->d_name)) && recover_one(s, entry->d_name) == WRIT_OK)
            sealed++;
    }
    (void)closedir(d);
    return sealed;
}
