/*
 * Keeps a series of any length in a fixed space: the smallest and the largest value of each pixel
 * column, with their own times, so no spike is ever lost and a line drawn through what is kept
 * looks like the line through everything.
 */
#ifndef FLATLINE_CHARTS_DOWNSAMPLE_H
#define FLATLINE_CHARTS_DOWNSAMPLE_H

#include <stdbool.h>
#include <stddef.h>

struct downsample;

/* Columns of equal width over [x0, x1]; x1 > x0, columns > 0. NULL: no memory. */
struct downsample *downsample_new(double x0, double x1, size_t columns);
void downsample_free(struct downsample *d);

/*
 * x never falls from call to call; what lies outside [x0, x1] counts in the nearest column. The
 * line is broken where `piece` changes: one piece an incarnation, say.
 */
void downsample_add(struct downsample *d, double x, double y, int piece);

/* The very last sample; false while there is none. */
bool downsample_last(const struct downsample *d, double *x, double *y);

/* The largest value so far; 0 while there is none. */
double downsample_max(const struct downsample *d);

/*
 * Calls fn for each kept point in order of x, at most two for each `merge` columns taken together
 * (merge > 0), besides the first and the last sample. `broken`: the line does not run from the
 * previous point to this one.
 */
void downsample_emit(const struct downsample *d, size_t merge,
                     void (*fn)(void *arg, double x, double y, bool broken), void *arg);

#endif
