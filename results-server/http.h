/*
 * The transport of the results server: HTTP/1.1 by libmicrohttpd in one polling thread, with or
 * without TLS. It knows no paths: every request, once its body is complete, goes to one handler,
 * which answers at once, later from any thread, or by a stream. Requests that are malformed, too
 * large, too slow or without the token are answered here and never reach the handler.
 *
 * Errors are JSON: {"error": "test-not-found", "message": "one line: what, where, what to do"}.
 *
 * Who holds an exchange. During the handler: the handler. If it returns HTTP_NOW, it has answered
 * and the exchange is no longer its own. If it returns HTTP_LATER or HTTP_STREAM, the owner (who
 * need not be the thread of the handler) holds it until it gives it back by exactly one of
 * http_reply..., http_stream_end, http_drop. Until then the pointer is good, whatever the client
 * does; it may even be given back before the handler has returned.
 */
#ifndef FLATLINE_RESULTS_SERVER_HTTP_H
#define FLATLINE_RESULTS_SERVER_HTTP_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_BODY_LIMIT ((size_t)8 << 20)
#define HTTP_IO_TIMEOUT_NS (UINT64_C(15) * 1000 * 1000 * 1000)
#define HTTP_CONNECTIONS 8192
#define HTTP_CONNECTIONS_PER_ADDRESS 4096
#define HTTP_STREAM_QUEUE ((size_t)1 << 20)

struct http;
struct http_exchange;

enum http_when {
    HTTP_NOW,    /* answered within the handler */
    HTTP_LATER,  /* will be answered by http_reply... or begun as a stream, from any thread */
    HTTP_STREAM, /* http_stream_begin was called; ends by http_stream_end */
};

/*
 * Called in the polling thread, which serves all: what takes long goes to another one. Only a
 * request with more than 128 KiB of body, whose reading takes long by itself, is handled in a
 * thread of the transport's beside it; so handlers may run in two threads at a time.
 */
typedef enum http_when http_handler_fn(void *app, struct http_exchange *x);

/*
 * Nobody waits for this exchange any more: its client went away, or the server stops. Called in the
 * polling thread at most once an exchange, without locks, and perhaps while another thread is about
 * to give the same exchange back: so `self` outlives the http, and looks up by itself, under its
 * own lock, whether it still holds x. If it does, it gives it back (http_drop) now or later.
 */
typedef void http_gone_fn(void *self, struct http_exchange *x);

/* Whether a request for this method and path is answered without the token (the page, which then
 * asks for it). Called before the body is there. */
typedef bool http_open_fn(void *app, const struct http_exchange *x);

struct http_config {
    const char *listen;     /* ADDRESS:PORT, [ADDRESS]:PORT; port 0: any free one */
    const char *token_file; /* its first line is the token; NULL: none, and only loopback */
    const char *tls_cert;   /* PEM, the server's own first; NULL: no TLS */
    const char *tls_key;    /* PEM */
    uint64_t io_timeout_ns; /* for a request to arrive and for an answer to be taken, besides what
                               64 KiB/s need for its body; and of an idle connection */
    size_t body_limit;      /* bytes of a request's body */
    unsigned connections;   /* in all; less if there are not so many descriptors */
    unsigned connections_per_address;
    size_t stream_queue; /* bytes that a stream's client may lag behind */
    http_handler_fn *handle;
    http_open_fn *open; /* NULL: nothing is */
    void *app;
};

/* The defaults above; listen, handle and app are for the caller to set. */
void http_config_init(struct http_config *config);

/*
 * Reads token and certificate, binds the address. NULL with one line in why and *status for exit:
 * STATUS_USAGE (an address that is none, one that is open to the world without a token, a bad
 * certificate), STATUS_ENVIRONMENT (a busy port, an unreadable file). Warns on the log of what is
 * allowed and unwise. The strings of config are not kept.
 */
struct http *http_new(const struct http_config *config, char *why, size_t cap, int *status);

/* The port bound, and "http://127.0.0.1:9904" as it was asked for. */
int http_port(const struct http *http);
const char *http_url(const struct http *http);

/* Begins to serve, in a thread of its own. False with errno: no thread. */
bool http_start(struct http *http);

/*
 * No new connections; every further request is answered 503. Who has a gone callback is told, and
 * answered 503, or its stream ends; the others have `grace_ns` to be answered, and streams to come
 * to their end: after it they are cut off. Returns when all is closed, and shortly after the grace
 * at the latest. Exchanges may be given back after it, without effect.
 */
void http_stop(struct http *http, uint64_t grace_ns);

/* After http_stop, or without a start, when every exchange was given back. NULL is fine. */
void http_free(struct http *http);

/* The request. All of this stays until the exchange is given back, and needs no lock. */

