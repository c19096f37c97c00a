#include <assert.h>
#include <stdlib.h>

#include "base/id.h"
#include "base/text.h"
#include "writ-keeper/safe_in.h"

enum {
    SEALED_BYTES_MAX = WRIT_CREDENTIAL_BYTES_MAX + WRIT_SEAL_EXTRA_BYTES,
    ROW_DIGEST_BYTES_MAX = 256, /* of one row, in the manifest's input */
    AAD_BYTES_MAX = 512,
    VERSION_MAX = INT32_MAX,
};

/* One row as read: the spans live until the statement moves on. */
struct row {
    struct writ_safe_item item;
    struct writ_span sealed;
    int64_t sealed_len;
};

#define COLUMNS "name, env, version, added, used, fingerprint"

static enum writ_err
read_row(sqlite3_stmt *st, bool whole, struct row *ret, struct writ_diag *diag)
{
    struct writ_span fingerprint;
    int64_t version;

    if (!writ_db_text(st, 0, ret->item.name, sizeof(ret->item.name)) ||
        !writ_db_text(st, 1, ret->item.env, sizeof(ret->item.env)) ||
        !writ_db_int(st, 2, 1, VERSION_MAX, &version) ||
        !writ_db_int(st, 3, 0, INT64_MAX, &ret->item.added_us) ||
        !writ_db_int(st, 4, 0, INT64_MAX, &ret->item.used_us) ||
        !writ_db_blob(st, 5, WRIT_FINGERPRINT_BYTES, WRIT_FINGERPRINT_BYTES, &fingerprint) ||
        !writ_db_blob(st, 6, WRIT_SEAL_EXTRA_BYTES,
                      whole ? (size_t)SEALED_BYTES_MAX : (size_t)WRIT_SEAL_EXTRA_BYTES,
                      &ret->sealed) ||
        !writ_db_int(st, 7, WRIT_SEAL_EXTRA_BYTES + 1, SEALED_BYTES_MAX, &ret->sealed_len))
        return writ_db_damaged(diag);
    ret->item.version = (uint32_t)version;
    memcpy(ret->item.fingerprint, fingerprint.ptr, WRIT_FINGERPRINT_BYTES);
    return WRIT_OK;
}

static void
put_item(struct writ_buf *b, const struct writ_safe_item *item)
{
    writ_buf_put_blob(b, writ_span_str(item->name));
    writ_buf_put_blob(b, writ_span_str(item->env));
    writ_buf_put_u32(b, item->version);
    writ_buf_put_u64(b, (uint64_t)item->added_us);
    writ_buf_put(b, writ_span(item->fingerprint, WRIT_FINGERPRINT_BYTES));
}

/* What a value is sealed together with. */
static void
put_aad(struct writ_buf *b, const struct writ_safe *s, const struct writ_safe_item *item)
{
    writ_buf_put_str(b, "writ credential 1");
    writ_buf_put(b, writ_span(s->head.store, WRIT_SAFE_ID_BYTES));
    put_item(b, item);
}

/* The keyed digest over all rows, in the order of their names. Nonce and tag stand for the sealed
 * bytes: no two rows ever had the same. */
static enum writ_err
manifest_compute(struct writ_safe *s, uint8_t ret[WRIT_MAC_BYTES], size_t *ret_count,
                 struct writ_diag *diag)
{
    WRIT_STMT_AUTO sqlite3_stmt *st = NULL;
    WRIT_BUF_AUTO struct writ_buf b;
    struct row row = {0};
    enum writ_err e;

    *ret_count = 0;
    writ_buf_init(&b, (size_t)WRIT_CREDENTIALS_MAX * ROW_DIGEST_BYTES_MAX);
    writ_buf_put_str(&b, "writ manifest 1");
    writ_buf_put(&b, writ_span(s->head.store, WRIT_SAFE_ID_BYTES));
    e = writ_db_prepare(s->db,
                        "SELECT " COLUMNS ", substr(sealed, 1, 28), length(sealed) "
                        "FROM credential ORDER BY name",
                        &st, diag);
    if (e != WRIT_OK)
        return e;
    while ((e = writ_db_step(st, diag)) == WRIT_OK) {
        e = read_row(st, false, &row, diag);
        if (e != WRIT_OK)
            return e;
        put_item(&b, &row.item);
        writ_buf_put(&b, row.sealed);
        writ_buf_put_u32(&b, (uint32_t)row.sealed_len);
        if (++*ret_count > WRIT_CREDENTIALS_MAX || b.failed)
            return writ_db_damaged(diag);
    }
    if (e != WRIT_E_STATE)
        return e;
    return writ_mac(writ_keys_peek(s->keys, WRIT_KEYS_MANIFEST), writ_buf_span(&b), ret);
}

