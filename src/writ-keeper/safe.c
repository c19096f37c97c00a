#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/id.h"
#include "writ-keeper/key.h"
#include "writ-keeper/safe_in.h"

#define FILE_STORE     "store.db"
#define FILE_STORE_NEW "store.db.new"
#define FILE_KEY       "key"
#define FILE_LOCK      "lock"

enum { PASSPHRASE_BYTES_MIN = 8 };

void
writ_safe_closep(struct writ_safe **s)
{
    if (*s == NULL)
        return;
    writ_db_close(&(*s)->db);
    writ_secret_freep(&(*s)->keys);
    free(*s);
    *s = NULL;
}

static enum writ_err
head_read(struct writ_safe *s, struct writ_diag *diag)
{
    WRIT_STMT_AUTO sqlite3_stmt *st = NULL;
    struct writ_span store;
    struct writ_span salt;
    struct writ_span keys;
    int64_t log_n;
    enum writ_err e;

    e = writ_db_prepare(s->db, "SELECT store, log_n, salt, keys FROM meta", &st, diag);
    if (e == WRIT_OK)
        e = writ_db_step(st, diag);
    if (e != WRIT_OK)
        return e == WRIT_E_STATE ? writ_db_damaged(diag) : e;
    if (!writ_db_blob(st, 0, WRIT_SAFE_ID_BYTES, WRIT_SAFE_ID_BYTES, &store) ||
        !writ_db_int(st, 1, 0, 20, &log_n) ||
        !writ_db_blob(st, 2, WRIT_SALT_BYTES, WRIT_SALT_BYTES, &salt) ||
        !writ_db_blob(st, 3, WRIT_KEYS_SEALED_BYTES, WRIT_KEYS_SEALED_BYTES, &keys))
        return writ_db_damaged(diag);
    memcpy(s->head.store, store.ptr, store.len);
    memcpy(s->head.salt, salt.ptr, salt.len);
    memcpy(s->head.sealed, keys.ptr, keys.len);
    s->head.log_n = (unsigned)log_n;
    return WRIT_OK;
}

static enum writ_err
head_write(sqlite3 *db, const struct writ_keys_head *h, const char *sql, struct writ_diag *diag)
{
    WRIT_STMT_AUTO sqlite3_stmt *st = NULL;
    enum writ_err e = writ_db_prepare(db, sql, &st, diag);

    if (e != WRIT_OK)
        return e;
    writ_db_bind_blob(st, 1, writ_span(h->store, sizeof(h->store)));
    (void)sqlite3_bind_int64(st, 2, h->log_n);
    writ_db_bind_blob(st, 3, writ_span(h->salt, sizeof(h->salt)));
    writ_db_bind_blob(st, 4, writ_span(h->sealed, sizeof(h->sealed)));
    return writ_db_run(st, diag);
}

/* The key in the file, or the service manager's; made if `make` says so and there is none. */
static enum writ_err
master_from_file(int dirfd, struct writ_secret **manager_key, bool make, struct writ_secret **ret,
                 struct writ_diag *diag)
{
    enum writ_err e;

    if (*manager_key != NULL) {
        *ret = writ_secret_take(manager_key);
        return WRIT_OK;
    }
    e = writ_key_read(dirfd, FILE_KEY, WRIT_KEY_OWN, ret, diag);
    if (e != WRIT_E_STATE)
        return e;
    if (make)
        return writ_key_create(dirfd, FILE_KEY, ret, diag);
    writ_diag_set(diag, 0, 0,
                  "the key file (keeper/key in the state folder) is missing; without it the store "
                  "cannot be opened: restore it from a backup, or move keeper/store.db away and "
                  "add the credentials anew");
    return WRIT_E_DENIED;
}

static enum writ_err
sys_fail(const char *what, struct writ_diag *diag)
{
    writ_diag_set(diag, 0, 0, "%s: %s", what, writ_errno_text(errno));
    return WRIT_E_SYS;
}

