/* What the halves of the merge share: merge_rows.c takes rows as they come, merge.c the whole. */
#ifndef FLATLINE_RESULTS_SERVER_MERGE_INTERNAL_H
#define FLATLINE_RESULTS_SERVER_MERGE_INTERNAL_H

#include "common/run/db.h"
#include "results-server/merge.h"

#include <limits.h>

/*
 * The tables that hosts send, as X(identifier, name, key of a host's row, wide). Those without a
 * key are not staged, but go where they belong at once: they are large. The others wait in
 * temp.of_NAME, with the rank of their host, until all ids are known. A wide one has a column for
 * each metric, known here or not.
 */
#define MERGE_TABLE(X)                                     \
    X(META, "meta", "key", false)                          \
    X(METRIC, "metric", "id", false)                       \
    X(COMPONENT, "component", "id", false)                 \
    X(PLAN, "plan", "component, incarnation", false)       \
    X(INCARNATION, "incarnation", "id", false)             \
    X(EVENT, "event", NULL, false)                         \
    X(SAMPLE, "sample", NULL, true)                        \
    X(HISTOGRAM, "histogram", NULL, false)                 \
    X(CHECKPOINT, "checkpoint", "id", false)               \
    X(READING, "reading", "incarnation, checkpoint", true) \
    X(HOLD, "hold", "component, from_ns", false)           \
    X(FAULT, "fault", "id", false)                         \
    X(LIMIT, "limit_used", "name", false)

#define MERGE_ENUM(ident, name, key, wide) MERGE_##ident,
enum merge_table { MERGE_TABLE(MERGE_ENUM) MERGE_TABLES };
#undef MERGE_ENUM

#define MERGE_COLUMNS 256 /* of one table */

/* What is to be done with a value. */
enum merge_kind {
    MERGE_VALUE,
    MERGE_SKIPPED,        /* no column here has that name */
    MERGE_TIME,           /* of the host's clock */
    MERGE_BLOB,           /* base64 */
    MERGE_COMPONENT_ID,   /* from here on: who or what a row is about */
    MERGE_INCARNATION_ID, /* gets a number among those of all hosts */
    MERGE_CHECKPOINT_ID,
    MERGE_OF_COMPONENT,   /* refers to one that the host runs */
    MERGE_OF_INCARNATION, /* 0 and NULL: to none */
    MERGE_OF_CHECKPOINT,
};

/* How the rows of a table come, as the last batch of any host had it. */
struct merge_shape {
    json_t *columns; /* their names; NULL: none came yet */
    size_t count;
    enum merge_kind kinds[MERGE_COLUMNS];
    sqlite3_stmt *insert;
};

/* By id of one host: 0 is unknown, a component that runs elsewhere is -1. */
struct merge_ids {
    int64_t *to;
    size_t count;
};

struct merge_share {
    struct merge_host host; /* its texts are not kept */
    uint64_t first_ns;      /* its first batch came; 0: none did */
    struct merge_ids components, incarnations, checkpoints;
};

struct merge {
    struct run_db db;
    char path[PATH_MAX], error[PATH_MAX + 256];
    struct merge_share *shares; /* in order of rank */
    size_t share_count;
    struct merge_shape shapes[MERGE_TABLES];
    int64_t incarnations; /* numbers given out */
    struct merge_tally tally;
};

/* Makes the tables in which rows wait. */
bool merge_stage(struct merge *m);
/* Carries out SQL; false: m->error, which says what was being done. */
bool merge_execute(struct merge *m, const char *sql, const char *doing);
void merge_free_shapes(struct merge *m);

#endif
