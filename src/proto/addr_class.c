#include "proto/addr.h"

#include <assert.h>

/* The first prefix that holds the address says its class. */
struct range {
    uint8_t bits;
    uint8_t prefix[16];
    enum writ_addr_class class;
};

/* IANA IPv4 special-purpose registry. Its two globally reachable holes in 192.0.0.0/24 are anycast
 * for protocols that no service uses and stay reserved. */
static const struct range ranges_v4[] = {
    {32, {169, 254, 169, 254}, WRIT_ADDR_METADATA}, /* most clouds */
    {32, {169, 254, 169, 252}, WRIT_ADDR_METADATA}, /* GKE */
    {32, {169, 254, 169, 250}, WRIT_ADDR_METADATA}, /* Rancher */
    {32, {169, 254, 170, 2}, WRIT_ADDR_METADATA},   /* ECS task credentials */
    {32, {169, 254, 170, 23}, WRIT_ADDR_METADATA},  /* EKS pod identity */
    {32, {169, 254, 0, 23}, WRIT_ADDR_METADATA},    /* Tencent */
    {32, {169, 254, 42, 42}, WRIT_ADDR_METADATA},   /* Scaleway */
    {32, {168, 63, 129, 16}, WRIT_ADDR_METADATA},   /* Azure WireServer */
    {32, {100, 100, 100, 200}, WRIT_ADDR_METADATA}, /* Alibaba */
    {32, {100, 96, 0, 96}, WRIT_ADDR_METADATA},     /* Volcengine */
    {32, {100, 80, 80, 80}, WRIT_ADDR_METADATA},    /* UCloud */
    {32, {192, 0, 0, 192}, WRIT_ADDR_METADATA},     /* Oracle classic */
    {32, {0, 0, 0, 0}, WRIT_ADDR_UNSPECIFIED},
    {8, {0}, WRIT_ADDR_RESERVED},
    {8, {10}, WRIT_ADDR_PRIVATE},
    {10, {100, 64}, WRIT_ADDR_CGNAT},
    {8, {127}, WRIT_ADDR_LOOPBACK},
    {16, {169, 254}, WRIT_ADDR_LINK_LOCAL},
    {12, {172, 16}, WRIT_ADDR_PRIVATE},
    {24, {192, 0, 0}, WRIT_ADDR_RESERVED},
    {24, {192, 0, 2}, WRIT_ADDR_DOCUMENTATION},
    {24, {192, 88, 99}, WRIT_ADDR_RESERVED}, /* 6to4 relays, RFC 7526 */
    {16, {192, 168}, WRIT_ADDR_PRIVATE},
    {15, {198, 18}, WRIT_ADDR_RESERVED}, /* benchmarks, RFC 2544 */
    {24, {198, 51, 100}, WRIT_ADDR_DOCUMENTATION},
    {24, {203, 0, 113}, WRIT_ADDR_DOCUMENTATION},
    {4, {224}, WRIT_ADDR_MULTICAST},
    {32, {255, 255, 255, 255}, WRIT_ADDR_BROADCAST},
    {4, {240}, WRIT_ADDR_RESERVED},
    {0, {0}, WRIT_ADDR_GLOBAL},
};

/* IANA IPv6 special-purpose registry; outside 2000::/3 nothing is allocated for global use. */
static const struct range ranges_v6[] = {
    {128, {0xfd, 0x00, 0x0e, 0xc2, [14] = 0x02, 0x54}, WRIT_ADDR_METADATA},             /* EC2 */
    {128, {0xfd, 0x00, 0x0e, 0xc2, [15] = 0x23}, WRIT_ADDR_METADATA},                   /* EKS */
    {128, {0xfd, 0x20, 0x00, 0xce, [14] = 0x02, 0x54}, WRIT_ADDR_METADATA},             /* GCP */
    {128, {0xfd, 0x00, 0x00, 0xc1, [12] = 0xa9, 0xfe, 0xa9, 0xfe}, WRIT_ADDR_METADATA}, /* Oracle */
    {128, {0xfd, 0x00, 0x00, 0x42, [15] = 0x42}, WRIT_ADDR_METADATA},             /* Scaleway */
    {128, {0xfd, 0x00, 0xa9, 0xfe, 0xa9, 0xfe, [15] = 0x01}, WRIT_ADDR_METADATA}, /* Linode */
    {128, {0xfd, 0xaa, [15] = 0x03}, WRIT_ADDR_METADATA},                         /* Fly */
    {128, {0xfe, 0x80, [12] = 0xa9, 0xfe, 0xa9, 0xfe}, WRIT_ADDR_METADATA},       /* OpenStack */
    {128, {0}, WRIT_ADDR_UNSPECIFIED},
    {128, {[15] = 1}, WRIT_ADDR_LOOPBACK},
    {96, {[10] = 0xff, 0xff}, WRIT_ADDR_TRANSLATED},         /* mapped, RFC 4291 */
    {96, {0}, WRIT_ADDR_TRANSLATED},                         /* compatible, RFC 4291 */
    {96, {[8] = 0xff, 0xff}, WRIT_ADDR_TRANSLATED},          /* SIIT, RFC 2765 */
    {96, {0, 0x64, 0xff, 0x9b}, WRIT_ADDR_TRANSLATED},       /* NAT64, RFC 6052 */
    {48, {0, 0x64, 0xff, 0x9b, 0, 1}, WRIT_ADDR_TRANSLATED}, /* local NAT64, RFC 8215 */
    {32, {0x20, 0x01}, WRIT_ADDR_TRANSLATED},                /* Teredo, RFC 4380 */
    {16, {0x20, 0x02}, WRIT_ADDR_TRANSLATED},                /* 6to4, RFC 3056 */
    {23, {0x20, 0x01}, WRIT_ADDR_RESERVED},                  /* protocol assignments, RFC 2928 */
    {32, {0x20, 0x01, 0x0d, 0xb8}, WRIT_ADDR_DOCUMENTATION},
    {20, {0x3f, 0xff}, WRIT_ADDR_DOCUMENTATION}, /* RFC 9637 */
    {3, {0x20}, WRIT_ADDR_GLOBAL},
    {7, {0xfc}, WRIT_ADDR_PRIVATE},
    {10, {0xfe, 0x80}, WRIT_ADDR_LINK_LOCAL},
    {10, {0xfe, 0xc0}, WRIT_ADDR_PRIVATE},
    {8, {0xff}, WRIT_ADDR_MULTICAST},
    {0, {0}, WRIT_ADDR_RESERVED},
};

