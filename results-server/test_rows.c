#include "results-server/test_rows.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

/* Addresses of literals are the keys of prepared statements: each stands here once. */
static const char find_test[] =
    "SELECT number, begun, size, created_ns, created_wall_ns, started_ns, finished_ns, finish"
    " FROM test WHERE id = ?";
static const char add_test[] =
    "INSERT INTO test (id, begun, size, created_ns, created_wall_ns, started_ns)"
    " VALUES (?, ?, ?, ?, ?, ?)";
static const char start_test[] = "UPDATE test SET started_ns = ? WHERE number = ?";
static const char finish_test[] = "UPDATE test SET finished_ns = ?, finish = ? WHERE number = ?";
static const char find_hosts[] =
    "SELECT rank, name, entry FROM host WHERE test = ?1 AND rank IN (?2,"
    " (SELECT rank FROM host WHERE test = ?1 AND name = ?3),"
    " (SELECT rank FROM host WHERE test = ?1 ORDER BY rank LIMIT 1))";
static const char put_host[] =
    "INSERT INTO host VALUES (?, ?, ?, ?, ?) ON CONFLICT (test, rank) DO UPDATE SET"
    " name = excluded.name, entry = excluded.entry, heard_ns = excluded.heard_ns";
static const char find_peer[] =
    "SELECT number, batches, points, result FROM peer WHERE test = ? AND name = ?";
static const char add_peer[] =
    "INSERT INTO peer (test, name, batches, points, last_ns) VALUES (?, ?, 0, 0, 0)";
static const char last_batch[] = "SELECT max(sequence) FROM batch WHERE peer = ?";
static const char all_batches[] = "SELECT sequence FROM batch WHERE peer = ? ORDER BY sequence";
static const char has_batch[] = "SELECT 1 FROM batch WHERE peer = ? AND sequence = ?";
static const char add_batch[] =
    "INSERT INTO batch (peer, sequence, received_ns, points, size, body) VALUES (?, ?, ?, ?, ?, ?)";
static const char count_batch[] =
    "UPDATE peer SET batches = batches + 1, points = points + ?, last_ns = ? WHERE number = ?";
static const char put_result[] =
    "UPDATE peer SET result = ?1, result_ns = ?2, last_ns = ?2 WHERE number = ?3";

static void bind_time(sqlite3_stmt *s, int index, uint64_t ns)
{
    if (ns != 0)
        sqlite3_bind_int64(s, index, (int64_t)ns);
}

/* A text of ours, from dumping JSON; taken over. False: no memory. */
static bool bind_json(sqlite3_stmt *s, int index, const json_t *json)
{
    char *text = json_dumps(json, JSON_COMPACT);

    return text != NULL && sqlite3_bind_text(s, index, text, -1, free) == SQLITE_OK;
}

static json_t *column_json(sqlite3_stmt *s, int index)
{
    const char *text = (const char *)sqlite3_column_text(s, index);

    return text == NULL ? NULL : json_loads(text, 0, NULL);
}

/* ---- tests ---- */

bool rows_find_test(struct store *store, const char *id, struct test_row *row)
{
    sqlite3_stmt *s = store_statement(store, find_test);
    int step;

    *row = (struct test_row){0};
    if (s == NULL)
        return false;
    sqlite3_bind_text(s, 1, id, -1, SQLITE_STATIC);
    step = sqlite3_step(s);
    if (step == SQLITE_ROW)
        *row = (struct test_row){
            .number = sqlite3_column_int64(s, 0),
            .begun = sqlite3_column_int(s, 1) != 0,
            .size = sqlite3_column_int64(s, 2),
            .created_ns = (uint64_t)sqlite3_column_int64(s, 3),
            .created_wall_ns = (uint64_t)sqlite3_column_int64(s, 4),
            .started_ns = (uint64_t)sqlite3_column_int64(s, 5),
            .finished_ns = (uint64_t)sqlite3_column_int64(s, 6),
            .finish = column_json(s, 7),
        };
    else if (step != SQLITE_DONE)
        return store_fail(store, "looking for a test");
    sqlite3_reset(s);
    return true;
}

