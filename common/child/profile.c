#include "config.h"

#include "common/child/profile.h"

#ifdef HAVE_JEMALLOC

#include "common/base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <jemalloc/jemalloc.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LG_SAMPLE_MAX 30 /* of no use beyond: a sample a gigabyte */

static enum page_command_result report(const char *doing, int code)
{
    if (code == 0)
        return PAGE_RESULT_DONE;
    log_error("cannot %s: %s", doing, strerror(code));
    return PAGE_RESULT_FAILED;
}

static int activate(bool active)
{
    return mallctl("prof.active", NULL, NULL, &active, sizeof active);
}

static int start(uint64_t argument)
{
    size_t lg_sample = (size_t)argument;
    int code = argument > LG_SAMPLE_MAX
                   ? EINVAL
                   : mallctl("prof.reset", NULL, NULL, &lg_sample, sizeof lg_sample);

    return code != 0 ? code : activate(true);
}

static int dump(const char *dir, uint64_t number)
{
    char path[PATH_MAX];
    const char *name = path;

    if (dir == NULL)
        return ENOTDIR;
    if (snprintf(path, sizeof path, "%s/%d.%" PRIu64 ".heap", dir, (int)getpid(), number) >=
        (int)sizeof path)
        return ENAMETOOLONG;
    return mallctl("prof.dump", NULL, NULL, &name, sizeof name);
}

enum page_command_result profile_obey(const char *dir, enum page_command_op op, uint64_t argument)
{
    switch (op) {
    case PAGE_COMMAND_PROFILE_START:
        return report("start the heap profiler", start(argument));
    case PAGE_COMMAND_PROFILE_DUMP:
        return report("write the heap profile", dump(dir, argument));
    case PAGE_COMMAND_PROFILE_STOP:
        return report("stop the heap profiler", activate(false));
    default:
        return PAGE_RESULT_UNSUPPORTED;
    }
}

#else

enum page_command_result profile_obey(const char *dir, enum page_command_op op, uint64_t argument)
{
    (void)dir, (void)op, (void)argument;
    return PAGE_RESULT_UNSUPPORTED;
}

#endif
