#include "profile/profile.h"

#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/text.h"

/* Numbers of the audit subsystem: set once at login, inherited, and out of the user's hands. */
static uint32_t
read_number(const char *path)
{
    WRIT_BUF_AUTO struct writ_buf text;
    struct writ_span s;
    uint64_t v;

    writ_buf_init(&text, 8192);
    if (writ_read_file(AT_FDCWD, path, 32, &text) != WRIT_OK)
        return UINT32_MAX;
    s = writ_buf_span(&text);
    if (s.len != 0 && s.ptr[s.len - 1] == '\n')
        s.len--;
    return writ_parse_dec(s, UINT32_MAX, &v) ? (uint32_t)v : UINT32_MAX;
}

static void
find_user(uint32_t uid, char *ret, size_t cap)
{
    const struct passwd *pw = getpwuid(uid);

    if (pw == NULL || !writ_span_copy(writ_span_str(pw->pw_name), ret, cap))
        (void)snprintf(ret, cap, "%u", (unsigned)uid);
}

static void
find_parent(char *ret, size_t cap)
{
    char link[64];
    ssize_t n;

    (void)snprintf(link, sizeof(link), "/proc/%ld/exe", (long)getppid());
    n = readlink(link, ret, cap - 1);
    ret[n < 0 ? 0 : n] = '\0'; /* another user's process (sudo, a daemon) does not show it */
}

static void
find_tty(char *ret, size_t cap)
{
    char path[64];

    ret[0] = '\0';
    for (int fd = 0; fd < 3; fd++) {
        if (ttyname_r(fd, path, sizeof(path)) != 0)
            continue;
        (void)snprintf(ret, cap, "%s", strncmp(path, "/dev/", 5) == 0 ? path + 5 : path);
        return;
    }
}

enum writ_err
writ_profile_discover_invoker(struct writ_doc_invoker *ret)
{
    struct writ_doc_invoker i = {.uid = getuid(), .gid = getgid()};

    i.login_uid = read_number("/proc/self/loginuid");
    i.session = read_number("/proc/self/sessionid");
    find_user(i.uid, i.user, sizeof(i.user));
    find_parent(i.parent, sizeof(i.parent));
    find_tty(i.tty, sizeof(i.tty));
    *ret = i;
    return WRIT_OK;
}
