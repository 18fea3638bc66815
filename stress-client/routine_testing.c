/*
 * The four kinds over the official test services. Requests are made one at a time in a buffer of
 * the call, replies are taken whole. What the services cannot express is in docs/interop.md:
 * BenchmarkService knows no number of replies, so the call is cancelled after N; TestService wants
 * every reply's size listed, so one call asks for at most LISTED_MAX, and adds up what it is sent
 * in an int32, so one call sends at most SUMMED_MAX.
 */
#include "common/base/clock.h"
#include "common/engine/mem.h"
#include "proto/messages.pb-c.h"
#include "stress-client/routine_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define LISTED_MAX 10000
#define LISTED_BYTES 5 /* of a ResponseParameters with a size of two varint bytes */
#define BODY_MIN 128
#define BODY_MAX 256
#define SUMMED_MAX 1000000
_Static_assert((int64_t)SUMMED_MAX *BODY_MAX <= INT32_MAX, "the sum must fit the reply");
#define FRAME_MAX (GRPC_PREFIX + BODY_MAX + 32)

enum request { SIMPLE, INPUT, OUTPUT };
enum reply { BODY, SUM, ANY };

struct shape {
    const char *path;
    enum request request;
    enum reply reply;
    bool streams_out, streams_in; /* carries the plan's number of messages instead of one */
    bool listed;                  /* the one request lists the replies */
    bool cancelled;               /* after the last reply */
};

#define BENCHMARK "/grpc.testing.BenchmarkService/"
#define TEST "/grpc.testing.TestService/"

static const struct shape benchmark[CALL_KINDS] = {
    [CALL_NON_STREAMING] = {BENCHMARK "UnaryCall", SIMPLE, BODY, false, false, false, false},
    [CALL_CLIENT_STREAMING] = {BENCHMARK "StreamingFromClient", SIMPLE, ANY, true, false, false,
                               false},
    [CALL_SERVER_STREAMING] = {BENCHMARK "StreamingFromServer", SIMPLE, BODY, false, true, false,
                               true},
    [CALL_BIDI_STREAMING] = {BENCHMARK "StreamingCall", SIMPLE, BODY, true, true, false, false},
};

static const struct shape test[CALL_KINDS] = {
    [CALL_NON_STREAMING] = {TEST "UnaryCall", SIMPLE, BODY, false, false, false, false},
    [CALL_CLIENT_STREAMING] = {TEST "StreamingInputCall", INPUT, SUM, true, false, false, false},
    [CALL_SERVER_STREAMING] = {TEST "StreamingOutputCall", OUTPUT, BODY, false, true, true, false},
    [CALL_BIDI_STREAMING] = {TEST "FullDuplexCall", OUTPUT, BODY, true, true, false, false},
};

struct testing {
    struct routine_host *host;
    const struct plan_call *plan;
    const struct shape *shape;
    uint64_t seed;
    uint64_t to_send;  /* messages not yet made */
    uint64_t expected; /* replies, FOR_EVER: no number of them is too many */
    uint64_t received;
    uint64_t made; /* messages */
    uint64_t bytes_sent;
    uint64_t since_ns;
    int32_t sum;   /* of the bodies sent */
    uint16_t size; /* of the last body sent */
    bool awaiting; /* turns: the last message has no reply yet */
    bool enough;   /* cancelled as planned */
    uint16_t frame_size, frame_sent;
    char fault[96]; /* what is wrong with a reply; empty: nothing */
    uint8_t frame[FRAME_MAX];
};

static bool takes_turns(const struct testing *r)
{
    return r->shape->streams_out && r->shape->streams_in;
}

static uint16_t size_at(const struct testing *r, uint64_t index)
{
    return (uint16_t)(BODY_MIN + rng_at(r->seed, index) % (BODY_MAX - BODY_MIN + 1));
}

/* ---- outgoing ---- */

static size_t pack(const struct testing *r, Grpc__Testing__Payload *payload, uint8_t *out)
{
    Grpc__Testing__SimpleRequest simple = GRPC__TESTING__SIMPLE_REQUEST__INIT;
    Grpc__Testing__StreamingInputCallRequest input =
        GRPC__TESTING__STREAMING_INPUT_CALL_REQUEST__INIT;
    Grpc__Testing__StreamingOutputCallRequest output =
        GRPC__TESTING__STREAMING_OUTPUT_CALL_REQUEST__INIT;
    Grpc__Testing__ResponseParameters parameters = GRPC__TESTING__RESPONSE_PARAMETERS__INIT;
    Grpc__Testing__ResponseParameters *list[] = {&parameters};

    switch (r->shape->request) {
    case SIMPLE:
        simple.response_size = r->size;
        simple.payload = payload;
        return grpc__testing__simple_request__pack(&simple, out);
    case INPUT:
        input.payload = payload;
        return grpc__testing__streaming_input_call_request__pack(&input, out);
    default:
        parameters.size = r->size;
        output.response_parameters = list;
        output.n_response_parameters = 1;
        output.payload = payload;
        return grpc__testing__streaming_output_call_request__pack(&output, out);
    }
}

