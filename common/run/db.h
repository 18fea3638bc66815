/* What writer and reader of run.db share. Internal. */
#ifndef FLATLINE_RUN_DB_H
#define FLATLINE_RUN_DB_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A database, the name it is complained about by, and room for the one line that says what is
 * wrong. */
struct run_db {
    sqlite3 *db;
    const char *path;
    char *error;
    size_t cap;
};

/* Both say what is wrong in db->error and return false. */
bool run_db_refuse(const struct run_db *db, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Why the last call failed: "disk full: PATH" where it is that, else "PATH: DOING: cause". */
bool run_db_fail(const struct run_db *db, const char *doing);

/* A query with one parameter or none, that is run several times. */
struct run_db_query {
    const struct run_db *db;
    sqlite3_stmt *statement;
    const char *doing;
};

/* False: it said why. run_db_finalize is due all the same. */
bool run_db_prepare(const struct run_db *db, const char *sql, struct run_db_query *query,
                    const char *doing);
void run_db_finalize(struct run_db_query *query);
/* As run_db_each. */
bool run_db_run(struct run_db_query *query, int64_t key, bool (*fn)(void *arg, sqlite3_stmt *row),
                void *arg);

/*
 * Calls fn on each row of a query, whose only parameter, if it has one, is `key`. False if the
 * query fails or fn returns false, which ends it at once and must have said why.
 */
bool run_db_each(const struct run_db *db, const char *sql, int64_t key,
                 bool (*fn)(void *arg, sqlite3_stmt *row), void *arg, const char *doing);

#endif
