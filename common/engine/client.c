#include "common/engine/client.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/units.h"
#include "common/engine/call.h"
#include "common/engine/grpc_wire.h"
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

#define ADDRESSES 8
#define CONNECT_TIMEOUT_NS (20 * NS_PER_S)
#define KEEPALIVE_TIMEOUT_NS (20 * NS_PER_S)

struct client_target {
    struct client_config config;
    size_t count;
    struct {
        struct sockaddr_storage address;
        socklen_t size;
    } addresses[ADDRESSES];
    SSL_SESSION *session; /* of the last connection, to resume; NULL: there is none */
    char authority[300];
    char host[256];
};

struct client {
    struct session session;
    struct client_target *target;
    const struct client_events *events;
    void *user;
    uint64_t started_ns, connected_ns, ready_ns;
    struct keepalive keepalive; /* as the target's was when this began */
    uint8_t address;            /* the one being tried */
    bool closing;               /* by client_close or client_abort */
};

static struct client *client_of(struct session *s)
{
    return (struct client *)s;
}

static bool start_connect(struct client *client);

struct client_target *client_target_new(const struct client_config *config, char *error, size_t cap)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct client_target *target = mem_calloc(MEM_APP, 1, sizeof *target);
    struct addrinfo *list;
    char port[8];
    int rv;

    if (target == NULL) {
        snprintf(error, cap, "out of memory");
        return NULL;
    }
    snprintf(port, sizeof port, "%u", config->port);
    rv = getaddrinfo(config->host, port, &hints, &list);
    if (rv != 0) {
        snprintf(error, cap, "cannot resolve %s: %s", config->host, gai_strerror(rv));
        mem_free(MEM_APP, target);
        return NULL;
    }
    target->config = *config;
    for (const struct addrinfo *ai = list; ai != NULL && target->count < ADDRESSES;
         ai = ai->ai_next) {
        memcpy(&target->addresses[target->count].address, ai->ai_addr, ai->ai_addrlen);
        target->addresses[target->count++].size = ai->ai_addrlen;
    }
    freeaddrinfo(list);
    snprintf(target->host, sizeof target->host, "%s", config->host);
    target->config.host = target->host;
    snprintf(target->authority, sizeof target->authority,
             strchr(config->host, ':') != NULL ? "[%s]:%u" : "%s:%u", config->host, config->port);
    if (target->config.max_message == 0)
        target->config.max_message = GRPC_MAX_MESSAGE;
    if (target->config.connect_timeout_ns == 0)
        target->config.connect_timeout_ns = CONNECT_TIMEOUT_NS;
    if (target->config.keepalive_timeout_ns == 0)
        target->config.keepalive_timeout_ns = KEEPALIVE_TIMEOUT_NS;
    return target;
}

void client_target_free(struct client_target *target)
{
    if (target != NULL)
        SSL_SESSION_free(target->session);
    mem_free(MEM_APP, target);
}

static void on_connected(struct conn *conn)
{
    client_of(session_of_conn(conn))->connected_ns = clock_now_ns();
}

/* Who accepts, and then says nothing, is no server: until its SETTINGS the set-up limit holds. */
static void on_preface(struct session *s)
{
    conn_limit(&s->conn, 0);
}

static void on_pong(struct session *s)
{
    keepalive_pong(&client_of(s)->keepalive);
}

static bool on_open(struct conn *conn)
{
    struct client *client = client_of(session_of_conn(conn));

    if (!session_open(&client->session))
        return false;
    client->ready_ns = clock_now_ns();
    keepalive_start(&client->keepalive);
    client->events->on_ready(client, client->user);
    return true;
}

/* Once for an interval, however many connections are told that it is too short. */
static void calm_down(struct client *client)
{
    struct client_target *target = client->target;
    char every[32];

    if (client->keepalive.every_ns == 0 || target->config.keepalive_ns > client->keepalive.every_ns)
        return;
    target->config.keepalive_ns *= 2;
    log_warn("keepalive: %s says too_many_pings; from now on one every %s", target->authority,
             units_format_duration(target->config.keepalive_ns, every, sizeof every));
}

static void on_goaway(struct session *s)
{
    struct client *client = client_of(s);

    if (s->calm)
        calm_down(client);
    if (client->events->on_goaway != NULL)
        client->events->on_goaway(client, client->user);
}

/* A name may have several addresses of which only some are served: the next one is tried silently.
 */
