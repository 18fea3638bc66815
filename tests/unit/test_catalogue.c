/* The vocabularies that cross a process boundary and are kept in run.db: metrics and reasons. */
#include "common/contract/metric.h"
#include "common/contract/reason.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_every_metric_is_found_by_its_name(void **state)
{
    (void)state;
    for (int m = 0; m < METRIC_COUNT; m++)
        assert_int_equal(metric_find(metric_info((enum metric)m)->name), m);
    assert_int_equal(metric_find("no such metric"), -1);
    assert_int_equal(metric_find(""), -1);
}

static void test_metric_ids_are_unique_and_positive(void **state)
{
    (void)state;
    for (int m = 0; m < METRIC_COUNT; m++) {
        assert_true(metric_info((enum metric)m)->id > 0);
        for (int other = m + 1; other < METRIC_COUNT; other++)
            assert_int_not_equal(metric_info((enum metric)m)->id,
                                 metric_info((enum metric)other)->id);
    }
}

/* Old runs are read by id and name, so these may never change. */
static void test_metric_ids_that_old_runs_know(void **state)
{
    static const struct {
        int id;
        const char *name, *unit;
    } known[] = {
        {1, "connections", "1"}, {5, "calls_done", "1"}, {24, "live", "B"}, {30, "allocated", "B"},
        {31, "active", "B"},     {50, "data", "B"},      {51, "rss", "B"},  {56, "lateness", "ns"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        const struct metric_info *info;

        assert_int_not_equal(metric_find(known[i].name), -1);
        info = metric_info((enum metric)metric_find(known[i].name));
        assert_int_equal(info->id, known[i].id);
        assert_string_equal(info->unit, known[i].unit);
    }
}

/* A metric's name becomes a column of run.db as it is. */
static void test_metric_names_are_plain_identifiers(void **state)
{
    (void)state;
    for (int m = 0; m < METRIC_COUNT; m++) {
        const char *name = metric_info((enum metric)m)->name;

        assert_in_range(name[0], 'a', 'z');
        assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_"), strlen(name));
    }
}

static void test_values_know_what_was_measured(void **state)
{
    struct metric_values values = {0};

    (void)state;
    for (int m = 0; m < METRIC_COUNT; m++)
        assert_false(metric_has(&values, (enum metric)m));
    metric_set(&values, METRIC_CONNECTIONS, 0);
    metric_set(&values, METRIC_LATENESS, -5);
    for (int m = 0; m < METRIC_COUNT; m++)
        assert_int_equal(metric_has(&values, (enum metric)m),
                         m == METRIC_CONNECTIONS || m == METRIC_LATENESS);
    assert_int_equal(values.value[METRIC_LATENESS], -5);
}

static void test_every_reason_is_found_by_its_name(void **state)
{
    (void)state;
    for (int r = 0; r < REASON_COUNT; r++) {
        assert_int_equal(reason_find(reason_name((enum reason)r)), r);
        assert_true(strlen(reason_text((enum reason)r)) > 0);
    }
    assert_int_equal(reason_find("no such reason"), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_metric_is_found_by_its_name),
        cmocka_unit_test(test_metric_ids_are_unique_and_positive),
        cmocka_unit_test(test_metric_ids_that_old_runs_know),
        cmocka_unit_test(test_metric_names_are_plain_identifiers),
        cmocka_unit_test(test_values_know_what_was_measured),
        cmocka_unit_test(test_every_reason_is_found_by_its_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
