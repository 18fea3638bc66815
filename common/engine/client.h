/* The client end: one connection to one server, calls on it. It never reconnects by itself: the
 * program does. */
#ifndef FLATLINE_ENGINE_CLIENT_H
#define FLATLINE_ENGINE_CLIENT_H

#include "common/engine/end.h"
#include "common/engine/grpc.h"
#include "common/engine/loop.h"
#include "common/engine/tls.h"

struct client;

struct client_events {
    /* The connection is usable (TLS done, our SETTINGS sent; calls may start). */
    void (*on_ready)(struct client *client, void *user);
    /* GOAWAY arrived: no new calls here; those below its last stream id still finish. May be NULL.
     */
    void (*on_goaway)(struct client *client, void *user);
    /*
     * The last event, after on_done of every call; the client is freed right after it. detail:
     * errno, HTTP/2 error code or X509 verify result; text: one clear line without the address.
     */
    void (*on_end)(struct client *client, void *user, enum client_end end, int detail,
                   const char *text);
};

struct client_config {
    const char *host; /* resolved once by client_target_new, see below */
    uint16_t port;
    struct tls_context *tls; /* NULL: cleartext */
    bool resume;             /* over TLS: each connection offers the session of the one before */
    uint64_t connect_timeout_ns; /* TCP, TLS and the server's SETTINGS together; 0: 20 s */
    uint32_t max_message;        /* 0: GRPC_MAX_MESSAGE */
    /*
     * A PING so often, whatever else is sent; the connection ends with CLIENT_TIMEOUT if it is not
     * answered within the timeout (0: 20 s). A server that says too_many_pings doubles the interval
     * for the target's later connections, with a warning in the log
     * (github.com/grpc/proposal/blob/master/A8-client-side-keepalive.md).
     */
    uint64_t keepalive_ns; /* 0: no keepalive */
    uint64_t keepalive_timeout_ns;
};

/* An address that many connections share: resolved once, blocking, before the loop runs. */
struct client_target;
struct client_target *client_target_new(const struct client_config *config, char *error,
                                        size_t cap);
void client_target_free(struct client_target *target);

/* Starts connecting. NULL only when memory or descriptors ran out (errno); all else comes through
 * on_end. The target outlives it. */
struct client *client_new(struct engine_loop *loop, struct client_target *target,
                          const struct client_events *events, void *user);

struct client_call_options {
    uint64_t timeout_ns;         /* 0: no deadline, and no grpc-timeout header */
    enum grpc_encoding encoding; /* of the messages that are sent */
    const struct grpc_metadata *metadata;
    size_t metadata_count;
};

/*
 * Starts a call; path outlives the client, options (NULL: none) need not. NULL: no memory, or the
 * connection takes no calls any more. on_done always comes for a call that was returned.
 */
struct call *client_call(struct client *client, const char *path, const struct call_ops *ops,
                         const struct client_call_options *options);

/* Calls that could start now: the peer's MAX_CONCURRENT_STREAMS minus the open ones; 0 after
 * GOAWAY. */
uint32_t client_capacity(const struct client *client);

/* GOAWAY, close_notify, FIN, wait for the peer's FIN (at most 1 s); then on_end(CLIENT_CLOSED). */
void client_close(struct client *client);

/* RST at once; on_end(CLIENT_CLOSED) comes from the loop, not from inside this call. */
void client_abort(struct client *client);

/* Holds the connection's receive window shut, or opens it again: a slow reader. From on_ready on.
 */
void client_hold(struct client *client, bool shut);

/* ns from client_new to usable, and the TLS part of it; 0 before. */
uint64_t client_connect_ns(const struct client *client);
uint64_t client_handshake_ns(const struct client *client);

/* Its TLS handshake resumed the session of an earlier connection. False before on_ready. */
bool client_resumed(const struct client *client);

/* The server's certificate as a number, see transport.h; 0: cleartext, or before on_ready. */
uint64_t client_peer_certificate(const struct client *client);

#endif
