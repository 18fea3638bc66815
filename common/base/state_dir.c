#include "common/base/state_dir.h"

#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool fits(int written, size_t cap)
{
    return written > 0 && (size_t)written < cap;
}

bool state_dir_path(char *out, size_t cap)
{
    const char *base = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    const struct passwd *user;

    /* The XDG base directory specification: relative paths are invalid and to be ignored. */
    if (base != NULL && *base == '/')
        return fits(snprintf(out, cap, "%s/flatline", base), cap);
    if (home == NULL || *home == '\0') {
        user = getpwuid(getuid());
        home = user != NULL ? user->pw_dir : NULL;
    }
    return home != NULL && fits(snprintf(out, cap, "%s/.local/state/flatline", home), cap);
}

bool state_dir_file(const char *name, char *out, size_t cap)
{
    size_t used;

    if (!state_dir_path(out, cap))
        return false;
    used = strlen(out);
    return fits(snprintf(out + used, cap - used, "/%s", name), cap - used);
}

bool state_dir_make(void)
{
    char path[PATH_MAX];

    if (!state_dir_path(path, sizeof path)) {
        errno = ENOENT;
        return false;
    }
    for (char *slash = path + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
        *slash = '\0';
        if (mkdir(path, 0700) < 0 && errno != EEXIST)
            return false;
        *slash = '/';
    }
    return mkdir(path, 0700) == 0 || errno == EEXIST;
}
