#include "results-server/store_reader.h"

#include "common/run/db.h"
#include "results-server/store_schema.h"
#include "results-server/test_load.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#define PATH_SIZE 4096
#define ERROR_SIZE 512
#define BATCH_COLUMNS \
    "batch.number, test.id, peer.name, sequence, received_ns, batch.points, batch.size, body"
#define BATCH_JOIN "JOIN peer ON peer.number = batch.peer JOIN test ON test.number = peer.test"

struct store_reader {
    struct run_db run;
    char path[PATH_SIZE], error[ERROR_SIZE];
    char *body; /* of the last batch */
    size_t room;
};

const char *store_reader_error(const struct store_reader *reader)
{
    return reader->error;
}

/* ---- opening ---- */

static bool get_number(struct store_reader *reader, const char *sql, int64_t *number)
{
    sqlite3_stmt *s = NULL;
    bool done = sqlite3_prepare_v2(reader->run.db, sql, -1, &s, NULL) == SQLITE_OK &&
                sqlite3_step(s) == SQLITE_ROW;

    if (done)
        *number = sqlite3_column_int64(s, 0);
    else
        run_db_fail(&reader->run, "opening it");
    sqlite3_finalize(s);
    return done;
}

static bool check_version(struct store_reader *reader)
{
    int64_t application, version;

    if (!get_number(reader, "PRAGMA application_id", &application) ||
        !get_number(reader, "PRAGMA user_version", &version))
        return false;
    if (application != STORE_APPLICATION_ID)
        return run_db_refuse(&reader->run, "%s is no store of a results server", reader->path);
    return version == STORE_SCHEMA_VERSION ||
           run_db_refuse(&reader->run,
                         "%s is a store of version %" PRId64 ", this program's is version %d",
                         reader->path, version, STORE_SCHEMA_VERSION);
}

/* The log needs a shared index beside it, which a folder that cannot be written does not get; one
 * without a log needs none. */
static bool open_it(struct store_reader *reader, const char *dir)
{
    char uri[3 * PATH_SIZE], log[PATH_SIZE + 8];
    int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX;

    snprintf(log, sizeof log, "%s-wal", reader->path);
    if (access(reader->path, F_OK) < 0)
        return run_db_refuse(&reader->run, "there is no store in %s (%s)", dir, STORE_DB_NAME);
    if (access(dir, W_OK) < 0 && access(log, F_OK) < 0 && strpbrk(reader->path, "?#%") == NULL) {
        snprintf(uri, sizeof uri, "file:%s?immutable=1", reader->path);
        flags |= SQLITE_OPEN_URI;
    } else {
        snprintf(uri, sizeof uri, "%s", reader->path);
    }
    if (sqlite3_open_v2(uri, &reader->run.db, flags, NULL) != SQLITE_OK)
        return run_db_fail(&reader->run, "opening it");
    sqlite3_busy_timeout(reader->run.db, 10000);
    return check_version(reader);
}

struct store_reader *store_reader_new(const char *dir, char *error, size_t cap)
{
    struct store_reader *reader = calloc(1, sizeof *reader);

    if (reader == NULL) {
        snprintf(error, cap, "no memory to read %s", dir);
        return NULL;
    }
    snprintf(reader->path, sizeof reader->path, "%s/" STORE_DB_NAME, dir);
    reader->run =
        (struct run_db){.path = reader->path, .error = reader->error, .cap = sizeof reader->error};
    if (open_it(reader, dir))
        return reader;
    snprintf(error, cap, "%s", reader->error);
    store_reader_free(reader);
    return NULL;
}

void store_reader_free(struct store_reader *reader)
{
    if (reader == NULL)
        return;
    sqlite3_close(reader->run.db);
    free(reader->body);
    free(reader);
}

/* ---- reading ---- */

bool store_reader_tests(struct store_reader *reader, const char *id, struct tests *tests)
{
    reader->error[0] = '\0';
    return tests_load(tests, &reader->run, id);
}

