#include "stress-client/routine_internal.h"

#include "common/base/clock.h"
#include "proto/flatline.pb-c.h"
#include "proto/payload.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define REQUEST_MAX (GRPC_PREFIX + 11) /* StreamRequest: a tag and a varint of 64 bits */

enum fault { FAULT_NONE, FAULT_LENGTH, FAULT_BODY, FAULT_SURPLUS, FAULT_PLAIN };

struct routine {
    struct routine_host *host;
    const struct plan_call *plan;
    struct payload_writer writer;
    struct payload_reader reader;
    uint64_t to_send;    /* messages not yet begun */
    uint64_t to_receive; /* replies not yet begun */
    uint64_t received;
    uint64_t bytes_sent;
    uint64_t since_ns; /* start of the round trip under way */
    bool enough;       /* cancelled as planned */
    bool awaiting;     /* bidi: the last message has no reply yet */
    enum fault fault;
    uint32_t fault_length;
    uint8_t request[REQUEST_MAX]; /* server-streaming: the one request */
    uint8_t request_size, request_sent;
};

/* ---- outgoing ---- */

static bool holds_back(const struct routine *r)
{
    return *r->host->paused && r->plan->messages == PLAN_ENDLESS;
}

/* All messages as fast as flow control lets them go. */
static size_t produce_stream(struct call *call, uint8_t *out, size_t cap)
{
    struct routine *r = call_state(call);
    uint64_t none = 0;
    size_t n = payload_writer_fill(&r->writer, holds_back(r) ? &none : &r->to_send, out, cap);

    r->bytes_sent += n;
    if (r->bytes_sent > HTTP2_FIRST_WINDOW)
        r->host->on_alive(r->host);
    return n;
}

/* One message, then its reply. */
static size_t produce_turn(struct call *call, uint8_t *out, size_t cap)
{
    struct routine *r = call_state(call);

    if (!payload_writer_busy(&r->writer)) {
        if (r->awaiting || r->to_send == 0 || holds_back(r))
            return 0;
        if (r->to_send != FOR_EVER)
            r->to_send--;
        payload_writer_begin(&r->writer);
        r->awaiting = true;
        r->since_ns = clock_now_ns();
    }
    return payload_writer_put(&r->writer, out, cap);
}

static size_t produce_request(struct call *call, uint8_t *out, size_t cap)
{
    struct routine *r = call_state(call);
    size_t left = (size_t)(r->request_size - r->request_sent), n = left < cap ? left : cap;

    memcpy(out, r->request + r->request_sent, n);
    r->request_sent = (uint8_t)(r->request_sent + n);
    return n;
}

static void encode_request(struct routine *r)
{
    Flatline__V1__StreamRequest request = FLATLINE__V1__STREAM_REQUEST__INIT;
    size_t size;

    request.count = r->plan->messages;
    size = flatline__v1__stream_request__pack(&request, r->request + GRPC_PREFIX);
    r->request[GRPC_PREFIX - 1] = (uint8_t)size;
    r->request_size = (uint8_t)(GRPC_PREFIX + size);
}

static bool all_sent(const struct routine *r)
{
    return r->to_send == 0 && !payload_writer_busy(&r->writer) &&
           r->request_sent == r->request_size;
}

/* ---- incoming ---- */

static int refuse(struct routine *r, enum fault fault)
{
    r->fault = fault;
    r->fault_length = r->reader.length;
    return GRPC_INTERNAL;
}

static int begin_reply(struct call *call, uint32_t length)
{
    struct routine *r = call_state(call);

    if (r->to_receive == 0)
        return refuse(r, FAULT_SURPLUS);
    if (r->host->encoding != GRPC_IDENTITY && !call_message_compressed(call))
        return refuse(r, FAULT_PLAIN);
    if (r->to_receive != FOR_EVER)
        r->to_receive--;
    if (r->host->message_size != 0)
        return payload_reader_begin_any(&r->reader, length) ? 0 : refuse(r, FAULT_BODY);
    return payload_reader_begin(&r->reader, length) ? 0 : refuse(r, FAULT_LENGTH);
}

static int take_reply(struct call *call, const uint8_t *data, size_t size)
{
    struct routine *r = call_state(call);

    return payload_reader_take(&r->reader, data, size) ? 0 : refuse(r, FAULT_BODY);
}

static int end_reply(struct call *call)
{
    struct routine *r = call_state(call);

    if (!payload_reader_end(&r->reader))
        return refuse(r, FAULT_BODY);
    r->received++;
    r->host->on_alive(r->host);
    if (r->received == r->host->cancel_after) {
        r->enough = true;
        call_cancel(call);
    }
    return 0;
}