/* A fresh random body, in its message, in its frame. */
static void make_frame(struct testing *r)
{
    Grpc__Testing__Payload payload = GRPC__TESTING__PAYLOAD__INIT;
    uint64_t body[BODY_MAX / sizeof(uint64_t)];
    size_t size;

    r->size = size_at(r, r->made);
    for (size_t i = 0; i < sizeof body / sizeof *body; i++)
        body[i] = rng_next(r->host->rng);
    payload.body = (ProtobufCBinaryData){r->size, (uint8_t *)body};
    size = pack(r, &payload, r->frame + GRPC_PREFIX);
    memset(r->frame, 0, GRPC_PREFIX);
    r->frame[3] = (uint8_t)(size >> 8);
    r->frame[4] = (uint8_t)size;
    r->frame_size = (uint16_t)(GRPC_PREFIX + size);
    r->frame_sent = 0;
    r->sum += r->size;
    r->made++;
}

static bool next_frame(struct call *call, struct testing *r)
{
    bool held = *r->host->paused && r->plan->messages == PLAN_ENDLESS;

    if (r->to_send == 0 || held || (takes_turns(r) && r->awaiting))
        return false;
    if (r->to_send != FOR_EVER && --r->to_send == 0 && !takes_turns(r))
        call_half_close(call);
    make_frame(r);
    if (takes_turns(r)) {
        r->awaiting = true;
        r->since_ns = clock_now_ns();
    }
    return true;
}

static size_t produce(struct call *call, uint8_t *out, size_t cap)
{
    struct testing *r = call_state(call);
    size_t used = 0;

    while (used < cap && (r->frame_sent < r->frame_size || next_frame(call, r))) {
        size_t left = (size_t)(r->frame_size - r->frame_sent);
        size_t n = left < cap - used ? left : cap - used;

        memcpy(out + used, r->frame + r->frame_sent, n);
        r->frame_sent = (uint16_t)(r->frame_sent + n);
        used += n;
    }
    r->bytes_sent += used;
    if (r->bytes_sent > HTTP2_FIRST_WINDOW)
        r->host->on_alive(r->host);
    return used;
}

/* The one request that lists the replies; false: out of memory. */
static bool send_list(struct call *call)
{
    const struct testing *r = call_state(call);
    size_t size = 0;
    uint8_t *list = mem_alloc(MEM_APP, r->expected * LISTED_BYTES);
    bool sent;

    if (list == NULL)
        return false;
    for (uint64_t i = 0; i < r->expected; i++) {
        uint16_t reply = size_at(r, i);
        const uint8_t entry[LISTED_BYTES] = {0x12, 3, 0x08, (uint8_t)(reply | 0x80),
                                             (uint8_t)(reply >> 7)};

        memcpy(list + size, entry, sizeof entry);
        size += sizeof entry;
    }
    sent = call_send(call, list, size);
    mem_free(MEM_APP, list);
    return sent;
}

/* ---- incoming ---- */

static void *allocate(void *unused, size_t size)
{
    (void)unused;
    return mem_alloc(MEM_APP, size);
}

static void release(void *unused, void *data)
{
    (void)unused;
    mem_free(MEM_APP, data);
}

static ProtobufCAllocator counted = {.alloc = allocate, .free = release};

static void check_body(struct testing *r, const uint8_t *data, size_t size)
{
    /* SimpleResponse has its payload in the same place. */
    Grpc__Testing__StreamingOutputCallResponse *reply =
        grpc__testing__streaming_output_call_response__unpack(&counted, size, data);
    size_t expected = r->shape->listed ? size_at(r, r->received) : r->size, got;

    if (reply == NULL) {
        snprintf(r->fault, sizeof r->fault, "is not the message that it should be");
        return;
    }
    got = reply->payload == NULL ? 0 : reply->payload->body.len;
    if (r->shape->reply == BODY && got != expected)
        snprintf(r->fault, sizeof r->fault, "has a body of %zu bytes instead of %zu", got,
                 expected);
    grpc__testing__streaming_output_call_response__free_unpacked(reply, &counted);
}

static void check_sum(struct testing *r, const uint8_t *data, size_t size)
{
    Grpc__Testing__StreamingInputCallResponse *reply =
        grpc__testing__streaming_input_call_response__unpack(&counted, size, data);

    if (reply == NULL) {
        snprintf(r->fault, sizeof r->fault, "is no StreamingInputCallResponse");
        return;
    }
    if (reply->aggregated_payload_size != r->sum)
        snprintf(r->fault, sizeof r->fault, "adds up to %" PRId32 " bytes instead of %" PRId32,
                 reply->aggregated_payload_size, r->sum);
    grpc__testing__streaming_input_call_response__free_unpacked(reply, &counted);
}

static void check_reply(struct testing *r, const uint8_t *data, size_t size)
{
    if (r->received == r->expected || (takes_turns(r) && !r->awaiting))
        snprintf(r->fault, sizeof r->fault, "is one too many");
    else if (r->shape->reply == SUM)
        check_sum(r, data, size);
    else
        check_body(r, data, size);
}

