/*
 * Trends in short series whose noise has no known shape: window minima of memory. Points are those
 * of driver/stats_line.h: only pairs within a group are compared, so incarnations are kept apart.
 */
#ifndef FLATLINE_DRIVER_STATS_TREND_H
#define FLATLINE_DRIVER_STATS_TREND_H

#include "driver/stats_line.h"

#include <stdint.h>

/* No more points than this: all pairs are looked at, once for each resampling. */
#define STATS_TREND_MAX 48

/*
 * The median of the slopes of all pairs (Theil 1950; Sen, J. Am. Stat. Assoc. 63, 1968): up to 29 %
 * of the points may be wild. NaN without a pair.
 */
double stats_theil_sen(const struct stats_point *points, size_t count);

/*
 * The standard error of that slope by a block bootstrap of the residuals (Kuensch, Ann. Stat. 17,
 * 1989; in a circle, so that the ends are drawn as often: Politis and Romano 1992). Neighbours are
 * drawn together, so their likeness is kept; blocks are of the cube root of the number of points.
 * On a dozen points it comes out some 25 % too small: take Student's quantile with it. The same
 * seed gives the same figure. NaN without a pair.
 */
double stats_theil_sen_error(const struct stats_point *points, size_t count, uint64_t seed);

/*
 * The test of Mann (Econometrica 13, 1945) and Kendall on the groups together, as of seasons
 * (Hirsch and Slack, Water Resour. Res. 20, 1984): the probability that points without a trend
 * rise so steadily, ties accounted for. 1 if they cannot tell.
 */
double stats_mann_kendall(const struct stats_point *points, size_t count);

#endif
