/*
 * One slope through several groups, each at its own level: analysis of covariance with parallel
 * lines (Snedecor and Cochran, Statistical Methods, 8th ed. 1989, ch. 18). A group is an
 * incarnation: a restart begins anew, so levels never mix, but what a call costs is the same
 * before and after, so all incarnations tell about the slope together.
 */
#ifndef FLATLINE_DRIVER_STATS_LINE_H
#define FLATLINE_DRIVER_STATS_LINE_H

#include <stdbool.h>
#include <stddef.h>

struct stats_point {
    double x, y;
    size_t group;
};

struct stats_line {
    double slope;
    double sd;   /* of the residuals */
    double sxx;  /* sum of squares of x about the groups' means */
    double span; /* how far x came in all groups together */
    double df;
};

/*
 * Least squares. The points of a group stand together; a group of one point says nothing and is
 * left out. False if that leaves no degree of freedom, or x does not vary within any group.
 */
bool stats_line_fit(const struct stats_point *points, size_t count, struct stats_line *line);

/*
 * How far the slope may be from the truth, except with probability alpha on each side: the larger
 * of Student's interval around the residuals seen, and the normal one around `floor`, the standard
 * deviation that the quantity is known to have. So an exactly straight series claims no infinite
 * precision, and one of few points no more than its few points give.
 */
double stats_line_half(const struct stats_line *line, double floor, double alpha);

/*
 * The smallest slope whose lower bound would be above zero in 95 of 100 such runs: half the
 * interval, and the normal 95 % quantile on top.
 */
double stats_line_smallest(const struct stats_line *line, double floor, double alpha);

#endif
