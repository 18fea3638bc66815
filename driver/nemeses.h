/*
 * Carries out the plan of nemeses (nemesis.h) on the running fleet, looks for the effect of each
 * (effect.h) and records both in run.db. One stroke at a time befalls a house; one whose victim or
 * server is not up, not ready for a while, or told to pause, is put off, and left out if that
 * lasts. None is ordered so late that it could reach into a checkpoint or past the end of traffic.
 */
#ifndef FLATLINE_DRIVER_NEMESES_H
#define FLATLINE_DRIVER_NEMESES_H

#include "common/run/writer.h"
#include "driver/certificates.h"
#include "driver/checkpoint_plan.h"
#include "driver/lines.h"
#include "driver/nemesis.h"
#include "driver/supervisor.h"

#include <ev.h>
#include <stdint.h>

struct nemeses;

struct nemeses_settings {
    struct supervisor *supervisor;
    const int64_t *rows; /* run.db's ids of the components, beside the scenario's */
    struct run_writer *writer;
    struct nemesis_plan plan;
    const struct certificates *certificates; /* NULL unless NEMESIS_CERTIFICATE was chosen */
    struct lines *lines;                     /* NULL unless nemesis_needs_lines */
    struct checkpoint_plan looks;
    uint64_t duration_ns;
};

/* settings are copied; what they point to and the loop outlive it. NULL: out of memory. */
struct nemeses *nemeses_new(struct ev_loop *loop, const struct nemeses_settings *settings);
/* Takes NULL. */
void nemeses_free(struct nemeses *n);

/* The run began at now_ns. Takes NULL, and does nothing. */
void nemeses_begin(struct nemeses *n, uint64_t now_ns);

/* Traffic ends: whoever is frozen thaws, nothing more is ordered or looked for. Takes NULL. */
void nemeses_end(struct nemeses *n);

/* The first strokes of the plan, to the log. Takes NULL. */
void nemeses_print_plan(const struct nemeses *n);

#endif
