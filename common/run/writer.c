#include "common/run/writer.h"

#include "common/run/db.h"
#include "common/run/files.h"
#include "common/run/schema.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* How long the end of a run waits for somebody who happens to read it. */
#define BUSY_MS 2000

/*
 * The samples of an incarnation lie together: charts and gate read one component at a time, and a
 * run of hours is too large to be searched once for each.
 */
#define SAMPLE_COLUMN(ident, id, name, unit, kind, source) ", \"" name "\" INTEGER"
#define SAMPLE_SQL                                                                             \
    "CREATE TABLE sample (incarnation INTEGER REFERENCES incarnation, time_ns INTEGER, stale " \
    "INTEGER" METRIC_TABLE(SAMPLE_COLUMN) ", PRIMARY KEY (incarnation, time_ns)) WITHOUT ROWID;"
#define SAMPLE_SLOT(ident, id, name, unit, kind, source) ", ?"

#define STATEMENT_TABLE(X)                                                                   \
    X(BEGIN, "BEGIN IMMEDIATE")                                                              \
    X(COMMIT, "COMMIT")                                                                      \
    X(META, "INSERT OR REPLACE INTO meta VALUES (?, ?)")                                     \
    X(METRIC, "INSERT INTO metric VALUES (?, ?, ?, ?, ?)")                                   \
    X(COMPONENT, "INSERT INTO component VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")              \
    X(PLAN, "INSERT INTO plan VALUES (?, ?, ?, ?, ?)")                                       \
    X(SPAWN, "INSERT INTO incarnation (id, component, number, pid, spawn_ns, log)"           \
             " VALUES (?, ?, ?, ?, ?, ?)")                                                   \
    X(READY, "UPDATE incarnation SET ready_ns = ?2 WHERE id = ?1")                           \
    X(EXIT, "UPDATE incarnation SET exit_ns = ?2, ordered_ns = ?3, ordered_signal = ?4,"     \
            " exit_code = ?5, exit_signal = ?6, reason = ?7, obituary = ?8 WHERE id = ?1")   \
    X(EVENT, "INSERT INTO event VALUES (?, ?, ?, ?, ?)")                                     \
    X(SAMPLE, "INSERT OR REPLACE INTO sample VALUES (?, ?, ?" METRIC_TABLE(SAMPLE_SLOT) ")") \
    X(HISTOGRAM, "INSERT OR REPLACE INTO histogram VALUES (?, ?, ?, ?, ?, ?, ?)")            \
    X(FILE, "INSERT INTO file VALUES (?, ?, ?, ?)")

#define STATEMENT_ENUM(ident, sql) STATEMENT_##ident,
enum statement { STATEMENT_TABLE(STATEMENT_ENUM) STATEMENT_COUNT };
#undef STATEMENT_ENUM

static const char *const statement_sql[STATEMENT_COUNT] = {
#define STATEMENT_ROW(ident, sql) [STATEMENT_##ident] = (sql),
    STATEMENT_TABLE(STATEMENT_ROW)
#undef STATEMENT_ROW
};

struct run_writer {
    struct run_db db;
    sqlite3_stmt *statements[STATEMENT_COUNT];
    bool in_transaction;
    bool failed;
    int64_t components, incarnations; /* ids given out */
    char dir[PATH_MAX];
    char path[PATH_MAX + sizeof RUN_DB_NAME];
    char error[PATH_MAX + 256];
};

static bool fail(struct run_writer *w, const char *doing)
{
    w->failed = true;
    return run_db_fail(&w->db, doing);
}

static bool execute(struct run_writer *w, const char *sql, const char *doing)
{
    return sqlite3_exec(w->db.db, sql, NULL, NULL, NULL) == SQLITE_OK || fail(w, doing);
}

static bool step(struct run_writer *w, enum statement which, const char *doing)
{
    sqlite3_stmt *statement = w->statements[which];
    bool done = sqlite3_step(statement) == SQLITE_DONE;

    if (!done)
        fail(w, doing);
    sqlite3_reset(statement);
    return done;
}

