/*
 * A connection and its calls as straight-line code, for what is done once and in order: a verb that
 * waits runs the loop until what it waits for has come, the connection has ended or the time is up.
 * Messages are kept whole, so not for traffic.
 */
#ifndef FLATLINE_CLIENT_RPC_H
#define FLATLINE_CLIENT_RPC_H

#include "common/engine/client.h"

#include <ev.h>
#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RPC_REPLIES 16 /* kept of a call; more end it with RESOURCE_EXHAUSTED */
#define RPC_HEADERS 16 /* likewise kept; more are passed over */

struct rpc_peer {
    struct engine_loop *loop;
    struct client *client; /* NULL once it ended */
    ev_timer limit;
    bool ready, late;
    char end[256]; /* why it ended, one line */
};

/* Connects; everything on this connection must be done within limit_ns. False: peer->end says why;
 * rpc_close is due all the same. */
bool rpc_connect(struct rpc_peer *peer, struct engine_loop *loop, struct client_target *target,
                 uint64_t limit_ns);

/* Closes gracefully and waits for the end. */
void rpc_close(struct rpc_peer *peer);

struct rpc_reply {
    uint8_t *data;
    size_t size;
    bool compressed;
};

struct rpc_header {
    char name[48];
    uint8_t value[128]; /* cut to fit */
    size_t size;        /* of what is there */
    bool trailing;
};

/* In the caller's hands, from rpc_start to rpc_release. */
struct rpc {
    struct rpc_peer *peer;
    struct call *call; /* NULL: over, or never started */
    struct grpc_status status;
    uint64_t started_ns, done_ns;
    struct rpc_reply replies[RPC_REPLIES];
    size_t reply_count;
    struct rpc_header headers[RPC_HEADERS];
    size_t header_count;
};

/* False: no memory, or the connection takes no calls; rpc_release is due all the same. */
bool rpc_start(struct rpc *rpc, struct rpc_peer *peer, const char *path,
               const struct client_call_options *options);

/* Queues a message, compressed by the call's encoding or plain; does not wait. */
bool rpc_send(struct rpc *rpc, const ProtobufCMessage *message, bool compressed);

/* Waits until `count` replies have come. False: the call was over before, or the time is up. */
bool rpc_wait_replies(struct rpc *rpc, size_t count);

/* Waits for the call's end. False: the time is up. */
bool rpc_wait_end(struct rpc *rpc);

/* The header of that name; NULL: it did not come. */
const struct rpc_header *rpc_header(const struct rpc *rpc, const char *name, bool trailing);

/* Cancels the call if it still runs, forgets it, frees the replies. */
void rpc_release(struct rpc *rpc);

#endif
