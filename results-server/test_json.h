/* A test as the REST interface shows it. New references; NULL: no memory. */
#ifndef FLATLINE_RESULTS_SERVER_TEST_JSON_H
#define FLATLINE_RESULTS_SERVER_TEST_JSON_H

#include "results-server/test_model.h"

#include <jansson.h>

/* A line of GET /test. */
json_t *test_summary_json(const struct test *test);

/* GET /test/ID. */
json_t *test_json(const struct test *test);

/* The names of its hosts that are lost for now. */
json_t *test_lost_json(const struct test *test);

#endif
