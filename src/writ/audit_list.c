#include "writ/audit_list.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json.h"
#include "ledger/ends.h"
#include "ledger/verify.h"

static int
newest_first(const void *a, const void *b)
{
    const struct audit_name *x = a;
    const struct audit_name *y = b;

    return strcmp(y->task, x->task); /* ids sort by the time they were made */
}

bool
audit_names(const struct writ_store *s, struct writ_buf *names, struct audit_name **ret,
            size_t *ret_count)
{
    int fd = openat(s->tasks, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *entry;

    if (d == NULL) {
        writ_fd_close(&fd);
        return false;
    }
    while ((entry = readdir(d)) != NULL) {
        struct audit_name n = {0};

        if (strlen(entry->d_name) != WRIT_LOG_NAME - 1 ||
            strcmp(entry->d_name + WRIT_TASK_ID_BYTES, ".jsonl") != 0 ||
            !writ_id_valid(writ_span(entry->d_name, WRIT_TASK_ID_BYTES)))
            continue;
        memcpy(n.task, entry->d_name, WRIT_TASK_ID_BYTES);
        writ_buf_put(names, writ_span(&n, sizeof(n)));
    }
    (void)closedir(d);
    *ret = (void *)(names->mem + names->start);
    *ret_count = writ_buf_len(names) / sizeof(**ret);
    if (*ret_count != 0)
        qsort(*ret, *ret_count, sizeof(**ret), newest_first);
    errno = names->failed ? ENOMEM : errno;
    return !names->failed;
}

struct row {
    const char *state; /* sealed, running, unsealed, corrupt */
    uint64_t records;
    bool has_first;
};

/* The first record and the end, not what lies between: a list of thousands stays quick. */
static struct row
read_row(int fd, struct writ_line *first)
{
    struct row r = {.state = "unreadable"};
    struct writ_tail tail;
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0)
        return r;
    r.has_first = writ_line_at(fd, 0, first);
    r.state = "corrupt";
    if (writ_tail_read(fd, st.st_size, &tail) != WRIT_OK)
        return r;
    r.records = tail.seq;
    if (tail.kind == WRIT_KIND_TASK_SEALED && tail.torn == 0) {
        r.state = "sealed";
    } else {
        r.state = writ_log_is_written(fd) ? "running" : "unsealed";
    }
    return r;
}

static void
put_shown(char *to, size_t cap, struct writ_span raw)
{
    (void)snprintf(to, cap, "%.*s", (int)raw.len, raw.len == 0 ? "" : (const char *)raw.ptr);
}

static void
print_row(const char *task, const struct row *r, const struct writ_line *first)
{
    char when[32] = "-";
    char profile[40] = "";
    char user[24] = "";

    if (r->has_first) {
        (void)snprintf(when, sizeof(when), "%.10s %.8s", (const char *)first->time.ptr,
                       (const char *)first->time.ptr + 11);
        put_shown(profile, sizeof(profile), writ_line_raw(first, WRIT_FIELD_PROFILE));
        put_shown(user, sizeof(user), writ_line_raw(first, WRIT_FIELD_USER));
    }
    (void)printf("%-26s  %-19s  %-20s %-10s %9llu  %s\n", task, when, profile, user,
                 (unsigned long long)r->records, r->state);
}

static void
print_row_json(const char *task, const struct row *r, const struct writ_line *first)
{
    static const enum writ_field fields[] = {WRIT_FIELD_PROFILE, WRIT_FIELD_ENV, WRIT_FIELD_USER};

    (void)printf("{\"task\":\"%s\",\"state\":\"%s\",\"records\":%llu", task, r->state,
                 (unsigned long long)r->records);
    if (r->has_first) {
        struct writ_span uid = writ_line_raw(first, WRIT_FIELD_UID);

        (void)printf(",\"start\":\"%.*s\"", (int)first->time.len, (const char *)first->time.ptr);
        for (size_t i = 0; i < WRIT_COUNT(fields); i++) {
            struct writ_span raw = writ_line_raw(first, fields[i]);

            /* raw text is the inside of a JSON string as it stands */
            if (raw.len != 0) {
                (void)printf(",\"%s\":\"%.*s\"", writ_field_rule((unsigned)fields[i])->json,
                             (int)raw.len, (const char *)raw.ptr);
            }
        }
        if (uid.len != 0)
            (void)printf(",\"uid\":%.*s", (int)uid.len, (const char *)uid.ptr);
    }
    (void)printf("}\n");
}

int
audit_list(const struct writ_store *s, bool json, const char *state)
{
    static struct writ_line first;
    WRIT_BUF_AUTO struct writ_buf names;
    struct audit_name *at;
    size_t count;

    writ_buf_init(&names, AUDIT_NAMES_BYTES_MAX);
    if (!audit_names(s, &names, &at, &count)) {
        (void)fprintf(stderr, "writ: %s/ledger/tasks: %s\n", state, strerror(errno));
        return 1;
    }
    if (count == 0 && !json) {
        (void)fprintf(stderr, "writ: no task has been recorded yet in %s\n", state);
    } else if (!json) {
        (void)printf("%-26s  %-19s  %-20s %-10s %9s  %s\n", "TASK", "STARTED (UTC)", "PROFILE",
                     "USER", "RECORDS", "STATE");
    }
    for (size_t i = 0; i < count; i++) {
        char name[WRIT_LOG_NAME];
        WRIT_FD_AUTO int fd = -1;
        struct row r;

        writ_log_name(at[i].task, name);
        fd = openat(s->tasks, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        r = read_row(fd, &first);
        if (json) {
            print_row_json(at[i].task, &r, &first);
        } else {
            print_row(at[i].task, &r, &first);
        }
    }
    return 0;
}
