/*
 * Shares of hosts put together: what the gate says of the whole is what it said of the parts,
 * number for number, whatever the hosts' clocks.
 */
#include "results-server/merge.h"

#include "common/run/schema.h"
#include "tests/fixtures/shape_run.h"
#include "tests/fixtures/synthetic_run.h"
#include "tests/unit/judging.h"
#include "tests/unit/run_batches.h"
#include "tests/unit/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define HOUR (INT64_C(3600000000000))
#define BATCHES 7
#define HISTOGRAM "INSERT INTO histogram VALUES (3, 'rtt', 1, 1, 1, 1, X'0000000001000000')"

/* A host whose run lies in a folder of the scratch; of its batches `sent` come. */
struct share {
    const char *folder;
    struct merge_host host;
    size_t sent;
};

static const char *folder_of(const char *name)
{
    static char path[256];

    snprintf(path, sizeof path, "%s/%s", scratch, name);
    mkdir(path, 0755);
    return path;
}

static struct merge_host host_of(int rank, const char *name, int64_t offset_ns)
{
    return (struct merge_host){.rank = rank,
                               .name = name,
                               .address = "127.0.0.1",
                               .offset_ns = offset_ns,
                               .last_ns = 1021 * INT64_C(1000000000),
                               .verdict = "pass"};
}

static void send(struct merge *m, const struct share *share, size_t index)
{
    json_t *batch = run_batch(folder_of(share->folder), index, BATCHES);

    if (!merge_tables(m, share->host.rank, 998 * UINT64_C(1000000000) + index, batch))
        fail_msg("%s", merge_error(m));
    json_decref(batch);
}

/* Into the scratch folder itself, where the judge looks. The hosts' batches come by turns. */
static struct merge_tally merge_shares(const struct share *shares, size_t count)
{
    struct merge_tally tally;
    char error[256] = "";
    struct merge *m =
        merge_new(scratch_path(RUN_DB_NAME), (unsigned)count, "spread", error, sizeof error);

    assert_string_equal(error, "");
    for (size_t i = 0; i < count; i++)
        assert_true(merge_host(m, &shares[i].host));
    for (size_t index = 0; index < BATCHES; index++) {
        for (size_t i = 0; i < count; i++) {
            if (index < shares[i].sent)
                send(m, &shares[i], index);
        }
    }
    if (!merge_finish(m, &tally))
        fail_msg("%s", merge_error(m));
    merge_free(m);
    return tally;
}

static struct run_reader *open_run(const char *path)
{
    char error[256] = "";
    struct run_reader *run = run_reader_new(path, error, sizeof error);

    assert_string_equal(error, "");
    return run;
}

