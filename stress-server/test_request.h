/* The requests of grpc.testing (proto/messages.proto), read in place: of payloads only sizes
 * matter. */
#ifndef FLATLINE_STRESS_SERVER_TEST_REQUEST_H
#define FLATLINE_STRESS_SERVER_TEST_REQUEST_H

#include "common/engine/grpc.h"
#include "proto/wire.h"

struct test_request {
    uint64_t payload;      /* body bytes */
    int32_t response_size; /* SimpleRequest */
    bool response_compressed, expect_compressed;
    struct grpc_status status; /* to end the call with; GRPC_OK: none asked for */
};

/* False: malformed. */
bool test_request_read_simple(struct test_request *out, const uint8_t *data, size_t size);
bool test_request_read_input(struct test_request *out, const uint8_t *data, size_t size);

/* StreamingOutputCallRequest: all but its response_parameters, which test_request_next gives. */
bool test_request_read_output(struct test_request *out, const uint8_t *data, size_t size);

struct test_reply_parameters {
    int32_t size;
    int32_t interval_us; /* to wait before it */
    bool compressed;
};

/* Of a StreamingOutputCallRequest opened by wire_open: false at its end, or malformed (`broken`).
 */
bool test_request_next(struct wire_reader *r, struct test_reply_parameters *out);

#endif
