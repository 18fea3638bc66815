/* What is new in a run.db that grows: each row once, those that change again, cut into batches. */
#include "common/base/clock.h"
#include "common/run/schema.h"
#include "common/run/writer.h"
#include "results-server/uploader/tail.h"
#include "results-server/uploader/tail_look.h"
#include "tests/fixtures/synthetic_run.h"
#include "tests/unit/scratch.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct batch batch;

/* What one look finds, as the server reads it; the caller's. */
static json_t *look(struct tail *tail, bool over, enum tail_result expected)
{
    json_t *json;

    batch_begin(&batch, 1, 1);
    assert_int_equal(tail_fill(tail, &batch, over, clock_now_ns()), expected);
    assert_true(batch_end(&batch));
    json = json_loadb(batch.text.bytes, batch.text.size, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(json);
    return json;
}

static size_t rows_of(const json_t *json, const char *table)
{
    return json_array_size(
        json_object_get(json_object_get(json_object_get(json, "tables"), table), "rows"));
}

/* A look that finds so many rows of a table, and of no other. */
static void assert_only(struct tail *tail, const char *table, size_t rows)
{
    json_t *json = look(tail, false, TAIL_ALL);

    assert_int_equal(rows_of(json, table), rows);
    assert_int_equal(batch.rows, rows);
    json_decref(json);
}

static struct tail *begin(void)
{
    struct tail *tail = tail_new(scratch);

    assert_non_null(tail);
    return tail;
}

static void end(struct tail *tail)
{
    tail_free(tail);
    batch_free(&batch);
}

static sqlite3 *open_run(void)
{
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open_v2(scratch_path(RUN_DB_NAME), &db, SQLITE_OPEN_READONLY, NULL),
                     SQLITE_OK);
    return db;
}

static size_t count_rows(sqlite3 *db, const char *table)
{
    sqlite3_stmt *s = NULL;
    char sql[128];
    size_t count;

    snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", table);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &s, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(s), SQLITE_ROW);
    count = (size_t)sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    return count;
}

static const char *const tables[] = {
#define TABLE_NAME(name, kind, mark) #name,
    TAIL_TABLE(TABLE_NAME)
#undef TABLE_NAME
};
#define TABLES (sizeof tables / sizeof *tables)

/* A table that the schema gets must be sent, or be left out on purpose. */
static void test_all_tables(void **state)
{
    sqlite3 *db = open_run();
    size_t known = 0;

    (void)state;
    for (size_t i = 0; i < TABLES; i++)
        known += count_rows(db, tables[i]) + 1 > 0;
    assert_int_equal(known + 2, count_rows(db, "sqlite_schema WHERE type = 'table'"));
    assert_int_equal(count_rows(db, "sqlite_schema WHERE name IN ('file', 'host')"), 2);
    sqlite3_close(db);
}

static void test_finished_run(void **state)
{
    struct tail *tail = begin();
    sqlite3 *db;
    size_t found[TABLES] = {0}, sum = 0;
    bool more = true;

    (void)state;
    synthetic_run_bend(scratch,
                       "INSERT OR REPLACE INTO plan VALUES (2, 81, 8, 9, 1), (2, 82, 8, 9, "
                       "1), (5, 1, 8, 15, 1); INSERT OR REPLACE INTO histogram VALUES (7, "
                       "'a', 1, 1, 1, 1, x'01')");
    db = open_run();
    while (more) {
        json_t *json = look(tail, true, TAIL_ALL);

        for (size_t i = 0; i < TABLES; i++)
            found[i] += rows_of(json, tables[i]);
        more = batch.rows > 0;
        sum += batch.rows;
        json_decref(json);
    }
    for (size_t i = 0; i < TABLES; i++)
        assert_int_equal(found[i], count_rows(db, tables[i]));
    assert_true(found[TAIL_sample] > 100 && found[TAIL_histogram] > 0 && found[TAIL_plan] > 0);
    assert_int_equal(tail_rows(tail), sum);
    sqlite3_close(db);
    end(tail);
}

static void test_cut(void **state)
{
    struct tail *tail = begin();
    sqlite3 *db;
    size_t batches = 0, rows = 0;

    (void)state;
    synthetic_run_bend(scratch,
                       "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < "
                       "12000) INSERT INTO event SELECT 1009e9 + i, 1, 'x', 0, 0 FROM n");
    db = open_run();
    do {
        batch_begin(&batch, 1, 1);
        if (tail_fill(tail, &batch, true, clock_now_ns()) == TAIL_MORE)
            batches++;
        assert_true(batch.rows <= BATCH_ROWS_MAX);
        rows += batch.rows;
    } while (batch.rows > 0);
    assert_true(batches >= 2);
    assert_true(rows > 12000 && rows > count_rows(db, "event"));
    sqlite3_close(db);
    end(tail);
}

