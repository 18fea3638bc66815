/* What is said of the hosts of a run. */
#ifndef FLATLINE_RUN_HOST_H
#define FLATLINE_RUN_HOST_H

#include "common/run/reader.h"

/* Whether its driver did not come to its end: it was lost, or could not go on. NULL: it did. */
bool run_host_broke_off(const struct run_host_row *host);

/* "heard to its end", "lost at 31.2 s", "gave up at 31.2 s: why", "never heard"; seconds from when
 * the fleet was ready. Returns out. */
char *run_host_end(const struct run_reader *run, const struct run_host_row *host, char *out,
                   size_t cap);

/* The component's name without its host's; the same if the run has one. */
const char *run_host_short_name(const struct run_reader *run, int64_t component);

#endif
