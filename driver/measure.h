/*
 * What two runs can be compared by: a handful of numbers for each component of a run, each with the
 * error that the run itself shows, from twenty blocks of its time (batch means) or from its
 * checkpoints.
 */
#ifndef FLATLINE_DRIVER_MEASURE_H
#define FLATLINE_DRIVER_MEASURE_H

#include "driver/evidence.h"

/*
 * Columns: identifier, name, unit, which way is worse, the least change that matters as a share and
 * as an amount (the larger counts), and whether it only stands in where the one above it is not
 * known in all of the runs.
 */
#define MEASURE_TABLE(X)                                                                           \
    X(REST, "live-at-rest", "B", HIGHER, 0.02, 4096, false)      /* median over the checkpoints */ \
    X(LIVE, "live", "B", HIGHER, 0.05, 65536, true)              /* over the second half */        \
    X(RSS, "rss", "B", HIGHER, 0.05, 1048576, true)              /* over the second half */        \
    X(DATA_PEAK, "data-peak", "B", HIGHER, 0.10, 8388608, false) /* comes in steps of 6 MB */      \
    X(PER_CONNECTION, "memory-per-connection", "B", HIGHER, 0.05, 512, false)                      \
    X(PER_CALL, "memory-per-1000-calls", "B", HIGHER, 0, 64, false)                                \
    X(CALLS, "calls", "1/s", LOWER, 0.10, 1, false)                                                \
    X(MESSAGES, "messages", "1/s", LOWER, 0.10, 1, true)                                           \
    X(CPU_CALL, "cpu-per-call", "ns", HIGHER, 0.10, 100, false)                                    \
    X(CPU_MESSAGE, "cpu-per-message", "ns", HIGHER, 0.10, 10, true)                                \
    X(RECOVERY, "recovery", "ns", HIGHER, 0.10, 100e6, false) /* of the fleet only */

enum measure_worse { MEASURE_HIGHER, MEASURE_LOWER };

#define MEASURE_ENUM(ident, name, unit, worse, share, amount, stand_in) MEASURE_##ident,
enum measure { MEASURE_TABLE(MEASURE_ENUM) MEASURE_COUNT };
#undef MEASURE_ENUM

struct measure_info {
    const char *name, *unit;
    enum measure_worse worse;
    double least_share, least_amount;
    bool stand_in;
};

const struct measure_info *measure_info(enum measure measure);

struct measured {
    double value;   /* NaN: not known */
    double error;   /* its standard error; NaN: not known */
    double freedom; /* ... and how many degrees of freedom that has */
};

struct measures {
    struct measured of[MEASURE_COUNT];
};

/*
 * Takes all measures of each component of the run that e is of, in their order, and those of the
 * whole fleet, whose calls are the clients' and whose CPU is everybody's: what no component shows
 * beyond its own noise, all together may. False: *error holds one line.
 */
bool measures_take(struct run_reader *run, const struct evidence *e, struct measures *each,
                   struct measures *fleet, char *error, size_t cap);

#endif