static enum writ_addr_class
look_up(const struct range *ranges, size_t count, const struct writ_addr *a)
{
    for (size_t i = 0; i < count; i++) {
        if (writ_addr_in_prefix(a, ranges[i].prefix, ranges[i].bits))
            return ranges[i].class;
    }
    return WRIT_ADDR_RESERVED;
}

/* RFC 5214 6.1: the interface part is 0000:5efe or 0200:5efe and an IPv4 address. */
static bool
is_isatap(const struct writ_addr *a)
{
    return (a->bytes[8] & 0xfd) == 0 && a->bytes[9] == 0 && a->bytes[10] == 0x5e &&
           a->bytes[11] == 0xfe;
}

enum writ_addr_class
writ_addr_classify(const struct writ_addr *a)
{
    enum writ_addr_class class;

    if (a->family == 4)
        return look_up(ranges_v4, WRIT_COUNT(ranges_v4), a);
    if (a->family != 6)
        return WRIT_ADDR_RESERVED;
    class = look_up(ranges_v6, WRIT_COUNT(ranges_v6), a);
    if ((class == WRIT_ADDR_GLOBAL || class == WRIT_ADDR_PRIVATE) && is_isatap(a))
        return WRIT_ADDR_TRANSLATED;
    return class;
}

static bool
never_dialled(enum writ_addr_class c)
{
    return c == WRIT_ADDR_METADATA || c == WRIT_ADDR_LINK_LOCAL;
}

/* The IPv4 addresses that one of the ways of carrying one would find; at most two. */
static unsigned
inner_addrs(const struct writ_addr *a, struct writ_addr ret[2])
{
    uint8_t other[4];

    ret[0] = writ_addr_v4(a->bytes + 12);
    if (a->bytes[0] == 0x20 && a->bytes[1] == 0x02) { /* 6to4 */
        ret[0] = writ_addr_v4(a->bytes + 2);
        return 1;
    }
    if (a->bytes[0] == 0x20 && a->bytes[1] == 0x01 && a->bytes[2] == 0 && a->bytes[3] == 0) {
        for (unsigned i = 0; i < 4; i++)
            other[i] = (uint8_t)~a->bytes[12 + i];
        ret[0] = writ_addr_v4(other);        /* Teredo: the client ... */
        ret[1] = writ_addr_v4(a->bytes + 4); /* ... and its server */
        return 2;
    }
    if (a->bytes[1] == 0x64 && a->bytes[5] == 1) { /* RFC 6052 2.2: a /48 skips byte 8 */
        other[0] = a->bytes[6];
        other[1] = a->bytes[7];
        other[2] = a->bytes[9];
        other[3] = a->bytes[10];
        ret[1] = writ_addr_v4(other);
        return 2;
    }
    return 1;
}

enum writ_addr_class
writ_addr_classify_inner(const struct writ_addr *a)
{
    enum writ_addr_class class = writ_addr_classify(a);
    struct writ_addr inner[2];
    unsigned count;

    if (class != WRIT_ADDR_TRANSLATED)
        return class;
    count = inner_addrs(a, inner);
    class = writ_addr_classify(&inner[0]);
    if (count == 2 && (class == WRIT_ADDR_GLOBAL || never_dialled(writ_addr_classify(&inner[1]))))
        class = writ_addr_classify(&inner[1]);
    return class;
}

const char *
writ_addr_class_name(enum writ_addr_class c)
{
    static const char *const names[] = {
        [WRIT_ADDR_RESERVED] = "reserved",           [WRIT_ADDR_GLOBAL] = "global",
        [WRIT_ADDR_LOOPBACK] = "loopback",           [WRIT_ADDR_PRIVATE] = "private",
        [WRIT_ADDR_LINK_LOCAL] = "link-local",       [WRIT_ADDR_METADATA] = "metadata",
        [WRIT_ADDR_CGNAT] = "carrier-nat",           [WRIT_ADDR_MULTICAST] = "multicast",
        [WRIT_ADDR_BROADCAST] = "broadcast",         [WRIT_ADDR_UNSPECIFIED] = "unspecified",
        [WRIT_ADDR_DOCUMENTATION] = "documentation", [WRIT_ADDR_TRANSLATED] = "translated",
    };

    return (size_t)c < WRIT_COUNT(names) ? names[c] : "reserved";
}

bool
writ_addr_may_dial(const struct writ_addr *a, const struct writ_cidr *allowed, size_t count)
{
    enum writ_addr_class class = writ_addr_classify(a);

    if (class == WRIT_ADDR_GLOBAL)
        return true;
    if (never_dialled(class) || never_dialled(writ_addr_classify_inner(a)))
        return false;
    for (size_t i = 0; i < count; i++) {
        if (writ_cidr_match(&allowed[i], a))
            return true;
    }
    return false;
}
