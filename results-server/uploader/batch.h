/*
 * One batch of a test's data, as it is posted: {"sequence", "sent_ns", "points", "tables"}, see
 * docs/hosts.md. It is full before the server would refuse it, so whoever fills it asks before each
 * row.
 */
#ifndef FLATLINE_UPLOADER_BATCH_H
#define FLATLINE_UPLOADER_BATCH_H

#include "results-server/uploader/text.h"

#include <sqlite3.h>

/* Far below what the server takes (8 MiB and 20,000 rows): a post must not last. */
#define BATCH_ROWS_MAX 5000
#define BATCH_BYTES_MAX ((size_t)1 << 20)

/* All zero, and free it by batch_free. */
struct batch {
    struct text text;
    size_t rows;       /* points or rows so far */
    const char *table; /* whose rows are being written; NULL: none yet */
    bool points;       /* points are being written */
};

/* Begins another one, numbered from 1; 0 is for a heartbeat, which stays empty. */
void batch_begin(struct batch *batch, uint64_t sequence, uint64_t now_ns);
bool batch_full(const struct batch *batch);

/* The first `columns` of a row of a query, under the query's names; the rows of a table follow one
 * another. */
void batch_row(struct batch *batch, const char *table, sqlite3_stmt *row, int columns);
/* A point that is JSON already; a batch has points or tables, not both. */
void batch_point(struct batch *batch, const char *json, size_t size);

/* The whole as one text, until the next batch_begin; false: no memory. */
bool batch_end(struct batch *batch);
void batch_free(struct batch *batch);

#endif