/* The statement to bind, in a transaction; NULL once anything has failed. */
static sqlite3_stmt *begin(struct run_writer *w, enum statement which)
{
    if (w->failed)
        return NULL;
    if (!w->in_transaction && !step(w, STATEMENT_BEGIN, "cannot begin to write"))
        return NULL;
    w->in_transaction = true;
    return w->statements[which];
}

/*
 * Parameters are bound in place (SQLITE_STATIC) to values that outlive the step; so binding
 * allocates nothing and cannot fail. The next use binds every parameter again.
 */
static void put_int(sqlite3_stmt *s, int column, int64_t value)
{
    sqlite3_bind_int64(s, column, value);
}

static void put_time(sqlite3_stmt *s, int column, uint64_t ns)
{
    if (ns == 0)
        sqlite3_bind_null(s, column);
    else
        sqlite3_bind_int64(s, column, (int64_t)ns);
}

static void put_text(sqlite3_stmt *s, int column, const char *text)
{
    sqlite3_bind_text(s, column, text, -1, SQLITE_STATIC); /* NULL becomes NULL */
}

/* An update must find its row: one that does not is a fault of the caller, not of the disk. */
static bool step_update(struct run_writer *w, enum statement which, int64_t incarnation)
{
    if (!step(w, which, "cannot write an incarnation"))
        return false;
    if (sqlite3_changes(w->db.db) == 1)
        return true;
    w->failed = true;
    return run_db_refuse(&w->db, "%s: no incarnation %lld", w->path, (long long)incarnation);
}

static bool write_catalogue(struct run_writer *w)
{
    for (int i = 0; i < METRIC_COUNT; i++) {
        const struct metric_info *info = metric_info((enum metric)i);
        sqlite3_stmt *s = begin(w, STATEMENT_METRIC);

        if (s == NULL)
            return false;
        put_int(s, 1, info->id);
        put_text(s, 2, info->name);
        put_text(s, 3, info->unit);
        put_text(s, 4, info->kind == METRIC_COUNTER ? "counter" : "gauge");
        put_text(s, 5, info->source == METRIC_PAGE ? "page" : "proc");
        if (!step(w, STATEMENT_METRIC, "cannot write the metrics"))
            return false;
    }
    return true;
}

/*
 * The schema goes straight into run.db, before WAL: whatever kills the driver later, the file
 * itself says what it is. While the run goes on nothing waits for the disk: a process's death loses
 * nothing that it wrote, and a checkpoint's fsync on a busy disk would hold up the sampler.
 */
