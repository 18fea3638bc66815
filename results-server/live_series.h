/*
 * A curve of the live page: a fixed number of buckets of equal width over the time of a test. When
 * time runs out of them, two become one and the width doubles, so that a curve costs the same
 * whatever a test's length, and no spike is lost: a bucket of a level keeps its lowest and highest
 * value, one of a flow the sum of what fell into it.
 */
#ifndef FLATLINE_RESULTS_SERVER_LIVE_SERIES_H
#define FLATLINE_RESULTS_SERVER_LIVE_SERIES_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* Of a curve at its finest; two points each. Divisible by 2 often enough for LIVE_MAX_FOLDS. */
#define LIVE_BUCKETS 320
#define LIVE_MAX_FOLDS 5

enum live_kind { LIVE_LEVEL, LIVE_FLOW };

/* All zero: an empty curve, which takes no memory. */
struct live_series {
    float *cells; /* NaN where nothing was measured; a level has two a bucket */
};

/* Bytes of a curve that is not empty. */
size_t live_series_bytes(enum live_kind kind, unsigned buckets);

/* bucket < buckets. False: no memory, the value is not in it. */
bool live_series_put(struct live_series *s, enum live_kind kind, unsigned buckets, unsigned bucket,
                     double value);

/* Merges bucket pairs into the first half. */
void live_series_fold(struct live_series *s, enum live_kind kind, unsigned buckets);

/* The same, and keeps only that half: buckets are half as many from now on. */
void live_series_halve(struct live_series *s, enum live_kind kind, unsigned buckets);

void live_series_clear(struct live_series *s);

/*
 * How much a level rose: the median of the last third of buckets [0, end) above that of the first
 * third, of their lowest values, which neither the trough of a restart nor a peak moves, in
 * whichever third it falls. -INFINITY where there is too little to tell.
 */
double live_series_rise(const struct live_series *s, unsigned end);

/*
 * Buckets [from, end): [[lowest...], [highest...]] of a level, [sum...] of a flow; whole numbers,
 * null where nothing was measured. NULL: no memory.
 */
json_t *live_series_json(const struct live_series *s, enum live_kind kind, unsigned from,
                         unsigned end);

/* Widens the level `band` (its cells, all NaN at first) by the level or flow s. */
void live_series_cover(float *band, const struct live_series *s, enum live_kind kind, unsigned end);

#endif
