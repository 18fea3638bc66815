/*
 * A log-linear histogram of durations in ns (after HdrHistogram, hdrhistogram.org): 32 linear
 * buckets per power of two, so a value is kept to within 3.2 %. Fixed size, no allocation,
 * mergeable by addition, and plain data, so it can live on a shared page. All zero is the empty
 * histogram.
 */
#ifndef FLATLINE_BASE_HISTOGRAM_H
#define FLATLINE_BASE_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_SUB_BITS 5
#define HISTOGRAM_MAX_BITS 40 /* values from 2^40 ns (18 min) on count in the last bucket */
#define HISTOGRAM_BUCKETS ((HISTOGRAM_MAX_BITS - HISTOGRAM_SUB_BITS + 1) << HISTOGRAM_SUB_BITS)

struct histogram {
    uint64_t count;
    uint64_t sum;
    uint64_t min; /* 0 while empty */
    uint64_t max;
    uint32_t buckets[HISTOGRAM_BUCKETS]; /* each stays at its maximum instead of wrapping */
};

void histogram_record(struct histogram *h, uint64_t ns);
void histogram_merge(struct histogram *into, const struct histogram *from);

/* The value below or at which `percent` (0 to 100) of the values lie; 0 when empty. Never above
 * max. */
uint64_t histogram_percentile(const struct histogram *h, double percent);
/* How many values are `ns` or more; those that are less by up to 3.2 % may count, too. */
uint64_t histogram_count_from(const struct histogram *h, uint64_t ns);
uint64_t histogram_mean(const struct histogram *h);

#endif