static enum writ_err
manifest_check(struct writ_safe *s, size_t *ret_count, struct writ_diag *diag)
{
    WRIT_STMT_AUTO sqlite3_stmt *st = NULL;
    uint8_t want[WRIT_MAC_BYTES];
    struct writ_span got;
    enum writ_err e;

    e = manifest_compute(s, want, ret_count, diag);
    if (e == WRIT_OK)
        e = writ_db_prepare(s->db, "SELECT manifest FROM meta", &st, diag);
    if (e == WRIT_OK)
        e = writ_db_step(st, diag);
    if (e == WRIT_E_STATE)
        return writ_db_damaged(diag);
    if (e != WRIT_OK)
        return e;
    if (!writ_db_blob(st, 0, WRIT_MAC_BYTES, WRIT_MAC_BYTES, &got) ||
        !writ_secret_equal(got, writ_span(want, sizeof(want))))
        return writ_db_damaged(diag);
    return WRIT_OK;
}

static enum writ_err
manifest_write(struct writ_safe *s, struct writ_diag *diag)
{
    WRIT_STMT_AUTO sqlite3_stmt *st = NULL;
    uint8_t mac[WRIT_MAC_BYTES];
    size_t count;
    enum writ_err e = manifest_compute(s, mac, &count, diag);

    if (e == WRIT_OK)
        e = writ_db_prepare(s->db, "UPDATE meta SET manifest = ?1", &st, diag);
    if (e != WRIT_OK)
        return e;
    writ_db_bind_blob(st, 1, writ_span(mac, sizeof(mac)));
    return writ_db_run(st, diag);
}

/* --- one transaction around every operation -------------------------------------------------- */

void
writ_tx_end(struct writ_safe **s)
{
    if (*s != NULL)
        writ_db_rollback((*s)->db);
}

enum writ_err
writ_tx_begin(struct writ_safe *s, bool write, size_t *ret_count, struct writ_diag *diag)
{
    enum writ_err e;

    if (s->keys == NULL) {
        writ_diag_set(diag, 0, 0, "the store is locked");
        return WRIT_E_DENIED;
    }
    e = writ_db_exec(s->db, write ? "BEGIN IMMEDIATE" : "BEGIN", diag);
    if (e == WRIT_OK)
        e = manifest_check(s, ret_count, diag);
    return e;
}

enum writ_err
writ_tx_commit_rows(struct writ_safe *s, struct writ_diag *diag)
{
    enum writ_err e = manifest_write(s, diag);

    return e == WRIT_OK ? writ_db_exec(s->db, "COMMIT", diag) : e;
}

/* --- rows ------------------------------------------------------------------------------------ */

/* WRIT_E_STATE without a message: no such row. With sealed not NULL, *ret_sealed is a copy. */
static enum writ_err
row_find(struct writ_safe *s, const char *name, struct writ_safe_item *ret,
         struct writ_buf *ret_sealed, struct writ_diag *diag)
{
    WRIT_STMT_AUTO sqlite3_stmt *st = NULL;
    struct row row = {0};
    enum writ_err e;

    e = writ_db_prepare(
        s->db, "SELECT " COLUMNS ", sealed, length(sealed) FROM credential WHERE name = ?1", &st,
        diag);
    if (e != WRIT_OK)
        return e;
    writ_db_bind_text(st, 1, name);
    e = writ_db_step(st, diag);
    if (e == WRIT_OK)
        e = read_row(st, true, &row, diag);
    if (e != WRIT_OK)
        return e;
    if (ret_sealed != NULL) {
        writ_buf_put(ret_sealed, row.sealed);
        if (ret_sealed->failed)
            return WRIT_E_NOMEM;
    }
    *ret = row.item;
    return WRIT_OK;
}

static enum writ_err
unknown(const char *name, struct writ_diag *diag)
{
    writ_diag_set(diag, 0, 0,
                  "there is no credential named %s; `writ credential list` shows all, `writ "
                  "credential add %s` makes it",
                  name, name);
    return WRIT_E_STATE;
}

