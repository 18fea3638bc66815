/*
 * What is durable. One SQLite file in a folder that one process owns, and one thread that writes:
 * it takes all jobs that wait, does them in one transaction, and tells each of them after the
 * commit (synchronous = FULL), so what is acknowledged then survives kill -9 and a loss of power.
 * A transaction is kept whole or not at all.
 */
#ifndef FLATLINE_RESULTS_SERVER_STORE_H
#define FLATLINE_RESULTS_SERVER_STORE_H

#include "common/base/histogram.h"
#include "common/run/db.h"

#include <jansson.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store;

/* ---- jobs ---- */

enum store_outcome {
    STORE_KEPT,   /* committed */
    STORE_FAILED, /* nothing of it is stored; store_failure says why */
};

/*
 * One request's writes; embedded in a larger struct. `work` is called in the writer's thread within
 * the transaction, again from the start if need be: what it reads includes the jobs before it.
 * False only if the database failed (store_fail has said why); who refuses has written nothing,
 * remembers that, and returns true. `done`, in the same thread after the commit or the failure, in
 * the order in which the jobs came, frees the job.
 */
struct store_job {
    bool (*work)(struct store_job *job, struct store *store);
    void (*done)(struct store_job *job, enum store_outcome outcome);
    size_t bytes; /* what it holds, for the bound of the queue */
    struct store_job *next;
};

enum store_taken { STORE_TAKEN, STORE_BUSY, STORE_CLOSED };

/* From any thread. STORE_BUSY: the queue is full; STORE_CLOSED: the server ends. Either way the job
 * stays the caller's. */
enum store_taken store_put(struct store *store, struct store_job *job);

/* For `work`: a prepared statement, reset and without values; NULL: store_fail was called. sql is a
 * literal (statements are kept by its address). */
sqlite3_stmt *store_statement(struct store *store, const char *sql);

/* Steps a statement that yields no row, and resets it. False: the database failed. */
bool store_run(struct store *store, sqlite3_stmt *statement);

/* Notes why the last call on the database failed; false. */
bool store_fail(struct store *store, const char *doing);
bool store_no_memory(struct store *store);
/* What was noted last. */
const char *store_error(const struct store *store);
sqlite3 *store_db(struct store *store);

/* ---- life ---- */

struct store_config {
    const char *dir;    /* made if it is not there */
    size_t queue_jobs;  /* how many may wait, */
    size_t queue_bytes; /* and what they may hold */
};

/* Opens or makes the store, whose thread does not run yet. NULL: *error holds one line (in use by
 * another process, of another version, no permission, full disk). */
struct store *store_new(const struct store_config *config, char *error, size_t cap);

/* Starts the writer's thread; false with one line in *error. */
bool store_start(struct store *store, char *error, size_t cap);

/* No job is taken from now on; returns when those that wait are done. */
void store_close(struct store *store);

/* Closes, brings the log into the database, and frees. */
void store_free(struct store *store);

/* Why the last transaction failed; "" if it was kept. From any thread. */
void store_failure(struct store *store, char *out, size_t cap);

struct store_figures {
    uint64_t commits, jobs, failures;
    struct histogram commit_ns; /* what each of them took */
    size_t waiting_jobs, waiting_bytes;
    uint64_t bytes; /* of the files */
};

/* From any thread. */
void store_read_figures(struct store *store, struct store_figures *figures);

/* ---- who is told of what was kept ---- */

struct store_batch {
    uint64_t number; /* batch.number */
    const char *test, *peer;
    uint64_t sequence;
    uint64_t received_ns; /* server clock */
    uint64_t points;      /* points and rows of tables */
    size_t size;          /* bytes of the body */
    const json_t *body;   /* checked; borrowed for the call */
};

/*
 * Told in the writer's thread after the commit, in its order, each batch once; must not block.
 * Either may be NULL.
 */
struct sink {
    void (*take)(void *self, const struct store_batch *batch);
    /* A test was created, started or finished, or one of its hosts or results changed. */
    void (*changed)(void *self, const char *test);
    void *self;
};

#endif