/* SQLite would leave the mode to the umask. */
static enum writ_err
create_empty(int dirfd, struct writ_diag *diag)
{
    WRIT_FD_AUTO int fd = -1;

    if (unlinkat(dirfd, FILE_STORE_NEW, 0) < 0 && errno != ENOENT)
        return sys_fail("keeper/" FILE_STORE_NEW " cannot be removed", diag);
    fd = openat(dirfd, FILE_STORE_NEW, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    return fd < 0 ? sys_fail("keeper/" FILE_STORE_NEW " cannot be made", diag) : WRIT_OK;
}

/* Writes a whole store under another name, closed and on disk when this returns. */
static enum writ_err
build(struct writ_safe *s, struct writ_span master, struct writ_diag *diag)
{
    enum writ_err e;

    writ_random(s->head.store, sizeof(s->head.store));
    s->head.log_n = 0;
    e = writ_keys_new(&s->keys);
    if (e == WRIT_OK)
        e = writ_keys_seal(&s->head, master, s->keys);
    if (e == WRIT_OK)
        e = create_empty(s->dirfd, diag);
    if (e == WRIT_OK)
        e = writ_db_create(FILE_STORE_NEW, &s->db, diag);
    if (e == WRIT_OK)
        e = writ_db_exec(s->db, "BEGIN IMMEDIATE", diag);
    if (e == WRIT_OK)
        e = head_write(s->db, &s->head, "INSERT INTO meta VALUES (1, ?1, ?2, ?3, ?4, x'')", diag);
    if (e == WRIT_OK)
        e = writ_tx_commit_rows(s, diag);
    writ_db_close(&s->db);
    writ_secret_freep(&s->keys);
    return e;
}

/* Under the lock: two keepers that start at once make one store and one key. */
static enum writ_err
create(struct writ_safe *s, struct writ_secret **manager_key, struct writ_diag *diag)
{
    WRIT_SECRET_AUTO struct writ_secret *master = NULL;
    WRIT_FD_AUTO int lock = -1;
    enum writ_err e;

    lock = openat(s->dirfd, FILE_LOCK, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (lock < 0 || flock(lock, LOCK_EX) < 0)
        return sys_fail("the keeper's folder cannot be locked", diag);
    if (faccessat(s->dirfd, FILE_STORE, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
        return WRIT_OK;
    e = master_from_file(s->dirfd, manager_key, true, &master, diag);
    if (e != WRIT_OK)
        return e;
    e = build(s, writ_secret_span(master), diag);
    if (e == WRIT_OK &&
        (linkat(s->dirfd, FILE_STORE_NEW, s->dirfd, FILE_STORE, 0) < 0 || fsync(s->dirfd) < 0))
        e = sys_fail("keeper/" FILE_STORE " cannot be made", diag);
    (void)unlinkat(s->dirfd, FILE_STORE_NEW, 0);
    (void)unlinkat(s->dirfd, FILE_STORE_NEW "-journal", 0);
    if (e == WRIT_OK && *manager_key == NULL)
        *manager_key = writ_secret_take(&master); /* opens what it made */
    return e;
}

static enum writ_err
check_store_file(int dirfd, struct writ_diag *diag)
{
    struct stat st;

    if (fstatat(dirfd, FILE_STORE, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return sys_fail("keeper/" FILE_STORE " cannot be examined", diag);
    if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 022) != 0) {
        writ_diag_set(diag, 0, 0,
                      "keeper/" FILE_STORE " is not a regular file that only user %u can write: "
                      "others could have changed it",
                      (unsigned)geteuid());
        return WRIT_E_DENIED;
    }
    return WRIT_OK;
}

/* With the keys in hand: are the rows the ones we wrote? */
static enum writ_err
check_rows(struct writ_safe *s, struct writ_diag *diag)
{
    WRIT_TX_AUTO struct writ_safe *tx = s;
    size_t count;

    return writ_tx_begin(tx, false, &count, diag);
}

static enum writ_err
open_with_file_key(struct writ_safe *s, struct writ_secret **manager_key, struct writ_diag *diag)
{
    WRIT_SECRET_AUTO struct writ_secret *master = NULL;
    enum writ_err e = WRIT_E_DENIED;

    /* a store that went back from a passphrase has a key file beside the service manager's key */
    if (*manager_key != NULL)
        e = writ_keys_open(&s->head, writ_secret_span(*manager_key), &s->keys);
    if (e == WRIT_E_DENIED &&
        (*manager_key == NULL || faccessat(s->dirfd, FILE_KEY, F_OK, AT_SYMLINK_NOFOLLOW) == 0)) {
        writ_secret_freep(manager_key);
        e = master_from_file(s->dirfd, manager_key, false, &master, diag);
        if (e == WRIT_OK)
            e = writ_keys_open(&s->head, writ_secret_span(master), &s->keys);
    }
    if (e == WRIT_E_DENIED) {
        writ_diag_set(diag, 0, 0,
                      "the key does not open the store: the key file is another store's, or one of "
                      "the two is damaged; nothing was changed");
    }
    return e == WRIT_OK ? check_rows(s, diag) : e;
}

enum writ_err
writ_safe_open(int dirfd, struct writ_secret **manager_key, struct writ_safe **ret,
               struct writ_diag *diag)
{
    WRIT_SAFE_AUTO struct writ_safe *s = calloc(1, sizeof(*s));
    enum writ_err e = WRIT_OK;

    if (s == NULL)
        return WRIT_E_NOMEM;
    s->dirfd = dirfd;
    if (faccessat(dirfd, FILE_STORE, F_OK, AT_SYMLINK_NOFOLLOW) < 0) {
        e = errno == ENOENT ? create(s, manager_key, diag)
                            : sys_fail("the keeper's folder cannot be searched", diag);
    }
    if (e == WRIT_OK)
        e = check_store_file(dirfd, diag);
    if (e == WRIT_OK)
        e = writ_db_open(FILE_STORE, &s->db, diag);
    if (e == WRIT_OK)
        e = head_read(s, diag);
    if (e == WRIT_OK && s->head.log_n == 0)
        e = open_with_file_key(s, manager_key, diag);
    writ_secret_freep(manager_key);
    if (e != WRIT_OK)
        return e; /* NOLINT(clang-analyzer-unix.Malloc): it does not know the cleanup attribute */
    *ret = s;
    s = NULL;
    return WRIT_OK;
}

bool
writ_safe_locked(const struct writ_safe *s)
{
    return s->keys == NULL;
}

enum writ_err
writ_safe_unlock(struct writ_safe *s, struct writ_span passphrase, struct writ_diag *diag)
{
    WRIT_SECRET_AUTO struct writ_secret *master = NULL;
    enum writ_err e;

    if (s->keys != NULL || passphrase.len > WRIT_PASSPHRASE_BYTES_MAX)
        return WRIT_E_STATE;
    if (passphrase.len == 0) {
        writ_diag_set(diag, 0, 0, "the passphrase is empty");
        return WRIT_E_DENIED;
    }
    e = writ_key_derive(passphrase, s->head.salt, s->head.log_n, &master);
    if (e == WRIT_E_LIMIT)
        return writ_db_damaged(diag);
    if (e == WRIT_OK)
        e = writ_keys_open(&s->head, writ_secret_span(master), &s->keys);
    if (e == WRIT_E_DENIED)
        writ_diag_set(diag, 0, 0, "the passphrase does not open the store");
    if (e != WRIT_OK)
        return e;
    e = check_rows(s, diag);
    if (e != WRIT_OK)
        writ_secret_freep(&s->keys);
    return e == WRIT_E_DENIED ? WRIT_E_STATE : e;
}

enum writ_err
writ_safe_set_passphrase(struct writ_safe *s, struct writ_span passphrase, struct writ_diag *diag)
{
    WRIT_SECRET_AUTO struct writ_secret *master = NULL;
    WRIT_SECRET_AUTO struct writ_secret *none = NULL;
    WRIT_TX_AUTO struct writ_safe *tx = s;
    struct writ_keys_head head = s->head;
    size_t count;
    enum writ_err e;

    if (passphrase.len != 0 &&
        (passphrase.len < PASSPHRASE_BYTES_MIN || passphrase.len > WRIT_PASSPHRASE_BYTES_MAX)) {
        writ_diag_set(diag, 0, 0, "a passphrase has %d to %d bytes", PASSPHRASE_BYTES_MIN,
                      WRIT_PASSPHRASE_BYTES_MAX);
        return WRIT_E_LIMIT;
    }
    e = writ_tx_begin(tx, true, &count, diag);
    if (e != WRIT_OK)
        return e;
    writ_random(head.salt, sizeof(head.salt));
    head.log_n = passphrase.len == 0 ? 0 : WRIT_SCRYPT_LOG_N;
    e = passphrase.len == 0 ? master_from_file(s->dirfd, &none, true, &master, diag)
                            : writ_key_derive(passphrase, head.salt, head.log_n, &master);
    if (e == WRIT_OK)
        e = writ_keys_seal(&head, writ_secret_span(master), s->keys);
    if (e == WRIT_OK) {
        e = head_write(s->db, &head, "UPDATE meta SET store = ?1, log_n = ?2, salt = ?3, keys = ?4",
                       diag);
    }
    if (e == WRIT_OK)
        e = writ_db_exec(s->db, "COMMIT", diag);
    if (e != WRIT_OK)
        return e;
    s->head = head;
    /* the old key opens nothing any more, save an old copy of the store */
    if (head.log_n != 0 && unlinkat(s->dirfd, FILE_KEY, 0) < 0 && errno != ENOENT)
        return sys_fail("the passphrase is set, but the old key file cannot be removed", diag);
    return WRIT_OK;
}