static bool same_number(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

static const char *name_of(struct run_reader *run, int64_t component)
{
    size_t count;
    const struct run_component_row *rows = run_reader_components(run, &count);

    return component == 0 ? "" : rows[component - 1].name;
}

/* Texts too, but for the paths of logs, which say their host. */
static bool same_verdict(const struct verdict *a, const struct verdict *b)
{
    return strcmp(a->rule, b->rule) == 0 && a->outcome == b->outcome &&
           same_number(a->value, b->value) && same_number(a->limit, b->limit) &&
           same_number(a->low, b->low) && same_number(a->high, b->high) &&
           same_number(a->smallest, b->smallest) &&
           (strcmp(a->text, b->text) == 0 || strstr(a->text, "see logs/") != NULL);
}

/* Each verdict on the run of that folder is there on the merged one, where names have a prefix. */
static void check_same(const char *folder, const char *prefix)
{
    struct run_reader *one = open_run(folder_of(folder)), *all = open_run(scratch);
    struct verdict_list expected = {0}, got = {0};
    char error[256], name[256];
    size_t found = 0;

    assert_true(gate_judge(one, NULL, &expected, error, sizeof error));
    assert_true(gate_judge(all, NULL, &got, error, sizeof error));
    for (size_t i = 0; i < expected.count; i++) {
        const struct verdict *a = &expected.items[i];

        if (strcmp(a->rule, "hosts") == 0)
            continue;
        snprintf(name, sizeof name, "%s%s", a->component == 0 ? "" : prefix,
                 name_of(one, a->component));
        for (size_t k = 0; k < got.count; k++) {
            const struct verdict *b = &got.items[k];

            if (strcmp(name, name_of(all, b->component)) != 0 || strcmp(a->rule, b->rule) != 0)
                continue;
            found++;
            if (!same_verdict(a, b))
                fail_msg("%s: %s: %s %g, was %s %g: %s / %s", name, a->rule,
                         outcome_name(b->outcome), b->value, outcome_name(a->outcome), a->value,
                         b->text, a->text);
        }
    }
    assert_int_equal(found, expected.count - 1);
    verdict_list_free(&expected);
    verdict_list_free(&got);
    run_reader_free(one);
    run_reader_free(all);
}

/* How a column of one host's run looks in the merged one: moments move, others stay. */
static const char *moved(const char *table, const char *column, int64_t offset_ns, char *out,
                         size_t cap)
{
    static const char *const lasting[] = {"after_ready_ns", "restart_delay_ns", "sum_ns", "min_ns",
                                          "max_ns"};
    size_t length = strlen(column);
    bool moment = strcmp(column, "first_message") == 0 ||
                  (length > 3 && strcmp(column + length - 3, "_ns") == 0);

    for (size_t i = 0; i < sizeof lasting / sizeof *lasting; i++)
        moment = moment && strcmp(column, lasting[i]) != 0;
    if (strcmp(column, "host") == 0)
        snprintf(out, cap, "0");
    else if (strcmp(table, "component") == 0 && strcmp(column, "name") == 0)
        snprintf(out, cap, "'n1.' || name");
    else if (strcmp(column, "log") == 0)
        snprintf(out, cap, "'n1:' || log");
    else
        snprintf(out, cap, "\"%s\" + %" PRId64, column, moment ? offset_ns : 0);
    if (strchr(out, '+') != NULL && !moment)
        *strchr(out, '+') = '\0';
    return out;
}

/* Counts the rows of one that the other has not, both ways. */
static int different_rows(sqlite3 *db, const char *table, int64_t offset_ns)
{
    char columns[8192] = "", expected[8192] = "", one[256], sql[40000];
    sqlite3_stmt *s;
    int count;

    snprintf(sql, sizeof sql, "SELECT name FROM pragma_table_info('%s', 'main')", table);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &s, NULL), SQLITE_OK);
    while (sqlite3_step(s) == SQLITE_ROW) {
        const char *column = (const char *)sqlite3_column_text(s, 0);
        const char *comma = *columns == '\0' ? "" : ", ";

        snprintf(columns + strlen(columns), sizeof columns - strlen(columns), "%s\"%s\"", comma,
                 column);
        snprintf(expected + strlen(expected), sizeof expected - strlen(expected), "%s%s", comma,
                 moved(table, column, offset_ns, one, sizeof one));
    }
    sqlite3_finalize(s);
    snprintf(sql, sizeof sql,
             "SELECT count(*) FROM (SELECT * FROM (SELECT %s FROM one.%s EXCEPT SELECT %s FROM"
             " main.%s) UNION ALL SELECT * FROM (SELECT %s FROM main.%s EXCEPT SELECT %s FROM"
             " one.%s))",
             expected, table, columns, table, columns, table, expected, table);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &s, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(s), SQLITE_ROW);
    count = sqlite3_column_int(s, 0);
    sqlite3_finalize(s);
    return count;
}

/* Every row and column of every table. */
static void check_rows(int64_t offset_ns)
{
    static const char *const tables[] = {"metric",  "component", "plan",   "incarnation",
                                         "event",   "histogram", "sample", "checkpoint",
                                         "reading", "hold",      "fault",  "limit_used"};
    char path[300];
    sqlite3 *db;

    assert_int_equal(sqlite3_open(scratch_path(RUN_DB_NAME), &db), SQLITE_OK);
    snprintf(path, sizeof path, "ATTACH '%s/" RUN_DB_NAME "' AS one", folder_of("one"));
    assert_int_equal(sqlite3_exec(db, path, NULL, NULL, NULL), SQLITE_OK);
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        int count = different_rows(db, tables[i], offset_ns);

        if (count != 0)
            fail_msg("%s: %d rows differ", tables[i], count);
    }
    sqlite3_close(db);
}