/* What follows a good reply. */
static void go_on(struct call *call, struct testing *r)
{
    if (takes_turns(r)) {
        r->awaiting = false;
        if (r->to_send == 0)
            call_half_close(call);
        else
            call_resume(call);
    } else if (r->shape->cancelled && r->received == r->expected) {
        r->enough = true;
        call_cancel(call);
    }
}

static int take_reply(struct call *call, const uint8_t *data, size_t size)
{
    struct testing *r = call_state(call);

    /* What was on its way before the cancel. */
    if (r->enough)
        return 0;
    check_reply(r, data, size);
    if (r->fault[0] != '\0')
        return GRPC_INTERNAL;
    r->received++;
    r->host->on_alive(r->host);
    if (takes_turns(r) || r->received == 1)
        histogram_record(&r->host->tally->rtt[r->plan->kind], clock_now_ns() - r->since_ns);
    go_on(call, r);
    return 0;
}

/* ---- the end ---- */

static bool all_sent(const struct testing *r)
{
    return r->to_send == 0 && r->frame_sent == r->frame_size;
}

/* One call may be a part of what the plan calls one. */
static enum routine_fate complete(const struct testing *r)
{
    if (r->shape->listed)
        r->host->progress += r->received;
    else if (r->shape->reply == SUM)
        r->host->progress += r->made;
    else
        return ROUTINE_DONE;
    return r->plan->messages == PLAN_ENDLESS || r->host->progress < r->plan->messages
               ? ROUTINE_PART
               : ROUTINE_DONE;
}

static void judge_success(const struct testing *r, struct routine_end *end, char text[ROUTINE_TEXT])
{
    bool endless = r->expected == FOR_EVER || r->to_send == FOR_EVER;

    if (r->received == r->expected && all_sent(r)) {
        end->fate = complete(r);
        return;
    }
    end->error = PAGE_ERROR_PAYLOAD;
    end->fate = endless ? ROUTINE_LOST : ROUTINE_BROKEN;
    snprintf(text, ROUTINE_TEXT,
             "%sthe server ended the %s call too early, after %" PRIu64 " replies",
             endless ? "" : "wrong payload: ", call_kind_name(r->plan->kind), r->received);
}

static void finish(struct call *call, const struct grpc_status *status)
{
    struct testing *r = call_state(call);
    char text[ROUTINE_TEXT] = "";
    struct routine_end end = {.detail = status->code, .text = text};

    if (r->fault[0] != '\0') {
        end.fate = ROUTINE_BROKEN;
        end.error = PAGE_ERROR_PAYLOAD;
        snprintf(text, sizeof text, "wrong payload: %s reply %" PRIu64 " %s",
                 call_kind_name(r->plan->kind), r->received + 1, r->fault);
    } else if (r->enough) {
        end.fate = ROUTINE_DONE;
        end.cancelled = true;
    } else if (status->code == GRPC_OK) {
        judge_success(r, &end, text);
    } else {
        routine_judge_status(r->plan->kind, status, &end, text);
    }
    if (end.fate != ROUTINE_PART)
        r->host->progress = 0;
    r->host->on_done(r->host, &end);
}

/* ---- the start ---- */

static const struct call_ops on_demand = {
    .state_size = sizeof(struct testing),
    .on_whole = take_reply,
    .produce = produce,
    .on_done = finish,
};

static const struct call_ops listed = {
    .state_size = sizeof(struct testing),
    .on_whole = take_reply,
    .on_done = finish,
};

static uint64_t messages(const struct plan_call *plan, bool streams)
{
    if (!streams)
        return 1;
    return plan->messages == PLAN_ENDLESS ? FOR_EVER : plan->messages;
}

/* How many of `planned` this call is to carry, if no call carries more than `most`. */
static uint64_t part(const struct routine_host *host, uint64_t planned, uint64_t most)
{
    uint64_t left = planned == FOR_EVER ? most : planned - host->progress;

    return left < most ? left : most;
}

static void init(struct testing *r, const struct shape *shape, const struct plan_call *plan,
                 struct routine_host *host)
{
    r->host = host;
    r->plan = plan;
    r->shape = shape;
    r->seed = rng_next(host->rng);
    r->since_ns = clock_now_ns();
    r->expected = messages(plan, shape->streams_in);
    r->to_send = shape->listed ? 0 : messages(plan, shape->streams_out);
    if (shape->listed)
        r->expected = part(host, r->expected, LISTED_MAX);
    else if (shape->reply == SUM)
        r->to_send = part(host, r->to_send, SUMMED_MAX);
}

struct call *routine_testing_start(struct client *client, const struct plan_call *plan,
                                   struct routine_host *host)
{
    const struct shape *shape =
        host->service == ROUTINE_BENCHMARK ? &benchmark[plan->kind] : &test[plan->kind];
    struct call *call =
        client_call(client, shape->path, shape->listed ? &listed : &on_demand, NULL);
    struct testing *r;

    if (call == NULL)
        return NULL;
    r = call_state(call);
    init(r, shape, plan, host);
    if (shape->listed && !send_list(call))
        call_cancel(call);
    if (shape->listed)
        call_half_close(call);
    return call;
}
