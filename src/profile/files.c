#include "profile/make.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "profile/check.h"
#include "profile/profile.h"

static_assert(WRIT_PATH_BYTES_MAX >= PATH_MAX, "realpath writes this much");

/* path is dir or below it. */
static bool
within(const char *path, const char *dir)
{
    size_t len = strlen(dir);

    if (len == 1)
        return dir[0] == '/';
    return len != 0 && strncmp(path, dir, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

/* The path as it is once links are resolved; as it is written if it does not exist yet. */
static void
resolve(const char *path, char ret[WRIT_PATH_BYTES_MAX])
{
    if (path == NULL || path[0] != '/' || strlen(path) >= WRIT_PATH_BYTES_MAX) {
        ret[0] = '\0';
    } else if (realpath(path, ret) == NULL) {
        memcpy(ret, path, strlen(path) + 1);
    }
}

static void
find_state(const struct writ_places *p, char ret[WRIT_PATH_BYTES_MAX])
{
    const char *own = getenv("WRIT_HOME");
    const char *xdg = getenv("XDG_STATE_HOME");
    char path[WRIT_PATH_BYTES_MAX + 32];

    if (own != NULL && own[0] != '\0') {
        (void)snprintf(path, sizeof(path), "%s", own);
    } else if (xdg != NULL && xdg[0] != '\0') {
        (void)snprintf(path, sizeof(path), "%s/writ", xdg);
    } else if (geteuid() == 0) {
        (void)snprintf(path, sizeof(path), "/var/lib/writ");
    } else {
        (void)snprintf(path, sizeof(path), "%s/.local/state/writ", p->home);
    }
    resolve(path, ret);
}

bool
writ_places_find(struct writ_at at, const char *dir, struct writ_places *ret)
{
    const struct passwd *pw = getpwuid(geteuid());

    *ret = (struct writ_places){0};
    if (strlen(dir) >= WRIT_PATH_BYTES_MAX)
        return writ_fail(at, "the path of the folder is too long");
    if (realpath(dir, ret->dir) == NULL)
        return writ_fail(at, "cannot open the folder: %s", writ_make_why(errno));
    resolve(getenv("HOME"), ret->home);
    resolve(pw == NULL ? NULL : pw->pw_dir, ret->account_home);
    if (ret->home[0] == '\0')
        memcpy(ret->home, ret->account_home, sizeof(ret->home));
    find_state(ret, ret->state);
    return true;
}

/* Who sees `path` sees `what`. */
static bool
shows(const char *path, const char *what)
{
    return what[0] != '\0' && within(what, path); /* NOLINT(readability-suspicious-call-argument) */
}

static bool
may_show(struct writ_at at, const char *path, const struct writ_places *p)
{
    static const char *const whole[] = {"/etc", "/home", "/root", "/tmp"};
    static const char *const kernel[] = {"/proc", "/sys", "/dev", "/run"};

    if (strcmp(path, "/") == 0)
        return writ_fail(at, "`/` is the whole machine; name the folders that the task needs");
    for (size_t i = 0; i < WRIT_COUNT(kernel); i++) {
        if (within(path, kernel[i])) {
            return writ_fail(at,
                             "`%s` reaches the kernel or other programs' sockets; a task has "
                             "its own %s",
                             path, kernel[i]);
        }
    }
    if (shows(path, p->state) || (p->state[0] != '\0' && within(path, p->state))) {
        return writ_fail(at,
                         "`%s` would show writ's own state (%s), where credentials and the "
                         "ledger are",
                         path, p->state);
    }
    if (shows(path, p->home) || shows(path, p->account_home)) {
        return writ_fail(at,
                         "`%s` would show the whole home folder, with its keys and tokens; "
                         "name the folders that the task needs",
                         path);
    }
    for (size_t i = 0; i < WRIT_COUNT(whole); i++) {
        if (strcmp(path, whole[i]) == 0) {
            return writ_fail(at,
                             "`%s` as a whole holds what belongs to others; name the folders "
                             "in it that the task needs",
                             path);
        }
    }
    return true;
}

static bool
may_write(struct writ_at at, const char *path)
{
    static const char *const system[] = {"/etc",  "/usr",          "/bin",           "/sbin",
                                         "/lib",  "/lib32",        "/lib64",         "/libx32",
                                         "/boot", "/var/lib/dpkg", "/var/spool/cron"};

    for (size_t i = 0; i < WRIT_COUNT(system); i++) {
        if (within(path, system[i])) {
            return writ_fail(at,
                             "`%s` belongs to the system: what a task writes there, programs "
                             "outside would run or obey",
                             path);
        }
    }
    return true;
}

static bool
join(struct writ_at at, const char *dir, struct writ_span path, char ret[WRIT_PATH_BYTES_MAX])
{
    bool absolute = path.len != 0 && path.ptr[0] == '/';
    size_t dir_len = absolute ? 0 : strlen(dir);

    if (path.len == 0)
        return writ_fail(at, "the path is empty");
    if (path.ptr[0] == '~')
        return writ_fail(at, "`~` is not expanded here; write the whole path");
    if (dir_len + 1 + path.len >= WRIT_PATH_BYTES_MAX)
        return writ_fail(at, "the path is too long");
    if (!absolute) {
        for (size_t i = 0; i < dir_len; i++)
            ret[i] = dir[i];
        ret[dir_len++] = '/';
    }
    return writ_span_copy(path, ret + dir_len, WRIT_PATH_BYTES_MAX - dir_len) ||
           writ_fail(at, "the path holds a NUL");
}

/* The place of something that is not there yet: its parent is. */
static bool
resolve_missing(struct writ_at at, char *path, char ret[WRIT_PATH_BYTES_MAX])
{
    size_t len = strlen(path);
    const char *name;
    char *slash;
    size_t at_len;

    while (len > 1 && path[len - 1] == '/')
        path[--len] = '\0';
    slash = strrchr(path, '/');
    name = slash + 1;
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return writ_fail(at, "`%s` does not exist", path);
    *slash = '\0';
    if (realpath(slash == path ? "/" : path, ret) == NULL)
        return writ_fail(at, "neither this folder nor the one above it (`%s`) exists", path);
    at_len = strcmp(ret, "/") == 0 ? 0 : strlen(ret);
    if (at_len + 1 + strlen(name) >= WRIT_PATH_BYTES_MAX)
        return writ_fail(at, "the path is too long");
    ret[at_len] = '/';
    memcpy(ret + at_len + 1, name, strlen(name) + 1);
    return true;
}

static bool
find_bind(struct writ_at at, char *path, bool write, char ret[WRIT_PATH_BYTES_MAX])
{
    struct stat st;

    if (realpath(path, ret) == NULL) {
        int why = errno;

        /* a dangling link is there, and what it points to is not ours to make */
        if (!write || why != ENOENT || lstat(path, &st) == 0)
            return writ_fail(at, "cannot use `%s`: %s", path, writ_make_why(why));
        return resolve_missing(at, path, ret);
    }
    if (stat(ret, &st) != 0)
        return writ_fail(at, "cannot use `%s`: %s", path, writ_make_why(errno));
    if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)) {
        return writ_fail(at,
                         "`%s` is neither a file nor a folder; a socket or device would lead "
                         "out of the task",
                         path);
    }
    return true;
}