/* Seals value into item and writes the row; the item's name, env and version are set. */
static enum writ_err
row_write(struct writ_safe *s, struct writ_safe_item *item, struct writ_span value,
          struct writ_diag *diag)
{
    WRIT_STMT_AUTO sqlite3_stmt *st = NULL;
    WRIT_BUF_AUTO struct writ_buf aad;
    WRIT_BUF_AUTO struct writ_buf sealed;
    uint8_t mac[WRIT_MAC_BYTES];
    enum writ_err e;

    writ_buf_init(&aad, AAD_BYTES_MAX);
    writ_buf_init(&sealed, SEALED_BYTES_MAX);
    item->added_us = writ_clock_wall_us();
    e = writ_mac(writ_keys_peek(s->keys, WRIT_KEYS_FINGERPRINT), value, mac);
    if (e != WRIT_OK)
        return e;
    memcpy(item->fingerprint, mac, WRIT_FINGERPRINT_BYTES);
    put_aad(&aad, s, item);
    if (aad.failed)
        return WRIT_E_NOMEM;
    e = writ_seal(writ_keys_peek(s->keys, WRIT_KEYS_VALUE), writ_buf_span(&aad), value, &sealed);
    if (e == WRIT_OK) {
        e = writ_db_prepare(
            s->db, "REPLACE INTO credential (" COLUMNS ", sealed) VALUES (?1,?2,?3,?4,?5,?6,?7)",
            &st, diag);
    }
    if (e != WRIT_OK)
        return e;
    writ_db_bind_text(st, 1, item->name);
    writ_db_bind_text(st, 2, item->env);
    (void)sqlite3_bind_int64(st, 3, item->version);
    (void)sqlite3_bind_int64(st, 4, item->added_us);
    (void)sqlite3_bind_int64(st, 5, item->used_us);
    writ_db_bind_blob(st, 6, writ_span(item->fingerprint, WRIT_FINGERPRINT_BYTES));
    writ_db_bind_blob(st, 7, writ_buf_span(&sealed));
    return writ_db_run(st, diag);
}

enum writ_err
writ_safe_add(struct writ_safe *s, const char *name, const char *env, struct writ_span value,
              struct writ_safe_item *ret, struct writ_diag *diag)
{
    WRIT_TX_AUTO struct writ_safe *tx = s;
    struct writ_safe_item item = {.version = 1};
    struct writ_safe_item old;
    size_t count;
    enum writ_err e;

    assert(writ_is_name(writ_span_str(name)));
    assert(env[0] == '\0' || writ_is_name(writ_span_str(env)));
    memcpy(item.name, name, strlen(name) + 1);
    memcpy(item.env, env, strlen(env) + 1);
    e = writ_tx_begin(tx, true, &count, diag);
    if (e != WRIT_OK)
        return e;
    e = row_find(s, name, &old, NULL, diag);
    if (e == WRIT_OK) {
        writ_diag_set(diag, 0, 0,
                      "there is a credential named %s already (version %u): `writ credential "
                      "rotate %s` gives it a new value",
                      name, (unsigned)old.version, name);
        return WRIT_E_STATE;
    }
    if (e != WRIT_E_STATE)
        return e;
    if (count >= WRIT_CREDENTIALS_MAX) {
        writ_diag_set(diag, 0, 0, "the store holds %d credentials, which is the most it takes",
                      WRIT_CREDENTIALS_MAX);
        return WRIT_E_LIMIT;
    }
    e = row_write(s, &item, value, diag);
    if (e == WRIT_OK)
        e = writ_tx_commit_rows(s, diag);
    if (e == WRIT_OK)
        *ret = item;
    return e;
}

enum writ_err
writ_safe_rotate(struct writ_safe *s, const char *name, struct writ_span value,
                 struct writ_safe_item *ret, struct writ_diag *diag)
{
    WRIT_TX_AUTO struct writ_safe *tx = s;
    struct writ_safe_item item;
    size_t count;
    enum writ_err e;

    e = writ_tx_begin(tx, true, &count, diag);
    if (e != WRIT_OK)
        return e;
    e = row_find(s, name, &item, NULL, diag);
    if (e != WRIT_OK)
        return e == WRIT_E_STATE ? unknown(name, diag) : e;
    if (item.version >= VERSION_MAX)
        return WRIT_E_LIMIT;
    item.version++;
    e = row_write(s, &item, value, diag);
    if (e == WRIT_OK)
        e = writ_tx_commit_rows(s, diag);
    if (e == WRIT_OK)
        *ret = item;
    return e;
}

