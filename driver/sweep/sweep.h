/*
 * The loop that all sweeps share: axes -> cells -> repeats, each run in a folder of its own.
 *
 *     OUT/20ms/8c/run1/manifest.json ...   one folder level per axis, then the repeat
 *     OUT/manifest.json                    of the whole, with what --resume compares
 *
 * A run works in run1.partial, which becomes run1 once its manifest says that it is finished: what
 * was interrupted is never half counted, and --resume begins it anew.
 */
#ifndef FLATLINE_DRIVER_SWEEP_SWEEP_H
#define FLATLINE_DRIVER_SWEEP_SWEEP_H

#include "common/base/exit_status.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SWEEP_AXES_MAX 4
#define SWEEP_VALUES_MAX 64 /* of an axis */

struct sweep_axis {
    const char *name; /* "latency", as manifests call it */
    const char *unit; /* behind a value in the name of its folder: "ms"; "" for none */
    const char *const *values;
    size_t count;
};

/* One run, to be made. */
struct sweep_run {
    const size_t *at; /* beside the axes: which value of each */
    unsigned repeat;  /* from 1 */
    const char *dir;  /* OUT/20ms/8c/run1.partial, empty */
    json_t *manifest; /* of this run, with what is known of it already: for the caller's members */
};

struct sweep_plan {
    const char *command; /* "throughput" */
    int argc;            /* as typed, for the manifests */
    char **argv;
    const char *out;
    bool resume;
    uint64_t seed;                 /* 0: nothing is drawn by chance */
    const struct sweep_axis *axes; /* the first changes most slowly */
    size_t axis_count;
    unsigned repeats;
    json_t *settings; /* name of an option -> value; --resume wants them equal; lent */
    /* How long a run of the cell will take, ns. */
    uint64_t (*predict)(void *user, const size_t *at);
    /*
     * Makes one run. Not STATUS_PASSED: the sweep ends with it, the reason is in the log, and the
     * partial folder stays for a look. Signals are held back (interrupt.h) while it runs.
     */
    enum exit_status (*run)(void *user, const struct sweep_run *run);
    void *user;
};

/*
 * Checks and makes OUT, says how long it will take, and makes all runs that are not there yet. The
 * caller summarises after STATUS_PASSED. Not STATUS_PASSED: it was said why.
 */
enum exit_status sweep_make(const struct sweep_plan *plan);

/* Where a run is once it is finished: OUT/20ms/8c/run1. Returns out. */
char *sweep_run_path(const struct sweep_plan *plan, const size_t *at, unsigned repeat, char *out,
                     size_t cap);

/* Steps at[] to the next cell; false after the last, at[] is all zero then. */
bool sweep_next_cell(const struct sweep_plan *plan, size_t *at);

/*
 * Splits "1,8,64" at the commas, into texts that live in `storage`, a copy of it that the caller
 * frees. False: it has an empty part, more than SWEEP_VALUES_MAX, one twice, or there is no memory;
 * *why says which.
 */
bool sweep_split(const char *list, const char *values[SWEEP_VALUES_MAX], size_t *count,
                 char **storage, char *why, size_t cap);

#endif
