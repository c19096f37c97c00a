/*
 * Any bytes as a main log and, behind a NUL, as a task's log: the verifier and the timeline come to
 * an end, say something about both files, and print nothing but text.
 */
#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "ledger/show.h"
#include "ledger/verify.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char task[] = "01M7Z9GD7080HAVE0STRY00000";
static char folder[] = "/tmp/writ-fuzz-XXXXXX";

/* The files exist while the process does, without names that could be left behind. */
static void
leave(void)
{
    char path[128];

    (void)snprintf(path, sizeof(path), "%s/%s.jsonl", folder, task);
    (void)unlink(path);
    (void)rmdir(folder);
}

static void
make(struct writ_store *s, int *task_fd)
{
    char name[WRIT_LOG_NAME];

    if (mkdtemp(folder) == NULL || atexit(leave) != 0)
        abort();
    s->dir = -1;
    s->open = -1;
    s->tasks = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    s->main = memfd_create("main", MFD_CLOEXEC);
    writ_log_name(task, name);
    *task_fd = openat(s->tasks, name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (s->tasks < 0 || s->main < 0 || *task_fd < 0)
        abort();
}

static void
fill(int fd, struct writ_span s)
{
    if (ftruncate(fd, 0) < 0 || lseek(fd, 0, SEEK_SET) != 0 || writ_write_full(fd, s) != WRIT_OK)
        abort();
}

static void
take(void *arg, const struct writ_verify_result *r)
{
    unsigned *files = arg;

    assert(r->verdict == WRIT_VERDICT_OK || r->verdict == WRIT_VERDICT_BAD ||
           r->verdict == WRIT_VERDICT_RUNNING);
    assert(strlen(r->text) < sizeof(r->text) &&
           (r->verdict != WRIT_VERDICT_BAD || r->text[0] != 0));
    (*files)++;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct writ_show_style style = {.width = 80};
    static struct writ_store store;
    static int task_fd = -1;
    static char text[1 << 18];
    const uint8_t *nul = size == 0 ? NULL : memchr(data, 0, size);
    size_t n = nul == NULL ? size : (size_t)(nul - data);
    unsigned files = 0;
    FILE *out;

    if (task_fd < 0)
        make(&store, &task_fd);
    fill(store.main, writ_span(data, n));
    fill(task_fd, writ_span_from(writ_span(data, size), n + 1));
    assert(writ_verify(&store, NULL, take, &files) == WRIT_OK);
    assert(files >= 2);
    out = fmemopen(text, sizeof(text), "w");
    if (out == NULL)
        abort();
    assert(writ_show(&store, task, &style, out) == WRIT_OK);
    n = (size_t)ftell(out);
    (void)fclose(out);
    for (size_t i = 0; i < n && text[i] != '\0'; i++)
        assert(text[i] == '\n' || (text[i] >= 0x20 && text[i] < 0x7f));
    return 0;
}
