/*
 * What memory, descriptors and threads of a component did over its lives, as the trend rules look
 * at it: the valid readings at rest, and the floor of each window under load. Facts only.
 */
#ifndef FLATLINE_DRIVER_SERIES_H
#define FLATLINE_DRIVER_SERIES_H

#include "common/run/reader.h"
#include "driver/stats_trend.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct evidence;
struct evidence_component;

/* At rest: everybody paused, connections open. */
struct series_reading {
    size_t incarnation; /* index within the component */
    int64_t checkpoint;
    double seconds; /* since it was ready */
    bool settled;   /* taken after the first third of its life */
    struct metric_values values;
};

/* What is looked at of a sample. */
#define SERIES_METRICS                                                           \
    (METRIC_BIT(METRIC_LIVE) | METRIC_BIT(METRIC_RSS) | METRIC_BIT(METRIC_FDS) | \
     METRIC_BIT(METRIC_THREADS) | METRIC_BIT(METRIC_CONNECTIONS) | METRIC_BIT(METRIC_STREAMS))

enum series_level { SERIES_LIVE, SERIES_RSS, SERIES_FDS, SERIES_THREADS, SERIES_LEVELS };

/*
 * The lower quartile of what samples of one window showed: under load memory has a floor, and its
 * very least is a moment that not every window has. Only those count whose numbers of connections
 * and streams were the component's most frequent ones, so that like is compared with like; what is
 * sampled at a checkpoint is left out.
 */
struct series_window {
    size_t incarnation;
    double seconds;               /* since it was ready, of the middle */
    int64_t floor[SERIES_LEVELS]; /* -1: not seen */
};

struct series {
    struct series_reading *readings;
    size_t reading_count;
    uint64_t invalid;    /* readings at rest that do not count */
    char why[80];        /* the first of them */
    int64_t closed;      /* the most live bytes over those at ready, all connections closed */
    size_t closed_count; /* incarnations of which that is known */
    struct series_window windows[STATS_TREND_MAX];
    size_t window_count;
    struct stats_point *points; /* room for a line through all readings: judging takes no memory */
    struct series_sample *samples; /* while they are gathered */
    size_t sample_count;
};

/* Before the samples. False: no memory, or the run cannot be read. */
bool series_read(struct series *s, const struct evidence *e, const struct evidence_component *c,
                 struct run_reader *run);
/* A sample of a life under traffic. False: no memory. */
bool series_add_sample(struct series *s, size_t incarnation, const struct run_sample_row *row);
/* After the last: makes windows of them. False: no memory. */
bool series_cut_windows(struct series *s, const struct evidence *e,
                        const struct evidence_component *c);

void series_free(struct series *s);

#endif
