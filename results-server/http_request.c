#include "results-server/http_internal.h"

#include "common/base/log.h"

#include <stdio.h>
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

static enum MHD_Result queue_refusal(struct http_exchange *x, enum http_refusal refusal,
                                     const char *text)
{
    const struct http_refusal_row *row = http_refusal_row(refusal);

    pthread_mutex_lock(&x->http->lock);
    HTTP_COUNT(x->http, refused);
    pthread_mutex_unlock(&x->http->lock);
    log_debug("refused %s: %s", x->target.path, text == NULL ? row->text : text);
    http_conn_enter(x->conn, HTTP_PHASE_ANSWER, 0);
    return http_queue_response(x, row->status, http_refusal_response(refusal, text));
}

/* Before the body: it is not read, and the connection is closed behind the answer. */
static enum MHD_Result refuse_now(struct http_exchange *x, enum http_refusal refusal,
                                  const char *text)
{
    x->conn->linger = true;
    x->asked = true;
    return queue_refusal(x, refusal, text);
}

/* Behind the body, which is thrown away, so that the connection can go on. The text stays. */
static void refuse_later(struct http_exchange *x, enum http_refusal refusal, const char *text)
{
    if (x->refusal == HTTP_REFUSAL_NONE) {
        x->refusal = refusal;
        x->refusal_text = text;
    }
}

static const char *say_limit(struct http_exchange *x)
{
    snprintf(x->why, sizeof(x->why), "the body is larger than %zu bytes; send less at a time",
             x->http->config.body_limit);
    return x->why;
}

static void check_who_asks(struct http_exchange *x, const struct http_framing *framing)
{
    struct http *http = x->http;

    if (http->token == NULL) {
        if (!http_host_is_local(framing->host) && framing->host != NULL) {
            refuse_later(x, HTTP_REFUSAL_HOST, NULL);
        } else if (framing->origin != NULL &&
                   !http_origin_is_host(framing->origin, framing->host)) {
            refuse_later(x, HTTP_REFUSAL_ORIGIN, NULL);
        }
    } else if ((http->config.open == NULL || !http->config.open(http->config.app, x)) &&
               !http_token_fits(http->token, http_header(x, MHD_HTTP_HEADER_AUTHORIZATION))) {
        refuse_later(x, HTTP_REFUSAL_TOKEN, NULL);
    }
}

enum MHD_Result http_request_begin(struct http_exchange *x, struct MHD_Connection *mhd)
{
    struct http_framing framing = {0};
    const char *why = NULL;
    enum http_refusal refusal;

    x->begun = true;
    http_conn_enter(x->conn, HTTP_PHASE_BODY, 0);
    MHD_get_connection_values_n(mhd, MHD_HEADER_KIND, take_header, &framing);
    refusal = http_framing_check(&framing, &why);
    if (refusal != HTTP_REFUSAL_NONE) {
        return refuse_now(x, refusal, why);
    }
    if (x->http->stopping) {
        return refuse_now(x, HTTP_REFUSAL_ENDING, NULL);
    }
    if (framing.has_length && framing.length > x->http->config.body_limit) {
        return refuse_now(x, HTTP_REFUSAL_BODY_SIZE, say_limit(x));
    }
    if (x->why[0] != '\0') {
        refuse_later(x, HTTP_REFUSAL_PATH, x->why);
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

    if (x->refusal == HTTP_REFUSAL_NONE && x->body_size + size > limit) {
        refuse_later(x, HTTP_REFUSAL_BODY_SIZE, say_limit(x));
    } else if (x->refusal == HTTP_REFUSAL_NONE && !grow_body(x, x->body_size + size)) {
        refuse_later(x, HTTP_REFUSAL_BUSY, NULL);
    }
    if (x->refusal == HTTP_REFUSAL_NONE) {
        memcpy(x->body + x->body_size, upload, size);
        x->body_size += size;
        x->body[x->body_size] = '\0';
    } else {
        throw_body_away(x);
        x->thrown_away += size;
    }
    if (x->thrown_away > 2 * (uint64_t)limit) {
        http_conn_refuse(x->conn, HTTP_REFUSAL_BODY_SIZE);
        return MHD_NO;
    }
    http_conn_enter(x->conn, HTTP_PHASE_BODY, x->body_size + x->thrown_away);
    return MHD_YES;
}

enum MHD_Result http_request_answer_refusal(struct http_exchange *x)
{
    return queue_refusal(x, x->refusal, x->refusal_text);
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
