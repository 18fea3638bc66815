#include "results-server/influx.h"

#include "common/base/clock.h"
#include "common/base/exit_status.h"
#include "common/base/log.h"
#include "common/base/thread.h"
#include "common/base/units.h"
#include "results-server/influx_client.h"
#include "results-server/influx_gather.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REQUEST_BYTES ((size_t)1 << 20) /* at most, but for a line that is longer */
#define IDLE_NS (500 * NS_PER_MS)       /* between looks for new batches */
#define RETRY_NS (200 * NS_PER_MS)      /* doubled each time, up to */
#define RETRY_MOST_NS (10 * NS_PER_S)
#define LAST_NS (5 * NS_PER_S) /* for what is left when the server ends */
#define WHY 700

struct influx {
    struct influx_target target;
    struct influx_client *client;
    struct influx_gather *gather;
    uint64_t away_ns; /* since when InfluxDB is away; 0: it is not */
    bool refused;     /* once, and said so */
    bool failed;      /* to gather, and said so */
    pthread_t thread;
    bool running;
    _Atomic uint64_t last_ns; /* when to give up; 0: the server goes on */
    pthread_mutex_t lock;     /* of what follows */
    pthread_cond_t wake;      /* last_ns was set */
    struct influx_figures figures;
};

/* ---- the outside of the thread ---- */

void influx_read_figures(struct influx *influx, struct influx_figures *figures)
{
    pthread_mutex_lock(&influx->lock);
    *figures = influx->figures;
    pthread_mutex_unlock(&influx->lock);
}

/* Ends a request that lasts too long at the end of the server. */
static bool is_over(void *user)
{
    struct influx *influx = user;
    uint64_t last_ns = atomic_load(&influx->last_ns);

    return last_ns != 0 && clock_now_ns() >= last_ns;
}

static bool stopping(struct influx *influx)
{
    return atomic_load(&influx->last_ns) != 0;
}

/* Sleeps, at most until the server ends. */
static void wait_for(struct influx *influx, uint64_t ns)
{
    uint64_t until_ns = clock_now_ns() + ns;
    struct timespec until = {(time_t)(until_ns / NS_PER_S), (long)(until_ns % NS_PER_S)};

    pthread_mutex_lock(&influx->lock);
    while (!stopping(influx) && pthread_cond_timedwait(&influx->wake, &influx->lock, &until) == 0)
        ;
    pthread_mutex_unlock(&influx->lock);
}

/* ---- what became of a request ---- */

static void note_away(struct influx *influx, const char *why)
{
    if (influx->away_ns != 0)
        return;
    influx->away_ns = clock_now_ns();
    log_warn("InfluxDB is away (%s): %s; its points are kept, and are pushed when it is back",
             influx->target.name, why);
    pthread_mutex_lock(&influx->lock);
    influx->figures.away = true;
    influx->figures.outages++;
    pthread_mutex_unlock(&influx->lock);
}

static void note_back(struct influx *influx)
{
    char lasted[32];

    if (influx->away_ns == 0)
        return;
    log_info("InfluxDB is back (%s) after %s", influx->target.name,
             units_format_duration(clock_now_ns() - influx->away_ns, lasted, sizeof lasted));
    influx->away_ns = 0;
}

static void note_answer(struct influx *influx, uint64_t lines, uint64_t dropped, const char *why)
{
    note_back(influx);
    if (dropped > 0 && !influx->refused) {
        influx->refused = true;
        log_warn("InfluxDB (%s) has refused points: %s; further refusals are only counted",
                 influx->target.name, why);
    }
    pthread_mutex_lock(&influx->lock);
    influx->figures.away = false;
    influx->figures.requests++;
    influx->figures.points += lines - dropped;
    influx->figures.dropped += dropped;
    pthread_mutex_unlock(&influx->lock);
}

/* Once until it works again. */
static void note_failure(struct influx *influx)
{
    if (!influx->failed)
        log_error("the push to InfluxDB cannot go on for now: %s",
                  influx_gather_failure(influx->gather));
    influx->failed = true;
}

/* ---- posting ---- */

/* How many of these bytes, whole lines, go into a request. */
static size_t request_size(const char *bytes, size_t size)
{
    const char *end;

    if (size <= REQUEST_BYTES)
        return size;
    end = memrchr(bytes, '\n', REQUEST_BYTES);
    if (end == NULL)
        end = memchr(bytes, '\n', size);
    return (size_t)(end - bytes) + 1;
}

