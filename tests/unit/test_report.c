/* The terminal report: what stands where, for a healthy run, a failed one, and a large fleet. */
#include "driver/gate.h"
#include "driver/report.h"
#include "tests/fixtures/synthetic_run.h"
#include "tests/unit/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

static struct verdict_list verdicts;
static struct gate_limits limits;
static struct evidence *evidence;

/* The model of the run in the scratch; freed by done. */
static struct report *open_report(bool judged)
{
    char error[256] = "";
    struct run_reader *run = run_reader_new(scratch, error, sizeof error);
    struct report *r;

    assert_string_equal(error, "");
    limits = limits_of_run(run);
    evidence = evidence_new(run, &limits, error, sizeof error);
    if (evidence == NULL)
        fail_msg("%s", error);
    if (judged)
        assert_true(gate_judge_evidence(evidence, &verdicts));
    r = report_new(run, evidence, &verdicts, error, sizeof error);
    if (r == NULL)
        fail_msg("%s", error);
    return r;
}

static void close_report(struct report *r)
{
    struct run_reader *run = r->run;

    report_free(r);
    evidence_free(evidence);
    run_reader_free(run);
    verdict_list_free(&verdicts);
}

/* The report of the run in the scratch; to be freed. */
static char *report(bool judged, bool colour)
{
    struct report *r = open_report(judged);
    char error[256] = "", *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    assert_true(report_terminal(r, &(struct report_style){colour, 0}, out, error, sizeof error));
    assert_int_equal(fclose(out), 0);
    close_report(r);
    return text;
}

/* The line that begins with `start`, cut out in place; fails if there is none. */
static char *line_of(char *text, const char *start)
{
    char *at = strncmp(text, start, strlen(start)) == 0 ? text : NULL, *end;
    char needle[128];

    snprintf(needle, sizeof needle, "\n%s", start);
    if (at == NULL && (at = strstr(text, needle)) != NULL)
        at++;
    if (at == NULL) {
        fail_msg("no line \"%s\" in:\n%s", start, text);
        return NULL;
    }
    end = strchr(at, '\n');
    return end == NULL ? strdup(at) : strndup(at, (size_t)(end - at));
}

static void assert_line(char *text, const char *start, const char *expected)
{
    char *line = line_of(text, start);

    if (strstr(line, expected) == NULL)
        fail_msg("expected \"%s\" in \"%s\"", expected, line);
    free(line);
}

static size_t count_lines(const char *text)
{
    size_t count = 0;

    for (; (text = strchr(text, '\n')) != NULL; text++)
        count++;
    return count;
}

static void assert_last_line(const char *text, const char *start)
{
    size_t length = strlen(text);
    const char *at = text + length - 1;

    assert_int_equal(*at, '\n');
    while (at > text && at[-1] != '\n')
        at--;
    if (strncmp(at, start, strlen(start)) != 0)
        fail_msg("expected \"%s\" at the start of \"%s\"", start, at);
}

static void test_pass(void **state)
{
    char *text = report(true, false);

    (void)state;
    assert_int_equal(count_lines(text), 1 + 5 + 3);
    assert_line(text, "coverage: ", "coverage: exact (5)");
    assert_line(text, "again: ", "again: driver --seed 7 --duration 20s");
    assert_line(text, "component", "live MB  peak MB  data MB  of cap");
    /* 1,201,000 bytes live; 10 of 24 MB; 209 samples of 50 + 50 messages in 20.9 s. */
    assert_line(text, "server-stable-secure ",
                "flat                1.15     1.15    10.00    42 %    1045    1000      0     0   "
                "    0");
    assert_line(text, "client-31301-stable-secure-bidi-stream ", "     0     0       4");
    assert_line(text, "server-unstable-secure ", "     1     1       0");
    assert_last_line(text, "PASS: 5 of 5 components flat; 2 kills, 2 recoveries; highest: "
                           "server-stable-secure, 42 % of its cap\n");
    assert_null(strchr(text, '\033'));
    free(text);
}

static void test_fail(void **state)
{
    char *text, *finding, *table;

    (void)state;
    synthetic_run_bend(scratch, "UPDATE incarnation SET reason='heap-cap', ordered_ns=NULL,"
                                " exit_ns=1012e9, exit_code=251,"
                                " obituary='heap overflow: 64 bytes refused to app' WHERE id=5;"
                                "UPDATE sample SET data=25000000 WHERE incarnation=5;"
                                "INSERT INTO event VALUES (1012e9, 4, 'loss-reset', 1, 0)");
    text = report(true, false);
    assert_int_equal(strncmp(text, "FAIL  server-unstable-secure\n", 29), 0);
    finding = strstr(text, "FAIL  client-31301");
    table = strstr(text, "component ");
    assert_true(finding != NULL && table != NULL && finding < table);
    assert_line(text, "      heap-cap  ",
                "hit its cap of 24 MB at 12.0 s: heap overflow: 64 bytes");
    assert_line(text, "      errors  ", "1 loss that chaos did not order");
    assert_line(table, "server-unstable-secure ", "fail");
    assert_line(table, "server-unstable-secure ", "99 %");
    assert_last_line(text, "FAIL: server-unstable-secure heap-cap: hit its cap of 24 MB at 12.0 s: "
                           "heap overflow: 64 bytes refused to app (2 of 5 components failed)\n");
    free(text);
}

