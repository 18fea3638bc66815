#include "common/run/reader_internal.h"

#include <stdio.h>
#include <string.h>

/*
 * Where a query has which metric. Columns are known by name: what this program does not know is
 * passed over, what the run lacks stays absent.
 */
struct metric_columns {
    bool known; /* looked up */
    int count;
    struct {
        int column;
        enum metric metric;
    } at[METRIC_COUNT];
};

static void look_up(struct metric_columns *columns, sqlite3_stmt *s, int first)
{
    for (int i = first; i < sqlite3_column_count(s) && columns->count < METRIC_COUNT; i++) {
        const char *name = sqlite3_column_name(s, i);
        int metric = name == NULL ? -1 : metric_find(name);

        if (metric >= 0) {
            columns->at[columns->count].column = i;
            columns->at[columns->count++].metric = (enum metric)metric;
        }
    }
    columns->known = true;
}

/* From column `first` on. NULL reads as 0, so only of that it is asked what it is. */
static void take_metrics(struct metric_columns *columns, sqlite3_stmt *s, int first,
                         struct metric_values *values)
{
    if (!columns->known)
        look_up(columns, s, first);
    for (int i = 0; i < columns->count; i++) {
        int column = columns->at[i].column;
        int64_t value = sqlite3_column_int64(s, column);

        if (value != 0 || sqlite3_column_type(s, column) != SQLITE_NULL)
            metric_set(values, columns->at[i].metric, value);
    }
}

struct sample_stream {
    bool (*fn)(void *arg, const struct run_sample_row *row);
    void *arg;
    const struct run_reader *r;
    int64_t only; /* the incarnation asked for; 0: any */
    struct metric_columns columns;
    bool stopped;
};

#define SAMPLE_FIXED 3 /* incarnation, time_ns, stale, then the metrics */
#define SAMPLE_SELECT "SELECT incarnation, time_ns, stale"
#define SAMPLE_DOING "cannot read samples"

/* Room for the name of each metric, and for the rest. */
#define METRIC_ROOM(ident, id, name, unit, kind, source) +sizeof name + 2
#define QUERY_CAP (256 METRIC_TABLE(METRIC_ROOM))

static bool take_sample(void *arg, sqlite3_stmt *s)
{
    struct sample_stream *stream = arg;
    struct run_sample_row row = {.incarnation = sqlite3_column_int64(s, 0),
                                 .time_ns = (uint64_t)sqlite3_column_int64(s, 1),
                                 .stale = sqlite3_column_int(s, 2) != 0};

    /* Users index by it, and an index of a damaged file may point anywhere. */
    if (row.incarnation < 1 || (size_t)row.incarnation > stream->r->tables.incarnation_count ||
        (stream->only != 0 && row.incarnation != stream->only))
        return run_db_refuse(&stream->r->db, "%s: damaged: a sample of incarnation %lld",
                             stream->r->path, (long long)row.incarnation);
    take_metrics(&stream->columns, s, SAMPLE_FIXED, &row.values);
    stream->stopped = !stream->fn(stream->arg, &row);
    return !stream->stopped;
}

/* Which of the metrics the run has a column for, as bits; false: it cannot be read. */
static bool find_columns(struct run_reader *r, uint64_t *present)
{
    sqlite3_stmt *s = NULL;

    if (sqlite3_prepare_v2(r->db.db, "SELECT * FROM sample", -1, &s, NULL) != SQLITE_OK)
        return run_db_fail(&r->db, SAMPLE_DOING);
    for (int i = 0; i < sqlite3_column_count(s); i++) {
        const char *name = sqlite3_column_name(s, i);
        int metric = name == NULL ? -1 : metric_find(name);

        *present |= metric < 0 ? 0 : METRIC_BIT(metric);
    }
    sqlite3_finalize(s);
    return true;
}

