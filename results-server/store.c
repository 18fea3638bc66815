#include "results-server/store.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/thread.h"
#include "results-server/store_schema.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define STATEMENTS 32
#define TRANSACTION_BYTES (32u << 20) /* one commit takes what waits, up to this */
#define ERROR_SIZE 512
#define PATH_SIZE 4096

struct store {
    struct store_config config;
    char path[PATH_SIZE], log_path[PATH_SIZE + 8];
    int lock_fd;
    pthread_t thread;
    bool running;
    /* Of the writer's thread, and before and after it. */
    struct run_db run;
    char error[ERROR_SIZE];
    struct {
        const char *sql;
        sqlite3_stmt *statement;
    } statements[STATEMENTS];
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t filled;
    struct store_job *first, **last;
    bool closing;
    char failure[ERROR_SIZE]; /* "" while it can be written */
    struct store_figures figures;
};

/* ---- SQLite ---- */

sqlite3 *store_db(struct store *store)
{
    return store->run.db;
}

bool store_fail(struct store *store, const char *doing)
{
    return run_db_fail(&store->run, doing);
}

const char *store_error(const struct store *store)
{
    return store->error;
}

bool store_no_memory(struct store *store)
{
    return run_db_refuse(&store->run, "no memory to write to %s", store->path);
}

static bool execute(struct store *store, const char *sql, const char *doing)
{
    return sqlite3_exec(store->run.db, sql, NULL, NULL, NULL) == SQLITE_OK ||
           store_fail(store, doing);
}

sqlite3_stmt *store_statement(struct store *store, const char *sql)
{
    int i = 0;

    while (i < STATEMENTS && store->statements[i].sql != sql && store->statements[i].sql != NULL)
        i++;
    if (i == STATEMENTS)
        abort();
    if (store->statements[i].sql == NULL) {
        if (sqlite3_prepare_v3(store->run.db, sql, -1, SQLITE_PREPARE_PERSISTENT,
                               &store->statements[i].statement, NULL) != SQLITE_OK) {
            store_fail(store, "preparing a statement");
            return NULL;
        }
        store->statements[i].sql = sql;
    }
    sqlite3_reset(store->statements[i].statement);
    sqlite3_clear_bindings(store->statements[i].statement);
    return store->statements[i].statement;
}

bool store_run(struct store *store, sqlite3_stmt *statement)
{
    bool done = sqlite3_step(statement) == SQLITE_DONE || store_fail(store, "writing");

    sqlite3_reset(statement);
    return done;
}

static int64_t pragma(struct store *store, const char *sql)
{
    sqlite3_stmt *s = NULL;
    int64_t value = -1;

    if (sqlite3_prepare_v2(store->run.db, sql, -1, &s, NULL) == SQLITE_OK &&
        sqlite3_step(s) == SQLITE_ROW)
        value = sqlite3_column_int64(s, 0);
    else
        store_fail(store, "reading its version");
    sqlite3_finalize(s);
    return value;
}

#define TEXT(x) #x
#define NUMBER(x) TEXT(x)
#define MARK_SQL                                                                             \
    "PRAGMA application_id = " NUMBER(STORE_APPLICATION_ID) ";"                              \
                                                            "PRAGMA user_version = " NUMBER( \
                                                                STORE_SCHEMA_VERSION) ";"

/* A fresh file gets its tables and its mark in one transaction; an old one must bear the mark. */
static bool open_tables(struct store *store)
{
    int64_t application = pragma(store, "PRAGMA application_id");
    int64_t version = pragma(store, "PRAGMA user_version");

    if (application < 0 || version < 0)
        return false;
    if (application == 0 && version == 0)
        return execute(store, "BEGIN IMMEDIATE;" STORE_SCHEMA_SQL MARK_SQL "COMMIT",
                       "making its tables");
    if (application != STORE_APPLICATION_ID)
        return run_db_refuse(&store->run, "%s is no store of a results server", store->path);
    if (version != STORE_SCHEMA_VERSION)
        return run_db_refuse(&store->run,
                             "%s is a store of version %" PRId64 ", this program's is version %d",
                             store->path, version, STORE_SCHEMA_VERSION);
    return true;
}

