#include "charts/output.h"

#include "charts/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct output {
    FILE *file;
    char *text;
    size_t length;
    char *path, *draft;
};

struct output *output_new(const char *dir, const char *name, char *error, size_t cap)
{
    struct output *o = calloc(1, sizeof *o);

    if (o != NULL && asprintf(&o->path, "%s/%s", dir, name) < 0)
        o->path = NULL;
    if (o != NULL && asprintf(&o->draft, "%s/.%s.%d", dir, name, (int)getpid()) < 0)
        o->draft = NULL;
    if (o != NULL)
        o->file = open_memstream(&o->text, &o->length);
    if (o == NULL || o->path == NULL || o->draft == NULL || o->file == NULL) {
        text_fail(error, cap, "charts: out of memory");
        output_free(o);
        return NULL;
    }
    return o;
}

FILE *output_file(struct output *o)
{
    return o->file;
}

/* False with errno. */
static bool write_all(int fd, const char *text, size_t length)
{
    while (length > 0) {
        ssize_t wrote = write(fd, text, length);

        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote < 0)
            return false;
        text += wrote;
        length -= (size_t)wrote;
    }
    return true;
}

/* False with errno, and then the draft is gone. */
static bool replace(const struct output *o)
{
    int fd, saved;
    bool ok;

    /* A new one: what is there may be a link to a file of ours, in a folder of somebody else. */
    unlink(o->draft);
    fd = open(o->draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0)
        return false;
    ok = write_all(fd, o->text, o->length);
    saved = errno;
    if (close(fd) != 0 && ok) {
        ok = false;
        saved = errno;
    }
    if (ok && rename(o->draft, o->path) == 0)
        return true;
    if (ok)
        saved = errno;
    unlink(o->draft);
    errno = saved;
    return false;
}

bool output_finish(struct output *o, char *error, size_t cap)
{
    bool ok = ferror(o->file) == 0;

    ok &= fclose(o->file) == 0;
    o->file = NULL;
    if (!ok)
        text_fail(error, cap, "charts: out of memory");
    else if (!replace(o))
        ok = text_fail(error, cap, "cannot write %s: %s", o->path, strerror(errno));
    output_free(o);
    return ok;
}

bool output_is_folder(const char *path, char *error, size_t cap)
{
    struct stat info;

    if (lstat(path, &info) != 0)
        return text_fail(error, cap, "%s: %s", path, strerror(errno));
    return S_ISDIR(info.st_mode) ||
           text_fail(error, cap, "%s is no folder: move it away, and draw again", path);
}

void output_free(struct output *o)
{
    if (o == NULL)
        return;
    if (o->file != NULL)
        fclose(o->file);
    free(o->text);
    free(o->draft);
    free(o->path);
    free(o);
}
