#include "common/run/tables.h"

#include "common/base/utf8.h"
#include "common/contract/reason.h"
#include "common/run/schema.h"

#include <stdlib.h>
#include <string.h>

struct run_text {
    struct run_text *next;
    char bytes[];
};

struct load {
    struct run_tables *t;
    const struct run_db *db;
};

static bool no_memory(const struct load *load)
{
    return run_db_refuse(load->db, "%s: no memory to read it", load->db->path);
}

/* A column's text, kept; NULL for NULL. Sets *ok to false when there is no memory. */
/* On its way to terminals, pages and CI's logs: without control characters, whoever wrote it. */
static const char *keep_text(const struct load *load, sqlite3_stmt *s, int column, bool *ok)
{
    const unsigned char *value = sqlite3_column_text(s, column);
    size_t size = (size_t)sqlite3_column_bytes(s, column) + 1;
    struct run_text *text;

    if (value == NULL)
        return NULL;
    text = malloc(sizeof *text + size);
    if (text == NULL) {
        *ok = no_memory(load);
        return NULL;
    }
    text->next = load->t->texts;
    load->t->texts = text;
    memcpy(text->bytes, value, size);
    utf8_clean_here(text->bytes);
    return text->bytes;
}

/* What users rely on is never NULL, whatever the file holds. */
static const char *keep_name(const struct load *load, sqlite3_stmt *s, int column, bool *ok)
{
    const char *text = keep_text(load, s, column, ok);

    return text == NULL ? "" : text;
}

static uint64_t get_time(sqlite3_stmt *s, int column)
{
    return (uint64_t)sqlite3_column_int64(s, column); /* 0 for NULL */
}

/* -1 for NULL. */
static int get_number(sqlite3_stmt *s, int column)
{
    return sqlite3_column_type(s, column) == SQLITE_NULL ? -1 : sqlite3_column_int(s, column);
}

/*
 * The array with room for one more row of `size` bytes, zeroed; NULL without memory. It doubles at
 * each power of two, so the count alone tells the capacity.
 */
static void *grow(const struct load *load, void *items, size_t count, size_t size)
{
    char *grown = items;

    if ((count & (count - 1)) == 0)
        grown = reallocarray(items, count == 0 ? 1 : 2 * count, size);
    if (grown == NULL)
        no_memory(load);
    else
        memset(grown + count * size, 0, size);
    return grown;
}

#define INFO_INT_TABLE(X)                       \
    X(seed, "seed")                             \
    X(start_wall_ns, "start_wall_ns")           \
    X(start_ns, "start_ns")                     \
    X(ready_ns, "ready_ns")                     \
    X(stop_ns, "stop_ns")                       \
    X(end_ns, "end_ns")                         \
    X(evidence_ns, "evidence_ns")               \
    X(evidence_end_ns, "evidence_end_ns")       \
    X(duration_ns, "duration_ns")               \
    X(sample_interval_ns, "sample_interval_ns") \
    X(checkpoints, "checkpoints")               \
    X(hosts, "hosts")

#define INFO_TEXT_TABLE(X)         \
    X(version, "flatline_version") \
    X(argv, "argv")                \
    X(host, "host")                \
    X(place, "place")

static bool take_meta(void *arg, sqlite3_stmt *s)
{
    const struct load *load = arg;
    struct run_info *info = &load->t->info;
    const char *key = (const char *)sqlite3_column_text(s, 0);
    bool ok = true;

    if (key == NULL)
        return true;
#define TAKE_INT(field, name)   \
    if (strcmp(key, name) == 0) \
        info->field = (uint64_t)sqlite3_column_int64(s, 1);
    INFO_INT_TABLE(TAKE_INT)
#undef TAKE_INT
#define TAKE_TEXT(field, name)  \
    if (strcmp(key, name) == 0) \
        info->field = keep_name(load, s, 1, &ok);
    INFO_TEXT_TABLE(TAKE_TEXT)
#undef TAKE_TEXT
    if (strcmp(key, "schema_version") == 0)
        info->schema_version = sqlite3_column_int(s, 1);
    if (strcmp(key, "rank") == 0)
        info->rank = sqlite3_column_int(s, 1);
    if (strcmp(key, "interrupted") == 0)
        info->interrupted = sqlite3_column_int(s, 1) != 0;
    return ok;
}

