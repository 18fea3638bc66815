#include "common/events/event_db.h"

#include "common/base/clock.h"
#include "common/base/thread.h"
#include "common/engine/mem.h"
#include "common/run/db.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BATCH 8192                  /* rows; two of them are kept */
#define ENOUGH (BATCH / 2)          /* rows that are written without waiting for more */
#define LINGER_NS (100 * NS_PER_MS) /* so long a lone row waits for others */
#define STACK_SIZE (256u << 10)     /* the heap cap counts all of it */
#define ERROR_SIZE 512

struct event_db {
    struct event_db_config config;
    struct run_db run; /* of the writer's thread, and before and after it */
    sqlite3_stmt *insert;
    pthread_t thread;
    struct event_row *rows, *spare; /* BATCH each: being filled, being written */
    pthread_mutex_t lock;           /* of what follows */
    pthread_cond_t filled, emptied;
    size_t count; /* of rows */
    uint64_t written, lost;
    bool closing, failed;
    char error[ERROR_SIZE]; /* fixed once failed is set */
};

static const char schema[] =
    "PRAGMA journal_mode = DELETE; PRAGMA synchronous = OFF; PRAGMA cache_size = -512;"
    "CREATE TABLE event(author INTEGER, sequence INTEGER, subscriber INTEGER, sent_ns INTEGER,"
    " arrived_ns INTEGER);"
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value);";

/* ---- SQLite; all of it returns false with the line in db->run.error ---- */

static bool execute(struct event_db *db, const char *sql, const char *doing)
{
    return sqlite3_exec(db->run.db, sql, NULL, NULL, NULL) == SQLITE_OK ||
           run_db_fail(&db->run, doing);
}

static bool put_meta(struct event_db *db, const char *key, const char *text, uint64_t number)
{
    sqlite3_stmt *s = NULL;
    bool done =
        sqlite3_prepare_v2(db->run.db, "INSERT INTO meta VALUES(?, ?)", -1, &s, NULL) == SQLITE_OK;

    if (done) {
        sqlite3_bind_text(s, 1, key, -1, SQLITE_STATIC);
        if (text != NULL)
            sqlite3_bind_text(s, 2, text, -1, SQLITE_STATIC);
        else
            sqlite3_bind_int64(s, 2, (int64_t)number);
        done = sqlite3_step(s) == SQLITE_DONE;
    }
    if (!done)
        run_db_fail(&db->run, "writing the counts");
    sqlite3_finalize(s);
    return done;
}

static bool create_file(struct event_db *db)
{
    int fd = open(db->config.path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);

    if (fd < 0 && errno == EEXIST)
        return run_db_refuse(&db->run, "%s exists already: an event database is written once",
                             db->config.path);
    if (fd < 0)
        return run_db_refuse(&db->run, "cannot make %s: %s", db->config.path,
                             strerrordesc_np(errno));
    close(fd);
    return true;
}

static bool open_file(struct event_db *db)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;

    if (sqlite3_open_v2(db->config.path, &db->run.db, flags, NULL) != SQLITE_OK)
        return run_db_fail(&db->run, "opening it");
    return execute(db, schema, "making its tables") &&
           put_meta(db, "schema_version", NULL, EVENT_DB_SCHEMA) &&
           put_meta(db, "role", db->config.role, 0) &&
           (sqlite3_prepare_v2(db->run.db, "INSERT INTO event VALUES(?, ?, ?, ?, ?)", -1,
                               &db->insert, NULL) == SQLITE_OK ||
            run_db_fail(&db->run, "preparing to write"));
}

static bool insert(struct event_db *db, const struct event_row *row)
{
    sqlite3_stmt *s = db->insert;
    bool done;

    sqlite3_bind_int64(s, 1, (int64_t)row->author);
    sqlite3_bind_int64(s, 2, (int64_t)row->sequence);
    sqlite3_bind_int64(s, 3, (int64_t)row->subscriber);
    sqlite3_bind_int64(s, 4, (int64_t)row->sent_ns);
    sqlite3_bind_int64(s, 5, (int64_t)row->arrived_ns);
    done = sqlite3_step(s) == SQLITE_DONE || run_db_fail(&db->run, "writing an event");
    sqlite3_reset(s);
    return done;
}

/* All of them or none. */
static bool write_rows(struct event_db *db, const struct event_row *rows, size_t count)
{
    bool done = execute(db, "BEGIN", "beginning to write");

    for (size_t i = 0; i < count && done; i++)
        done = insert(db, &rows[i]);
    if (done && execute(db, "COMMIT", "writing events"))
        return true;
    sqlite3_exec(db->run.db, "ROLLBACK", NULL, NULL, NULL);
    return false;
}

/* ---- the writer's thread ---- */

static struct timespec linger_end(void)
{
    uint64_t end = clock_now_ns() + LINGER_NS;

    return (struct timespec){(time_t)(end / NS_PER_S), (long)(end % NS_PER_S)};
}

