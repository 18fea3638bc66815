#include "results-server/http_internal.h"

#include "common/base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define JSON_TYPE "application/json"

static void add_type(struct MHD_Response *response, const char *type)
{
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
}

/* Takes over the text, which malloc made; NULL: no memory. */
static struct MHD_Response *text_response(char *text, size_t size, const char *type)
{
    struct MHD_Response *response = NULL;

    if (text != NULL) {
        response = MHD_create_response_from_buffer(size, text, MHD_RESPMEM_MUST_FREE);
    }
    if (response == NULL) {
        free(text);
        return NULL;
    }
    add_type(response, type);
    return response;
}

/* Takes over the reference. */
static struct MHD_Response *json_response(json_t *json)
{
    char *text = json == NULL ? NULL : json_dumps(json, JSON_ENCODE_ANY | JSON_COMPACT);

    json_decref(json);
    return text_response(text, text == NULL ? 0 : strlen(text), JSON_TYPE);
}

struct MHD_Response *http_error_response(const char *error, const char *message)
{
    return json_response(json_pack("{s:s, s:s}", "error", error, "message", message));
}

void http_set_response(struct http_exchange *x, int status, struct MHD_Response *response)
{
    if (x->answered || x->closed || x->abandoned) {
        if (response != NULL) {
            MHD_destroy_response(response);
        }
        return;
    }
    if (response == NULL) {
        log_error("no memory for the answer to %s", x->target.path);
    }
    for (size_t i = 0; response != NULL && i < x->headers; i++) {
        MHD_add_response_header(response, x->header_name[i], x->header_value[i]);
    }
    x->answered = true;
    x->response = response;
    x->status = status;
}

void http_give_back(struct http_exchange *x)
{
    if (x->held) {
        x->http->counts.waiting--;
    }
    x->held = false;
    x->http->counts.body_bytes -= x->body_room;
    free(x->body);
    x->body = NULL;
    x->body_size = 0;
    x->body_room = 0;
    http_make_ready(x);
}

static void answer(struct http_exchange *x, int status, struct MHD_Response *response,
                   uint64_t size)
{
    struct http *http = x->http;

    pthread_mutex_lock(&http->lock);
    x->answer_size = size;
    http_set_response(x, status, response);
    http_give_back(x);
    pthread_mutex_unlock(&http->lock);
}

void http_add_header(struct http_exchange *x, const char *name, const char *value)
{
    if (x->headers < HTTP_HEADERS_MAX) {
        x->header_name[x->headers] = strdup(name);
        x->header_value[x->headers] = strdup(value);
        x->headers++;
    }
}

void http_reply(struct http_exchange *x, int status, const char *type, const void *bytes,
                size_t size)
{
    char *copy = malloc(size == 0 ? 1 : size);

    if (copy != NULL && size > 0) {
        memcpy(copy, bytes, size);
    }
    answer(x, status, text_response(copy, size, type), size);
}

void http_reply_json(struct http_exchange *x, int status, json_t *json)
{
    char *text = json == NULL ? NULL : json_dumps(json, JSON_ENCODE_ANY | JSON_COMPACT);
    size_t size = text == NULL ? 0 : strlen(text);

    json_decref(json);
    answer(x, status, text_response(text, size, JSON_TYPE), size);
}

void http_reply_error(struct http_exchange *x, int status, const char *error, const char *format,
                      ...)
{
    char message[1024];
    va_list args;

    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    answer(x, status, http_error_response(error, message), 0);
}

void http_reply_file(struct http_exchange *x, int status, const char *type, int fd, uint64_t size)
{
    struct MHD_Response *response = MHD_create_response_from_fd64(size, fd);

    if (response == NULL) {
        close(fd);
    } else {
        add_type(response, type);
    }
    answer(x, status, response, size);
}

void http_drop(struct http_exchange *x)
{
    struct http *http = x->http;

    pthread_mutex_lock(&http->lock);
    if (x->streaming ? !x->ended : !x->answered) {
        x->abandoned = true;
    }
    http_give_back(x);
    pthread_mutex_unlock(&http->lock);
}
