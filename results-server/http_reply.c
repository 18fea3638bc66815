#include "results-server/http_internal.h"

#include "common/base/log.h"
#include "common/base/utf8.h"

#include <stdarg.h>
#include <stdatomic.h>
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

static void replace_header(struct MHD_Response *response, const char *name, const char *value)
{
    const char *before = MHD_get_response_header(response, name);
    char *copy = before == NULL ? NULL : strdup(before); /* it may be freed while it is compared */

    if (copy != NULL) {
        MHD_del_response_header(response, name, copy);
    }
    free(copy);
    MHD_add_response_header(response, name, value);
}

static struct MHD_Response *error_response(const char *error, const char *message)
{
    return json_response(json_pack("{s:s, s:s}", "error", error, "message", message));
}

struct MHD_Response *http_refusal_response(enum http_refusal refusal, const char *text)
{
    const struct http_refusal_row *row = http_refusal_row(refusal);

    return error_response(row->word, text == NULL ? row->text : text);
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
        replace_header(response, x->header_name[i], x->header_value[i]);
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

struct http_text {
    atomic_uint users;
    size_t size;
    char *bytes; /* by malloc */
};

struct http_text *http_text_json(json_t *json)
{
    struct http_text *text = malloc(sizeof(*text));

    if (text != NULL) {
        atomic_init(&text->users, 1);
        text->bytes = json == NULL ? NULL : json_dumps(json, JSON_ENCODE_ANY | JSON_COMPACT);
        text->size = text->bytes == NULL ? 0 : strlen(text->bytes);
    }
    json_decref(json);
    if (text != NULL && text->bytes == NULL) {
        free(text);
        return NULL;
    }
    return text;
}

void http_text_free(struct http_text *text)
{
    if (text != NULL && atomic_fetch_sub(&text->users, 1) == 1) {
        free(text->bytes);
        free(text);
    }
}

static void free_text(void *text)
{
    http_text_free(text);
}

void http_reply_text(struct http_exchange *x, int status, struct http_text *text)
{
    uint64_t size = text == NULL ? 0 : text->size;
    struct MHD_Response *response = NULL;

    if (text != NULL) {
        atomic_fetch_add(&text->users, 1);
        response = MHD_create_response_from_buffer_with_free_callback_cls(text->size, text->bytes,
                                                                          free_text, text);
    }
    if (response != NULL) {
        add_type(response, JSON_TYPE);
    } else if (text != NULL) {
        http_text_free(text);
    }
    answer(x, status, response, size);
}

void http_reply_error(struct http_exchange *x, int status, const char *error, const char *format,
                      ...)
{
    char message[1024];
    va_list args;

    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    utf8_clean_here(message); /* what it repeats may be cut within a character */
    answer(x, status, error_response(error, message), 0);
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
