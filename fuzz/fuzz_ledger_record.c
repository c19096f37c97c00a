/*
 * Any bytes as a record: either they are refused and nothing is written, or they become exactly one
 * line that the strict reader accepts, with no byte that a terminal or another reader could take
 * for anything else.
 */
#include <assert.h>

#include "ledger/json.h"
#include "ledger/line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum writ_role
sender(struct writ_span record)
{
    struct writ_record_head head;
    struct writ_record_view view;

    if (writ_record_open(record, &head, &view) != WRIT_OK)
        return WRIT_ROLE_GATEWAY;
    for (unsigned r = WRIT_ROLE_LAUNCHER; r < WRIT_ROLE_LEDGER; r++) {
        if (writ_kind_allowed(head.kind, (enum writ_role)r))
            return (enum writ_role)r;
    }
    return WRIT_ROLE_LEDGER;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t prev[WRIT_HASH_BYTES] = {1, 2, 3};
    static struct writ_line parsed;
    static struct writ_buf out;
    struct writ_span record = writ_span(data, size);
    const struct writ_json_line line = {42, "01M7Z9GD7080HAVE0STRY00000", sender(record), prev};
    struct writ_span text;
    const char *why;

    if (out.cap == 0)
        writ_buf_init(&out, WRIT_LEDGER_LINE_MAX);
    writ_buf_reset(&out);
    if (writ_ledger_json(record, &line, &out) != WRIT_OK) {
        assert(writ_buf_len(&out) == 0);
        return 0;
    }
    assert(!out.failed);
    text = writ_buf_span(&out);
    assert(text.ptr[text.len - 1] == '\n');
    text.len--;
    for (size_t i = 0; i < text.len; i++)
        assert(text.ptr[i] >= 0x20 && text.ptr[i] != 0x7f);
    assert(writ_line_parse(text, &parsed, &why) == WRIT_OK);
    assert(parsed.seq == 42 && parsed.from == line.from && parsed.prev[1] == 2);
    return 0;
}