static void record_round_trip(struct routine *r)
{
    uint64_t ns = clock_now_ns() - r->since_ns;

    histogram_record(&r->host->tally->rtt[r->plan->kind], ns);
    if (r->host->rtt != NULL)
        histogram_record(r->host->rtt, ns);
}

static int end_only_reply(struct call *call)
{
    int code = end_reply(call);

    if (code == 0)
        record_round_trip(call_state(call));
    return code;
}

static int end_streamed_reply(struct call *call)
{
    struct routine *r = call_state(call);
    int code = end_reply(call);

    if (code == 0 && r->received == 1)
        record_round_trip(r);
    return code;
}

static int begin_turn(struct call *call, uint32_t length)
{
    struct routine *r = call_state(call);

    if (!r->awaiting || payload_writer_busy(&r->writer))
        return refuse(r, FAULT_SURPLUS);
    return begin_reply(call, length);
}

static int end_turn(struct call *call)
{
    struct routine *r = call_state(call);
    int code = end_reply(call);

    if (code != 0)
        return code;
    record_round_trip(r);
    r->awaiting = false;
    if (r->enough)
        return 0;
    if (r->to_send == 0)
        call_half_close(call);
    else
        call_resume(call);
    return 0;
}

/* ---- the end ---- */

static void describe_fault(const struct routine *r, char *text, size_t cap)
{
    const char *kind = call_kind_name(r->plan->kind);

    switch (r->fault) {
    case FAULT_LENGTH:
        snprintf(text, cap,
                 "wrong payload: %s reply %" PRIu64 " has %" PRIu32
                 " bytes; expected a body of %d to %d",
                 kind, r->received + 1, r->fault_length, PAYLOAD_BODY_MIN, PAYLOAD_BODY_MAX);
        break;
    case FAULT_BODY:
        snprintf(text, cap, "wrong payload: %s reply %" PRIu64 " is no well-formed Payload", kind,
                 r->received + 1);
        break;
    case FAULT_PLAIN:
        snprintf(text, cap,
                 "wrong payload: %s reply %" PRIu64 " is not compressed, --%s insists on it", kind,
                 r->received + 1, grpc_encoding_name(r->host->encoding));
        break;
    default:
        snprintf(text, cap, "wrong payload: a %s reply too many, after %" PRIu64, kind,
                 r->received);
    }
}

/* The server says that all is well. */
static void judge_success(const struct routine *r, struct routine_end *end, char *text, size_t cap)
{
    const char *kind = call_kind_name(r->plan->kind);

    if (r->to_receive == 0 && all_sent(r)) {
        end->fate = ROUTINE_DONE;
        return;
    }
    end->error = PAGE_ERROR_PAYLOAD;
    if (r->plan->messages == PLAN_ENDLESS) {
        end->fate = ROUTINE_LOST;
        snprintf(text, cap, "the server ended the endless %s call after %" PRIu64 " replies", kind,
                 r->received);
    } else if (r->to_receive > 0) {
        end->fate = ROUTINE_BROKEN;
        snprintf(text, cap,
                 "wrong payload: the server ended the %s call after %" PRIu64 " of %" PRIu64
                 " replies",
                 kind, r->received, r->received + r->to_receive);
    } else {
        end->fate = ROUTINE_BROKEN;
        snprintf(text, cap, "wrong payload: the server ended the %s call before all was sent",
                 kind);
    }
}

void routine_judge_status(enum call_kind kind, const struct grpc_status *status,
                          struct routine_end *end, char text[ROUTINE_TEXT])
{
    const char *lacking = status->code == GRPC_UNIMPLEMENTED ? "unsupported: " : "";
    const char *colon = status->message[0] == '\0' ? "" : ": ";
    bool may_be_loss = status->code == GRPC_UNAVAILABLE || status->code == GRPC_CANCELLED;

    end->fate = may_be_loss ? ROUTINE_LOST : ROUTINE_BROKEN;
    end->error = PAGE_ERROR_STATUS;
    snprintf(text, ROUTINE_TEXT, "%s%s call ended with status %d %s%s%s", lacking,
             call_kind_name(kind), status->code, grpc_code_name(status->code), colon,
             status->message);
}

static bool overruns(const struct routine *r)
{
    return r->host->overrun && r->plan->kind == CALL_NON_STREAMING;
}

/* One request too many: a server that says so has passed. */
static void judge_overrun(struct routine_end *end, int code, char *text, size_t cap)
{
    if (code == GRPC_UNIMPLEMENTED) {
        end->fate = ROUTINE_DONE;
        return;
    }
    end->fate = ROUTINE_BROKEN;
    end->error = PAGE_ERROR_STATUS;
    snprintf(text, cap, "a second non-streaming request was not refused: status %d %s", code,
             grpc_code_name(code));
}