static bool prepare(struct run_writer *w)
{
    char identity[64];

    snprintf(identity, sizeof identity, "PRAGMA application_id=%d", RUN_APPLICATION_ID);
    sqlite3_busy_timeout(w->db.db, BUSY_MS);
    if (!execute(w, "PRAGMA cache_size=-1024; PRAGMA synchronous=NORMAL; PRAGMA temp_store=FILE",
                 "cannot set up") ||
        !execute(w, identity, "cannot set up") ||
        !execute(w, "BEGIN;" RUN_SCHEMA_SQL SAMPLE_SQL "COMMIT", "cannot create tables"))
        return false;
    for (int i = 0; i < STATEMENT_COUNT; i++) {
        if (sqlite3_prepare_v3(w->db.db, statement_sql[i], -1, SQLITE_PREPARE_PERSISTENT,
                               &w->statements[i], NULL) != SQLITE_OK)
            return fail(w, "cannot prepare");
    }
    return run_writer_meta_int(w, "schema_version", RUN_SCHEMA_VERSION) && write_catalogue(w) &&
           run_writer_commit(w) &&
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
        fail(w, "cannot open");
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

bool run_writer_meta_text(struct run_writer *w, const char *key, const char *value)
{
    sqlite3_stmt *s = begin(w, STATEMENT_META);

    if (s == NULL)
        return false;
    put_text(s, 1, key);
    put_text(s, 2, value);
    return step(w, STATEMENT_META, "cannot write a meta value");
}

bool run_writer_meta_int(struct run_writer *w, const char *key, int64_t value)
{
    sqlite3_stmt *s = begin(w, STATEMENT_META);

    if (s == NULL)
        return false;
    put_text(s, 1, key);
    put_int(s, 2, value);
    return step(w, STATEMENT_META, "cannot write a meta value");
}

bool run_writer_component(struct run_writer *w, const struct run_component *c, int64_t *id)
{
    sqlite3_stmt *s = begin(w, STATEMENT_COMPONENT);

    if (s == NULL)
        return false;
    put_int(s, 1, w->components + 1);
    put_text(s, 2, c->name);
    put_text(s, 3, c->role);
    put_int(s, 4, c->stable);
    put_int(s, 5, c->secure);
    put_text(s, 6, c->pattern);
    put_int(s, 7, c->port);
    put_time(s, 8, (uint64_t)c->peer);
    put_int(s, 9, (int64_t)c->heap_cap);
    put_text(s, 10, c->command);
    if (!step(w, STATEMENT_COMPONENT, "cannot write a component"))
        return false;
    *id = ++w->components;
    return true;
}

bool run_writer_plan(struct run_writer *w, int64_t component, int incarnation,
                     uint64_t after_ready_ns, int signal, uint64_t restart_delay_ns)
{
    sqlite3_stmt *s = begin(w, STATEMENT_PLAN);

    if (s == NULL)
        return false;
    put_int(s, 1, component);
    put_int(s, 2, incarnation);
    put_int(s, 3, (int64_t)after_ready_ns);
    put_int(s, 4, signal);
    put_int(s, 5, (int64_t)restart_delay_ns);
    return step(w, STATEMENT_PLAN, "cannot write the plan");
}

bool run_writer_spawn(struct run_writer *w, int64_t component, int number, int pid,
                      uint64_t time_ns, const char *log, int64_t *id)
{
    sqlite3_stmt *s = begin(w, STATEMENT_SPAWN);

    if (s == NULL)
        return false;
    put_int(s, 1, w->incarnations + 1);
    put_int(s, 2, component);
    put_int(s, 3, number);
    put_int(s, 4, pid);
    put_time(s, 5, time_ns);
    put_text(s, 6, log);
    if (!step(w, STATEMENT_SPAWN, "cannot write an incarnation"))
        return false;
    *id = ++w->incarnations;
    return true;
}

bool run_writer_ready(struct run_writer *w, int64_t incarnation, uint64_t time_ns)
{
    sqlite3_stmt *s = begin(w, STATEMENT_READY);

    if (s == NULL)
        return false;
    put_int(s, 1, incarnation);
    put_time(s, 2, time_ns);
    return step_update(w, STATEMENT_READY, incarnation);
}

bool run_writer_exit(struct run_writer *w, int64_t incarnation, const struct run_exit *exit)
{
    sqlite3_stmt *s = begin(w, STATEMENT_EXIT);

    if (s == NULL)
        return false;
    put_int(s, 1, incarnation);
    put_time(s, 2, exit->time_ns);
    put_time(s, 3, exit->ordered_ns);
    put_time(s, 4, (uint64_t)exit->ordered_signal);
    if (exit->code < 0)
        sqlite3_bind_null(s, 5);
    else
        put_int(s, 5, exit->code);
    put_time(s, 6, (uint64_t)exit->signal);
    put_text(s, 7, reason_name(exit->reason));
    put_text(s, 8, exit->obituary);
    return step_update(w, STATEMENT_EXIT, incarnation);
}

static bool put_event(struct run_writer *w, int64_t incarnation, uint64_t time_ns, const char *kind,
                      int64_t connection, int64_t detail)
{
    sqlite3_stmt *s = begin(w, STATEMENT_EVENT);

    if (s == NULL)
        return false;
    put_time(s, 1, time_ns);
    put_time(s, 2, (uint64_t)incarnation);
    put_text(s, 3, kind);
    put_int(s, 4, connection);
    put_int(s, 5, detail);
    return step(w, STATEMENT_EVENT, "cannot write an event");
}

bool run_writer_event(struct run_writer *w, int64_t incarnation, const struct page_event *event)
{
    /* The page belongs to the child, which may have scribbled over it. */
    const char *kind = event->kind < PAGE_EVENT_KINDS
                           ? page_event_name((enum page_event_kind)event->kind)
                           : "unknown";

    return put_event(w, incarnation, event->time_ns, kind, event->connection, event->detail);
}

bool run_writer_note(struct run_writer *w, int64_t incarnation, uint64_t time_ns, const char *kind,
                     int64_t detail)
{
    return put_event(w, incarnation, time_ns, kind, 0, detail);
}

bool run_writer_sample(struct run_writer *w, int64_t incarnation, uint64_t time_ns, bool stale,
                       const struct metric_values *values)
{
    sqlite3_stmt *s = begin(w, STATEMENT_SAMPLE);

    if (s == NULL)
        return false;
    put_int(s, 1, incarnation);
    put_int(s, 2, (int64_t)time_ns);
    put_int(s, 3, stale);
    for (int i = 0; i < METRIC_COUNT; i++) {
        if (metric_has(values, (enum metric)i))
            put_int(s, 4 + i, values->value[i]);
        else
            sqlite3_bind_null(s, 4 + i);
    }
    return step(w, STATEMENT_SAMPLE, "cannot write a sample");
}

bool run_writer_histogram(struct run_writer *w, int64_t incarnation, const char *name,
                          const struct histogram *h)
{
    sqlite3_stmt *s = begin(w, STATEMENT_HISTOGRAM);
    uint32_t buckets[HISTOGRAM_BUCKETS];
    size_t used = 0;

    if (s == NULL)
        return false;
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        buckets[i] = htole32(h->buckets[i]);
        if (buckets[i] != 0)
            used = i + 1;
    }
    put_int(s, 1, incarnation);
    put_text(s, 2, name);
    put_int(s, 3, (int64_t)h->count);
    put_int(s, 4, (int64_t)h->sum);
    put_int(s, 5, (int64_t)h->min);
    put_int(s, 6, (int64_t)h->max);
    sqlite3_bind_blob(s, 7, buckets, (int)(used * sizeof *buckets), SQLITE_STATIC);
    return step(w, STATEMENT_HISTOGRAM, "cannot write a histogram");
}

