/* What a run of `driver throughput` measured, from files whose every number is known. */
#include "driver/sweep/figures.h"
#include "driver/sweep/tree.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <limits.h>
#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char dir[] = "/tmp/flatline-figures.XXXXXX";

/* Four events of two authors, one a second; the fourth is lost in the end. Of two subscribers the
 * first gets three, one of them twice, the second two. */
static const char log_text[] = "# author sequence sent_ns acked_ns status\n"
                               "1 1 1000000000 1004000000 OK\n"
                               "2 1 2000000000 2002000000 OK\n"
                               "1 2 3000000000 3006000000 OK\n"
                               "2 2 4000000000 4500000000 UNAVAILABLE\n";
static const char broker_sql[] = "INSERT INTO event VALUES"
                                 "(1, 1, 0, 1000000000, 1001000000),"
                                 "(2, 1, 0, 2000000000, 2002000000),"
                                 "(1, 2, 0, 3000000000, 3003000000)";
static const char subscriber_sql[] = "INSERT INTO event VALUES"
                                     "(1, 1, 1, 1000000000, 1002000000),"
                                     "(1, 1, 1, 1000000000, 1004000000),"
                                     "(2, 1, 1, 2000000000, 2004000000),"
                                     "(1, 2, 1, 3000000000, 3005000000),"
                                     "(1, 1, 2, 1000000000, 1003000000),"
                                     "(2, 1, 2, 2000000000, 2006000000)";

static void write_db(const char *name, const char *sql, bool complete)
{
    char path[PATH_MAX];
    sqlite3 *db;

    snprintf(path, sizeof path, "%s/%s", dir, name);
    unlink(path);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(db,
                     "CREATE TABLE event(author INTEGER, sequence INTEGER, subscriber INTEGER,"
                     " sent_ns INTEGER, arrived_ns INTEGER);"
                     "CREATE TABLE meta(key TEXT PRIMARY KEY, value);"
                     "INSERT INTO meta VALUES('schema_version', 1)",
                     NULL, NULL, NULL),
        SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    if (complete)
        assert_int_equal(
            sqlite3_exec(db, "INSERT INTO meta VALUES('complete', 1)", NULL, NULL, NULL),
            SQLITE_OK);
    sqlite3_close(db);
}

static void write_run(const char *log, bool complete)
{
    char error[256];

    assert_true(tree_write_file(dir, "author.log", log, error, sizeof error));
    write_db("broker.db", broker_sql, true);
    write_db("subscriber.db", subscriber_sql, complete);
}

static void assert_near(double seen, double expected)
{
    if (!(fabs(seen - expected) <= 1e-9 * fmax(1, fabs(expected))))
        fail_msg("%.12g instead of %.12g", seen, expected);
}

static const struct figures_plan plan = {.events = 4, .subscribers = 2};

static void test_counts(void **state)
{
    struct figure figures[ROLES];
    struct times times[ROLES] = {0};
    char error[256];

    (void)state;
    write_run(log_text, true);
    assert_true(figures_read(dir, &plan, figures, times, error, sizeof error));
    assert_int_equal(figures[ROLE_AUTHOR].count, 3);
    assert_int_equal(figures[ROLE_AUTHOR].missing, 1);
    assert_near(figures[ROLE_AUTHOR].events_per_second, 3 / 2.006);
    assert_int_equal(figures[ROLE_BROKER].missing, 1);
    assert_near(figures[ROLE_BROKER].events_per_second, 3 / 2.003);
    /* What came twice stands in for nothing. */
    assert_int_equal(figures[ROLE_SUBSCRIBER].count, 6);
    assert_int_equal(figures[ROLE_SUBSCRIBER].missing, 3);
    assert_near(figures[ROLE_SUBSCRIBER].events_per_second, 6 / 2.005 / 2);
    assert_int_equal(times[ROLE_BROKER].count, 3);
    assert_near(times[ROLE_BROKER].ms[2], 3);
    for (int role = 0; role < ROLES; role++)
        times_free(&times[role]);
}

static void test_incomplete(void **state)
{
    struct figure figures[ROLES];
    char error[PATH_MAX + 128], path[PATH_MAX];

    (void)state;
    write_run(log_text, false);
    assert_false(figures_read(dir, &plan, figures, NULL, error, sizeof error));
    assert_non_null(strstr(error, "subscriber.db is not complete"));
    write_run("1 1 1000000000 10", true);
    assert_false(figures_read(dir, &plan, figures, NULL, error, sizeof error));
    assert_non_null(strstr(error, "author.log, line 1: not an event"));
    write_run(log_text, true);
    assert_true(tree_write_file(dir, "broker.db", "this is no database, but long enough to be read",
                                error, sizeof error));
    assert_false(figures_read(dir, &plan, figures, NULL, error, sizeof error));
    assert_non_null(strstr(error, "broker.db: file is not a database"));
    snprintf(path, sizeof path, "%s/broker.db", dir);
    unlink(path);
    assert_false(figures_read(dir, &plan, figures, NULL, error, sizeof error));
    assert_non_null(strstr(error, "broker.db"));
}

static void test_spread(void **state)
{
    double few[] = {4, 1, 3, 2}, many[200], one[] = {7};
    struct times times = {few, 4, 4};
    struct spread s = times_spread(&times);

    (void)state;
    assert_near(s.min, 1);
    assert_near(s.max, 4);
    assert_near(s.mean, 2.5);
    assert_near(s.median, 2.5);
    assert_near(s.p99, 4);
    assert_near(s.std, sqrt(5.0 / 3));
    for (int i = 0; i < 200; i++)
        many[i] = 200 - i;
    times = (struct times){many, 200, 200};
    s = times_spread(&times);
    assert_near(s.median, 100.5);
    assert_near(s.p99, 198);
    times = (struct times){many, 101, 200};
    s = times_spread(&times);
    assert_near(s.p99, 100);
    times = (struct times){one, 1, 1};
    s = times_spread(&times);
    assert_near(s.std, 0);
    assert_near(s.p99, 7);
    times = (struct times){0};
    assert_int_equal(times_spread(&times).count, 0);
}

static int set_up(void **state)
{
    (void)state;
    return mkdtemp(dir) == NULL;
}

static int tear_down(void **state)
{
    char error[256];

    (void)state;
    return !tree_remove(dir, error, sizeof error);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_incomplete),
        cmocka_unit_test(test_spread),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
