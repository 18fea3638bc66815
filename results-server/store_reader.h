/*
 * Reads a store beside the server that writes it, or one that no server has open: of this process
 * or another, also after kill -9. What it shows is committed. For one thread at a time.
 */
#ifndef FLATLINE_RESULTS_SERVER_STORE_READER_H
#define FLATLINE_RESULTS_SERVER_STORE_READER_H

#include "results-server/test_model.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store_reader;

/* NULL with one line in *error. */
struct store_reader *store_reader_new(const char *dir, char *error, size_t cap);
void store_reader_free(struct store_reader *reader);

/* All that follow: false with this one line; also when fn returned false (then it is ""). */
const char *store_reader_error(const struct store_reader *reader);

/* Loads the test (NULL: all) into the empty `tests`; one that is not there is none in them. */
bool store_reader_tests(struct store_reader *reader, const char *id, struct tests *tests);

struct stored_batch {
    uint64_t number; /* in the order of the commits, over all tests; never given twice */
    const char *test, *peer;
    uint64_t sequence, received_ns, points;
    const char *body; /* JSON as it was posted, a NUL behind it; for the call only */
    size_t size;
};

/* False ends it at once. */
typedef bool stored_batch_fn(void *arg, const struct stored_batch *batch);

/* Of one test: peer by peer, each in the order of its sequence. */
bool store_reader_batches(struct store_reader *reader, const char *test, stored_batch_fn *fn,
                          void *arg);

/* Of all tests, in the order of the commits: those behind number `after`, at most `most`. */
bool store_reader_after(struct store_reader *reader, uint64_t after, uint64_t most,
                        stored_batch_fn *fn, void *arg);

#endif
