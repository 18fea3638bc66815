#include "common/run/create.h"

#include "common/contract/metric.h"
#include "common/run/schema.h"

#include <stdio.h>

/*
 * The samples of an incarnation lie together: charts and gate read one component at a time, and a
 * run of hours is too large to be searched once for each.
 */
#define METRIC_COLUMN(ident, id, name, unit, kind, source) ", \"" name "\" INTEGER"
#define METRIC_COLUMNS METRIC_TABLE(METRIC_COLUMN)
#define RUN_METRICS_SQL                                                                    \
    "CREATE TABLE sample (incarnation INTEGER REFERENCES incarnation, time_ns INTEGER,"    \
    " stale INTEGER" METRIC_COLUMNS ", PRIMARY KEY (incarnation, time_ns)) WITHOUT ROWID;" \
    "CREATE TABLE reading (checkpoint INTEGER REFERENCES checkpoint,"                      \
    " incarnation INTEGER REFERENCES incarnation, time_ns INTEGER, valid INTEGER, why "    \
    "TEXT" METRIC_COLUMNS ", PRIMARY KEY (incarnation, checkpoint)) WITHOUT ROWID;"

bool run_create(const struct run_db *db)
{
    char identity[64];

    snprintf(identity, sizeof identity, "PRAGMA application_id=%d", RUN_APPLICATION_ID);
    if (sqlite3_exec(db->db, identity, NULL, NULL, NULL) != SQLITE_OK)
        return run_db_fail(db, "cannot set up");
    return sqlite3_exec(db->db, "BEGIN;" RUN_SCHEMA_SQL RUN_METRICS_SQL "COMMIT", NULL, NULL,
                        NULL) == SQLITE_OK ||
           run_db_fail(db, "cannot create tables");
}
