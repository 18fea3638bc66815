/*
 * The statistics against figures of R's and SciPy's making (SciPy 1.10: linalg.lstsq, stats.t,
 * theilslopes, norm), and against series drawn from a seed, where the truth is known.
 */
#include "common/base/rng.h"
#include "driver/stats_line.h"
#include "driver/stats_trend.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <gsl/gsl_cdf.h>
#include <math.h>

#define RUNS 2000

static void assert_near(double seen, double expected)
{
    if (!(fabs(seen - expected) <= 1e-8 * fmax(1, fabs(expected))))
        fail_msg("%.12g instead of %.12g", seen, expected);
}

static const struct stats_point grouped[] = {
    {1, 2.1, 0},  {2, 3.9, 0},  {3, 6.2, 0},  {4, 7.8, 0},  {1, 12.0, 1}, {2, 13.9, 1},
    {3, 16.3, 1}, {10, 0.1, 2}, {11, 2.2, 2}, {13, 5.8, 2}, {14, 8.1, 2}, {99, 5, 3},
};

static void test_line(void **state)
{
    struct stats_line line;

    (void)state;
    /* The last point is alone in its group. */
    assert_true(stats_line_fit(grouped, 12, &line));
    assert_near(line.slope, 1.976470588235294);
    assert_near(line.sd, 0.19539516809533);
    assert_near(line.sxx, 17);
    assert_near(line.df, 7);
    assert_near(line.span, 3 + 2 + 4);
    assert_near(stats_line_half(&line, 0, 1e-6), 0.6749073659112952);
    /* What is known to be noisier than what was seen sets the width, by the normal quantile. */
    assert_near(stats_line_half(&line, 2, 1e-6), 2.3057494716065254);
    assert_true(stats_line_smallest(&line, 2, 1e-6) > stats_line_half(&line, 2, 1e-6));
}

static void test_line_without_freedom(void **state)
{
    static const struct stats_point alone[] = {{1, 1, 0}, {1, 1, 1}, {1, 1, 2}, {2, 2, 3}};
    static const struct stats_point two[] = {{1, 1, 0}, {2, 2, 0}};
    static const struct stats_point still[] = {{5, 1, 0}, {5, 2, 0}, {5, 3, 0}, {5, 4, 0}};
    struct stats_line line;

    (void)state;
    assert_false(stats_line_fit(alone, 4, &line));
    assert_false(stats_line_fit(two, 2, &line));
    assert_false(stats_line_fit(still, 4, &line));
    assert_false(stats_line_fit(NULL, 0, &line));
}

static void test_an_exact_line_keeps_a_width(void **state)
{
    struct stats_point p[10];
    struct stats_line line;

    (void)state;
    for (size_t i = 0; i < 10; i++)
        p[i] = (struct stats_point){1e9 + 1e4 * (double)i, 500000 + 160 * (double)i, 0};
    assert_true(stats_line_fit(p, 10, &line));
    assert_near(line.slope, 0.016);
    assert_near(stats_line_half(&line, 10, 1e-6), 10 * gsl_cdf_ugaussian_Qinv(1e-6) / sqrt(82.5e8));
}

static double gauss(struct rng *rng)
{
    double sum = -6;

    for (int i = 0; i < 12; i++)
        sum += (double)(rng_next(rng) >> 11) * 0x1p-53;
    return sum;
}

/* The share of runs whose lower bound is above zero: noise of `sd` on a rise of `rise` in all. */
static double line_alarms(double rise, double sd, double floor, double alpha)
{
    struct rng rng = {11, 0};
    unsigned alarms = 0;

    for (int run = 0; run < RUNS; run++) {
        struct stats_point p[12];
        struct stats_line line;

        for (size_t i = 0; i < 12; i++) {
            double x = (double)(i % 4);

            p[i] = (struct stats_point){x, rise * x / 3 + sd * gauss(&rng), i / 4};
        }
        assert_true(stats_line_fit(p, 12, &line));
        alarms += line.slope > stats_line_half(&line, floor, alpha);
    }
    return (double)alarms / RUNS;
}

