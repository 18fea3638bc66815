#include "results-server/http_internal.h"

#include "common/base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BODY_FIRST 4096

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
    http_target_parse(&x->target, uri, x->why, sizeof(x->why));
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
    unused = !x->held && !x->in_ready;
    pthread_cond_broadcast(&http->room);
    pthread_mutex_unlock(&http->lock);
    if (tell) {
        x->gone(x->gone_self, x);
    } else if (unused) {
        free_exchange(x);
    }
}

static enum MHD_Result take_header(void *cls, enum MHD_ValueKind kind, const char *name,
                                   size_t name_size, const char *value, size_t value_size)
{
    (void)kind;
    http_framing_take(cls, name, name_size, value, value_size);
    return MHD_YES;
}

/* Without a response (no memory) false: the connection is closed. */
static enum MHD_Result queue(struct http_exchange *x, int status, struct MHD_Response *response)
{
    enum MHD_Result result;

    if (response == NULL) {
        return MHD_NO;
    }
    if (x->http->stopping) {
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
    }
    result = MHD_queue_response(x->conn->mhd, (unsigned)status, response);
    MHD_destroy_response(response);
    return result;
}

/* Before the body: it is not read, and the connection is closed behind the answer. */
static enum MHD_Result refuse_now(struct http_exchange *x, int status, const char *error,
                                  const char *message)
{
    pthread_mutex_lock(&x->http->lock);
    HTTP_COUNT(x->http, refused);
    pthread_mutex_unlock(&x->http->lock);
    log_debug("refused %s: %s", x->target.path, message);
    http_conn_enter(x->conn, HTTP_PHASE_ANSWER, 0);
    x->asked = true;
    return queue(x, status, http_error_response(error, message));
}

/* Behind the body, which is thrown away, so that the connection can go on. */
static void refuse_later(struct http_exchange *x, int status, const char *error,
                         const char *message)
{
    if (x->refusal == 0) {
        x->refusal = status;
        x->refusal_error = error;
        x->refusal_message = message;
    }
}

static void check_who_asks(struct http_exchange *x, const struct http_framing *framing)
{
    struct http *http = x->http;

    if (http->token == NULL) {
        if (!http_host_is_local(framing->host) && framing->host != NULL) {
            refuse_later(x, MHD_HTTP_FORBIDDEN, "host-wrong",
                         "without a token only an address or localhost may be asked for");
        } else if (framing->origin != NULL &&
                   !http_origin_is_host(framing->origin, framing->host)) {
            refuse_later(x, MHD_HTTP_FORBIDDEN, "origin-wrong",
                         "without a token no page of another server may ask");
        }
    } else if ((http->config.open == NULL || !http->config.open(http->config.app, x)) &&
               !http_token_fits(http->token, http_header(x, MHD_HTTP_HEADER_AUTHORIZATION))) {
        refuse_later(x, MHD_HTTP_UNAUTHORIZED, "token-wrong",
                     "send the server's token: Authorization: Bearer TOKEN");
    }
}

static enum MHD_Result begin(struct http_exchange *x, struct MHD_Connection *mhd)
{
    struct http_framing framing = {0};
    const char *why = NULL;
    int status;

    x->begun = true;
    http_conn_enter(x->conn, HTTP_PHASE_BODY, 0);
    MHD_get_connection_values_n(mhd, MHD_HEADER_KIND, take_header, &framing);
    status = http_framing_check(&framing, &why);
    if (status != 0) {
        return refuse_now(x, status, "request-malformed", why);
    }
    if (x->http->stopping) {
        return refuse_now(x, MHD_HTTP_SERVICE_UNAVAILABLE, "stopping",
                          "the server is stopping; send again to the next one");
    }
    if (framing.has_length && framing.length > x->http->config.body_limit) {
        return refuse_now(x, MHD_HTTP_CONTENT_TOO_LARGE, "body-too-large",
                          "the body is larger than the server takes; send less at a time");
    }
    if (x->why[0] != '\0') {
        refuse_later(x, MHD_HTTP_BAD_REQUEST, "path-malformed", x->why);
    }
    check_who_asks(x, &framing);
    return MHD_YES;
}

/* Room for `size` bytes and a NUL, out of what all bodies together may take. */
static bool grow_body(struct http_exchange *x, size_t size)
{
    struct http *http = x->http;
    size_t room = x->body_room == 0 ? BODY_FIRST : x->body_room;
    bool fits;
    char *body;

    while (room < size + 1) {
        room *= 2;
    }
    if (room == x->body_room) {
        return true;
    }
    pthread_mutex_lock(&http->lock);
    fits = http->counts.body_bytes + room - x->body_room <=
           HTTP_BODIES_MAX * (uint64_t)http->config.body_limit;
    body = fits ? realloc(x->body, room) : NULL;
    if (body != NULL) {
        http->counts.body_bytes += room - x->body_room;
        x->body = body;
        x->body_room = room;
    }
    pthread_mutex_unlock(&http->lock);
    return body != NULL;
}

static void throw_body_away(struct http_exchange *x)
{
    pthread_mutex_lock(&x->http->lock);
    x->http->counts.body_bytes -= x->body_room;
    pthread_mutex_unlock(&x->http->lock);
    free(x->body);
    x->body = NULL;
    x->thrown_away += x->body_size;
    x->body_size = 0;
    x->body_room = 0;
}

/* A chunked body does not say how long it is. One that is somewhat too long is read to its end for
 * the sake of a clear answer, but not for ever. */
static enum MHD_Result take_body(struct http_exchange *x, const char *upload, size_t size)
{
    size_t limit = x->http->config.body_limit;