enum test_state rows_state(const struct test_row *row)
{
    if (row->finished_ns != 0)
        return TEST_FINISHED;
    return row->started_ns != 0 ? TEST_STARTED : TEST_CREATED;
}

bool rows_add_test(struct store *store, const char *id, const struct test_row *row)
{
    sqlite3_stmt *s = store_statement(store, add_test);

    if (s == NULL)
        return false;
    sqlite3_bind_text(s, 1, id, -1, SQLITE_STATIC);
    sqlite3_bind_int(s, 2, row->begun);
    bind_time(s, 3, (uint64_t)row->size);
    bind_time(s, 4, row->created_ns);
    bind_time(s, 5, row->created_wall_ns);
    bind_time(s, 6, row->started_ns);
    return store_run(store, s);
}

bool rows_start_test(struct store *store, int64_t test, uint64_t now_ns)
{
    sqlite3_stmt *s = store_statement(store, start_test);

    if (s == NULL)
        return false;
    sqlite3_bind_int64(s, 1, (int64_t)now_ns);
    sqlite3_bind_int64(s, 2, test);
    return store_run(store, s);
}

bool rows_finish_test(struct store *store, int64_t test, const json_t *finish, uint64_t now_ns)
{
    sqlite3_stmt *s = store_statement(store, finish_test);

    if (s == NULL)
        return false;
    sqlite3_bind_int64(s, 1, (int64_t)now_ns);
    sqlite3_bind_int64(s, 3, test);
    return bind_json(s, 2, finish) ? store_run(store, s) : store_no_memory(store);
}

/* ---- hosts ---- */

bool rows_find_host(struct store *store, int64_t test, int64_t rank, const char *name,
                    json_t **entry, bool *clash, int64_t *size)
{
    sqlite3_stmt *s = store_statement(store, find_hosts);
    int step;

    *entry = NULL;
    *clash = false;
    *size = 0;
    if (s == NULL)
        return false;
    sqlite3_bind_int64(s, 1, test);
    sqlite3_bind_int64(s, 2, rank);
    sqlite3_bind_text(s, 3, name, -1, SQLITE_STATIC);
    while ((step = sqlite3_step(s)) == SQLITE_ROW) {
        json_t *found = column_json(s, 2);

        if (sqlite3_column_int64(s, 0) == rank) {
            *entry = json_incref(found);
        } else {
            *size = json_integer_value(json_object_get(found, "size"));
            *clash = *clash || strcmp((const char *)sqlite3_column_text(s, 1), name) == 0;
        }
        json_decref(found);
    }
    if (step != SQLITE_DONE)
        return store_fail(store, "looking for a host");
    sqlite3_reset(s);
    return true;
}

bool rows_put_host(struct store *store, int64_t test, const json_t *entry, uint64_t now_ns)
{
    sqlite3_stmt *s = store_statement(store, put_host);

    if (s == NULL)
        return false;
    sqlite3_bind_int64(s, 1, test);
    sqlite3_bind_int64(s, 2, json_integer_value(json_object_get(entry, "rank")));
    sqlite3_bind_text(s, 3, json_string_value(json_object_get(entry, "name")), -1, SQLITE_STATIC);
    sqlite3_bind_int64(s, 5, (int64_t)now_ns);
    return bind_json(s, 4, entry) ? store_run(store, s) : store_no_memory(store);
}

/* ---- peers ---- */

bool rows_find_peer(struct store *store, int64_t test, const char *name, struct peer_row *peer)
{
    sqlite3_stmt *s = store_statement(store, find_peer);
    int step;

    *peer = (struct peer_row){0};
    if (s == NULL)
        return false;
    sqlite3_bind_int64(s, 1, test);
    sqlite3_bind_text(s, 2, name, -1, SQLITE_STATIC);
    step = sqlite3_step(s);
    if (step == SQLITE_ROW) {
        peer->number = sqlite3_column_int64(s, 0);
        peer->batches = (uint64_t)sqlite3_column_int64(s, 1);
        peer->points = (uint64_t)sqlite3_column_int64(s, 2);
        peer->result = column_json(s, 3);
    } else if (step != SQLITE_DONE) {
        return store_fail(store, "looking for a peer");
    }
    sqlite3_reset(s);
    return true;
}

