#include "results-server/merge_internal.h"

#include <gnutls/gnutls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IDS_MAX (1 << 24) /* an id beyond is none that a driver gave out */
#define NAME_MAX_SIZE 64

static const struct {
    const char *name, *key;
    bool wide;
} tables[MERGE_TABLES] = {
#define TABLE_ROW(ident, name, key, wide) [MERGE_##ident] = {name, key, wide},
    MERGE_TABLE(TABLE_ROW)
#undef TABLE_ROW
};

/* Columns that are more than a value, of all tables. */
static const struct {
    enum merge_table table;
    const char *name;
    enum merge_kind kind;
} special[] = {
    {MERGE_COMPONENT, "id", MERGE_COMPONENT_ID},
    {MERGE_PLAN, "component", MERGE_OF_COMPONENT},
    {MERGE_INCARNATION, "id", MERGE_INCARNATION_ID},
    {MERGE_INCARNATION, "component", MERGE_OF_COMPONENT},
    {MERGE_INCARNATION, "spawn_ns", MERGE_TIME},
    {MERGE_INCARNATION, "ready_ns", MERGE_TIME},
    {MERGE_INCARNATION, "ordered_ns", MERGE_TIME},
    {MERGE_INCARNATION, "exit_ns", MERGE_TIME},
    {MERGE_EVENT, "time_ns", MERGE_TIME},
    {MERGE_EVENT, "incarnation", MERGE_OF_INCARNATION},
    {MERGE_SAMPLE, "incarnation", MERGE_OF_INCARNATION},
    {MERGE_SAMPLE, "time_ns", MERGE_TIME},
    {MERGE_SAMPLE, "first_message", MERGE_TIME},
    {MERGE_HISTOGRAM, "incarnation", MERGE_OF_INCARNATION},
    {MERGE_HISTOGRAM, "buckets", MERGE_BLOB},
    {MERGE_CHECKPOINT, "id", MERGE_CHECKPOINT_ID},
    {MERGE_CHECKPOINT, "frozen_ns", MERGE_TIME},
    {MERGE_CHECKPOINT, "start_ns", MERGE_TIME},
    {MERGE_CHECKPOINT, "end_ns", MERGE_TIME},
    {MERGE_READING, "checkpoint", MERGE_OF_CHECKPOINT},
    {MERGE_READING, "incarnation", MERGE_OF_INCARNATION},
    {MERGE_READING, "time_ns", MERGE_TIME},
    {MERGE_READING, "first_message", MERGE_TIME},
    {MERGE_HOLD, "component", MERGE_OF_COMPONENT},
    {MERGE_HOLD, "from_ns", MERGE_TIME},
    {MERGE_HOLD, "to_ns", MERGE_TIME},
    {MERGE_FAULT, "component", MERGE_OF_COMPONENT},
    {MERGE_FAULT, "incarnation", MERGE_OF_INCARNATION},
    {MERGE_FAULT, "ordered_ns", MERGE_TIME},
    {MERGE_FAULT, "effect_ns", MERGE_TIME},
};

static enum merge_kind kind_of(enum merge_table table, const char *column)
{
    for (size_t i = 0; i < sizeof special / sizeof *special; i++) {
        if (special[i].table == table && strcmp(special[i].name, column) == 0)
            return special[i].kind;
    }
    return MERGE_VALUE;
}

bool merge_stage(struct merge *m)
{
    char sql[512];

    for (int i = 0; i < MERGE_TABLES; i++) {
        if (tables[i].key == NULL)
            continue;
        snprintf(sql, sizeof sql,
                 "CREATE TEMP TABLE of_%s AS SELECT 0 AS rank, * FROM main.%s WHERE 0;"
                 "CREATE UNIQUE INDEX temp.key_of_%s ON of_%s (rank, %s)",
                 tables[i].name, tables[i].name, tables[i].name, tables[i].name, tables[i].key);
        if (!merge_execute(m, sql, "cannot make room for the rows"))
            return false;
    }
    return true;
}

/* ---- ids ---- */

static int64_t id_of(const struct merge_ids *ids, json_int_t id)
{
    return id > 0 && (size_t)id < ids->count ? ids->to[id] : 0;
}

/* False: no memory, or no id that could be. */
static bool set_id(struct merge_ids *ids, json_int_t id, int64_t to)
{
    size_t count = ids->count == 0 ? 64 : ids->count;
    int64_t *grown;

    if (id <= 0 || id >= IDS_MAX)
        return false;
    while (count <= (size_t)id)
        count *= 2;
    grown = count == ids->count ? ids->to : reallocarray(ids->to, count, sizeof *grown);
    if (grown == NULL)
        return false;
    memset(grown + ids->count, 0, (count - ids->count) * sizeof *grown);
    ids->to = grown;
    ids->count = count;
    ids->to[id] = to;
    return true;
}

