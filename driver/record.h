/* What a run is, written down before it starts: its circumstances, its fleet, its plan. */
#ifndef FLATLINE_DRIVER_RECORD_H
#define FLATLINE_DRIVER_RECORD_H

#include "common/run/writer.h"
#include "driver/chaos.h"
#include "driver/fleet.h"
#include "driver/limits.h"
#include "driver/options.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* False: see run_writer_error. rows takes run.db's ids of the components. */
bool record_run(struct run_writer *writer, const struct options *options, char *const *argv);
bool record_limits(struct run_writer *writer, const struct gate_limits *limits);
/* placed: each component with its host. */
bool record_fleet(struct run_writer *writer, const struct fleet *fleet, bool placed, int64_t *rows);
bool record_plan(struct run_writer *writer, const struct scenario *scenario,
                 const struct chaos *chaos, uint64_t duration_ns, const int64_t *rows);

/* The plan's digest, which two runs with the same plan share, and its first kills in time. */
void record_print_plan(const struct scenario *scenario, const struct chaos *chaos,
                       uint64_t duration_ns);

#endif