static bool open_database(struct store *store)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;

    if (sqlite3_open_v2(store->path, &store->run.db, flags, NULL) != SQLITE_OK)
        return store_fail(store, "opening it");
    sqlite3_busy_timeout(store->run.db, 10000); /* an export may recover the log */
    return execute(store,
                   "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                   "PRAGMA journal_size_limit = 67108864",
                   "opening it") &&
           open_tables(store);
}

/* SQLite sees to what is in the folder; that it is there at all is for us to see to. */
static bool make_folder(struct store *store)
{
    char above[PATH_SIZE + 16];
    bool made = mkdir(store->config.dir, 0700) == 0;
    int fd;

    if (!made && errno == EEXIST)
        return true;
    snprintf(above, sizeof above, "%s/..", store->config.dir);
    fd = made ? open(above, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    made = fd >= 0 && fsync(fd) == 0;
    if (!made)
        run_db_refuse(&store->run, "cannot make the store %s: %s", store->config.dir,
                      strerrordesc_np(errno));
    if (fd >= 0)
        close(fd);
    return made;
}

static bool own_folder(struct store *store)
{
    char path[PATH_SIZE + 16];

    if (!make_folder(store))
        return false;
    snprintf(path, sizeof path, "%s/" STORE_LOCK_NAME, store->config.dir);
    store->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (store->lock_fd < 0)
        return run_db_refuse(&store->run, "cannot write to the store: %s: %s", path,
                             strerrordesc_np(errno));
    if (flock(store->lock_fd, LOCK_EX | LOCK_NB) == 0)
        return true;
    return run_db_refuse(&store->run,
                         "the store %s is in use by another results-server; end that one, or name "
                         "another folder",
                         store->config.dir);
}

/* ---- the writer's thread ---- */

/* What waits, up to TRANSACTION_BYTES; NULL: there is no more to come. */
static struct store_job *take_jobs(struct store *store, size_t *count)
{
    struct store_job *first, **end;
    size_t bytes = 0;

    pthread_mutex_lock(&store->lock);
    while (store->first == NULL && !store->closing)
        pthread_cond_wait(&store->filled, &store->lock);
    first = store->first;
    *count = 0;
    for (end = &first; *end != NULL && bytes < TRANSACTION_BYTES; end = &(*end)->next) {
        bytes += (*end)->bytes;
        (*count)++;
    }
    store->first = *end;
    if (store->first == NULL)
        store->last = &store->first;
    *end = NULL;
    store->figures.waiting_jobs -= *count;
    store->figures.waiting_bytes -= bytes;
    pthread_mutex_unlock(&store->lock);
    return first;
}

static bool write_jobs(struct store *store, struct store_job *first)
{
    bool done = execute(store, "BEGIN IMMEDIATE", "beginning to write");

    for (struct store_job *job = first; job != NULL && done; job = job->next)
        done = job->work(job, store);
    if (done && execute(store, "COMMIT", "committing"))
        return true;
    /* What holds a statement open would hold the transaction, too. */
    for (int i = 0; i < STATEMENTS && store->statements[i].sql != NULL; i++)
        sqlite3_reset(store->statements[i].statement);
    if (!sqlite3_get_autocommit(store->run.db))
        sqlite3_exec(store->run.db, "ROLLBACK", NULL, NULL, NULL);
    return false;
}

static void note_outcome(struct store *store, bool kept, size_t count, uint64_t took_ns)
{
    bool failed_before;

    pthread_mutex_lock(&store->lock);
    failed_before = store->failure[0] != '\0';
    snprintf(store->failure, sizeof store->failure, "%s", kept ? "" : store->error);
    if (kept) {
        store->figures.commits++;
        store->figures.jobs += count;
        histogram_record(&store->figures.commit_ns, took_ns);
    } else {
        store->figures.failures++;
    }
    pthread_mutex_unlock(&store->lock);
    if (!kept && !failed_before)
        log_error("%s; until it can be written, posts are refused with 507", store->error);
    if (kept && failed_before)
        log_info("the store can be written again");
}

static void *thread_main(void *arg)
{
    struct store *store = arg;
    struct store_job *job, *next;
    size_t count;

    while ((job = take_jobs(store, &count)) != NULL) {
        uint64_t began = clock_now_ns();
        bool kept = write_jobs(store, job);

        note_outcome(store, kept, count, clock_now_ns() - began);
        for (; job != NULL; job = next) {
            next = job->next;
            job->done(job, kept ? STORE_KEPT : STORE_FAILED);
        }
    }
    return NULL;
}

enum store_taken store_put(struct store *store, struct store_job *job)
{
    enum store_taken taken = STORE_TAKEN;
    struct store_figures *f = &store->figures;

    pthread_mutex_lock(&store->lock);
    if (store->closing) {
        taken = STORE_CLOSED;
    } else if (f->waiting_jobs >= store->config.queue_jobs ||
               f->waiting_bytes + job->bytes > store->config.queue_bytes) {
        taken = STORE_BUSY;
    } else {
        job->next = NULL;
        *store->last = job;
        store->last = &job->next;
        f->waiting_jobs++;
        f->waiting_bytes += job->bytes;
        pthread_cond_signal(&store->filled);
    }
    pthread_mutex_unlock(&store->lock);
    return taken;
}

/* ---- life ---- */

static void release(struct store *store)
{
    for (int i = 0; i < STATEMENTS; i++)
        sqlite3_finalize(store->statements[i].statement);
    sqlite3_close(store->run.db);
    if (store->lock_fd >= 0)
        close(store->lock_fd);
    pthread_cond_destroy(&store->filled);
    pthread_mutex_destroy(&store->lock);
    free(store);
}

struct store *store_new(const struct store_config *config, char *error, size_t cap)
{
    struct store *store = calloc(1, sizeof *store);

    if (store == NULL) {
        snprintf(error, cap, "no memory for the store");
        return NULL;
    }
    store->config = *config;
    store->lock_fd = -1;
    store->last = &store->first;
    pthread_mutex_init(&store->lock, NULL);
    pthread_cond_init(&store->filled, NULL);
    snprintf(store->path, sizeof store->path, "%s/" STORE_DB_NAME, config->dir);
    snprintf(store->log_path, sizeof store->log_path, "%s-wal", store->path);
    store->run =
        (struct run_db){.path = store->path, .error = store->error, .cap = sizeof store->error};
    if (own_folder(store) && open_database(store))
        return store;
    snprintf(error, cap, "%s", store->error);
    release(store);
    return NULL;
}

bool store_start(struct store *store, char *error, size_t cap)
{
    int failed = thread_start(&store->thread, 0, thread_main, store);

    store->running = failed == 0;
    if (!store->running)
        snprintf(error, cap, "no thread for the store: %s", strerrordesc_np(failed));
    return store->running;
}

void store_close(struct store *store)
{
    pthread_mutex_lock(&store->lock);
    store->closing = true;
    pthread_cond_signal(&store->filled);
    pthread_mutex_unlock(&store->lock);
    if (store->running)
        pthread_join(store->thread, NULL);
    store->running = false;
}

void store_free(struct store *store)
{
    if (store == NULL)
        return;
    store_close(store);
    sqlite3_wal_checkpoint_v2(store->run.db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    release(store);
}

void store_failure(struct store *store, char *out, size_t cap)
{
    pthread_mutex_lock(&store->lock);
    snprintf(out, cap, "%s", store->failure);
    pthread_mutex_unlock(&store->lock);
}

static uint64_t file_bytes(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
}

void store_read_figures(struct store *store, struct store_figures *figures)
{
    pthread_mutex_lock(&store->lock);
    *figures = store->figures;
    pthread_mutex_unlock(&store->lock);
    figures->bytes = file_bytes(store->path) + file_bytes(store->log_path);
}
