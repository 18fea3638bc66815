/*
 * The push to an InfluxDB: a thread that follows the batches of a store, one after the other, and
 * posts them as lines (influx_batch.h). How far it has come it keeps beside the store
 * (influx_names.h), so nothing is lost while either side is away or ends without notice; a batch
 * that is posted twice makes the same points, which count once. An InfluxDB that is away or slow
 * delays nothing but the push itself.
 */
#ifndef FLATLINE_RESULTS_SERVER_INFLUX_H
#define FLATLINE_RESULTS_SERVER_INFLUX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct influx;

/*
 * url as in influx_target.h; dir: the store's folder, which is open by now. NULL with one line in
 * *error, and *status for exit: STATUS_USAGE for the URL, else STATUS_ENVIRONMENT. Whether InfluxDB
 * is there is not asked: it may come later.
 */
struct influx *influx_new(const char *url, const char *dir, int *status, char *error, size_t cap);

/* Starts the thread. False with one line in *error. */
bool influx_start(struct influx *influx, char *error, size_t cap);

/* Ends the thread; what is stored by now is still pushed, unless InfluxDB is away or that takes
 * longer than a few seconds. NULL is fine. */
void influx_free(struct influx *influx);

struct influx_figures {
    uint64_t points;  /* lines that InfluxDB has taken */
    uint64_t dropped; /* lines that it has refused */
    uint64_t requests, outages;
    uint64_t batch; /* the last one that it has */
    bool away;      /* now */
};

/* From any thread. */
void influx_read_figures(struct influx *influx, struct influx_figures *figures);

#endif
