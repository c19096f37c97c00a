#include "writ-keeper/db.h"

#include <assert.h>

enum { BUSY_MS = 5000, APPLICATION_ID = 0x77726974, SCHEMA_VERSION = 1 };

#define SQL_META                                                                                   \
    "CREATE TABLE meta (id INTEGER PRIMARY KEY CHECK (id = 1), store BLOB NOT NULL, "              \
    "log_n INTEGER NOT NULL, salt BLOB NOT NULL, keys BLOB NOT NULL, manifest BLOB NOT NULL) "     \
    "STRICT"
#define SQL_CREDENTIAL                                                                             \
    "CREATE TABLE credential (name TEXT PRIMARY KEY NOT NULL, env TEXT NOT NULL, version INTEGER " \
    "NOT NULL, added INTEGER NOT NULL, used INTEGER NOT NULL, fingerprint BLOB NOT NULL, sealed "  \
    "BLOB NOT NULL) STRICT, WITHOUT ROWID"

enum writ_err
writ_db_damaged(struct writ_diag *diag)
{
    writ_diag_set(diag, 0, 0,
                  "the store (keeper/store.db in the state folder) is damaged or was changed by "
                  "another program; nothing was written to it: restore it from a backup, or move "
                  "it away and add the credentials anew");
    return WRIT_E_FORMAT;
}

static enum writ_err
fail(sqlite3 *db, int rc, struct writ_diag *diag)
{
    switch (rc & 0xff) {
    case SQLITE_FULL:
        writ_diag_set(diag, 0, 0, "the disk is full: nothing was changed in the store");
        return WRIT_E_SYS;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_SCHEMA:
    case SQLITE_ERROR: /* our statements are constant: only another schema makes them fail */
    case SQLITE_MISMATCH:
    case SQLITE_TOOBIG:
        return writ_db_damaged(diag);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        writ_diag_set(diag, 0, 0, "the store is in use by another process; try again");
        return WRIT_E_AGAIN;
    case SQLITE_NOMEM:
        writ_diag_set(diag, 0, 0, "out of memory");
        return WRIT_E_NOMEM;
    default: {
        int error = db == NULL ? 0 : sqlite3_system_errno(db);

        writ_diag_set(diag, 0, 0, "the store cannot be used: %s%s%s; nothing was changed",
                      sqlite3_errstr(rc & 0xff), error == 0 ? "" : ": ",
                      error == 0 ? "" : writ_errno_text(error));
        return WRIT_E_SYS;
    }
    }
}

void
writ_db_close(sqlite3 **db)
{
    (void)sqlite3_close(*db);
    *db = NULL;
}

void
writ_db_stmt_done(sqlite3_stmt **s)
{
    (void)sqlite3_finalize(*s);
    *s = NULL;
}

enum writ_err
writ_db_exec(sqlite3 *db, const char *sql, struct writ_diag *diag)
{
    int rc = sqlite3_exec(db, sql, NULL, NULL, NULL);

    return rc == SQLITE_OK ? WRIT_OK : fail(db, rc, diag);
}

enum writ_err
writ_db_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **ret, struct writ_diag *diag)
{
    int rc = sqlite3_prepare_v2(db, sql, -1, ret, NULL);

    return rc == SQLITE_OK ? WRIT_OK : fail(db, rc, diag);
}

enum writ_err
writ_db_step(sqlite3_stmt *s, struct writ_diag *diag)
{
    int rc = sqlite3_step(s);

    if (rc == SQLITE_ROW)
        return WRIT_OK;
    return rc == SQLITE_DONE ? WRIT_E_STATE : fail(sqlite3_db_handle(s), rc, diag);
}

enum writ_err
writ_db_run(sqlite3_stmt *s, struct writ_diag *diag)
{
    int rc = sqlite3_step(s);

    if (rc == SQLITE_ROW)
        return writ_db_damaged(diag);
    return rc == SQLITE_DONE ? WRIT_OK : fail(sqlite3_db_handle(s), rc, diag);
}