static void test_none(void **state)
{
    struct tail *tail = begin();
    char error[256] = "";
    struct run_writer *w;

    (void)state;
    json_decref(look(tail, false, TAIL_LATER));
    assert_int_equal(batch.rows, 0);
    assert_non_null(strstr(tail_error(tail), "no run is being written there"));
    /* A driver that failed before it began to write. */
    json_decref(look(tail, true, TAIL_ALL));
    w = run_writer_new(scratch, error, sizeof error);
    assert_non_null(w);
    assert_true(run_writer_meta_int(w, "seed", 1));
    assert_true(run_writer_commit(w));
    json_decref(look(tail, false, TAIL_ALL));
    assert_true(batch.rows > 10);
    run_writer_free(w);
    end(tail);
}

static void test_junk(void **state)
{
    struct tail *tail = begin();

    (void)state;
    scratch_put(RUN_DB_NAME, "this is no database, but it is longer than nothing", 50);
    json_decref(look(tail, true, TAIL_BROKEN));
    assert_non_null(strstr(tail_error(tail), "not a database"));
    end(tail);
}

static const struct run_component server = {
    .name = "server", .role = "server", .command = "stress-server", .port = 31300};

/* Each fact is found when it is committed, and not again. */
static void test_live_run(void **state)
{
    struct run_exit death = {.time_ns = 30, .code = 0, .reason = REASON_STOPPED};
    struct run_fault ordered = {.kind = "pause", .component = 1, .ordered_ns = 5};
    struct metric_values values = {0};
    struct histogram histogram = {.count = 1};
    struct tail *tail = begin();
    char error[256] = "";
    struct run_writer *w = run_writer_new(scratch, error, sizeof error);
    int64_t component, incarnation, fault;

    (void)state;
    assert_non_null(w);
    assert_true(run_writer_component(w, &server, &component));
    assert_true(run_writer_commit(w));
    json_decref(look(tail, false, TAIL_ALL));
    assert_only(tail, "sample", 0);

    assert_true(run_writer_spawn(w, component, 1, 17, 10, "log", &incarnation));
    assert_only(tail, "incarnation", 0); /* not committed */
    assert_true(run_writer_commit(w));
    assert_only(tail, "incarnation", 1);
    assert_true(run_writer_ready(w, incarnation, 11) && run_writer_commit(w));
    assert_only(tail, "incarnation", 1);
    assert_only(tail, "incarnation", 0);
    for (uint64_t now = 12; now < 15; now++)
        assert_true(run_writer_sample(w, incarnation, now, false, &values));
    assert_true(run_writer_commit(w));
    assert_only(tail, "sample", 3);
    assert_true(run_writer_note(w, incarnation, 15, "x", 0) && run_writer_commit(w));
    assert_only(tail, "event", 1);
    assert_true(run_writer_fault(w, &ordered, &fault) && run_writer_commit(w));
    assert_only(tail, "fault", 1);
    assert_only(tail, "fault", 0);
    assert_true(run_writer_fault_effect(w, fault, 20, "it stood") && run_writer_commit(w));
    assert_only(tail, "fault", 1);
    assert_true(run_writer_meta_int(w, "end_ns", 1) && run_writer_commit(w));
    assert_only(tail, "meta", 1);
    assert_true(run_writer_meta_int(w, "end_ns", 2) && run_writer_commit(w));
    assert_only(tail, "meta", 1);

    /* An exit long ago: its last sample, and once nothing more comes what is written last. */
    assert_true(run_writer_sample(w, incarnation, 29, false, &values));
    assert_true(run_writer_histogram(w, incarnation, "rtt", &histogram));
    assert_true(run_writer_exit(w, incarnation, &death) && run_writer_commit(w));
    json_decref(look(tail, false, TAIL_ALL));
    assert_int_equal(batch.rows, 2);
    assert_only(tail, "histogram", 1);
    assert_only(tail, "histogram", 0);
    assert_true(run_writer_finish(w, error, sizeof error));
    json_decref(look(tail, true, TAIL_ALL));
    assert_int_equal(batch.rows, 0);
    end(tail);
}

#define RUN(name) cmocka_unit_test_setup_teardown(name, scratch_set_up_run, scratch_tear_down)
#define EMPTY(name) cmocka_unit_test_setup_teardown(name, scratch_set_up, scratch_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN(test_all_tables), RUN(test_finished_run), RUN(test_cut),
        EMPTY(test_none),     EMPTY(test_junk),       EMPTY(test_live_run),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
