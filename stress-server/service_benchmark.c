#include "stress-server/service_benchmark.h"

#include "stress-server/reply.h"
#include "stress-server/reply_plan.h"
#include "stress-server/service.h"
#include "stress-server/services.h"
#include "stress-server/test_request.h"

struct benchmark_call {
    struct reply_plan plan; /* of StreamingCall, whose replies may differ in size */
    struct reply reply;
    int32_t size; /* of the next reply */
    bool asked;
    bool endless; /* replies for as long as they go */
    struct held held;
};

/* Every request may ask for another size. */
static int take(struct call *call, const uint8_t *data, size_t size)
{
    struct benchmark_call *b = call_state(call);
    struct test_request request;

    if (!test_request_read_simple(&request, data, size))
        return service_refuse_garbled(call);
    b->size = request.response_size;
    b->asked = true;
    return reply_check_size(call, b->size);
}

static int take_and_owe(struct call *call, const uint8_t *data, size_t size)
{
    struct benchmark_call *b = call_state(call);
    int code = take(call, data, size);

    if (code != 0)
        return code;
    if (!reply_plan_add(&b->plan, &(struct test_reply_parameters){.size = b->size}))
        return service_refuse(call, GRPC_RESOURCE_EXHAUSTED, "too many different replies are due");
    call_resume(call);
    return 0;
}

static int take_and_flood(struct call *call, const uint8_t *data, size_t size)
{
    struct benchmark_call *b = call_state(call);
    int code = take(call, data, size);

    if (code != 0)
        return code;
    b->endless = true;
    call_resume(call);
    return 0;
}

static int take_only(struct call *call, const uint8_t *data, size_t size)
{
    const struct benchmark_call *b = call_state(call);

    return b->asked ? service_refuse_count(call) : take(call, data, size);
}

static int flood_only(struct call *call)
{
    struct benchmark_call *b = call_state(call);

    if (!b->asked)
        return service_refuse_count(call);
    b->endless = true;
    call_resume(call);
    return 0;
}

static int finish(struct call *call)
{
    struct benchmark_call *b = call_state(call);

    b->endless = false;
    call_finish(call, GRPC_OK, NULL);
    return 0;
}

static int finish_with_one(struct call *call)
{
    struct benchmark_call *b = call_state(call);

    reply_begin(&b->reply, (uint32_t)b->size);
    return finish(call);
}

static bool begin_next(struct call *call)
{
    struct benchmark_call *b = call_state(call);
    struct services *services = call_user(call);
    const struct test_reply_parameters *next = reply_plan_next(&b->plan);

    if (b->endless) {
        if (pause_holds(&services->pause, &b->held, call))
            return false;
        reply_begin(&b->reply, (uint32_t)b->size);
        return true;
    }
    if (next == NULL)
        return false;
    reply_begin(&b->reply, (uint32_t)next->size);
    reply_plan_pop(&b->plan);
    return true;
}

static size_t produce(struct call *call, uint8_t *out, size_t cap)
{
    struct benchmark_call *b = call_state(call);
    size_t used = 0;

    while (used < cap && (reply_busy(&b->reply) || begin_next(call)))
        used += reply_put(&b->reply, out + used, cap - used);
    return used;
}

static void done(struct call *call, const struct grpc_status *status)
{
    struct benchmark_call *b = call_state(call);

    (void)status;
    pause_forget(&b->held);
    reply_plan_free(&b->plan);
}

const struct call_ops benchmark_streaming_call = {
    .state_size = sizeof(struct benchmark_call),
    .on_whole = take_and_owe,
    .on_half_close = finish,
    .produce = produce,
    .on_done = done,
};

const struct call_ops benchmark_streaming_from_client = {
    .state_size = sizeof(struct benchmark_call),
    .on_whole = take,
    .on_half_close = finish_with_one,
    .produce = produce,
    .on_done = done,
};

const struct call_ops benchmark_streaming_from_server = {
    .state_size = sizeof(struct benchmark_call),
    .on_whole = take_only,
    .on_half_close = flood_only,
    .produce = produce,
    .on_done = done,
};

const struct call_ops benchmark_streaming_both_ways = {
    .state_size = sizeof(struct benchmark_call),
    .on_whole = take_and_flood,
    .on_half_close = finish,
    .produce = produce,
    .on_done = done,
};
