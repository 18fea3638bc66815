#include "driver/trend.h"

#include <gsl/gsl_cdf.h>
#include <math.h>

#define MIN_WINDOWS 10
/* The slope's bound carries the error probability of the rule; this only sorts out what jumps. */
#define STEADY 0.01
#define KEPT_PACE 0.5
#define MISSED 0.05
/* Any: what matters is that the same run has the same verdict. */
#define SEED 1968

static size_t take_points(const struct series *s, enum series_level level, struct stats_point *out)
{
    size_t n = 0;

    for (size_t i = 0; i < s->window_count; i++) {
        const struct series_window *w = &s->windows[i];

        if (w->floor[level] >= 0)
            out[n++] = (struct stats_point){w->seconds, (double)w->floor[level], w->incarnation};
    }
    return n;
}

static size_t groups_of(const struct stats_point *p, size_t n)
{
    size_t groups = n > 0;

    for (size_t i = 1; i < n; i++)
        groups += p[i].group != p[i - 1].group;
    return groups;
}

/* The slope within the first, or the second, half of each life. */
static double half_slope(const struct stats_point *p, size_t n, bool second)
{
    struct stats_point half[STATS_TREND_MAX];
    size_t kept = 0;

    for (size_t i = 0, m; i < n; i += m) {
        size_t from, to;

        for (m = 1; i + m < n && p[i + m].group == p[i].group; m++)
            ;
        from = second ? i + m / 2 : i;
        to = second ? i + m : i + (m + 1) / 2;
        while (from < to)
            half[kept++] = p[from++];
    }
    return stats_theil_sen(half, kept);
}

static bool single_step(const struct stats_point *p, size_t n)
{
    double rise = 0, largest = 0;

    for (size_t i = 1; i < n; i++) {
        if (p[i].group != p[i - 1].group)
            continue;
        rise += p[i].y - p[i - 1].y;
        largest = fmax(largest, p[i].y - p[i - 1].y);
    }
    return largest > rise / 2;
}

/* What a slope above the limit amounts to. */
static void look_closer(const struct stats_point *p, size_t n, const struct trend_wish *wish,
                        struct trend *out)
{
    double first = half_slope(p, n, false), second = half_slope(p, n, true);

    out->kind = TREND_SETTLES;
    if (single_step(p, n)) {
        out->why = "more than half of it in one step";
    } else if (second >= KEPT_PACE * first) {
        out->why = "but not steadily";
        if (stats_mann_kendall(p, n) < STEADY)
            out->kind = TREND_GROWS;
    } else if (second <= wish->limit) {
        out->why = "but only in the first half of its life";
    } else {
        out->kind = TREND_RISING;
        out->why = "ever less: a longer run would tell";
    }
}

void trend(const struct series *s, const struct trend_wish *wish, struct trend *out)
{
    struct stats_point p[STATS_TREND_MAX];
    size_t n = take_points(s, wish->level, p), groups = groups_of(p, n);
    double error;

    *out = (struct trend){
        .kind = TREND_UNKNOWN, .slope = NAN, .half = NAN, .smallest = INFINITY, .windows = n};
    if (n < MIN_WINDOWS || n < groups + 4)
        return;
    error = stats_theil_sen_error(p, n, SEED);
    out->slope = stats_theil_sen(p, n);
    out->half = error * gsl_cdf_tdist_Qinv(wish->alpha, (double)(n - groups - 1));
    out->smallest = wish->limit + out->half + error * gsl_cdf_ugaussian_Qinv(MISSED);
    out->kind = TREND_FLAT;
    if (out->slope - out->half > wish->limit)
        look_closer(p, n, wish, out);
}