static void test_line_alarms(void **state)
{
    double rate = line_alarms(0, 1, 0, 0.05);
    struct stats_point p[12];
    struct stats_line line;
    double smallest;

    (void)state;
    assert_true(rate > 0.035 && rate < 0.065);
    assert_true(line_alarms(0, 1, 1, 0.05) <= rate);
    assert_true(line_alarms(0, 1, 0, 1e-6) == 0);
    /* A rise as large as is said to be the smallest is found in 95 of 100 runs. */
    for (size_t i = 0; i < 12; i++)
        p[i] = (struct stats_point){(double)(i % 4), 0, i / 4};
    assert_true(stats_line_fit(p, 12, &line));
    smallest = 3 * stats_line_smallest(&line, 1, 0.001);
    assert_true(line_alarms(smallest, 0.5, 1, 0.001) > 0.95);
    line.sd = 1;
    smallest = 3 * stats_line_smallest(&line, 0, 0.001);
    rate = line_alarms(smallest, 1, 0, 0.001);
    assert_true(rate > 0.85 && rate < 0.97);
}

static const double series[] = {10, 12, 11, 15, 14, 14, 18, 17, 21, 20};

static size_t take_series(struct stats_point *p, size_t per_group)
{
    for (size_t i = 0; i < 10; i++)
        p[i] = (struct stats_point){(double)i, series[i % per_group], i / per_group};
    return 10;
}

static void test_trend(void **state)
{
    struct stats_point p[10];

    (void)state;
    take_series(p, 10);
    assert_near(stats_theil_sen(p, 10), 1.2);
    assert_near(stats_mann_kendall(p, 10), 0.0015208721599504675);
    take_series(p, 5);
    assert_near(stats_mann_kendall(p, 10), 0.02837340824469071);
    assert_true(isnan(stats_theil_sen(p, 1)));
    assert_true(isnan(stats_theil_sen_error(p, 1, 1)));
    assert_true(stats_mann_kendall(p, 1) == 1);
}

/* Two wild points of ten leave the slope alone, as least squares would not. */
static void test_trend_is_robust(void **state)
{
    struct stats_point p[10];
    struct stats_line line;

    (void)state;
    for (size_t i = 0; i < 10; i++)
        p[i] = (struct stats_point){(double)i, i == 2 || i == 8 ? 1e6 : 3 * (double)i, 0};
    assert_near(stats_theil_sen(p, 10), 3);
    assert_true(stats_line_fit(p, 10, &line));
    assert_true(fabs(line.slope) > 1000);
}

static void test_trend_error(void **state)
{
    struct rng rng = {5, 0};
    double spread = 0, claimed = 0, still;
    struct stats_point p[16];

    (void)state;
    for (int run = 0; run < RUNS / 10; run++) {
        for (size_t i = 0; i < 16; i++)
            p[i] = (struct stats_point){(double)i, 100 * (double)i + 50 * gauss(&rng), 0};
        spread += pow(stats_theil_sen(p, 16) - 100, 2);
        claimed += stats_theil_sen_error(p, 16, 1);
    }
    spread = sqrt(spread / (RUNS / 10.));
    claimed /= RUNS / 10.;
    /* A short series never shows all of its noise. */
    assert_true(claimed > 0.6 * spread && claimed < 1.1 * spread);

    still = stats_theil_sen_error(p, 16, 1);
    assert_true(still == stats_theil_sen_error(p, 16, 1));
    assert_true(still != stats_theil_sen_error(p, 16, 2));
    for (size_t i = 0; i < 16; i++)
        p[i].y = 7;
    assert_true(stats_theil_sen_error(p, 16, 1) == 0);
}

static void test_kendall_alarms(void **state)
{
    struct rng rng = {3, 0};
    unsigned alarms = 0;

    (void)state;
    for (int run = 0; run < RUNS; run++) {
        struct stats_point p[15];

        for (size_t i = 0; i < 15; i++)
            p[i] = (struct stats_point){(double)i, gauss(&rng), 0};
        alarms += stats_mann_kendall(p, 15) < 0.05;
    }
    assert_in_range(alarms, RUNS * 3 / 100, RUNS * 6 / 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_line),
        cmocka_unit_test(test_line_without_freedom),
        cmocka_unit_test(test_an_exact_line_keeps_a_width),
        cmocka_unit_test(test_line_alarms),
        cmocka_unit_test(test_trend),
        cmocka_unit_test(test_trend_is_robust),
        cmocka_unit_test(test_trend_error),
        cmocka_unit_test(test_kendall_alarms),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
