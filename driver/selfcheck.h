/*
 * `driver selfcheck`: does the judge find what is there, and nothing else? Runs the fleet of
 * selfcheck_plan.h as any run, judges its folder as `driver gate` does, and compares.
 */
#ifndef FLATLINE_DRIVER_SELFCHECK_H
#define FLATLINE_DRIVER_SELFCHECK_H

#include "common/base/exit_status.h"
#include "driver/options.h"

/*
 * Prints the table. STATUS_PASSED: every planted leak was found by its rule, and no other rule
 * failed; STATUS_FAILED: not so; else there is no complete run to judge. options are altered.
 */
enum exit_status selfcheck_run(struct options *options, char **argv);

#endif