/* ---- the shape of rows ---- */

static void forget_shape(struct merge_shape *shape)
{
    sqlite3_finalize(shape->insert);
    json_decref(shape->columns);
    *shape = (struct merge_shape){0};
}

void merge_free_shapes(struct merge *m)
{
    for (int i = 0; i < MERGE_TABLES; i++)
        forget_shape(&m->shapes[i]);
}

static bool is_name(const char *name)
{
    size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_");

    return length > 0 && length < NAME_MAX_SIZE && name[length] == '\0';
}

static bool has_column(struct merge *m, const char *table, const char *column)
{
    return sqlite3_table_column_metadata(m->db.db, "main", table, column, NULL, NULL, NULL, NULL,
                                         NULL) == SQLITE_OK;
}

/* A metric that only a newer driver knows is kept, as readers expect it. */
static bool add_metric(struct merge *m, enum merge_table table, const char *column)
{
    char sql[4 * NAME_MAX_SIZE];

    snprintf(sql, sizeof sql, "ALTER TABLE main.%s ADD COLUMN \"%s\" INTEGER", tables[table].name,
             column);
    if (!merge_execute(m, sql, "cannot add a metric"))
        return false;
    if (tables[table].key == NULL)
        return true;
    snprintf(sql, sizeof sql, "ALTER TABLE temp.of_%s ADD COLUMN \"%s\" INTEGER",
             tables[table].name, column);
    return merge_execute(m, sql, "cannot add a metric");
}

/* The statement for rows of these columns; those that no table here has are passed over. */
static bool prepare(struct merge *m, enum merge_table table, const json_t *columns)
{
    struct merge_shape *shape = &m->shapes[table];
    bool staged = tables[table].key != NULL;
    char *sql = NULL, values[2 * MERGE_COLUMNS + 8] = "";
    size_t size, i;
    FILE *out = open_memstream(&sql, &size);
    const json_t *column;
    bool ok = out != NULL;

    if (!ok)
        return run_db_refuse(&m->db, "%s: no memory to merge", m->path);
    fprintf(out, "INSERT OR REPLACE INTO %s%s (", staged ? "temp.of_" : "main.",
            tables[table].name);
    json_array_foreach(columns, i, column)
    {
        const char *name = json_string_value(column);

        if (!has_column(m, tables[table].name, name) &&
            !(tables[table].wide && (ok = ok && add_metric(m, table, name))))
            shape->kinds[i] = MERGE_SKIPPED;
        else
            fprintf(out, "%s\"%s\"", *values == '\0' ? "" : ", ", name);
        if (shape->kinds[i] != MERGE_SKIPPED)
            strcat(values, *values == '\0' ? "?" : ",?");
    }
    fprintf(out, "%s) VALUES (%s%s)", staged ? ", rank" : "", values, staged ? ",?" : "");
    ok = fclose(out) == 0 && ok;
    if (ok && sqlite3_prepare_v3(m->db.db, sql, -1, SQLITE_PREPARE_PERSISTENT, &shape->insert,
                                 NULL) != SQLITE_OK)
        ok = run_db_fail(&m->db, "cannot prepare");
    free(sql);
    return ok;
}

/* What a row is about must be said. */
static bool refers_to_all(enum merge_table table, const json_t *columns)
{
    const json_t *column;
    size_t demanded = 0, there = 0, i;

    for (size_t k = 0; k < sizeof special / sizeof *special; k++)
        demanded += special[k].table == table && special[k].kind >= MERGE_COMPONENT_ID;
    json_array_foreach(columns, i, column)
    {
        there += kind_of(table, json_string_value(column)) >= MERGE_COMPONENT_ID;
    }
    return there == demanded;
}

/* Whether rows of these columns can be taken; remembers how. *failed: the database failed. */
static bool take_shape(struct merge *m, enum merge_table table, json_t *columns, bool *failed)
{
    struct merge_shape *shape = &m->shapes[table];
    const json_t *column;
    size_t i;

    if (shape->columns != NULL && json_equal(shape->columns, columns))
        return true;
    if (!json_is_array(columns) || json_array_size(columns) == 0 ||
        json_array_size(columns) > MERGE_COLUMNS)
        return false;
    forget_shape(shape);
    json_array_foreach(columns, i, column)
    {
        if (!json_is_string(column) || !is_name(json_string_value(column)))
            return false;
        shape->kinds[i] = kind_of(table, json_string_value(column));
    }
    if (!refers_to_all(table, columns))
        return false;
    shape->count = i;
    *failed = !prepare(m, table, columns);
    if (!*failed)
        shape->columns = json_incref(columns);
    return !*failed;
}

