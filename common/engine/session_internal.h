/* What a session is made of: for its verbs (session.h), for the calls on it, and for those that
 * embed it. */
#ifndef FLATLINE_ENGINE_SESSION_INTERNAL_H
#define FLATLINE_ENGINE_SESSION_INTERNAL_H

#include "common/engine/conn.h"
#include "common/engine/guard.h"
#include "common/engine/h2_memory.h"
#include "common/engine/head.h"

struct call;
struct session;

struct session_ops {
    /* Server: the ops of a path, or NULL. */
    const struct call_ops *(*find_method)(struct session *s, const char *path, size_t size);
    /* Client: GOAWAY arrived. */
    void (*on_goaway)(struct session *s);
    /* Our PING was answered. */
    void (*on_pong)(struct session *s);
    /* The peer's preface (its first SETTINGS) was read, the set-up is done. */
    void (*on_preface)(struct session *s);
};

struct session {
    struct conn conn;
    const struct session_ops *ops;
    void *user; /* call_user */
    struct call *first_call;
    struct call *recent;      /* the last one that was looked up, while it lives */
    struct loop_task packing; /* in a late turn, for calls that are late */
    struct call *put_off;     /* its message waits to be unpacked; NULL: none does */
    uint32_t call_count;
    struct head head; /* of the block being received */
    struct h2_memory memory;
    struct rest rest;      /* put off by every stream */
    struct guard guard;    /* what the peer sends that is no work */
    uint64_t last_ping_ns; /* server: of the client's last PING */
    uint64_t permit_ns;    /* server: PINGs are too soon after less; 0: SESSION_PERMIT_NS */
    /* server: the highest stream, and the ids last passed over without being used */
    int32_t last_stream, passed_from, passed_to;
    uint32_t max_message;
    uint8_t ping_strikes; /* server: PINGs too soon since we last sent anything of use */
    bool server;
    bool goaway;      /* received, or sent: no new calls */
    bool peer_goaway; /* received */
    bool calm;        /* client: the peer said too_many_pings */
    bool seen_settings;
    bool limited; /* told to go for what it sent */
};

static inline struct session *session_of_conn(struct conn *conn)
{
    return (struct session *)((char *)conn - offsetof(struct session, conn));
}

/* nghttp2's result: out of memory dooms the connection, anything else is a stream's affair. */
static inline void session_check(struct session *s, int rv)
{
    if (rv == NGHTTP2_ERR_NOMEM)
        conn_doom(&s->conn, CLIENT_NO_MEMORY, 0, "out of memory");
}

#endif