bool
writ_make_bind(struct writ_at at, struct writ_doc *d, const struct writ_places *places,
               struct writ_span path, bool write)
{
    struct writ_doc_bind b = {.write = write};
    char joined[WRIT_PATH_BYTES_MAX];
    char asked[WRIT_PATH_BYTES_MAX];
    char found[WRIT_PATH_BYTES_MAX];
    void *list = d->binds;

    if (!join(at, places->dir, path, joined))
        return false;
    memcpy(asked, joined, strlen(joined) + 1); /* find_bind cuts the other one */
    if (!find_bind(at, joined, write, found) || !may_show(at, found, places) ||
        (write && !may_write(at, found)))
        return false;
    for (size_t i = 0; i < d->bind_count; i++) {
        if (strcmp(d->binds[i].host, found) == 0)
            return writ_fail(at, "`%s` is given twice", found);
    }
    if (d->bind_count == WRIT_BINDS_MAX)
        return writ_fail(at, "more than %d paths", WRIT_BINDS_MAX);
    b.host = writ_make_copy(writ_span_str(found));
    b.inside = writ_make_copy(writ_span_str(found));
    b.asked = writ_make_copy(writ_span_str(asked));
    if (b.host == NULL || b.inside == NULL || b.asked == NULL ||
        !writ_make_room(&list, d->bind_count, sizeof(*d->binds))) {
        free(b.host);
        free(b.inside);
        free(b.asked);
        return writ_fail(at, "out of memory");
    }
    d->binds = list;
    d->binds[d->bind_count++] = b;
    return true;
}

