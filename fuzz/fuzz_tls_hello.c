#include <stdlib.h>

#include "base/text.h"
#include "proto/tls_hello.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool ok)
{
    if (!ok)
        abort();
}

static void
check(const struct writ_tls_hello *h)
{
    struct writ_span rest = h->alpn;
    struct writ_span name;
    size_t bytes = 0;

    must(h->sni_len == strlen(h->sni));
    must(h->sni_len == 0 || writ_is_host(writ_span(h->sni, h->sni_len)));
    must(h->has_alpn == (h->alpn.len != 0));
    while (writ_tls_alpn_next(&rest, &name))
        bytes += name.len + 1;
    must(bytes == h->alpn.len && rest.len == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t scratch[WRIT_TLS_HELLO_MAX];
    struct writ_tls_hello h;
    struct writ_tls_hello again;
    struct writ_tls_fault fault = {.reason = NULL};
    enum writ_err e = writ_tls_hello_parse(writ_span(data, size), scratch, &h, &fault);
    enum writ_err drip = WRIT_E_AGAIN;

    must((e == WRIT_E_FORMAT || e == WRIT_E_LIMIT) == (fault.reason != NULL));
    if (e == WRIT_OK)
        check(&h);
    for (size_t n = 0; n <= size && drip == WRIT_E_AGAIN; n++)
        drip = writ_tls_hello_parse(writ_span(data, n), scratch, &again, &fault);
    must(drip == e);
    if (e == WRIT_OK)
        must(strcmp(h.sni, again.sni) == 0 && h.version == again.version);
    return 0;
}
