#include "tests/unit/run_batches.h"

#include "common/run/schema.h"

#include <gnutls/gnutls.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

/* time: what puts a row into one batch; NULL: it is in each, since it may have changed. */
static const struct {
    const char *name, *time;
} tables[] = {
    {"meta", NULL},         {"metric", NULL},     {"component", NULL},  {"plan", NULL},
    {"incarnation", NULL},  {"event", "time_ns"}, {"histogram", NULL},  {"checkpoint", NULL},
    {"hold", "from_ns"},    {"fault", NULL},      {"limit_used", NULL}, {"sample", "time_ns"},
    {"reading", "time_ns"},
};

#define CHECK(ok)                                                    \
    do {                                                             \
        if (!(ok)) {                                                 \
            fprintf(stderr, "run batches: %s does not hold\n", #ok); \
            abort();                                                 \
        }                                                            \
    } while (0)

static json_t *cell(sqlite3_stmt *s, int column)
{
    gnutls_datum_t bytes, text;
    json_t *json;

    switch (sqlite3_column_type(s, column)) {
    case SQLITE_INTEGER:
        return json_integer(sqlite3_column_int64(s, column));
    case SQLITE_FLOAT:
        return json_real(sqlite3_column_double(s, column));
    case SQLITE_TEXT:
        return json_string((const char *)sqlite3_column_text(s, column));
    case SQLITE_BLOB:
        bytes.data = (unsigned char *)sqlite3_column_blob(s, column);
        bytes.size = (unsigned)sqlite3_column_bytes(s, column);
        CHECK(gnutls_base64_encode2(&bytes, &text) == 0);
        json = json_stringn((const char *)text.data, text.size);
        gnutls_free(text.data);
        return json;
    default:
        return json_null();
    }
}

static json_t *table(sqlite3 *db, const char *sql)
{
    json_t *columns = json_array(), *rows = json_array();
    sqlite3_stmt *s;

    CHECK(sqlite3_prepare_v2(db, sql, -1, &s, NULL) == SQLITE_OK);
    for (int i = 0; i < sqlite3_column_count(s); i++)
        json_array_append_new(columns, json_string(sqlite3_column_name(s, i)));
    while (sqlite3_step(s) == SQLITE_ROW) {
        json_t *row = json_array();

        for (int i = 0; i < sqlite3_column_count(s); i++)
            json_array_append_new(row, cell(s, i));
        json_array_append_new(rows, row);
    }
    sqlite3_finalize(s);
    return json_pack("{s:o, s:o}", "columns", columns, "rows", rows);
}

json_t *run_batch(const char *dir, size_t index, size_t count)
{
    json_t *all = json_object();
    char path[512], sql[512];
    sqlite3 *db;

    snprintf(path, sizeof path, "%s/%s", dir, RUN_DB_NAME);
    CHECK(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK);
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        if (tables[i].time == NULL)
            snprintf(sql, sizeof sql, "SELECT * FROM %s", tables[i].name);
        else
            snprintf(sql, sizeof sql,
                     "SELECT t.* FROM %s t, (SELECT min(time_ns) AS a, max(time_ns) + 1 AS b FROM"
                     " sample) WHERE min(max((%s - a) * %zu / (b - a), 0), %zu) = %zu",
                     tables[i].name, tables[i].time, count, count - 1, index);
        json_object_set_new(all, tables[i].name, table(db, sql));
    }
    sqlite3_close(db);
    return all;
}