bool rows_add_peer(struct store *store, int64_t test, const char *name, int64_t *number)
{
    sqlite3_stmt *s = store_statement(store, add_peer);

    if (s == NULL)
        return false;
    sqlite3_bind_int64(s, 1, test);
    sqlite3_bind_text(s, 2, name, -1, SQLITE_STATIC);
    if (!store_run(store, s))
        return false;
    *number = sqlite3_last_insert_rowid(store_db(store));
    return true;
}

/* Of what a query on a peer's batches yields: the last row's number, or how far they go without a
 * gap. */
static bool read_sequences(struct store *store, const char *sql, int64_t peer, bool stop_at_gap,
                           uint64_t *last)
{
    sqlite3_stmt *s = store_statement(store, sql);
    int step;

    *last = 0;
    if (s == NULL)
        return false;
    sqlite3_bind_int64(s, 1, peer);
    while ((step = sqlite3_step(s)) == SQLITE_ROW) {
        uint64_t sequence = (uint64_t)sqlite3_column_int64(s, 0);

        if (stop_at_gap && sequence != *last + 1)
            break;
        *last = sequence;
    }
    if (step != SQLITE_DONE && step != SQLITE_ROW)
        return store_fail(store, "counting batches");
    sqlite3_reset(s);
    return true;
}

bool rows_contiguous(struct store *store, const struct peer_row *peer, uint64_t *have)
{
    if (!read_sequences(store, last_batch, peer->number, false, have))
        return false;
    return *have == peer->batches || read_sequences(store, all_batches, peer->number, true, have);
}

/* ---- batches ---- */

bool rows_has_batch(struct store *store, int64_t peer, uint64_t sequence, bool *has)
{
    sqlite3_stmt *s = store_statement(store, has_batch);
    int step;

    if (s == NULL)
        return false;
    sqlite3_bind_int64(s, 1, peer);
    sqlite3_bind_int64(s, 2, (int64_t)sequence);
    step = sqlite3_step(s);
    *has = step == SQLITE_ROW;
    if (step != SQLITE_ROW && step != SQLITE_DONE)
        return store_fail(store, "looking for a batch");
    sqlite3_reset(s);
    return true;
}

static bool count_it(struct store *store, int64_t peer, const struct batch_row *batch)
{
    sqlite3_stmt *s = store_statement(store, count_batch);

    if (s == NULL)
        return false;
    sqlite3_bind_int64(s, 1, (int64_t)batch->points);
    sqlite3_bind_int64(s, 2, (int64_t)batch->received_ns);
    sqlite3_bind_int64(s, 3, peer);
    return store_run(store, s);
}

bool rows_add_batch(struct store *store, int64_t peer, const struct batch_row *batch,
                    uint64_t *number)
{
    sqlite3_stmt *s = store_statement(store, add_batch);
    uLongf size = compressBound(batch->size);
    Bytef *compressed = malloc(size);

    if (s == NULL || compressed == NULL ||
        compress2(compressed, &size, (const Bytef *)batch->body, batch->size, Z_BEST_SPEED) !=
            Z_OK) {
        free(compressed);
        return s != NULL && store_no_memory(store);
    }
    sqlite3_bind_int64(s, 1, peer);
    sqlite3_bind_int64(s, 2, (int64_t)batch->sequence);
    sqlite3_bind_int64(s, 3, (int64_t)batch->received_ns);
    sqlite3_bind_int64(s, 4, (int64_t)batch->points);
    sqlite3_bind_int64(s, 5, (int64_t)batch->size);
    sqlite3_bind_blob64(s, 6, compressed, size, free);
    if (!store_run(store, s))
        return false;
    sqlite3_bind_null(s, 6);
    *number = (uint64_t)sqlite3_last_insert_rowid(store_db(store));
    return count_it(store, peer, batch);
}

bool rows_put_result(struct store *store, int64_t peer, const json_t *result, uint64_t now_ns)
{
    sqlite3_stmt *s = store_statement(store, put_result);

    if (s == NULL)
        return false;
    sqlite3_bind_int64(s, 2, (int64_t)now_ns);
    sqlite3_bind_int64(s, 3, peer);
    return bind_json(s, 1, result) ? store_run(store, s) : store_no_memory(store);
}
