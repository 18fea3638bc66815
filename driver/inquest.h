/*
 * One suspect of an evidence phase, step by step: ready, profiler started, first dump, second dump,
 * stacks. Nothing here waits: inquest_step is called often and looks.
 */
#ifndef FLATLINE_DRIVER_INQUEST_H
#define FLATLINE_DRIVER_INQUEST_H

#include "driver/fleet.h"
#include "driver/guardian.h"
#include "driver/process.h"
#include "driver/spawn.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

/* Each waits for what its name says. */
#define INQUEST_STEP_TABLE(X)                           \
    X(READY)    /* it is up, perhaps again */           \
    X(PROFILER) /* it has started its profiler */       \
    X(SETTLED)  /* its caches are filled under it */    \
    X(FIRST)    /* the first dump is written */         \
    X(GATHERED) /* enough has been allocated since */   \
    X(SECOND)   /* the second dump is written */        \
    X(STACKS)   /* jeprof has made stacks of the two */ \
    X(OVER)

#define INQUEST_STEP_ENUM(ident) INQUEST_##ident,
enum inquest_step { INQUEST_STEP_TABLE(INQUEST_STEP_ENUM) INQUEST_STEPS };
#undef INQUEST_STEP_ENUM

struct inquest {
    size_t index; /* of the component in the scenario */
    const struct component *component;
    const char *program; /* what it runs */
    const struct guardian *guardian;
    const char *run_dir;
    double growth; /* live bytes a second, as measured before */
    enum inquest_step step;
    uint64_t since_ns; /* of this step */
    uint64_t command;  /* ordered, not acknowledged yet */
    pid_t pid;         /* 0: not seen yet */
    struct spawned jeprof;
    bool explained; /* stacks were made */
};

/*
 * Makes its folder and keeps there the end of its last log and `repeat`, the command that repeats
 * the run. False: *error holds one line.
 */
bool inquest_begin(struct inquest *s, const char *repeat, char *error, size_t cap);

/*
 * Looks whether its step is done, and takes the next. `process` is NULL while it has none. rest_ns
 * is since when all have been told to rest, if they do; else 0.
 */
void inquest_step(struct inquest *s, struct process *process, uint64_t now_ns, uint64_t rest_ns);

/* Whether it waits for a rest to be profiled in. */
bool inquest_wants_rest(const struct inquest *s, const struct process *process, uint64_t now_ns);

/* Whether it waits for a profile to be written in the rest that began at rest_ns. */
bool inquest_needs_rest(const struct inquest *s, uint64_t rest_ns);

/*
 * Whether a peer may die now and be seen in its profiles: soon after the profiler was started, or
 * between the two dumps, and in time to be connected again at the next one.
 */
bool inquest_bears_deaths(const struct inquest *s, uint64_t now_ns);

/* Its time is over: what has been gathered stays, and `why` nothing more is to come. */
void inquest_end(struct inquest *s, const char *why);

#endif
