#include "results-server/http_internal.h"

#include "common/base/clock.h"
#include "common/base/exit_status.h"
#include "common/base/log.h"
#include "common/base/thread.h"
#include "results-server/http_listen.h"
#include "results-server/http_tls.h"

#include <errno.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define CONNECTION_MEMORY (16 * 1024) /* a head must fit; and what a body is read by */
#define TICK_MS 200                   /* how exactly deadlines are kept */
#define EVENTS 64
#define FLUSH_NS (500 * NS_PER_MS) /* for the last answers, when the grace is over */

void http_config_init(struct http_config *config)
{
    *config = (struct http_config){
        .io_timeout_ns = HTTP_IO_TIMEOUT_NS,
        .body_limit = HTTP_BODY_LIMIT,
        .connections = HTTP_CONNECTIONS,
        .connections_per_address = HTTP_CONNECTIONS_PER_ADDRESS,
        .stream_queue = HTTP_STREAM_QUEUE,
    };
}

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
    return http->conns == NULL && !http->stopping ? -1 : TICK_MS;
}

static void woken(struct http *http)
{
    uint64_t count;

    if (read(http->wake_fd, &count, sizeof(count)) < 0) {
        log_debug("woken for nothing: %s", strerror(errno));
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
    http_conns_expire(http, clock_now_ns());
    run_ready(http);
    MHD_run(http->daemon);
}

static void close_listener(struct http *http)
{
    if (http->listen_fd >= 0) {
        MHD_quiesce_daemon(http->daemon);
        close(http->listen_fd);
        http->listen_fd = -1;
    }
}

static bool may_still_be_answered(const struct http_exchange *x)
{
    return x->gone == NULL && !x->streaming;
}

/* Idle connections are closed, who waits is answered; `all`: even who has no gone callback. */
static void stop_conns(struct http *http, bool all)
{
    for (struct http_conn *conn = http->conns; conn != NULL; conn = conn->next) {
        struct http_exchange *x = conn->x;

        if (x == NULL) {
            http_conn_shut(conn);
        } else if (x->suspended && (all || !may_still_be_answered(x))) {
            http_exchange_stop(x);
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
    errno = thread_start(&http->thread, 0, run_loop, http);
    http->started = errno == 0;
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
    pthread_mutex_destroy(&http->lock);
    free(http);
}

int http_port(const struct http *http)
{
    return http->port;
}

const char *http_url(const struct http *http)
{
    return http->url;
}

void http_read_counts(struct http *http, struct http_counts *counts)
{
    pthread_mutex_lock(&http->lock);
    *counts = http->counts;
    pthread_mutex_unlock(&http->lock);
}

static size_t keep_escapes(void *cls, struct MHD_Connection *mhd, char *text)
{
    (void)cls;
    (void)mhd;
    return strlen(text); /* http_target.c decodes, strictly */
}

static void log_line(void *cls, const char *format, va_list args)
{
    char line[512];

    (void)cls;
    if (log_enabled(LOG_DEBUG)) {
        vsnprintf(line, sizeof(line), format, args);
        line[strcspn(line, "\r\n")] = '\0';
        log_debug("libmicrohttpd: %s", line);
    }
}

static struct MHD_Daemon *start_daemon(struct http *http, unsigned connections)
{
    const struct http_config *config = &http->config;
    unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG |
                     (http->tls ? MHD_USE_TLS : 0);
    const struct MHD_OptionItem tls[] = {
        {MHD_OPTION_HTTPS_MEM_CERT, 0, http->cert},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, http->key},
        {MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)HTTP_TLS_PRIORITIES},
        {MHD_OPTION_END, 0, NULL},
    };
    const struct MHD_OptionItem none[] = {{MHD_OPTION_END, 0, NULL}};

    return MHD_start_daemon(
        flags, 0, NULL, NULL, http_exchange_run, http, MHD_OPTION_EXTERNAL_LOGGER, log_line, NULL,
        MHD_OPTION_LISTEN_SOCKET, http->listen_fd, MHD_OPTION_CONNECTION_LIMIT, connections,
        MHD_OPTION_PER_IP_CONNECTION_LIMIT, config->connections_per_address,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
        MHD_OPTION_CONNECTION_TIMEOUT, 0u, MHD_OPTION_STRICT_FOR_CLIENT, 1,
        MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, MHD_OPTION_URI_LOG_CALLBACK, http_exchange_new, http,
        MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL, MHD_OPTION_NOTIFY_CONNECTION,
        http_conn_notify, http, MHD_OPTION_NOTIFY_COMPLETED, http_exchange_completed, http,
        MHD_OPTION_ARRAY, http->tls ? tls : none, MHD_OPTION_END);
}

/* The polling thread waits for libmicrohttpd's sockets, for other threads, and for clients whose
 * exchange is suspended: those libmicrohttpd does not look at. */
static bool make_loop(struct http *http)
{
    struct epoll_event daemon = {.events = EPOLLIN, .data.ptr = http};
    struct epoll_event wake = {.events = EPOLLIN, .data.ptr = &http->wake_fd};
    const union MHD_DaemonInfo *info;

    http->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    http->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    info = MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    return http->epoll_fd >= 0 && http->wake_fd >= 0 && info != NULL &&
           epoll_ctl(http->epoll_fd, EPOLL_CTL_ADD, info->epoll_fd, &daemon) == 0 &&
           epoll_ctl(http->epoll_fd, EPOLL_CTL_ADD, http->wake_fd, &wake) == 0;
}

/* What the command line asks for, as far as it can be wrong in itself. */
static bool read_config(struct http *http, const struct http_config *config,
                        struct http_address *address, int *status, char *why, size_t cap)
{
    bool usage = true;

    *status = STATUS_USAGE;
    if (!http_address_parse(config->listen, address, why, cap)) {
        return false;
    }
    if (!address->loopback && config->token_file == NULL) {
        snprintf(why, cap,
                 "%s is open to the world: give a token (--token FILE), or listen at "
                 "127.0.0.1",
                 config->listen);
        return false;
    }
    if ((config->tls_cert == NULL) != (config->tls_key == NULL)) {
        snprintf(why, cap, "a certificate and its key go together (--tls-cert, --tls-key)");
        return false;
    }
    if (config->token_file != NULL) {
        http->token = http_token_read(config->token_file, &usage, why, cap);
        if (http->token == NULL) {
            *status = usage ? STATUS_USAGE : STATUS_ENVIRONMENT;
            return false;
        }
    }
    http->tls = config->tls_cert != NULL;
    if (http->tls && !http_tls_read(config->tls_cert, config->tls_key, &http->cert, &http->key,
                                    &usage, why, cap)) {
        *status = usage ? STATUS_USAGE : STATUS_ENVIRONMENT;
        return false;
    }
    if (!address->loopback && !http->tls) {
        log_warn("listening at %s without TLS: whoever sees the traffic has the token",
                 config->listen);
    }
    return true;
}

static bool open_all(struct http *http, const struct http_address *address, char *why, size_t cap)
{
    unsigned connections = http_listen_room(http->config.connections);

    http->listen_fd = http_listen(address, &http->port, why, cap);
    if (http->listen_fd < 0) {
        return false;
    }
    if (connections < http->config.connections) {
        log_warn("room for %u connections only: raise the limit of open files (ulimit -n)",
                 connections);
    }
    http->daemon = start_daemon(http, connections);
    if (http->daemon == NULL || !make_loop(http)) {
        snprintf(why, cap, "cannot serve HTTP: %s", strerror(errno));
        return false;
    }
    snprintf(http->url, sizeof(http->url), address->ipv6 ? "%s://[%.100s]:%d" : "%s://%.100s:%d",
             http->tls ? "https" : "http", address->host, http->port);
    return true;
}

struct http *http_new(const struct http_config *config, char *why, size_t cap, int *status)
{
    struct http *http = calloc(1, sizeof(*http));
    struct http_address address;

    *status = STATUS_ENVIRONMENT;
    if (http == NULL) {
        snprintf(why, cap, "no memory");
        return NULL;
    }
    http->listen_fd = http->epoll_fd = http->wake_fd = -1;
    pthread_mutex_init(&http->lock, NULL);
    pthread_cond_init(&http->room, NULL);
    http->config = *config;
    http->config.listen = http->config.token_file = NULL;
    http->config.tls_cert = http->config.tls_key = NULL;
    if (read_config(http, config, &address, status, why, cap)) {
        *status = STATUS_ENVIRONMENT;
        if (open_all(http, &address, why, cap)) {
            return http;
        }
    }
    http_free(http);
    return NULL;
}
