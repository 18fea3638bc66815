/*
 * What the gate's rules measure against: one table. Columns: type, field, name, unit of what is
 * written in a rules file ("1": a number), default, what it says. A run is judged by the limits
 * that its run.db records; one that records none, by the defaults.
 */
#ifndef FLATLINE_DRIVER_LIMITS_H
#define FLATLINE_DRIVER_LIMITS_H

#include "common/base/clock.h"
#include "common/run/reader.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* clang-format off */
#define LIMIT_TABLE(X)                                                                             \
    X(double, heap_share, "heap-share", "1", 0.90,                                                 \
      "the share of its cap that data and live bytes of a process stay below")                     \
    X(uint64_t, recovery_ns, "recovery", "ns", 2 * NS_PER_S,                                       \
      "from ready to the first message; and how long losses are forgiven after a kill")            \
    X(uint64_t, stall_ns, "stall", "ns", 5 * NS_PER_S,                                             \
      "the longest silence at the end of a life")                                                  \
    X(double, coverage, "coverage", "1", 0.90,                                                     \
      "the share of the due samples that must be there and fresh")                                 \
    X(double, alpha, "alpha", "1", 0.001,                                                          \
      "the chance of a false alarm in a healthy run, all its statistical tests together")          \
    X(double, residue, "residue", "B", 16,                                                         \
      "standard deviation of live bytes at rest of a process that does not leak")                  \
    X(double, leak, "leak", "B", 0, "growth of live bytes at rest that is let pass")               \
    X(double, leak_blind, "leak-blind", "B", 16384,                                               \
      "a run that could have missed so much growth at rest says nothing")                          \
    X(double, closed, "closed", "B", 262144,                                                        \
      "live bytes that may stay, of those at ready, when all connections have closed")             \
    X(double, growth, "growth", "B/s", 512, "growth of memory under load that is let pass")        \
    X(double, growth_resident, "growth-resident", "B/s", 4096,                                     \
      "the same of resident memory, if that is more: it creeps in any process for a while")        \
    X(double, growth_blind, "growth-blind", "B/s", 8192,                                           \
      "a run that could have missed such growth under load, beyond the limit, says nothing")                          \
    X(uint64_t, window_ns, "window", "ns", 4 * NS_PER_S,                                           \
      "of growth: the least of each window is looked at")                                          \
    X(double, descriptors, "fds", "1", 0,                                                          \
      "growth of file descriptors beyond connections that is let pass")                            \
    X(double, threads, "threads", "1", 0, "growth of threads that is let pass")                    \
    X(double, handles_blind, "handles-blind", "1", 64,                                             \
      "a run that could have missed so many descriptors or threads says nothing")
/* clang-format on */

struct gate_limits {
#define LIMIT_FIELD(type, field, name, unit, value, text) type field;
    LIMIT_TABLE(LIMIT_FIELD)
#undef LIMIT_FIELD
};

#define LIMIT_DEFAULT(type, field, name, unit, value, text) .field = (value),
#define GATE_LIMITS_DEFAULT ((struct gate_limits){LIMIT_TABLE(LIMIT_DEFAULT)})

/* Sets a limit by its name; false if there is none of that name or the value is none for it. */
bool limits_set(struct gate_limits *limits, const char *name, double value);

/* The defaults, and over them what the run records; names that are not known here are passed over,
 * as of a newer Flatline. */
struct gate_limits limits_of_run(const struct run_reader *run);

/* Each limit in turn; fn returns false to stop, which is then returned. */
bool limits_each(const struct gate_limits *limits,
                 bool (*fn)(void *arg, const char *name, double value), void *arg);

#endif
