#include "common/run/reader.h"

#include "common/run/reader_internal.h"

#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define BUSY_MS 2000

/* The folder of a path to run.db itself. */
static void cut_to_folder(char *path)
{
    char *slash = strrchr(path, '/');

    if (slash == NULL)
        memcpy(path, ".", 2);
    else
        slash[slash == path ? 1 : 0] = '\0';
}

static bool locate(struct run_reader *r, const char *path)
{
    struct stat st;

    if ((size_t)snprintf(r->dir, sizeof r->dir, "%s", path) >= sizeof r->dir)
        return run_db_refuse(&r->db, "the run folder's path is too long");
    memcpy(r->path, r->dir, sizeof r->dir);
    if (stat(path, &st) < 0)
        return run_db_refuse(&r->db, "%s: %s: give a run folder", path, strerror(errno));
    if (S_ISDIR(st.st_mode)) {
        snprintf(r->path, sizeof r->path, "%s/%s", path, RUN_DB_NAME);
        if (stat(r->path, &st) < 0)
            return run_db_refuse(&r->db, "%s: %s: not a run folder", r->path, strerror(errno));
    } else {
        cut_to_folder(r->dir);
    }
    if (!S_ISREG(st.st_mode))
        return run_db_refuse(&r->db, "%s: not a regular file", r->path);
    return st.st_size > 0 || run_db_refuse(&r->db, "%s: empty: not a Flatline run", r->path);
}

/* "file:PATH?OPTIONS", with what means something in a URI written as %XX. */
static void make_uri(const char *path, const char *options, char *out, size_t cap)
{
    size_t used = (size_t)snprintf(out, cap, "file:");

    for (; *path != '\0' && used + 4 < cap; path++)
        used += (size_t)snprintf(out + used, cap - used, strchr("%?#", *path) ? "%%%02x" : "%c",
                                 (unsigned char)*path);
    snprintf(out + used, cap - used, "?%s", options);
}

/*
 * A finished run is one file that nobody writes: immutable needs no lock and no writable folder. A
 * run under way, or one whose driver was killed, has its newest rows in the log beside it.
 */
