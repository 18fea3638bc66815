/* What a store has of a test, as files: the whole of it as JSON, and the run of its hosts. */
#ifndef FLATLINE_RESULTS_SERVER_EXPORT_H
#define FLATLINE_RESULTS_SERVER_EXPORT_H

#include "results-server/merge.h"
#include "results-server/store_reader.h"

#include <stdbool.h>
#include <stddef.h>

#define EXPORT_RUN_NAME "run.db"
#define EXPORT_TEST_NAME "test.json"

/*
 * The runs of the test's hosts as one (merge.h), in the file `path`, which must not exist and is
 * gone if that fails. A host that has not posted its results counts as lost. False: *error holds
 * one line.
 */
bool export_run(struct store_reader *reader, const struct test *test, const char *path,
                struct merge_tally *tally, char *error, size_t cap);

/* False ends it. */
typedef bool export_put_fn(void *arg, const char *bytes, size_t size);

/*
 * The test as JSON (test_json.h), and behind its members "dataPoints": all batches, peer by peer.
 * False if one put was, or the store could not be read (store_reader_error says why).
 */
bool export_test(struct store_reader *reader, const char *id, const json_t *test,
                 export_put_fn *put, void *arg);

#endif
