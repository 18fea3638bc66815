/* Where labels stand so that none covers another. */
#ifndef FLATLINE_CHARTS_LABEL_H
#define FLATLINE_CHARTS_LABEL_H

#include <stddef.h>

/*
 * Moves the positions y[0..count) apart until any two are at least `gap` from each other and all
 * lie in [low, high], each as little as possible (least squares); their order is kept, equal ones
 * in order of index. Where they cannot all fit, they are spread evenly. Any unit.
 */
void label_spread(double *y, size_t count, double gap, double low, double high);

#endif
