/* What the options ask for, from set-up to summary. */
#ifndef FLATLINE_CLIENT_WORK_H
#define FLATLINE_CLIENT_WORK_H

#include "stress-client/options.h"

/* Returns the exit status; what went wrong was logged in one line. */
int work_run(const struct options *options);

#endif