/* The way to a file, link by link, as the kernel goes it. */
struct way {
    char done[WRIT_PATH_BYTES_MAX]; /* without links; empty is "/" */
    char rest[2 * WRIT_PATH_BYTES_MAX];
    char link[WRIT_PATH_BYTES_MAX]; /* the folder of the last link that was met */
};

/* One name further. False: there is none left, or nothing is there. *ret_link: it was a link. */
static bool
way_step(struct way *w, bool *ret_link)
{
    char target[WRIT_PATH_BYTES_MAX];
    char rest[2 * WRIT_PATH_BYTES_MAX];
    size_t done = strlen(w->done);
    const char *name = w->rest + strspn(w->rest, "/");
    size_t n = strcspn(name, "/");
    ssize_t len;

    *ret_link = false;
    if (n == 0 || done + 1 + n >= sizeof(w->done))
        return false;
    memcpy(rest, name + n, strlen(name + n) + 1);
    if (n == 2 && name[0] == '.' && name[1] == '.') {
        char *slash = strrchr(w->done, '/');

        if (slash != NULL)
            *slash = '\0';
    } else if (n != 1 || name[0] != '.') {
        w->done[done] = '/';
        memcpy(w->done + done + 1, name, n);
        w->done[done + 1 + n] = '\0';
        len = readlink(w->done, target, sizeof(target) - 1);
        if (len < 0) {
            memcpy(w->rest, rest, strlen(rest) + 1);
            return errno == EINVAL; /* it is there and no link */
        }
        target[len] = '\0';
        w->done[done] = '\0';
        memcpy(w->link, done == 0 ? "/" : w->done, done == 0 ? 2 : done + 1);
        if (target[0] == '/')
            w->done[0] = '\0';
        *ret_link = true;
        n = (size_t)len + strlen(rest);
        if (n >= sizeof(w->rest))
            return false;
        memcpy(w->rest, target, (size_t)len);
        memcpy(w->rest + len, rest, strlen(rest) + 1);
        return true;
    }
    memcpy(w->rest, rest, strlen(rest) + 1);
    return true;
}

bool
writ_make_bind_settled(struct writ_at at, const struct writ_doc *d, size_t i)
{
    enum { STEPS_MAX = 2 * WRIT_PATH_BYTES_MAX };

    const char *asked = d->binds[i].asked;
    struct way w = {.done = ""};
    bool link;

    if (asked == NULL)
        return true;
    memcpy(w.rest, asked, strlen(asked) + 1);
    for (unsigned steps = 0; steps < STEPS_MAX && way_step(&w, &link); steps++) {
        for (size_t k = 0; link && k < d->bind_count; k++) {
            if (!d->binds[k].write || !within(w.link, d->binds[k].host))
                continue;
            return writ_fail(at,
                             "`%s` leads over a symbolic link in `%s`, which the task can "
                             "change; name the place itself",
                             asked, w.link);
        }
    }
    return true;
}

bool
writ_make_read(struct writ_at at, const char *dir, struct writ_span path, size_t max,
               struct writ_buf *ret, char *ret_path)
{
    char joined[WRIT_PATH_BYTES_MAX];
    struct stat st;
    enum writ_err e;

