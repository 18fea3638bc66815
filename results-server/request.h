/*
 * A request that writes: its body is checked where it arrives, decided within a transaction of the
 * store, and after the commit taken into what is known by heart, told to the sinks, and answered.
 */
#ifndef FLATLINE_RESULTS_SERVER_REQUEST_H
#define FLATLINE_RESULTS_SERVER_REQUEST_H

#include "results-server/app.h"
#include "results-server/body_check.h"
#include "results-server/test_rows.h"

struct request {
    struct store_job job;
    struct app *app;
    struct http_exchange *x;
    const struct request_kind *kind;
    char test[BODY_ID_SIZE], peer[BODY_ID_SIZE]; /* "" where the path has none */
    json_t *body;                                /* checked */
    uint64_t now_ns, wall_ns;                    /* when it came */
    struct refusal refusal;
    uint64_t have;   /* with ERROR_DATA_MISSING */
    bool fresh;      /* it has changed something: it was not a repetition */
    uint64_t number; /* of the batch that it became */
};

struct request_kind {
    const struct body_rule *rules;
    /*
     * In the transaction: reads, refuses (in r->refusal, nothing written) or writes and sets
     * r->fresh. False only if the database failed.
     */
    bool (*decide)(struct request *r, struct store *store);
    /* After the commit, under the app's lock: takes it into `test` (NULL: there is none) if it is
     * fresh. The answer, or NULL with r->refusal; *status is 200. */
    json_t *(*apply)(struct request *r, struct test *test, int *status);
    /* Whether there is nothing to store: apply alone answers, at once. NULL: never. */
    bool (*is_light)(const struct request *r);
    bool batch; /* a fresh one is for the sinks' take; all others are changes */
};

/* Checks and hands over to the store; the handler's answer. `id`: of the test. */
enum http_when request_take(struct app *app, struct http_exchange *x, const char *id,
                            const struct request_kind *kind);

/* Answers with a refusal, and gives the exchange back. */
enum http_when request_refuse(struct http_exchange *x, const struct refusal *refusal);

#endif
