/* The chart of a trial: what charts/sweep_capacity.h draws, out of turns and samples. */
#ifndef FLATLINE_DRIVER_SWEEP_CAPACITY_CHART_H
#define FLATLINE_DRIVER_SWEEP_CAPACITY_CHART_H

#include "driver/sweep/capacity_finding.h"

/* Into plan->dir. False: *error holds one line. */
bool capacity_draw(const struct trial_plan *plan, const struct trial *trial,
                   const struct capacity_finding *finding, char *error, size_t cap);

#endif