/* "GET", "PUT", ...; HEAD is "GET", its answer loses its body on the way out. */
const char *http_method(const struct http_exchange *x);
/* The path as it was asked for, without the query, printable ASCII. */
const char *http_path(const struct http_exchange *x);
/* Decoded, UTF-8, without control characters or slashes, and none is "", "." or "..": /test/a has
 * two. NULL behind the last one. */
const char *http_segment(const struct http_exchange *x, size_t index);
size_t http_segments(const struct http_exchange *x);
/* Decoded likewise, "" if it has no value; NULL if the query has none of this name. */
const char *http_query(const struct http_exchange *x, const char *name);
/* The nth name of the query, to find unknown ones; NULL behind the last one. */
const char *http_query_name(const struct http_exchange *x, size_t index);
/* A header of the request, or NULL; only within the open function. */
const char *http_header(const struct http_exchange *x, const char *name);
/* A NUL stands behind the body, and does not count. */
const char *http_body(const struct http_exchange *x, size_t *size);

/* Whom to tell that nobody waits any more; within the handler, before it lets another thread have
 * x. An exchange without is not told, nor is one with a large body that has gone before: it is
 * simply answered into nothing. */
void http_on_gone(struct http_exchange *x, http_gone_fn *gone, void *self);

/* Answers. Each gives the exchange back, from any thread; without memory for the answer, the
 * connection is closed. */

/* A further header of the answer, or another value of one that comes by itself (Cache-Control:
 * no-store, X-Content-Type-Options: nosniff), kept until it is given. At most 8; before the answer.
 */
void http_add_header(struct http_exchange *x, const char *name, const char *value);

/* Bytes are copied. */
void http_reply(struct http_exchange *x, int status, const char *type, const void *bytes,
                size_t size);
/* Takes over the reference. */
void http_reply_json(struct http_exchange *x, int status, json_t *json);
void http_reply_error(struct http_exchange *x, int status, const char *error, const char *format,
                      ...) __attribute__((format(printf, 4, 5)));
/* One text for many: made once, kept until the last answer with it has gone. NULL: no memory. */
struct http_text;
/* Takes over the reference. */
struct http_text *http_text_json(json_t *json);
/* Does not take over the text; NULL is no memory for the answer. */
void http_reply_text(struct http_exchange *x, int status, struct http_text *text);
void http_text_free(struct http_text *text);
/* The rest of the file from offset 0, `size` bytes; takes over the descriptor. */
void http_reply_file(struct http_exchange *x, int status, const char *type, int fd, uint64_t size);
/* Closes the connection if the client is still there. */
void http_drop(struct http_exchange *x);

/* Streams. */

/* Sends the head. From the handler, or later from any thread instead of a reply. */
void http_stream_begin(struct http_exchange *x, int status, const char *type);
/* Never waits, bytes are copied. False: the client is gone or lags by more than the queue, and is
 * dropped; still to be ended. */
bool http_stream_write(struct http_exchange *x, const void *bytes, size_t size);
/* Waits until there is room, for a thread that makes a long answer piece by piece; never in the
 * polling thread. A piece may be at most as large as the queue. */
bool http_stream_write_wait(struct http_exchange *x, const void *bytes, size_t size);
/* What is queued is still sent. Gives the exchange back. */
void http_stream_end(struct http_exchange *x);

/* For GET /metrics: since the start, or now. */
#define HTTP_COUNT_TABLE(X)                                                             \
    X(connections, "connections open now")                                              \
    X(waiting, "requests now waiting for their answer, and open streams")               \
    X(body_bytes, "bytes of bodies now held")                                           \
    X(accepted, "connections accepted")                                                 \
    X(requests, "requests that reached the handler")                                    \
    X(received, "bytes of the bodies of these")                                         \
    X(refused, "requests refused: malformed, too large, without token, while stopping") \
    X(timed_out, "connections closed because a request or an answer was too slow")      \
    X(gone, "clients that left before their answer")                                    \
    X(lagging, "streams dropped because their client did not keep up")

struct http_counts {
#define HTTP_COUNT_MEMBER(name, text) uint64_t name;
    HTTP_COUNT_TABLE(HTTP_COUNT_MEMBER)
#undef HTTP_COUNT_MEMBER
};

/* From any thread. */
void http_read_counts(struct http *http, struct http_counts *counts);

/* Answers by what was asked for and by their status. */
struct http_answers_row {
    const char *method, *path; /* as http_set_route was told; NULL: it was not */
    int status;
    uint64_t count;
};

/* What this request is for, in two literals; within the handler. */
void http_set_route(struct http_exchange *x, const char *method, const char *path);
/* Within the handler: the nth row, NULL behind the last one. */
const struct http_answers_row *http_answers_at(const struct http *http, size_t index);

#endif