static uint64_t count_lines(const char *bytes, size_t size)
{
    uint64_t count = 0;

    for (const char *at = bytes; (at = memchr(at, '\n', size - (size_t)(at - bytes))) != NULL; at++)
        count++;
    return count;
}

/* Until it is answered; false: the server ends. */
static bool post(struct influx *influx, const char *bytes, size_t size)
{
    uint64_t count = count_lines(bytes, size), dropped = 0, retry_ns = RETRY_NS;
    char why[WHY] = "";

    while (influx_client_post(influx->client, bytes, size, count, &dropped, why, sizeof why) ==
           INFLUX_AWAY) {
        if (stopping(influx))
            return false;
        note_away(influx, why);
        wait_for(influx, retry_ns);
        retry_ns = 2 * retry_ns < RETRY_MOST_NS ? 2 * retry_ns : RETRY_MOST_NS;
    }
    note_answer(influx, count, dropped, why);
    return true;
}

static bool post_all(struct influx *influx)
{
    const struct influx_lines *lines = influx_gather_lines(influx->gather);
    const char *bytes = lines->bytes;
    size_t left = lines->size;

    while (left > 0) {
        size_t size = request_size(bytes, left);

        if (!post(influx, bytes, size))
            return false;
        bytes += size;
        left -= size;
    }
    return true;
}

static void note_done(struct influx *influx)
{
    if (!influx_gather_done(influx->gather))
        note_failure(influx);
    pthread_mutex_lock(&influx->lock);
    influx->figures.batch = influx_gather_cursor(influx->gather);
    pthread_mutex_unlock(&influx->lock);
}

/* The next lines; false: there are none, or none can be made for now. */
static bool gather(struct influx *influx)
{
    enum influx_gathered gathered = influx_gather_next(influx->gather);

    if (gathered == INFLUX_FAILED)
        note_failure(influx);
    else
        influx->failed = false;
    return gathered == INFLUX_LINES;
}

static void *push(void *arg)
{
    struct influx *influx = arg;

    while (!is_over(influx)) {
        bool last = stopping(influx);

        if (gather(influx)) {
            if (!post_all(influx))
                break;
            note_done(influx);
        } else if (last) {
            break;
        } else {
            wait_for(influx, IDLE_NS);
        }
    }
    return NULL;
}

/* ---- life ---- */

static void init_waiting(struct influx *influx)
{
    pthread_condattr_t attributes;

    pthread_mutex_init(&influx->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&influx->wake, &attributes);
    pthread_condattr_destroy(&attributes);
}

struct influx *influx_new(const char *url, const char *dir, int *status, char *error, size_t cap)
{
    struct influx *influx = calloc(1, sizeof *influx);

    *status = STATUS_ENVIRONMENT;
    if (influx == NULL) {
        snprintf(error, cap, "no memory");
        return NULL;
    }
    init_waiting(influx);
    if (!influx_target_parse(url, &influx->target, error, cap)) {
        *status = STATUS_USAGE;
        influx_free(influx);
        return NULL;
    }
    if (influx->target.open_password)
        log_warn("a password in the URL of --influx can be read by whoever looks at the processes: "
                 "FLATLINE_INFLUX_PASSWORD takes it");
    if ((influx->client = influx_client_new(&influx->target, is_over, influx)) == NULL) {
        snprintf(error, cap, "no memory");
    } else if ((influx->gather = influx_gather_new(dir, error, cap)) != NULL) {
        influx->figures.batch = influx_gather_cursor(influx->gather);
        return influx;
    }
    influx_free(influx);
    return NULL;
}

bool influx_start(struct influx *influx, char *error, size_t cap)
{
    int code = thread_start(&influx->thread, 0, push, influx);

    influx->running = code == 0;
    if (code != 0)
        snprintf(error, cap, "no thread for the push to InfluxDB: %s", strerror(code));
    return code == 0;
}

void influx_free(struct influx *influx)
{
    if (influx == NULL)
        return;
    pthread_mutex_lock(&influx->lock);
    atomic_store(&influx->last_ns, clock_now_ns() + LAST_NS);
    pthread_cond_signal(&influx->wake);
    pthread_mutex_unlock(&influx->lock);
    if (influx->running)
        pthread_join(influx->thread, NULL);
    influx_client_free(influx->client);
    influx_gather_free(influx->gather);
    influx_target_free(&influx->target);
    pthread_cond_destroy(&influx->wake);
    pthread_mutex_destroy(&influx->lock);
    free(influx);
}
