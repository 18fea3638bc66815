/* From the store into what is known by heart. */
#ifndef FLATLINE_RESULTS_SERVER_TEST_LOAD_H
#define FLATLINE_RESULTS_SERVER_TEST_LOAD_H

#include "common/run/db.h"
#include "results-server/test_model.h"

#include <stdbool.h>

/* All tests of a store, or the one of this id (NULL: all). False with the reason in db->error. */
bool tests_load(struct tests *tests, const struct run_db *db, const char *id);

#endif
