#include "driver/sweep/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define REMOVE_FDS 16
#define COPY_CHUNK (8 << 20)

/* errno says why. */
static bool fail(const char *what, const char *path, char *error, size_t cap)
{
    if (errno == ENOSPC || errno == EDQUOT)
        snprintf(error, cap, "disk full: cannot %s %s; free some space or choose another place",
                 what, path);
    else
        snprintf(error, cap, "cannot %s %s: %s", what, path, strerror(errno));
    return false;
}

bool tree_make(const char *path, char *error, size_t cap)
{
    char partial[PATH_MAX];
    struct stat st;

    if (snprintf(partial, sizeof partial, "%s", path) >= (int)sizeof partial) {
        errno = ENAMETOOLONG;
        return fail("make", path, error, cap);
    }
    for (char *at = partial; at != NULL;) {
        at = strchr(at + 1, '/');
        if (at != NULL)
            *at = '\0';
        if (mkdir(partial, 0755) < 0 && errno != EEXIST)
            return fail("make", partial, error, cap);
        if (at != NULL)
            *at = '/';
    }
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        return true;
    errno = ENOTDIR;
    return fail("make", path, error, cap);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
    (void)st, (void)type, (void)where;
    return remove(path);
}

bool tree_remove(const char *path, char *error, size_t cap)
{
    if (nftw(path, remove_one, REMOVE_FDS, FTW_DEPTH | FTW_PHYS) == 0 || errno == ENOENT)
        return true;
    return fail("remove", path, error, cap);
}

bool tree_is_filled(const char *path)
{
    DIR *dir = opendir(path);
    const struct dirent *entry;
    bool filled = false;

    if (dir == NULL)
        return false;
    while (!filled && (entry = readdir(dir)) != NULL)
        filled = strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(dir);
    return filled;
}

static bool write_all(int fd, const char *text)
{
    size_t length = strlen(text);

    while (length > 0) {
        ssize_t n = write(fd, text, length);

        if (n < 0 && errno != EINTR)
            return false;
        if (n > 0) {
            text += n;
            length -= (size_t)n;
        }
    }
    return true;
}

bool tree_write_file(const char *dir, const char *name, const char *text, char *error, size_t cap)
{
    char path[PATH_MAX], draft[PATH_MAX + 8];
    bool done;
    int fd;

    snprintf(path, sizeof path, "%s/%s", dir, name);
    snprintf(draft, sizeof draft, "%s.draft", path);
    fd = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0)
        return fail("write", path, error, cap);
    done = write_all(fd, text) && fsync(fd) == 0;
    if (!done)
        (void)fail("write", path, error, cap);
    close(fd);
    if (done && rename(draft, path) < 0)
        done = fail("write", path, error, cap);
    if (!done)
        unlink(draft);
    return done;
}

static bool copy(int in, int out)
{
    ssize_t n;

    do
        n = sendfile(out, in, NULL, COPY_CHUNK);
    while (n > 0 || (n < 0 && errno == EINTR));
    return n == 0 && fsync(out) == 0;
}

bool tree_move_file(const char *from, const char *to, char *error, size_t cap)
{
    int in, out;
    bool done;

    if (rename(from, to) == 0)
        return true;
    if (errno != EXDEV)
        return fail("move a file to", to, error, cap);
    in = open(from, O_RDONLY | O_CLOEXEC);
    if (in < 0)
        return fail("read", from, error, cap);
    out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    done = out >= 0 && copy(in, out);
    if (!done)
        (void)fail("write", to, error, cap);
    close(in);
    if (out >= 0)
        close(out);
    unlink(done ? from : to);
    return done;
}

bool tree_room(const char *path, uint64_t *bytes, char *error, size_t cap)
{
    struct statvfs st;

    if (statvfs(path, &st) < 0)
        return fail("look at", path, error, cap);
    *bytes = (uint64_t)st.f_bavail * st.f_frsize;
    return true;
}
