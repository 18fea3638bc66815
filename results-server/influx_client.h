/* Posts lines to an InfluxDB, one request at a time, in the caller's thread. */
#ifndef FLATLINE_RESULTS_SERVER_INFLUX_CLIENT_H
#define FLATLINE_RESULTS_SERVER_INFLUX_CLIENT_H

#include "results-server/influx_target.h"

#include <stdint.h>

struct influx_client;

enum influx_answer {
    INFLUX_TAKEN,
    INFLUX_REFUSED, /* these lines, for good: no use to try again */
    INFLUX_AWAY     /* now, or us: to be tried again later */
};

/*
 * target must outlive it. `stopped` is asked now and then while a request lasts, and true ends it;
 * it is called in the thread of the request. NULL: no memory.
 */
struct influx_client *influx_client_new(const struct influx_target *target,
                                        bool (*stopped)(void *user), void *user);
void influx_client_free(struct influx_client *client);

/*
 * The database is made if it is missing. INFLUX_REFUSED: *dropped is how many of the `count` lines
 * were not taken. Other than INFLUX_TAKEN: *why holds one line.
 */
enum influx_answer influx_client_post(struct influx_client *client, const char *lines, size_t size,
                                      uint64_t count, uint64_t *dropped, char *why, size_t cap);

#endif
