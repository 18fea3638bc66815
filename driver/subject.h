/*
 * One suspect of an evidence phase, step by step: ready, profiler started, first dump, second dump,
 * stacks. Nothing here waits: subject_step is called often and looks.
 */
#ifndef FLATLINE_DRIVER_SUBJECT_H
#define FLATLINE_DRIVER_SUBJECT_H

#include "driver/fleet.h"
#include "driver/guardian.h"
#include "driver/process.h"
#include "driver/spawn.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

/* Each waits for what its name says. */
#define SUBJECT_STEP_TABLE(X)                           \
    X(READY)    /* it is up, perhaps again */           \
    X(PROFILER) /* it has started its profiler */       \
    X(SETTLED)  /* its caches are filled under it */    \
    X(FIRST)    /* the first dump is written */         \
    X(GATHERED) /* enough has been allocated since */   \
    X(SECOND)   /* the second dump is written */        \
    X(STACKS)   /* jeprof has made stacks of the two */ \
    X(OVER)

#define SUBJECT_STEP_ENUM(ident) SUBJECT_##ident,
enum subject_step { SUBJECT_STEP_TABLE(SUBJECT_STEP_ENUM) SUBJECT_STEPS };
#undef SUBJECT_STEP_ENUM

struct subject {
    size_t index; /* of the component in the scenario */
    const struct component *component;
    const char *program; /* what it runs */
    const struct guardian *guardian;
    const char *run_dir;
    double growth; /* live bytes a second, as measured before */
    enum subject_step step;
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
bool subject_begin(struct subject *s, const char *repeat, char *error, size_t cap);

/* Looks whether its step is done, and takes the next. `process` is NULL while it has none. */
void subject_step(struct subject *s, struct process *process, uint64_t now_ns);

/* Its time is over: what has been gathered stays, and `why` nothing more is to come. */
void subject_end(struct subject *s, const char *why);

#endif