static void finish(struct call *call, const struct grpc_status *status)
{
    const struct routine *r = call_state(call);
    char text[ROUTINE_TEXT] = "";
    struct routine_end end = {.detail = status->code, .text = text};

    if (r->fault != FAULT_NONE) {
        end.fate = ROUTINE_BROKEN;
        end.error = PAGE_ERROR_PAYLOAD;
        describe_fault(r, text, sizeof text);
    } else if (r->enough && status->code == GRPC_CANCELLED) {
        end.fate = ROUTINE_DONE;
        end.cancelled = true;
    } else if (overruns(r) && status->code != GRPC_UNAVAILABLE && status->code != GRPC_CANCELLED) {
        judge_overrun(&end, status->code, text, sizeof text);
    } else if (status->code == GRPC_OK) {
        judge_success(r, &end, text, sizeof text);
    } else {
        routine_judge_status(r->plan->kind, status, &end, text);
    }
    r->host->on_done(r->host, &end);
}

/* ---- the table ---- */

static const struct call_ops one_reply = {
    .state_size = sizeof(struct routine),
    .on_message = begin_reply,
    .on_data = take_reply,
    .on_message_end = end_only_reply,
    .produce = produce_stream,
    .on_done = finish,
};

static const struct call_ops streamed_replies = {
    .state_size = sizeof(struct routine),
    .on_message = begin_reply,
    .on_data = take_reply,
    .on_message_end = end_streamed_reply,
    .produce = produce_request,
    .on_done = finish,
};

static const struct call_ops turns = {
    .state_size = sizeof(struct routine),
    .on_message = begin_turn,
    .on_data = take_reply,
    .on_message_end = end_turn,
    .produce = produce_turn,
    .on_done = finish,
};

/* streams_out, streams_in: which sides carry the plan's number of messages instead of one. */
static const struct {
    const struct call_ops *ops;
    bool streams_out, streams_in;
} table[CALL_KINDS] = {
    [CALL_NON_STREAMING] = {&one_reply, false, false},
    [CALL_CLIENT_STREAMING] = {&one_reply, true, false},
    [CALL_SERVER_STREAMING] = {&streamed_replies, false, true},
    [CALL_BIDI_STREAMING] = {&turns, true, true},
};

static uint64_t messages(const struct plan_call *plan, bool streams)
{
    if (!streams)
        return 1;
    return plan->messages == PLAN_ENDLESS ? FOR_EVER : plan->messages;
}

#define NEW_HEADER_TEXT 17 /* 64 bits in hex */

/*
 * All values are as long, so that HPACK's table of either end (RFC 7541, 4), once full of them,
 * stays as large.
 */
static struct grpc_metadata make_new_header(struct rng *rng, char text[NEW_HEADER_TEXT])
{
    snprintf(text, NEW_HEADER_TEXT, "%016" PRIx64, rng_next(rng));
    return (struct grpc_metadata){"x-flatline-new", text, NEW_HEADER_TEXT - 1};
}

static struct call *start_stress(struct client *client, const struct plan_call *plan,
                                 struct routine_host *host)
{
    const struct call_ops *ops = table[plan->kind].ops;
    struct client_call_options options = {.encoding = host->encoding,
                                          .timeout_ns = host->timeout_ns};
    struct grpc_metadata header;
    char text[NEW_HEADER_TEXT];
    struct routine *r;
    struct call *call;

    if (host->new_header) {
        header = make_new_header(host->rng, text);
        options.metadata = &header;
        options.metadata_count = 1;
    }
    call = client_call(client, call_kind_path(plan->kind), ops, &options);
    if (call == NULL)
        return NULL;
    r = call_state(call);
    r->host = host;
    r->plan = plan;
    r->since_ns = clock_now_ns();
    r->to_receive = messages(plan, table[plan->kind].streams_in);
    payload_writer_init(&r->writer, rng_next(host->rng));
    r->writer.numbered = host->numbered;
    payload_writer_set_size(&r->writer, host->message_size);
    if (ops == &streamed_replies)
        encode_request(r);
    else
        r->to_send = messages(plan, table[plan->kind].streams_out) + overruns(r);
    /* Where all is written without waiting for replies, the end may be announced at once. */
    if (ops != &turns && r->to_send != FOR_EVER && !overruns(r))
        call_half_close(call);
    return call;
}

struct call *routine_start(struct client *client, const struct plan_call *plan,
                           struct routine_host *host)
{
    return host->service == ROUTINE_FLATLINE ? start_stress(client, plan, host)
                                             : routine_testing_start(client, plan, host);
}