/* The columns of a query for `wanted`, as far as the run has them, and what follows them. */
static bool make_query(struct run_reader *r, uint64_t wanted, const char *rest,
                       char query[QUERY_CAP])
{
    size_t used = (size_t)snprintf(query, QUERY_CAP, SAMPLE_SELECT);
    uint64_t present = 0;

    if (!find_columns(r, &present))
        return false;
    for (int i = 0; i < METRIC_COUNT; i++) {
        if ((wanted & present & METRIC_BIT(i)) != 0)
            used += (size_t)snprintf(query + used, QUERY_CAP - used, ", %s",
                                     metric_info((enum metric)i)->name);
    }
    snprintf(query + used, QUERY_CAP - used, " FROM sample %s", rest);
    return true;
}

/* Those of one component: of its incarnations, which follow one another in the order of their ids.
 */
static bool stream_component(struct run_reader *r, int64_t component, const char *query,
                             struct sample_stream *stream)
{
    const struct run_tables *t = &r->tables;
    struct run_db_query q;
    bool ok = run_db_prepare(&r->db, query, &q, SAMPLE_DOING);

    for (size_t i = 0; ok && i < t->incarnation_count; i++) {
        if (t->incarnations[i].component != component)
            continue;
        stream->only = t->incarnations[i].id;
        ok = run_db_run(&q, stream->only, take_sample, stream);
    }
    run_db_finalize(&q);
    return ok || stream->stopped;
}

bool run_reader_samples_of(struct run_reader *r, int64_t component, uint64_t wanted,
                           bool (*fn)(void *arg, const struct run_sample_row *row), void *arg)
{
    struct sample_stream stream = {.fn = fn, .arg = arg, .r = r};
    char query[QUERY_CAP];

    if (!make_query(r, wanted,
                    component == 0 ? "ORDER BY time_ns" : "WHERE incarnation = ? ORDER BY time_ns",
                    query))
        return false;
    return component == 0
               ? run_db_each(&r->db, query, 0, take_sample, &stream, SAMPLE_DOING) || stream.stopped
               : stream_component(r, component, query, &stream);
}

bool run_reader_samples(struct run_reader *r, int64_t component,
                        bool (*fn)(void *arg, const struct run_sample_row *row), void *arg)
{
    return run_reader_samples_of(r, component, ~UINT64_C(0), fn, arg);
}

struct reading_stream {
    bool (*fn)(void *arg, const struct run_reading_row *row);
    void *arg;
    const struct run_reader *r;
    struct metric_columns columns;
    bool stopped;
};

#define READING_FIXED 5

static bool take_reading(void *arg, sqlite3_stmt *s)
{
    struct reading_stream *stream = arg;
    const struct run_tables *t = &stream->r->tables;
    struct run_reading_row row = {.checkpoint = sqlite3_column_int64(s, 0),
                                  .incarnation = sqlite3_column_int64(s, 1),
                                  .time_ns = (uint64_t)sqlite3_column_int64(s, 2),
                                  .valid = sqlite3_column_int(s, 3) != 0,
                                  .why = (const char *)sqlite3_column_text(s, 4)};

    if (row.incarnation < 1 || (size_t)row.incarnation > t->incarnation_count ||
        row.checkpoint < 1 || (size_t)row.checkpoint > t->checkpoint_count)
        return run_db_refuse(
            &stream->r->db, "%s: damaged: a reading of incarnation %lld at checkpoint %lld",
            stream->r->path, (long long)row.incarnation, (long long)row.checkpoint);
    take_metrics(&stream->columns, s, READING_FIXED, &row.values);
    stream->stopped = !stream->fn(stream->arg, &row);
    return !stream->stopped;
}

#define READING_COLUMNS \
    "SELECT checkpoint, incarnation, time_ns, valid, why, reading.* FROM reading "

bool run_reader_readings(struct run_reader *r, int64_t component,
                         bool (*fn)(void *arg, const struct run_reading_row *row), void *arg)
{
    struct reading_stream stream = {.fn = fn, .arg = arg, .r = r};

    if (r->tables.checkpoint_count == 0)
        return true; /* a run of schema version 1 has no such table */
    return run_db_each(&r->db,
                       component == 0 ? READING_COLUMNS "ORDER BY checkpoint, incarnation"
                                      : READING_COLUMNS
                           "WHERE incarnation IN (SELECT id FROM incarnation WHERE component = ?)"
                           " ORDER BY checkpoint, incarnation",
                       component, take_reading, &stream, "cannot read the readings") ||
           stream.stopped;
}
