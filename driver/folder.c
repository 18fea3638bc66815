#include "driver/folder.h"

#include "common/base/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define COLLISIONS_MAX 1000

static bool fail(const char *path, char *error, size_t cap)
{
    if (errno == ENOSPC || errno == EDQUOT)
        snprintf(error, cap,
                 "disk full: cannot make %s; free some space or choose another place "
                 "with --working-dir",
                 path);
    else
        snprintf(error, cap, "cannot make %s: %s; choose another place with --working-dir", path,
                 strerror(errno));
    return false;
}

/* mkdir -p; what is there already is fine. */
static bool make_path(const char *path, char *error, size_t cap)
{
    char partial[PATH_MAX];

    if (snprintf(partial, sizeof partial, "%s", path) >= (int)sizeof partial) {
        errno = ENAMETOOLONG;
        return fail(path, error, cap);
    }
    for (char *at = strchr(partial + 1, '/'); at != NULL; at = strchr(at + 1, '/')) {
        *at = '\0';
        if (mkdir(partial, 0755) < 0 && errno != EEXIST)
            return fail(partial, error, cap);
        *at = '/';
    }
    return mkdir(partial, 0755) == 0 || errno == EEXIST || fail(partial, error, cap);
}

static bool make_inside(const char *dir, const char *name, mode_t mode, char *error, size_t cap)
{
    char path[PATH_MAX];

    if (snprintf(path, sizeof path, "%s/%s", dir, name) >= (int)sizeof path) {
        errno = ENAMETOOLONG;
        return fail(dir, error, cap);
    }
    return mkdir(path, mode) == 0 || fail(path, error, cap);
}

static bool make_unique(const char *working_dir, uint64_t seed, uint64_t wall_ns, char *path,
                        char *error, size_t cap)
{
    time_t seconds = (time_t)(wall_ns / NS_PER_S);
    char stamp[32], suffix[16] = "";
    struct tm tm;

    gmtime_r(&seconds, &tm);
    strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%SZ", &tm);
    for (int i = 2; i < COLLISIONS_MAX; i++) {
        snprintf(path, PATH_MAX, "%s/%s-seed%" PRIu64 "%s", working_dir, stamp, seed, suffix);
        if (mkdir(path, 0755) == 0)
            return true;
        if (errno != EEXIST)
            break;
        snprintf(suffix, sizeof suffix, "-%d", i);
    }
    return fail(path, error, cap);
}

char *folder_new(const char *working_dir, uint64_t seed, uint64_t wall_ns, char *error, size_t cap)
{
    char path[PATH_MAX], *kept;

    if (!make_path(working_dir, error, cap) ||
        !make_unique(working_dir, seed, wall_ns, path, error, cap) ||
        !make_inside(path, "logs", 0755, error, cap) || !make_inside(path, "tls", 0700, error, cap))
        return NULL;
    kept = strdup(path);
    if (kept == NULL)
        snprintf(error, cap, "no memory");
    return kept;
}

bool folder_make_whole(const char *run_dir, char dir[PATH_MAX], char *error, size_t cap)
{
    if (snprintf(dir, PATH_MAX, "%s-whole", run_dir) >= PATH_MAX) {
        errno = ENAMETOOLONG;
        return fail(run_dir, error, cap);
    }
    return mkdir(dir, 0755) == 0 || fail(dir, error, cap);
}

bool folder_make_latest(const char *working_dir, const char *run_dir, char *error, size_t cap)
{
    const char *slash = strrchr(run_dir, '/');
    char fresh[PATH_MAX], latest[PATH_MAX];

    snprintf(fresh, sizeof fresh, "%s/.latest.%d", working_dir, (int)getpid());
    snprintf(latest, sizeof latest, "%s/latest", working_dir);
    unlink(fresh);
    if (symlink(slash == NULL ? run_dir : slash + 1, fresh) == 0 && rename(fresh, latest) == 0)
        return true;
    snprintf(error, cap, "cannot point %s to the run: %s", latest, strerror(errno));
    unlink(fresh);
    return false;
}
