/* From the clock of whoever posted a batch to the wall clock, as it is known now. */
#ifndef FLATLINE_RESULTS_SERVER_INFLUX_CLOCK_H
#define FLATLINE_RESULTS_SERVER_INFLUX_CLOCK_H

#include "results-server/store_reader.h"

#include <jansson.h>

/*
 * What is to be added, ns. A host has measured its offset from the server's clock; who has not (a
 * peer that is no host) is taken by this batch: late by the way of one message. The server's own
 * clock is anchored to the wall clock at the test's creation. tests: where the batch's test is, or
 * is loaded to. False: store_reader_error.
 */
bool influx_clock_shift(struct store_reader *reader, struct tests *tests,
                        const struct stored_batch *batch, const json_t *body, int64_t *shift_ns);

#endif
