/* Tests as the live page shows them, beside their curves. New references; NULL: no memory. */
#ifndef FLATLINE_RESULTS_SERVER_LIVE_ABOUT_H
#define FLATLINE_RESULTS_SERVER_LIVE_ABOUT_H

#include "results-server/test_model.h"

#include <jansson.h>

/* {"server_ns", "tests": [as GET /test has them]}: the newest, as many as a page can show. */
json_t *live_about_tests(const struct tests *tests, uint64_t now_ns);

/*
 * {"server_ns", "id", "state", "size", "created_ns", "created_wall_ns", "started_ns",
 * "finished_ns", "ending", "verdict", "hosts": [[name, state, last_ns, offset_ns, offset_error_ns,
 * address]], "peers": [[name, last_ns]] that are no hosts, the first of them, "results": [[name,
 * verdict, reason]] of who is done}; null where it is not so far or not known.
 */
json_t *live_about_test(const struct test *test, uint64_t now_ns);

#endif
