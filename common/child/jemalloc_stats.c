#include "config.h"

#include "common/child/jemalloc_stats.h"

#include <stddef.h>

#ifdef HAVE_JEMALLOC

#include <jemalloc/jemalloc.h>
#include <stdbool.h>

#define STATS_TABLE(X)                        \
    X(METRIC_JE_ALLOCATED, "stats.allocated") \
    X(METRIC_JE_ACTIVE, "stats.active")       \
    X(METRIC_JE_RESIDENT, "stats.resident")   \
    X(METRIC_JE_MAPPED, "stats.mapped")       \
    X(METRIC_JE_RETAINED, "stats.retained")

void jemalloc_stats_fill(struct metric_values *metrics)
{
    static const struct {
        enum metric metric;
        const char *name;
    } rows[] = {
#define STATS_ROW(metric, name) {metric, name},
        STATS_TABLE(STATS_ROW)
#undef STATS_ROW
    };
    uint64_t epoch = 1;
    size_t size = sizeof epoch;

    if (mallctl("epoch", &epoch, &size, &epoch, sizeof epoch) != 0)
        return;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t value = 0;

        size = sizeof value;
        if (mallctl(rows[i].name, &value, &size, NULL, 0) == 0)
            metric_set(metrics, rows[i].metric, (int64_t)value);
    }
}

#else

void jemalloc_stats_fill(struct metric_values *metrics)
{
    (void)metrics;
}

#endif
