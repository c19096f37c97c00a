/*
 * What the store does when its file was damaged, or changed by someone who has no key.
 */
#include <sqlite3.h>

#include "store_env.h"

static uint8_t good[STORE_FILE_MAX];
static uint8_t bad[STORE_FILE_MAX];
static uint8_t now[STORE_FILE_MAX];

/* Two credentials, and the file's content in `good`. */
static size_t
make_two(void)
{
    struct writ_diag diag;
    WRIT_SAFE_AUTO struct writ_safe *s = NULL;

    env_enter();
    s = env_open(&diag);
    CHECK(s != NULL && env_add(s, "one", "staging", "value-one") &&
          env_add(s, "two", "staging", "value-two"));
    writ_safe_closep(&s);
    return env_read("store.db", good);
}

/* Long stretches of zeros are free space; their edges are tried, their middle is not. */
static bool
in_free_space(size_t i, size_t len)
{
    for (size_t at = i < 24 ? 0 : i - 24; at < i + 24 && at < len; at++) {
        if (good[at] != 0)
            return false;
    }
    return true;
}

/* False if asking for a value that should not open gives one, or says nothing. */
static bool
refuses(struct writ_safe *s, const char *name)
{
    WRIT_SECRET_AUTO struct writ_secret *got = NULL;
    struct writ_safe_item item;
    struct writ_diag diag = {0};
    enum writ_err e = writ_safe_get(s, name, &item, &got, &diag);

    return e != WRIT_OK && got == NULL && diag.text[0] != '\0';
}

enum outcome { HARMLESS, REFUSED, WRONG };

/* With the file as it is now. */
static enum outcome
examine(void)
{
    struct writ_diag diag;
    WRIT_SAFE_AUTO struct writ_safe *s = env_open(&diag);
    bool one;
    bool two;

    if (s == NULL)
        return diag.text[0] != '\0' ? REFUSED : WRONG;
    one = env_is(s, "one", "value-one");
    two = env_is(s, "two", "value-two");
    if (one && two)
        return HARMLESS; /* free space, a counter, the time of the last use */
    return refuses(s, one ? "two" : "one") ? REFUSED : WRONG;
}

/*
 * Whatever one byte of the file becomes: either the store is refused, or the value is refused, or
 * it is the very value that was stored. And reading never writes.
 */
static void
test_every_byte(void)
{
    size_t len = make_two();
    unsigned count[3] = {0, 0, 0};

    CHECK(len > 4096);
    for (size_t i = 0; i < len; i++) {
        if (in_free_space(i, len))
            continue;
        memcpy(bad, good, len);
        bad[i] ^= (uint8_t)(1U << i % 8);
        env_write("store.db", bad, len);
        count[examine()]++;
        if (env_read("store.db", now) != len || memcmp(now, bad, len) != 0)
            CHECK_ROW(false, "reading a damaged store changed it");
        (void)unlink("store.db-journal");
    }
    (void)printf("%zu bytes: %u refused, %u harmless\n", len, count[REFUSED], count[HARMLESS]);
    CHECK(count[WRONG] == 0);
    CHECK(count[REFUSED] > 700); /* the sealed rows, the keys, the structure */
    env_leave();
}

static void
test_truncated(void)
{
    size_t len = make_two();

    for (size_t n = 0; n < len; n += n < 200 ? 1 : 97) {
        env_write("store.db", good, n);
        CHECK_ROW(strstr(env_try(), "damaged") != NULL, env_try());
        if (env_read("store.db", now) != n || memcmp(now, good, n) != 0)
            CHECK_ROW(false, "a cut store was changed");
    }
    memset(bad, 0xa5, len);
    env_write("store.db", bad, len);
    CHECK_ROW(strstr(env_try(), "damaged") != NULL, env_try());
    env_write("store.db", (const uint8_t *)"#!/bin/sh\n", 10);
    CHECK_ROW(strstr(env_try(), "damaged") != NULL, env_try());
    (void)unlink("store.db");
    CHECK(symlink("old.db", "store.db") == 0);
    env_write("old.db", good, len);
    CHECK_ROW(strstr(env_try(), "not a regular file") != NULL, env_try());
    (void)unlink("store.db");
    env_write("store.db", good, len);
    CHECK_ROW(strcmp(env_try(), "") == 0, env_try());
    env_leave();
}

static bool
sql(const char *text)
{
    sqlite3 *db = NULL;
    char *error = NULL;
    bool ok;

    ok = sqlite3_open("store.db", &db) == SQLITE_OK &&
         sqlite3_exec(db, text, NULL, NULL, &error) == SQLITE_OK;
    if (error != NULL)
        (void)fprintf(stderr, "%s: %s\n", text, error);
    sqlite3_free(error);
    (void)sqlite3_close(db);
    return ok;
}

