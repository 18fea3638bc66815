/* The server itself, from the store to the last answer. */
#ifndef FLATLINE_RESULTS_SERVER_SERVE_H
#define FLATLINE_RESULTS_SERVER_SERVE_H

#include "results-server/options.h"

/* Runs until SIGTERM or SIGINT; the exit status. */
int serve(const struct options *options);

#endif
