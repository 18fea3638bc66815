#include "common/run/writer_internal.h"

#include <endian.h>

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
    if (!run_writer_step(w, which, "cannot write an incarnation"))
        return false;
    if (sqlite3_changes(w->db.db) == 1)
        return true;
    w->failed = true;
    return run_db_refuse(&w->db, "%s: no incarnation %lld", w->path, (long long)incarnation);
}

bool run_writer_catalogue(struct run_writer *w)
{
    for (int i = 0; i < METRIC_COUNT; i++) {
        const struct metric_info *info = metric_info((enum metric)i);
        sqlite3_stmt *s = run_writer_begin(w, STATEMENT_METRIC);

        if (s == NULL)
            return false;
        put_int(s, 1, info->id);
        put_text(s, 2, info->name);
        put_text(s, 3, info->unit);
        put_text(s, 4, info->kind == METRIC_COUNTER ? "counter" : "gauge");
        put_text(s, 5, info->source == METRIC_PAGE ? "page" : "proc");
        if (!run_writer_step(w, STATEMENT_METRIC, "cannot write the metrics"))
            return false;
    }
    return true;
}

bool run_writer_meta_text(struct run_writer *w, const char *key, const char *value)
{
    sqlite3_stmt *s = run_writer_begin(w, STATEMENT_META);

    if (s == NULL)
        return false;
    put_text(s, 1, key);
    put_text(s, 2, value);
    return run_writer_step(w, STATEMENT_META, "cannot write a meta value");
}

bool run_writer_meta_int(struct run_writer *w, const char *key, int64_t value)
{
    sqlite3_stmt *s = run_writer_begin(w, STATEMENT_META);

    if (s == NULL)
        return false;
    put_text(s, 1, key);
    put_int(s, 2, value);
    return run_writer_step(w, STATEMENT_META, "cannot write a meta value");
}

bool run_writer_component(struct run_writer *w, const struct run_component *c, int64_t *id)
{
    sqlite3_stmt *s = run_writer_begin(w, STATEMENT_COMPONENT);

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
    put_text(s, 11, c->coverage);
    put_text(s, 12, c->service);
    put_text(s, 13, c->cap_kind);
    if (c->placed)
        put_int(s, 14, c->host);
    else
        sqlite3_bind_null(s, 14);
    if (!run_writer_step(w, STATEMENT_COMPONENT, "cannot write a component"))
        return false;
    *id = ++w->components;
    return run_writer_fit_cache(w);
}

bool run_writer_plan(struct run_writer *w, int64_t component, int incarnation,
                     uint64_t after_ready_ns, int signal, uint64_t restart_delay_ns)
{
    sqlite3_stmt *s = run_writer_begin(w, STATEMENT_PLAN);

    if (s == NULL)
        return false;
    put_int(s, 1, component);
    put_int(s, 2, incarnation);
    put_int(s, 3, (int64_t)after_ready_ns);
    put_int(s, 4, signal);
    put_int(s, 5, (int64_t)restart_delay_ns);
    return run_writer_step(w, STATEMENT_PLAN, "cannot write the plan");
}

bool run_writer_spawn(struct run_writer *w, int64_t component, int number, int pid,
                      uint64_t time_ns, const char *log, int64_t *id)
{
    sqlite3_stmt *s = run_writer_begin(w, STATEMENT_SPAWN);

    if (s == NULL)
        return false;
    put_int(s, 1, w->incarnations + 1);
    put_int(s, 2, component);
    put_int(s, 3, number);
    put_int(s, 4, pid);
    put_time(s, 5, time_ns);
    put_text(s, 6, log);
    if (!run_writer_step(w, STATEMENT_SPAWN, "cannot write an incarnation"))
        return false;
    *id = ++w->incarnations;
    return true;
}

bool run_writer_ready(struct run_writer *w, int64_t incarnation, uint64_t time_ns)
{
    sqlite3_stmt *s = run_writer_begin(w, STATEMENT_READY);

    if (s == NULL)
        return false;
    put_int(s, 1, incarnation);
    put_time(s, 2, time_ns);
    return step_update(w, STATEMENT_READY, incarnation);
}

