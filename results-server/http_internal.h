/*
 * What the files of the transport share. Three layers, each calling only downwards, callbacks
 * aside: http.c (life and loop) -> http_exchange.c, http_reply.c, http_stream.c (one request) ->
 * http_conn.c (one connection and its deadline).
 *
 * All calls to libmicrohttpd about connections are made in the polling thread. Other threads put an
 * exchange into the list `ready` and wake it. An exchange belongs to the connection until that has
 * completed it (`closed`), and to its owner while `held`; it is freed in the polling thread, when
 * neither holds it and it is not in `ready`.
 */
#ifndef FLATLINE_RESULTS_SERVER_HTTP_INTERNAL_H
#define FLATLINE_RESULTS_SERVER_HTTP_INTERNAL_H

#include "results-server/http.h"
#include "results-server/http_guard.h"
#include "results-server/http_linger.h"
#include "results-server/http_refusal.h"
#include "results-server/http_target.h"

#include <microhttpd.h>
#include <pthread.h>

#define HTTP_ANSWERS 256 /* more than there are routes with statuses */
#define HTTP_HEADERS_MAX 8
#define HTTP_LARGE_BODY ((size_t)128 << 10) /* more is handled by the worker */
#define HTTP_BODIES_MAX 32    /* whole ones, of the largest size, may be held at a time */
#define HTTP_RATE (64 * 1024) /* bytes/s that a body makes at least */
#define HTTP_HALF_CLOSED_NS (1000 * UINT64_C(1000000)) /* for who sends no more and still waits */

/* What a connection is about, which says what its deadline means. */
enum http_phase {
    HTTP_PHASE_HEAD,   /* idle, or a head arrives */
    HTTP_PHASE_BODY,   /* a body arrives */
    HTTP_PHASE_WAIT,   /* suspended: the owner of the exchange is to answer, or to write */
    HTTP_PHASE_ANSWER, /* the client is to take the answer */
    HTTP_PHASE_STREAM, /* the client is to take what is queued, if anything */
};

struct http_conn {
    struct http *http;
    struct MHD_Connection *mhd;
    struct http_conn *previous, *next;
    struct http_exchange *x; /* the one on its way; NULL between two */
    int fd;
    bool linger;      /* it was answered before its body was read */
    bool half_closed; /* its client sends no more */
    bool hung_up;     /* nor does it read */
    enum http_phase phase;
    uint64_t since_ns;    /* of the phase; of a stream, of its last progress */
    uint64_t deadline_ns; /* 0: none */
};

struct http_queue {
    char *bytes;
    size_t start, end, room; /* what is queued: from start to end */
};

struct http_exchange {
    struct http *http;
    struct http_conn *conn; /* polling thread only; NULL once closed */
    char method[16];
    const char *target_end; /* behind the NUL that ends it */
    struct http_target target;
    char why[128]; /* text of a refusal; when it is begun, not empty if the target is bad */
    char *body;
    size_t body_size, body_room;
    bool begun;                            /* its head was looked at */
    bool asked;                            /* the handler was called, or needs not be */
    uint64_t thrown_away;                  /* bytes of the body */
    const char *route_method, *route_path; /* http_set_route */
    enum http_refusal refusal; /* to be answered once the body has come, and was thrown away */
    const char *refusal_text;  /* instead of the usual one, or NULL */

    /* All below under http->lock, once the handler was called. */
    http_gone_fn *gone;
    void *gone_self;
    bool told;      /* gone was called, or nobody is to be */
    bool held;      /* by its owner */
    bool answered;  /* there is or was a response; the next one is thrown away */
    bool abandoned; /* nobody waits: the connection is to be closed */
    bool closed;    /* the connection is done with it */
    bool suspended;
    bool working; /* the worker has it, or will */
    struct http_exchange *next_large;
    bool in_ready;
    struct http_exchange *next_ready;
    struct MHD_Response *response; /* to be queued */
    int status;
    uint64_t answer_size; /* bytes, for the deadline */
    size_t headers;
    char *header_name[HTTP_HEADERS_MAX], *header_value[HTTP_HEADERS_MAX];

    bool streaming, ended, lagging;
    struct http_queue queue;
};