/* One host: the same but for times and names. */
static void check_identity(int64_t offset_ns)
{
    struct share share = {"one", host_of(0, "n1", offset_ns), BATCHES};
    struct merge_tally tally = merge_shares(&share, 1);
    struct verdict_list list = judging_judge();

    assert_int_equal(tally.left_out, 0);
    assert_true(tally.rows > 100);
    assert_string_equal(judging_find(&list, 0, "hosts")->text, "1 host, heard to the end");
    verdict_list_free(&list);
    check_same("one", "n1.");
    check_rows(offset_ns);
}

static void test_identity(void **state)
{
    (void)state;
    synthetic_run_write(folder_of("one"));
    check_identity(0);
}

static void test_identity_ahead(void **state)
{
    (void)state;
    synthetic_run_write(folder_of("one"));
    synthetic_run_bend(
        folder_of("one"),
        "INSERT INTO fault VALUES (1, 3, 3, 'freeze', 1003e9, 1004.2e9, 'x', 1),"
        " (2, 1, NULL, 'reset', 1004e9, NULL, NULL, 0);" HISTOGRAM ";"
        "INSERT INTO hold VALUES (3, 1004e9, 1004.5e9);"
        "INSERT INTO checkpoint VALUES (1, 'rest', 1013e9, 1014e9, 1014.5e9, 'calls',"
        " NULL);"
        "INSERT INTO limit_used VALUES ('leak', 5000)");
    check_identity(5 * HOUR);
}

/* Leaks and checkpoints: every number of a regression. */
static void test_identity_of_shapes(void **state)
{
    static const struct shape_run runs[] = {
        {.shape = SHAPE_CALL, .bytes = 1e6, .unstable = true, .seed = 3},
        {.shape = SHAPE_CONNECTION, .bytes = 1e6, .seed = 4},
        {.shape = SHAPE_GROWTH, .bytes = 2e6, .noise = 1000, .seed = 5},
        {.shape = SHAPE_CLEAN, .silent = true, .coverage = "native", .seed = 6},
        {.shape = SHAPE_FDS, .bytes = 40, .seed = 7},
    };

    (void)state;
    for (size_t i = 0; i < sizeof runs / sizeof *runs; i++) {
        if (i > 0)
            scratch_set_up(NULL);
        shape_run_write(folder_of("one"), &runs[i]);
        check_identity((int64_t)i * HOUR);
        if (i + 1 < sizeof runs / sizeof *runs)
            scratch_tear_down(NULL);
    }
}

/* The clock of this run is two hours ahead of the other's. */
#define AHEAD                                                                                  \
    "UPDATE meta SET value = value + 7200e9 WHERE key IN ('start_ns', 'ready_ns', 'stop_ns',"  \
    " 'end_ns'); UPDATE incarnation SET spawn_ns = spawn_ns + 7200e9, ready_ns = ready_ns +"   \
    " 7200e9, ordered_ns = ordered_ns + 7200e9, exit_ns = exit_ns + 7200e9; UPDATE event SET"  \
    " time_ns = time_ns + 7200e9; UPDATE sample SET first_message = first_message + 7200e9;"   \
    "CREATE TABLE later AS SELECT * FROM sample; UPDATE later SET time_ns = time_ns + 7200e9;" \
    "DELETE FROM sample; INSERT INTO sample SELECT * FROM later; DROP TABLE later;"

static void check_component(const struct run_component_row *row, const char *name, int host,
                            int64_t peer)
{
    assert_string_equal(row->name, name);
    assert_int_equal(row->host, host);
    assert_int_equal(row->peer, peer);
}

static bool check_order(void *arg, const struct run_event_row *row)
{
    uint64_t *last = arg;

    assert_true(row->time_ns >= *last && row->time_ns < UINT64_C(1100000000000));
    *last = row->time_ns;
    return true;
}

