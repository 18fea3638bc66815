/* What the bodies of the REST interface are made of: the tables that body_check.h walks. */
#ifndef FLATLINE_RESULTS_SERVER_TEST_BODIES_H
#define FLATLINE_RESULTS_SERVER_TEST_BODIES_H

#include "results-server/body_check.h"

#define BATCH_ROWS_MOST 20000 /* points and rows of tables */

/*
 * The tables of run.db (common/run/schema.h) whose rows a batch may bring. Columns: name, whether
 * its rows are of the circumstances of a run, which come before the start, too ("preamble").
 */
#define BATCH_TABLE_TABLE(X) \
    X("meta", true)          \
    X("metric", true)        \
    X("component", true)     \
    X("plan", true)          \
    X("limit_used", true)    \
    X("incarnation", true)   \
    X("event", false)        \
    X("histogram", false)    \
    X("checkpoint", false)   \
    X("hold", false)         \
    X("fault", false)        \
    X("sample", false)       \
    X("reading", false)

extern const struct body_rule body_of_test[];     /* POST /test */
extern const struct body_rule body_of_nothing[];  /* PUT /test/ID/start */
extern const struct body_rule body_of_topology[]; /* PUT /test/ID/topology */
extern const struct body_rule body_of_batch[];    /* PUT .../metrics */
extern const struct body_rule body_of_results[];  /* PUT .../results */
extern const struct body_rule body_of_finish[];   /* PUT /test/ID/finish */

/* Points and rows of a batch that was checked. */
size_t batch_points(const json_t *batch);

/* What no rule of one member shows: too many rows in all, a heartbeat (sequence 0) that brings
 * some, a preamble with what is measured. */
bool batch_check(const json_t *batch, struct refusal *refusal);

#endif