bool run_writer_exit(struct run_writer *w, int64_t incarnation, const struct run_exit *exit)
{
    sqlite3_stmt *s = run_writer_begin(w, STATEMENT_EXIT);

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
    sqlite3_stmt *s = run_writer_begin(w, STATEMENT_EVENT);

    if (s == NULL)
        return false;
    put_time(s, 1, time_ns);
    put_time(s, 2, (uint64_t)incarnation);
    put_text(s, 3, kind);
    put_int(s, 4, connection);
    put_int(s, 5, detail);
    return run_writer_step(w, STATEMENT_EVENT, "cannot write an event");
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

void run_writer_put_metrics(sqlite3_stmt *s, int first, const struct metric_values *values)
{
    for (int i = 0; i < METRIC_COUNT; i++) {
        if (metric_has(values, (enum metric)i))
            put_int(s, first + i, values->value[i]);
        else
            sqlite3_bind_null(s, first + i);
    }
}

bool run_writer_histogram(struct run_writer *w, int64_t incarnation, const char *name,
                          const struct histogram *h)
{
    sqlite3_stmt *s = run_writer_begin(w, STATEMENT_HISTOGRAM);
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
    return run_writer_step(w, STATEMENT_HISTOGRAM, "cannot write a histogram");
}

bool run_writer_checkpoint(struct run_writer *w, const struct run_checkpoint *c, int64_t *id)
{
    sqlite3_stmt *s = run_writer_begin(w, STATEMENT_CHECKPOINT);

    if (s == NULL)
        return false;
    put_int(s, 1, w->checkpoints + 1);
    put_text(s, 2, c->closed ? RUN_CHECKPOINT_CLOSED : RUN_CHECKPOINT_REST);
    put_time(s, 3, c->frozen_ns);
    put_time(s, 4, c->start_ns);
    put_time(s, 5, c->end_ns);
    put_text(s, 6, c->held);
    if (!run_writer_step(w, STATEMENT_CHECKPOINT, "cannot write a checkpoint"))
        return false;
    *id = ++w->checkpoints;
    return true;
}

bool run_writer_reading(struct run_writer *w, int64_t checkpoint, const struct run_reading *reading)
{
    sqlite3_stmt *s = run_writer_begin(w, STATEMENT_READING);

    if (s == NULL)
        return false;
    put_int(s, 1, checkpoint);
    put_int(s, 2, reading->incarnation);
    put_time(s, 3, reading->time_ns);
    put_int(s, 4, reading->why == NULL);
    put_text(s, 5, reading->why);
    run_writer_put_metrics(s, 6, reading->values);
    return run_writer_step(w, STATEMENT_READING, "cannot write a reading");
}

bool run_writer_hold(struct run_writer *w, int64_t component, uint64_t from_ns, uint64_t to_ns)
{
    sqlite3_stmt *s = run_writer_begin(w, STATEMENT_HOLD);

    if (s == NULL)
        return false;
    put_int(s, 1, component);
    put_time(s, 2, from_ns);
    put_time(s, 3, to_ns);
    return run_writer_step(w, STATEMENT_HOLD, "cannot write a hold");
}

bool run_writer_fault(struct run_writer *w, const struct run_fault *fault, int64_t *id)
{
    sqlite3_stmt *s = run_writer_begin(w, STATEMENT_FAULT);

    if (s == NULL)
        return false;
    put_int(s, 1, w->faults + 1);
    put_int(s, 2, fault->component);
    put_time(s, 3, (uint64_t)fault->incarnation);
    put_text(s, 4, fault->kind);
    put_time(s, 5, fault->ordered_ns);
    if (!run_writer_step(w, STATEMENT_FAULT, "cannot write a fault"))
        return false;
    *id = ++w->faults;
    return true;
}

bool run_writer_fault_effect(struct run_writer *w, int64_t id, uint64_t time_ns, const char *effect)
{
    sqlite3_stmt *s = run_writer_begin(w, STATEMENT_FAULT_EFFECT);

    if (s == NULL)
        return false;
    put_int(s, 1, id);
    put_time(s, 2, time_ns);
    put_text(s, 3, effect);
    return run_writer_step(w, STATEMENT_FAULT_EFFECT, "cannot write a fault's effect");
}

bool run_writer_limit(struct run_writer *w, const char *name, double value)
{
    sqlite3_stmt *s = run_writer_begin(w, STATEMENT_LIMIT);

    if (s == NULL)
        return false;
    put_text(s, 1, name);
    sqlite3_bind_double(s, 2, value);
    return run_writer_step(w, STATEMENT_LIMIT, "cannot write a limit");
}

bool run_writer_file(struct run_writer *w, const struct run_file *file)
{
    sqlite3_stmt *s = run_writer_begin(w, STATEMENT_FILE);

    if (s == NULL)
        return false;
    put_text(s, 1, file->path);
    put_text(s, 2, file->kind);
    put_int(s, 3, file->bytes);
    put_text(s, 4, file->sha256);
    return run_writer_step(w, STATEMENT_FILE, "cannot write a file's hash");
}