static bool take_component(void *arg, sqlite3_stmt *s)
{
    const struct load *load = arg;
    struct run_tables *t = load->t;
    struct run_component_row *row = grow(load, t->components, t->component_count, sizeof *row);
    bool ok = true;

    if (row == NULL)
        return false;
    t->components = row;
    row += t->component_count++;
    row->id = sqlite3_column_int64(s, 0);
    row->name = keep_name(load, s, 1, &ok);
    row->role = keep_name(load, s, 2, &ok);
    row->server = strcmp(row->role, "server") == 0;
    row->stable = sqlite3_column_int(s, 3) != 0;
    row->secure = sqlite3_column_int(s, 4) != 0;
    row->pattern = keep_text(load, s, 5, &ok);
    row->port = sqlite3_column_int(s, 6);
    row->peer = sqlite3_column_int64(s, 7);
    row->heap_cap = get_time(s, 8);
    row->command = keep_name(load, s, 9, &ok);
    row->own = true;
    row->coverage = RUN_OWN_COVERAGE;
    row->service = RUN_OWN_SERVICE;
    row->cap_kind = RUN_OWN_CAP;
    row->host = -1;
    if (row->id != (int64_t)t->component_count)
        return run_db_refuse(load->db, "%s: damaged: component %lld is out of order",
                             load->db->path, (long long)row->id);
    return ok;
}

static void keep_over(const struct load *load, sqlite3_stmt *s, int column, const char **into,
                      bool *ok)
{
    const char *text = keep_text(load, s, column, ok);

    if (text != NULL)
        *into = text;
}

/* After the components themselves, in the same order. */
static bool take_component_kind(void *arg, sqlite3_stmt *s)
{
    const struct load *load = arg;
    int64_t id = sqlite3_column_int64(s, 0);
    struct run_component_row *row = &load->t->components[id - 1];
    bool ok = true;

    row->own = sqlite3_column_type(s, 1) == SQLITE_NULL;
    keep_over(load, s, 1, &row->coverage, &ok);
    keep_over(load, s, 2, &row->service, &ok);
    keep_over(load, s, 3, &row->cap_kind, &ok);
    /* All memory of a group is another quantity than `data`, and never compared with it. */
    if (strcmp(row->cap_kind, RUN_GROUP_CAP) == 0) {
        row->group_cap = row->heap_cap;
        row->heap_cap = 0;
    }
    return ok;
}

static bool take_component_host(void *arg, sqlite3_stmt *s)
{
    const struct load *load = arg;

    load->t->components[sqlite3_column_int64(s, 0) - 1].host = get_number(s, 1);
    return true;
}

static bool take_incarnation(void *arg, sqlite3_stmt *s)
{
    const struct load *load = arg;
    struct run_tables *t = load->t;
    struct run_incarnation_row *row =
        grow(load, t->incarnations, t->incarnation_count, sizeof *row);
    bool ok = true;

    if (row == NULL)
        return false;
    t->incarnations = row;
    row += t->incarnation_count++;
    row->id = sqlite3_column_int64(s, 0);
    row->component = sqlite3_column_int64(s, 1);
    row->number = sqlite3_column_int(s, 2);
    row->pid = sqlite3_column_int(s, 3);
    row->spawn_ns = get_time(s, 4);
    row->ready_ns = get_time(s, 5);
    row->ordered_ns = get_time(s, 6);
    row->ordered_signal = sqlite3_column_int(s, 7);
    row->exit_ns = get_time(s, 8);
    row->exit_code = sqlite3_column_type(s, 9) == SQLITE_NULL ? -1 : sqlite3_column_int(s, 9);
    row->exit_signal = sqlite3_column_int(s, 10);
    row->reason_name = keep_text(load, s, 11, &ok);
    row->reason = row->reason_name == NULL ? -1 : reason_find(row->reason_name);
    row->obituary = keep_text(load, s, 12, &ok);
    row->log = keep_text(load, s, 13, &ok);
    if (row->id != (int64_t)t->incarnation_count || row->component < 1 ||
        row->component > (int64_t)t->component_count)
        return run_db_refuse(load->db, "%s: damaged: incarnation %lld of component %lld",
                             load->db->path, (long long)row->id, (long long)row->component);
    return ok;
}

static bool is_component(const struct load *load, int64_t component, const char *what)
{
    return (component >= 1 && component <= (int64_t)load->t->component_count) ||
           run_db_refuse(load->db, "%s: damaged: %s component %lld", load->db->path, what,
                         (long long)component);
}

