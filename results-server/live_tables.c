/* Rows of a host's run.db (common/run/schema.h), as a batch brings them. */
#include "results-server/live_internal.h"

#include "common/contract/reason.h"

#include <stdlib.h>
#include <string.h>

/* The columns that are looked at, by table. */
#define META_COLUMNS(X) X(META_KEY, "key") X(META_VALUE, "value")
#define COMPONENT_COLUMNS(X) \
    X(COMPONENT_ID, "id")    \
    X(COMPONENT_NAME, "name") X(COMPONENT_ROLE, "role") X(COMPONENT_HOST, "host")
#define INCARNATION_COLUMNS(X)            \
    X(INCARNATION_ID, "id")               \
    X(INCARNATION_COMPONENT, "component") \
    X(INCARNATION_NUMBER, "number")       \
    X(INCARNATION_ORDERED, "ordered_ns")  \
    X(INCARNATION_EXIT, "exit_ns")        \
    X(INCARNATION_REASON, "reason")
#define CHECKPOINT_COLUMNS(X) X(CHECKPOINT_START, "start_ns")
#define SAMPLE_COLUMNS(X)                                                 \
    X(SAMPLE_INCARNATION, "incarnation")                                  \
    X(SAMPLE_TIME, "time_ns")                                             \
    X(SAMPLE_STALE, "stale")                                              \
    X(SAMPLE_SENT, "messages_sent")                                       \
    X(SAMPLE_RECEIVED, "messages_received")                               \
    X(SAMPLE_MEMORY, "live") /* and the other measures, in their order */ \
    X(SAMPLE_DATA, "data")                                                \
    X(SAMPLE_RSS, "rss")
#define MOST_COLUMNS 8

#define COLUMN_ENUM(ident, name) ident,
#define COLUMN_NAME(ident, name) name,
enum { META_COLUMNS(COLUMN_ENUM) META_COUNT };
enum { COMPONENT_COLUMNS(COLUMN_ENUM) COMPONENT_COUNT };
enum { INCARNATION_COLUMNS(COLUMN_ENUM) INCARNATION_COUNT };
enum { CHECKPOINT_COLUMNS(COLUMN_ENUM) CHECKPOINT_COUNT };
enum { SAMPLE_COLUMNS(COLUMN_ENUM) SAMPLE_COUNT };

/* A row, and where its columns are. */
struct row {
    const json_t *cells;
    size_t at[MOST_COLUMNS]; /* SIZE_MAX: nowhere */
};

/* NULL where the column or the value is not there. */
static const json_t *cell(const struct row *row, unsigned column)
{
    return json_array_get(row->cells, row->at[column]);
}

static bool get_integer(const struct row *row, unsigned column, json_int_t *out)
{
    const json_t *value = cell(row, column);

    *out = json_integer_value(value);
    return json_is_integer(value);
}

static void find_columns(struct row *row, const json_t *table, const char *const names[],
                         size_t count)
{
    const json_t *columns = json_object_get(table, "columns"), *column;
    size_t i;

    for (size_t k = 0; k < MOST_COLUMNS; k++)
        row->at[k] = SIZE_MAX;
    json_array_foreach(columns, i, column)
    {
        for (size_t k = 0; k < count && json_is_string(column); k++) {
            if (strcmp(json_string_value(column), names[k]) == 0)
                row->at[k] = i;
        }
    }
}

/* ---- meta, component ---- */

static void take_meta(struct live_batch *batch, const struct row *row)
{
    const char *key = json_string_value(cell(row, META_KEY));
    const json_t *value = cell(row, META_VALUE);

    if (key == NULL || strcmp(key, "duration_ns") != 0)
        return;
    batch->host->test->duration_ns = json_is_string(value)
                                         ? strtoll(json_string_value(value), NULL, 10)
                                         : json_integer_value(value);
}

static void take_component(struct live_batch *batch, const struct row *row)
{
    const char *name = json_string_value(cell(row, COMPONENT_NAME));
    const char *role = json_string_value(cell(row, COMPONENT_ROLE));
    struct live_host *host = batch->host;
    struct live_part *part;
    json_int_t id, rank;

    /* What another host runs is named here only because peers of it run here. */
    if (name == NULL || !get_integer(row, COMPONENT_ID, &id) ||
        (get_integer(row, COMPONENT_HOST, &rank) && host->rank >= 0 && rank != host->rank))
        return;
    part = live_host_part(host, name);
    if (part == NULL)
        return;
    if (part->role == NULL && role != NULL)
        part->role = strdup(role);
    live_ids_set(host, &host->components, id, part);
}

/* ---- incarnation ---- */

static void end_incarnation(struct live_batch *batch, struct live_part *part, const struct row *row,
                            json_int_t exit_ns)
{
    const char *reason = json_string_value(cell(row, INCARNATION_REASON));
    json_int_t ordered_ns;
    int64_t time_ns = 0;
    bool drawn;

    /* At the end of the run it is what it held last that is of interest. */
    if (reason == NULL || reason_find(reason) == REASON_STOPPED)
        return;
    if (part->ended == part->number)
        live_part_hold(part, 0, 0);
    if (!get_integer(row, INCARNATION_ORDERED, &ordered_ns))
        ordered_ns = exit_ns;
    drawn = live_host_time(batch->host, ordered_ns, batch->latest_ns, &time_ns);
    if (reason_find(reason) == REASON_CHAOS) {
        part->kills++;
        if (drawn)
            live_host_kill(batch->host, time_ns);
        return;
    }
    part->deaths++;
    live_test_death(batch->host->test, part, time_ns, reason);
}

