#include "results-server/http_internal.h"

#include "common/base/clock.h"
#include "common/base/log.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define CROWDED_IDLE_NS NS_PER_S

static int descriptor(struct MHD_Connection *mhd)
{
    return MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
}

/* A client whose host is gone without a word is noticed even if nothing is sent to it. */
static void keep_alive(int fd)
{
    int on = 1;

    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
}

static void watch(struct http_conn *conn)
{
    struct epoll_event event = {.events = EPOLLRDHUP | EPOLLET, .data.ptr = conn};

    if (epoll_ctl(conn->http->epoll_fd, EPOLL_CTL_ADD, conn->fd, &event) != 0) {
        log_debug("cannot watch a client: %s", strerror(errno));
    }
}

static void open_conn(struct http *http, struct MHD_Connection *mhd, void **context)
{
    struct http_conn *conn = calloc(1, sizeof(*conn));
    int fd = descriptor(mhd);

    *context = conn;
    if (conn == NULL) {
        shutdown(fd, SHUT_RDWR);
        return;
    }
    conn->http = http;
    conn->mhd = mhd;
    conn->fd = fd;
    conn->next = http->conns;
    if (conn->next != NULL) {
        conn->next->previous = conn;
    }
    http->conns = conn;
    keep_alive(fd);
    watch(conn);
    http_conn_enter(conn, HTTP_PHASE_HEAD, 0);
    pthread_mutex_lock(&http->lock);
    HTTP_COUNT(http, accepted);
    HTTP_COUNT(http, connections);
    pthread_mutex_unlock(&http->lock);
}

static void close_conn(struct http_conn *conn)
{
    struct http *http = conn->http;

    if (conn->previous == NULL) {
        http->conns = conn->next;
    } else {
        conn->previous->next = conn->next;
    }
    if (conn->next != NULL) {
        conn->next->previous = conn->previous;
    }
    http->one_closed = true;
    epoll_ctl(http->epoll_fd, EPOLL_CTL_DEL, conn->fd,
              NULL); /* else it lives on with a copy of fd */
    if (conn->linger) {
        http_linger_add(&http->linger, conn->fd);
    }
    free(conn);
    pthread_mutex_lock(&http->lock);
    http->counts.connections--;
    pthread_mutex_unlock(&http->lock);
}

void http_conn_notify(void *cls, struct MHD_Connection *mhd, void **context,
                      enum MHD_ConnectionNotificationCode code)
{
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        open_conn(cls, mhd, context);
    } else if (*context != NULL) {
        close_conn(*context);
        *context = NULL;
    }
}

struct http_conn *http_conn_of(struct MHD_Connection *mhd)
{
    return MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

/* Who sends no more gets what he has asked for, if it comes soon: whether he closed one direction
 * or both, only a byte to him would tell. libmicrohttpd may overlook it, when the end came together
 * with the last bytes, and does not look at all while it is suspended. */
static void hurry(struct http_conn *conn)
{
    uint64_t soon_ns = clock_now_ns() + HTTP_HALF_CLOSED_NS;

    if (conn->phase == HTTP_PHASE_WAIT && conn->hung_up) {
        conn->deadline_ns = 1;
    } else if ((conn->hung_up || conn->half_closed) && conn->phase <= HTTP_PHASE_WAIT &&
               (conn->deadline_ns == 0 || conn->deadline_ns > soon_ns)) {
        conn->deadline_ns = soon_ns;
    }
}

void http_conn_enter(struct http_conn *conn, enum http_phase phase, uint64_t bytes)
{
    if (phase != HTTP_PHASE_BODY || conn->phase != phase) {
        conn->since_ns = clock_now_ns();
    }
    conn->phase = phase;
    conn->deadline_ns =
        phase == HTTP_PHASE_WAIT
            ? 0
            : conn->since_ns + conn->http->config.io_timeout_ns + bytes * (NS_PER_S / HTTP_RATE);
    hurry(conn);
}

void http_conn_event(struct http_conn *conn, uint32_t events)
{
    conn->half_closed |= (events & EPOLLRDHUP) != 0;
    conn->hung_up |= (events & (EPOLLHUP | EPOLLERR)) != 0;
    hurry(conn);
}

void http_conn_shut(struct http_conn *conn)
{
    conn->deadline_ns = 0;
    shutdown(conn->fd, SHUT_RDWR);
}

void http_conn_refuse(struct http_conn *conn, enum http_refusal refusal)
{
    const struct http_refusal_row *row = http_refusal_row(refusal);
    char text[512], body[256];

    if (!conn->http->tls) {
        snprintf(body, sizeof(body), "{\"error\": \"%s\", \"message\": \"%s\"}\n", row->word,
                 row->text);
        snprintf(text, sizeof(text),
                 "HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n"
                 "Connection: close\r\n\r\n%s",
                 row->line, strlen(body), body);
        send(conn->fd, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL);
    }
    http_conn_shut(conn);
}

static void expire(struct http_conn *conn)
{
    struct http *http = conn->http;

    if (conn->phase == HTTP_PHASE_WAIT) {
        http_exchange_abandon(conn->x);
        return;
    }
    log_debug("a client was too slow (phase %d)", (int)conn->phase);
    pthread_mutex_lock(&http->lock);
    HTTP_COUNT(http, timed_out);
    pthread_mutex_unlock(&http->lock);
    if (conn->phase == HTTP_PHASE_BODY) {
        http_conn_refuse(conn, HTTP_REFUSAL_BODY_TIME);
    } else {
        http_conn_shut(conn);
    }
}

/* When there is not much room left, who has just connected comes before who is idle. */
static bool is_in_the_way(const struct http_conn *conn, uint64_t now_ns)
{
    return conn->phase == HTTP_PHASE_HEAD && now_ns > conn->since_ns + CROWDED_IDLE_NS;
}

void http_conns_expire(struct http *http, uint64_t now_ns)
{
    bool crowded = 4 * http->counts.connections > 3 * (uint64_t)http->config.connections;

    for (struct http_conn *conn = http->conns, *next; conn != NULL; conn = next) {
        next = conn->next;
        if ((conn->deadline_ns != 0 && now_ns >= conn->deadline_ns) ||
            (crowded && is_in_the_way(conn, now_ns))) {
            expire(conn);
        }
    }
}