static bool take_plan(void *arg, sqlite3_stmt *s)
{
    const struct load *load = arg;
    struct run_tables *t = load->t;
    struct run_plan_row *row = grow(load, t->plan, t->plan_count, sizeof *row);

    if (row == NULL)
        return false;
    t->plan = row;
    row += t->plan_count++;
    row->component = sqlite3_column_int64(s, 0);
    row->incarnation = sqlite3_column_int(s, 1);
    row->after_ready_ns = get_time(s, 2);
    row->signal = sqlite3_column_int(s, 3);
    row->restart_delay_ns = get_time(s, 4);
    return is_component(load, row->component, "a plan for");
}

static bool take_checkpoint(void *arg, sqlite3_stmt *s)
{
    const struct load *load = arg;
    struct run_tables *t = load->t;
    struct run_checkpoint_row *row = grow(load, t->checkpoints, t->checkpoint_count, sizeof *row);
    const char *kind = (const char *)sqlite3_column_text(s, 1);
    bool ok = true;

    if (row == NULL)
        return false;
    t->checkpoints = row;
    row += t->checkpoint_count++;
    row->id = sqlite3_column_int64(s, 0);
    row->closed = kind != NULL && strcmp(kind, RUN_CHECKPOINT_CLOSED) == 0;
    row->frozen_ns = get_time(s, 2);
    row->start_ns = get_time(s, 3);
    row->end_ns = get_time(s, 4);
    row->held = keep_text(load, s, 5, &ok);
    row->host = -1;
    if (row->id != (int64_t)t->checkpoint_count)
        return run_db_refuse(load->db, "%s: damaged: checkpoint %lld is out of order",
                             load->db->path, (long long)row->id);
    return ok;
}

static bool take_checkpoint_host(void *arg, sqlite3_stmt *s)
{
    const struct load *load = arg;

    load->t->checkpoints[sqlite3_column_int64(s, 0) - 1].host = get_number(s, 1);
    return true;
}

static bool take_hold(void *arg, sqlite3_stmt *s)
{
    const struct load *load = arg;
    struct run_tables *t = load->t;
    struct run_hold_row *row = grow(load, t->holds, t->hold_count, sizeof *row);

    if (row == NULL)
        return false;
    t->holds = row;
    row += t->hold_count++;
    row->component = sqlite3_column_int64(s, 0);
    row->from_ns = get_time(s, 1);
    row->to_ns = get_time(s, 2);
    return is_component(load, row->component, "a hold of");
}

static bool take_fault(void *arg, sqlite3_stmt *s)
{
    const struct load *load = arg;
    struct run_tables *t = load->t;
    struct run_fault_row *row = grow(load, t->faults, t->fault_count, sizeof *row);
    bool ok = true;

    if (row == NULL)
        return false;
    t->faults = row;
    row += t->fault_count++;
    row->id = sqlite3_column_int64(s, 0);
    row->component = sqlite3_column_int64(s, 1);
    row->incarnation = sqlite3_column_int64(s, 2);
    row->kind = keep_name(load, s, 3, &ok);
    row->ordered_ns = get_time(s, 4);
    row->effect_ns = get_time(s, 5);
    row->effect = keep_text(load, s, 6, &ok);
    row->observed = sqlite3_column_int(s, 7) != 0;
    return ok && is_component(load, row->component, "a fault of");
}

static bool take_limit(void *arg, sqlite3_stmt *s)
{
    const struct load *load = arg;
    struct run_tables *t = load->t;
    struct run_limit_row *row = grow(load, t->limits, t->limit_count, sizeof *row);
    bool ok = true;

    if (row == NULL)
        return false;
    t->limits = row;
    row += t->limit_count++;
    row->name = keep_name(load, s, 0, &ok);
    row->value = sqlite3_column_double(s, 1);
    return ok;
}

static bool take_host(void *arg, sqlite3_stmt *s)
{
    const struct load *load = arg;
    struct run_tables *t = load->t;
    struct run_host_row *row = grow(load, t->hosts, t->host_count, sizeof *row);
    bool ok = true;

    if (row == NULL)
        return false;
    t->hosts = row;
    row += t->host_count++;
    row->rank = sqlite3_column_int(s, 0);
    row->name = keep_name(load, s, 1, &ok);
    row->address = keep_name(load, s, 2, &ok);
    row->offset_ns = sqlite3_column_int64(s, 3);
    row->offset_error_ns = get_time(s, 4);
    row->lost = strcmp(keep_name(load, s, 5, &ok), RUN_HOST_DONE) != 0;
    row->first_ns = get_time(s, 6);
    row->last_ns = get_time(s, 7);
    row->phase.stop_ns = get_time(s, 8);
    row->phase.evidence_ns = get_time(s, 9);
    row->phase.evidence_end_ns = get_time(s, 10);
    row->status = get_number(s, 11);
    row->verdict = keep_name(load, s, 12, &ok);
    row->reason = keep_text(load, s, 13, &ok);
    return ok;
}

