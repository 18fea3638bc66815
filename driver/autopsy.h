/*
 * The evidence phase: when the judged part of a run has ended and somebody's memory failed, traffic
 * goes on, unjudged, for 30 s at most, while the suspects are looked into: a dead one is started
 * again, caps are raised, their unstable peers die now and then (victims.h), the heap profiler
 * runs, two dumps are taken, and their difference is kept as collapsed stacks beside the list of
 * open descriptors, the last log lines and the command that repeats the run, all in
 * RUN/evidence/NAME/. Whatever fails is said there (why.txt) and changes no verdict.
 *
 * Who is a suspect is asked of `driver suspects`, another process, since judging a long run takes
 * longer than the loop may stand still.
 */
#ifndef FLATLINE_DRIVER_AUTOPSY_H
#define FLATLINE_DRIVER_AUTOPSY_H

#include "common/base/clock.h"
#include "driver/fleet.h"
#include "driver/guardian.h"
#include "driver/supervisor.h"

#include <ev.h>
#include <stdbool.h>

#define AUTOPSY_LIMIT_NS (30 * NS_PER_S)

struct autopsy;

struct autopsy_settings {
    struct supervisor *supervisor;
    const struct fleet *fleet;
    const struct guardian *guardian;
    struct run_writer *writer;
    const char *run_dir;
    char *const *argv; /* the driver's own */
    uint64_t seed;
    void (*over)(void *user); /* called once, unless autopsy_end came first */
    void *user;
};

/* settings are copied. NULL: out of memory. */
struct autopsy *autopsy_new(struct ev_loop *loop, const struct autopsy_settings *settings);

/* After stop_ns was written. Comes to its `over` soon if there is no suspect. */
void autopsy_begin(struct autopsy *a);

/* Ends it now; `over` is not called. False: it was not under way. */
bool autopsy_end(struct autopsy *a);

/* After autopsy_end or `over`. NULL is ignored. */
void autopsy_free(struct autopsy *a);

#endif
