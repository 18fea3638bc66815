#include "common/run/create.h"
#include "common/run/writer_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* How long the end of a run waits for somebody who happens to read it, and how often it looks. */
#define BUSY_MS 2000
#define BUSY_STEP_MS 10

/* Of the cache: for all else, and for each process, whose last page is filled every second and soon
 * followed by another. */
#define PAGES_LEAST 256
#define PAGES_ELSE 128
#define PAGES_EACH 2

static const char *const statement_sql[STATEMENT_COUNT] = {
#define STATEMENT_ROW(ident, sql) [STATEMENT_##ident] = (sql),
    STATEMENT_TABLE(STATEMENT_ROW)
#undef STATEMENT_ROW
};

bool run_writer_fail(struct run_writer *w, const char *doing)
{
    w->failed = true;
    return run_db_fail(&w->db, doing);
}

static bool execute(struct run_writer *w, const char *sql, const char *doing)
{
    return sqlite3_exec(w->db.db, sql, NULL, NULL, NULL) == SQLITE_OK || run_writer_fail(w, doing);
}

bool run_writer_step(struct run_writer *w, enum statement which, const char *doing)
{
    sqlite3_stmt *statement = w->statements[which];
    bool done = sqlite3_step(statement) == SQLITE_DONE;

    if (!done)
        run_writer_fail(w, doing);
    sqlite3_reset(statement);
    return done;
}

sqlite3_stmt *run_writer_begin(struct run_writer *w, enum statement which)
{
    if (w->failed)
        return NULL;
    if (!w->in_transaction && !run_writer_step(w, STATEMENT_BEGIN, "cannot begin to write"))
        return NULL;
    w->in_transaction = true;
    return w->statements[which];
}

bool run_writer_fit_cache(struct run_writer *w)
{
    int64_t pages = PAGES_ELSE + PAGES_EACH * w->components;
    char sql[64];

    snprintf(sql, sizeof sql, "PRAGMA cache_size=%lld",
             (long long)(pages < PAGES_LEAST ? PAGES_LEAST : pages));
    return execute(w, sql, "cannot set up");
}

static bool create(struct run_writer *w)
{
    w->failed = !run_create(&w->db);
    return !w->failed;
}

/*
 * The schema goes straight into run.db, before WAL: whatever kills the driver later, the file
 * itself says what it is. While the run goes on nothing waits for the disk: a process's death loses
 * nothing that it wrote, and a checkpoint's fsync on a busy disk would hold up the sampler.
 */
static bool prepare(struct run_writer *w)
{
    sqlite3_busy_timeout(w->db.db, BUSY_MS);
    if (!run_writer_fit_cache(w) ||
        !execute(w, "PRAGMA synchronous=NORMAL; PRAGMA temp_store=FILE", "cannot set up") ||
        !create(w))
        return false;
    for (int i = 0; i < STATEMENT_COUNT; i++) {
        if (sqlite3_prepare_v3(w->db.db, statement_sql[i], -1, SQLITE_PREPARE_PERSISTENT,
                               &w->statements[i], NULL) != SQLITE_OK)
            return run_writer_fail(w, "cannot prepare");
    }
    return run_writer_meta_int(w, "schema_version", RUN_SCHEMA_VERSION) &&
           run_writer_catalogue(w) && run_writer_commit(w) &&
           execute(w, "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF", "cannot start the log");
}

/* Claims the name, so that no earlier run is ever written over. */
static bool claim(struct run_writer *w, const char *dir)
{
    int n = snprintf(w->dir, sizeof w->dir, "%s", dir), fd;

    if (n < 0 || (size_t)n >= sizeof w->dir)
        return run_db_refuse(&w->db, "the run folder's path is too long");
    snprintf(w->path, sizeof w->path, "%s/%s", w->dir, RUN_DB_NAME);
    fd = open(w->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0 && errno == ENOSPC)
        return run_db_refuse(&w->db, "disk full: %s", w->path);
    if (fd < 0)
        return run_db_refuse(&w->db, "%s: %s", w->path, strerror(errno));
    close(fd);
    return true;
}

struct run_writer *run_writer_new(const char *dir, char *error, size_t cap)
{
    struct run_writer *w = calloc(1, sizeof *w);

    if (w == NULL) {
        snprintf(error, cap, "%s: no memory to write the run", dir);
        return NULL;
    }
    w->db = (struct run_db){NULL, w->path, w->error, sizeof w->error};
    if (!claim(w, dir))
        goto failed;
    if (sqlite3_open_v2(w->path, &w->db.db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) !=
        SQLITE_OK) {
        run_writer_fail(w, "cannot open");
        goto failed;
    }
    if (!prepare(w))
        goto failed;
    return w;
failed:
    snprintf(error, cap, "%s", w->error);
    run_writer_free(w);
    return NULL;
}

bool run_writer_commit(struct run_writer *w)
{
    if (w->failed || !run_writer_flush_samples(w))
        return false;
    if (!w->in_transaction)
        return true;
    w->in_transaction = false;
    return run_writer_step(w, STATEMENT_COMMIT, "cannot commit");
}

const char *run_writer_error(const struct run_writer *w)
{
    return w->failed ? w->error : NULL;
}

static bool write_file(void *arg, const struct run_file *file)
{
    return run_writer_file(arg, file);
}

static void finalize(struct run_writer *w)
{
    for (int i = 0; i < STATEMENT_COUNT; i++) {
        sqlite3_finalize(w->statements[i]);
        w->statements[i] = NULL;
    }
}

/* SQLite itself waits for nobody here. */
static int leave_log(struct run_writer *w)
{
    int rc = SQLITE_BUSY;

    for (int waited = 0; rc == SQLITE_BUSY && waited < BUSY_MS; waited += BUSY_STEP_MS) {
        if (waited > 0)
            sqlite3_sleep(BUSY_STEP_MS);
        rc = sqlite3_exec(w->db.db, "PRAGMA journal_mode=DELETE", NULL, NULL, NULL);
    }
    return rc;
}

/* One plain file, unless somebody goes on reading it: then the log stays beside it and readers use
 * it. */
static bool fold(struct run_writer *w)
{
    int rc;

    finalize(w);
    if (!execute(w, "PRAGMA synchronous=FULL; PRAGMA wal_checkpoint(TRUNCATE)",
                 "cannot fold in the log"))
        return false;
    rc = leave_log(w);
    return rc == SQLITE_OK || rc == SQLITE_BUSY || run_writer_fail(w, "cannot fold in the log");
}

bool run_writer_finish(struct run_writer *w, char *error, size_t cap)
{
    bool ok = run_writer_commit(w);

    if (ok && !run_files_each(w->dir, write_file, w)) {
        ok = false;
        if (!w->failed)
            run_db_refuse(&w->db, "%s: cannot read the run's files: %s", w->dir, strerror(errno));
    }
    ok = ok && run_writer_commit(w) && fold(w);
    if (!ok)
        snprintf(error, cap, "%s", w->error);
    run_writer_free(w);
    return ok;
}

void run_writer_free(struct run_writer *w)
{
    if (w == NULL)
        return;
    finalize(w);
    run_writer_drop_samples(w);
    sqlite3_close(w->db.db);
    free(w);
}
