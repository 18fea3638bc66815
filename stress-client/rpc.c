#include "stress-client/rpc.h"

#include "common/base/clock.h"
#include "common/engine/mem.h"

#include <stdio.h>
#include <string.h>

/* The state of a call: whom it tells, NULL once nobody listens. */
struct link {
    struct rpc *rpc;
};

/* Ends turn_loop: each callback that changes what a verb may wait for comes here. */
static void wake(const struct rpc_peer *peer)
{
    ev_break(engine_loop_ev(peer->loop), EVBREAK_ONE);
}

static struct rpc *listener(struct call *call)
{
    return ((struct link *)call_state(call))->rpc;
}

static void take_header(struct call *call, const struct grpc_metadata *metadata, bool trailing)
{
    struct rpc *rpc = listener(call);
    struct rpc_header *header;

    if (rpc == NULL || rpc->header_count == RPC_HEADERS)
        return;
    header = &rpc->headers[rpc->header_count++];
    snprintf(header->name, sizeof header->name, "%s", metadata->name);
    header->size = metadata->size < sizeof header->value ? metadata->size : sizeof header->value;
    memcpy(header->value, metadata->value, header->size);
    header->trailing = trailing;
}

static int take_reply(struct call *call, const uint8_t *data, size_t size)
{
    struct rpc *rpc = listener(call);
    struct rpc_reply *reply;

    if (rpc == NULL)
        return 0;
    if (rpc->reply_count == RPC_REPLIES)
        return GRPC_RESOURCE_EXHAUSTED;
    reply = &rpc->replies[rpc->reply_count];
    reply->data = mem_alloc(MEM_APP, size + 1);
    if (reply->data == NULL)
        return GRPC_RESOURCE_EXHAUSTED;
    memcpy(reply->data, data, size);
    reply->size = size;
    reply->compressed = call_message_compressed(call);
    rpc->reply_count++;
    wake(rpc->peer);
    return 0;
}

static void end_call(struct call *call, const struct grpc_status *status)
{
    struct rpc *rpc = listener(call);

    if (rpc == NULL)
        return;
    rpc->status = *status;
    rpc->done_ns = clock_now_ns();
    rpc->call = NULL;
    wake(rpc->peer);
}

static const struct call_ops ops = {
    .state_size = sizeof(struct link),
    .on_metadata = take_header,
    .on_whole = take_reply,
    .on_done = end_call,
};

/* ---- the connection ---- */

static void on_ready(struct client *client, void *user)
{
    struct rpc_peer *peer = user;

    (void)client;
    peer->ready = true;
    wake(peer);
}

static void on_end(struct client *client, void *user, enum client_end end, int detail,
                   const char *text)
{
    struct rpc_peer *peer = user;

    (void)client, (void)end, (void)detail;
    peer->client = NULL;
    snprintf(peer->end, sizeof peer->end, "%s", text);
    wake(peer);
}

static const struct client_events events = {.on_ready = on_ready, .on_end = on_end};

static void on_limit(struct ev_loop *loop, ev_timer *timer, int revents)
{
    struct rpc_peer *peer = timer->data;

    (void)loop, (void)revents;
    peer->late = true;
    wake(peer);
}

static void turn_loop(const struct rpc_peer *peer)
{
    ev_run(engine_loop_ev(peer->loop), 0);
}

bool rpc_connect(struct rpc_peer *peer, struct engine_loop *loop, struct client_target *target,
                 uint64_t limit_ns)
{
    *peer = (struct rpc_peer){.loop = loop};
    ev_timer_init(&peer->limit, on_limit, (double)limit_ns / 1e9, 0.);
    peer->limit.data = peer;
    ev_timer_start(engine_loop_ev(loop), &peer->limit);
    peer->client = client_new(loop, target, &events, peer);
    if (peer->client == NULL)
        snprintf(peer->end, sizeof peer->end, "no memory or descriptor for a connection");
    while (peer->client != NULL && !peer->ready && !peer->late)
        turn_loop(peer);
    if (peer->late)
        snprintf(peer->end, sizeof peer->end, "no connection in time");
    return peer->ready && peer->client != NULL;
}

void rpc_close(struct rpc_peer *peer)
{
    if (peer->client != NULL)
        client_close(peer->client);
    /* The engine bounds a close by itself. */
    while (peer->client != NULL)
        turn_loop(peer);
    ev_timer_stop(engine_loop_ev(peer->loop), &peer->limit);
}

/* ---- a call ---- */

bool rpc_start(struct rpc *rpc, struct rpc_peer *peer, const char *path,
               const struct client_call_options *options)
{
    memset(rpc, 0, sizeof *rpc);
    rpc->peer = peer;
    rpc->started_ns = clock_now_ns();
    if (peer->client == NULL)
        return false;
    rpc->call = client_call(peer->client, path, &ops, options);
    if (rpc->call == NULL)
        return false;
    ((struct link *)call_state(rpc->call))->rpc = rpc;
    return true;
}

bool rpc_send(struct rpc *rpc, const ProtobufCMessage *message, bool compressed)
{
    size_t size = protobuf_c_message_get_packed_size(message);
    uint8_t *data = mem_alloc(MEM_APP, size + 1);
    bool done = false;

    if (data == NULL)
        return false;
    protobuf_c_message_pack(message, data);
    /* A call that is over already says why by its status. */
    if (rpc->call == NULL)
        done = true;
    else if (compressed)
        done = call_send(rpc->call, data, size);
    else
        done = call_send_plain(rpc->call, data, size);
    mem_free(MEM_APP, data);
    return done;
}

bool rpc_wait_replies(struct rpc *rpc, size_t count)
{
    while (rpc->reply_count < count && rpc->call != NULL && !rpc->peer->late)
        turn_loop(rpc->peer);
    return rpc->reply_count >= count;
}

bool rpc_wait_end(struct rpc *rpc)
{
    while (rpc->call != NULL && !rpc->peer->late)
        turn_loop(rpc->peer);
    return rpc->call == NULL;
}

const struct rpc_header *rpc_header(const struct rpc *rpc, const char *name, bool trailing)
{
    for (size_t i = 0; i < rpc->header_count; i++) {
        const struct rpc_header *header = &rpc->headers[i];

        if (header->trailing == trailing && strcmp(header->name, name) == 0)
            return header;
    }
    return NULL;
}

void rpc_release(struct rpc *rpc)
{
    if (rpc->call != NULL) {
        ((struct link *)call_state(rpc->call))->rpc = NULL;
        call_cancel(rpc->call);
        rpc->call = NULL;
    }
    for (size_t i = 0; i < rpc->reply_count; i++)
        mem_free(MEM_APP, rpc->replies[i].data);
    rpc->reply_count = 0;
}
