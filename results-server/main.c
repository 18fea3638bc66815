#include "common/base/exit_status.h"
#include "common/base/log.h"
#include "results-server/options.h"
#include "results-server/routes.h"
#include "results-server/serve.h"

#include <stdio.h>

int main(int argc, char **argv)
{
    struct options options;

    options_read(&options, argc, argv);
    log_init("results-server", options.verbose ? LOG_DEBUG : LOG_INFO, false);
    if (!options.routes)
        return serve(&options);
    routes_print(stdout);
    return fflush(stdout) == 0 ? STATUS_PASSED : STATUS_ENVIRONMENT;
}
