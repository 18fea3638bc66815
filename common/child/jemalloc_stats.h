/* jemalloc's own view of the heap. */
#ifndef FLATLINE_CHILD_JEMALLOC_STATS_H
#define FLATLINE_CHILD_JEMALLOC_STATS_H

#include "common/contract/metric.h"

/* Advances the epoch and sets the five allocator metrics; sets none in a build without jemalloc. */
void jemalloc_stats_fill(struct metric_values *metrics);

#endif