/* Expands the body into reader->body. */
static bool expand(struct store_reader *reader, sqlite3_stmt *row, size_t size)
{
    uLongf got = size;
    const void *blob = sqlite3_column_blob(row, 7);
    int blob_size = sqlite3_column_bytes(row, 7);

    if (size + 1 > reader->room) {
        char *bigger = realloc(reader->body, size + 1);

        if (bigger == NULL)
            return run_db_refuse(&reader->run, "no memory for a batch of %s", reader->path);
        reader->body = bigger;
        reader->room = size + 1;
    }
    if (blob == NULL || uncompress((Bytef *)reader->body, &got, blob, (uLong)blob_size) != Z_OK ||
        got != size)
        return run_db_refuse(&reader->run, "%s: batch %" PRId64 " is damaged", reader->path,
                             (int64_t)sqlite3_column_int64(row, 0));
    reader->body[size] = '\0';
    return true;
}

static bool show(struct store_reader *reader, sqlite3_stmt *row, stored_batch_fn *fn, void *arg)
{
    struct stored_batch batch = {
        .number = (uint64_t)sqlite3_column_int64(row, 0),
        .test = (const char *)sqlite3_column_text(row, 1),
        .peer = (const char *)sqlite3_column_text(row, 2),
        .sequence = (uint64_t)sqlite3_column_int64(row, 3),
        .received_ns = (uint64_t)sqlite3_column_int64(row, 4),
        .points = (uint64_t)sqlite3_column_int64(row, 5),
        .size = (size_t)sqlite3_column_int64(row, 6),
    };

    if (!expand(reader, row, batch.size))
        return false;
    batch.body = reader->body;
    return fn(arg, &batch);
}

/* Steps the statement (which is freed) to its end. */
static bool show_all(struct store_reader *reader, sqlite3_stmt *s, stored_batch_fn *fn, void *arg)
{
    bool done = true;
    int step = SQLITE_DONE;

    while (done && (step = sqlite3_step(s)) == SQLITE_ROW)
        done = show(reader, s, fn, arg);
    if (done && step != SQLITE_DONE)
        done = run_db_fail(&reader->run, "reading batches");
    sqlite3_finalize(s);
    return done;
}

static bool prepare(struct store_reader *reader, const char *sql, sqlite3_stmt **s)
{
    reader->error[0] = '\0';
    return sqlite3_prepare_v2(reader->run.db, sql, -1, s, NULL) == SQLITE_OK ||
           run_db_fail(&reader->run, "reading batches");
}

static bool show_peer(struct store_reader *reader, int64_t peer, stored_batch_fn *fn, void *arg)
{
    sqlite3_stmt *s;

    if (!prepare(reader,
                 "SELECT " BATCH_COLUMNS " FROM batch " BATCH_JOIN
                 " WHERE batch.peer = ? ORDER BY sequence",
                 &s))
        return false;
    sqlite3_bind_int64(s, 1, peer);
    return show_all(reader, s, fn, arg);
}

/* One peer after the other: all at once would be sorted, in memory. The outer query, open all the
 * while, makes it one state of the store that is shown. */
bool store_reader_batches(struct store_reader *reader, const char *test, stored_batch_fn *fn,
                          void *arg)
{
    sqlite3_stmt *s;
    bool done = true;
    int step = SQLITE_DONE;

    if (!prepare(reader,
                 "SELECT peer.number FROM peer JOIN test ON test.number = peer.test"
                 " WHERE test.id = ? ORDER BY peer.number",
                 &s))
        return false;
    sqlite3_bind_text(s, 1, test, -1, SQLITE_TRANSIENT);
    while (done && (step = sqlite3_step(s)) == SQLITE_ROW)
        done = show_peer(reader, sqlite3_column_int64(s, 0), fn, arg);
    if (done && step != SQLITE_DONE)
        done = run_db_fail(&reader->run, "reading peers");
    sqlite3_finalize(s);
    return done;
}

bool store_reader_after(struct store_reader *reader, uint64_t after, uint64_t most,
                        stored_batch_fn *fn, void *arg)
{
    sqlite3_stmt *s;

    if (!prepare(reader,
                 "SELECT " BATCH_COLUMNS " FROM batch " BATCH_JOIN
                 " WHERE batch.number > ? ORDER BY batch.number LIMIT ?",
                 &s))
        return false;
    sqlite3_bind_int64(s, 1, (int64_t)after);
    sqlite3_bind_int64(s, 2, (int64_t)most);
    return show_all(reader, s, fn, arg);
}
