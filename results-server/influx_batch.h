/*
 * A batch of a test's data as lines for InfluxDB. Times are of the wall clock, ns; tags of all
 * three begin with `test`.
 *
 *   process,test,host,component  a row of `sample`: a field (integer) for each metric measured, and
 *                                `incarnation` (its number)
 *   routine,test,peer,source     a point: a field (float) for each of its values
 *   death,test,host,component    whoever died before the end of the run: `reason`, `signal` (if one
 *                                ended it), `incarnation`, `text`
 */
#ifndef FLATLINE_RESULTS_SERVER_INFLUX_BATCH_H
#define FLATLINE_RESULTS_SERVER_INFLUX_BATCH_H

#include "results-server/influx_line.h"
#include "results-server/influx_names.h"

#include <jansson.h>

#define INFLUX_PROCESS "process"
#define INFLUX_ROUTINE "routine"
#define INFLUX_DEATH "death"

struct influx_origin {
    const char *test;
    const char *peer;
    int64_t number;   /* of the peer, of influx_names */
    int64_t shift_ns; /* to add to the peer's clock for the wall clock's */
};

/* Appends the lines of a body that the store has checked; samples of an incarnation that nobody has
 * named yet are its number's. False: names failed. */
bool influx_batch_write(struct influx_lines *lines, struct influx_names *names,
                        const struct influx_origin *origin, const json_t *body);

#endif
