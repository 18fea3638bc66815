#include "results-server/http_internal.h"

#include "common/base/clock.h"
#include "common/base/exit_status.h"
#include "common/base/log.h"
#include "results-server/http_listen.h"
#include "results-server/http_tls.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#define WARN_AGAIN_NS (10 * NS_PER_S)
#define NOT_ACCEPTED "Error accepting connection: " /* as libmicrohttpd says it */
#define CONNECTION_MEMORY (16 * 1024) /* a head must fit; and what a body is read by */

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

/* libmicrohttpd tells of it nowhere else, and clients wait meanwhile: said at once, then now and
 * then. */
static void warn_of_accept(struct http *http, const char *why)
{
    uint64_t now_ns = clock_now_ns();

    if (http->warned_ns == 0 || now_ns - http->warned_ns > WARN_AGAIN_NS) {
        http->warned_ns = now_ns;
        log_warn("cannot accept: %s; who connects has to wait", why);
    }
}

__attribute__((format(printf, 2, 0))) static void log_line(void *cls, const char *format,
                                                           va_list args)
{
    char line[512];

    vsnprintf(line, sizeof(line), format, args);
    line[strcspn(line, "\r\n")] = '\0';
    if (strncmp(line, NOT_ACCEPTED, sizeof(NOT_ACCEPTED) - 1) == 0) {
        warn_of_accept(cls, line + sizeof(NOT_ACCEPTED) - 1);
    } else {
        log_debug("libmicrohttpd: %s", line);
    }
}

static struct MHD_Daemon *start_daemon(struct http *http)
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
        flags, 0, NULL, NULL, http_exchange_run, http, MHD_OPTION_EXTERNAL_LOGGER, log_line, http,
        MHD_OPTION_LISTEN_SOCKET, http->listen_fd, MHD_OPTION_CONNECTION_LIMIT, config->connections,
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
        http->config.connections = connections;
    }
    http->daemon = start_daemon(http);
    if (http->daemon == NULL || !make_loop(http)) {
        snprintf(why, cap, "cannot serve HTTP: %s", strerror(errno));
        return false;
    }
    snprintf(http->url, sizeof(http->url),
             strchr(address->host, ':') != NULL ? "%s://[%.100s]:%d" : "%s://%.100s:%d",
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
    pthread_cond_init(&http->large_came, NULL);
    http->large_end = &http->large;
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
