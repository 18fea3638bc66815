#include "results-server/test_bodies.h"

#include "results-server/test_model.h"

#include <string.h>

#define COLUMNS_MOST 256
#define VALUES_MOST 1024
#define PEM_MOST (64 << 10)
#define REASON_MOST 4096
#define NAMES_MOST 100000

static const char *const places[] = {"spread", "replicate", NULL};
static const char *const verdicts[] = {"pass",        "fail",  "inconclusive",
                                       "interrupted", "error", NULL};

/* ---- points ---- */

static bool check_values(const json_t *values, const struct body_path *above,
                         struct refusal *refusal)
{
    const char *name;
    json_t *value;

    if (!json_is_object(values))
        return body_refuse_type(refusal, above, "an object", values);
    if (json_object_size(values) > VALUES_MOST)
        return body_refuse(refusal, ERROR_WRONG_VALUE, above, "more than %d values", VALUES_MOST);
    json_object_foreach((json_t *)values, name, value)
    {
        struct body_path path = {.above = above, .member = name};

        if (!body_is_name(name))
            return body_refuse(refusal, ERROR_WRONG_VALUE, &path,
                               "is not a name ([a-z][a-z0-9_.-]{0,63})");
        if (!json_is_number(value))
            return body_refuse_type(refusal, &path, "a number", value);
    }
    return true;
}

static const struct body_rule point_members[] = {
    {.name = "time_ns", .type = BODY_WHOLE, .must = true, .most = INT64_MAX},
    {.name = "source", .type = BODY_ID, .must = true},
    {.name = "values", .type = BODY_OWN, .must = true, .check = check_values},
    {0},
};
static const struct body_rule point = {.type = BODY_OBJECT, .members = point_members};

/* ---- tables ---- */

static const struct {
    const char *name;
    bool circumstance;
} batch_tables[] = {
#define BATCH_TABLE_ROW(name, circumstance) {name, circumstance},
    BATCH_TABLE_TABLE(BATCH_TABLE_ROW)
#undef BATCH_TABLE_ROW
};
#define BATCH_TABLES (sizeof batch_tables / sizeof *batch_tables)

static size_t table_index(const char *name)
{
    size_t i = 0;

    while (i < BATCH_TABLES && strcmp(batch_tables[i].name, name) != 0)
        i++;
    return i;
}

static bool check_row(const json_t *row, size_t columns, const struct body_path *above,
                      struct refusal *refusal)
{
    size_t i;
    json_t *value;

    if (!json_is_array(row))
        return body_refuse_type(refusal, above, "a list", row);
    if (json_array_size(row) != columns)
        return body_refuse(refusal, ERROR_WRONG_VALUE, above, "%zu values for %zu columns",
                           json_array_size(row), columns);
    json_array_foreach(row, i, value)
    {
        struct body_path path = {.above = above, .index = i};

        if (!json_is_number(value) && !json_is_string(value) && !json_is_null(value))
            return body_refuse_type(refusal, &path, "a number, a text or null", value);
    }
    return true;
}

static const struct body_rule column = {.type = BODY_NAME};
static const struct body_rule row = {.type = BODY_ANY}; /* check_row, which knows the columns */
static const struct body_rule table_members[] = {
    {.name = "columns", .type = BODY_LIST, .must = true, .most = COLUMNS_MOST, .members = &column},
    {.name = "rows", .type = BODY_LIST, .must = true, .most = BATCH_ROWS_MOST, .members = &row},
    {0},
};
static const struct body_rule table = {.type = BODY_OBJECT, .members = table_members};

static bool check_table(const json_t *value, const struct body_path *path, struct refusal *refusal)
{
    struct body_path rows_path = {.above = path, .member = "rows"};
    const json_t *rows;
    size_t columns;

    if (!body_check(value, &table, path, refusal))
        return false;
    rows = json_object_get(value, "rows");
    columns = json_array_size(json_object_get(value, "columns"));
    for (size_t i = 0; i < json_array_size(rows); i++) {
        struct body_path row_path = {.above = &rows_path, .index = i};

        if (!check_row(json_array_get(rows, i), columns, &row_path, refusal))
            return false;
    }
    return true;
}

static bool check_tables(const json_t *tables, const struct body_path *above,
                         struct refusal *refusal)
{
    const char *name;
    json_t *value;

    if (!json_is_object(tables))
        return body_refuse_type(refusal, above, "an object", tables);
    json_object_foreach((json_t *)tables, name, value)
    {
        struct body_path path = {.above = above, .member = name};

        if (table_index(name) == BATCH_TABLES)
            return body_refuse(refusal, ERROR_UNKNOWN_FIELD, &path,
                               "no table of run.db that is posted has this name");
        if (!check_table(value, &path, refusal))
            return false;
    }
    return true;
}

