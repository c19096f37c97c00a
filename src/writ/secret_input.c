#include "writ/secret_input.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <termios.h>
#include <unistd.h>

#include "base/fd.h"

/* Up to the newline or the end; the newline is not kept. */
static enum writ_err
read_line(int fd, struct writ_secret *s, size_t *ret_len)
{
    uint8_t *mem = writ_secret_bytes(s);
    size_t cap = writ_secret_len(s);
    size_t len = 0;

    while (len < cap) {
        ssize_t n = read(fd, mem + len, 1);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return WRIT_E_SYS;
        if (n == 0 || mem[len] == '\n')
            break;
        len++;
    }
    if (len == cap)
        return WRIT_E_LIMIT;
    mem[len] = 0;
    *ret_len = len;
    return WRIT_OK;
}

/* Signals wait until the echo is back: a shell without echo is a bad souvenir. */
static enum writ_err
read_hidden(int tty, struct writ_secret *s, size_t *ret_len)
{
    struct termios shown;
    struct termios hidden;
    sigset_t block;
    sigset_t before;
    enum writ_err e;

    if (tcgetattr(tty, &shown) < 0)
        return WRIT_E_SYS;
    (void)sigemptyset(&block);
    (void)sigaddset(&block, SIGINT);
    (void)sigaddset(&block, SIGTSTP);
    (void)sigaddset(&block, SIGQUIT);
    (void)sigaddset(&block, SIGTERM);
    (void)pthread_sigmask(SIG_BLOCK, &block, &before);
    hidden = shown;
    hidden.c_lflag &= ~((tcflag_t)ECHO);
    hidden.c_lflag |= ECHONL | ICANON;
    e = WRIT_E_SYS;
    if (tcsetattr(tty, TCSAFLUSH, &hidden) == 0)
        e = read_line(tty, s, ret_len);
    (void)tcsetattr(tty, TCSAFLUSH, &shown);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return e;
}

static enum writ_err
too_long(size_t cap, struct writ_diag *diag)
{
    writ_diag_set(diag, 0, 0, "the value is longer than %zu bytes", cap);
    return WRIT_E_LIMIT;
}

enum writ_err
writ_secret_prompt(const char *prompt, size_t cap, struct writ_secret **ret, struct writ_diag *diag)
{
    WRIT_FD_AUTO int tty = -1;
    WRIT_SECRET_AUTO struct writ_secret *s = NULL;
    size_t len = 0;
    enum writ_err e;

    tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    if (tty < 0) {
        writ_diag_set(diag, 0, 0, "there is no terminal to ask on");
        return WRIT_E_SYS;
    }
    e = writ_secret_new(cap + 1, &s);
    if (e != WRIT_OK)
        return e;
    e = writ_write_full(tty, writ_span_str(prompt));
    if (e == WRIT_OK)
        e = read_hidden(tty, s, &len);
    if (e == WRIT_E_LIMIT)
        return too_long(cap, diag);
    if (e != WRIT_OK) {
        writ_diag_set(diag, 0, 0, "the terminal cannot be read");
        return e;
    }
    if (len == 0) {
        writ_diag_set(diag, 0, 0, "nothing was entered");
        return WRIT_E_FORMAT;
    }
    writ_secret_cut(s, len);
    *ret = writ_secret_take(&s);
    return WRIT_OK;
}

enum writ_err
writ_secret_prompt_twice(const char *prompt, const char *again, size_t cap,
                         struct writ_secret **ret, struct writ_diag *diag)
{
    WRIT_SECRET_AUTO struct writ_secret *one = NULL;
    WRIT_SECRET_AUTO struct writ_secret *two = NULL;
    enum writ_err e = writ_secret_prompt(prompt, cap, &one, diag);

    if (e == WRIT_OK)
        e = writ_secret_prompt(again, cap, &two, diag);
    if (e != WRIT_OK)
        return e;
    if (!writ_secret_equal(writ_secret_span(one), writ_secret_span(two))) {
        writ_diag_set(diag, 0, 0, "the two entries differ; nothing was stored");
        return WRIT_E_FORMAT;
    }
    *ret = writ_secret_take(&one);
    return WRIT_OK;
}

enum writ_err
writ_secret_read(int fd, size_t cap, struct writ_secret **ret, struct writ_diag *diag)
{
    WRIT_SECRET_AUTO struct writ_secret *s = NULL;
    enum writ_err e = writ_secret_new(cap + 1, &s);
    ssize_t n;

    if (e != WRIT_OK)
        return e;
    n = writ_read_full(fd, writ_secret_bytes(s), cap + 1);
    if (n < 0) {
        writ_diag_set(diag, 0, 0, "standard input cannot be read: %s", writ_errno_text(errno));
        return WRIT_E_SYS;
    }
    if (n == 0) {
        writ_diag_set(diag, 0, 0, "the value is empty: nothing came on standard input");
        return WRIT_E_FORMAT;
    }
    if ((size_t)n > cap)
        return too_long(cap, diag);
    writ_secret_cut(s, (size_t)n);
    *ret = writ_secret_take(&s);
    return WRIT_OK;
}
