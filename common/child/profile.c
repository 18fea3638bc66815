#include "config.h"

#include "common/child/profile.h"

#ifdef HAVE_JEMALLOC

#include "common/base/log.h"
#include "common/engine/mem.h"

#include <errno.h>
#include <inttypes.h>
#include <jemalloc/jemalloc.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LG_SAMPLE_MAX 30 /* of no use beyond: a sample a gigabyte */
/*
 * jemalloc 5.3 has drawn the wait for a thread's next sample at the rate before (one in 512 KiB on
 * average), and a program whose messages allocate nothing never comes to its end: so much is
 * allocated at once, in blocks that its thread cache keeps, that no such wait is left.
 */
#define WAIT_BYTES ((size_t)8 << 20)
#define WAIT_BLOCK ((size_t)16 << 10)

static enum page_command_result report(const char *doing, int code)
{
    if (code == 0)
        return PAGE_RESULT_DONE;
    log_error("cannot %s: %s", doing, strerror(code));
    return PAGE_RESULT_FAILED;
}

static int activate(bool active)
{
    int code = mallctl("prof.active", NULL, NULL, &active, sizeof active);

    if (code == 0)
        mem_set_keeping(!active);
    return code;
}

/* Of the thread that carries out the command, which is that of the connections but for a server
 * with several. */
static void end_wait(void)
{
    for (size_t left = WAIT_BYTES; left > 0; left -= WAIT_BLOCK) {
        /* Volatile, or a compiler leaves out what is freed unused. */
        void *volatile block = malloc(WAIT_BLOCK);

        free(block);
    }
}

static int start(uint64_t argument)
{
    size_t lg_sample = (size_t)argument;
    int code = argument > LG_SAMPLE_MAX
                   ? EINVAL
                   : mallctl("prof.reset", NULL, NULL, &lg_sample, sizeof lg_sample);

    if (code == 0)
        code = activate(true);
    if (code == 0)
        end_wait();
    return code;
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
