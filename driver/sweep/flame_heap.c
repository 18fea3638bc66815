#include "driver/sweep/flame_heap.h"

#include "common/base/clock.h"
#include "driver/collapse.h"
#include "driver/keepsake.h"
#include "driver/spawn.h"
#include "driver/sweep/tree.h"

#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LEAST_ROOM 4096 /* bytes */
#define JEPROF_LIMIT_NS (300 * NS_PER_S)

/* The shell, for it keeps the stacks apart from what jeprof says beside them. */
static bool run_jeprof(const char *program, const char *profile, const char *raw, const char *log,
                       const struct guardian *guardian, char *error, size_t cap)
{
    char *argv[] = {(char *)"/bin/sh",
                    (char *)"-c",
                    (char *)"exec jeprof --collapsed --alloc_space \"$1\" \"$2\" >\"$3\"",
                    (char *)"jeprof",
                    (char *)program,
                    (char *)profile,
                    (char *)raw,
                    NULL};
    const struct spawn_request request = {
        .argv = argv, .envp = guardian_environment(guardian), .log_path = log, .page_fd = -1};
    struct spawn_end end;
    uint64_t room;
    char line[512];

    if (!spawn_run(&request, JEPROF_LIMIT_NS, &end, error, cap))
        return false;
    if (end.code == 0)
        return true;
    /* Then neither stacks nor words are there. */
    if (tree_room(raw, &room, line, sizeof line) && room < LEAST_ROOM)
        snprintf(error, cap, "%s: %s", raw, strerror(ENOSPC));
    else if (end.code == 127)
        snprintf(error, cap,
                 "jeprof is not in PATH: install it (apt-get install libjemalloc-dev), or leave "
                 "the heap out (--only cpu)");
    else {
        keepsake_first_line(log, line, sizeof line);
        snprintf(error, cap, "jeprof failed (status %d): %s", end.code, line);
    }
    return false;
}

bool flame_heap_collapse(const char *dir, const char *role, const char *program, const char *file,
                         const struct guardian *guardian, char *error, size_t cap)
{
    char pattern[PATH_MAX], raw[PATH_MAX], log[PATH_MAX], folded[PATH_MAX];
    glob_t found;
    bool ok = true;

    snprintf(pattern, sizeof pattern, "%s/heap.%s.*.heap", dir, role);
    snprintf(raw, sizeof raw, "%s/jeprof.raw", dir);
    snprintf(log, sizeof log, "%s/jeprof.log", dir);
    snprintf(folded, sizeof folded, "%s/%s", dir, file);
    if (glob(pattern, 0, NULL, &found) != 0)
        return true;
    ok = run_jeprof(program, found.gl_pathv[0], raw, log, guardian, error, cap) &&
         collapse_stacks(raw, folded, error, cap);
    for (size_t i = 0; i < found.gl_pathc; i++)
        unlink(found.gl_pathv[i]);
    globfree(&found);
    unlink(raw);
    unlink(log);
    return ok;
}
