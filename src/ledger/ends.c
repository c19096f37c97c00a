#include "ledger/ends.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "ledger/lines.h"

enum { ENDS_BYTES_MAX = 1 << 30 };

/* Found by its id's hash, proven by the id itself. */
struct end_place {
    uint64_t id;
    uint64_t at;
    bool used;
};

static uint64_t
id_hash(struct writ_span id)
{
    uint8_t hash[WRIT_HASH_BYTES];
    uint64_t v;

    writ_hash(id, hash);
    memcpy(&v, hash, sizeof(v));
    return v;
}

static int
by_id(const void *a, const void *b)
{
    const struct end_place *x = a;
    const struct end_place *y = b;

    return x->id < y->id ? -1 : x->id > y->id ? 1 : 0;
}

enum writ_err
writ_ends_init(struct writ_ends *s, int fd)
{
    static struct writ_line l;
    WRIT_LINES_AUTO struct writ_lines lines = {0};
    struct writ_span line;
    const char *why;
    enum writ_err e = writ_lines_init(&lines, fd);

    s->fd = fd;
    writ_buf_init(&s->places, ENDS_BYTES_MAX);

    while (e == WRIT_OK && (e = writ_lines_next(&lines, &line)) == WRIT_OK) {
        struct end_place p = {.at = (uint64_t)lines.line_at};

        /* only these need to be read in full */
        if (memmem(line.ptr, line.len, "\"request.end\"", 13) == NULL ||
            writ_line_parse(line, &l, &why) != WRIT_OK || l.kind != WRIT_KIND_REQUEST_END)
            continue;
        p.id = id_hash(writ_line_raw(&l, WRIT_FIELD_REQUEST));
        writ_buf_put(&s->places, writ_span(&p, sizeof(p)));
    }
    if (s->places.failed)
        return WRIT_E_NOMEM;
    if (writ_buf_len(&s->places) != 0) {
        qsort(s->places.mem + s->places.start, writ_buf_len(&s->places) / sizeof(struct end_place),
              sizeof(struct end_place), by_id);
    }
    return e == WRIT_E_SYS ? e : WRIT_OK;
}

bool
writ_line_at(int fd, uint64_t at, struct writ_line *ret)
{
    static uint8_t mem[WRIT_LEDGER_LINE_MAX];
    const char *why;
    const uint8_t *nl;
    ssize_t n;

    do {
        n = pread(fd, mem, sizeof(mem), (off_t)at);
    } while (n < 0 && errno == EINTR);
    nl = n <= 0 ? NULL : memchr(mem, '\n', (size_t)n);
    return nl != NULL && writ_line_parse(writ_span(mem, (size_t)(nl - mem)), ret, &why) == WRIT_OK;
}

static struct end_place *
first_with(struct writ_ends *s, uint64_t id)
{
    struct end_place *p = (void *)(s->places.mem + s->places.start);
    size_t low = 0;
    size_t high = writ_buf_len(&s->places) / sizeof(*p);
    size_t count = high;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (p[mid].id < id) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low < count && p[low].id == id ? &p[low] : NULL;
}

bool
writ_ends_find(struct writ_ends *s, const struct writ_line *l, struct writ_line *ret)
{
    struct writ_span id = writ_line_raw(l, WRIT_FIELD_REQUEST);
    struct end_place *p = id.len == 0 ? NULL : first_with(s, id_hash(id));

    if (p == NULL || !writ_line_at(s->fd, p->at, ret) ||
        !writ_span_eq(writ_line_raw(ret, WRIT_FIELD_REQUEST), id))
        return false;
    p->used = true;
    return true;
}

bool
writ_ends_used(struct writ_ends *s, const struct writ_line *l)
{
    const struct end_place *p = first_with(s, id_hash(writ_line_raw(l, WRIT_FIELD_REQUEST)));

    return p != NULL && p->used;
}

void
writ_ends_done(struct writ_ends *s)
{
    writ_buf_done(&s->places);
}
