/*
 * An HTTP/2 session that carries gRPC calls, for both ends: nghttp2's callbacks as adapters between
 * the connection's bytes and calls. Embedded in a server's connection and in a client.
 */
#ifndef FLATLINE_ENGINE_SESSION_H
#define FLATLINE_ENGINE_SESSION_H

#include "common/engine/call.h"
#include "common/engine/conn.h"
#include "common/engine/head.h"

struct session;

struct session_ops {
    /* Server: the ops of a path, or NULL. */
    const struct call_ops *(*find_method)(struct session *s, const char *path, size_t size);
    /* Client: GOAWAY arrived. */
    void (*on_goaway)(struct session *s);
    /* Client: our PING was answered. */
    void (*on_pong)(struct session *s);
    /* Server: the peer's preface was read, the set-up is done. */
    void (*on_preface)(struct session *s);
};

struct session {
    struct conn conn;
    const struct session_ops *ops;
    void *user; /* call_user */
    struct call_list calls;
    struct head head;      /* of the block being received */
    uint64_t last_ping_ns; /* server: of the client's last PING */
    /* server: the highest stream, and the ids last passed over without being used */
    int32_t last_stream, passed_from, passed_to;
    uint32_t max_message;
    uint8_t ping_strikes; /* server: PINGs too soon since we last sent anything of use */
    bool server;
    bool goaway;      /* received, or sent: no new calls */
    bool peer_goaway; /* received */
    bool seen_settings;
};

/* Makes the nghttp2 session and queues the preface and SETTINGS; false if out of memory. */
bool session_open(struct session *s);

/* Tells nghttp2's result to the connection: out of memory dooms it, anything else is a stream's
 * affair. */
void session_check(struct session *s, int rv);

/* GOAWAY(NO_ERROR), then the end once open streams are done (client) or at once (terminate). */
void session_goaway(struct session *s);
void session_terminate(struct session *s);

/* Ends every call as a lost connection would, and frees a half-received head: a teardown begins
 * with it. */
void session_drop_calls(struct session *s);

static inline struct session *session_of_conn(struct conn *conn)
{
    return (struct session *)((char *)conn - offsetof(struct session, conn));
}

#endif
