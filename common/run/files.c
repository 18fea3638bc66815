#include "common/run/files.h"

#include "common/run/stacks.h"

#include <errno.h>
#include <fts.h>
#include <limits.h>
#include <sha2.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static const struct {
    const char *folder, *kind; /* of those that the table of names does not know */
} folders[] = {
    {"logs", "log"},
    {"tls", "certificate"},
    {RUN_EVIDENCE, "evidence"},
};

/* How a name ends, in any of the folders. */
static const struct {
    const char *end, *kind;
} names[] = {
    {".heap", "heap"},
    {RUN_STACKS_FILE, "stacks"},
    {RUN_FLAME_FILE, "flame"},
    {"fds.txt", "fds"},
};

static bool ends_in(const char *name, const char *end)
{
    size_t length = strlen(name), tail = strlen(end);

    return length >= tail && strcmp(name + length - tail, end) == 0;
}

static const char *kind_of(const char *name, const char *otherwise)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (ends_in(name, names[i].end))
            return names[i].kind;
    }
    return otherwise;
}

/* A hash would outlive the key it belongs to, and nobody has to check a key. */
static bool is_key(const char *name)
{
    return ends_in(name, "key.pem");
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
        struct run_file file;

        if (entry->fts_info != FTS_F || is_key(entry->fts_name))
            continue;
        file.kind = kind_of(entry->fts_name, kind);
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