static bool open_db(struct run_reader *r)
{
    char wal[sizeof r->path + 4], uri[3 * sizeof r->path + 64];
    struct stat st;
    bool log;

    snprintf(wal, sizeof wal, "%s-wal", r->path);
    log = stat(wal, &st) == 0 && st.st_size > 0;
    make_uri(r->path, log ? "mode=ro" : "mode=ro&immutable=1", uri, sizeof uri);
    if (sqlite3_open_v2(uri, &r->db.db,
                        SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX,
                        NULL) != SQLITE_OK)
        return run_db_fail(&r->db, "cannot open");
    sqlite3_busy_timeout(r->db.db, BUSY_MS);
    /* A run has tables only; in place of one of them a view would compute what it likes, for ever.
     */
    sqlite3_db_config(r->db.db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
    if (sqlite3_exec(r->db.db,
                     "PRAGMA cache_size=-2048; PRAGMA trusted_schema=OFF; PRAGMA "
                     "cell_size_check=ON; SELECT count(*) FROM sqlite_schema",
                     NULL, NULL, NULL) == SQLITE_OK)
        return true;
    if (log && sqlite3_errcode(r->db.db) == SQLITE_CANTOPEN)
        return run_db_refuse(
            &r->db, "%s: an unfinished run: its log needs a writable folder, copy it to one",
            r->path);
    return run_db_fail(&r->db, "cannot read");
}

struct run_reader *run_reader_new(const char *path, char *error, size_t cap)
{
    struct run_reader *r = calloc(1, sizeof *r);

    if (r == NULL) {
        snprintf(error, cap, "%s: no memory to read it", path);
        return NULL;
    }
    r->db = (struct run_db){NULL, r->path, r->error, sizeof r->error};
    if (locate(r, path) && open_db(r) && run_tables_load(&r->tables, &r->db))
        return r;
    snprintf(error, cap, "%s", r->error);
    run_reader_free(r);
    return NULL;
}

void run_reader_free(struct run_reader *r)
{
    if (r == NULL)
        return;
    run_tables_free(&r->tables);
    sqlite3_close(r->db.db);
    free(r);
}

const char *run_reader_dir(const struct run_reader *r)
{
    return r->dir;
}

const struct run_info *run_reader_info(const struct run_reader *r)
{
    return &r->tables.info;
}

static int compare_rank(const void *key, const void *item)
{
    const int *rank = key;
    const struct run_host_row *host = item;

    return (*rank > host->rank) - (*rank < host->rank);
}

const struct run_host_row *run_reader_host(const struct run_reader *r, int64_t component)
{
    const struct run_tables *t = &r->tables;

    if (t->host_count == 0 || component < 1 || (size_t)component > t->component_count)
        return NULL;
    return bsearch(&t->components[component - 1].host, t->hosts, t->host_count, sizeof *t->hosts,
                   compare_rank);
}

struct run_phase run_reader_phase(const struct run_reader *r, int64_t component)
{
    const struct run_info *info = &r->tables.info;
    const struct run_host_row *host = run_reader_host(r, component);

    return host != NULL
               ? host->phase
               : (struct run_phase){info->stop_ns, info->evidence_ns, info->evidence_end_ns};
}

bool run_phase_unjudged(const struct run_phase *phase, uint64_t time_ns)
{
    return phase->evidence_ns != 0 && time_ns >= phase->evidence_ns &&
           (phase->evidence_end_ns == 0 || time_ns <= phase->evidence_end_ns);
}

const struct run_component_row *run_reader_components(const struct run_reader *r, size_t *count)
{
    *count = r->tables.component_count;
    return r->tables.components;
}

const struct run_incarnation_row *run_reader_incarnations(const struct run_reader *r, size_t *count)
{
    *count = r->tables.incarnation_count;
    return r->tables.incarnations;
}

const struct run_plan_row *run_reader_plan(const struct run_reader *r, size_t *count)
{
    *count = r->tables.plan_count;
    return r->tables.plan;
}

const struct run_checkpoint_row *run_reader_checkpoints(const struct run_reader *r, size_t *count)
{
    *count = r->tables.checkpoint_count;
    return r->tables.checkpoints;
}

const struct run_hold_row *run_reader_holds(const struct run_reader *r, size_t *count)
{
    *count = r->tables.hold_count;
    return r->tables.holds;
}

const struct run_fault_row *run_reader_faults(const struct run_reader *r, size_t *count)
{
    *count = r->tables.fault_count;
    return r->tables.faults;
}

const struct run_limit_row *run_reader_limits(const struct run_reader *r, size_t *count)
{
    *count = r->tables.limit_count;
    return r->tables.limits;
}

const struct run_host_row *run_reader_hosts(const struct run_reader *r, size_t *count)
{
    *count = r->tables.host_count;
    return r->tables.hosts;
}

const char *run_reader_error(const struct run_reader *r)
{
    return r->error;
}

struct event_stream {
    bool (*fn)(void *arg, const struct run_event_row *row);
    void *arg;
    bool stopped;
};

static bool take_event(void *arg, sqlite3_stmt *s)
{
    struct event_stream *stream = arg;
    const char *kind = (const char *)sqlite3_column_text(s, 2);
    struct run_event_row row = {.time_ns = (uint64_t)sqlite3_column_int64(s, 0),
                                .incarnation = sqlite3_column_int64(s, 1),
                                .kind = kind == NULL ? "" : kind,
                                .connection = sqlite3_column_int64(s, 3),
                                .detail = sqlite3_column_int64(s, 4)};

    stream->stopped = !stream->fn(stream->arg, &row);
    return !stream->stopped;
}

bool run_reader_events(struct run_reader *r, bool (*fn)(void *arg, const struct run_event_row *row),
                       void *arg)
{
    struct event_stream stream = {.fn = fn, .arg = arg};

    return run_db_each(&r->db,
                       "SELECT time_ns, incarnation, kind, connection, detail FROM event"
                       " ORDER BY time_ns, rowid",
                       0, take_event, &stream, "cannot read events") ||
           stream.stopped;
}

struct histogram_merge {
    const char *name;
    struct histogram *into;
};

static bool take_histogram(void *arg, sqlite3_stmt *s)
{
    const struct histogram_merge *merge = arg;
    const char *name = (const char *)sqlite3_column_text(s, 0);
    const void *blob = sqlite3_column_blob(s, 5);
    size_t bytes = (size_t)sqlite3_column_bytes(s, 5);
    struct histogram h = {.count = (uint64_t)sqlite3_column_int64(s, 1),
                          .sum = (uint64_t)sqlite3_column_int64(s, 2),
                          .min = (uint64_t)sqlite3_column_int64(s, 3),
                          .max = (uint64_t)sqlite3_column_int64(s, 4)};

    if (name == NULL || strcmp(name, merge->name) != 0)
        return true;
    if (blob != NULL)
        memcpy(h.buckets, blob, bytes < sizeof h.buckets ? bytes : sizeof h.buckets);
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++)
        h.buckets[i] = le32toh(h.buckets[i]);
    histogram_merge(merge->into, &h);
    return true;
}

bool run_reader_histogram(struct run_reader *r, int64_t component, const char *name,
                          struct histogram *out)
{
    struct histogram_merge merge = {name, out};

    memset(out, 0, sizeof *out);
    return run_db_each(&r->db,
                       "SELECT name, count, sum_ns, min_ns, max_ns, buckets FROM histogram"
                       " WHERE incarnation IN (SELECT id FROM incarnation WHERE component = ?)",
                       component, take_histogram, &merge, "cannot read histograms");
}
