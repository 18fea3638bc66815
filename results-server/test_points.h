/*
 * GET /test/ID?dataPoints=true and GET /test/ID/run.db: all that was posted, streamed out of the
 * store, or put together into a run. Each by a thread and a reader of its own, since it and its
 * client take their time; few at once.
 */
#ifndef FLATLINE_RESULTS_SERVER_TEST_POINTS_H
#define FLATLINE_RESULTS_SERVER_TEST_POINTS_H

#include "results-server/errors.h"
#include "results-server/http.h"

#include <jansson.h>

struct points; /* those that are under way */

/* NULL: no memory. dir: of the store; kept. */
struct points *points_new(const char *dir);
/* Waits for those under way: after http_stop, which ends them. */
void points_free(struct points *points);

/* Answers with `test` (a reference that is taken over) and its batches in "dataPoints", or, for
 * NULL, with the run of its hosts, of which there are some. False with the refusal: too many, no
 * thread, no memory; x stays the caller's. */
bool points_stream(struct points *points, struct http_exchange *x, const char *id, json_t *test,
                   struct refusal *refusal);

#endif
