/*
 * linux-perf beside a troupe: samples of the processor's time (cpu-clock, which needs no hardware
 * counters) of processes that live already, from one moment to another.
 */
#ifndef FLATLINE_DRIVER_SWEEP_PERF_H
#define FLATLINE_DRIVER_SWEEP_PERF_H

#include "driver/sweep/troupe.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PERF_FREQUENCY 997 /* a second of CPU; a prime, so that no timer is in step with it */
#define PERF_PIDS_MAX 8

/* One recording. */
struct perf {
    char name[32], dir[PATH_MAX];
    int control, answer; /* -1: not open */
    struct member *member;
};

/*
 * Records nothing, to see whether it may; log takes what it says. False: *error holds one line with
 * the remedy.
 */
bool perf_is_possible(const struct guardian *guardian, const char *log, char *error, size_t cap);

/*
 * Records into DIR/NAME.data and returns once it does, threads that come later included. dwarf: the
 * stacks are copied and their callers found later, which needs no frame pointers. What is not
 * TROUPE_DONE: *error holds one line, if it was not the user. To be released in any case.
 */
enum troupe_outcome perf_begin(struct perf *perf, struct troupe *troupe, const char *dir,
                               const char *name, const pid_t *pids, size_t count, bool dwarf,
                               char *error, size_t cap);
/* Ends it and waits until all is written. */
enum troupe_outcome perf_end(struct perf *perf, struct troupe *troupe, char *error, size_t cap);
void perf_release(struct perf *perf);

/*
 * After perf_end: DIR/FILE.folded from what was recorded of that process (common/run/stacks.h);
 * *samples becomes their number.
 */
enum troupe_outcome perf_collapse(const struct perf *perf, struct troupe *troupe, pid_t pid,
                                  const char *file, uint64_t *samples, char *error, size_t cap);

/* Where a just-in-time compiler says what it made. Returns out. */
char *perf_map_path(pid_t pid, char *out, size_t cap);

#endif