    if (x->refusal == 0 && x->body_size + size > limit) {
        refuse_later(x, MHD_HTTP_CONTENT_TOO_LARGE, "body-too-large",
                     "the body is larger than the server takes; send less at a time");
    } else if (x->refusal == 0 && !grow_body(x, x->body_size + size)) {
        refuse_later(x, MHD_HTTP_SERVICE_UNAVAILABLE, "busy",
                     "too many large requests at a time; send again later");
    }
    if (x->refusal == 0) {
        memcpy(x->body + x->body_size, upload, size);
        x->body_size += size;
        x->body[x->body_size] = '\0';
    } else {
        throw_body_away(x);
        x->thrown_away += size;
    }
    if (x->thrown_away > 2 * (uint64_t)limit) {
        http_conn_refuse(x->conn, "413 Content Too Large", "body-too-large",
                         "the body is larger than the server takes; send less at a time");
        return MHD_NO;
    }
    http_conn_enter(x->conn, HTTP_PHASE_BODY, x->body_size + x->thrown_away);
    return MHD_YES;
}

static enum MHD_Result answer_refusal(struct http_exchange *x)
{
    struct MHD_Response *response = http_error_response(x->refusal_error, x->refusal_message);

    pthread_mutex_lock(&x->http->lock);
    HTTP_COUNT(x->http, refused);
    pthread_mutex_unlock(&x->http->lock);
    log_debug("refused %s: %s", x->target.path, x->refusal_message);
    if (response != NULL && x->refusal == MHD_HTTP_UNAUTHORIZED) {
        MHD_add_response_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE,
                                "Bearer realm=\"flatline\"");
    }
    http_conn_enter(x->conn, HTTP_PHASE_ANSWER, 0);
    return queue(x, x->refusal, response);
}

static void ask(struct http_exchange *x)
{
    struct http *http = x->http;

    pthread_mutex_lock(&http->lock);
    x->held = true;
    HTTP_COUNT(http, requests);
    HTTP_COUNT(http, waiting);
    pthread_mutex_unlock(&http->lock);
    if (http->config.handle(http->config.app, x) == HTTP_NOW) {
        /* Nobody has it any more, so this is for a handler that forgot. */
        pthread_mutex_lock(&http->lock);
        if (!x->answered && !x->abandoned) {
            log_error("no answer to %s %s", x->method, x->target.path);
            http_set_response(x, MHD_HTTP_INTERNAL_SERVER_ERROR,
                              http_error_response("internal", "the server has no answer"));
            http_give_back(x);
        }
        pthread_mutex_unlock(&http->lock);
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
        http_conn_watch(x->conn);
        return MHD_YES;
    }
    http_conn_enter(x->conn, streaming ? HTTP_PHASE_STREAM : HTTP_PHASE_ANSWER, x->answer_size);
    return queue(x, status, response);
}

enum MHD_Result http_exchange_run(void *cls, struct MHD_Connection *mhd, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *size, void **context)
{
    struct http_exchange *x = *context;

    (void)cls;
    (void)url;
    (void)version;
    if (x == NULL) {
        return MHD_NO;
    }
    if (!x->begun) {
        snprintf(x->method, sizeof(x->method), "%s",
                 strcmp(method, MHD_HTTP_METHOD_HEAD) == 0 ? MHD_HTTP_METHOD_GET : method);
        return begin(x, mhd);
    }
    if (*size > 0) {
        size_t all = *size;

        *size = 0;
        return take_body(x, upload, all);
    }
    if (!x->asked) {
        x->asked = true;
        if (x->refusal != 0) {
            return answer_refusal(x);
        }
        ask(x);
    }
    return answer_or_wait(x);
}

static void resume(struct http_exchange *x)
{
    http_conn_unwatch(x->conn);
    if (x->streaming) {
        http_conn_enter(x->conn, HTTP_PHASE_STREAM, 0);
    }
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

void http_exchange_stop(struct http_exchange *x)
{
    struct http *http = x->http;
    bool tell;

    pthread_mutex_lock(&http->lock);
    tell = nobody_waits(x, false);
    if (x->streaming) {
        x->ended = true;
    } else if (!x->answered) {
        http_set_response(x, MHD_HTTP_SERVICE_UNAVAILABLE,
                          http_error_response("stopping", "the server is stopping; ask again"));
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
    unused = x->closed && !x->held;
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

const char *http_method(const struct http_exchange *x)
{
    return x->method;
}

const char *http_path(const struct http_exchange *x)
{
    return x->target.path;
}

size_t http_segments(const struct http_exchange *x)
{
    return x->target.segments;
}

const char *http_segment(const struct http_exchange *x, size_t index)
{
    return index < x->target.segments ? x->target.segment[index] : NULL;
}

const char *http_query(const struct http_exchange *x, const char *name)
{
    return http_target_query(&x->target, name);
}

const char *http_query_name(const struct http_exchange *x, size_t index)
{
    return index < x->target.queries ? x->target.query_name[index] : NULL;
}

const char *http_header(const struct http_exchange *x, const char *name)
{
    return MHD_lookup_connection_value(x->conn->mhd, MHD_HEADER_KIND, name);
}

const char *http_body(const struct http_exchange *x, size_t *size)
{
    *size = x->body_size;
    return x->body == NULL ? "" : x->body;
}

void http_on_gone(struct http_exchange *x, http_gone_fn *gone, void *self)
{
    pthread_mutex_lock(&x->http->lock);
    x->gone = gone;
    x->gone_self = self;
    pthread_mutex_unlock(&x->http->lock);
}
