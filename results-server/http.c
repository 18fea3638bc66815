#include "results-server/http_internal.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/thread.h"

#include <errno.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define TICK_MS 200 /* how exactly deadlines are kept */
#define LOOK_NS (50 * NS_PER_MS)
#define EVENTS 64
#define FLUSH_NS (500 * NS_PER_MS) /* for the last answers, when the grace is over */

void http_make_ready(struct http_exchange *x)
{
    struct http *http = x->http;
    uint64_t one = 1;

    if (x->in_ready) {
        return;
    }
    x->in_ready = true;
    x->next_ready = http->ready;
    http->ready = x;
    if (x->next_ready == NULL && write(http->wake_fd, &one, sizeof(one)) < 0) {
        log_debug("cannot wake the polling thread: %s", strerror(errno));
    }
}

static void run_ready(struct http *http)
{
    struct http_exchange *x, *next;

    pthread_mutex_lock(&http->lock);
    x = http->ready;
    http->ready = NULL;
    pthread_mutex_unlock(&http->lock);
    for (; x != NULL; x = next) {
        next = x->next_ready;
        http_exchange_ready(x);
    }
}

static int wait_ms(const struct http *http)
{
    MHD_UNSIGNED_LONG_LONG ms;

    if (MHD_get_timeout(http->daemon, &ms) == MHD_YES && ms < TICK_MS) {
        return (int)ms;
    }
    return http->conns == NULL && http->linger.count == 0 && !http->stopping ? -1 : TICK_MS;
}

static void woken(struct http *http)
{
    uint64_t count;

    if (read(http->wake_fd, &count, sizeof(count)) < 0) {
        log_debug("woken for nothing: %s", strerror(errno));
    }
}

/* Not at every turn: there are thousands a second, and thousands of connections to look at. */
static void look_at_deadlines(struct http *http)
{
    uint64_t now_ns = clock_now_ns();

    if (now_ns >= http->look_ns) {
        http->look_ns = now_ns + LOOK_NS;
        http_conns_expire(http, now_ns);
        http_linger_run(&http->linger);
    }
}

/* One turn: what others did, what the sockets say, what is late. */
static void turn(struct http *http)
{
    struct epoll_event events[EVENTS];
    int happened;

    run_ready(http);
    happened = epoll_wait(http->epoll_fd, events, EVENTS, wait_ms(http));
    for (int i = 0; i < happened; i++) {
        if (events[i].data.ptr == &http->wake_fd) {
            woken(http);
        } else if (events[i].data.ptr != http) {
            http_conn_event(events[i].data.ptr, events[i].events);
        }
    }
    look_at_deadlines(http);
    run_ready(http);
    /* Whether there is room to accept more it looks only when it is run, not when one has closed.
     */
    do {
        http->one_closed = false;
        MHD_run(http->daemon);
    } while (http->one_closed);
}

static void close_listener(struct http *http)
{
    if (http->listen_fd >= 0) {
        MHD_quiesce_daemon(http->daemon);
        close(http->listen_fd);
        http->listen_fd = -1;
    }
}

/* Idle connections are closed, who waits is answered; `all`: even who has no gone callback. */
static void stop_conns(struct http *http, bool all)
{
    for (struct http_conn *conn = http->conns; conn != NULL; conn = conn->next) {
        if (conn->x == NULL) {
            http_conn_shut(conn);
        } else {
            http_exchange_stop(conn->x, all);
        }
    }
}

static uint64_t stop_time(struct http *http)
{
    uint64_t ns;

    pthread_mutex_lock(&http->lock);
    ns = http->stop_ns;
    pthread_mutex_unlock(&http->lock);
    return ns;
}

static void run_until_closed(struct http *http, uint64_t until_ns, bool all)
{
    while (http->conns != NULL && clock_now_ns() < until_ns) {
        stop_conns(http, all);
        turn(http);
    }
}

static void *run_loop(void *arg)
{
    struct http *http = arg;

    while (stop_time(http) == 0) {
        turn(http);
    }
    http->stopping = true;
    close_listener(http);
    run_until_closed(http, stop_time(http), false);
    run_until_closed(http, clock_now_ns() + FLUSH_NS, true);
    return NULL;
}

bool http_start(struct http *http)
{
    if (!http_worker_start(http)) {
        return false;
    }
    errno = thread_start(&http->thread, 0, run_loop, http);
    http->started = errno == 0;
    if (!http->started) {
        int error = errno;

        http_worker_stop(http);
        errno = error;
    }
    return http->started;
}

void http_stop(struct http *http, uint64_t grace_ns)
{
    uint64_t one = 1;

    if (!http->started) {
        return;
    }
    pthread_mutex_lock(&http->lock);
    http->stop_ns = clock_now_ns() + grace_ns;
    pthread_mutex_unlock(&http->lock);
    if (write(http->wake_fd, &one, sizeof(one)) < 0) {
        log_debug("cannot wake the polling thread: %s", strerror(errno));
    }
    pthread_join(http->thread, NULL);
    http->started = false;
    stop_conns(http, true);
    MHD_stop_daemon(http->daemon);
    http->daemon = NULL;
    http_worker_stop(http);
    run_ready(http);
}

void http_free(struct http *http)
{
    if (http == NULL) {
        return;
    }
    http_stop(http, 0);
    if (http->daemon != NULL) {
        close_listener(http);
        MHD_stop_daemon(http->daemon);
    }
    run_ready(http);
    http_linger_end(&http->linger);
    if (http->listen_fd >= 0) {
        close(http->listen_fd);
    }
    if (http->epoll_fd >= 0) {
        close(http->epoll_fd);
    }
    if (http->wake_fd >= 0) {
        close(http->wake_fd);
    }
    http_token_free(http->token);
    free(http->cert);
    if (http->key != NULL) {
        gnutls_memset(http->key, 0, strlen(http->key));
    }
    free(http->key);
    pthread_cond_destroy(&http->room);
    pthread_cond_destroy(&http->large_came);
    pthread_mutex_destroy(&http->lock);
    free(http);
}
