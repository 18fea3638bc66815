/*
 * The official interoperability cases as a client of grpc.testing.TestService:
 * https://github.com/grpc/grpc/blob/master/doc/interop-test-descriptions.md
 */
#ifndef FLATLINE_CLIENT_INTEROP_H
#define FLATLINE_CLIENT_INTEROP_H

#include "common/engine/client.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define INTEROP_CASE_TABLE(X)      \
    X(empty_unary)                 \
    X(cacheable_unary)             \
    X(large_unary)                 \
    X(client_compressed_unary)     \
    X(server_compressed_unary)     \
    X(client_streaming)            \
    X(client_compressed_streaming) \
    X(server_streaming)            \
    X(server_compressed_streaming) \
    X(ping_pong)                   \
    X(empty_stream)                \
    X(custom_metadata)             \
    X(status_code_and_message)     \
    X(special_status_message)      \
    X(unimplemented_method)        \
    X(unimplemented_service)       \
    X(cancel_after_begin)          \
    X(cancel_after_first_response) \
    X(timeout_on_sleeping_server)  \
    X(rpc_soak)                    \
    X(channel_soak)

struct interop_config {
    struct engine_loop *loop;
    struct client_target *target;
    const char *name;         /* of a case, or "all" */
    uint64_t limit_ns;        /* for a case, its connection included */
    uint64_t soak_iterations; /* calls of the two soaks */
    uint64_t soak_latency_ns; /* a slower call has failed */
    uint64_t soak_failures;   /* so many may fail */
};

/* Whether there is such a case; "all" is one. */
bool interop_case_exists(const char *name);

/*
 * Runs the case or all, and prints one line for each: "NAME: passed", "NAME: FAILED: what" or
 * "NAME: unsupported: what" where the peer lacks a method. True if every one passed.
 */
bool interop_run(const struct interop_config *config, FILE *out);

#endif
