#include <stdlib.h>

#include "proto/dns.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool ok)
{
    if (!ok)
        abort();
}

static void
check_answer(const struct writ_dns_query *q)
{
    WRIT_BUF_AUTO struct writ_buf b;
    struct writ_addr addrs[2];
    struct writ_dns_answer a = {.ttl_s = 1, .addrs = addrs, .count = 2};
    struct writ_dns_query again;
    enum writ_dns_rcode rcode;

    addrs[0] = writ_addr_v4((const uint8_t[4]){192, 0, 2, 1});
    addrs[1] = writ_addr_v6((const uint8_t[16]){0x20, 1});
    writ_buf_init(&b, 65535);
    writ_dns_put_answer(&b, q, &a, q->udp_max);
    must(!b.failed && writ_buf_len(&b) <= q->udp_max);
    /* our own answer is no query */
    must(writ_dns_parse_query(writ_buf_span(&b), &again, &rcode) == WRIT_E_CLOSED);
}

static void
check_name(const struct writ_dns_query *q)
{
    must(q->name_len == strlen(q->name) && q->name_len != 0);
    for (size_t i = 0; i < q->name_len; i++) {
        char c = q->name[i];

        must((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' ||
             (c == '\\' && q->odd));
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    WRIT_BUF_AUTO struct writ_buf b;
    struct writ_span in = writ_span(data, size);
    struct writ_dns_query q;
    enum writ_dns_rcode rcode = WRIT_DNS_NOERROR;
    enum writ_err e = writ_dns_parse_query(in, &q, &rcode);
    struct writ_span msg;
    size_t consumed;

    writ_buf_init(&b, 65535);
    if (e == WRIT_OK) {
        check_name(&q);
        check_answer(&q);
    } else if (e != WRIT_E_CLOSED) {
        must(rcode != WRIT_DNS_NOERROR);
        writ_dns_put_error(&b, in, rcode);
        must(!b.failed && writ_buf_len(&b) <= 23);
    }
    if (writ_dns_tcp_next(in, &msg, &consumed) == WRIT_OK)
        must(consumed == msg.len + 2 && consumed <= size);
    return 0;
}