    if (path.len != 0 && path.ptr[0] == '/') {
        return writ_fail(at, "`%.*s` must be a path inside the profile folder, not an absolute one",
                         path.len > 200 ? 200 : (int)path.len, (const char *)path.ptr);
    }
    if (!join(at, dir, path, joined))
        return false;
    if (!writ_check_path(joined)) {
        return writ_fail(at,
                         "`%s` must lie inside the profile folder and be written without `.`, "
                         "`..` and `//`",
                         joined + strlen(dir) + 1);
    }
    if (realpath(joined, ret_path) == NULL)
        return writ_fail(at, "cannot read `%s`: %s", joined, writ_make_why(errno));
    /* what a link points to could be changed by whoever may write there */
    if (strcmp(joined, ret_path) != 0) {
        return writ_fail(at,
                         "`%s` is reached through a symbolic link; it must be a plain file "
                         "inside the profile folder",
                         joined);
    }
    if (stat(joined, &st) == 0 && !S_ISREG(st.st_mode))
        return writ_fail(at, "`%s` is not a plain file", joined);
    e = writ_read_file(AT_FDCWD, joined, max, ret);
    if (e == WRIT_E_LIMIT)
        return writ_fail(at, "`%s` is larger than %zu KiB", joined, max / 1024);
    if (e != WRIT_OK) {
        return writ_fail(at, "cannot read `%s`: %s", joined,
                         e == WRIT_E_SYS ? writ_make_why(errno) : "out of memory");
    }
    return true;
}

bool
writ_kept_add(struct writ_at at, struct writ_kept *k, const char *path)
{
    if (k->count == WRIT_KEPT_MAX)
        return writ_fail(at, "more files than a profile can have");
    k->path[k->count] = writ_make_copy(writ_span_str(path));
    if (k->path[k->count] == NULL)
        return writ_fail(at, "out of memory");
    k->count++;
    return true;
}

bool
writ_kept_check(struct writ_at at, const struct writ_kept *k, const char *path)
{
    for (size_t i = 0; i < k->count; i++) {
        if (within(k->path[i], path)) {
            return writ_fail(at,
                             "a task that writes `%s` could change its own profile (%s); name "
                             "a folder beside it",
                             path, k->path[i]);
        }
    }
    return true;
}

void
writ_kept_done(struct writ_kept *k)
{
    for (size_t i = 0; i < k->count; i++)
        free(k->path[i]);
    k->count = 0;
}

static int
by_path(const void *a, const void *b)
{
    const struct writ_doc_bind *x = a;
    const struct writ_doc_bind *y = b;

    return strcmp(x->inside, y->inside);
}

void
writ_make_sort_binds(struct writ_doc *d)
{
    if (d->bind_count > 1)
        qsort(d->binds, d->bind_count, sizeof(*d->binds), by_path);
}

bool
writ_doc_shows(const struct writ_doc *d, const char *path, bool *ret_write)
{
    size_t best = 0; /* the innermost mount is the one that counts */

    for (size_t i = 0; i < d->bind_count; i++) {
        size_t len = strlen(d->binds[i].inside);

        if (len > best && within(path, d->binds[i].inside)) {
            best = len;
            *ret_write = d->binds[i].write;
        }
    }
    return best != 0;
}

bool
writ_make_cwd(struct writ_at at, struct writ_doc *d, const char *dir)
{
    bool write;

    if (d->cwd != NULL)
        return true;
    d->cwd =
        writ_make_copy(writ_span_str(writ_doc_shows(d, dir, &write) ? dir : WRIT_PROFILE_HOME));
    return d->cwd != NULL || writ_fail(at, "out of memory");
}

enum writ_err
writ_profile_prepare(const struct writ_doc *d, struct writ_diag *diag)
{
    for (size_t i = 0; i < d->bind_count; i++) {
        struct stat st;

        if (!d->binds[i].write || lstat(d->binds[i].host, &st) == 0)
            continue;
        if (mkdir(d->binds[i].host, 0755) != 0) {
            writ_diag_set(diag, 0, 0, "cannot make the folder `%s`: %s", d->binds[i].host,
                          writ_make_why(errno));
            return WRIT_E_SYS;
        }
    }
    return WRIT_OK;
}