/* ---- rows ---- */

enum belonging { ROW_OURS, ROW_ELSEWHERE, ROW_WRONG };

static enum belonging ours_if(bool ours)
{
    return ours ? ROW_OURS : ROW_WRONG;
}

static enum belonging cell_belongs(const struct merge_share *share, enum merge_kind kind,
                                   const json_t *cell)
{
    json_int_t id = json_integer_value(cell);
    int64_t component;

    switch (kind) {
    case MERGE_OF_COMPONENT:
        component = id_of(&share->components, id);
        return component < 0 ? ROW_ELSEWHERE : ours_if(component > 0);
    case MERGE_OF_INCARNATION:
        return ours_if(json_is_null(cell) || id_of(&share->incarnations, id) != 0);
    case MERGE_OF_CHECKPOINT:
        return ours_if(id_of(&share->checkpoints, id) != 0);
    case MERGE_COMPONENT_ID:
    case MERGE_INCARNATION_ID:
    case MERGE_CHECKPOINT_ID:
        return ours_if(id > 0 && id < IDS_MAX);
    case MERGE_TIME:
        return ours_if(json_is_null(cell) || json_is_integer(cell));
    case MERGE_BLOB:
        return ours_if(json_is_null(cell) || json_is_string(cell));
    case MERGE_VALUE:
        return ours_if(json_is_null(cell) || json_is_number(cell) || json_is_string(cell));
    case MERGE_SKIPPED:
        break;
    }
    return ROW_OURS;
}

/* Whether whom a row refers to is known, and run by its host. */
static enum belonging row_belongs(const struct merge_share *share, const struct merge_shape *shape,
                                  const json_t *row)
{
    enum belonging belonging = ROW_OURS;

    if (json_array_size(row) != shape->count)
        return ROW_WRONG;
    for (size_t i = 0; i < shape->count && belonging == ROW_OURS; i++)
        belonging = cell_belongs(share, shape->kinds[i], json_array_get(row, i));
    return belonging;
}

static bool bind_blob(sqlite3_stmt *s, int parameter, const json_t *cell)
{
    gnutls_datum_t text = {(unsigned char *)json_string_value(cell),
                           (unsigned)json_string_length(cell)};
    gnutls_datum_t bytes = {NULL, 0};
    bool ok;

    if (text.size == 0)
        return sqlite3_bind_zeroblob(s, parameter, 0) == SQLITE_OK;
    ok =
        gnutls_base64_decode2(&text, &bytes) == 0 &&
        sqlite3_bind_blob(s, parameter, bytes.data, (int)bytes.size, SQLITE_TRANSIENT) == SQLITE_OK;
    gnutls_free(bytes.data);
    return ok;
}

/* The text lives until the step. */
static bool bind_plain(sqlite3_stmt *s, int parameter, const json_t *cell)
{
    switch (json_typeof(cell)) {
    case JSON_NULL:
        return sqlite3_bind_null(s, parameter) == SQLITE_OK;
    case JSON_INTEGER:
        return sqlite3_bind_int64(s, parameter, json_integer_value(cell)) == SQLITE_OK;
    case JSON_REAL:
        return sqlite3_bind_double(s, parameter, json_real_value(cell)) == SQLITE_OK;
    case JSON_STRING:
        return sqlite3_bind_text(s, parameter, json_string_value(cell),
                                 (int)json_string_length(cell), SQLITE_STATIC) == SQLITE_OK;
    default:
        return false;
    }
}

/* Incarnations are numbered in the order in which they come; 0: no memory. */
static int64_t number_incarnation(struct merge *m, struct merge_share *share, json_int_t id)
{
    int64_t to = id_of(&share->incarnations, id);

    if (to != 0)
        return to;
    if (!set_id(&share->incarnations, id, m->incarnations + 1))
        return 0;
    return ++m->incarnations;
}

