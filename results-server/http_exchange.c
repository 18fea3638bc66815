#include "results-server/http_internal.h"

#include "common/base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A request's whole way in the polling thread: made when its first line was read, run by
 * libmicrohttpd at its head, at each piece of its body and at its end (then asked), completed when
 * the answer is out or the connection is gone. */

void *http_exchange_new(void *cls, const char *uri, struct MHD_Connection *mhd)
{
    struct http *http = cls;
    struct http_conn *conn = http_conn_of(mhd);
    struct http_exchange *x = conn == NULL ? NULL : calloc(1, sizeof(*x));

    if (x == NULL) {
        return NULL;
    }
    x->http = http;
    x->conn = conn;
    conn->x = x;
    x->target_end = uri == NULL ? NULL : uri + strlen(uri) + 1;
    http_target_parse(&x->target, uri == NULL ? "" : uri, x->why, sizeof(x->why));
    return x;
}

static void free_exchange(struct http_exchange *x)
{
    for (size_t i = 0; i < x->headers; i++) {
        free(x->header_name[i]);
        free(x->header_value[i]);
    }
    if (x->response != NULL) {
        MHD_destroy_response(x->response);
    }
    http_queue_free(&x->queue);
    free(x->body);
    free(x);
}

/* Under the lock: whether the owner is to be told, now and never again. */
static bool nobody_waits(struct http_exchange *x, bool left)
{
    bool first = x->held && !x->told;

    if (first && left) {
        HTTP_COUNT(x->http, gone);
    }
    x->told = true;
    return first && x->gone != NULL;
}

void http_exchange_completed(void *cls, struct MHD_Connection *mhd, void **context,
                             enum MHD_RequestTerminationCode code)
{
    struct http_exchange *x = *context;
    struct http *http = cls;
    bool tell, unused;

    (void)mhd;
    (void)code;
    if (x == NULL) {
        return;
    }
    *context = NULL;
    x->conn->x = NULL;
    http_conn_enter(x->conn, HTTP_PHASE_HEAD, 0);
    x->conn = NULL;
    pthread_mutex_lock(&http->lock);
    x->closed = true;
    if (!x->held) {
        http_give_back(x); /* a body that nobody was asked about */
    }
    tell = nobody_waits(x, true);
    unused = !x->held && !x->in_ready && !x->working;
    pthread_cond_broadcast(&http->room);
    pthread_mutex_unlock(&http->lock);
    if (tell) {
        x->gone(x->gone_self, x);
    } else if (unused) {
        free_exchange(x);
    }
}

/* What a status asks for besides. */
static void add_for_status(struct MHD_Response *response, int status)
{
    if (status == MHD_HTTP_UNAUTHORIZED) {
        MHD_add_response_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE,
                                "Bearer realm=\"flatline\"");
    } else if (status == MHD_HTTP_SERVICE_UNAVAILABLE &&
               MHD_get_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER) == NULL) {
        MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, "1");
    }
}

enum MHD_Result http_queue_response(struct http_exchange *x, int status,
                                    struct MHD_Response *response)
{
    enum MHD_Result result;

    if (response == NULL) {
        return MHD_NO;
    }
    add_for_status(response, status);
    if (x->http->stopping) {
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
    }
    http_count_answer(x, status);
    result = MHD_queue_response(x->conn->mhd, (unsigned)status, response);
    MHD_destroy_response(response);
    return result;
}

void http_exchange_handle(struct http_exchange *x)
{
    struct http *http = x->http;

    if (http->config.handle(http->config.app, x) != HTTP_NOW) {
        return;
    }
    /* Nobody has it any more, so this is for a handler that forgot. */
    pthread_mutex_lock(&http->lock);
    if (!x->answered && !x->abandoned && !x->closed) {
        log_error("no answer to %s %s", x->method, x->target.path);
        http_set_response(x, MHD_HTTP_INTERNAL_SERVER_ERROR,
                          http_refusal_response(HTTP_REFUSAL_INTERNAL, NULL));
        http_give_back(x);
    }
    pthread_mutex_unlock(&http->lock);
}

static void ask(struct http_exchange *x)
{
    struct http *http = x->http;

    pthread_mutex_lock(&http->lock);
    x->held = true;
    HTTP_COUNT(http, requests);
    http->counts.received += x->body_size;
    HTTP_COUNT(http, waiting);
    pthread_mutex_unlock(&http->lock);
    if (x->body_size > HTTP_LARGE_BODY) {
        http_worker_put(x);
    } else {
        http_exchange_handle(x);
    }
}

