#include "common/engine/server.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/engine/keepalive.h"
#include "common/engine/mem.h"
#include "common/engine/session.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 4096
#define ACCEPT_BUDGET 64
#define SETUP_LIMIT_NS (10 * NS_PER_S) /* TCP accept until the client's SETTINGS */
#define ACCEPT_PAUSE 0.1               /* s, after EMFILE and the like */
#define KEEPALIVE_TIMEOUT_NS (20 * NS_PER_S)
/* A peer that is gone without a word: when the kernel asks after it, how often, and how many times.
 */
#define PEER_IDLE 60     /* s */
#define PEER_INTERVAL 20 /* s */
#define PEER_PROBES 3
#define NOTICE_PART 4 /* the final GOAWAY follows after this part of the drain */

struct server_conn {
    struct session session;
    struct keepalive keepalive;
    struct server *server;
    struct server_conn *next, *prev;
    bool leaving; /* is, or will be, told to go */
};

struct server {
    struct engine_loop *loop;
    struct server_config config;
    struct server_conn *conns;
    ev_io listener;
    ev_timer accept_pause, drain;
    uint64_t drain_left_ns;
    void (*drained)(void *arg);
    void *drained_arg;
    uint16_t port;
    bool draining;    /* for good */
    bool leave;       /* those that are leaving are being told */
    bool goaway_sent; /* the last stream id, not only the notice */
    bool hold, told_full;
};

static const struct call_ops *find_method(struct session *s, const char *path, size_t size)
{
    const struct server_conn *sc = (const struct server_conn *)s;

    for (const struct method *m = sc->server->config.methods; m->path != NULL; m++) {
        if (strlen(m->path) == size && memcmp(m->path, path, size) == 0)
            return m->ops;
    }
    return NULL;
}

static void on_preface(struct session *s)
{
    conn_limit(&s->conn, 0);
}

static void on_pong(struct session *s)
{
    keepalive_pong(&((struct server_conn *)s)->keepalive);
}

static const struct session_ops session_ops = {
    .find_method = find_method,
    .on_preface = on_preface,
    .on_pong = on_pong,
};

static void unlink_conn(struct server_conn *sc)
{
    if (sc->prev != NULL)
        sc->prev->next = sc->next;
    else
        sc->server->conns = sc->next;
    if (sc->next != NULL)
        sc->next->prev = sc->prev;
}

static void free_conn(struct server_conn *sc)
{
    struct server *server = sc->server;
    bool opened = sc->session.conn.opened;

    session_drop_calls(&sc->session);
    keepalive_stop(&sc->keepalive);
    conn_release(&sc->session.conn);
    unlink_conn(sc);
    mem_free(MEM_APP, sc);
    admission_give_back(server->config.admission);
    loop_count_end(server->loop, opened);
    if (server->draining && server->conns == NULL && server->drained != NULL) {
        void (*drained)(void *arg) = server->drained;

        server->drained = NULL;
        drained(server->drained_arg);
    }
}

static void on_end(struct conn *conn, enum client_end end, int detail, const char *text)
{
    struct engine_stats *stats = &conn->loop->stats;

    if (end == CLIENT_RESET)
        stats->resets++;
    else if (end == CLIENT_NO_MEMORY)
        stats->memory_drops++;
    else if (end == CLIENT_PROTOCOL && !conn->fault)
        stats->protocol_errors++;
    if (end != CLIENT_CLOSED && end != CLIENT_PEER_CLOSED)
        log_debug("connection ended: %s (%d)", text, detail);
    free_conn((struct server_conn *)session_of_conn(conn));
}

static bool on_open(struct conn *conn)
{
    struct session *s = session_of_conn(conn);
    struct server *server = ((struct server_conn *)s)->server;

    if (!session_open(s))
        return false;
    keepalive_start(&((struct server_conn *)s)->keepalive);
    if (server->draining)
        session_terminate(s);
    if (server->hold)
        session_hold(s, true);
    return true;
}

static const struct conn_ops conn_ops = {
    .on_open = on_open, .on_resume = session_resume, .on_end = on_end};

static void refuse(struct server *server, int fd)
{
    struct linger reset = {.l_onoff = 1, .l_linger = 0};

    server->loop->stats.connections_refused++;
    admission_tell(server->config.admission);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    close(fd);
}

