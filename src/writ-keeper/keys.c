#include "writ-keeper/keys.h"

#include <assert.h>

#include "base/id.h"

enum { AAD_BYTES_MAX = 128 };

enum writ_err
writ_keys_new(struct writ_secret **ret)
{
    enum writ_err e = writ_secret_new(WRIT_KEYS_BYTES, ret);

    if (e == WRIT_OK)
        writ_random(writ_secret_bytes(*ret), WRIT_KEYS_BYTES);
    return e;
}

struct writ_span
writ_keys_peek(const struct writ_secret *keys, enum writ_keys_use use)
{
    struct writ_span s = writ_secret_span(keys);

    assert(s.len == WRIT_KEYS_BYTES && (size_t)use < 3);
    return writ_span(s.ptr + (size_t)use * WRIT_KEY_BYTES, WRIT_KEY_BYTES);
}

static void
put_aad(struct writ_buf *b, const struct writ_keys_head *head)
{
    writ_buf_put_str(b, "writ keys 1");
    writ_buf_put(b, writ_span(head->store, sizeof(head->store)));
    writ_buf_put_u32(b, (uint32_t)head->log_n);
    writ_buf_put(b, writ_span(head->salt, sizeof(head->salt)));
}

enum writ_err
writ_keys_seal(struct writ_keys_head *head, struct writ_span master, const struct writ_secret *keys)
{
    WRIT_BUF_AUTO struct writ_buf aad;
    WRIT_BUF_AUTO struct writ_buf sealed;
    struct writ_span blob;
    enum writ_err e;

    writ_buf_init(&aad, AAD_BYTES_MAX);
    writ_buf_init(&sealed, WRIT_KEYS_SEALED_BYTES);
    put_aad(&aad, head);
    if (aad.failed)
        return WRIT_E_NOMEM;
    e = writ_seal(master, writ_buf_span(&aad), writ_secret_span(keys), &sealed);
    if (e != WRIT_OK)
        return e;
    blob = writ_buf_span(&sealed);
    if (blob.ptr == NULL || blob.len != WRIT_KEYS_SEALED_BYTES)
        return WRIT_E_STATE;
    memcpy(head->sealed, blob.ptr, blob.len);
    return WRIT_OK;
}

enum writ_err
writ_keys_open(const struct writ_keys_head *head, struct writ_span master, struct writ_secret **ret)
{
    WRIT_BUF_AUTO struct writ_buf aad;

    writ_buf_init(&aad, AAD_BYTES_MAX);
    put_aad(&aad, head);
    if (aad.failed)
        return WRIT_E_NOMEM;
    return writ_seal_open(master, writ_buf_span(&aad),
                          writ_span(head->sealed, sizeof(head->sealed)), ret);
}
