/* Round numbers for axes. */
#ifndef FLATLINE_CHARTS_SCALE_H
#define FLATLINE_CHARTS_SCALE_H

#include <stdint.h>

struct scale {
    double top;  /* a multiple of step, at or above what is to be shown */
    double step; /* 1, 2, 2.5 or 5 times a power of ten */
};

/* An axis from zero that shows `max` with a little air above and has at most `steps` steps. */
struct scale scale_from_zero(double max, int steps);

struct time_unit {
    const char *name; /* "seconds" */
    double ns;
};

/* The unit in which a run of this length is best read. */
struct time_unit scale_time_unit(uint64_t length_ns);

#endif
