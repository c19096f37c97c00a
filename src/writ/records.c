#include "writ/records.h"

#include <stdio.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#include "base/id.h"
#include "ledger/hash.h"

static void
begin(struct writ_record *r, uint8_t *mem, enum writ_kind kind)
{
    writ_record_begin(r, mem, WRIT_RECORD_BYTES_MAX, kind, writ_clock_wall_us());
}

/* One digest of all policies: file name, length and text of each, in their order. */
static void
put_policy_digest(struct writ_record *r, const struct writ_doc *doc)
{
    WRIT_BUF_AUTO struct writ_buf all = {0};
    uint8_t digest[WRIT_HASH_BYTES];

    writ_buf_init(&all, WRIT_WRIT_BYTES_MAX);
    for (size_t i = 0; i < doc->policy_count; i++) {
        writ_buf_put_blob(&all, writ_span_str(doc->policies[i].file));
        writ_buf_put_blob(&all, doc->policies[i].text);
    }
    if (all.failed)
        return;
    writ_hash(writ_buf_span(&all), digest);
    writ_record_bytes(r, WRIT_FIELD_POLICY_DIGEST, writ_span(digest, sizeof(digest)));
}

static void
put_invoker(struct writ_record *r, const struct writ_doc_invoker *v)
{
    struct utsname node;

    writ_record_u64(r, WRIT_FIELD_UID, v->uid);
    writ_record_u64(r, WRIT_FIELD_GID, v->gid);
    writ_record_str(r, WRIT_FIELD_USER, v->user);
    if (v->login_uid != UINT32_MAX)
        writ_record_u64(r, WRIT_FIELD_LOGIN_UID, v->login_uid);
    if (v->session != UINT32_MAX)
        writ_record_u64(r, WRIT_FIELD_SESSION, v->session);
    writ_record_str(r, WRIT_FIELD_PARENT, v->parent);
    writ_record_str(r, WRIT_FIELD_TTY, v->tty);
    if (uname(&node) == 0)
        writ_record_str(r, WRIT_FIELD_NODE, node.nodename);
}

static void
put_limits(struct writ_record *r, const struct writ_doc *doc)
{
    if (doc->deadline_us != 0)
        writ_record_i64(r, WRIT_FIELD_DEADLINE, doc->deadline_us);
    if (doc->limits.wall_ms != 0)
        writ_record_u64(r, WRIT_FIELD_WALL_MS_MAX, doc->limits.wall_ms);
    if (doc->limits.memory_bytes != 0)
        writ_record_u64(r, WRIT_FIELD_MEMORY_MAX, doc->limits.memory_bytes);
    if (doc->limits.disk_bytes != 0)
        writ_record_u64(r, WRIT_FIELD_DISK_MAX, doc->limits.disk_bytes);
    if (doc->limits.pids != 0)
        writ_record_u64(r, WRIT_FIELD_PIDS_MAX, doc->limits.pids);
}

/* missing is a text of parts separated by "; ". */
static void
put_missing(struct writ_record *r, const char *missing)
{
    struct writ_span rest = writ_span_str(missing);

    while (rest.len != 0) {
        const uint8_t *stop = memmem(rest.ptr, rest.len, "; ", 2);
        size_t n = stop == NULL ? rest.len : (size_t)(stop - rest.ptr);

        writ_record_item(r, WRIT_FIELD_MISSING, writ_span(rest.ptr, n));
        rest = writ_span_from(rest, stop == NULL ? n : n + 2);
    }
}

enum writ_err
record_task_start(const struct writ_doc *doc, struct writ_span encoded, const char *missing,
                  uint8_t *mem, struct writ_span *ret)
{
    uint8_t digest[WRIT_HASH_BYTES];
    struct writ_record r;

    begin(&r, mem, WRIT_KIND_TASK_START);
    writ_record_str(&r, WRIT_FIELD_VERSION, WRIT_VERSION);
    writ_record_str(&r, WRIT_FIELD_PROFILE, doc->profile);
    writ_record_str(&r, WRIT_FIELD_ENV, doc->env);
    put_invoker(&r, &doc->invoker);
    for (size_t i = 0; i < doc->argc; i++)
        writ_record_item(&r, WRIT_FIELD_ARGV, writ_span_str(doc->argv[i]));
    writ_record_str(&r, WRIT_FIELD_CWD, doc->cwd);
    for (size_t i = 0; i < doc->service_count; i++)
        writ_record_item(&r, WRIT_FIELD_SERVICES, writ_span_str(doc->services[i].name));
    writ_hash(encoded, digest);
    writ_record_bytes(&r, WRIT_FIELD_WRIT_DIGEST, writ_span(digest, sizeof(digest)));
    put_policy_digest(&r, doc);
    put_limits(&r, doc);
    put_missing(&r, missing);
    return writ_record_end(&r, ret);
}

enum writ_err
record_task_end(int wait_status, const char *reason, uint8_t *mem, struct writ_span *ret)
{
    struct writ_record r;

    begin(&r, mem, WRIT_KIND_TASK_END);
    /* below 0 the program did not end by itself: there is no status to tell */
    if (wait_status >= 0 && WIFSIGNALED(wait_status))
        writ_record_u64(&r, WRIT_FIELD_SIGNAL, (uint64_t)WTERMSIG(wait_status));
    if (wait_status >= 0 && WIFEXITED(wait_status))
        writ_record_u64(&r, WRIT_FIELD_EXIT_CODE, (uint64_t)WEXITSTATUS(wait_status));
    if (reason != NULL)
        writ_record_str(&r, WRIT_FIELD_REASON, reason);
    return writ_record_end(&r, ret);
}

enum writ_err
record_program(const struct writ_exec_event *ev, const uint8_t *digest, uint8_t *mem,
               struct writ_span *ret)
{
    struct writ_span rest = writ_span(ev->args, ev->args_len);
    struct writ_record r;

    begin(&r, mem, WRIT_KIND_PROGRAM_START);
    writ_record_u64(&r, WRIT_FIELD_PID, (uint64_t)ev->pid);
    writ_record_u64(&r, WRIT_FIELD_PPID, (uint64_t)ev->parent);
    writ_record_str(&r, WRIT_FIELD_PROGRAM, ev->path);
    for (unsigned i = 0; i < ev->arg_count && rest.len != 0; i++) {
        size_t n = strnlen((const char *)rest.ptr, rest.len);

        writ_record_item(&r, WRIT_FIELD_ARGV, writ_span(rest.ptr, n));
        rest = writ_span_from(rest, n + 1);
    }
    if (ev->args_cut)
        writ_record_list_cut(&r);
    if (digest != NULL)
        writ_record_bytes(&r, WRIT_FIELD_DIGEST, writ_span(digest, WRIT_HASH_BYTES));
    return writ_record_end(&r, ret);
}

enum writ_err
record_died(const char *process, uint8_t *mem, struct writ_span *ret)
{
    struct writ_record r;

    begin(&r, mem, WRIT_KIND_PROCESS_DIED);
    writ_record_str(&r, WRIT_FIELD_PROCESS, process);
    return writ_record_end(&r, ret);
}
