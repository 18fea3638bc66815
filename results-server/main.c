#include "config.h"

#include "common/base/exit_status.h"
#include "common/base/log.h"
#include "common/base/sandbox.h"
#include "results-server/options.h"
#include "results-server/serve.h"
#include "results-server/verbs.h"

#include <stdbool.h>
#include <stddef.h>

#ifdef HAVE_JEMALLOC
#include <jemalloc/jemalloc.h>
/* A body is parsed in one thread and freed in another, all the time: the memory of a server that
 * runs for weeks stays flat. What is freed goes back to the kernel soon. */
const char *malloc_conf = "background_thread:true,dirty_decay_ms:2000,muzzy_decay_ms:0,narenas:4";

/* Before there are threads: where one has no memory for its arena, jemalloc 5.3 crashes. */
static bool make_arenas(void)
{
    unsigned count = 0, first = 0;
    size_t size = sizeof count;
    bool made = mallctl("opt.narenas", &count, &size, NULL, 0) == 0;

    for (unsigned i = 1; made && i < count; i++)
        made = mallctl("thread.arena", NULL, NULL, &i, sizeof i) == 0;
    return made && mallctl("thread.arena", NULL, NULL, &first, sizeof first) == 0;
}
#else
static bool make_arenas(void)
{
    return true;
}
#endif

int main(int argc, char **argv)
{
    verb_main_fn *verb = argc > 1 ? verbs_find(argv[1]) : NULL;
    struct options options;

    sandbox_renounce();
    log_init("results-server", LOG_INFO, false);
    if (verb != NULL)
        return verb(argc - 1, argv + 1);
    options_read(&options, argc, argv);
    log_init("results-server", options.verbose ? LOG_DEBUG : LOG_INFO, false);
    if (!make_arenas()) {
        log_error("no memory for the threads' arenas");
        return STATUS_ENVIRONMENT;
    }
    return serve(&options);
}
