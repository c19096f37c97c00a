/*
 * fuzz_sandbox.c - what comes from inside a task: packets from the tap, and messages on the control
 * socket (should pid 1 ever be taken over). The first byte chooses.
 */
#include <assert.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sandbox/tap.h"
#include "sandbox/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
fuzz_tap(struct writ_span s)
{
    struct writ_tap_event ev = {.protocol = 255, .to_port = 1};

    if (writ_tap_parse_v4(s, &ev)) {
        assert(s.len >= 24 && s.ptr[0] >= 0x45 && s.ptr[0] <= 0x4f);
        assert(ev.protocol == s.ptr[9] && IN6_IS_ADDR_V4MAPPED(&ev.to));
        assert(memcmp(&ev.to.s6_addr[12], s.ptr + 16, 4) == 0);
    } else {
        assert(ev.protocol == 255 && ev.to_port == 1);
    }
}

static void
fuzz_wire(struct writ_span s)
{
    static struct writ_wire_msg m;
    static int p[2] = {-1, -1};

    if (p[0] < 0 && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, p) < 0)
        abort();
    if (s.len == 0 || send(p[0], s.ptr, s.len, MSG_DONTWAIT) != (ssize_t)s.len)
        return;
    if (writ_wire_recv(p[1], 0, &m) == WRIT_OK) {
        assert(s.len >= 8 && m.text_len == s.len - 8 && m.text[m.text_len] == '\0');
        assert(m.type >= WRIT_WIRE_MAPPED && m.type <= WRIT_WIRE_FAIL);
        writ_wire_close_fds(&m);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    if (data[0] % 2 == 0) {
        fuzz_tap(writ_span(data + 1, size - 1));
    } else {
        fuzz_wire(writ_span(data + 1, size - 1));
    }
    return 0;
}
