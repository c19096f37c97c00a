/*
 * The body of KEEPER_ADMIN: whatever is accepted is something that can be done, and encodes to the
 * very bytes it came from.
 */
#include <stdlib.h>

#include "base/text.h"
#include "writ-keeper/admin.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    WRIT_BUF_AUTO struct writ_buf b = {0};
    struct writ_admin a;

    if (writ_admin_decode(writ_span(data, size), &a) != WRIT_OK)
        return 0;
    writ_buf_init(&b, size + 16);
    writ_buf_put_u8(&b, (uint8_t)a.verb);
    writ_buf_put_blob(&b, writ_span_str(a.name));
    writ_buf_put_blob(&b, writ_span_str(a.env));
    writ_buf_put_blob(&b, a.secret);
    if (b.failed || !writ_span_eq(writ_buf_span(&b), writ_span(data, size)))
        abort();
    if (a.verb < WRIT_KEEPER_ADD || a.verb > WRIT_KEEPER_PASSPHRASE)
        abort();
    if (a.name[0] != '\0' && !writ_is_name(writ_span_str(a.name)))
        abort();
    if ((a.name[0] == '\0') != (a.verb == WRIT_KEEPER_LIST || a.verb == WRIT_KEEPER_PASSPHRASE))
        abort();
    if (a.env[0] != '\0' && a.verb != WRIT_KEEPER_ADD)
        abort();
    if (a.secret.len != 0 && (a.verb == WRIT_KEEPER_REMOVE || a.verb == WRIT_KEEPER_LIST))
        abort();
    return 0;
}
