/* The text that Prometheus reads. That its own parser takes the server's:
 * tests/e2e/results_load.py. */
#include "results-server/prometheus.h"

#include "common/base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void assert_text(const struct prometheus_text *text, const char *expected)
{
    assert_false(text->failed);
    assert_int_equal(text->size, strlen(expected));
    assert_memory_equal(text->bytes, expected, text->size);
}

static void a_family_is_introduced_once(void **state)
{
    const struct prometheus_label created[] = {{"state", "created"}, {NULL, NULL}};
    const struct prometheus_label done[] = {{"state", "done"}, {"who", "b"}, {NULL, NULL}};
    struct prometheus_text text = {0};

    (void)state;
    prometheus_put_labelled(&text, PROMETHEUS_TESTS, created, 2);
    prometheus_put_labelled(&text, PROMETHEUS_TESTS, done, 0.5);
    prometheus_put(&text, PROMETHEUS_INFLUX_UP, 1);
    assert_text(&text, "# HELP flatline_results_tests tests by state\n"
                       "# TYPE flatline_results_tests gauge\n"
                       "flatline_results_tests{state=\"created\"} 2\n"
                       "flatline_results_tests{state=\"done\",who=\"b\"} 0.5\n"
                       "# HELP flatline_results_influx_up 0: it is away\n"
                       "# TYPE flatline_results_influx_up gauge\n"
                       "flatline_results_influx_up 1\n");
    prometheus_free(&text);
}

static void values_of_labels_are_escaped(void **state)
{
    const struct prometheus_label nasty[] = {{"version", "a \"b\"\\c\nd{},=é"}, {NULL, NULL}};
    struct prometheus_text text = {0};
    char *line;

    (void)state;
    prometheus_put_labelled(&text, PROMETHEUS_INFO, nasty, 1);
    line = strndup(text.bytes, text.size);
    assert_non_null(line);
    assert_non_null(
        strstr(line, "flatline_results_info{version=\"a \\\"b\\\"\\\\c\\nd{},=é\"} 1\n"));
    free(line);
    prometheus_free(&text);
}

static void large_counts_stay_exact(void **state)
{
    struct prometheus_text text = {0};

    (void)state;
    prometheus_put(&text, PROMETHEUS_POINTS, 9007199254740991.0); /* 2^53 - 1 */
    assert_memory_equal(text.bytes + text.size - 18, " 9007199254740991\n", 18);
    prometheus_free(&text);
}

/* The number behind `name` in the text. */
static double value_of(const struct prometheus_text *text, const char *name)
{
    char *copy = strndup(text->bytes, text->size), *found = strstr(copy, name);
    double value = -1;

    if (found != NULL)
        value = strtod(found + strlen(name), NULL);
    free(copy);
    return value;
}

static void a_histogram_is_cumulative(void **state)
{
    static struct histogram histogram;
    struct prometheus_text text = {0};

    (void)state;
    histogram_record(&histogram, 80 * NS_PER_US);
    histogram_record(&histogram, 2 * NS_PER_MS);
    histogram_record(&histogram, 2 * NS_PER_MS);
    histogram_record(&histogram, 60 * NS_PER_S);
    prometheus_put_histogram(&text, PROMETHEUS_COMMITS, &histogram);
    assert_true(value_of(&text, "_bucket{le=\"0.0001\"} ") == 1);
    assert_true(value_of(&text, "_bucket{le=\"0.001\"} ") == 1);
    assert_true(value_of(&text, "_bucket{le=\"0.0025\"} ") == 3);
    assert_true(value_of(&text, "_bucket{le=\"10\"} ") == 3);
    assert_true(value_of(&text, "_bucket{le=\"+Inf\"} ") == 4);
    assert_true(value_of(&text, "commit_seconds_count ") == 4);
    assert_true(value_of(&text, "commit_seconds_sum ") > 60.003);
    assert_true(value_of(&text, "commit_seconds_sum ") < 60.005);
    prometheus_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_family_is_introduced_once),
        cmocka_unit_test(values_of_labels_are_escaped),
        cmocka_unit_test(large_counts_stay_exact),
        cmocka_unit_test(a_histogram_is_cumulative),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
