#include "writ/policy_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/limits.h"
#include "writ_cedarschema.h"

static bool
ends_with(const char *name, const char *suffix)
{
    size_t n = strlen(name);
    size_t k = strlen(suffix);

    return n > k && strcmp(name + n - k, suffix) == 0;
}

static int
select_file(const char *folder, const char *name, struct policy_files *f)
{
    int n;

    if (f->n == POLICY_FILES_MAX) {
        (void)fprintf(stderr, "writ: more than %d files in %s\n", POLICY_FILES_MAX, folder);
        return -1;
    }
    n = snprintf(f->path[f->n], POLICY_PATH_MAX, "%s%s%s", folder, folder[0] == '\0' ? "" : "/",
                 name);
    if (n < 0 || n >= POLICY_PATH_MAX) {
        (void)fprintf(stderr, "writ: the path of %s is too long\n", name);
        return -1;
    }
    f->n++;
    return 0;
}

static int
path_cmp(const void *a, const void *b)
{
    return strcmp((const char *)a, (const char *)b);
}

static bool
list_folder(const char *path, const char *suffix, struct policy_files *f)
{
    DIR *dir = opendir(path);
    const struct dirent *d;
    bool ok = true;

    if (dir == NULL) {
        (void)fprintf(stderr, "writ: %s: %s\n", path, strerror(errno));
        return false;
    }
    while (ok && (d = readdir(dir)) != NULL) {
        if (ends_with(d->d_name, suffix))
            ok = select_file(path, d->d_name, f) == 0;
    }
    (void)closedir(dir);
    qsort(f->path, f->n, sizeof f->path[0], path_cmp);
    return ok;
}

static const char *
base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash == NULL ? path : slash + 1;
}

static bool
read_all(struct policy_files *f)
{
    for (size_t i = 0; i < f->n; i++) {
        struct writ_span s;

        writ_buf_init(&f->text[i], WRIT_POLICY_BYTES_MAX);
        if (writ_read_file(AT_FDCWD, f->path[i], WRIT_POLICY_BYTES_MAX, &f->text[i]) != WRIT_OK) {
            (void)fprintf(stderr, "writ: cannot read %s\n", f->path[i]);
            return false;
        }
        s = writ_buf_span(&f->text[i]);
        f->src[i] = (struct cedar_source){base_name(f->path[i]),
                                          s.len == 0 ? "" : (const char *)s.ptr, s.len};
    }
    return true;
}

bool
policy_files_read(const char *path, const char *suffix, struct policy_files **ret)
{
    struct policy_files *f;
    struct stat st;
    bool ok;

    if (stat(path, &st) < 0) {
        (void)fprintf(stderr, "writ: %s: %s\n", path, strerror(errno));
        return false;
    }
    f = calloc(1, sizeof *f);
    if (f == NULL)
        return false;
    ok = S_ISDIR(st.st_mode) ? list_folder(path, suffix, f) : select_file("", path, f) == 0;
    if (!ok || !read_all(f)) {
        policy_files_freep(&f);
        return false;
    }
    *ret = f;
    return true;
}

void
policy_files_freep(struct policy_files **f)
{
    if (*f == NULL)
        return;
    for (size_t i = 0; i < (*f)->n; i++)
        writ_buf_done(&(*f)->text[i]);
    free(*f);
    *f = NULL;
}

bool
policy_files_load(const struct policy_files *f, struct cedar_policies **ret,
                  struct cedar_error *err)
{
    *err = (struct cedar_error){.text = ""};
    if (cedar_policies_load(f->src, f->n, 0, ret, err) == CEDAR_OK)
        return true;
    if (err->text[0] == '\0')
        (void)snprintf(err->text, sizeof err->text, "out of memory");
    return false;
}

struct cedar_span
policy_schema_text(void)
{
    return (struct cedar_span){writ_cedarschema, sizeof writ_cedarschema};
}

struct cedar_schema *
policy_schema(void)
{
    const struct cedar_source src = {"writ.cedarschema", writ_cedarschema, sizeof writ_cedarschema};
    struct cedar_error err = {.text = ""};
    struct cedar_schema *s = NULL;

    if (cedar_schema_load(&src, CEDAR_TEXT, &s, &err) != CEDAR_OK)
        (void)fprintf(stderr, "writ: %s:%u:%u: %s\n", err.file, err.line, err.col, err.text);
    return s;
}

const char *
policy_label(const struct cedar_policies *ps, size_t i, char ret[POLICY_LABEL_MAX])
{
    struct cedar_policy_info info = cedar_policy_info(ps, i);
    struct cedar_span id;

    if (cedar_policy_annotation(ps, i, "id", &id) && id.len != 0) {
        (void)snprintf(ret, POLICY_LABEL_MAX, "%.*s", (int)id.len, id.ptr);
    } else {
        (void)snprintf(ret, POLICY_LABEL_MAX, "%.*s:%u", (int)info.file.len, info.file.ptr,
                       info.line);
    }
    return ret;
}
