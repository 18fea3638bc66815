/*
 * Replies as the requests list them: of the sizes asked for, after the intervals asked for, made
 * when flow control lets them go.
 */
#include "stress-server/reply.h"
#include "stress-server/reply_plan.h"
#include "stress-server/service.h"
#include "stress-server/service_test.h"
#include "stress-server/services.h"

struct stream_call {
    struct reply_plan plan;
    struct reply reply; /* under way */
    ev_timer interval;  /* active: the next reply waits for it */
    struct grpc_status status;
    bool asked;
    bool begun;      /* replies may go; their encoding is settled */
    bool compressed; /* that encoding is one */
    bool closing;    /* the status follows the last reply of the plan */
};

static void begin_reply(struct call *call)
{
    struct stream_call *s = call_state(call);
    const struct test_reply_parameters *next = reply_plan_next(&s->plan);

    call_produce_plain(call, !next->compressed);
    reply_begin(&s->reply, (uint32_t)next->size);
    reply_plan_pop(&s->plan);
}

static void on_interval(struct ev_loop *ev, ev_timer *w, int revents)
{
    struct call *call = w->data;
    struct stream_call *s = call_state(call);

    (void)ev, (void)revents;
    if (reply_plan_next(&s->plan) == NULL) {
        call_finish(call, s->status.code, s->status.message);
        return;
    }
    begin_reply(call);
    call_resume(call);
}

static void wait_interval(struct call *call, int32_t us)
{
    struct stream_call *s = call_state(call);
    struct services *services = call_user(call);

    ev_timer_init(&s->interval, on_interval, us / 1e6, 0.);
    s->interval.data = call;
    ev_timer_start(services->ev, &s->interval);
}

/* What follows the last reply: the next one, a wait, or the status. */
static void go_on(struct call *call)
{
    struct stream_call *s = call_state(call);
    const struct test_reply_parameters *next = reply_plan_next(&s->plan);

    if (ev_is_active(&s->interval))
        return;
    if (next == NULL && s->closing && s->status.code == GRPC_OK)
        call_finish(call, GRPC_OK, NULL);
    else if (next == NULL && s->closing)
        wait_interval(call, 0); /* from here an error would overtake the replies of this step */
    else if (next != NULL && next->interval_us > 0)
        wait_interval(call, next->interval_us);
    else if (next != NULL)
        begin_reply(call);
}

static size_t produce(struct call *call, uint8_t *out, size_t cap)
{
    struct stream_call *s = call_state(call);
    size_t used = 0;

    while (used < cap) {
        if (!reply_busy(&s->reply))
            go_on(call);
        if (!reply_busy(&s->reply))
            break;
        used += reply_put(&s->reply, out + used, cap - used);
    }
    return used;
}

/* The encoding is told in the headers, so the replies known by now decide on it. */
static void begin(struct call *call)
{
    struct stream_call *s = call_state(call);

    if (!s->begun && s->compressed)
        reply_compress(call);
    s->begun = true;
    call_resume(call);
}

static int plan_reply(struct call *call, const struct test_reply_parameters *reply)
{
    struct stream_call *s = call_state(call);
    int code = reply_check_size(call, reply->size);

    if (code != 0)
        return code;
    if (!reply_plan_add(&s->plan, reply))
        return service_refuse(call, GRPC_RESOURCE_EXHAUSTED, "too many different replies are due");
    s->compressed = s->compressed || reply->compressed;
    return 0;
}

/* A status asked for ends the call after the replies to the requests before it. */
static int take(struct call *call, const uint8_t *data, size_t size)
{
    struct stream_call *s = call_state(call);
    struct wire_reader r = wire_open(data, size);
    struct test_reply_parameters reply;
    struct test_request request;
    int code = 0;

    s->asked = true;
    if (s->closing)
        return 0;
    if (!test_request_read_output(&request, data, size))
        return service_refuse_garbled(call);
    if (request.status.code != GRPC_OK) {
        s->status = request.status;
        s->closing = true;
        return 0;
    }
    while (code == 0 && test_request_next(&r, &reply))
        code = plan_reply(call, &reply);
    if (code == 0 && r.broken)
        code = service_refuse_garbled(call);
    return code;
}

static int take_only(struct call *call, const uint8_t *data, size_t size)
{
    const struct stream_call *s = call_state(call);

    return s->asked ? service_refuse_count(call) : take(call, data, size);
}

static int take_and_begin(struct call *call, const uint8_t *data, size_t size)
{
    int code = take(call, data, size);

    if (code == 0)
        begin(call);
    return code;
}

static int finish(struct call *call)
{
    struct stream_call *s = call_state(call);

    s->closing = true;
    begin(call);
    return 0;
}

static int finish_only(struct call *call)
{
    const struct stream_call *s = call_state(call);

    return s->asked ? finish(call) : service_refuse_count(call);
}

static void done(struct call *call, const struct grpc_status *status)
{
    struct stream_call *s = call_state(call);
    struct services *services = call_user(call);

    (void)status;
    ev_timer_stop(services->ev, &s->interval);
    reply_plan_free(&s->plan);
}

const struct call_ops test_streaming_output_call = {
    .state_size = sizeof(struct stream_call),
    .on_metadata = test_echo_metadata,
    .on_whole = take_only,
    .on_half_close = finish_only,
    .produce = produce,
    .on_done = done,
};

const struct call_ops test_full_duplex_call = {
    .state_size = sizeof(struct stream_call),
    .on_metadata = test_echo_metadata,
    .on_whole = take_and_begin,
    .on_half_close = finish,
    .produce = produce,
    .on_done = done,
};

const struct call_ops test_half_duplex_call = {
    .state_size = sizeof(struct stream_call),
    .on_metadata = test_echo_metadata,
    .on_whole = take,
    .on_half_close = finish,
    .produce = produce,
    .on_done = done,
};
