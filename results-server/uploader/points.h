/*
 * Points that come a line each, as JSON, and wait for their batch: {"time_ns": n, "source": id,
 * "values": {name: number}}. What waits is bounded: beyond that the oldest are dropped, and
 * counted.
 */
#ifndef FLATLINE_UPLOADER_POINTS_H
#define FLATLINE_UPLOADER_POINTS_H

#include "results-server/uploader/feed.h"

struct points;

/* NULL: no memory. */
struct points *points_new(uint64_t bytes_max);
void points_free(struct points *points);

/*
 * Takes a line. NULL stands for one that was too long. A line {"result": {...}} is no point: then
 * *result is what is in it, the caller's from now on; else it is NULL. What is neither is logged
 * and counted.
 */
void points_take(struct points *points, const char *line, json_t **result);

/* As fill of struct feed_settings; the source is the points. */
enum feed_fill points_fill(void *source, struct batch *batch, bool over, uint64_t now_ns);

/* False if points were dropped or lines were none; logs how many. */
bool points_complete(const struct points *points);

#endif