bool run_writer_commit(struct run_writer *w)
{
    if (w->failed)
        return false;
    if (!w->in_transaction)
        return true;
    w->in_transaction = false;
    return step(w, STATEMENT_COMMIT, "cannot commit");
}

const char *run_writer_error(const struct run_writer *w)
{
    return w->failed ? w->error : NULL;
}

static bool write_file(void *arg, const struct run_file *file)
{
    struct run_writer *w = arg;
    sqlite3_stmt *s = begin(w, STATEMENT_FILE);

    if (s == NULL)
        return false;
    put_text(s, 1, file->path);
    put_text(s, 2, file->kind);
    put_int(s, 3, file->bytes);
    put_text(s, 4, file->sha256);
    return step(w, STATEMENT_FILE, "cannot write a file's hash");
}

static void finalize(struct run_writer *w)
{
    for (int i = 0; i < STATEMENT_COUNT; i++) {
        sqlite3_finalize(w->statements[i]);
        w->statements[i] = NULL;
    }
}

/* One plain file, unless somebody is reading it: then the log stays beside it and readers use it.
 */
static bool fold(struct run_writer *w)
{
    finalize(w);
    if (!execute(w, "PRAGMA synchronous=FULL; PRAGMA wal_checkpoint(TRUNCATE)",
                 "cannot fold in the log"))
        return false;
    return sqlite3_exec(w->db.db, "PRAGMA journal_mode=DELETE", NULL, NULL, NULL) == SQLITE_OK ||
           sqlite3_errcode(w->db.db) == SQLITE_BUSY || fail(w, "cannot fold in the log");
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
    sqlite3_close(w->db.db);
    free(w);
}
