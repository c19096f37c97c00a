/*
 * What the store does when nothing is wrong with it, and with its keys.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include "store_env.h"

static uint8_t before[STORE_FILE_MAX];
static uint8_t after[STORE_FILE_MAX];

static bool
mode_is(const char *path, mode_t mode)
{
    struct stat st;

    return lstat(path, &st) == 0 && (st.st_mode & 07777) == mode;
}

static void
test_rows(void)
{
    struct writ_diag diag = {0};
    WRIT_SAFE_AUTO struct writ_safe *s = NULL;
    struct writ_safe_item item;
    struct writ_safe_item *items = NULL;
    uint8_t first[WRIT_FINGERPRINT_BYTES];
    size_t count = 9;

    env_enter();
    (void)umask(0);
    s = env_open(&diag);
    (void)umask(022);
    if (!CHECK(s != NULL))
        return;
    CHECK(mode_is("key", 0600) && mode_is("store.db", 0600) && mode_is("lock", 0600));
    CHECK(access("store.db.new", F_OK) < 0 && access("key.new", F_OK) < 0);
    CHECK(writ_safe_list(s, &items, &count, &diag) == WRIT_OK && count == 0 && items == NULL);

    CHECK(env_add(s, "beta", "staging", "value-b"));
    CHECK(env_add(s, "alpha", "", "value-a"));
    CHECK(!env_add(s, "beta", "", "other"));
    CHECK(env_is(s, "beta", "value-b") && env_is(s, "alpha", "value-a"));
    CHECK(writ_safe_find(s, "beta", &item, &diag) == WRIT_OK && item.version == 1 &&
          item.used_us == 0 && item.added_us > 0 && strcmp(item.env, "staging") == 0);
    memcpy(first, item.fingerprint, sizeof(first));

    CHECK(writ_safe_rotate(s, "beta", writ_span_str("value-c"), &item, &diag) == WRIT_OK);
    CHECK(item.version == 2 && strcmp(item.env, "staging") == 0);
    CHECK(memcmp(first, item.fingerprint, sizeof(first)) != 0);
    CHECK(writ_safe_rotate(s, "beta", writ_span_str("value-b"), &item, &diag) == WRIT_OK);
    CHECK(memcmp(first, item.fingerprint, sizeof(first)) == 0); /* same value, same store */
    CHECK(writ_safe_used(s, "beta", 1000, &diag) == WRIT_OK);
    CHECK(writ_safe_used(s, "beta", 500, &diag) == WRIT_OK);
    CHECK(writ_safe_used(s, "gone", 500, &diag) == WRIT_OK);

    diag = (struct writ_diag){0};
    CHECK(writ_safe_rotate(s, "gone", writ_span_str("x"), &item, &diag) == WRIT_E_STATE &&
          strstr(diag.text, "no credential named gone") != NULL);
    diag = (struct writ_diag){0};
    CHECK(writ_safe_remove(s, "gone", &diag) == WRIT_E_STATE);
    CHECK(writ_safe_find(s, "gone", &item, &diag) == WRIT_E_STATE);

    writ_safe_closep(&s);
    s = env_open(&diag); /* all of it is in the file */
    if (!CHECK(s != NULL))
        return;
    CHECK(writ_safe_list(s, &items, &count, &diag) == WRIT_OK && count == 2);
    CHECK(count == 2 && strcmp(items[0].name, "alpha") == 0 && items[1].version == 3 &&
          items[1].used_us == 1000);
    free(items);
    CHECK(env_is(s, "beta", "value-b"));
    CHECK(writ_safe_remove(s, "beta", &diag) == WRIT_OK);
    CHECK(!env_is(s, "beta", "value-b") && env_is(s, "alpha", "value-a"));
    CHECK(env_add(s, "beta", "", "value-d") && env_is(s, "beta", "value-d"));
    env_leave();
}

