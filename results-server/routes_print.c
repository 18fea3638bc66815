/* results-server routes. */
#include "config.h"

#include "common/base/exit_status.h"
#include "common/base/options.h"
#include "results-server/routes.h"
#include "results-server/verbs.h"

#include <stdio.h>

static void print_version(FILE *out)
{
    fprintf(out, "results-server %s\n", VERSION);
}

static const struct option_spec specs[] = {{0}};

static const struct option_set set = {
    .program = "results-server routes",
    .usage = "",
    .summary = "Prints what can be asked over HTTP, a line each, by tabs: method, path, the names "
               "that its query may have, what it does.",
    .specs = specs,
    .print_version = print_version,
};

int routes_main(int argc, char **argv)
{
    options_parse_or_exit(&set, argc, argv, NULL);
    routes_print(stdout);
    return fflush(stdout) == 0 ? STATUS_PASSED : STATUS_ENVIRONMENT;
}