/* Each of the two clients has had one round trip in that bucket. */
static void check_histograms(struct run_reader *run, int64_t component)
{
    struct histogram h;

    assert_true(run_reader_histogram(run, component, "rtt", &h));
    assert_int_equal(h.count, 1);
    assert_int_equal(h.buckets[1], 1);
    assert_int_equal(h.max, 1);
    assert_true(run_reader_histogram(run, component, "connect", &h));
    assert_int_equal(h.count, 0);
}

static void check_two(struct run_reader *run)
{
    size_t count;
    const struct run_component_row *rows = run_reader_components(run, &count);
    const struct run_info *info = run_reader_info(run);
    uint64_t last = 0;

    assert_int_equal(count, 10);
    check_component(&rows[0], "a.server-stable-secure", 0, 0);
    check_component(&rows[3], "a.client-31301-stable-secure-bidi-stream", 0, 2);
    check_component(&rows[5], "b.server-stable-secure", 1, 0);
    check_component(&rows[8], "b.client-31301-stable-secure-bidi-stream", 1, 7);
    run_reader_incarnations(run, &count);
    assert_int_equal(count, 14);
    assert_true(run_reader_events(run, check_order, &last));
    assert_int_equal(info->hosts, 2);
    assert_string_equal(info->place, "spread");
    assert_string_equal(info->host, "a, b");
    assert_int_equal(info->rank, -1);
    assert_int_equal(info->schema_version, RUN_SCHEMA_VERSION);
    assert_true(info->ready_ns == UINT64_C(1000000000000));
    assert_true(info->stop_ns == UINT64_C(1020000000000));
    assert_true(info->finished && !info->interrupted);
}

/* Each host has a fleet of its own, and a clock of its own. */
static void test_replicate(void **state)
{
    struct share shares[] = {{"one", host_of(0, "a", 0), BATCHES},
                             {"two", host_of(1, "b", -2 * HOUR), BATCHES}};
    struct run_reader *run;
    struct verdict_list list;

    (void)state;
    synthetic_run_write(folder_of("one"));
    synthetic_run_write(folder_of("two"));
    synthetic_run_bend(folder_of("two"), AHEAD HISTOGRAM);
    synthetic_run_bend(folder_of("one"), HISTOGRAM);
    assert_int_equal(merge_shares(shares, 2).left_out, 0);
    run = open_run(scratch);
    check_two(run);
    check_histograms(run, 3);
    check_histograms(run, 8);
    run_reader_free(run);
    list = judging_judge();
    assert_int_equal(verdict_list_worst(&list, 0, NULL), OUTCOME_PASS);
    verdict_list_free(&list);
    check_same("one", "a.");
}

/* The share of one host: all components, but only its own run there. */
static void write_part(const char *folder, int rank, const char *bend)
{
    char sql[1024];

    synthetic_run_write(folder_of(folder));
    snprintf(sql, sizeof sql,
             "UPDATE component SET host = id IN (2, 3, 5);"
             "INSERT INTO meta VALUES ('hosts', 2), ('place', 'spread'), ('rank', %d);"
             "CREATE TABLE theirs AS SELECT i.id FROM incarnation i JOIN component c ON"
             " c.id = component WHERE host <> %d; DELETE FROM sample WHERE incarnation IN theirs;"
             "DELETE FROM event WHERE incarnation IN theirs;"
             "DELETE FROM histogram WHERE incarnation IN theirs;"
             "DELETE FROM incarnation WHERE id IN theirs; DROP TABLE theirs;"
             "UPDATE component SET command = 'elsewhere' WHERE host <> %d;",
             rank, rank, rank);
    synthetic_run_bend(folder_of(folder), sql);
    synthetic_run_bend(folder_of(folder), bend);
}

