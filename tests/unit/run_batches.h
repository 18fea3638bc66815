/* The rows of a run.db as the driver's host posts them, for tests of what becomes of them. */
#ifndef FLATLINE_TESTS_RUN_BATCHES_H
#define FLATLINE_TESTS_RUN_BATCHES_H

#include <jansson.h>
#include <stddef.h>

/*
 * The `tables` of batch `index` of `count`: of what only grows the rows of that share of the run's
 * time, of what changes all rows in each. Aborts with a line on standard error if the run cannot be
 * read.
 */
json_t *run_batch(const char *dir, size_t index, size_t count);

#endif
