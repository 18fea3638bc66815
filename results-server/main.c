#include "config.h"

#include "common/base/log.h"
#include "common/base/sandbox.h"
#include "results-server/options.h"
#include "results-server/serve.h"
#include "results-server/verbs.h"

#include <stddef.h>

#ifdef HAVE_JEMALLOC
#include <jemalloc/jemalloc.h>
/* A body is parsed in one thread and freed in another, all the time: the memory of a server that
 * runs for weeks stays flat. What is freed goes back to the kernel soon. */
const char *malloc_conf = "background_thread:true,dirty_decay_ms:2000,muzzy_decay_ms:0,narenas:4";
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
    return serve(&options);
}