static void test_inconclusive(void **state)
{
    char *text;

    (void)state;
    synthetic_run_bend(scratch, "DELETE FROM meta WHERE key='end_ns'");
    text = report(true, false);
    assert_int_equal(strncmp(text, "INCONCLUSIVE\n      complete  ", 29), 0);
    assert_line(text, "      complete  ", "the run: the record breaks off after 20.0 of 20.0 s");
    assert_line(text, "server-stable-secure ", "flat");
    assert_last_line(text, "INCONCLUSIVE: complete: the record breaks off");
    free(text);
}

/* Each component on a host of its own. */
#define HOSTS                                                                                 \
    "UPDATE component SET host = id - 1, name = 'n' || (id - 1) || '.' || name;"              \
    "INSERT INTO host (rank, name, address, state, last_ns, stop_ns, status, verdict) SELECT" \
    " host, 'n' || host, '127.0.0.' || id, 'done', 1021e9, 1020e9, 0, 'pass' FROM component;"

static void test_hosts(void **state)
{
    char *text;

    (void)state;
    synthetic_run_bend(scratch,
                       HOSTS "UPDATE host SET state = 'lost', last_ns = 1019.5e9 WHERE rank = 3");
    text = report(true, false);
    assert_line(text, "      hosts  ", "host n3 was lost at 19.5 s (heard last then; 1 process)");
    assert_line(text, "1 on n0 ", "flat ");
    assert_line(text, "1 on n3 ", "flat until lost");
    assert_true(strstr(text, "1 on n3 ") < strstr(text, "1 on n0 "));
    assert_last_line(text,
                     "FAIL: hosts: host n3 was lost at 19.5 s (heard last then; 1 process)\n");
    free(text);
    synthetic_run_bend(scratch, "UPDATE host SET state = 'done', verdict = 'error', reason = 'full"
                                " disk' WHERE rank = 3; DELETE FROM host WHERE rank = 4; UPDATE"
                                " component SET host = 3 WHERE id = 5;");
    text = report(true, true);
    assert_line(text, "n3, 127.0.0.4: 2 processes, \033[1;31mgave up at 19.5 s: full disk\033[0m",
                "");
    assert_line(text, "client-31301-stable-secure-bidi-stream ", "flat until lost");
    free(text);
}

/* The folder of one of several hosts. */
static void test_share(void **state)
{
    char *text;

    (void)state;
    synthetic_run_bend(
        scratch, "UPDATE component SET host = id IN (2, 3, 5); INSERT INTO meta VALUES"
                 " ('hosts', 2), ('rank', 0); DELETE FROM sample WHERE incarnation NOT IN (1,"
                 " 4); DELETE FROM incarnation WHERE component IN (2, 3, 5); UPDATE sample SET"
                 " incarnation = 2 WHERE incarnation = 4; UPDATE event SET incarnation = 2;"
                 "UPDATE incarnation SET id = 2 WHERE id = 4");
    text = report(true, false);
    assert_line(text, "server-unstable-secure ", "elsewhere");
    assert_line(text, "server-stable-secure ", "flat");
    assert_last_line(text, "PASS: 2 of 5 components flat;");
    free(text);
}

/* Whoever failed is looked into on its host. */
static void test_failed_on_host(void **state)
{
    char *text;

    (void)state;
    synthetic_run_bend(scratch, HOSTS "UPDATE sample SET data = 24e6 WHERE incarnation = 3");
    text = report(true, false);
    assert_int_equal(strncmp(text, "FAIL  n2.client-31300-stable", 28), 0);
    assert_line(text, "      evidence  ", "on host n2, in the run folder of its share");
    free(text);
}

static void test_all_in_doubt(void **state)
{
    char *text;

    (void)state;
    synthetic_run_bend(scratch, "UPDATE sample SET lateness=200000000");
    text = report(true, false);
    assert_int_equal(count_lines(text), 2 + 1 + 1 + 5 + 3);
    assert_line(text, "      sampling  ", "server-stable-secure and 4 more: samples late by");
    assert_line(text, "server-stable-secure  ", "inconclusive");
    assert_last_line(text, "INCONCLUSIVE: server-stable-secure sampling: samples late by");
    free(text);
}

