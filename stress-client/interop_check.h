/*
 * What the interop cases are made of: requests of the three kinds, and expectations. All that
 * return bool leave the first thing that went wrong in interop->why.
 */
#ifndef FLATLINE_CLIENT_INTEROP_CHECK_H
#define FLATLINE_CLIENT_INTEROP_CHECK_H

#include "stress-client/interop.h"
#include "stress-client/rpc.h"

#define INTEROP_TEST "/grpc.testing.TestService/"

/* The sizes that most cases share. */
#define INTEROP_LARGE_REQUEST 271828
#define INTEROP_LARGE_REPLY 314159

/* One case under way. */
struct interop {
    const struct interop_config *config;
    struct rpc_peer peer;
    uint8_t *zeros; /* INTEROP_LARGE_REQUEST of them: what payloads consist of */
    bool unsupported;
    char why[512];
};

/* Notes what went wrong unless something did before; false. */
bool interop_fail(struct interop *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A BoolValue that may be absent. */
enum interop_flag { INTEROP_UNSET, INTEROP_FALSE, INTEROP_TRUE };

/* SimpleRequest. All zero is an empty one. */
struct interop_simple {
    int32_t reply_size;
    size_t body;
    enum interop_flag reply_compressed, expect_compressed;
    int status; /* to end with */
    const char *status_text;
    bool compress; /* send it so, if the call has an encoding */
};

/* StreamingOutputCallRequest. */
struct interop_output {
    struct {
        int32_t size;
        enum interop_flag compressed;
    } replies[4];
    size_t reply_count;
    size_t body;
    int status;
    const char *status_text;
};

bool interop_begin(struct interop *t, struct rpc *rpc, const char *path,
                   const struct client_call_options *options);
bool interop_send_empty(struct interop *t, struct rpc *rpc);
bool interop_send_simple(struct interop *t, struct rpc *rpc, const struct interop_simple *simple);
bool interop_send_output(struct interop *t, struct rpc *rpc, const struct interop_output *output);
/* StreamingInputCallRequest. */
bool interop_send_input(struct interop *t, struct rpc *rpc, size_t body, enum interop_flag expect,
                        bool compress);
bool interop_half_close(struct rpc *rpc); /* true */

/* Waits for the end and expects that status; an UNIMPLEMENTED that is not expected makes the case
 * unsupported. */
bool interop_expect_status(struct interop *t, struct rpc *rpc, int code);
bool interop_expect_message(struct interop *t, struct rpc *rpc, const char *message);
/* The status OK after so many replies. */
bool interop_expect_ok(struct interop *t, struct rpc *rpc, size_t replies);

/* Waits for the index-th reply (from 0) and expects a payload of so many zero bytes. */
bool interop_expect_body(struct interop *t, struct rpc *rpc, size_t index, size_t size);
/* Of a reply that has come. */
bool interop_expect_compressed(struct interop *t, struct rpc *rpc, size_t index, bool compressed);
/* StreamingInputCallResponse. */
bool interop_expect_sum(struct interop *t, struct rpc *rpc, int32_t sum);

/* EmptyCall, which every TestService has: the peer is one, and the connection is still good. */
bool interop_expect_alive(struct interop *t);

#endif
