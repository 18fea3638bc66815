#include "stress-server/service_test.h"

#include "common/base/clock.h"
#include "proto/messages.pb-c.h"
#include "stress-server/reply.h"
#include "stress-server/service.h"
#include "stress-server/test_request.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct unary_call {
    bool asked;
    struct test_request request;
    struct reply reply;
};

struct input_call {
    uint64_t sum;
};

void test_echo_metadata(struct call *call, const struct grpc_metadata *metadata, bool trailing)
{
    bool initial = strcmp(metadata->name, "x-grpc-test-echo-initial") == 0;

    (void)trailing; /* a request has no trailers */
    if (!initial && strcmp(metadata->name, "x-grpc-test-echo-trailing-bin") != 0)
        return;
    if (!call_put_metadata(call, metadata, !initial))
        call_finish(call, GRPC_RESOURCE_EXHAUSTED, "too much metadata to echo");
}

static int take_empty(struct call *call, const uint8_t *data, size_t size)
{
    struct unary_call *u = call_state(call);
    struct test_request none;

    if (u->asked)
        return service_refuse_count(call);
    u->asked = true;
    if (!test_request_read_input(&none, data, size))
        return service_refuse_garbled(call);
    return 0;
}

static int answer_empty(struct call *call)
{
    const struct unary_call *u = call_state(call);

    if (!u->asked)
        return service_refuse_count(call);
    if (!call_send(call, "", 0))
        return GRPC_RESOURCE_EXHAUSTED;
    call_finish(call, GRPC_OK, NULL);
    return 0;
}

static int check_compressed(struct call *call, const struct test_request *request)
{
    if (!request->expect_compressed || call_message_compressed(call))
        return 0;
    return service_refuse(call, GRPC_INVALID_ARGUMENT, "the request was to be compressed");
}

static int take_simple(struct call *call, const uint8_t *data, size_t size)
{
    struct unary_call *u = call_state(call);

    if (u->asked)
        return service_refuse_count(call);
    u->asked = true;
    if (!test_request_read_simple(&u->request, data, size))
        return service_refuse_garbled(call);
    return check_compressed(call, &u->request);
}

static int answer_simple(struct call *call)
{
    struct unary_call *u = call_state(call);
    const struct test_request *request = &u->request;
    int code;

    if (!u->asked)
        return service_refuse_count(call);
    if (request->status.code != GRPC_OK)
        return service_refuse(call, request->status.code, request->status.message);
    code = reply_check_size(call, request->response_size);
    if (code != 0)
        return code;
    if (request->response_compressed)
        reply_compress(call);
    reply_begin(&u->reply, (uint32_t)request->response_size);
    call_finish(call, GRPC_OK, NULL);
    return 0;
}

static size_t produce_simple(struct call *call, uint8_t *out, size_t cap)
{
    struct unary_call *u = call_state(call);

    return reply_put(&u->reply, out, cap);
}

/* A cache in between would give the same time again: the official case looks for that. */
static int answer_cacheable(struct call *call)
{
    static const struct grpc_metadata cache = {"cache-control", "max-age=60, public", 18};
    const struct unary_call *u = call_state(call);
    Grpc__Testing__SimpleResponse response = GRPC__TESTING__SIMPLE_RESPONSE__INIT;
    Grpc__Testing__Payload payload = GRPC__TESTING__PAYLOAD__INIT;
    char text[24];
    uint8_t packed[64];

    if (!u->asked)
        return service_refuse_count(call);
    payload.body.len = (size_t)snprintf(text, sizeof text, "%" PRIu64, clock_now_ns());
    payload.body.data = (uint8_t *)text;
    response.payload = &payload;
    if (!call_put_metadata(call, &cache, false) ||
        !call_send(call, packed, grpc__testing__simple_response__pack(&response, packed)))
        return GRPC_RESOURCE_EXHAUSTED;
    call_finish(call, GRPC_OK, NULL);
    return 0;
}

static int take_input(struct call *call, const uint8_t *data, size_t size)
{
    struct input_call *in = call_state(call);
    struct test_request request;

    if (!test_request_read_input(&request, data, size))
        return service_refuse_garbled(call);
    in->sum += request.payload;
    if (in->sum > INT32_MAX)
        return service_refuse(call, GRPC_OUT_OF_RANGE, "the payloads' sum does not fit an int32");
    return check_compressed(call, &request);
}

static int answer_input(struct call *call)
{
    const struct input_call *in = call_state(call);
    Grpc__Testing__StreamingInputCallResponse response =
        GRPC__TESTING__STREAMING_INPUT_CALL_RESPONSE__INIT;
    uint8_t packed[16];
    size_t size;

    response.aggregated_payload_size = (int32_t)in->sum;
    size = grpc__testing__streaming_input_call_response__pack(&response, packed);
    if (!call_send(call, packed, size))
        return GRPC_RESOURCE_EXHAUSTED;
    call_finish(call, GRPC_OK, NULL);
    return 0;
}

const struct call_ops test_empty_call = {
    .state_size = sizeof(struct unary_call),
    .on_metadata = test_echo_metadata,
    .on_whole = take_empty,
    .on_half_close = answer_empty,
};

const struct call_ops test_unary_call = {
    .state_size = sizeof(struct unary_call),
    .on_metadata = test_echo_metadata,
    .on_whole = take_simple,
    .on_half_close = answer_simple,
    .produce = produce_simple,
};

const struct call_ops test_cacheable_unary_call = {
    .state_size = sizeof(struct unary_call),
    .on_metadata = test_echo_metadata,
    .on_whole = take_simple,
    .on_half_close = answer_cacheable,
};

const struct call_ops test_streaming_input_call = {
    .state_size = sizeof(struct input_call),
    .on_metadata = test_echo_metadata,
    .on_whole = take_input,
    .on_half_close = answer_input,
};
