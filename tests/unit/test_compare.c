/* Comparing runs: what is worse is named, what chance does is not, what is missing is told. */
#include "driver/compare.h"
#include "tests/fixtures/synthetic_run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define RUNS 4

static char folders[RUNS][64];

static int set_up(void **state)
{
    (void)state;
    for (int i = 0; i < RUNS; i++) {
        synthetic_run_folder(folders[i], sizeof folders[i]);
        synthetic_run_write(folders[i]);
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (int i = 0; i < RUNS; i++)
        synthetic_run_remove(folders[i]);
    return 0;
}

/* The first `bases` folders against the `runs` behind them. */
static struct compare *compare(size_t bases, size_t runs)
{
    static char *paths[RUNS];
    char error[256] = "";
    struct compare *c;

    for (int i = 0; i < RUNS; i++)
        paths[i] = folders[i];
    c = compare_new(paths, bases, paths + bases, runs, error, sizeof error);
    if (c == NULL)
        fail_msg("%s", error);
    return c;
}

static const struct comparison *find(const struct compare *c, size_t run, const char *component,
                                     enum measure measure)
{
    for (size_t i = 0; i < c->runs[run].count; i++) {
        const struct comparison *one = &c->runs[run].items[i];

        if (one->measure == measure && strcmp(one->component, component) == 0)
            return one;
    }
    return NULL;
}

static void test_same(void **state)
{
    struct compare *c = compare(1, 1);
    const struct comparison *fleet;

    (void)state;
    assert_int_equal(compare_status(c), STATUS_PASSED);
    assert_int_equal(c->noise, NOISE_WITHIN);
    assert_true(c->runs[0].count > 20);
    assert_int_equal(c->runs[0].worse + c->runs[0].better, 0);
    assert_true(c->runs[0].same_duration);
    /* Three clients, each of 50 + 50 messages in 100 ms, ten to a call, while up. */
    fleet = find(c, 0, "the fleet", MEASURE_CALLS);
    assert_non_null(fleet);
    assert_true(fleet->base > 120 && fleet->base < 155);
    compare_free(c);
}

static void test_worse(void **state)
{
    const struct comparison *one;
    struct compare *c;

    (void)state;
    synthetic_run_bend(folders[1], "UPDATE sample SET live = live + 300000 WHERE incarnation = 1;"
                                   "UPDATE sample SET live = live + 50000 WHERE incarnation = 3;"
                                   "UPDATE sample SET live = live - 300000 WHERE incarnation = 4");
    c = compare(1, 1);
    assert_int_equal(compare_status(c), STATUS_FAILED);
    one = find(c, 0, "server-stable-secure", MEASURE_LIVE);
    assert_non_null(one);
    assert_int_equal(one->outcome, COMPARE_WORSE);
    assert_true(one->base == 1201000 && one->run == 1501000);
    one = find(c, 0, "client-31300-stable-secure-bidi-stream", MEASURE_LIVE);
    assert_int_equal(one->outcome, COMPARE_SAME); /* less than matters */
    one = find(c, 0, "client-31301-stable-secure-bidi-stream", MEASURE_LIVE);
    assert_int_equal(one->outcome, COMPARE_BETTER);
    assert_int_equal(c->runs[0].worse, 1);
    assert_int_equal(c->runs[0].better, 1);
    compare_free(c);
}

/* Fewer calls are worse. */
static void test_slower(void **state)
{
    struct compare *c;

    (void)state;
    synthetic_run_bend(folders[1], "UPDATE sample SET calls_done = calls_done / 2,"
                                   " messages_sent = messages_sent / 2,"
                                   " messages_received = messages_received / 2");
    c = compare(1, 1);
    assert_int_equal(compare_status(c), STATUS_FAILED);
    assert_int_equal(find(c, 0, "the fleet", MEASURE_CALLS)->outcome, COMPARE_WORSE);
    assert_int_equal(find(c, 0, "server-stable-secure", MEASURE_CALLS)->outcome, COMPARE_WORSE);
    /* What it would stand in for is there. */
    assert_null(find(c, 0, "the fleet", MEASURE_MESSAGES));
    compare_free(c);
}

/* Bases that differ by as much as the run does. */
static void test_noise(void **state)
{
    struct compare *c;

    (void)state;
    for (int i = 0; i < 3; i++) {
        char sql[128];

        snprintf(sql, sizeof sql,
                 "UPDATE sample SET live = live + %d00000 * (1 + incarnation %% 3)", 2 * i);
        synthetic_run_bend(folders[i], sql);
    }
    synthetic_run_bend(folders[3], "UPDATE sample SET live = live + 500000");
    c = compare(3, 1);
    assert_int_equal(c->noise, NOISE_BASES);
    assert_int_equal(compare_status(c), STATUS_PASSED);
    assert_true(find(c, 0, "server-stable-secure", MEASURE_LIVE)->floor > 500000);
    compare_free(c);
    c = compare(1, 3);
    assert_int_equal(c->noise, NOISE_RUNS);
    assert_int_equal(compare_status(c), STATUS_PASSED);
    compare_free(c);
    /* Far beyond their noise. */
    synthetic_run_bend(folders[3], "UPDATE sample SET live = 9 * live");
    c = compare(3, 1);
    assert_int_equal(compare_status(c), STATUS_FAILED);
    compare_free(c);
}

static void test_other_fleet(void **state)
{
    struct compare *c;

    (void)state;
    synthetic_run_bend(folders[1], "UPDATE component SET name='novel' WHERE id=2;"
                                   "UPDATE meta SET value=10e9 WHERE key='duration_ns'");
    c = compare(1, 1);
    assert_int_equal(compare_status(c), STATUS_PASSED);
    assert_int_equal(c->runs[0].only_base_count, 1);
    assert_string_equal(c->runs[0].only_base[0], "server-unstable-secure");
    assert_int_equal(c->runs[0].only_run_count, 1);
    assert_string_equal(c->runs[0].only_run[0], "novel");
    assert_false(c->runs[0].same_duration);
    compare_free(c);
}

static void test_nothing(void **state)
{
    struct compare *c;

    (void)state;
    synthetic_run_bend(folders[1], "DELETE FROM meta WHERE key='ready_ns'");
    c = compare(1, 1);
    assert_int_equal(c->runs[0].count, 0);
    assert_int_equal(compare_status(c), STATUS_INCONCLUSIVE);
    compare_free(c);
}

/* Five checkpoints at which a component holds 100,000 bytes, 20,000 more for each of two
 * connections, and `grown` bytes more at each next one, 1,000 calls later. */
static void add_checkpoints(const char *folder, int grown)
{
    char sql[512];

    for (int i = 1; i <= 5; i++) {
        snprintf(sql, sizeof sql,
                 "INSERT INTO checkpoint (id, kind, start_ns, end_ns)"
                 " VALUES (%d, 'rest', %d.0e9, %d.1e9);"
                 "INSERT INTO reading (checkpoint, incarnation, time_ns, valid, live, live_boot,"
                 " connections, calls_done) VALUES (%d, 1, %d.05e9, 1, %d, 100000, 2, %d)",
                 i, 1000 + i, 1000 + i, i, 1000 + i, 140000 + i * grown, i * 1000);
        synthetic_run_bend(folder, sql);
    }
    snprintf(sql, sizeof sql,
             "INSERT INTO checkpoint (id, kind, start_ns, end_ns) VALUES (6, 'rest', 1e12, 1e12);"
             "INSERT INTO reading (checkpoint, incarnation, time_ns, valid, live)"
             " VALUES (6, 1, 1e12, 0, 99999999)");
    synthetic_run_bend(folder, sql);
}

static void test_checkpoints(void **state)
{
    const struct comparison *one;
    struct compare *c;

    (void)state;
    add_checkpoints(folders[0], 0);
    add_checkpoints(folders[1], 3000);
    c = compare(1, 1);
    one = find(c, 0, "server-stable-secure", MEASURE_REST);
    assert_non_null(one);
    assert_true(one->base == 140000 && one->run == 149000);
    assert_null(find(c, 0, "server-stable-secure", MEASURE_LIVE));
    one = find(c, 0, "server-stable-secure", MEASURE_PER_CONNECTION);
    assert_true(one->base == 20000 && one->run == 24500);
    one = find(c, 0, "server-stable-secure", MEASURE_PER_CALL);
    assert_non_null(one);
    assert_true(fabs(one->base) < 1e-6 && fabs(one->run - 3000) < 1e-6);
    assert_int_equal(one->outcome, COMPARE_WORSE);
    assert_int_equal(compare_status(c), STATUS_FAILED);
    compare_free(c);
}

static void test_unreadable(void **state)
{
    char *paths[] = {folders[0], folders[1]};
    char error[256] = "";

    (void)state;
    synthetic_run_bend(folders[1], "DROP TABLE sample");
    assert_null(compare_new(paths, 1, paths + 1, 1, error, sizeof error));
    assert_non_null(strstr(error, folders[1]));
    assert_non_null(strstr(error, "sample"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_same),        TEST(test_worse),   TEST(test_slower),      TEST(test_noise),
        TEST(test_other_fleet), TEST(test_nothing), TEST(test_checkpoints), TEST(test_unreadable),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
