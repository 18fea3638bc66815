/* What is pushed to InfluxDB: where to, and which lines a batch makes, over a restart, too. The
 * rest, against a real one: tests/e2e/results_influx.py. */
#include "results-server/influx_batch.h"
#include "results-server/influx_target.h"
#include "tests/unit/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- where to ---- */

static void clear_environment(void)
{
    unsetenv("FLATLINE_INFLUX_USER");
    unsetenv("FLATLINE_INFLUX_PASSWORD");
    unsetenv("FLATLINE_INFLUX_TOKEN");
}

static void assert_target(const char *url, const char *write_url, const char *user,
                          const char *password)
{
    struct influx_target target;
    char why[200];

    assert_true(influx_target_parse(url, &target, why, sizeof why));
    assert_string_equal(target.write_url, write_url);
    assert_null(strstr(target.name, "secret"));
    if (user == NULL) {
        assert_null(target.user);
        assert_null(target.password);
    } else {
        assert_string_equal(target.user, user);
        assert_string_equal(target.password, password);
    }
    influx_target_free(&target);
}

static void a_url_names_the_database(void **state)
{
    (void)state;
    clear_environment();
    assert_target("http://127.0.0.1:8086", "http://127.0.0.1:8086/write?db=flatline&precision=ns",
                  NULL, NULL);
    assert_target("http://h:1/?db=a%20b&rp=one", "http://h:1/write?db=a%20b&precision=ns&rp=one",
                  NULL, NULL);
    assert_target("https://h/prefix?db=x", "https://h:443/prefix/write?db=x&precision=ns", NULL,
                  NULL);
    assert_target("http://[::1]:8086/?db=x", "http://[::1]:8086/write?db=x&precision=ns", NULL,
                  NULL);
}

static void credentials_are_in_no_url_of_ours(void **state)
{
    (void)state;
    clear_environment();
    assert_target("http://h:1/?db=x&u=me&p=secret%26", "http://h:1/write?db=x&precision=ns", "me",
                  "secret&");
    assert_target("http://you:secret@h:1/?db=x", "http://h:1/write?db=x&precision=ns", "you",
                  "secret");
    setenv("FLATLINE_INFLUX_USER", "env", 1);
    setenv("FLATLINE_INFLUX_PASSWORD", "secret", 1);
    assert_target("http://h:1/", "http://h:1/write?db=flatline&precision=ns", "env", "secret");
    clear_environment();
}

static void what_is_no_influxdb_is_refused(void **state)
{
    static const char *const urls[] = {"",
                                       "127.0.0.1",
                                       "ftp://h/",
                                       "http://",
                                       "http://h:99999/",
                                       "http://h/?database=x",
                                       "http://h/?db=",
                                       "http://h/?db=x&precision=s"};
    struct influx_target target;
    char why[200];

    (void)state;
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        why[0] = 0;
        if (influx_target_parse(urls[i], &target, why, sizeof why))
            fail_msg("%s was taken", urls[i]);
        assert_true(strlen(why) > 10);
        assert_null(target.write_url);
    }
}

/* ---- which lines ---- */

static void assert_written(struct influx_names *names, const char *peer, int64_t shift_ns,
                           const char *body, const char *expected)
{
    struct influx_origin origin = {"t1", peer, 0, shift_ns};
    struct influx_lines lines = {0};
    json_t *json = json_loads(body, 0, NULL);

    assert_non_null(json);
    assert_true(influx_names_find_peer(names, "t1", peer, &origin.number, &origin.shift_ns));
    if (origin.number == 0)
        assert_true(influx_names_add_peer(names, "t1", peer, shift_ns, &origin.number));
    assert_true(influx_batch_write(&lines, names, &origin, json));
    assert_false(lines.failed);
    influx_line_end(&lines, 0); /* room for a zero */
    assert_int_equal(lines.size, strlen(expected));
    if (lines.size > 0)
        assert_memory_equal(lines.bytes, expected, lines.size);
    assert_true(influx_names_commit(names));
    json_decref(json);
    influx_lines_free(&lines);
}

static struct influx_names *open_names(void)
{
    char why[200];
    struct influx_names *names = influx_names_open(scratch, why, sizeof why);

    if (names == NULL)
        fail_msg("%s", why);
    return names;
}

#define PREAMBLE                                                                          \
    "{\"tables\": {\"component\": {\"columns\": [\"name\", \"id\"],"                      \
    " \"rows\": [[\"server, one\", 1], [\"client\", 2]]}, \"incarnation\": {\"columns\":" \
    " [\"id\", \"component\", \"number\", \"ordered_ns\", \"ordered_signal\"], \"rows\":" \
    " [[7, 1, 1, null, null], [8, 2, 3, null, null]]}}}"
