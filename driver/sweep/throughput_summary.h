/* Of all runs of a sweep: summary.json and its charts. A pure function of the results tree. */
#ifndef FLATLINE_DRIVER_SWEEP_THROUGHPUT_SUMMARY_H
#define FLATLINE_DRIVER_SWEEP_THROUGHPUT_SUMMARY_H

#include "driver/sweep/throughput_options.h"

/*
 * Writes OUT/summary.json (docs/throughput.md), draws OUT/throughput.svg and OUT/latency.svg, and
 * prints a table. What is wrong is in the log.
 */
enum exit_status throughput_summarise(const struct throughput_options *options,
                                      const struct sweep_plan *plan);

#endif