static bool take_identity(void *arg, sqlite3_stmt *s)
{
    const struct load *load = arg;

    return sqlite3_column_int(s, 0) == RUN_APPLICATION_ID ||
           run_db_refuse(load->db, "%s: a database, but not a Flatline run", load->db->path);
}

/* A driver killed at its very start leaves a run without tables. */
static bool take_table_count(void *arg, sqlite3_stmt *s)
{
    const struct load *load = arg;

    return sqlite3_column_int(s, 0) > 0 ||
           run_db_refuse(load->db, "%s: a run that never began: no tables", load->db->path);
}

/* The table of what is read, in the order it is read in; since: which schema version has it. */
static const struct {
    int since;
    bool (*take)(void *arg, sqlite3_stmt *s);
    const char *sql;
} queries[] = {
    {1, take_component,
     "SELECT id, name, role, stable, secure, pattern, port, peer, heap_cap, command"
     " FROM component ORDER BY id"},
    {2, take_component_kind, "SELECT id, coverage, service, cap_kind FROM component ORDER BY id"},
    {1, take_incarnation,
     "SELECT id, component, number, pid, spawn_ns, ready_ns, ordered_ns, ordered_signal, exit_ns,"
     " exit_code, exit_signal, reason, obituary, log FROM incarnation ORDER BY id"},
    {1, take_plan,
     "SELECT component, incarnation, after_ready_ns, signal, restart_delay_ns"
     " FROM plan ORDER BY component, incarnation"},
    {2, take_checkpoint,
     "SELECT id, kind, frozen_ns, start_ns, end_ns, held FROM checkpoint ORDER BY id"},
    {2, take_hold, "SELECT component, from_ns, to_ns FROM hold ORDER BY component, from_ns"},
    {2, take_fault,
     "SELECT id, component, incarnation, kind, ordered_ns, effect_ns, effect, observed"
     " FROM fault ORDER BY id"},
    {2, take_limit, "SELECT name, value FROM limit_used ORDER BY name"},
    {3, take_component_host, "SELECT id, host FROM component ORDER BY id"},
    {3, take_checkpoint_host, "SELECT id, host FROM checkpoint ORDER BY id"},
    {3, take_host,
     "SELECT rank, name, address, offset_ns, offset_error_ns, state, first_ns, last_ns, stop_ns,"
     " evidence_ns, evidence_end_ns, status, verdict, reason FROM host ORDER BY rank"},
};

static bool load_meta(const struct load *load)
{
    struct run_info *info = &load->t->info;

    info->version = info->argv = info->host = info->place = "";
    info->rank = -1;
    info->schema_version = 1;
    if (!run_db_each(load->db, "PRAGMA application_id", 0, take_identity, (void *)load,
                     "cannot read") ||
        !run_db_each(load->db, "SELECT count(*) FROM sqlite_schema WHERE name = 'meta'", 0,
                     take_table_count, (void *)load, "cannot read") ||
        !run_db_each(load->db, "SELECT key, value FROM meta", 0, take_meta, (void *)load,
                     "cannot read"))
        return false;
    info->finished = info->end_ns != 0;
    return info->schema_version <= RUN_SCHEMA_VERSION ||
           run_db_refuse(load->db,
                         "%s: its schema version %d is newer than the %d known here: use a newer "
                         "Flatline",
                         load->db->path, info->schema_version, RUN_SCHEMA_VERSION);
}

bool run_tables_load(struct run_tables *t, const struct run_db *db)
{
    struct load load = {t, db};
    bool ok = load_meta(&load);

    for (size_t i = 0; ok && i < sizeof queries / sizeof *queries; i++)
        ok = queries[i].since > t->info.schema_version ||
             run_db_each(db, queries[i].sql, 0, queries[i].take, &load, "cannot read");
    return ok;
}

void run_tables_free(struct run_tables *t)
{
    while (t->texts != NULL) {
        struct run_text *next = t->texts->next;

        free(t->texts);
        t->texts = next;
    }
    free(t->components);
    free(t->incarnations);
    free(t->plan);
    free(t->checkpoints);
    free(t->holds);
    free(t->faults);
    free(t->limits);
    free(t->hosts);
}
