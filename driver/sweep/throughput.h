/*
 * `driver throughput`: how many events a second go from authors through a broker to subscribers,
 * and how long each takes, over added latencies and numbers of authors. See docs/throughput.md.
 */
#ifndef FLATLINE_DRIVER_SWEEP_THROUGHPUT_H
#define FLATLINE_DRIVER_SWEEP_THROUGHPUT_H

#include "common/base/exit_status.h"

/* argv[0] is "throughput". */
enum exit_status throughput_main(int argc, char **argv);

#endif
