#include "results-server/http_internal.h"

#include "common/base/log.h"

#include <stdlib.h>
#include <string.h>

#define BODY_FIRST 4096

static enum MHD_Result take_header(void *cls, enum MHD_ValueKind kind, const char *name,
                                   size_t name_size, const char *value, size_t value_size)
{
    (void)kind;
    http_framing_take(cls, name, name_size, value, value_size);
    return MHD_YES;
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
    x->conn->linger = true;
    x->asked = true;
    return http_queue_response(x, status, http_error_response(error, message));
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

enum MHD_Result http_request_begin(struct http_exchange *x, struct MHD_Connection *mhd)
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
enum MHD_Result http_request_take_body(struct http_exchange *x, const char *upload, size_t size)
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

enum MHD_Result http_request_answer_refusal(struct http_exchange *x)
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
    return http_queue_response(x, x->refusal, response);
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