static void test_nothing_judged(void **state)
{
    char *text = report(false, false);

    (void)state;
    assert_last_line(text, "INCONCLUSIVE: nothing was judged\n");
    free(text);
}

static void test_colour(void **state)
{
    char *text = report(true, true);

    (void)state;
    assert_last_line(text, "\033[1;32mPASS\033[0m: 5 of 5");
    free(text);
}

static void test_damaged(void **state)
{
    struct run_reader *run;
    char error[256] = "";

    (void)state;
    synthetic_run_bend(scratch, "DROP TABLE event");
    run = run_reader_new(scratch, error, sizeof error);
    assert_non_null(run);
    limits = limits_of_run(run);
    assert_null(evidence_new(run, &limits, error, sizeof error));
    assert_non_null(strstr(error, "no such table: event"));
    run_reader_free(run);
}

static void test_coverage(void **state)
{
    char *text;

    (void)state;
    synthetic_run_bend(scratch, "UPDATE component SET coverage='none' WHERE id IN (1, 4)");
    text = report(true, false);
    assert_line(text, "coverage: ", "coverage: none (2: server-stable-secure, ...), exact (3)");
    free(text);
}

static void test_interval(void **state)
{
    struct report *r = open_report(true);
    char error[256] = "", *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    (void)state;
    verdicts.items[1].outcome = OUTCOME_FAIL;
    verdicts.items[1].unit = "B/s";
    verdicts.items[1].value = 2048;
    verdicts.items[1].low = 1536;
    verdicts.items[1].high = 2560;
    verdicts.items[1].limit = 1024;
    verdicts.items[1].smallest = 300;
    assert_true(report_terminal(r, &(struct report_style){0}, out, error, sizeof error));
    assert_int_equal(fclose(out), 0);
    assert_non_null(strstr(text, "\n                       2 KB/s (1.50 KB/s to 2.50 KB/s), limit "
                                 "1 KB/s, could have seen 300 B/s\n"));
    free(text);
    close_report(r);
}

/* The third component, again and again: `count` clients more. */
static void clone_clients(int count)
{
    char sql[1024];

    for (int i = 0; i < count; i++) {
        snprintf(sql, sizeof sql,
                 "CREATE TEMP TABLE c AS SELECT * FROM component WHERE id=3;"
                 "UPDATE c SET id=%d, name='clone-%d';"
                 "CREATE TEMP TABLE i AS SELECT * FROM incarnation WHERE id=3;"
                 "UPDATE i SET id=%d, component=%d;"
                 "CREATE TEMP TABLE s AS SELECT * FROM sample WHERE incarnation=3;"
                 "UPDATE s SET incarnation=%d, live=live+%d;"
                 "INSERT INTO component SELECT * FROM c; INSERT INTO incarnation SELECT * FROM i;"
                 "INSERT INTO sample SELECT * FROM s",
                 6 + i, i, 8 + i, 6 + i, 8 + i, (count - 1 - i) << 20);
        synthetic_run_bend(scratch, sql);
    }
}

static void test_large_fleet(void **state)
{
    char *text;

    (void)state;
    clone_clients(14);
    text = report(true, false);
    /* Two servers and one pattern, with a header, a note and the verdict. */
    assert_int_equal(count_lines(text), 1 + 2 + 1 + 1 + 3);
    assert_line(text, "17 bidi-stream ", "flat               14.15    14.15    10.00    42 %");
    assert_line(text, "17 bidi-stream ", "     1     1       4");
    assert_last_line(text, "PASS: 19 of 19 components flat");
    free(text);
    synthetic_run_bend(scratch, "UPDATE sample SET refused=1 WHERE incarnation IN (9, 10)");
    text = report(true, false);
    assert_line(text, "FAIL  clone-1", "");
    assert_line(text, "17 bidi-stream ", "2 of 17 failed ");
    assert_last_line(text, "FAIL: clone-1 heap-cap: 1 allocation refused");
    free(text);
    synthetic_run_bend(scratch, "UPDATE sample SET refused=1");
    text = report(true, false);
    assert_line(text, "and 9 failed components more", "");
    free(text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_set_up_run, scratch_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_pass),         TEST(test_fail),           TEST(test_inconclusive),
        TEST(test_all_in_doubt), TEST(test_nothing_judged), TEST(test_colour),
        TEST(test_damaged),      TEST(test_large_fleet),    TEST(test_interval),
        TEST(test_coverage),     TEST(test_hosts),          TEST(test_failed_on_host),
        TEST(test_share),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
