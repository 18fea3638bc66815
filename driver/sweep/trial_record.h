/*
 * A trial on disk: run.db, in the schema of runs (docs/run-folder.md) with the table `turn` beside
 * it, and analysis.csv, a row for each turn with its units in the header.
 */
#ifndef FLATLINE_DRIVER_SWEEP_TRIAL_RECORD_H
#define FLATLINE_DRIVER_SWEEP_TRIAL_RECORD_H

#include "driver/sweep/capacity_finding.h"

/* Both write into DIR. False: *error holds one line. */
bool trial_record_run(const struct trial_plan *plan, const struct trial *trial, uint64_t seed,
                      const char *argv, char *error, size_t cap);
bool trial_record_analysis(const struct trial_plan *plan, const struct trial *trial, char *error,
                           size_t cap);

#endif
