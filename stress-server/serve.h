/* The life of the server: set up, serve until a signal, drain. */
#ifndef FLATLINE_STRESS_SERVER_SERVE_H
#define FLATLINE_STRESS_SERVER_SERVE_H

#include "stress-server/options.h"

/* Returns the exit status; failures of the set-up were logged. */
int serve(const struct options *options);

#endif
