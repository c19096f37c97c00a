#include "base/json_read.h"

#include <stdlib.h>

#include "base/limits.h"
#include "base/text.h"

enum { BLOCK_NODES = 128, DUP_LINEAR = 8 };

struct block {
    struct block *next;
    size_t used;
    struct writ_jval nodes[BLOCK_NODES];
};

struct writ_jdoc {
    struct block *blocks;
    uint8_t *strings; /* no value is longer than it was written, so one allocation holds all */
    size_t strings_used;
    const struct writ_jval *root;
};

struct parser {
    struct writ_jdoc *doc;
    const uint8_t *text;
    size_t len;
    size_t at;
    size_t line_start;
    uint32_t line;
    unsigned depth;
    enum writ_err e;
    struct writ_diag *diag;
};

/* Arrays and objects recurse; enter() bounds it. NOLINTBEGIN(misc-no-recursion) */
static bool parse_value(struct parser *p, struct writ_jval *v);

static bool
fail(struct parser *p, enum writ_err e, const char *what)
{
    if (p->e == WRIT_OK) {
        p->e = e;
        writ_diag_set(p->diag, p->line, (unsigned)(p->at - p->line_start + 1), "%s", what);
    }
    return false;
}

static void
skip_blank(struct parser *p)
{
    for (; p->at < p->len; p->at++) {
        uint8_t c = p->text[p->at];

        if (c == '\n') {
            p->line++;
            p->line_start = p->at + 1;
        } else if (c != ' ' && c != '\t' && c != '\r') {
            break;
        }
    }
}

static bool
take(struct parser *p, uint8_t c)
{
    if (p->at == p->len || p->text[p->at] != c)
        return false;
    p->at++;
    return true;
}

static struct writ_jval *
node_new(struct parser *p)
{
    struct block *b = p->doc->blocks;
    struct writ_jval *v;

    if (b == NULL || b->used == BLOCK_NODES) {
        b = (struct block *)calloc(1, sizeof *b);
        if (b == NULL) {
            (void)fail(p, WRIT_E_NOMEM, "out of memory");
            return NULL;
        }
        b->next = p->doc->blocks;
        p->doc->blocks = b;
    }
    v = &b->nodes[b->used++];
    v->pos = (uint32_t)p->at;
    v->line = p->line;
    v->col = (uint32_t)(p->at - p->line_start + 1);
    return v;
}

static bool
take_hex4(struct parser *p, uint32_t *ret)
{
    uint64_t v;

    if (p->len - p->at < 4 || !writ_parse_hex(writ_span(p->text + p->at, 4), 0xffff, &v))
        return fail(p, WRIT_E_FORMAT, "expected four hexadecimal digits after \\u");
    p->at += 4;
    *ret = (uint32_t)v;
    return true;
}

/* After "\u": one code unit, or two that make a character outside the basic plane. */
static bool
take_unicode(struct parser *p, uint8_t *out, size_t *n)
{
    uint32_t c;
    uint32_t low;

    if (!take_hex4(p, &c))
        return false;
    if (c >= 0xd800 && c <= 0xdfff) {
        if (c > 0xdbff || !take(p, '\\') || !take(p, 'u') || !take_hex4(p, &low) || low < 0xdc00 ||
            low > 0xdfff)
            return fail(p, WRIT_E_FORMAT, "half of a surrogate pair is no character");
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
    }
    *n += writ_utf8_put(c, out + *n);
    return true;
}

static bool
take_escape(struct parser *p, uint8_t *out, size_t *n)
{
    static const uint8_t from[] = "\"\\/bfnrt";
    static const uint8_t to[] = "\"\\/\b\f\n\r\t";

    if (take(p, 'u'))
        return take_unicode(p, out, n);
    for (size_t i = 0; i < sizeof from - 1; i++) {
        if (take(p, from[i])) {
            out[(*n)++] = to[i];
            return true;
        }
    }
    return fail(p, WRIT_E_FORMAT, "unknown escape in a string");
}

static bool
parse_string(struct parser *p, struct writ_span *ret)
{
    uint8_t *out = p->doc->strings + p->doc->strings_used;
    size_t n = 0;

    if (!take(p, '"'))
        return fail(p, WRIT_E_FORMAT, "expected a string");
    while (!take(p, '"')) {
        if (p->at == p->len)
            return fail(p, WRIT_E_FORMAT, "this string has no closing quote");
        if (p->text[p->at] < 0x20)
            return fail(p, WRIT_E_FORMAT, "a control character in a string must be escaped");
        if (!take(p, '\\')) {
            out[n++] = p->text[p->at++];
        } else if (!take_escape(p, out, &n)) {
            return false;
        }
    }
    p->doc->strings_used += n;
    *ret = writ_span(out, n);
    return true;
}

