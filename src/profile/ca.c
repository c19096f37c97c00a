#include "profile/make.h"

static const char begin_line[] = "-----BEGIN CERTIFICATE-----";
static const char end_line[] = "-----END CERTIFICATE-----";

enum { PEM_COLUMNS = 64 }; /* RFC 7468 section 2 */

static struct writ_span
take_line(struct writ_span *rest)
{
    const uint8_t *lf = memchr(rest->ptr, '\n', rest->len);
    size_t len = lf == NULL ? rest->len : (size_t)(lf - rest->ptr);
    struct writ_span line = writ_span(rest->ptr, len);

    *rest = writ_span_from(*rest, len + 1);
    while (line.len != 0 && (line.ptr[line.len - 1] == '\r' || line.ptr[line.len - 1] == ' '))
        line.len--;
    return line;
}

static int
base64_value(uint8_t c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+' || c == '/')
        return c == '+' ? 62 : 63;
    return -1;
}

/* The whole must be one DER SEQUENCE (X.690 8.9) that ends where the text ends: not yet a proof of
 * a certificate, but it tells a cut or mangled file from a whole one. */
static bool
is_der(struct writ_span body)
{
    uint8_t head[6];
    size_t pad = 0;
    size_t octets; /* of the length */
    size_t len = 0;

    if (body.len < 8 || body.len % 4 != 0)
        return false;
    while (pad < 2 && body.ptr[body.len - 1 - pad] == '=')
        pad++;
    for (size_t i = 0; i < body.len - pad; i++) {
        if (base64_value(body.ptr[i]) < 0)
            return false;
    }
    for (size_t i = 0; i < 2; i++) {
        uint32_t v = 0;

        for (size_t k = 0; k < 4; k++)
            v = v << 6 | (uint32_t)(base64_value(body.ptr[4 * i + k]) & 63);
        head[3 * i] = (uint8_t)(v >> 16);
        head[3 * i + 1] = (uint8_t)(v >> 8);
        head[3 * i + 2] = (uint8_t)v;
    }
    octets = head[1] & 0x7fU;
    if (head[0] != 0x30 || head[1] <= 0x80 || octets > 3)
        return false; /* a certificate is longer than 127 bytes */
    for (size_t i = 0; i < octets; i++)
        len = len << 8 | head[2 + i];
    return 2 + octets + len == body.len / 4 * 3 - pad;
}

static void
put_certificate(struct writ_buf *out, struct writ_span body)
{
    writ_buf_put_str(out, begin_line);
    for (size_t i = 0; i < body.len; i += PEM_COLUMNS) {
        size_t left = body.len - i;

        writ_buf_put_u8(out, '\n');
        writ_buf_put(out, writ_span(body.ptr + i, left < PEM_COLUMNS ? left : PEM_COLUMNS));
    }
    writ_buf_put_u8(out, '\n');
    writ_buf_put_str(out, end_line);
    writ_buf_put_u8(out, '\n');
}

static bool
take_certificate(struct writ_at at, struct writ_span *rest, struct writ_buf *body)
{
    while (rest->len != 0) {
        struct writ_span line = take_line(rest);

        if (writ_span_is(line, end_line)) {
            return is_der(writ_buf_span(body)) ||
                   writ_fail(at, "a certificate in the CA file is damaged");
        }
        writ_buf_put(body, line);
    }
    return writ_fail(at, "the CA file ends inside a certificate");
}

static bool
take_all(struct writ_at at, struct writ_span pem, struct writ_buf *out, struct writ_buf *body)
{
    while (pem.len != 0) {
        struct writ_span line = take_line(&pem);

        if (writ_span_is(line, begin_line)) {
            writ_buf_reset(body);
            if (!take_certificate(at, &pem, body))
                return false;
            put_certificate(out, writ_buf_span(body));
        } else if (writ_span_starts(line, "-----")) {
            return writ_fail(at,
                             "the CA file holds something that is no certificate (a key?): "
                             "`%.*s`",
                             line.len > 40 ? 40 : (int)line.len, (const char *)line.ptr);
        }
    }
    if (writ_buf_len(out) == 0)
        return writ_fail(at, "the CA file holds no certificate; expected `%s`", begin_line);
    return true;
}

bool
writ_make_ca(struct writ_at at, struct writ_span pem, struct writ_doc_service *svc)
{
    WRIT_BUF_AUTO struct writ_buf out;
    WRIT_BUF_AUTO struct writ_buf body;
    char *copy;

    writ_buf_init(&out, WRIT_CA_BYTES_MAX);
    writ_buf_init(&body, WRIT_CA_BYTES_MAX);
    if (!take_all(at, pem, &out, &body))
        return false;
    if (out.failed || body.failed)
        return writ_fail(at, "the CA file is larger than %d KiB", WRIT_CA_BYTES_MAX / 1024);
    copy = writ_make_copy(writ_buf_span(&out));
    if (copy == NULL)
        return writ_fail(at, "out of memory");
    svc->ca = writ_span(copy, writ_buf_len(&out));
    return true;
}
