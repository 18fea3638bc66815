/*
 * What the handlers share. One lock guards what is known by heart (tests) and who waits for it
 * (waits); who holds it does not wait for the disk or a client.
 */
#ifndef FLATLINE_RESULTS_SERVER_APP_H
#define FLATLINE_RESULTS_SERVER_APP_H

#include "results-server/http.h"
#include "results-server/store.h"
#include "results-server/test_model.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define APP_SINKS 4

struct influx;
struct points;
struct live_feed;
struct waits;

struct app {
    struct store *store;
    struct http *http;
    struct live_feed *feed; /* of the live page */
    struct points *points;
    struct influx *influx; /* NULL: nothing is pushed */
    const char *store_dir;
    uint64_t began_ns;                   /* server clock */
    uint64_t listening_ns, last_tick_ns; /* since when nobody was missed; of app_tick alone */
    uint64_t host_timeout_ns;
    pthread_mutex_t lock;
    struct tests *tests; /* under lock */
    struct waits *waits; /* likewise */
    struct sink sinks[APP_SINKS];
    size_t sink_count;
    pthread_mutex_t sink_lock; /* they are told one thing at a time */
};

/* Opens the store and learns its tests. False with one line in *error. */
bool app_init(struct app *app, const struct store_config *store, uint64_t host_timeout_ns,
              char *error, size_t cap);
void app_free(struct app *app);

/* Before the store's thread starts. */
void app_add_sink(struct app *app, const struct sink *sink);

/* The test of this id changed: who waits for that is answered, and the sinks are told. Not under
 * the lock. */
void app_changed(struct app *app, const char *id);

/* Now and then (several times a second): who is lost, and whose waiting is over. */
void app_tick(struct app *app);

/* The rest of those who wait are dropped; after http_stop. */
void app_stop_waits(struct app *app);

#endif
