/* The gate's limits: from a rules file, from a run, and what is wrong with a file by its place. */
#include "driver/gate.h"
#include "driver/limits_load.h"
#include "tests/fixtures/shape_run.h"
#include "tests/fixtures/synthetic_run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

static char folder[64], path[128], error[512];

static int set_up(void **state)
{
    (void)state;
    synthetic_run_folder(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/rules.yaml", folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    synthetic_run_remove(folder);
    return 0;
}

static bool load(const char *text, struct gate_limits *limits)
{
    FILE *file = fopen(path, "we");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    *limits = GATE_LIMITS_DEFAULT;
    return limits_load(path, limits, error, sizeof error);
}

static void test_values(void **state)
{
    const struct gate_limits standard = GATE_LIMITS_DEFAULT;
    struct gate_limits limits;

    (void)state;
    assert_true(
        load("heap-share: 0.5\nrecovery: 750ms\ngrowth: 2K # a second\nleak: 64\n", &limits));
    assert_true(limits.heap_share == 0.5);
    assert_int_equal(limits.recovery_ns, 750 * NS_PER_MS);
    assert_true(limits.growth == 2048);
    assert_true(limits.leak == 64);
    assert_true(limits.alpha == standard.alpha && limits.window_ns == standard.window_ns);
}

static void refused(const char *text, const char *what)
{
    struct gate_limits limits;
    char line[600];

    snprintf(line, sizeof line, "%s:%s", path, what);
    assert_false(load(text, &limits));
    if (strncmp(error, line, strlen(line)) != 0)
        fail_msg("%s", error);
    assert_null(strchr(error, '\n'));
}

static void test_refused(void **state)
{
    struct gate_limits limits;

    (void)state;
    refused("leak: 64\ngrowht: 1K\n", "2:1: ");
    assert_non_null(strstr(error, "growth"));
    refused("recovery: soon\n", "1:11: ");
    refused("heap-share: most\n", "1:13: 'most' is not a number");
    refused("heap-share: -1\n", "1:13: heap-share cannot be -1");
    refused("alpha: 0\n", "1:8: alpha cannot be 0");
    refused("alpha: 0.5\n", "1:8: alpha cannot be 0.5");
    refused("leak: nan\n", "1:7: ");
    refused("- leak\n", "1:1: ");
    refused("leak: {", "");
    refused("", " empty");
    assert_int_equal(remove(path), 0);
    assert_false(limits_load(path, &limits, error, sizeof error));
    assert_non_null(strstr(error, "No such file"));
}

/* What the run recorded is what it is judged by, live and ever after. */
static void test_of_run(void **state)
{
    const struct shape_run shape = {.shape = SHAPE_CALL, .bytes = 4096};
    struct verdict_list list = {0};
    struct gate_limits limits;
    struct run_reader *run;

    (void)state;
    shape_run_write(folder, &shape);
    synthetic_run_bend(folder, "INSERT INTO limit_used VALUES ('leak', 8192), ('of-later', 3)");
    run = run_reader_new(folder, error, sizeof error);
    assert_non_null(run);
    limits = limits_of_run(run);
    assert_true(limits.leak == 8192);
    assert_true(gate_judge(run, NULL, &list, error, sizeof error));
    assert_int_equal(verdict_list_worst(&list, 0, NULL), OUTCOME_PASS);
    verdict_list_free(&list);
    limits.leak = 0;
    assert_true(gate_judge(run, &limits, &list, error, sizeof error));
    assert_int_equal(verdict_list_worst(&list, 0, NULL), OUTCOME_FAIL);
    verdict_list_free(&list);
    run_reader_free(run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_values, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_of_run, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