void
writ_db_rollback(sqlite3 *db)
{
    if (sqlite3_get_autocommit(db) == 0)
        (void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
}

void
writ_db_bind_blob(sqlite3_stmt *s, int at, struct writ_span v)
{
    int rc =
        sqlite3_bind_blob64(s, at, v.len == 0 ? (const void *)"" : v.ptr, v.len, SQLITE_STATIC);

    assert(rc == SQLITE_OK);
    (void)rc;
}

void
writ_db_bind_text(sqlite3_stmt *s, int at, const char *v)
{
    int rc = sqlite3_bind_text(s, at, v, -1, SQLITE_STATIC);

    assert(rc == SQLITE_OK);
    (void)rc;
}

bool
writ_db_blob(sqlite3_stmt *s, int col, size_t min, size_t max, struct writ_span *ret)
{
    const void *ptr;
    int n;

    if (sqlite3_column_type(s, col) != SQLITE_BLOB)
        return false;
    ptr = sqlite3_column_blob(s, col);
    n = sqlite3_column_bytes(s, col);
    if (n < 0 || (size_t)n < min || (size_t)n > max || (n != 0 && ptr == NULL))
        return false;
    *ret = writ_span(ptr, (size_t)n);
    return true;
}

bool
writ_db_text(sqlite3_stmt *s, int col, char *ret, size_t cap)
{
    const unsigned char *text;
    int n;

    if (sqlite3_column_type(s, col) != SQLITE_TEXT)
        return false;
    text = sqlite3_column_text(s, col);
    n = sqlite3_column_bytes(s, col);
    return text != NULL && n >= 0 && writ_span_copy(writ_span(text, (size_t)n), ret, cap);
}

bool
writ_db_int(sqlite3_stmt *s, int col, int64_t min, int64_t max, int64_t *ret)
{
    int64_t v;

    if (sqlite3_column_type(s, col) != SQLITE_INTEGER)
        return false;
    v = sqlite3_column_int64(s, col);
    if (v < min || v > max)
        return false;
    *ret = v;
    return true;
}

/* One number or one text from a pragma. */
static enum writ_err
expect(sqlite3 *db, const char *sql, int64_t number, const char *text, struct writ_diag *diag)
{
    WRIT_STMT_AUTO sqlite3_stmt *s = NULL;
    char got[8];
    int64_t n;
    enum writ_err e = writ_db_prepare(db, sql, &s, diag);

    if (e == WRIT_OK)
        e = writ_db_step(s, diag);
    if (e != WRIT_OK)
        return e == WRIT_E_STATE ? writ_db_damaged(diag) : e;
    if (text != NULL) {
        return writ_db_text(s, 0, got, sizeof(got)) && strcmp(got, text) == 0
                   ? WRIT_OK
                   : writ_db_damaged(diag);
    }
    return writ_db_int(s, 0, number, number, &n) ? WRIT_OK : writ_db_damaged(diag);
}

/* Our two tables, word for word, and nothing else: no view or trigger that we would run. */
static enum writ_err
check_schema(sqlite3 *db, struct writ_diag *diag)
{
    static const char *const tables[] = {SQL_CREDENTIAL, SQL_META};
    WRIT_STMT_AUTO sqlite3_stmt *s = NULL;
    char sql[sizeof(SQL_CREDENTIAL) + sizeof(SQL_META)];
    enum writ_err e;

    e = writ_db_prepare(db, "SELECT sql FROM sqlite_schema ORDER BY name", &s, diag);
    for (size_t i = 0; e == WRIT_OK && i < WRIT_COUNT(tables); i++) {
        e = writ_db_step(s, diag);
        if (e == WRIT_OK && !(writ_db_text(s, 0, sql, sizeof(sql)) && strcmp(sql, tables[i]) == 0))
            e = WRIT_E_STATE;
    }
    if (e == WRIT_OK)
        e = writ_db_step(s, diag) == WRIT_E_STATE ? WRIT_OK : WRIT_E_STATE;
    return e == WRIT_E_STATE ? writ_db_damaged(diag) : e;
}

static enum writ_err
configure(sqlite3 *db, struct writ_diag *diag)
{
    if (sqlite3_busy_timeout(db, BUSY_MS) != SQLITE_OK ||
        sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL) != SQLITE_OK ||
        sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL) != SQLITE_OK)
        return fail(db, SQLITE_NOMEM, diag);
    return writ_db_exec(db,
                        "PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0; "
                        "PRAGMA temp_store = MEMORY; PRAGMA synchronous = FULL; "
                        "PRAGMA secure_delete = ON",
                        diag);
}

static enum writ_err
connect_file(const char *path, sqlite3 **ret, struct writ_diag *diag)
{
    WRIT_DB_AUTO sqlite3 *db = NULL;
    enum writ_err e;
    int rc;

    rc = sqlite3_open_v2(path, &db,
                         SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW |
                             SQLITE_OPEN_EXRESCODE | SQLITE_OPEN_PRIVATECACHE,
                         NULL);
    if (rc != SQLITE_OK)
        return fail(db, rc, diag);
    e = configure(db, diag);
    if (e != WRIT_OK)
        return e;
    *ret = db;
    db = NULL;
    return WRIT_OK;
}

enum writ_err
writ_db_open(const char *path, sqlite3 **ret, struct writ_diag *diag)
{
    WRIT_DB_AUTO sqlite3 *db = NULL;
    enum writ_err e = connect_file(path, &db, diag);

    if (e == WRIT_OK)
        e = expect(db, "PRAGMA application_id", APPLICATION_ID, NULL, diag);
    if (e == WRIT_OK)
        e = expect(db, "PRAGMA user_version", SCHEMA_VERSION, NULL, diag);
    if (e == WRIT_OK)
        e = check_schema(db, diag);
    if (e == WRIT_OK)
        e = expect(db, "PRAGMA integrity_check(1)", 0, "ok", diag);
    if (e != WRIT_OK)
        return e;
    *ret = db;
    db = NULL;
    return WRIT_OK;
}

enum writ_err
writ_db_create(const char *path, sqlite3 **ret, struct writ_diag *diag)
{
    WRIT_DB_AUTO sqlite3 *db = NULL;
    enum writ_err e = connect_file(path, &db, diag);

    if (e == WRIT_OK) {
        e = writ_db_exec(db,
                         "PRAGMA application_id = 2003986804; PRAGMA user_version = 1; "
                         "BEGIN IMMEDIATE; " SQL_META "; " SQL_CREDENTIAL "; COMMIT",
                         diag);
    }
    if (e != WRIT_OK)
        return e;
    *ret = db;
    db = NULL;
    return WRIT_OK;
}