static void adopt(struct server *server, int fd)
{
    struct server_conn *sc = mem_calloc(MEM_APP, 1, sizeof *sc);
    struct transport *transport = sc == NULL ? NULL : &sc->session.conn.transport;
    int on = 1;

    if (sc != NULL && server->config.tls == NULL)
        transport_init_plain(transport, fd);
    if (sc == NULL || (server->config.tls != NULL &&
                       !transport_init_tls(transport, fd, server->config.tls, NULL, NULL))) {
        server->loop->stats.memory_drops++;
        admission_give_back(server->config.admission);
        mem_free(MEM_APP, sc);
        close(fd);
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    sc->server = server;
    sc->session.ops = &session_ops;
    sc->session.user = server->config.user;
    sc->session.server = true;
    sc->session.max_message = server->config.max_message;
    sc->session.permit_ns = server->config.permit_keepalive_ns;
    keepalive_init(&sc->keepalive, &sc->session, server->config.keepalive_ns,
                   server->config.keepalive_timeout_ns);
    sc->next = server->conns;
    if (sc->next != NULL)
        sc->next->prev = sc;
    server->conns = sc;
    server->loop->stats.connections++;
    server->loop->stats.connections_total++;
    conn_start(&sc->session.conn, server->loop, &conn_ops, false, SETUP_LIMIT_NS);
}

/* Out of descriptors or memory: the backlog holds the callers while we look away for a moment. */
static void pause_accepting(struct server *server)
{
    if (!server->told_full)
        log_warn("cannot accept: %s; retrying every %.0f ms (raise RLIMIT_NOFILE or the heap cap)",
                 strerrordesc_np(errno), ACCEPT_PAUSE * 1e3);
    server->told_full = true;
    server->loop->stats.accepts_refused++;
    ev_io_stop(server->loop->ev, &server->listener);
    ev_timer_set(&server->accept_pause, ACCEPT_PAUSE, 0.);
    ev_timer_start(server->loop->ev, &server->accept_pause);
}

static void on_acceptable(struct ev_loop *ev, ev_io *w, int revents)
{
    struct server *server = w->data;

    (void)ev;
    if ((revents & EV_ERROR) != 0) {
        errno = ENOMEM; /* libev could not watch it, and has stopped */
        pause_accepting(server);
        return;
    }
    for (int budget = ACCEPT_BUDGET; budget > 0; budget--) {
        int fd = accept4(w->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd >= 0 && !admission_take(server->config.admission)) {
            refuse(server, fd);
        } else if (fd >= 0) {
            adopt(server, fd);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            pause_accepting(server);
            return;
        } else if (errno != ECONNABORTED && errno != EINTR) {
            return;
        }
    }
}

static void on_accept_pause(struct ev_loop *ev, ev_timer *w, int revents)
{
    struct server *server = w->data;

    (void)revents;
    if (!server->draining)
        ev_io_start(ev, &server->listener);
}

/* What is accepted has it from the socket that listens. */
static void ask_after_peers(int fd)
{
    static const int on = 1, idle = PEER_IDLE, interval = PEER_INTERVAL, probes = PEER_PROBES;
    static const unsigned limit_ms = (PEER_IDLE + PEER_INTERVAL * PEER_PROBES) * 1000;

    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
    /* None of these asks while there is something to send: that would be tried for 15 minutes. */
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &limit_ms, sizeof limit_ms);
}

/*
 * Who is first sets SO_REUSEPORT only once the port is bound: set before, it would join the port of
 * another server of this user instead of finding it busy.
 */
static bool bind_and_listen(int fd, const struct addrinfo *ai, enum server_port_use use)
{
    int on = 1;

    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (use == SERVER_PORT_JOIN && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) < 0)
        return false;
    if (bind(fd, ai->ai_addr, ai->ai_addrlen) < 0)
        return false;
    if (use == SERVER_PORT_SHARE && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) < 0)
        return false;
    ask_after_peers(fd);
    return listen(fd, BACKLOG) == 0;
}

static int listen_on(const struct addrinfo *ai, enum server_port_use use)
{
    int fd = socket(ai->ai_family, ai->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, ai->ai_protocol);
    int saved;

    if (fd < 0)
        return -1;
    if (bind_and_listen(fd, ai, use))
        return fd;
    saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

static int listen_any(const struct server_config *config, char *error, size_t cap)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                                   .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *list;
    char port[8];
    int fd = -1, rv;

    snprintf(port, sizeof port, "%u", config->port);
    rv = getaddrinfo(config->host, port, &hints, &list);
    if (rv != 0) {
        snprintf(error, cap, "cannot resolve %s: %s", config->host, gai_strerror(rv));
        return -1;
    }
    for (const struct addrinfo *ai = list; ai != NULL && fd < 0; ai = ai->ai_next)
        fd = listen_on(ai, config->port_use);
    if (fd < 0)
        snprintf(error, cap, "cannot listen on %s:%u: %s", config->host, config->port,
                 strerrordesc_np(errno));
    freeaddrinfo(list);
    return fd;
}

static uint16_t bound_port(int fd)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } address = {.v6 = {0}};
    socklen_t size = sizeof address;

    if (getsockname(fd, &address.any, &size) < 0)
        return 0;
    return ntohs(address.any.sa_family == AF_INET6 ? address.v6.sin6_port : address.v4.sin_port);
}

/* A connection still in its handshake is told when it opens; the last word does not wait for that.
 */
