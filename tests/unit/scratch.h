/* A folder of its own for each case of a test: scratch_set_up and scratch_tear_down are cmocka's.
 */
#ifndef FLATLINE_TESTS_SCRATCH_H
#define FLATLINE_TESTS_SCRATCH_H

#include <stddef.h>

extern char scratch[64];

int scratch_set_up(void **state);
int scratch_set_up_run(void **state); /* and the healthy run of synthetic_run.h in it */
int scratch_tear_down(void **state);

/* A place in it, good until the next call. */
const char *scratch_path(const char *name);

/* Makes a file in it. */
void scratch_put(const char *name, const void *data, size_t size);

#endif