struct http {
    struct http_config config; /* without its strings */
    struct http_token *token;  /* NULL: none is asked for */
    char url[128];
    int port;
    bool tls;
    struct MHD_Daemon *daemon;
    char *cert, *key;
    int listen_fd, epoll_fd, wake_fd;
    pthread_t thread;
    bool started;
    struct http_conn *conns; /* polling thread only, as the next five */
    uint64_t look_ns;        /* when deadlines are looked at again */
    bool one_closed;         /* a connection, since libmicrohttpd was last run */
    uint64_t warned_ns;      /* that none can be accepted; 0: never */
    struct http_linger linger;
    struct http_answers_row answers[HTTP_ANSWERS]; /* polling thread only */
    size_t answers_count;
    bool stopping; /* a copy of what stop_ns says */

    pthread_mutex_t lock;
    pthread_cond_t room; /* a queue became shorter, or will not */
    struct http_exchange *ready;
    struct http_exchange *large, **large_end; /* for the worker */
    pthread_cond_t large_came;
    pthread_t worker;
    bool worker_ends;
    bool loop_ended;
    uint64_t stop_ns; /* CLOCK_MONOTONIC when the grace is over; 0: not stopping */
    struct http_counts counts;
};

/* http.c */

/* Under http->lock: lets the polling thread look at x. */
void http_make_ready(struct http_exchange *x);
/* Under http->lock. */
#define HTTP_COUNT(http, name) ((http)->counts.name++)

/* http_answers.c; polling thread only. */

/* Notes that x is answered so. */
void http_count_answer(const struct http_exchange *x, int status);

/* http_conn.c; polling thread only. */

void http_conn_notify(void *cls, struct MHD_Connection *mhd, void **context,
                      enum MHD_ConnectionNotificationCode code);
struct http_conn *http_conn_of(struct MHD_Connection *mhd);
/* Sets the deadline: io_timeout from the beginning of the phase, and more for that many bytes. */
void http_conn_enter(struct http_conn *conn, enum http_phase phase, uint64_t bytes);
/* What epoll said about its client. */
void http_conn_event(struct http_conn *conn, uint32_t events);
/* Lets libmicrohttpd find it closed. */
void http_conn_shut(struct http_conn *conn);
/* libmicrohttpd cannot answer while a body arrives; nothing was sent on the connection since the
 * last answer, so it may be done by hand. Within TLS the connection is just closed. */
void http_conn_refuse(struct http_conn *conn, enum http_refusal refusal);
/* Closes what is late. */
void http_conns_expire(struct http *http, uint64_t now_ns);

/* http_exchange.c; polling thread only. */

void *http_exchange_new(void *cls, const char *uri, struct MHD_Connection *mhd);
enum MHD_Result http_exchange_run(void *cls, struct MHD_Connection *mhd, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *size, void **context);
void http_exchange_completed(void *cls, struct MHD_Connection *mhd, void **context,
                             enum MHD_RequestTerminationCode code);
/* Suspended, and nobody waits for it: tells the owner, closes the connection. */
void http_exchange_abandon(struct http_exchange *x);
/* The server stops. If it waits, and has a gone callback or all are to end: tells the owner,
 * answers 503 or ends the stream. */
void http_exchange_stop(struct http_exchange *x, bool all);
/* What another thread did to x. */
void http_exchange_ready(struct http_exchange *x);

/* Without a response (no memory) MHD_NO: the connection is closed. */
enum MHD_Result http_queue_response(struct http_exchange *x, int status,
                                    struct MHD_Response *response);

/* Calls the handler, in whatever thread this is. */
void http_exchange_handle(struct http_exchange *x);

/* http_worker.c */

/* False with errno. */
bool http_worker_start(struct http *http);
/* The rest is not handled any more. */
void http_worker_stop(struct http *http);
/* To be handled; held, and from now on suspended until it is answered. */
void http_worker_put(struct http_exchange *x);

/* http_request.c; polling thread only. What is refused is refused in these three. */

/* The head is there. */
enum MHD_Result http_request_begin(struct http_exchange *x, struct MHD_Connection *mhd);
enum MHD_Result http_request_take_body(struct http_exchange *x, const char *upload, size_t size);
/* The body is there, and something is refused. */
enum MHD_Result http_request_answer_refusal(struct http_exchange *x);

/* http_reply.c */

/* text NULL: the usual one. */
struct MHD_Response *http_refusal_response(enum http_refusal refusal, const char *text);
/* Under http->lock, to what is not answered: takes over the response (NULL: no memory). */
void http_set_response(struct http_exchange *x, int status, struct MHD_Response *response);
/* Under http->lock: the owner has x no more; its body is freed. */
void http_give_back(struct http_exchange *x);

/* http_stream.c */

void http_queue_free(struct http_queue *queue);

#endif