/* Nothing of a value, and after `remove` nothing of its sealed form, is in the file. */
static void
test_file_content(void)
{
    static const char value[] = "a-value-that-is-easy-to-find";
    struct writ_diag diag;
    WRIT_SAFE_AUTO struct writ_safe *s = NULL;
    uint8_t sealed[24];
    size_t len;
    uint8_t *at;

    env_enter();
    s = env_open(&diag);
    CHECK(s != NULL && env_add(s, "findable-name", "", value));
    len = env_read("store.db", before);
    CHECK(len != 0 && memmem(before, len, value, sizeof(value) - 1) == NULL);
    at = memmem(before, len, "findable-name", 13); /* the search would have found it */
    CHECK(at != NULL);
    if (at == NULL)
        return;
    memcpy(sealed, at + 13 + 40, sizeof(sealed)); /* past fingerprint and nonce */
    CHECK(memmem(before, len, sealed, sizeof(sealed)) != NULL);
    CHECK(writ_safe_remove(s, "findable-name", &diag) == WRIT_OK);
    len = env_read("store.db", after);
    CHECK(memmem(after, len, "findable-name", 13) == NULL);
    CHECK(memmem(after, len, sealed, sizeof(sealed)) == NULL);
    env_leave();
}

enum spoil { OPEN, LINK, SHORT, LONG, MISSING, FOLDER, FIFO, OTHER };

static void
spoil_key(enum spoil how, const uint8_t *key, const uint8_t *other)
{
    (void)unlink("key");
    if (how <= LONG)
        env_write("key", key, how == SHORT ? 31 : how == LONG ? 33 : 32);
    if (how == OPEN)
        (void)chmod("key", 0644);
    if (how == LINK && (rename("key", "old.db") < 0 || symlink("old.db", "key") < 0))
        abort();
    if (how == FOLDER)
        (void)mkdir("key", 0700);
    if (how == FIFO)
        (void)mkfifo("key", 0600);
    if (how == OTHER)
        env_write("key", other, 32);
}

static void
test_key_files(void)
{
    static const struct {
        const char *what;
        const char *message;
    } rows[] = {
        {"open to others", "can be read by others (mode 0644)"},
        {"symbolic link", "symbolic link"},
        {"short", "has 31 bytes instead of 32"},
        {"long", "has 33 bytes instead of 32"},
        {"missing", "is missing"},
        {"folder", "not a regular file"},
        {"fifo", "not a regular file"},
        {"another store's", "does not open the store"},
    };
    struct writ_diag diag;
    WRIT_SAFE_AUTO struct writ_safe *s = NULL;
    uint8_t key[64] = {0};
    size_t len;

    env_enter();
    s = env_open(&diag);
    CHECK(s != NULL && env_add(s, "name", "", "value"));
    writ_safe_closep(&s);
    CHECK(env_read("key", before) == 32);
    memcpy(key, before, 32);
    len = env_read("store.db", before);
    for (size_t i = 0; i < WRIT_COUNT(rows); i++) {
        spoil_key((enum spoil)i, key, before + 100);
        CHECK_ROW(strstr(env_try(), rows[i].message) != NULL, env_try());
        CHECK_ROW(env_read("store.db", after) == len && memcmp(before, after, len) == 0,
                  rows[i].what);
        (void)rmdir("key");
    }
    CHECK(access("key", F_OK) == 0); /* the last one's; never replaced */
    (void)unlink("key");
    env_write("key", key, 32);
    CHECK_ROW(strcmp(env_try(), "") == 0, env_try());
    if (geteuid() == 0) {
        CHECK(chown("key", 12345, 12345) == 0);
        CHECK_ROW(strstr(env_try(), "belongs to user 12345") != NULL, env_try());
        CHECK(chown("key", 0, 0) == 0 && chown("store.db", 12345, 12345) == 0);
        CHECK_ROW(strstr(env_try(), "others could have changed it") != NULL, env_try());
    }
    env_leave();
}

