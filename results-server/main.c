#include "common/base/log.h"
#include "results-server/options.h"
#include "results-server/serve.h"
#include "results-server/verbs.h"

#include <stddef.h>

int main(int argc, char **argv)
{
    verb_main_fn *verb = argc > 1 ? verbs_find(argv[1]) : NULL;
    struct options options;

    log_init("results-server", LOG_INFO, false);
    if (verb != NULL)
        return verb(argc - 1, argv + 1);
    options_read(&options, argc, argv);
    log_init("results-server", options.verbose ? LOG_DEBUG : LOG_INFO, false);
    return serve(&options);
}
