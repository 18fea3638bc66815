/*
 * Whether a quantity grows under load: a robust slope through the floor of each window, and what
 * else must hold before that is called growth, since each condition alone is met by something
 * healthy (a filling cache, a pool that doubles, a sawtooth).
 */
#ifndef FLATLINE_DRIVER_TREND_H
#define FLATLINE_DRIVER_TREND_H

#include "driver/series.h"

#include <stdbool.h>
#include <stddef.h>

enum trend_kind {
    TREND_UNKNOWN, /* too few windows */
    TREND_FLAT,    /* the slope's lower bound is not above the limit */
    TREND_SETTLES, /* it is, but by one step, not steadily, or only in the first half */
    TREND_RISING,  /* it is, but less in the second half: whether it will settle cannot be told */
    TREND_GROWS,
};

/* Per second. */
struct trend {
    enum trend_kind kind;
    double slope, half;
    double smallest; /* slope that would have been found */
    size_t windows;
    const char *why; /* TREND_SETTLES and TREND_RISING: static */
};

struct trend_wish {
    enum series_level level;
    double limit; /* slope that is let pass */
    double alpha;
};

void trend(const struct series *s, const struct trend_wish *wish, struct trend *out);

#endif
