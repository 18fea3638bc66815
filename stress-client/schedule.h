/*
 * When the events of a routine are due: an open loop. The times are a pure function of the
 * beginning and the event's number, whatever became of the events before, so that a sender, broker
 * or connection that stands still delays events but moves none: their latency counts from when they
 * were due, and the stall is charged to each of them. A generator that waits for its last event
 * leaves out just those that would have been slow (coordinated omission: G. Tene, How NOT to
 * Measure Latency, 2015; Schroeder, Wierman, Harchol-Balter: Open Versus Closed: A Cautionary Tale,
 * NSDI 2006).
 */
#ifndef FLATLINE_CLIENT_SCHEDULE_H
#define FLATLINE_CLIENT_SCHEDULE_H

#include <stdint.h>

/* Every so often a burst: `burst` events at once, up to `jitter_ns` later. */
struct schedule {
    uint64_t every_ns;  /* > 0 */
    uint64_t jitter_ns; /* at most every_ns, so that bursts keep their order */
    uint64_t burst;     /* 1 and up */
};

/* ns from the beginning until event number `index` (from 0) is due. Jitter is drawn by seed and
 * burst, so a sender need not remember it. Never less than that of the event before. */
uint64_t schedule_due(const struct schedule *schedule, uint64_t seed, uint64_t index);

/* How many events belong to the first `ns`: those of the bursts that begin in it, jitter apart. */
uint64_t schedule_count(const struct schedule *schedule, uint64_t ns);

#endif