static bool try_next_address(struct client *client, enum client_end end)
{
    struct conn *conn = &client->session.conn;

    if (conn->opened || (end != CLIENT_REFUSED && end != CLIENT_OTHER) ||
        client->address + 1u >= client->target->count)
        return false;
    client->address++;
    return start_connect(client);
}

static void on_end(struct conn *conn, enum client_end end, int detail, const char *text)
{
    struct client *client = client_of(session_of_conn(conn));
    struct engine_stats *stats = &conn->loop->stats;

    /* After GOAWAY the session may end by itself, or by the peer's FIN: either way it was the
     * peer's wish. */
    if ((end == CLIENT_PEER_CLOSED || end == CLIENT_CLOSED) && client->session.peer_goaway) {
        end = client->closing ? end : CLIENT_GOAWAY;
        text = client->session.calm ? "the server sent GOAWAY: too_many_pings"
                                    : "the server sent GOAWAY";
    }
    session_drop_calls(&client->session);
    keepalive_stop(&client->keepalive);
    conn_release(conn);
    if (try_next_address(client, end))
        return;
    loop_count_end(conn->loop, conn->opened);
    if (end == CLIENT_RESET)
        stats->resets++;
    else if (end == CLIENT_NO_MEMORY)
        stats->memory_drops++;
    else if (end == CLIENT_PROTOCOL && !conn->fault)
        stats->protocol_errors++;
    client->events->on_end(client, client->user, end, detail, text);
    mem_free(MEM_APP, client);
}

static const struct session_ops session_ops = {
    .on_goaway = on_goaway,
    .on_pong = on_pong,
    .on_preface = on_preface,
};
static const struct conn_ops conn_ops = {
    .on_connected = on_connected,
    .on_open = on_open,
    .on_resume = session_resume,
    .on_end = on_end,
};

/* The socket, connecting; false with errno when there is none to be had. */
static bool start_connect(struct client *client)
{
    struct client_target *target = client->target;
    SSL_SESSION **session = target->config.resume ? &target->session : NULL;
    const struct sockaddr *address =
        (const struct sockaddr *)&target->addresses[client->address].address;
    struct engine_loop *loop = client->session.conn.loop;
    struct conn *conn = &client->session.conn;
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1, failed = 0;

    if (fd < 0)
        return false;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    memset(conn, 0, sizeof *conn);
    conn->loop = loop;
    if (target->config.tls == NULL) {
        transport_init_plain(&conn->transport, fd);
    } else if (!transport_init_tls(&conn->transport, fd, target->config.tls, target->host,
                                   session)) {
        close(fd);
        errno = ENOMEM;
        return false;
    }
    if (connect(fd, address, target->addresses[client->address].size) < 0 && errno != EINPROGRESS)
        failed = errno;
    conn_start(conn, loop, &conn_ops, true, target->config.connect_timeout_ns);
    /* Loopback may answer at once; the end still comes from the loop. */
    if (failed != 0)
        conn_doom(conn, failed == ECONNREFUSED ? CLIENT_REFUSED : CLIENT_OTHER, failed,
                  strerrordesc_np(failed));
    return true;
}

struct client *client_new(struct engine_loop *loop, struct client_target *target,
                          const struct client_events *events, void *user)
{
    struct client *client = mem_calloc(MEM_APP, 1, sizeof *client);

    if (client == NULL) {
        errno = ENOMEM;
        return NULL;
    }
    client->target = target;
    keepalive_init(&client->keepalive, &client->session, target->config.keepalive_ns,
                   target->config.keepalive_timeout_ns);
    client->events = events;
    client->user = user;
    client->started_ns = clock_now_ns();
    client->session.ops = &session_ops;
    client->session.user = user;
    client->session.max_message = target->config.max_message;
    client->session.conn.loop = loop;
    if (!start_connect(client)) {
        int saved = errno;

        mem_free(MEM_APP, client);
        errno = saved;
        return NULL;
    }
    loop->stats.connections++;
    loop->stats.connections_total++;
    return client;
}

static nghttp2_nv text_header(const char *name, const char *value, size_t size, uint8_t flags)
{
    return (nghttp2_nv){(uint8_t *)name, (uint8_t *)value, strlen(name), size,
                        NGHTTP2_NV_FLAG_NO_COPY_NAME | flags};
}

/* Of texts that outlive the session: they are not copied. */
#define LASTING(name, value) text_header(name, value, strlen(value), NGHTTP2_NV_FLAG_NO_COPY_VALUE)

