#include "results-server/uploader/batch.h"

#include <inttypes.h>
#include <string.h>

static void add(struct batch *batch, const char *text)
{
    text_add(&batch->text, text, strlen(text));
}

void batch_begin(struct batch *batch, uint64_t sequence, uint64_t now_ns)
{
    text_clear(&batch->text);
    batch->rows = 0;
    batch->table = NULL;
    batch->points = false;
    text_print(&batch->text, "{\"sequence\":%" PRIu64 ",\"sent_ns\":%" PRIu64, sequence, now_ns);
}

bool batch_full(const struct batch *batch)
{
    return batch->rows >= BATCH_ROWS_MAX || batch->text.size >= BATCH_BYTES_MAX;
}

static void add_value(struct text *text, sqlite3_stmt *row, int column)
{
    switch (sqlite3_column_type(row, column)) {
    case SQLITE_INTEGER:
        text_print(text, "%lld", sqlite3_column_int64(row, column));
        return;
    case SQLITE_FLOAT:
        text_json_real(text, sqlite3_column_double(row, column));
        return;
    case SQLITE_TEXT:
        text_json_string(text, (const char *)sqlite3_column_text(row, column));
        return;
    case SQLITE_BLOB:
        text_json_blob(text, sqlite3_column_blob(row, column),
                       (size_t)sqlite3_column_bytes(row, column));
        return;
    default:
        text_add(text, "null", 4);
    }
}

static void begin_table(struct batch *batch, const char *table, sqlite3_stmt *row, int columns)
{
    add(batch, batch->table == NULL ? ",\"tables\":{" : "]},");
    batch->table = table;
    text_json_string(&batch->text, table);
    add(batch, ":{\"columns\":[");
    for (int i = 0; i < columns; i++) {
        if (i > 0)
            add(batch, ",");
        text_json_string(&batch->text, sqlite3_column_name(row, i));
    }
    add(batch, "],\"rows\":[");
}

void batch_row(struct batch *batch, const char *table, sqlite3_stmt *row, int columns)
{
    bool first = batch->table == NULL || strcmp(batch->table, table) != 0;

    if (first)
        begin_table(batch, table, row, columns);
    add(batch, first ? "[" : ",[");
    for (int i = 0; i < columns; i++) {
        if (i > 0)
            add(batch, ",");
        add_value(&batch->text, row, i);
    }
    add(batch, "]");
    batch->rows++;
}

void batch_point(struct batch *batch, const char *json, size_t size)
{
    add(batch, batch->points ? "," : ",\"points\":[");
    batch->points = true;
    text_add(&batch->text, json, size);
    batch->rows++;
}

bool batch_end(struct batch *batch)
{
    if (batch->table != NULL)
        add(batch, "]}}");
    if (batch->points)
        add(batch, "]");
    add(batch, "}");
    return !batch->text.failed;
}

void batch_free(struct batch *batch)
{
    text_free(&batch->text);
}