/* A key that the service manager hands over wins over a file and is never written to one. */
static void
test_manager_key(void)
{
    struct writ_diag diag = {0};
    WRIT_SAFE_AUTO struct writ_safe *s = NULL;
    WRIT_SECRET_AUTO struct writ_secret *key = NULL;

    env_enter();
    CHECK(writ_secret_new(32, &key) == WRIT_OK);
    memset(writ_secret_bytes(key), 7, 32);
    CHECK(writ_safe_open(env_dir, &key, &s, &diag) == WRIT_OK && key == NULL);
    CHECK(s != NULL && env_add(s, "name", "", "value"));
    writ_safe_closep(&s);
    CHECK(access("key", F_OK) < 0);
    CHECK(strstr(env_try(), "is missing") != NULL);
    CHECK(writ_secret_new(32, &key) == WRIT_OK);
    memset(writ_secret_bytes(key), 8, 32);
    CHECK(writ_safe_open(env_dir, &key, &s, &diag) == WRIT_E_DENIED && s == NULL);
    CHECK(writ_secret_new(32, &key) == WRIT_OK);
    memset(writ_secret_bytes(key), 7, 32);
    CHECK(writ_safe_open(env_dir, &key, &s, &diag) == WRIT_OK);
    CHECK(s != NULL && env_is(s, "name", "value"));
    env_leave();
}

static void
test_passphrase(void)
{
    struct writ_diag diag = {0};
    WRIT_SAFE_AUTO struct writ_safe *s = NULL;
    struct writ_safe_item item;

    env_enter();
    s = env_open(&diag);
    CHECK(s != NULL && env_add(s, "name", "", "value"));
    CHECK(writ_safe_set_passphrase(s, writ_span_str("short"), &diag) == WRIT_E_LIMIT);
    CHECK(writ_safe_set_passphrase(s, writ_span_str("correct horse"), &diag) == WRIT_OK);
    CHECK(access("key", F_OK) < 0);
    CHECK(env_is(s, "name", "value"));
    writ_safe_closep(&s);

    s = env_open(&diag);
    if (!CHECK(s != NULL && writ_safe_locked(s)))
        return;
    CHECK(writ_safe_find(s, "name", &item, &diag) == WRIT_E_DENIED);
    CHECK(!env_add(s, "other", "", "value"));
    CHECK(writ_safe_unlock(s, writ_span_str("wrong horse"), &diag) == WRIT_E_DENIED);
    CHECK(writ_safe_unlock(s, writ_span_str(""), &diag) == WRIT_E_DENIED);
    CHECK(writ_safe_locked(s));
    CHECK(writ_safe_unlock(s, writ_span_str("correct horse"), &diag) == WRIT_OK);
    CHECK(env_is(s, "name", "value"));
    CHECK(access("key", F_OK) < 0);

    CHECK(writ_safe_set_passphrase(s, writ_span_str(""), &diag) == WRIT_OK);
    CHECK(mode_is("key", 0600));
    writ_safe_closep(&s);
    s = env_open(&diag);
    CHECK(s != NULL && !writ_safe_locked(s) && env_is(s, "name", "value"));
    env_leave();
}

/* --- several at once ------------------------------------------------------------------------- */

enum { WRITERS = 4, EACH = 12 };

static void
write_many(unsigned who)
{
    struct writ_diag diag;
    struct writ_safe *s = env_open(&diag);
    struct writ_safe_item item;
    char name[32];

    for (unsigned i = 0; s != NULL && i < EACH; i++) {
        (void)snprintf(name, sizeof(name), "w%u-%u", who, i);
        if (!env_add(s, name, "", name))
            _exit(1);
        if (writ_safe_rotate(s, "shared", writ_span_str("again"), &item, &diag) != WRIT_OK)
            _exit(2);
    }
    _exit(s == NULL ? 3 : 0);
}

static unsigned
wait_all(void)
{
    unsigned bad = 0;
    int status;

    while (wait(&status) > 0)
        bad += status == 0 ? 0 : 1;
    return bad;
}