#define SAMPLES                                                                         \
    "{\"tables\": {\"sample\": {\"columns\": [\"incarnation\", \"time_ns\", \"stale\"," \
    " \"live\", \"pss\"], \"rows\": [[7, 100, 0, 4096, null], [8, 101, 1, null, 5],"    \
    " [9, 102, 0, 6, 7]]}}}"

static void samples_bear_the_names_of_their_components(void **state)
{
    struct influx_names *names = open_names();

    (void)state;
    assert_written(names, "n1", 1000, PREAMBLE, "");
    assert_written(names, "n1", 1000, SAMPLES,
                   "process,test=t1,host=n1,component=server\\,\\ one "
                   "stale=0i,live=4096i,incarnation=1i 1100\n"
                   "process,test=t1,host=n1,component=client stale=1i,pss=5i,incarnation=3i 1101\n"
                   "process,test=t1,host=n1,component=incarnation\\ 9 "
                   "stale=0i,live=6i,pss=7i,incarnation=0i 1102\n");
    influx_names_free(names);
}

static void a_restart_makes_the_same_lines(void **state)
{
    struct influx_names *names = open_names();
    const char *line = "process,test=t1,host=n1,component=server\\,\\ one "
                       "stale=0i,live=4096i,incarnation=1i 1100\n";
    const char *sample = "{\"tables\": {\"sample\": {\"columns\": [\"incarnation\", \"time_ns\","
                         " \"stale\", \"live\"], \"rows\": [[7, 100, 0, 4096]]}}}";
    int64_t cursor;

    (void)state;
    assert_true(influx_names_cursor(names, &cursor));
    assert_int_equal(cursor, 0);
    assert_written(names, "n1", 1000, PREAMBLE, "");
    assert_true(influx_names_put_cursor(names, 42) && influx_names_commit(names));
    assert_true(influx_names_put_cursor(names, 43));
    influx_names_free(names); /* not committed */
    names = open_names();
    assert_true(influx_names_cursor(names, &cursor));
    assert_int_equal(cursor, 42);
    /* its clock was measured anew since, but the first shift stays */
    assert_written(names, "n1", 1003, sample, line);
    assert_true(influx_names_clear(names) && influx_names_commit(names));
    assert_true(influx_names_cursor(names, &cursor));
    assert_int_equal(cursor, 0);
    influx_names_free(names);
}

static void a_death_is_told_but_not_the_end_of_the_run(void **state)
{
    struct influx_names *names = open_names();

    (void)state;
    assert_written(names, "n1", 1000, PREAMBLE, "");
    assert_written(
        names, "n1", 1000,
        "{\"tables\": {\"incarnation\": {\"columns\": [\"id\", \"component\","
        " \"number\", \"ordered_ns\", \"exit_ns\", \"exit_signal\", \"reason\"],"
        " \"rows\": [[7, 1, 1, 500, 510, 9, \"chaos\"], [8, 2, 3, 500, null, null, null],"
        " [9, 2, 4, null, 600, null, \"heap-cap\"], [10, 2, 5, 700, 710, 15, \"stopped\"],"
        " [11, 2, 6, null, 800, 11, \"of later\"]]}}}",
        "death,test=t1,host=n1,component=server\\,\\ one reason=\"chaos\",signal=9i,"
        "incarnation=1i,text=\"server, one of n1: ordered by the chaos plan\" 1500\n"
        "death,test=t1,host=n1,component=client reason=\"heap-cap\",incarnation=4i,"
        "text=\"client of n1: an allocation was refused, its cgroup was full, or died at "
        "95 % of its cap\" 1600\n"
        "death,test=t1,host=n1,component=client reason=\"of later\",signal=11i,"
        "incarnation=6i,text=\"client of n1: of later\" 1800\n");
    influx_names_free(names);
}

static void points_are_of_a_routine(void **state)
{
    struct influx_names *names = open_names();

    (void)state;
    assert_written(
        names, "p1", -5,
        "{\"points\": [{\"time_ns\": 10, \"source\": \"room\", \"values\":"
        " {\"sent.count\": 3, \"latency.p99\": 1.5}}, {\"time_ns\": 11, \"source\": \"\","
        " \"values\": {}}]}",
        "routine,test=t1,peer=p1,source=room sent.count=3,latency.p99=1.5 5\n");
    influx_names_free(names);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_url_names_the_database),
        cmocka_unit_test(credentials_are_in_no_url_of_ours),
        cmocka_unit_test(what_is_no_influxdb_is_refused),
        cmocka_unit_test_setup_teardown(samples_bear_the_names_of_their_components, scratch_set_up,
                                        scratch_tear_down),
        cmocka_unit_test_setup_teardown(a_restart_makes_the_same_lines, scratch_set_up,
                                        scratch_tear_down),
        cmocka_unit_test_setup_teardown(a_death_is_told_but_not_the_end_of_the_run, scratch_set_up,
                                        scratch_tear_down),
        cmocka_unit_test_setup_teardown(points_are_of_a_routine, scratch_set_up, scratch_tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