/* Queues the answer if it is there, else waits for it. */
static enum MHD_Result answer_or_wait(struct http_exchange *x)
{
    struct http *http = x->http;
    struct MHD_Response *response;
    bool streaming;
    bool close;
    int status;

    pthread_mutex_lock(&http->lock);
    response = x->response;
    x->response = NULL;
    status = x->status;
    streaming = x->streaming;
    close = x->abandoned || (x->answered && response == NULL);
    x->suspended = !close && response == NULL;
    pthread_mutex_unlock(&http->lock);
    if (close) {
        return MHD_NO;
    }
    if (response == NULL) {
        http_conn_enter(x->conn, HTTP_PHASE_WAIT, 0);
        MHD_suspend_connection(x->conn->mhd);
        return MHD_YES;
    }
    http_conn_enter(x->conn, streaming ? HTTP_PHASE_STREAM : HTTP_PHASE_ANSWER, x->answer_size);
    return http_queue_response(x, status, response);
}

enum MHD_Result http_exchange_run(void *cls, struct MHD_Connection *mhd, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *size, void **context)
{
    struct http_exchange *x = *context;

    (void)cls;
    (void)url;
    if (x == NULL) {
        return MHD_NO;
    }
    if (!x->begun) {
        if (version != x->target_end) { /* what libmicrohttpd put a NUL between */
            snprintf(x->why, sizeof(x->why), "the path has a NUL");
        }
        snprintf(x->method, sizeof(x->method), "%s",
                 strcmp(method, MHD_HTTP_METHOD_HEAD) == 0 ? MHD_HTTP_METHOD_GET : method);
        return http_request_begin(x, mhd);
    }
    if (*size > 0) {
        size_t all = *size;

        *size = 0;
        return http_request_take_body(x, upload, all);
    }
    if (!x->asked) {
        x->asked = true;
        if (x->refusal != HTTP_REFUSAL_NONE) {
            return http_request_answer_refusal(x);
        }
        ask(x);
    }
    return answer_or_wait(x);
}

static void resume(struct http_exchange *x)
{
    http_conn_enter(x->conn, x->streaming ? HTTP_PHASE_STREAM : HTTP_PHASE_ANSWER, 0);
    MHD_resume_connection(x->conn->mhd);
}

void http_exchange_abandon(struct http_exchange *x)
{
    struct http *http = x->http;
    bool tell;

    pthread_mutex_lock(&http->lock);
    tell = nobody_waits(x, true);
    x->abandoned = true;
    x->suspended = false;
    pthread_mutex_unlock(&http->lock);
    if (tell) {
        x->gone(x->gone_self, x);
    }
    resume(x);
}

void http_exchange_stop(struct http_exchange *x, bool all)
{
    struct http *http = x->http;
    bool tell;

    pthread_mutex_lock(&http->lock);
    if (!x->suspended || (x->gone == NULL && !all)) {
        pthread_mutex_unlock(&http->lock);
        return;
    }
    tell = nobody_waits(x, false);
    if (x->streaming && x->gone == NULL) {
        x->abandoned = true; /* cut off, so that nobody takes a part for the whole */
    } else if (x->streaming) {
        x->ended = true;
    } else if (!x->answered) {
        http_set_response(x, MHD_HTTP_SERVICE_UNAVAILABLE,
                          http_refusal_response(HTTP_REFUSAL_ENDING, NULL));
    }
    x->suspended = false;
    pthread_mutex_unlock(&http->lock);
    if (tell) {
        x->gone(x->gone_self, x);
    }
    resume(x);
}

void http_exchange_ready(struct http_exchange *x)
{
    struct http *http = x->http;
    bool unused, wake, drop;

    pthread_mutex_lock(&http->lock);
    x->in_ready = false;
    unused = x->closed && !x->held && !x->working;
    wake = !x->closed && x->suspended;
    drop = !x->closed && !x->suspended && (x->lagging || x->abandoned);
    if (wake) {
        x->suspended = false;
    }
    pthread_mutex_unlock(&http->lock);
    if (unused) {
        free_exchange(x);
    } else if (wake) {
        resume(x);
    } else if (drop) {
        http_conn_shut(x->conn);
    }
}