static size_t
take_digits(struct parser *p)
{
    size_t from = p->at;

    while (p->at < p->len && p->text[p->at] >= '0' && p->text[p->at] <= '9')
        p->at++;
    return p->at - from;
}

static void
number_value(struct writ_jval *v)
{
    bool negative = v->text.ptr[0] == '-';
    struct writ_span digits = writ_span_from(v->text, negative ? 1 : 0);
    uint64_t n;

    if (!writ_parse_dec(digits, (uint64_t)INT64_MAX + (negative ? 1 : 0), &n) ||
        (negative && n == 0))
        return;
    v->is_int = true;
    v->num = negative ? (int64_t)(0 - n) : (int64_t)n;
}

static bool
parse_number(struct parser *p, struct writ_jval *v)
{
    size_t from = p->at;
    bool whole = true;

    v->kind = WRIT_J_NUMBER;
    (void)take(p, '-');
    if (!take(p, '0') && take_digits(p) == 0)
        return fail(p, WRIT_E_FORMAT, "expected a value");
    if (take(p, '.')) {
        whole = false;
        if (take_digits(p) == 0)
            return fail(p, WRIT_E_FORMAT, "expected digits after the point");
    }
    if (take(p, 'e') || take(p, 'E')) {
        whole = false;
        if (!take(p, '+'))
            (void)take(p, '-');
        if (take_digits(p) == 0)
            return fail(p, WRIT_E_FORMAT, "expected digits in the exponent");
    }
    v->text = writ_span(p->doc->strings + p->doc->strings_used, p->at - from);
    memcpy(p->doc->strings + p->doc->strings_used, p->text + from, p->at - from);
    p->doc->strings_used += p->at - from;
    if (whole)
        number_value(v);
    return true;
}

static bool
parse_word(struct parser *p, struct writ_jval *v)
{
    static const struct {
        const char *word;
        enum writ_jkind kind;
        bool yes;
    } words[] = {
        {"true", WRIT_J_BOOL, true}, {"false", WRIT_J_BOOL, false}, {"null", WRIT_J_NULL, false}};

    for (size_t i = 0; i < WRIT_COUNT(words); i++) {
        if (writ_span_starts(writ_span(p->text + p->at, p->len - p->at), words[i].word)) {
            p->at += strlen(words[i].word);
            v->kind = words[i].kind;
            v->yes = words[i].yes;
            return true;
        }
    }
    return parse_number(p, v);
}

static bool
enter(struct parser *p)
{
    p->at++;
    if (++p->depth > WRIT_JSON_READ_DEPTH_MAX)
        return fail(p, WRIT_E_LIMIT, "too many arrays and objects within each other");
    skip_blank(p);
    return true;
}

static bool
parse_array(struct parser *p, struct writ_jval *v)
{
    const struct writ_jval **tail = &v->first;

    v->kind = WRIT_J_ARRAY;
    if (!enter(p))
        return false;
    while (!take(p, ']')) {
        struct writ_jval *item;

        if (v->count != 0 && !take(p, ','))
            return fail(p, WRIT_E_FORMAT, "expected , or ] in an array");
        skip_blank(p);
        item = node_new(p);
        if (item == NULL || !parse_value(p, item))
            return false;
        *tail = item;
        tail = &item->next;
        v->count++;
        skip_blank(p);
    }
    p->depth--;
    return true;
}

static int
key_cmp(const void *pa, const void *pb)
{
    const struct writ_span *a = &(*(const struct writ_jval *const *)pa)->key;
    const struct writ_span *b = &(*(const struct writ_jval *const *)pb)->key;
    size_t n = a->len < b->len ? a->len : b->len;
    int c = n == 0 ? 0 : memcmp(a->ptr, b->ptr, n);

    return c != 0 ? c : (a->len > b->len) - (a->len < b->len);
}

static bool
dup_sorted(struct parser *p, const struct writ_jval *object)
{
    const struct writ_jval **keys =
        (const struct writ_jval **)calloc(object->count, sizeof(const struct writ_jval *));
    bool dup = false;
    size_t n = 0;

    if (keys == NULL)
        return fail(p, WRIT_E_NOMEM, "out of memory");
    for (const struct writ_jval *m = object->first; m != NULL; m = m->next)
        keys[n++] = m;
    qsort(keys, n, sizeof(const struct writ_jval *), key_cmp);
    for (size_t i = 1; i < n; i++)
        dup = dup || key_cmp(&keys[i - 1], &keys[i]) == 0;
    free(keys);
    return dup ? fail(p, WRIT_E_FORMAT, "a name is there twice in this object") : true;
}

