#include "results-server/test_points.h"

#include "common/base/log.h"
#include "common/base/thread.h"
#include "results-server/body_check.h"
#include "results-server/store_reader.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STREAMS_MOST 8
#define PIECE (64u << 10) /* of a stream, at once; less than its queue */

struct points {
    const char *dir;
    pthread_mutex_t lock;
    pthread_cond_t ended;
    unsigned running;
};

struct stream {
    struct points *points;
    struct http_exchange *x;
    char id[BODY_ID_SIZE];
    json_t *test;
    bool first; /* no batch was written yet */
};

/* ---- writing ---- */

static bool put(struct stream *stream, const char *bytes, size_t size)
{
    while (size > 0) {
        size_t piece = size < PIECE ? size : PIECE;

        if (!http_stream_write_wait(stream->x, bytes, piece))
            return false;
        bytes += piece;
        size -= piece;
    }
    return true;
}

static bool put_batch(void *arg, const struct stored_batch *batch)
{
    struct stream *stream = arg;
    char head[256];
    int n =
        snprintf(head, sizeof head,
                 "%s{\"peer\":\"%s\",\"number\":%" PRIu64 ",\"received_ns\":%" PRIu64 ",\"batch\":",
                 stream->first ? "" : ",\n", batch->peer, batch->number, batch->received_ns);

    stream->first = false;
    return put(stream, head, (size_t)n) && put(stream, batch->body, batch->size) &&
           put(stream, "}", 1);
}

/* The test's own members, and behind them the batches. */
static bool put_test(struct stream *stream, struct store_reader *reader)
{
    char *text = json_dumps(stream->test, JSON_COMPACT);
    bool done = text != NULL && put(stream, text, strlen(text) - 1) &&
                put(stream, ",\"dataPoints\":[\n", 16) &&
                store_reader_batches(reader, stream->id, put_batch, stream) &&
                put(stream, "]}\n", 3);

    free(text);
    return done;
}

/* ---- a stream's thread ---- */

static void run(struct stream *stream)
{
    char error[ERROR_MESSAGE_SIZE];
    struct store_reader *reader = store_reader_new(stream->points->dir, error, sizeof error);

    if (reader == NULL) {
        log_error("%s", error);
        http_reply_error(stream->x, error_status(ERROR_STORE_FAILED),
                         error_word(ERROR_STORE_FAILED), "%s", error);
        return;
    }
    http_stream_begin(stream->x, 200, "application/json");
    if (put_test(stream, reader)) {
        http_stream_end(stream->x);
    } else {
        /* Cut off, so that nobody takes a part for the whole. */
        if (store_reader_error(reader)[0] != '\0')
            log_error("%s", store_reader_error(reader));
        http_drop(stream->x);
    }
    store_reader_free(reader);
}

static void *stream_main(void *arg)
{
    struct stream *stream = arg;
    struct points *points = stream->points;

    run(stream);
    json_decref(stream->test);
    free(stream);
    pthread_mutex_lock(&points->lock);
    points->running--;
    pthread_cond_signal(&points->ended);
    pthread_mutex_unlock(&points->lock);
    return NULL;
}

static bool reserve(struct points *points)
{
    bool room;

    pthread_mutex_lock(&points->lock);
    room = points->running < STREAMS_MOST;
    points->running += room;
    pthread_mutex_unlock(&points->lock);
    return room;
}

static void give_up(struct points *points, struct stream *stream)
{
    free(stream);
    pthread_mutex_lock(&points->lock);
    points->running--;
    pthread_mutex_unlock(&points->lock);
}

bool points_stream(struct points *points, struct http_exchange *x, const char *id, json_t *test,
                   struct refusal *refusal)
{
    struct stream *stream;
    pthread_t thread;

    if (!reserve(points)) {
        json_decref(test);
        return refuse(refusal, ERROR_BUSY, "%d clients read data points already; try again later",
                      STREAMS_MOST);
    }
    stream = calloc(1, sizeof *stream);
    if (stream != NULL) {
        *stream = (struct stream){.points = points, .x = x, .test = test, .first = true};
        snprintf(stream->id, sizeof stream->id, "%s", id);
        if (thread_start(&thread, 0, stream_main, stream) == 0) {
            pthread_detach(thread);
            return true;
        }
    }
    give_up(points, stream);
    json_decref(test);
    return refuse(refusal, ERROR_NO_MEMORY, "no memory for a stream of data points");
}

/* ---- life ---- */

struct points *points_new(const char *dir)
{
    struct points *points = calloc(1, sizeof *points);

    if (points == NULL)
        return NULL;
    points->dir = dir;
    pthread_mutex_init(&points->lock, NULL);
    pthread_cond_init(&points->ended, NULL);
    return points;
}

void points_free(struct points *points)
{
    if (points == NULL)
        return;
    pthread_mutex_lock(&points->lock);
    while (points->running > 0)
        pthread_cond_wait(&points->ended, &points->lock);
    pthread_mutex_unlock(&points->lock);
    pthread_cond_destroy(&points->ended);
    pthread_mutex_destroy(&points->lock);
    free(points);
}