/* Servers and their clients on different hosts: each component once, peers across. */
static void test_spread(void **state)
{
    struct share shares[] = {{"n0", host_of(0, "n0", 0), BATCHES},
                             {"n1", host_of(1, "n1", -2 * HOUR), BATCHES}};
    const struct run_component_row *rows;
    struct run_reader *run;
    struct verdict_list list;
    size_t count;

    (void)state;
    write_part("n0", 0, "");
    write_part("n1", 1, AHEAD);
    assert_int_equal(merge_shares(shares, 2).left_out, 0);
    run = open_run(scratch);
    rows = run_reader_components(run, &count);
    assert_int_equal(count, 5);
    check_component(&rows[0], "n0.server-stable-secure", 0, 0);
    check_component(&rows[1], "n0.client-31301-stable-secure-bidi-stream", 0, 3);
    check_component(&rows[2], "n1.server-unstable-secure", 1, 0);
    check_component(&rows[3], "n1.client-31300-stable-secure-bidi-stream", 1, 1);
    for (size_t i = 0; i < count; i++)
        assert_string_not_equal(rows[i].command, "elsewhere");
    run_reader_free(run);
    list = judging_judge();
    assert_int_equal(verdict_list_worst(&list, 0, NULL), OUTCOME_PASS);
    assert_int_equal(judging_find(&list, 2, "errors")->outcome, OUTCOME_PASS);
    verdict_list_free(&list);
}

static size_t count_of(const struct verdict_list *list, enum outcome outcome)
{
    size_t n = 0;

    for (size_t i = 0; i < list->count; i++)
        n += list->items[i].outcome == outcome;
    return n;
}

/* A host that dies leaves its first batches; what it was is known, and nobody else is blamed. */
static void check_dead(size_t sent, const char *says)
{
    struct share shares[] = {{"n0", host_of(0, "n0", 0), BATCHES},
                             {"n1", host_of(1, "n1", -2 * HOUR), sent}};
    struct verdict_list list;

    shares[1].host.lost = true;
    shares[1].host.verdict = NULL;
    shares[1].host.status = -1;
    shares[1].host.last_ns = sent == 0 ? 0 : 1008 * INT64_C(1000000000);
    write_part("n0", 0, "");
    write_part("n1", 1,
               AHEAD "UPDATE incarnation SET exit_ns = NULL, reason = NULL, ordered_ns = NULL WHERE"
                     " exit_ns > 8208e9; DELETE FROM incarnation WHERE spawn_ns > 8208e9;"
                     "DELETE FROM sample WHERE incarnation NOT IN (SELECT id FROM incarnation);"
                     "DELETE FROM meta WHERE key IN ('stop_ns', 'end_ns')");
    assert_int_equal(merge_shares(shares, 2).left_out, 0);
    list = judging_judge();
    assert_string_equal(judging_find(&list, 0, "hosts")->text, says);
    assert_int_equal(count_of(&list, OUTCOME_FAIL), 1);
    assert_int_equal(judging_find(&list, 0, "complete")->outcome, OUTCOME_PASS);
    assert_int_equal(list.count, (size_t)(judging_find(&list, 5, "sampling") - list.items) + 1);
    verdict_list_free(&list);
}

static void test_dead_host(void **state)
{
    (void)state;
    check_dead(3, "host n1 was lost at 8.0 s (heard last then; 3 processes)");
}

static void test_host_without_a_word(void **state)
{
    (void)state;
    check_dead(0, "host n1 was never heard (3 processes)");
}

/* What the run was to be any host knows. */
static void test_first_host_without_a_word(void **state)
{
    struct share shares[] = {{"n0", host_of(0, "n0", 0), 0},
                             {"n1", host_of(1, "n1", -2 * HOUR), BATCHES}};
    struct verdict_list list;
    struct run_reader *run;

    (void)state;
    shares[0].host.lost = true;
    shares[0].host.last_ns = 0;
    write_part("n0", 0, "");
    write_part("n1", 1, AHEAD);
    assert_int_equal(merge_shares(shares, 2).left_out, 0);
    list = judging_judge();
    assert_string_equal(judging_find(&list, 0, "hosts")->text,
                        "host n0 was never heard (2 processes)");
    assert_int_equal(count_of(&list, OUTCOME_FAIL), 1);
    assert_int_equal(judging_find(&list, 0, "complete")->outcome, OUTCOME_PASS);
    verdict_list_free(&list);
    run = open_run(scratch);
    assert_string_equal(run_reader_info(run)->argv, "driver --seed 7 --duration 20s");
    assert_string_equal(name_of(run, 1), "n0.server-stable-secure");
    run_reader_free(run);
}

