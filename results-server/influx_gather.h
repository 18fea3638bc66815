/*
 * Follows the batches of a store, in the order in which they were acknowledged, and makes lines of
 * them, some at a time. How far it has come it keeps beside the store (influx_names.h). Of one
 * thread.
 */
#ifndef FLATLINE_RESULTS_SERVER_INFLUX_GATHER_H
#define FLATLINE_RESULTS_SERVER_INFLUX_GATHER_H

#include "results-server/influx_line.h"

struct influx_gather;

/* dir: the store's folder. NULL with one line in *error. */
struct influx_gather *influx_gather_new(const char *dir, char *error, size_t cap);
void influx_gather_free(struct influx_gather *gather);

enum influx_gathered {
    INFLUX_LINES,  /* of batches behind the last ones: influx_gather_lines */
    INFLUX_NONE,   /* there is no further batch */
    INFLUX_FAILED, /* influx_gather_failure says why; to be tried again */
};

/* What the lines were made with (shifts of clocks, names) is durable when it returns. */
enum influx_gathered influx_gather_next(struct influx_gather *gather);

/* There may be none: a batch need not say anything. */
const struct influx_lines *influx_gather_lines(const struct influx_gather *gather);

/* The lines have arrived: the next ones are those behind them, also after a restart. False: it
 * could not be kept, and a restart would begin with them once more. */
bool influx_gather_done(struct influx_gather *gather);

/* The last batch that is done. */
uint64_t influx_gather_cursor(const struct influx_gather *gather);
const char *influx_gather_failure(const struct influx_gather *gather);

#endif
