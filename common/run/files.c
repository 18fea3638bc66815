#include "common/run/files.h"

#include <errno.h>
#include <fts.h>
#include <limits.h>
#include <sha2.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static const struct {
    const char *folder, *kind;
} folders[] = {
    {"logs", "log"},
    {"tls", "certificate"},
};

/* A hash would outlive the key it belongs to, and nobody has to check a key. */
static bool is_key(const char *name)
{
    size_t length = strlen(name);

    return length >= 7 && strcmp(name + length - 7, "key.pem") == 0;
}

static bool each_below(const char *top, size_t skip, const char *kind,
                       bool (*fn)(void *arg, const struct run_file *file), void *arg)
{
    char *const paths[] = {(char *)top, NULL};
    FTS *fts = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    bool ok = fts != NULL;
    FTSENT *entry;

    while (ok && (entry = fts_read(fts)) != NULL) {
        char hex[SHA256_DIGEST_STRING_LENGTH];
        struct run_file file = {.kind = kind};

        if (entry->fts_info != FTS_F || is_key(entry->fts_name))
            continue;
        file.path = entry->fts_path + skip;
        file.bytes = entry->fts_statp->st_size;
        file.sha256 = SHA256File(entry->fts_path, hex);
        ok = fn(arg, &file);
    }
    if (fts != NULL)
        fts_close(fts);
    return ok;
}

bool run_files_each(const char *dir, bool (*fn)(void *arg, const struct run_file *file), void *arg)
{
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        char top[PATH_MAX];
        int n = snprintf(top, sizeof top, "%s/%s", dir, folders[i].folder);

        if (n < 0 || (size_t)n >= sizeof top) {
            errno = ENAMETOOLONG;
            return false;
        }
        if (!each_below(top, strlen(dir) + 1, folders[i].kind, fn, arg))
            return false;
    }
    return true;
}