/* False: no such value can be. */
static bool bind(struct merge *m, struct merge_share *share, enum merge_kind kind, sqlite3_stmt *s,
                 int parameter, const json_t *cell)
{
    json_int_t number = json_integer_value(cell);

    switch (kind) {
    case MERGE_TIME:
        return json_is_null(cell)
                   ? bind_plain(s, parameter, cell)
                   : sqlite3_bind_int64(s, parameter, number + share->host.offset_ns) == SQLITE_OK;
    case MERGE_BLOB:
        return json_is_null(cell) ? bind_plain(s, parameter, cell) : bind_blob(s, parameter, cell);
    case MERGE_INCARNATION_ID:
        number = number_incarnation(m, share, number);
        return number != 0 && sqlite3_bind_int64(s, parameter, number) == SQLITE_OK;
    case MERGE_CHECKPOINT_ID:
        return set_id(&share->checkpoints, number, number) &&
               sqlite3_bind_int64(s, parameter, number) == SQLITE_OK;
    case MERGE_OF_INCARNATION:
        number = id_of(&share->incarnations, number);
        return number == 0 ? sqlite3_bind_null(s, parameter) == SQLITE_OK
                           : sqlite3_bind_int64(s, parameter, number) == SQLITE_OK;
    default:
        return bind_plain(s, parameter, cell);
    }
}

static const json_t *cell_of(const struct merge_shape *shape, const json_t *row, const char *column)
{
    const json_t *name;
    size_t i;

    json_array_foreach(shape->columns, i, name)
    {
        if (strcmp(json_string_value(name), column) == 0)
            return json_array_get(row, i);
    }
    return NULL;
}

/* A component counts as its host's unless it says that it runs on another. */
static bool know_component(struct merge_share *share, const struct merge_shape *shape,
                           const json_t *row)
{
    const json_t *host = cell_of(shape, row, "host");
    bool here = !json_is_integer(host) || json_integer_value(host) == share->host.rank;

    return set_id(&share->components, json_integer_value(cell_of(shape, row, "id")), here ? 1 : -1);
}

static bool bind_row(struct merge *m, struct merge_share *share, const struct merge_shape *shape,
                     const json_t *row, bool staged)
{
    int parameter = 0;

    for (size_t i = 0; i < shape->count; i++) {
        if (shape->kinds[i] != MERGE_SKIPPED &&
            !bind(m, share, shape->kinds[i], shape->insert, ++parameter, json_array_get(row, i)))
            return false;
    }
    return !staged || sqlite3_bind_int(shape->insert, ++parameter, share->host.rank) == SQLITE_OK;
}

/* False: the database failed. A row that cannot be one is left out. */
static bool take_row(struct merge *m, struct merge_share *share, enum merge_table table,
                     const json_t *row)
{
    struct merge_shape *shape = &m->shapes[table];
    enum belonging belonging = row_belongs(share, shape, row);
    bool ok = true;

    m->tally.rows++;
    if (belonging == ROW_ELSEWHERE)
        return true;
    if (belonging == ROW_OURS && table == MERGE_COMPONENT && !know_component(share, shape, row))
        belonging = ROW_WRONG;
    if (belonging == ROW_OURS && bind_row(m, share, shape, row, tables[table].key != NULL))
        ok =
            sqlite3_step(shape->insert) == SQLITE_DONE || run_db_fail(&m->db, "cannot write a row");
    else
        m->tally.left_out++;
    sqlite3_reset(shape->insert);
    return ok;
}

static bool take_rows(struct merge *m, struct merge_share *share, enum merge_table table,
                      const json_t *rows)
{
    const json_t *row;
    size_t i;

    json_array_foreach(rows, i, row)
    {
        if (!take_row(m, share, table, row))
            return false;
    }
    return true;
}

static struct merge_share *find_share(struct merge *m, int rank)
{
    for (size_t i = 0; i < m->share_count; i++) {
        if (m->shares[i].host.rank == rank)
            return &m->shares[i];
    }
    return NULL;
}

bool merge_tables(struct merge *m, int rank, uint64_t received_ns, const json_t *batch)
{
    struct merge_share *share = find_share(m, rank);

    if (share == NULL)
        return run_db_refuse(&m->db, "%s: no host of rank %d", m->path, rank);
    if (share->first_ns == 0)
        share->first_ns = received_ns;
    /* In the order of the list, in which nothing refers to what comes later. */
    for (int i = 0; i < MERGE_TABLES; i++) {
        const json_t *table = json_object_get(batch, tables[i].name);
        const json_t *rows = json_object_get(table, "rows");
        bool failed = false;

        if (table == NULL)
            continue;
        if (take_shape(m, (enum merge_table)i, json_object_get(table, "columns"), &failed)) {
            if (!take_rows(m, share, (enum merge_table)i, rows))
                return false;
        } else if (failed) {
            return false;
        } else {
            m->tally.rows += json_array_size(rows);
            m->tally.left_out += json_array_size(rows);
        }
    }
    return true;
}