size_t batch_points(const json_t *batch)
{
    size_t count = json_array_size(json_object_get(batch, "points"));
    const char *name;
    json_t *value;

    json_object_foreach(json_object_get(batch, "tables"), name, value) count +=
        json_array_size(json_object_get(value, "rows"));
    return count;
}

static bool check_preamble(const json_t *batch, struct refusal *refusal)
{
    const char *name;
    json_t *value;

    if (json_array_size(json_object_get(batch, "points")) > 0)
        return refuse(refusal, ERROR_WRONG_VALUE,
                      "points: a preamble has none, they are measured after the start");
    json_object_foreach(json_object_get(batch, "tables"), name, value)
    {
        if (!batch_tables[table_index(name)].circumstance)
            return refuse(refusal, ERROR_WRONG_VALUE,
                          "tables.%s: not in a preamble, it is measured after the start", name);
    }
    return true;
}

bool batch_check(const json_t *batch, struct refusal *refusal)
{
    size_t points = batch_points(batch);

    if (points > BATCH_ROWS_MOST)
        return refuse(refusal, ERROR_WRONG_VALUE,
                      "the body: %zu points and rows, at most %d: cut it", points, BATCH_ROWS_MOST);
    if (points > 0 && json_integer_value(json_object_get(batch, "sequence")) == 0)
        return refuse(refusal, ERROR_WRONG_VALUE,
                      "sequence: 0 is a heartbeat, which brings nothing; batches count from 1");
    return !json_is_true(json_object_get(batch, "preamble")) || check_preamble(batch, refusal);
}

/* ---- topology ---- */

static const struct body_rule component = {.type = BODY_ID};
static const struct body_rule host_members[] = {
    {.name = "rank", .type = BODY_WHOLE, .must = true, .most = TEST_HOSTS_MOST - 1},
    {.name = "size", .type = BODY_WHOLE, .must = true, .least = 1, .most = TEST_HOSTS_MOST},
    {.name = "name", .type = BODY_ID, .must = true},
    {.name = "address", .type = BODY_TEXT, .must = true, .least = 1, .most = 255},
    {.name = "place", .type = BODY_WORD, .must = true, .words = places},
    {.name = "offset_ns", .type = BODY_WHOLE, .must = true, .least = INT64_MIN, .most = INT64_MAX},
    {.name = "offset_error_ns", .type = BODY_WHOLE, .must = true, .most = INT64_MAX},
    {.name = "ca", .type = BODY_TEXT, .most = PEM_MOST},
    {.name = "ready", .type = BODY_BOOL},
    {.name = "components", .type = BODY_LIST, .most = NAMES_MOST, .members = &component},
    {0},
};

/* ---- bodies ---- */

const struct body_rule body_of_test[] = {
    {.name = "started", .type = BODY_BOOL, .must = true},
    {.name = "size", .type = BODY_WHOLE, .least = 1, .most = TEST_HOSTS_MOST},
    {0},
};

const struct body_rule body_of_nothing[] = {{0}};

const struct body_rule body_of_topology[] = {
    {.name = "host", .type = BODY_OBJECT, .must = true, .members = host_members},
    {0},
};

const struct body_rule body_of_batch[] = {
    {.name = "sequence", .type = BODY_WHOLE, .must = true, .most = INT64_MAX},
    {.name = "sent_ns", .type = BODY_WHOLE, .most = INT64_MAX},
    {.name = "preamble", .type = BODY_BOOL},
    {.name = "points", .type = BODY_LIST, .most = BATCH_ROWS_MOST, .members = &point},
    {.name = "tables", .type = BODY_OWN, .check = check_tables},
    {0},
};

const struct body_rule body_of_results[] = {
    {.name = "sequence_last", .type = BODY_WHOLE, .must = true, .most = INT64_MAX},
    {.name = "status", .type = BODY_WHOLE, .must = true, .most = 255},
    {.name = "verdict", .type = BODY_WORD, .must = true, .words = verdicts},
    {.name = "reason", .type = BODY_TEXT, .most = REASON_MOST},
    {.name = "summary", .type = BODY_OBJECT},
    {0},
};

const struct body_rule body_of_finish[] = {
    {.name = "verdict", .type = BODY_WORD, .must = true, .words = verdicts},
    {.name = "summary", .type = BODY_OBJECT},
    {0},
};
