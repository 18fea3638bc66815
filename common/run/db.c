#include "common/run/db.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool run_db_refuse(const struct run_db *db, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(db->error, db->cap, format, args);
    va_end(args);
    return false;
}

/* The errno behind a failure, 0 if there is none: SQLite keeps it with the file that failed. */
static int system_cause(sqlite3 *db)
{
    static const int pointers[] = {SQLITE_FCNTL_FILE_POINTER, SQLITE_FCNTL_JOURNAL_POINTER};
    int cause = sqlite3_system_errno(db);

    if (db == NULL) /* as sqlite3_open_v2 leaves it when there is no memory for a handle */
        return 0;
    for (size_t i = 0; cause == 0 && i < sizeof pointers / sizeof *pointers; i++) {
        sqlite3_file *file = NULL;

        sqlite3_file_control(db, "main", pointers[i], &file);
        if (file != NULL && file->pMethods != NULL)
            file->pMethods->xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &cause);
    }
    return cause;
}

bool run_db_fail(const struct run_db *db, const char *doing)
{
    int code = sqlite3_errcode(db->db) & 0xff, cause = system_cause(db->db);

    switch (code) {
    case SQLITE_FULL:
        return run_db_refuse(db, "disk full: %s", db->path);
    case SQLITE_CORRUPT:
        return run_db_refuse(db, "%s: truncated or damaged: %s", db->path, doing);
    case SQLITE_NOTADB:
        return run_db_refuse(db, "%s: not a database", db->path);
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
        /* Only a write of data makes SQLITE_FULL of ENOSPC; the shared index, say, does not. */
        if (cause == ENOSPC || cause == EDQUOT)
            return run_db_refuse(db, "disk full: %s", db->path);
        return run_db_refuse(db, "%s: %s: %s%s%s", db->path, doing, sqlite3_errmsg(db->db),
                             cause == 0 ? "" : ": ", cause == 0 ? "" : strerror(cause));
    default:
        return run_db_refuse(db, "%s: %s: %s", db->path, doing, sqlite3_errmsg(db->db));
    }
}

bool run_db_prepare(const struct run_db *db, const char *sql, struct run_db_query *query,
                    const char *doing)
{
    *query = (struct run_db_query){db, NULL, doing};
    return sqlite3_prepare_v2(db->db, sql, -1, &query->statement, NULL) == SQLITE_OK ||
           run_db_fail(db, doing);
}

void run_db_finalize(struct run_db_query *query)
{
    sqlite3_finalize(query->statement);
}

bool run_db_run(struct run_db_query *query, int64_t key, bool (*fn)(void *arg, sqlite3_stmt *row),
                void *arg)
{
    sqlite3_stmt *s = query->statement;
    bool ok = true;
    int rc = SQLITE_DONE;

    if (sqlite3_bind_parameter_count(s) > 0)
        sqlite3_bind_int64(s, 1, key);
    while (ok && (rc = sqlite3_step(s)) == SQLITE_ROW)
        ok = fn(arg, s);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        ok = run_db_fail(query->db, query->doing);
    sqlite3_reset(s);
    return ok;
}

bool run_db_each(const struct run_db *db, const char *sql, int64_t key,
                 bool (*fn)(void *arg, sqlite3_stmt *row), void *arg, const char *doing)
{
    struct run_db_query query;
    bool ok = run_db_prepare(db, sql, &query, doing) && run_db_run(&query, key, fn, arg);

    run_db_finalize(&query);
    return ok;
}
