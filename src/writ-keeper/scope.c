#include "writ-keeper/scope.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "profile/doc.h"

void
writ_scope_done(struct writ_scope *s)
{
    free(s->services);
    *s = (struct writ_scope){0};
}

/* The bytes, read once into memory of ours; a file that someone could still change is refused. */
static enum writ_err
read_sealed(int fd, struct writ_buf *ret)
{
    const int seals = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW;
    struct stat st;
    uint8_t *at;
    enum writ_err e;
    int got = fcntl(fd, F_GET_SEALS);

    if (got < 0 || (got & seals) != seals || fstat(fd, &st) < 0)
        return WRIT_E_DENIED;
    if (st.st_size <= 0 || st.st_size > WRIT_WRIT_BYTES_MAX)
        return WRIT_E_LIMIT;
    e = writ_buf_reserve(ret, (size_t)st.st_size, &at);
    if (e != WRIT_OK)
        return e;
    if (pread(fd, at, (size_t)st.st_size, 0) != st.st_size)
        return WRIT_E_SYS;
    writ_buf_commit(ret, (size_t)st.st_size);
    return WRIT_OK;
}

static void
copy(char to[WRIT_NAME_MAX + 1], const char *from)
{
    memcpy(to, from, strlen(from) + 1); /* the decoder bounds both alike */
}

static enum writ_err
take(const struct writ_doc *d, struct writ_scope *ret)
{
    struct writ_scope s = {.task = d->task, .deadline_us = d->deadline_us};

    if (d->deadline_us != 0) {
        int64_t left = d->deadline_us - writ_clock_wall_us();

        s.deadline_mono_us = writ_clock_mono_us() + (left > 0 ? (uint64_t)left : 0);
    }
    copy(s.env, d->env);
    if (d->service_count != 0) {
        s.services = calloc(d->service_count, sizeof(*s.services));
        if (s.services == NULL)
            return WRIT_E_NOMEM;
    }
    for (size_t i = 0; i < d->service_count; i++) {
        copy(s.services[i].name, d->services[i].name);
        copy(s.services[i].env, d->services[i].env);
        copy(s.services[i].credential, d->services[i].credential);
    }
    s.service_count = d->service_count;
    *ret = s;
    return WRIT_OK;
}

enum writ_err
writ_scope_read(int memfd, struct writ_scope *ret, struct writ_diag *diag)
{
    WRIT_BUF_AUTO struct writ_buf b;
    struct writ_doc d;
    enum writ_err e;

    writ_buf_init(&b, WRIT_WRIT_BYTES_MAX);
    e = read_sealed(memfd, &b);
    if (e != WRIT_OK) {
        writ_diag_set(diag, 0, 0, "the keeper was given no sealed writ (%s)", writ_err_name(e));
        return e;
    }
    e = writ_doc_decode(writ_buf_span(&b), &d);
    if (e != WRIT_OK) {
        writ_diag_set(diag, 0, 0, "the keeper cannot read the writ (%s)", writ_err_name(e));
        return e;
    }
    e = take(&d, ret);
    writ_doc_done(&d);
    return e;
}

struct writ_scope_service *
writ_scope_find(struct writ_scope *s, const char *service)
{
    for (size_t i = 0; i < s->service_count; i++) {
        if (strcmp(s->services[i].name, service) == 0)
            return &s->services[i];
    }
    return NULL;
}

bool
writ_scope_over(const struct writ_scope *s)
{
    return s->deadline_us != 0 &&
           (writ_clock_wall_us() >= s->deadline_us || writ_clock_mono_us() >= s->deadline_mono_us);
}

/* "has no label" or "is labelled staging", for the middle of a sentence. */
static const char *
label(const char *env, char *mem, size_t cap)
{
    if (env[0] == '\0')
        return "has no label";
    (void)snprintf(mem, cap, "is labelled %s", env);
    return mem;
}

enum writ_err
writ_scope_fits(const struct writ_scope *s, const struct writ_scope_service *service,
                const struct writ_safe_item *item, struct writ_diag *diag)
{
    char one[WRIT_NAME_MAX + 16];
    char two[WRIT_NAME_MAX + 16];

    if (strcmp(service->env, s->env) != 0) {
        writ_diag_set(diag, 0, 0,
                      "service %s %s, but the task %s: a credential is used only where both and "
                      "its own label agree",
                      service->name, label(service->env, one, sizeof(one)),
                      label(s->env, two, sizeof(two)));
        return WRIT_E_DENIED;
    }
    if (item->env[0] == '\0' && s->env[0] != '\0') {
        writ_diag_set(diag, 0, 0,
                      "credential %s has no label, so only a task without one may use it; this "
                      "task is labelled %s: store the credential with --env %s",
                      item->name, s->env, s->env);
        return WRIT_E_DENIED;
    }
    if (strcmp(item->env, s->env) != 0) {
        writ_diag_set(diag, 0, 0, "credential %s %s, but the task and service %s %s%s", item->name,
                      label(item->env, one, sizeof(one)), service->name,
                      s->env[0] == '\0' ? "have no label" : "are labelled ", s->env);
        return WRIT_E_DENIED;
    }
    return WRIT_OK;
}
