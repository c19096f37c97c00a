#include <stdlib.h>

#include "proto/addr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool ok)
{
    if (!ok)
        abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct writ_span in = writ_span(data, size);
    char text[WRIT_ADDR_TEXT_MAX];
    struct writ_addr a;
    struct writ_addr b;
    struct writ_cidr c;
    struct writ_span host;
    uint16_t port;
    bool v6;

    if (writ_addr_parse(in, &a)) {
        /* one canonical text, and it reads back */
        must(writ_addr_print(&a, text) == strlen(text));
        must(writ_addr_parse(writ_span_str(text), &b) && writ_addr_eq(&a, &b));
        must(writ_addr_classify_inner(&a) != WRIT_ADDR_TRANSLATED);
        must(writ_addr_may_dial(&a, NULL, 0) == (writ_addr_classify(&a) == WRIT_ADDR_GLOBAL));
    }
    if (writ_cidr_parse(in, &c))
        must(writ_cidr_match(&c, &c.addr));
    if (writ_host_port_split(in, &host, &port, &v6)) {
        must(host.len != 0 && host.ptr >= data && host.ptr + host.len <= data + size);
        must(memchr(host.ptr, v6 ? ']' : ':', host.len) == NULL);
    }
    return 0;
}
