#include "driver/stats_line.h"

#include <gsl/gsl_cdf.h>
#include <math.h>

/* What a seen effect may be short of without being missed. */
#define MISSED 0.05

struct sums {
    double xx, xy, yy, span;
    size_t points, groups;
};

/* Centred first: counters are large numbers that differ little. */
static void add_group(const struct stats_point *p, size_t n, struct sums *sums)
{
    double x = 0, y = 0, low = p[0].x, high = p[0].x;

    if (n < 2)
        return;
    for (size_t i = 0; i < n; i++) {
        x += p[i].x / (double)n;
        y += p[i].y / (double)n;
        low = fmin(low, p[i].x);
        high = fmax(high, p[i].x);
    }
    for (size_t i = 0; i < n; i++) {
        double dx = p[i].x - x, dy = p[i].y - y;

        sums->xx += dx * dx;
        sums->xy += dx * dy;
        sums->yy += dy * dy;
    }
    sums->span += high - low;
    sums->points += n;
    sums->groups++;
}

bool stats_line_fit(const struct stats_point *points, size_t count, struct stats_line *line)
{
    struct sums sums = {0};
    double rest;

    for (size_t i = 0, n; i < count; i += n) {
        for (n = 1; i + n < count && points[i + n].group == points[i].group; n++)
            ;
        add_group(points + i, n, &sums);
    }
    if (sums.points < sums.groups + 2 || sums.xx <= 0)
        return false;
    line->df = (double)(sums.points - sums.groups - 1);
    line->slope = sums.xy / sums.xx;
    rest = fmax(0, sums.yy - line->slope * sums.xy);
    line->sd = sqrt(rest / line->df);
    line->sxx = sums.xx;
    line->span = sums.span;
    return true;
}

double stats_line_half(const struct stats_line *line, double floor, double alpha)
{
    double seen = line->sd * gsl_cdf_tdist_Qinv(alpha, line->df);
    double known = floor * gsl_cdf_ugaussian_Qinv(alpha);

    return fmax(seen, known) / sqrt(line->sxx);
}

double stats_line_smallest(const struct stats_line *line, double floor, double alpha)
{
    double sd = fmax(line->sd, floor);

    return stats_line_half(line, floor, alpha) +
           sd * gsl_cdf_ugaussian_Qinv(MISSED) / sqrt(line->sxx);
}
