#include "writ-gateway/tap.h"

#include <netinet/in.h>

#include "sandbox/tap.h"
#include "writ-gateway/report.h"

enum { TAP_PACKETS_MAX = 64 };

void
tap_read(struct listener *l)
{
    for (unsigned i = 0; i < TAP_PACKETS_MAX; i++) {
        struct writ_tap_event ev;
        struct writ_addr dest;
        const char *protocol;
        enum writ_err e = writ_tap_read(l->io.fd, &ev);
        bool told;

        if (e == WRIT_E_FORMAT)
            continue;
        if (e != WRIT_OK)
            return;
        dest = IN6_IS_ADDR_V4MAPPED(&ev.to) ? writ_addr_v4(&ev.to.s6_addr[12])
                                            : writ_addr_v6(ev.to.s6_addr);
        protocol = ev.protocol == IPPROTO_TCP ? "tcp" : "udp";
        told = writ_addr_classify_inner(&dest) == WRIT_ADDR_METADATA
                   ? report_decoy(l->gw, &dest, ev.to_port, protocol)
                   : report_attempt(l->gw, &dest, ev.to_port, protocol);
        if (!told)
            return; /* the kernel refused the packet in any case */
    }
}