/* With the lock; false: there is no more to come. */
static bool wait_for_rows(struct event_db *db)
{
    struct timespec end = linger_end();

    while (db->count < ENOUGH && !db->closing) {
        if (pthread_cond_timedwait(&db->filled, &db->lock, &end) != ETIMEDOUT)
            continue;
        if (db->count > 0)
            break;
        end = linger_end();
    }
    return db->count > 0;
}

/* With the lock, which it gives back meanwhile. */
static void write_batch(struct event_db *db)
{
    struct event_row *rows = db->rows;
    size_t count = db->count;
    bool tried = !db->failed, done = false;

    db->rows = db->spare;
    db->spare = rows;
    db->count = 0;
    pthread_cond_broadcast(&db->emptied);
    pthread_mutex_unlock(&db->lock);
    if (tried)
        done = write_rows(db, rows, count);
    pthread_mutex_lock(&db->lock);
    *(done ? &db->written : &db->lost) += count;
    db->failed = !done;
    if (tried && !done && db->config.on_failure != NULL)
        db->config.on_failure(db->config.arg);
}

static void *thread_main(void *arg)
{
    struct event_db *db = arg;

    pthread_mutex_lock(&db->lock);
    while (wait_for_rows(db))
        write_batch(db);
    pthread_mutex_unlock(&db->lock);
    return NULL;
}

static bool start_thread(struct event_db *db)
{
    int failed = thread_start(&db->thread, STACK_SIZE, thread_main, db);

    return failed == 0 || run_db_refuse(&db->run, "no thread for %s: %s", db->config.path,
                                        strerrordesc_np(failed));
}

/* ---- life ---- */

static void release(struct event_db *db)
{
    sqlite3_finalize(db->insert);
    sqlite3_close(db->run.db);
    pthread_cond_destroy(&db->filled);
    pthread_cond_destroy(&db->emptied);
    pthread_mutex_destroy(&db->lock);
    mem_free(MEM_APP, db->rows);
    mem_free(MEM_APP, db->spare);
    mem_free(MEM_APP, db);
}

static void init_locks(struct event_db *db)
{
    pthread_condattr_t monotonic;

    pthread_mutex_init(&db->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&db->filled, &monotonic);
    pthread_cond_init(&db->emptied, NULL);
    pthread_condattr_destroy(&monotonic);
}

struct event_db *event_db_new(const struct event_db_config *config, char *error, size_t cap)
{
    struct event_db *db = mem_calloc(MEM_APP, 1, sizeof *db);

    if (db == NULL) {
        snprintf(error, cap, "no memory for %s", config->path);
        return NULL;
    }
    db->config = *config;
    db->run = (struct run_db){.path = config->path, .error = db->error, .cap = sizeof db->error};
    init_locks(db);
    db->rows = mem_calloc(MEM_APP, BATCH, sizeof *db->rows);
    db->spare = mem_calloc(MEM_APP, BATCH, sizeof *db->spare);
    if (db->rows == NULL || db->spare == NULL)
        run_db_refuse(&db->run, "no memory for %s", config->path);
    else if (create_file(db) && open_file(db) && start_thread(db))
        return db;
    snprintf(error, cap, "%s", db->error);
    release(db);
    return NULL;
}

void event_db_put(struct event_db *db, const struct event_row *row)
{
    pthread_mutex_lock(&db->lock);
    while (db->count == BATCH)
        pthread_cond_wait(&db->emptied, &db->lock);
    db->rows[db->count++] = *row;
    if (db->count == ENOUGH)
        pthread_cond_signal(&db->filled);
    pthread_mutex_unlock(&db->lock);
}

const char *event_db_failure(struct event_db *db)
{
    bool failed;

    pthread_mutex_lock(&db->lock);
    failed = db->failed;
    pthread_mutex_unlock(&db->lock);
    return failed ? db->error : NULL;
}

static void stop_thread(struct event_db *db)
{
    pthread_mutex_lock(&db->lock);
    db->closing = true;
    pthread_cond_signal(&db->filled);
    pthread_mutex_unlock(&db->lock);
    pthread_join(db->thread, NULL);
}

static bool put_counts(struct event_db *db, const struct event_count *counts, size_t count)
{
    bool done =
        execute(db, "BEGIN", "writing the counts") && put_meta(db, "events", NULL, db->written);

    for (size_t i = 0; i < count && done; i++)
        done = put_meta(db, counts[i].key, NULL, counts[i].value);
    return done && put_meta(db, "complete", NULL, 1) && execute(db, "COMMIT", "writing the counts");
}

bool event_db_close(struct event_db *db, const struct event_count *counts, size_t count,
                    char *error, size_t cap)
{
    bool done;

    stop_thread(db);
    done = !db->failed && put_counts(db, counts, count);
    if (!done)
        snprintf(error, cap, "%s (%" PRIu64 " of %" PRIu64 " events are not in it)", db->error,
                 db->lost, db->lost + db->written);
    release(db);
    return done;
}