static void
test_concurrent(void)
{
    struct writ_diag diag;
    WRIT_SAFE_AUTO struct writ_safe *s = NULL;
    struct writ_safe_item item;
    struct writ_safe_item *items = NULL;
    size_t count = 0;
    char name[32];

    env_enter();
    s = env_open(&diag);
    CHECK(s != NULL && env_add(s, "shared", "", "first"));
    for (unsigned w = 0; w < WRITERS; w++) {
        if (fork() == 0)
            write_many(w);
    }
    CHECK(wait_all() == 0);
    CHECK(writ_safe_list(s, &items, &count, &diag) == WRIT_OK && count == WRITERS * EACH + 1);
    free(items);
    CHECK(writ_safe_find(s, "shared", &item, &diag) == WRIT_OK &&
          item.version == WRITERS * EACH + 1);
    for (unsigned i = 0; i < WRITERS * EACH; i++) {
        (void)snprintf(name, sizeof(name), "w%u-%u", i / EACH, i % EACH);
        CHECK(env_is(s, name, name));
    }
    env_leave();

    /* the first use, by all of them at once: one key, one store */
    env_enter();
    for (unsigned w = 0; w < 8; w++) {
        if (fork() == 0) {
            s = env_open(&diag);
            (void)snprintf(name, sizeof(name), "w%u", w);
            _exit(s != NULL && env_add(s, name, "", name) ? 0 : 1);
        }
    }
    CHECK(wait_all() == 0);
    writ_safe_closep(&s);
    s = env_open(&diag);
    CHECK(s != NULL && writ_safe_list(s, &items, &count, &diag) == WRIT_OK && count == 8);
    free(items);
    env_leave();
}

/* --- killed, and out of room ----------------------------------------------------------------- */

static void
rotate_forever(void)
{
    struct writ_diag diag;
    struct writ_safe *s = env_open(&diag);
    struct writ_safe_item item;
    char value[32];

    if (s == NULL || writ_safe_find(s, "name", &item, &diag) != WRIT_OK)
        _exit(1);
    for (unsigned v = item.version + 1;; v++) {
        (void)snprintf(value, sizeof(value), "value-%u", v);
        if (writ_safe_rotate(s, "name", writ_span_str(value), &item, &diag) != WRIT_OK)
            _exit(1);
    }
}

static void
test_kill(void)
{
    struct writ_diag diag;
    struct writ_safe *s;
    uint32_t last = 0;

    env_enter();
    s = env_open(&diag);
    CHECK(s != NULL && env_add(s, "name", "", "value-1"));
    writ_safe_closep(&s);
    for (unsigned i = 0; i < 40; i++) {
        const struct timespec t = {0, 1000000L + (long)(i * 7919 % 40) * 500000L};
        struct writ_safe_item item = {.version = 0};
        pid_t pid = fork();
        char value[32];

        if (pid == 0)
            rotate_forever();
        (void)nanosleep(&t, NULL);
        (void)kill(pid, SIGKILL);
        (void)waitpid(pid, NULL, 0);
        s = env_open(&diag);
        if (!CHECK_ROW(s != NULL, diag.text))
            return;
        CHECK(writ_safe_find(s, "name", &item, &diag) == WRIT_OK && item.version >= last);
        (void)snprintf(value, sizeof(value), "value-%u", (unsigned)item.version);
        CHECK(env_is(s, "name", value));
        last = item.version;
        writ_safe_closep(&s);
    }
    CHECK(last > 1);
    env_leave();

    /* killed while it makes the very first key and store */
    for (unsigned i = 0; i < 20; i++) {
        const struct timespec t = {0, (long)i * 300000L};
        pid_t pid;

        env_enter();
        pid = fork();
        if (pid == 0)
            _exit(env_open(&diag) == NULL ? 1 : 0);
        (void)nanosleep(&t, NULL);
        (void)kill(pid, SIGKILL);
        (void)waitpid(pid, NULL, 0);
        s = env_open(&diag);
        CHECK_ROW(s != NULL && env_add(s, "name", "", "value"), diag.text);
        writ_safe_closep(&s);
        env_leave();
    }
}

static bool
write_map(const char *path, const char *text)
{
    WRIT_FD_AUTO int fd = open(path, O_WRONLY | O_CLOEXEC);

    return fd >= 0 && writ_write_full(fd, writ_span_str(text)) == WRIT_OK;
}