static bool
names_differ(struct parser *p, const struct writ_jval *object)
{
    if (object->count > DUP_LINEAR)
        return dup_sorted(p, object);
    for (const struct writ_jval *a = object->first; a != NULL; a = a->next) {
        for (const struct writ_jval *b = a->next; b != NULL; b = b->next) {
            if (writ_span_eq(a->key, b->key))
                return fail(p, WRIT_E_FORMAT, "a name is there twice in this object");
        }
    }
    return true;
}

static bool
parse_member(struct parser *p, const struct writ_jval ***tail)
{
    struct writ_span key;
    struct writ_jval *item;

    skip_blank(p);
    if (!parse_string(p, &key))
        return false;
    skip_blank(p);
    if (!take(p, ':'))
        return fail(p, WRIT_E_FORMAT, "expected : after a name");
    skip_blank(p);
    item = node_new(p);
    if (item == NULL)
        return false;
    item->key = key;
    if (!parse_value(p, item))
        return false;
    **tail = item;
    *tail = &item->next;
    skip_blank(p);
    return true;
}

static bool
parse_object(struct parser *p, struct writ_jval *v)
{
    const struct writ_jval **tail = &v->first;

    v->kind = WRIT_J_OBJECT;
    if (!enter(p))
        return false;
    while (!take(p, '}')) {
        if (v->count != 0 && !take(p, ','))
            return fail(p, WRIT_E_FORMAT, "expected , or } in an object");
        if (!parse_member(p, &tail))
            return false;
        v->count++;
    }
    p->depth--;
    return names_differ(p, v);
}

static bool
parse_value(struct parser *p, struct writ_jval *v)
{
    if (p->at == p->len)
        return fail(p, WRIT_E_FORMAT, "expected a value, found the end of the text");
    switch (p->text[p->at]) {
    case '{':
        return parse_object(p, v);
    case '[':
        return parse_array(p, v);
    case '"':
        v->kind = WRIT_J_STRING;
        return parse_string(p, &v->text);
    default:
        return parse_word(p, v);
    }
}

/* NOLINTEND(misc-no-recursion) */

/* Fails at the first byte that is not UTF-8, if there is one. */
static bool
check_utf8(struct parser *p)
{
    size_t bad = writ_utf8_check(writ_span(p->text, p->len));

    if (bad == p->len)
        return true;
    for (size_t i = 0; i < bad; i++) {
        if (p->text[i] == '\n') {
            p->line++;
            p->line_start = i + 1;
        }
    }
    p->at = bad;
    return fail(p, WRIT_E_FORMAT, "the text is not UTF-8");
}

static void
parse_document(struct parser *p)
{
    struct writ_jval *root;

    if (!check_utf8(p))
        return;
    skip_blank(p);
    root = node_new(p);
    if (root == NULL || !parse_value(p, root))
        return;
    skip_blank(p);
    if (p->at != p->len)
        (void)fail(p, WRIT_E_FORMAT, "expected the end of the text");
    p->doc->root = root;
}

enum writ_err
writ_jdoc_read(struct writ_span text, struct writ_jdoc **ret, struct writ_diag *d)
{
    WRIT_JDOC_AUTO struct writ_jdoc *doc = NULL;
    struct parser p = {.text = text.ptr, .len = text.len, .line = 1, .diag = d};

    if (text.len > WRIT_JSON_READ_BYTES_MAX) {
        writ_diag_set(d, 0, 0, "the text has more than %d bytes", WRIT_JSON_READ_BYTES_MAX);
        return WRIT_E_LIMIT;
    }
    doc = (struct writ_jdoc *)calloc(1, sizeof *doc);
    if (doc == NULL)
        return WRIT_E_NOMEM;
    doc->strings = (uint8_t *)malloc(text.len + 1);
    if (doc->strings == NULL)
        return WRIT_E_NOMEM; /* doc frees itself. NOLINT(clang-analyzer-unix.Malloc) */
    p.doc = doc;
    parse_document(&p);
    if (p.e != WRIT_OK)
        return p.e; /* NOLINT(clang-analyzer-unix.Malloc) */
    *ret = doc;
    doc = NULL;
    return WRIT_OK;
}

void
writ_jdoc_freep(struct writ_jdoc **d)
{
    if (*d == NULL)
        return;
    while ((*d)->blocks != NULL) {
        struct block *next = (*d)->blocks->next;

        free((*d)->blocks);
        (*d)->blocks = next;
    }
    free((*d)->strings);
    free(*d);
    *d = NULL;
}

const struct writ_jval *
writ_jdoc_root(const struct writ_jdoc *d)
{
    return d->root;
}

const struct writ_jval *
writ_jval_get(const struct writ_jval *v, const char *key)
{
    if (v->kind != WRIT_J_OBJECT)
        return NULL;
    for (const struct writ_jval *m = v->first; m != NULL; m = m->next) {
        if (writ_span_is(m->key, key))
            return m;
    }
    return NULL;
}
