/*
 * db.h - SQLite as the store uses it: one file, strict schema, every failure a sentence.
 *
 * Rollback journal and synchronous=FULL: one file holds everything, and a transaction is on disk
 * when it is committed. SQLite sees sealed bytes only.
 */
#ifndef WRIT_KEEPER_DB_H
#define WRIT_KEEPER_DB_H

#include <sqlite3.h>

#include "base/err.h"
#include "base/span.h"

#define WRIT_STMT_AUTO WRIT_CLEANUP(writ_db_stmt_done)
#define WRIT_DB_AUTO   WRIT_CLEANUP(writ_db_close)

/* Opens an existing database, checks every page of it, and that it has our schema and nothing else.
 * path is borrowed for the call. */
enum writ_err writ_db_open(const char *path, sqlite3 **ret, struct writ_diag *diag) WRIT_CHECK;
/* Makes our schema in an empty file. */
enum writ_err writ_db_create(const char *path, sqlite3 **ret, struct writ_diag *diag) WRIT_CHECK;
void writ_db_close(sqlite3 **db);

enum writ_err writ_db_exec(sqlite3 *db, const char *sql, struct writ_diag *diag) WRIT_CHECK;
enum writ_err writ_db_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **ret,
                              struct writ_diag *diag) WRIT_CHECK;
void writ_db_stmt_done(sqlite3_stmt **s);
/* One row: WRIT_OK. No more rows: WRIT_E_STATE, without a message. */
enum writ_err writ_db_step(sqlite3_stmt *s, struct writ_diag *diag) WRIT_CHECK;
/* For a statement that gives no rows. */
enum writ_err writ_db_run(sqlite3_stmt *s, struct writ_diag *diag) WRIT_CHECK;
void writ_db_rollback(sqlite3 *db);

/* A parameter stays borrowed until the statement is done; the statement remembers a failure and
 * reports it when it is stepped. */
void writ_db_bind_blob(sqlite3_stmt *s, int at, struct writ_span v);
void writ_db_bind_text(sqlite3_stmt *s, int at, const char *v);

/* The columns of a row are input: a value of another type or size is damage. */
bool writ_db_blob(sqlite3_stmt *s, int col, size_t min, size_t max,
                  struct writ_span *ret) WRIT_CHECK;
bool writ_db_text(sqlite3_stmt *s, int col, char *ret, size_t cap) WRIT_CHECK;
bool writ_db_int(sqlite3_stmt *s, int col, int64_t min, int64_t max, int64_t *ret) WRIT_CHECK;

/* What to say when the content is not what we wrote. */
enum writ_err writ_db_damaged(struct writ_diag *diag);

#endif
