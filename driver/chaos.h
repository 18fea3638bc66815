/*
 * The chaos plan: a pure function of seed, component name and incarnation, so that the same seed
 * gives the same plan whatever the timing of the run.
 *
 * Incarnation k of an unstable component is killed `after_ready_ns` after it became ready; its
 * successor is started `restart_delay_ns` after it was reaped. Signals alternate between SIGTERM
 * and SIGKILL; the seed says which comes first. No kill is ordered in the last CHAOS_QUIET_NS of a
 * run, so that every recovery can be seen: a run shorter than a kill's time simply has none.
 */
#ifndef FLATLINE_DRIVER_CHAOS_H
#define FLATLINE_DRIVER_CHAOS_H

#include "common/base/clock.h"
#include "driver/scenario.h"

#include <stdint.h>

#define CHAOS_AFTER_LOW_NS (16 * NS_PER_S)
#define CHAOS_AFTER_HIGH_NS (20 * NS_PER_S)
#define CHAOS_RESTART_LOW_NS (200 * NS_PER_MS)
#define CHAOS_RESTART_HIGH_NS (500 * NS_PER_MS)
#define CHAOS_QUIET_NS (2500 * NS_PER_MS)

struct chaos {
    uint64_t seed;
    uint64_t after_low_ns, after_high_ns; /* low <= high */
};

struct chaos_kill {
    uint64_t after_ready_ns;
    uint64_t restart_delay_ns;
    int signal; /* SIGTERM or SIGKILL */
};

/* incarnation counts from 1. */
struct chaos_kill chaos_draw(const struct chaos *chaos, const char *component, int incarnation);

/* The same with the signal that the scenario wants for that component. */
struct chaos_kill chaos_plan(const struct chaos *chaos, const struct component *component,
                             int incarnation);

/*
 * How many kills of one component fit into a run of that duration at most, were every process ready
 * at once: what the plan in run.db has to list.
 */
int chaos_count(const struct chaos *chaos, uint64_t duration_ns);

#endif
