#include "driver/stats_trend.h"

#include "common/base/rng.h"

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics_double.h>
#include <math.h>

#define PAIRS_MAX (STATS_TREND_MAX * (STATS_TREND_MAX - 1) / 2)
#define RESAMPLINGS 200

static size_t clip(size_t count)
{
    return count < STATS_TREND_MAX ? count : STATS_TREND_MAX;
}

double stats_theil_sen(const struct stats_point *points, size_t count)
{
    double slopes[PAIRS_MAX];
    size_t pairs = 0, n = clip(count);

    for (size_t i = 0; i < n; i++) {
        for (size_t j = i + 1; j < n && points[j].group == points[i].group; j++) {
            double dx = points[j].x - points[i].x;

            if (dx != 0)
                slopes[pairs++] = (points[j].y - points[i].y) / dx;
        }
    }
    if (pairs == 0)
        return NAN;
    gsl_sort(slopes, 1, pairs);
    return gsl_stats_median_from_sorted_data(slopes, 1, pairs);
}

/*
 * What a line of that slope leaves of each point, about the median of its group; made larger by
 * what the fitted slope and levels have taken out of it.
 */
static void take_residuals(const struct stats_point *points, size_t n, double slope, double *out)
{
    double sorted[STATS_TREND_MAX], fitted = 1;

    for (size_t i = 0, m; i < n; i += m) {
        double level;

        for (m = 0; i + m < n && points[i + m].group == points[i].group; m++)
            out[i + m] = sorted[m] = points[i + m].y - slope * points[i + m].x;
        gsl_sort(sorted, 1, m);
        level = gsl_stats_median_from_sorted_data(sorted, 1, m);
        for (size_t k = i; k < i + m; k++)
            out[k] -= level;
        fitted++;
    }
    for (size_t k = 0; k < n && (double)n > fitted; k++)
        out[k] *= sqrt((double)n / ((double)n - fitted));
}

double stats_theil_sen_error(const struct stats_point *points, size_t count, uint64_t seed)
{
    struct stats_point drawn[STATS_TREND_MAX];
    double residuals[STATS_TREND_MAX], slopes[RESAMPLINGS];
    size_t n = clip(count), block = (size_t)round(cbrt((double)n));
    double slope = stats_theil_sen(points, count);
    struct rng rng = {seed, 0};

    if (isnan(slope))
        return NAN;
    take_residuals(points, n, slope, residuals);
    for (size_t k = 0; k < RESAMPLINGS; k++) {
        size_t from = 0;

        for (size_t i = 0; i < n; i++) {
            if (i % block == 0)
                from = (size_t)rng_range(&rng, 0, n - 1);
            drawn[i] = points[i];
            drawn[i].y = residuals[(from + i % block) % n];
        }
        slopes[k] = stats_theil_sen(drawn, n);
    }
    return gsl_stats_sd(slopes, 1, RESAMPLINGS);
}

struct kendall {
    double s, variance;
};

/* One group: its sign sum, and the variance that its size and its ties give it. */
static void add_group(const struct stats_point *p, size_t n, struct kendall *k)
{
    double sorted[STATS_TREND_MAX], size = (double)n;

    for (size_t i = 0; i < n; i++) {
        sorted[i] = p[i].y;
        for (size_t j = i + 1; j < n; j++)
            k->s += (p[j].y > p[i].y) - (p[j].y < p[i].y);
    }
    gsl_sort(sorted, 1, n);
    k->variance += size * (size - 1) * (2 * size + 5) / 18;
    for (size_t i = 0, m; i < n; i += m) {
        for (m = 1; i + m < n && sorted[i + m] == sorted[i]; m++)
            ;
        size = (double)m;
        k->variance -= size * (size - 1) * (2 * size + 5) / 18;
    }
}

double stats_mann_kendall(const struct stats_point *points, size_t count)
{
    size_t n = clip(count);
    struct kendall k = {0};

    for (size_t i = 0, m; i < n; i += m) {
        for (m = 1; i + m < n && points[i + m].group == points[i].group; m++)
            ;
        add_group(points + i, m, &k);
    }
    /* The sum moves in steps of two, hence the one that is taken off it. */
    return k.variance <= 0 || k.s <= 0 ? 1 : gsl_cdf_ugaussian_Q((k.s - 1) / sqrt(k.variance));
}
