#include "writ-keeper/record.h"

#include "base/id.h"
#include "ledger/record.h"

enum writ_err
writ_keeper_record(struct writ_chan *ledger, const struct writ_keeper_event *ev)
{
    uint8_t mem[4096]; /* every field below is far shorter together */
    struct writ_record r;
    struct writ_span bytes;
    enum writ_err e;

    writ_record_begin(&r, mem, sizeof(mem),
                      ev->released != NULL ? WRIT_KIND_CREDENTIAL_RELEASE
                                           : WRIT_KIND_CREDENTIAL_REFUSED,
                      writ_clock_wall_us());
    writ_record_str(&r, WRIT_FIELD_REQUEST, ev->request);
    writ_record_str(&r, WRIT_FIELD_SERVICE, ev->service);
    writ_record_str(&r, WRIT_FIELD_ENV, ev->env);
    if (ev->released != NULL) {
        writ_record_str(&r, WRIT_FIELD_CREDENTIAL, ev->released->name);
        writ_record_u64(&r, WRIT_FIELD_CREDENTIAL_VERSION, ev->released->version);
        writ_record_bytes(&r, WRIT_FIELD_FINGERPRINT,
                          writ_span(ev->released->fingerprint, WRIT_FINGERPRINT_BYTES));
    } else {
        writ_record_str(&r, WRIT_FIELD_CREDENTIAL, ev->credential);
        writ_record_str(&r, WRIT_FIELD_REASON, ev->reason);
    }
    e = writ_record_end(&r, &bytes);
    return e == WRIT_OK ? writ_chan_send(ledger, WRIT_MSG_LEDGER_APPEND_KEEPER, bytes, NULL, 0) : e;
}
