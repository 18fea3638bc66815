/*
 * The rows of the store, one verb a statement. For the writer's thread, within a job (store.h), and
 * before it runs. All return false only if the database failed (store_fail was called).
 */
#ifndef FLATLINE_RESULTS_SERVER_TEST_ROWS_H
#define FLATLINE_RESULTS_SERVER_TEST_ROWS_H

#include "results-server/body_check.h"
#include "results-server/store.h"
#include "results-server/test_state.h"

#include <jansson.h>

struct test_row {
    int64_t number; /* 0: there is no such test */
    bool begun;
    int64_t size;
    uint64_t created_ns, created_wall_ns, started_ns, finished_ns;
    json_t *finish; /* the caller's reference */
};

bool rows_find_test(struct store *store, const char *id, struct test_row *row);
enum test_state rows_state(const struct test_row *row);
bool rows_add_test(struct store *store, const char *id, const struct test_row *row);
bool rows_start_test(struct store *store, int64_t test, uint64_t now_ns);
bool rows_finish_test(struct store *store, int64_t test, const json_t *finish, uint64_t now_ns);

/* *entry: the caller's reference to the entry of this rank, or NULL. *clash: another rank has this
 * name. *size: what the others say the size is, 0 if there are none. */
bool rows_find_host(struct store *store, int64_t test, int64_t rank, const char *name,
                    json_t **entry, bool *clash, int64_t *size);
bool rows_put_host(struct store *store, int64_t test, const json_t *entry, uint64_t now_ns);

struct peer_row {
    int64_t number; /* 0: it has posted nothing yet */
    uint64_t batches, points;
    json_t *result; /* the caller's reference; NULL: not done */
};

bool rows_find_peer(struct store *store, int64_t test, const char *name, struct peer_row *peer);
bool rows_add_peer(struct store *store, int64_t test, const char *name, int64_t *number);
/* How many batches there are without a gap, from 1 on. */
bool rows_contiguous(struct store *store, const struct peer_row *peer, uint64_t *have);
bool rows_has_batch(struct store *store, int64_t peer, uint64_t sequence, bool *has);

struct batch_row {
    uint64_t sequence, received_ns, points;
    const char *body;
    size_t size;
};

/* Adds it, compressed, and counts it with its peer. *number: its own. */
bool rows_add_batch(struct store *store, int64_t peer, const struct batch_row *batch,
                    uint64_t *number);
bool rows_put_result(struct store *store, int64_t peer, const json_t *result, uint64_t now_ns);

#endif