static void send_goaways(struct server *server, void (*say)(struct session *s), bool last)
{
    for (struct server_conn *sc = server->conns, *next; sc != NULL; sc = next) {
        next = sc->next;
        if (!sc->leaving)
            continue;
        if (sc->session.conn.h2 != NULL)
            say(&sc->session);
        else if (last)
            conn_abort(&sc->session.conn);
    }
}

static void say_notice(struct session *s)
{
    session_check(s, nghttp2_submit_shutdown_notice(s->conn.h2));
    conn_wake(&s->conn);
}

static void set_drain_timer(struct server *server, uint64_t ns)
{
    ev_timer_set(&server->drain, (double)ns / 1e9, 0.);
    ev_timer_start(server->loop->ev, &server->drain);
}

/*
 * Two GOAWAYs (RFC 9113, section 6.8): a notice first, so that requests already on their way are
 * still taken, then the last stream id, then the end of what has not finished.
 */
static void on_drain(struct ev_loop *ev, ev_timer *w, int revents)
{
    struct server *server = w->data;

    (void)ev, (void)revents;
    if (server->goaway_sent) {
        server->leave = false;
        send_goaways(server, session_terminate, true);
        return;
    }
    server->goaway_sent = true;
    send_goaways(server, session_goaway, false);
    set_drain_timer(server, server->drain_left_ns);
}

struct server *server_new(struct engine_loop *loop, const struct server_config *config, char *error,
                          size_t cap)
{
    struct server *server;
    int fd = listen_any(config, error, cap);

    if (fd < 0)
        return NULL;
    server = mem_calloc(MEM_APP, 1, sizeof *server);
    if (server == NULL) {
        snprintf(error, cap, "out of memory");
        close(fd);
        return NULL;
    }
    server->loop = loop;
    server->config = *config;
    if (server->config.max_message == 0)
        server->config.max_message = GRPC_MAX_MESSAGE;
    if (server->config.keepalive_timeout_ns == 0)
        server->config.keepalive_timeout_ns = KEEPALIVE_TIMEOUT_NS;
    server->port = bound_port(fd);
    ev_timer_init(&server->accept_pause, on_accept_pause, 0., 0.);
    ev_timer_init(&server->drain, on_drain, 0., 0.);
    ev_io_init(&server->listener, on_acceptable, fd, EV_READ);
    server->listener.data = server->accept_pause.data = server->drain.data = server;
    ev_io_start(loop->ev, &server->listener);
    return server;
}

uint16_t server_port(const struct server *server)
{
    return server->port;
}

static void stop_listening(struct server *server)
{
    ev_timer_stop(server->loop->ev, &server->accept_pause);
    ev_io_stop(server->loop->ev, &server->listener);
    if (server->listener.fd >= 0)
        close(server->listener.fd);
    ev_io_set(&server->listener, -1, EV_READ);
}

/* Of all connections, or of those that are open. */
static void tell_to_leave(struct server *server, bool all, uint64_t limit_ns)
{
    for (struct server_conn *sc = server->conns; sc != NULL; sc = sc->next)
        sc->leaving = all || sc->session.conn.h2 != NULL;
    server->leave = true;
    server->goaway_sent = false;
    server->drain_left_ns = limit_ns - limit_ns / NOTICE_PART;
    ev_timer_stop(server->loop->ev, &server->drain);
    send_goaways(server, say_notice, false);
    set_drain_timer(server, limit_ns / NOTICE_PART);
}

void server_drain(struct server *server, uint64_t drain_ns, void (*done)(void *arg), void *arg)
{
    if (server->draining)
        return;
    server->draining = true;
    server->drained = done;
    server->drained_arg = arg;
    stop_listening(server);
    if (server->conns == NULL) {
        server->drained = NULL;
        done(arg);
        return;
    }
    tell_to_leave(server, true, drain_ns);
}

void server_turn_away(struct server *server, uint64_t grace_ns)
{
    if (!server->draining && !server->leave)
        tell_to_leave(server, false, grace_ns);
}

void server_abort(struct server *server)
{
    for (struct server_conn *sc = server->conns; sc != NULL; sc = sc->next) {
        if (sc->session.conn.h2 != NULL)
            conn_abort(&sc->session.conn);
    }
}

void server_set_tls(struct server *server, struct tls_context *tls)
{
    server->config.tls = tls;
}

void server_hold(struct server *server, bool shut)
{
    server->hold = shut;
    for (struct server_conn *sc = server->conns; sc != NULL; sc = sc->next)
        session_hold(&sc->session, shut);
}

void server_free(struct server *server)
{
    if (server == NULL)
        return;
    server->drained = NULL;
    stop_listening(server);
    ev_timer_stop(server->loop->ev, &server->drain);
    while (server->conns != NULL)
        free_conn(server->conns);
    mem_free(MEM_APP, server);
}