enum writ_err
writ_safe_remove(struct writ_safe *s, const char *name, struct writ_diag *diag)
{
    WRIT_TX_AUTO struct writ_safe *tx = s;
    WRIT_STMT_AUTO sqlite3_stmt *st = NULL;
    struct writ_safe_item item;
    size_t count;
    enum writ_err e;

    e = writ_tx_begin(tx, true, &count, diag);
    if (e != WRIT_OK)
        return e;
    e = row_find(s, name, &item, NULL, diag);
    if (e != WRIT_OK)
        return e == WRIT_E_STATE ? unknown(name, diag) : e;
    e = writ_db_prepare(s->db, "DELETE FROM credential WHERE name = ?1", &st, diag);
    if (e != WRIT_OK)
        return e;
    writ_db_bind_text(st, 1, name);
    e = writ_db_run(st, diag);
    return e == WRIT_OK ? writ_tx_commit_rows(s, diag) : e;
}

enum writ_err
writ_safe_list(struct writ_safe *s, struct writ_safe_item **ret, size_t *ret_count,
               struct writ_diag *diag)
{
    WRIT_TX_AUTO struct writ_safe *tx = s;
    WRIT_STMT_AUTO sqlite3_stmt *st = NULL;
    struct writ_safe_item *items = NULL;
    struct row row = {0};
    size_t count;
    size_t n = 0;
    enum writ_err e;

    e = writ_tx_begin(tx, false, &count, diag);
    if (e == WRIT_OK) {
        e = writ_db_prepare(s->db,
                            "SELECT " COLUMNS ", substr(sealed, 1, 28), length(sealed) "
                            "FROM credential ORDER BY name",
                            &st, diag);
    }
    if (e != WRIT_OK)
        return e;
    items = count == 0 ? NULL : calloc(count, sizeof(*items));
    if (count != 0 && items == NULL)
        return WRIT_E_NOMEM;
    while (e == WRIT_OK && n < count) {
        e = writ_db_step(st, diag);
        if (e == WRIT_OK)
            e = read_row(st, false, &row, diag);
        if (e == WRIT_OK)
            items[n++] = row.item;
    }
    if (e != WRIT_OK) {
        free(items);
        return e;
    }
    *ret = items;
    *ret_count = count;
    return WRIT_OK;
}

enum writ_err
writ_safe_find(struct writ_safe *s, const char *name, struct writ_safe_item *ret,
               struct writ_diag *diag)
{
    WRIT_TX_AUTO struct writ_safe *tx = s;
    size_t count;
    enum writ_err e;

    e = writ_tx_begin(tx, false, &count, diag);
    if (e == WRIT_OK)
        e = row_find(s, name, ret, NULL, diag);
    return e == WRIT_E_STATE ? unknown(name, diag) : e;
}

enum writ_err
writ_safe_get(struct writ_safe *s, const char *name, struct writ_safe_item *ret_item,
              struct writ_secret **ret, struct writ_diag *diag)
{
    WRIT_TX_AUTO struct writ_safe *tx = s;
    WRIT_BUF_AUTO struct writ_buf sealed;
    WRIT_BUF_AUTO struct writ_buf aad;
    struct writ_safe_item item;
    size_t count;
    enum writ_err e;

    writ_buf_init(&sealed, SEALED_BYTES_MAX);
    writ_buf_init(&aad, AAD_BYTES_MAX);
    e = writ_tx_begin(tx, false, &count, diag);
    if (e == WRIT_OK)
        e = row_find(s, name, &item, &sealed, diag);
    if (e != WRIT_OK)
        return e == WRIT_E_STATE ? unknown(name, diag) : e;
    put_aad(&aad, s, &item);
    if (aad.failed)
        return WRIT_E_NOMEM;
    e = writ_seal_open(writ_keys_peek(s->keys, WRIT_KEYS_VALUE), writ_buf_span(&aad),
                       writ_buf_span(&sealed), ret);
    if (e == WRIT_E_DENIED)
        return writ_db_damaged(diag);
    if (e == WRIT_OK)
        *ret_item = item;
    return e;
}

enum writ_err
writ_safe_used(struct writ_safe *s, const char *name, int64_t used_us, struct writ_diag *diag)
{
    WRIT_STMT_AUTO sqlite3_stmt *st = NULL;
    enum writ_err e;

    e = writ_db_prepare(s->db, "UPDATE credential SET used = max(used, ?2) WHERE name = ?1", &st,
                        diag);
    if (e != WRIT_OK)
        return e;
    writ_db_bind_text(st, 1, name);
    (void)sqlite3_bind_int64(st, 2, used_us);
    return writ_db_run(st, diag);
}
