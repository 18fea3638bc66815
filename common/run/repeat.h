/* How a run is done again. */
#ifndef FLATLINE_RUN_REPEAT_H
#define FLATLINE_RUN_REPEAT_H

#include "common/run/reader.h"

/*
 * The command line of the run, as a shell would take it, with the seed that it drew where it was
 * given none. To be freed; NULL: no memory.
 */
char *run_repeat(const struct run_info *info);

#endif
