/* The main job, from the first check to the exit status. */
#ifndef FLATLINE_DRIVER_JOB_H
#define FLATLINE_DRIVER_JOB_H

#include "common/base/exit_status.h"
#include "driver/limits.h"
#include "driver/options.h"

/* limits and argv are recorded with the run. */
enum exit_status job_run(const struct options *options, const struct gate_limits *limits,
                         char **argv);

#endif
