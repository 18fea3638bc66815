/* The server end: listens, accepts, routes calls to methods. */
#ifndef FLATLINE_ENGINE_SERVER_H
#define FLATLINE_ENGINE_SERVER_H

#include "common/engine/admission.h"
#include "common/engine/grpc.h"
#include "common/engine/loop.h"
#include "common/engine/tls.h"

struct method {
    const char *path; /* "/flatline.v1.Stress/NonStreaming" */
    const struct call_ops *ops;
};

/* Several loops can serve one port: the first binds it for SHARE, each other one for JOIN. */
enum server_port_use { SERVER_PORT_ALONE, SERVER_PORT_SHARE, SERVER_PORT_JOIN };

struct server_config {
    const char *host; /* an address or a name; the first address that can be bound is */
    uint16_t port;    /* 0 picks one */
    enum server_port_use port_use;
    struct tls_context *tls;      /* NULL: cleartext, prior knowledge */
    const struct method *methods; /* ends with a NULL path; outlives the server */
    uint32_t max_message;         /* 0: GRPC_MAX_MESSAGE */
    /*
     * A PING so often to each client; one that does not answer within the timeout (0: 20 s) is
     * given up (github.com/grpc/proposal/blob/master/A9-server-side-conn-mgt.md).
     */
    uint64_t keepalive_ns, keepalive_timeout_ns; /* 0: no keepalive */
    /* Clients may PING so often while they are sent nothing; 0: SESSION_PERMIT_NS (session.h). */
    uint64_t permit_keepalive_ns;
    struct admission *admission; /* NULL: all connections are taken */
    void *user;                  /* call_user */
};

struct server;

/* Listens. NULL: *error holds one line ("cannot listen on 127.0.0.1:50051: Address already in
 * use"). */
struct server *server_new(struct engine_loop *loop, const struct server_config *config, char *error,
                          size_t cap);
uint16_t server_port(const struct server *server);

/*
 * Stops accepting, sends GOAWAY on every connection, lets calls finish for drain_ns, then closes
 * what is left; done(arg) runs when the last connection is gone.
 */
void server_drain(struct server *server, uint64_t drain_ns, void (*done)(void *arg), void *arg);

/*
 * What can befall the connections that are open, while the server goes on serving. Those still in
 * their handshake are spared.
 */

/* RST on each of them. */
void server_abort(struct server *server);

/*
 * GOAWAY on each of them, and after grace_ns the end of what has not finished: what a server does
 * that limits the age of its connections. One at a time: not while another is under way.
 */
void server_turn_away(struct server *server, uint64_t grace_ns);

/* Holds their receive windows shut, and those of connections to come, until told otherwise. */
void server_hold(struct server *server, bool shut);

/*
 * Handshakes from now on use another context; those that have begun keep theirs, so the one before
 * may be freed. Only of a server that was made with one.
 */
void server_set_tls(struct server *server, struct tls_context *tls);

/* Closes everything at once. */
void server_free(struct server *server);

#endif
