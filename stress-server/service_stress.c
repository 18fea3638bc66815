/*
 * Requests are checked and replies made in place. What a call keeps is a few integers, whatever its
 * number of messages: replies that are due are counted, not queued, and made when flow control lets
 * them go.
 */
#include "stress-server/service_stress.h"

#include "proto/flatline.pb-c.h"
#include "proto/payload.h"
#include "stress-server/counted_protobuf.h"
#include "stress-server/service.h"
#include "stress-server/services.h"

#include <inttypes.h>
#include <stdio.h>

#define FOR_EVER UINT64_MAX

struct stress_call {
    struct payload_reader request;
    struct payload_writer reply;
    uint64_t requests; /* received whole */
    uint64_t owed;     /* replies due and not begun */
    struct held held;
};

static int refuse_payload(struct call *call)
{
    return service_refuse(call, GRPC_INVALID_ARGUMENT,
                          "a Payload has one body of 128 to 256 bytes, unless --message-size says "
                          "otherwise");
}

static int start(struct call *call)
{
    struct stress_call *s = call_state(call);
    struct services *services = call_user(call);

    payload_writer_init(&s->reply, rng_next(&services->seeds));
    payload_writer_set_size(&s->reply, services->message_size);
    return 0;
}

/* Who compresses gets compressed replies, unless it does not take what it gives. */
static void answer_in_kind(struct call *call)
{
    const struct stress_call *s = call_state(call);

    if (s->requests == 0)
        (void)call_set_encoding(call, call_message_encoding(call));
}

static int begin_request(struct call *call, uint32_t length)
{
    struct stress_call *s = call_state(call);
    const struct services *services = call_user(call);
    bool fits = services->message_size != 0 ? payload_reader_begin_any(&s->request, length)
                                            : payload_reader_begin(&s->request, length);

    answer_in_kind(call);
    return fits ? 0 : refuse_payload(call);
}

static int begin_only_request(struct call *call, uint32_t length)
{
    const struct stress_call *s = call_state(call);

    return s->requests == 0 ? begin_request(call, length) : service_refuse_count(call);
}

static int take_request(struct call *call, const uint8_t *data, size_t size)
{
    struct stress_call *s = call_state(call);

    if (payload_reader_take(&s->request, data, size))
        return 0;
    return payload_reader_misfits(&s->request) ? refuse_payload(call)
                                               : service_refuse_garbled(call);
}

/* A request that bears a number bears its place in the call: none is lost, doubled or overtaken. */
static int refuse_number(struct call *call)
{
    const struct stress_call *s = call_state(call);
    char why[96];

    snprintf(why, sizeof why, "message %" PRIu64 " of the call bears the number %" PRIu64,
             s->requests + 1, s->request.number);
    return service_refuse(call, GRPC_DATA_LOSS, why);
}

static int end_request(struct call *call)
{
    struct stress_call *s = call_state(call);

    if (!payload_reader_end(&s->request))
        return refuse_payload(call);
    if (s->request.number != 0 && s->request.number != s->requests + 1)
        return refuse_number(call);
    s->requests++;
    return 0;
}

/* One reply per request, in turn. */
static int end_request_and_owe(struct call *call)
{
    struct stress_call *s = call_state(call);
    int code = end_request(call);

    if (code != 0)
        return code;
    s->owed++;
    call_resume(call);
    return 0;
}

static size_t produce(struct call *call, uint8_t *out, size_t cap)
{
    struct stress_call *s = call_state(call);

    return payload_writer_fill(&s->reply, &s->owed, out, cap);
}

/* In a pause a stream without end only completes the reply under way. */
static size_t produce_stream(struct call *call, uint8_t *out, size_t cap)
{
    struct stress_call *s = call_state(call);
    struct services *services = call_user(call);

    if (s->owed == FOR_EVER && pause_holds(&services->pause, &s->held, call))
        return payload_writer_put(&s->reply, out, cap);
    return produce(call, out, cap);
}

static void stream_done(struct call *call, const struct grpc_status *status)
{
    struct stress_call *s = call_state(call);

    (void)status;
    pause_forget(&s->held);
}

/* All replies that are still due, then OK. */
static int finish(struct call *call)
{
    call_finish(call, GRPC_OK, NULL);
    call_resume(call);
    return 0;
}

static int finish_with_one(struct call *call)
{
    struct stress_call *s = call_state(call);

    s->owed = 1;
    return finish(call);
}

static int finish_only_with_one(struct call *call)
{
    const struct stress_call *s = call_state(call);

    return s->requests == 1 ? finish_with_one(call) : service_refuse_count(call);
}

static int take_stream_request(struct call *call, const uint8_t *data, size_t size)
{
    struct stress_call *s = call_state(call);
    Flatline__V1__StreamRequest *request;

    answer_in_kind(call);
    if (s->requests++ > 0)
        return service_refuse_count(call);
    request = flatline__v1__stream_request__unpack(&counted_protobuf, size, data);
    if (request == NULL)
        return service_refuse_garbled(call);
    s->owed = request->count != 0 ? request->count : FOR_EVER;
    flatline__v1__stream_request__free_unpacked(request, &counted_protobuf);
    return 0;
}

/* A stream without end is not finished, or the engine would end it in its first pause. */
static int finish_stream_request(struct call *call)
{
    const struct stress_call *s = call_state(call);

    if (s->requests != 1)
        return service_refuse_count(call);
    if (s->owed != FOR_EVER)
        return finish(call);
    call_resume(call);
    return 0;
}

const struct call_ops stress_non_streaming = {
    .state_size = sizeof(struct stress_call),
    .on_start = start,
    .on_message = begin_only_request,
    .on_data = take_request,
    .on_message_end = end_request,
    .on_half_close = finish_only_with_one,
    .produce = produce,
};

const struct call_ops stress_client_streaming = {
    .state_size = sizeof(struct stress_call),
    .on_start = start,
    .on_message = begin_request,
    .on_data = take_request,
    .on_message_end = end_request,
    .on_half_close = finish_with_one,
    .produce = produce,
};

const struct call_ops stress_server_streaming = {
    .state_size = sizeof(struct stress_call),
    .on_start = start,
    .on_whole = take_stream_request,
    .on_half_close = finish_stream_request,
    .produce = produce_stream,
    .on_done = stream_done,
};

const struct call_ops stress_bidi_streaming = {
    .state_size = sizeof(struct stress_call),
    .on_start = start,
    .on_message = begin_request,
    .on_data = take_request,
    .on_message_end = end_request_and_owe,
    .on_half_close = finish,
    .produce = produce,
};