/* A file system of 64 KiB, in a namespace of our own; false where that cannot be had. */
static bool
tiny_disk(void)
{
    uid_t uid = geteuid();
    gid_t gid = getegid();
    char uids[32];
    char gids[32];

    (void)snprintf(uids, sizeof(uids), "0 %u 1", (unsigned)uid);
    (void)snprintf(gids, sizeof(gids), "0 %u 1", (unsigned)gid);
    if (unshare(uid == 0 ? CLONE_NEWNS : CLONE_NEWUSER | CLONE_NEWNS) < 0)
        return false;
    if (uid != 0 &&
        (!write_map("/proc/self/uid_map", uids) || !write_map("/proc/self/setgroups", "deny") ||
         !write_map("/proc/self/gid_map", gids)))
        return false;
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return false;
    return mount("tmpfs", ".", "tmpfs", 0, "size=64k,mode=700") == 0;
}

/* No room even for a new store: then there is none, nor half of one. */
static void
no_room_to_begin(void)
{
    static const uint8_t zeros[4096];
    char name[16];

    (void)unlink("store.db");
    (void)unlink("key");
    (void)unlink("lock");
    for (unsigned i = 0; i < 64; i++) {
        int fd;

        (void)snprintf(name, sizeof(name), "fill%u", i);
        fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        if (fd < 0 || write(fd, zeros, sizeof(zeros)) < (ssize_t)sizeof(zeros))
            break;
        (void)close(fd);
    }
    CHECK_ROW(strcmp(env_try(), "") != 0 && strcmp(env_try(), "(no message)") != 0, env_try());
    CHECK(access("store.db", F_OK) < 0 && access("key", F_OK) < 0);
}

static void
test_disk_full_here(void)
{
    static char value[8000];
    char cwd[256];
    struct writ_diag diag;
    struct writ_safe *s;
    struct writ_safe_item item;
    char name[16];
    unsigned stored = 0;

    if (getcwd(cwd, sizeof(cwd)) == NULL || chdir(cwd) < 0) /* onto the new file system */
        abort();
    (void)close(env_dir);
    env_dir = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    memset(value, 'v', sizeof(value) - 1);
    env_write("filler", (const uint8_t *)value, sizeof(value));
    s = env_open(&diag);
    CHECK_ROW(s != NULL && env_add(s, "small", "", "first"), diag.text);
    for (; s != NULL && stored < 20; stored++) {
        (void)snprintf(name, sizeof(name), "n%u", stored);
        diag = (struct writ_diag){0};
        if (writ_safe_add(s, name, "", writ_span_str(value), &item, &diag) != WRIT_OK)
            break;
    }
    CHECK(stored > 0 && stored < 20);
    CHECK_ROW(strstr(diag.text, "disk is full") != NULL, diag.text);
    CHECK(env_is(s, "small", "first") && env_is(s, "n0", value));
    CHECK(!env_is(s, name, value));
    writ_safe_closep(&s);
    s = env_open(&diag);
    CHECK_ROW(s != NULL && env_is(s, "small", "first") && env_is(s, "n0", value), diag.text);
    /* room again: it goes on */
    (void)unlink("filler");
    CHECK(s != NULL && writ_safe_remove(s, "n0", &diag) == WRIT_OK);
    CHECK(s != NULL && env_add(s, "m", "", "later") && env_is(s, "m", "later"));
    writ_safe_closep(&s);

    no_room_to_begin();
    _exit(test_failed == 0 ? 0 : 1);
}

static void
test_disk_full(void)
{
    int status = 1;
    pid_t pid;

    env_enter();
    pid = fork();
    if (pid == 0) {
        if (!tiny_disk())
            _exit(77);
        test_disk_full_here();
    }
    (void)waitpid(pid, &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
        (void)printf("skipped: no private mount can be made here for the full disk\n");
    } else {
        CHECK(status == 0);
    }
    env_leave();
}

int
main(void)
{
    test_rows();
    test_file_content();
    test_key_files();
    test_manager_key();
    test_passphrase();
    test_concurrent();
    test_kill();
    test_disk_full();
    return test_end();
}
