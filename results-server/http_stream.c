#include "results-server/http_internal.h"

#include <stdlib.h>
#include <string.h>

#define BLOCK 8192 /* read at a time for a client of HTTP/1.0 */

void http_queue_free(struct http_queue *queue)
{
    free(queue->bytes);
    memset(queue, 0, sizeof(*queue));
}

static size_t queued(const struct http_queue *queue)
{
    return queue->end - queue->start;
}

/* False: no memory. */
static bool append(struct http_queue *queue, const void *bytes, size_t size)
{
    size_t kept = queued(queue);

    if (queue->start > 0 && queue->end + size > queue->room) {
        memmove(queue->bytes, queue->bytes + queue->start, kept);
        queue->start = 0;
        queue->end = kept;
    }
    if (kept + size > queue->room) {
        size_t room = queue->room == 0 ? BLOCK : queue->room;
        char *grown;

        while (room < kept + size) {
            room *= 2;
        }
        grown = realloc(queue->bytes, room);
        if (grown == NULL) {
            return false;
        }
        queue->bytes = grown;
        queue->room = room;
    }
    if (size > 0) {
        memcpy(queue->bytes + queue->end, bytes, size);
    }
    queue->end += size;
    return true;
}

static size_t take(struct http_queue *queue, char *to, size_t most)
{
    size_t size = queued(queue) < most ? queued(queue) : most;

    memcpy(to, queue->bytes + queue->start, size);
    queue->start += size;
    if (queue->start == queue->end) {
        http_queue_free(queue); /* a stream at rest costs nothing */
    }
    return size;
}

/* Called by libmicrohttpd when the client can take more. */
static ssize_t read_stream(void *cls, uint64_t position, char *to, size_t most)
{
    struct http_exchange *x = cls;
    struct http *http = x->http;
    ssize_t size = 0;

    (void)position;
    pthread_mutex_lock(&http->lock);
    if (x->abandoned || x->lagging) {
        size = MHD_CONTENT_READER_END_WITH_ERROR;
    } else if (queued(&x->queue) > 0) {
        size = (ssize_t)take(&x->queue, to, most);
        pthread_cond_broadcast(&http->room);
    } else if (x->ended) {
        size = MHD_CONTENT_READER_END_OF_STREAM;
    } else {
        x->suspended = true;
    }
    pthread_mutex_unlock(&http->lock);
    http_conn_enter(x->conn, size == 0 ? HTTP_PHASE_WAIT : HTTP_PHASE_STREAM, 0);
    if (size == 0) {
        MHD_suspend_connection(x->conn->mhd);
    }
    return size;
}

void http_stream_begin(struct http_exchange *x, int status, const char *type)
{
    struct http *http = x->http;
    struct MHD_Response *response =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK, read_stream, x, NULL);

    if (response != NULL) {
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
        MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
        MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    }
    pthread_mutex_lock(&http->lock);
    x->streaming = !x->answered;
    http_set_response(x, status, response);
    http_make_ready(x);
    pthread_mutex_unlock(&http->lock);
}

/* Under the lock. */
static bool is_over(const struct http_exchange *x)
{
    return x->closed || x->abandoned || x->lagging || x->ended || !x->streaming;
}

/* Under the lock; there is room. */
static bool put(struct http_exchange *x, const void *bytes, size_t size)
{
    if (!append(&x->queue, bytes, size)) {
        x->lagging = true;
    }
    http_make_ready(x);
    return !x->lagging;
}

bool http_stream_write(struct http_exchange *x, const void *bytes, size_t size)
{
    struct http *http = x->http;
    bool written = false;

    pthread_mutex_lock(&http->lock);
    if (!is_over(x) && queued(&x->queue) + size > http->config.stream_queue) {
        x->lagging = true;
        HTTP_COUNT(http, lagging);
        http_make_ready(x);
    } else if (!is_over(x)) {
        written = put(x, bytes, size);
    }
    pthread_mutex_unlock(&http->lock);
    return written;
}

bool http_stream_write_wait(struct http_exchange *x, const void *bytes, size_t size)
{
    struct http *http = x->http;
    bool written;

    pthread_mutex_lock(&http->lock);
    while (!is_over(x) && queued(&x->queue) + size > http->config.stream_queue) {
        pthread_cond_wait(&http->room, &http->lock);
    }
    written = !is_over(x) && put(x, bytes, size);
    pthread_mutex_unlock(&http->lock);
    return written;
}

void http_stream_end(struct http_exchange *x)
{
    struct http *http = x->http;

    pthread_mutex_lock(&http->lock);
    x->ended = true;
    http_give_back(x);
    pthread_mutex_unlock(&http->lock);
}