static void take_incarnation(struct live_batch *batch, const struct row *row)
{
    struct live_host *host = batch->host;
    json_int_t id, component, number, exit_ns;
    struct live_part *part;

    if (!get_integer(row, INCARNATION_ID, &id) || !get_integer(row, INCARNATION_NUMBER, &number) ||
        !get_integer(row, INCARNATION_COMPONENT, &component))
        return;
    part = live_ids_get(host, &host->components, component);
    if (part == NULL)
        return;
    live_ids_set(host, &host->incarnations, id, part);
    if (number > part->number) {
        part->number = number;
        part->current = id;
    }
    /* The row comes again whenever it changed. */
    if (!get_integer(row, INCARNATION_EXIT, &exit_ns) || number <= part->ended)
        return;
    part->ended = number;
    end_incarnation(batch, part, row, exit_ns);
}

/* ---- checkpoint ---- */

static void take_checkpoint(struct live_batch *batch, const struct row *row)
{
    json_int_t start_ns;

    if (get_integer(row, CHECKPOINT_START, &start_ns))
        batch->host->test->pauses = true;
}

/* ---- sample ---- */

static void take_memory(struct live_part *part, const struct row *row, bool drawn, int64_t time_ns)
{
    json_int_t memory;

    for (unsigned m = 0; m < LIVE_MEASURES; m++) {
        if (!get_integer(row, SAMPLE_MEMORY + m, &memory))
            continue;
        part->host->test->measures |= 1u << m;
        if (live_part_lives(part))
            live_part_hold(part, memory, part->rate);
        if (drawn)
            live_part_put(part, LIVE_MEMORY, time_ns, (double)memory);
        return;
    }
}

static void take_traffic(struct live_batch *batch, struct live_part *part, const struct row *row,
                         json_int_t id, json_int_t time_ns)
{
    struct live_counter now = {id, time_ns, 0}, was = part->counter;
    json_int_t sent, received;
    bool has_sent = get_integer(row, SAMPLE_SENT, &sent);
    bool has_received = get_integer(row, SAMPLE_RECEIVED, &received);

    if ((!has_sent && !has_received) || (was.id == id && was.time_ns >= time_ns))
        return;
    now.count = sent + received;
    part->counter = now;
    /* Of the first incarnation heard of, what came before is unknown; a later one began at 0. */
    if (was.id != id)
        was = (struct live_counter){id, time_ns, was.id == 0 ? now.count : 0};
    if (now.count < was.count)
        return;
    if (now.time_ns > was.time_ns && live_part_lives(part))
        live_part_hold(part, part->memory,
                       (double)(now.count - was.count) * 1e9 / (double)(time_ns - was.time_ns));
    live_part_flow(part, &(struct live_flow){was.time_ns, time_ns, batch->latest_ns,
                                             (double)(now.count - was.count)});
}

static void take_sample(struct live_batch *batch, const struct row *row)
{
    struct live_host *host = batch->host;
    const json_t *stale = cell(row, SAMPLE_STALE);
    json_int_t id, time_ns;
    struct live_part *part;
    int64_t since_start;
    bool drawn;

    if (!get_integer(row, SAMPLE_INCARNATION, &id) || !get_integer(row, SAMPLE_TIME, &time_ns))
        return;
    part = live_ids_get(host, &host->incarnations, id);
    if (part == NULL || json_integer_value(stale) != 0 || id < part->counter.id)
        return;
    drawn = live_host_time(host, time_ns, batch->latest_ns, &since_start);
    if (drawn && host->test->duration_ns > 0 && since_start > host->test->duration_ns)
        return; /* connections are being closed */
    if (drawn)
        live_batch_heard(batch, since_start);
    take_traffic(batch, part, row, id, time_ns);
    take_memory(part, row, drawn, since_start);
}

/* ---- all of them ---- */

static const struct {
    const char *name;
    const char *columns[MOST_COLUMNS];
    size_t count;
    void (*take)(struct live_batch *batch, const struct row *row);
} readers[] = {
    /* in this order, as each needs what those above say */
    {"meta", {META_COLUMNS(COLUMN_NAME)}, META_COUNT, take_meta},
    {"component", {COMPONENT_COLUMNS(COLUMN_NAME)}, COMPONENT_COUNT, take_component},
    {"incarnation", {INCARNATION_COLUMNS(COLUMN_NAME)}, INCARNATION_COUNT, take_incarnation},
    {"checkpoint", {CHECKPOINT_COLUMNS(COLUMN_NAME)}, CHECKPOINT_COUNT, take_checkpoint},
    {"sample", {SAMPLE_COLUMNS(COLUMN_NAME)}, SAMPLE_COUNT, take_sample},
};

void live_take_tables(struct live_batch *batch, const json_t *tables)
{
    for (size_t r = 0; r < sizeof readers / sizeof readers[0]; r++) {
        const json_t *table = json_object_get(tables, readers[r].name), *cells;
        struct row row;
        size_t i;

        find_columns(&row, table, readers[r].columns, readers[r].count);
        json_array_foreach(json_object_get(table, "rows"), i, cells)
        {
            row.cells = cells;
            readers[r].take(batch, &row);
        }
    }
}