/* By someone who can write the file and knows SQL, but has no key. */
static void
test_tampered(void)
{
    static const char *const rows[] = {
        /* NOLINTNEXTLINE(bugprone-suspicious-missing-comma): it goes on over the line */
        "UPDATE credential SET sealed = (SELECT sealed FROM credential WHERE name = 'two') "
        "WHERE name = 'one'",
        "UPDATE credential SET name = 'tmp' WHERE name = 'one'; UPDATE credential SET name = 'one' "
        "WHERE name = 'two'; UPDATE credential SET name = 'two' WHERE name = 'tmp'",
        "UPDATE credential SET env = 'production' WHERE name = 'one'",
        "UPDATE credential SET env = ''",
        "UPDATE credential SET version = 2 WHERE name = 'one'",
        "UPDATE credential SET added = added + 1 WHERE name = 'one'",
        "UPDATE credential SET fingerprint = zeroblob(16) WHERE name = 'one'",
        "UPDATE credential SET name = 'three' WHERE name = 'one'",
        "DELETE FROM credential WHERE name = 'one'",
        "DELETE FROM credential",
        "INSERT INTO credential SELECT 'three', env, version, added, used, fingerprint, sealed "
        "FROM credential WHERE name = 'one'",
        "UPDATE credential SET sealed = substr(sealed, 1, length(sealed) - 1) WHERE name = 'one'",
        "UPDATE credential SET sealed = zeroblob(100000) WHERE name = 'one'",
        "UPDATE credential SET sealed = zeroblob(0) WHERE name = 'one'",
        "UPDATE credential SET version = 0",
        "UPDATE credential SET version = -1",
        "UPDATE credential SET used = -1",
        "UPDATE meta SET manifest = zeroblob(32)",
        "UPDATE meta SET manifest = x''",
        "UPDATE meta SET log_n = 99",
        "UPDATE meta SET store = zeroblob(16)",
        "UPDATE meta SET keys = zeroblob(124)",
        "DELETE FROM meta",
        "CREATE TRIGGER t AFTER UPDATE ON credential BEGIN DELETE FROM credential; END",
        "CREATE VIEW v AS SELECT 1",
        "CREATE TABLE extra (x)",
        "CREATE INDEX i ON credential (env)",
        "DROP TABLE credential",
        "ALTER TABLE credential ADD COLUMN more TEXT",
        "PRAGMA user_version = 2",
        "PRAGMA application_id = 1",
    };
    size_t len = make_two();

    for (size_t i = 0; i < WRIT_COUNT(rows); i++) {
        const char *said;

        env_write("store.db", good, len);
        CHECK_ROW(sql(rows[i]), rows[i]);
        said = env_try();
        CHECK_ROW(strstr(said, "damaged or was changed") != NULL ||
                      strstr(said, "does not open the store") != NULL,
                  rows[i]);
    }
    /* what may change without the key: when something was last used */
    env_write("store.db", good, len);
    CHECK(sql("UPDATE credential SET used = 77; VACUUM") && strcmp(env_try(), "") == 0);
    /* with no file key to ask for, it waits for a passphrase that nobody has */
    env_write("store.db", good, len);
    CHECK(sql("UPDATE meta SET log_n = 16"));
    struct writ_diag diag;
    WRIT_SAFE_AUTO struct writ_safe *s = env_open(&diag);
    CHECK(s != NULL && writ_safe_locked(s));
    CHECK(s != NULL && writ_safe_unlock(s, writ_span_str("x"), &diag) == WRIT_E_DENIED);
    env_leave();
}

/* An old row put back, word for word as we once wrote it, over its successor. */
static void
test_old_row(void)
{
    struct writ_diag diag;
    WRIT_SAFE_AUTO struct writ_safe *s = NULL;
    struct writ_safe_item item;
    size_t len = make_two();

    env_write("old.db", good, len);
    s = env_open(&diag);
    CHECK(s != NULL &&
          writ_safe_rotate(s, "one", writ_span_str("value-new"), &item, &diag) == WRIT_OK);
    CHECK(sql("ATTACH 'old.db' AS old; REPLACE INTO credential SELECT * FROM old.credential WHERE "
              "name = 'one'"));
    CHECK(!env_is(s, "one", "value-one") && !env_is(s, "one", "value-new"));
    CHECK(!env_add(s, "three", "", "x")); /* nothing is built on a store that someone changed */
    writ_safe_closep(&s);
    CHECK_ROW(strstr(env_try(), "was changed by another program") != NULL, env_try());

    /* the same with a row that was removed */
    env_write("store.db", good, len);
    s = env_open(&diag);
    CHECK(s != NULL && writ_safe_remove(s, "one", &diag) == WRIT_OK);
    CHECK(sql("ATTACH 'old.db' AS old; INSERT INTO credential SELECT * FROM old.credential WHERE "
              "name = 'one'"));
    CHECK(!env_is(s, "one", "value-one"));
    env_leave();
}

int
main(void)
{
    test_every_byte();
    test_truncated();
    test_tampered();
    test_old_row();
    return test_end();
}