/* The request's headers, custom ones in `custom`; options and custom are only read here. */
static int32_t submit_request(struct client *client, struct call *call, const char *path,
                              const struct client_call_options *options,
                              const struct codec_buffer *custom)
{
    const struct client_target *target = client->target;
    nghttp2_data_provider provider = call_provider(call);
    char timeout[GRPC_TIMEOUT_TEXT];
    nghttp2_nv nv[10 + CALL_METADATA_MAX];
    size_t count = 0;

    nv[count++] = LASTING(":method", "POST");
    nv[count++] =
        target->config.tls == NULL ? LASTING(":scheme", "http") : LASTING(":scheme", "https");
    nv[count++] = LASTING(":path", path);
    nv[count++] = LASTING(":authority", target->authority);
    nv[count++] = LASTING("te", "trailers");
    nv[count++] = LASTING("content-type", "application/grpc");
    nv[count++] = LASTING("user-agent", "grpc-c-flatline");
    nv[count++] = LASTING("grpc-accept-encoding", GRPC_ACCEPT_ENCODING);
    if (options->timeout_ns != 0)
        nv[count++] = text_header("grpc-timeout", timeout,
                                  grpc_timeout_format(options->timeout_ns, timeout), 0);
    if (options->encoding != GRPC_IDENTITY)
        nv[count++] = LASTING("grpc-encoding", grpc_encoding_name(options->encoding));
    count += metadata_put(custom, nv + count, CALL_METADATA_MAX);
    return nghttp2_submit_request(client->session.conn.h2, NULL, nv, count, &provider, call);
}

static bool start_call(struct client *client, struct call *call, const char *path,
                       const struct client_call_options *options)
{
    struct codec_buffer custom = {.data = NULL};
    bool ready = true;

    call->out_encoding = (uint8_t)options->encoding;
    for (size_t i = 0; i < options->metadata_count && ready; i++)
        ready = metadata_add(&custom, &options->metadata[i]);
    call->stream_id =
        ready ? submit_request(client, call, path, options, &custom) : NGHTTP2_ERR_NOMEM;
    codec_buffer_free(&custom);
    if (call->stream_id < 0 && ready)
        session_check(&client->session, call->stream_id);
    return call->stream_id >= 0;
}

struct call *client_call(struct client *client, const char *path, const struct call_ops *ops,
                         const struct client_call_options *options)
{
    static const struct client_call_options none;
    struct session *s = &client->session;
    struct call *call;

    if (s->conn.state != CONN_OPEN || s->conn.h2 == NULL || s->goaway)
        return NULL;
    if (options == NULL)
        options = &none;
    call = call_new(s, ops, options->timeout_ns != 0);
    if (call == NULL)
        return NULL;
    if (!start_call(client, call, path, options)) {
        call_abandon(call);
        return NULL;
    }
    if (options->timeout_ns != 0)
        call_set_deadline(call, options->timeout_ns);
    conn_wake(&s->conn);
    return call;
}

uint32_t client_capacity(const struct client *client)
{
    const struct session *s = &client->session;
    uint32_t limit;

    if (s->conn.state != CONN_OPEN || s->conn.h2 == NULL || s->goaway)
        return 0;
    limit =
        nghttp2_session_get_remote_settings(s->conn.h2, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
    return limit > s->call_count ? limit - s->call_count : 0;
}

void client_close(struct client *client)
{
    client->closing = true;
    if (client->session.conn.state == CONN_OPEN)
        session_terminate(&client->session);
    else
        client_abort(client);
}

void client_abort(struct client *client)
{
    client->closing = true;
    conn_abort(&client->session.conn);
}

void client_hold(struct client *client, bool shut)
{
    session_hold(&client->session, shut);
}

uint64_t client_connect_ns(const struct client *client)
{
    return client->ready_ns == 0 ? 0 : client->ready_ns - client->started_ns;
}

uint64_t client_handshake_ns(const struct client *client)
{
    return client->ready_ns == 0 ? 0 : client->ready_ns - client->connected_ns;
}

uint64_t client_peer_certificate(const struct client *client)
{
    return client->ready_ns == 0 ? 0 : transport_peer_certificate(&client->session.conn.transport);
}

bool client_resumed(const struct client *client)
{
    return client->ready_ns != 0 && transport_resumed(&client->session.conn.transport);
}