/* What a batch may bring that no run has. */
static void test_strange_rows(void **state)
{
    static const char strange[] =
        "{\"meta\": {\"columns\": [\"key\", \"value\"], \"rows\": [[\"start_ns\", 5],"
        "  [\"seed\", {}], [\"argv\"], 3]},"
        " \"component\": {\"columns\": [\"id\", \"name\", \"role\", \"heap_cap\", \"port\","
        "  \"newer\"], \"rows\": [[1, \"s\", \"server\", 1024, 1, 9], [0, \"t\", \"server\", 1, 1,"
        "  9]]},"
        " \"incarnation\": {\"columns\": [\"id\", \"component\", \"number\", \"pid\","
        "  \"spawn_ns\"], \"rows\": [[7, 2, 1, 1, 1], [9000000000000000000, 1, 1, 1, 1],"
        "  [3, 1, 1, 100, \"soon\"], [2, 1, 1, 100, 10], [2, 1, 1, 101, 10]]},"
        " \"sample\": {\"columns\": [\"incarnation\", \"time_ns\", \"stale\", \"live\","
        "  \"brand_new\"], \"rows\": [[2, 20, 0, 4096, 5], [4, 20, 0, 1, 1], [2, 30, 0, null,"
        "  6]]},"
        " \"histogram\": {\"columns\": [\"incarnation\", \"name\", \"buckets\"], \"rows\":"
        "  [[2, \"rtt\", \"!\"], [2, \"connect\", \"\"]]},"
        " \"event\": {\"columns\": [\"time_ns\", \"kind\"], \"rows\": [[1, \"x\"]]},"
        " \"reading\": {\"columns\": [\"bobby'; DROP TABLE meta;\"], \"rows\": [[1], [2]]},"
        " \"hold\": {\"columns\": 7, \"rows\": []}, \"unheard_of\": {\"columns\": []}}";
    json_t *batch = json_loads(strange, 0, NULL);
    struct merge_host host = host_of(0, "n0", 100);
    struct merge_tally tally;
    char error[256] = "";
    struct merge *m = merge_new(scratch_path(RUN_DB_NAME), 1, "", error, sizeof error);

    (void)state;
    assert_non_null(batch);
    assert_true(merge_host(m, &host));
    assert_true(merge_tables(m, 0, 7, batch));
    assert_true(merge_tables(m, 0, 8, NULL));
    assert_false(merge_tables(m, 5, 9, batch));
    assert_non_null(strstr(merge_error(m), "no host of rank 5"));
    assert_true(merge_finish(m, &tally));
    merge_free(m);
    json_decref(batch);
    assert_int_equal(tally.rows, 19);
    assert_int_equal(tally.left_out, 12);
    struct run_reader *run = open_run(scratch);
    size_t count;
    const struct run_incarnation_row *rows = run_reader_incarnations(run, &count);

    assert_int_equal(count, 1);
    assert_int_equal(rows[0].pid, 101);
    assert_int_equal(rows[0].spawn_ns, 110);
    assert_int_equal(run_reader_info(run)->start_ns, 105);
    assert_int_equal(run_reader_host(run, 1)->first_ns, 7);
    assert_int_equal(run_reader_host(run, 1)->last_ns, 1021 * INT64_C(1000000000));
    run_reader_free(run);
    synthetic_run_bend(scratch, "CREATE TABLE t AS SELECT 1 / (count(*) = 2 AND sum(brand_new) = 11"
                                " AND min(time_ns) = 120) AS x FROM sample;"
                                "CREATE TABLE u (x NOT NULL); INSERT INTO u SELECT x FROM t");
}

static void test_file_in_the_way(void **state)
{
    char error[256] = "";

    (void)state;
    scratch_put(RUN_DB_NAME, "x", 1);
    assert_null(merge_new(scratch_path(RUN_DB_NAME), 1, "", error, sizeof error));
    assert_non_null(strstr(error, "run.db: File exists"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_set_up, scratch_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_identity),
        TEST(test_identity_ahead),
        TEST(test_identity_of_shapes),
        TEST(test_replicate),
        TEST(test_spread),
        TEST(test_dead_host),
        TEST(test_host_without_a_word),
        TEST(test_first_host_without_a_word),
        TEST(test_strange_rows),
        TEST(test_file_in_the_way),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
