/* The interop cases of streams, and those that take both kinds of calls. */
#include "stress-client/interop_cases.h"

#include "common/base/clock.h"

#include <string.h>

#define INPUT INTEROP_TEST "StreamingInputCall"
#define OUTPUT INTEROP_TEST "StreamingOutputCall"
#define DUPLEX INTEROP_TEST "FullDuplexCall"

#define TURNS 4
static const size_t request_sizes[TURNS] = {27182, 8, 1828, 45904};
static const int32_t reply_sizes[TURNS] = {31415, 9, 2653, 58979};

static const struct client_call_options by_gzip = {.encoding = GRPC_GZIP};

bool interop_case_client_streaming(struct interop *t)
{
    struct rpc rpc;
    int32_t sum = 0;
    bool fine = interop_begin(t, &rpc, INPUT, NULL);

    for (size_t i = 0; i < TURNS && fine; i++) {
        fine = interop_send_input(t, &rpc, request_sizes[i], INTEROP_UNSET, false);
        sum += (int32_t)request_sizes[i];
    }
    fine = fine && interop_half_close(&rpc) && interop_expect_sum(t, &rpc, sum);
    rpc_release(&rpc);
    return fine;
}

/* The peer has to notice that a message which should be compressed is not. */
static bool expect_noticed(struct interop *t)
{
    struct rpc rpc;
    bool fine = interop_begin(t, &rpc, INPUT, &by_gzip) &&
                interop_send_input(t, &rpc, 27182, INTEROP_TRUE, false) &&
                interop_half_close(&rpc) && interop_expect_status(t, &rpc, GRPC_INVALID_ARGUMENT);

    rpc_release(&rpc);
    return fine;
}

bool interop_case_client_compressed_streaming(struct interop *t)
{
    struct rpc rpc;
    bool fine = expect_noticed(t);

    if (!fine)
        return false;
    fine = interop_begin(t, &rpc, INPUT, &by_gzip) &&
           interop_send_input(t, &rpc, 27182, INTEROP_TRUE, true) &&
           interop_send_input(t, &rpc, 45904, INTEROP_FALSE, false) && interop_half_close(&rpc) &&
           interop_expect_sum(t, &rpc, 27182 + 45904);
    rpc_release(&rpc);
    return fine;
}

bool interop_case_server_streaming(struct interop *t)
{
    struct interop_output request = {.reply_count = TURNS};
    struct rpc rpc;
    bool fine;

    for (size_t i = 0; i < TURNS; i++)
        request.replies[i].size = reply_sizes[i];
    fine = interop_begin(t, &rpc, OUTPUT, NULL) && interop_send_output(t, &rpc, &request) &&
           interop_half_close(&rpc) && interop_expect_ok(t, &rpc, TURNS);
    for (size_t i = 0; i < TURNS && fine; i++)
        fine = interop_expect_body(t, &rpc, i, (size_t)reply_sizes[i]);
    rpc_release(&rpc);
    return fine;
}

bool interop_case_server_compressed_streaming(struct interop *t)
{
    const struct interop_output request = {
        .replies = {{31415, INTEROP_TRUE}, {92653, INTEROP_FALSE}}, .reply_count = 2};
    struct rpc rpc;
    bool fine =
        interop_begin(t, &rpc, OUTPUT, NULL) && interop_send_output(t, &rpc, &request) &&
        interop_half_close(&rpc) && interop_expect_ok(t, &rpc, 2) &&
        interop_expect_body(t, &rpc, 0, 31415) && interop_expect_compressed(t, &rpc, 0, true) &&
        interop_expect_body(t, &rpc, 1, 92653) && interop_expect_compressed(t, &rpc, 1, false);

    rpc_release(&rpc);
    return fine;
}

bool interop_case_ping_pong(struct interop *t)
{
    struct rpc rpc;
    bool fine = interop_begin(t, &rpc, DUPLEX, NULL);

    for (size_t i = 0; i < TURNS && fine; i++) {
        const struct interop_output request = {
            .replies = {{.size = reply_sizes[i]}}, .reply_count = 1, .body = request_sizes[i]};

        fine = interop_send_output(t, &rpc, &request) &&
               interop_expect_body(t, &rpc, i, (size_t)reply_sizes[i]);
    }
    fine = fine && interop_half_close(&rpc) && interop_expect_ok(t, &rpc, TURNS);
    rpc_release(&rpc);
    return fine;
}

static bool call_without_messages(struct interop *t)
{
    struct rpc rpc;
    bool fine = interop_begin(t, &rpc, DUPLEX, NULL) && interop_half_close(&rpc) &&
                interop_expect_ok(t, &rpc, 0);

    rpc_release(&rpc);
    return fine;
}

bool interop_case_empty_stream(struct interop *t)
{
    return call_without_messages(t);
}

/* ---- metadata and statuses, unary and in a stream ---- */

static bool expect_header(struct interop *t, const struct rpc *rpc,
                          const struct grpc_metadata *sent, bool trailing)
{
    const struct rpc_header *header = rpc_header(rpc, sent->name, trailing);

    if (header == NULL)
        return interop_fail(t, "%s does not come back in the %s", sent->name,
                            trailing ? "trailers" : "headers");
    return (header->size == sent->size && memcmp(header->value, sent->value, sent->size) == 0) ||
           interop_fail(t, "%s comes back changed", sent->name);
}

bool interop_case_custom_metadata(struct interop *t)
{
    static const char *const paths[] = {INTEROP_TEST "UnaryCall", DUPLEX};
    const struct grpc_metadata sent[] = {
        {"x-grpc-test-echo-initial", "test_initial_metadata_value", 27},
        {"x-grpc-test-echo-trailing-bin", "\xab\xab\xab", 3},
    };
    const struct client_call_options options = {.metadata = sent, .metadata_count = 2};
    const struct interop_simple simple = {.reply_size = INTEROP_LARGE_REPLY,
                                          .body = INTEROP_LARGE_REQUEST};
    const struct interop_output output = {.replies = {{.size = INTEROP_LARGE_REPLY}},
                                          .reply_count = 1,
                                          .body = INTEROP_LARGE_REQUEST};

    for (size_t i = 0; i < 2; i++) {
        struct rpc rpc;
        bool fine = interop_begin(t, &rpc, paths[i], &options) &&
                    (i == 0 ? interop_send_simple(t, &rpc, &simple)
                            : interop_send_output(t, &rpc, &output)) &&
                    interop_half_close(&rpc) && interop_expect_ok(t, &rpc, 1) &&
                    interop_expect_body(t, &rpc, 0, INTEROP_LARGE_REPLY) &&
                    expect_header(t, &rpc, &sent[0], false) &&
                    expect_header(t, &rpc, &sent[1], true);

        rpc_release(&rpc);
        if (!fine)
            return false;
    }
    return true;
}

bool interop_case_status_code_and_message(struct interop *t)
{
    static const char *const paths[] = {INTEROP_TEST "UnaryCall", DUPLEX};
    static const char text[] = "test status message";
    const struct interop_simple simple = {.status = GRPC_UNKNOWN, .status_text = text};
    const struct interop_output output = {.status = GRPC_UNKNOWN, .status_text = text};

    for (size_t i = 0; i < 2; i++) {
        struct rpc rpc;
        bool fine = interop_begin(t, &rpc, paths[i], NULL) &&
                    (i == 0 ? interop_send_simple(t, &rpc, &simple)
                            : interop_send_output(t, &rpc, &output)) &&
                    interop_half_close(&rpc) && interop_expect_status(t, &rpc, GRPC_UNKNOWN) &&
                    interop_expect_message(t, &rpc, text);

        rpc_release(&rpc);
        if (!fine)
            return false;
    }
    return true;
}

/* ---- calls that do not come to their end ---- */

/*
 * A call that is cancelled before it began would pass on any peer, so the method is called once
 * more in earnest: it is there, and the connection bore the cancel well.
 */
bool interop_case_cancel_after_begin(struct interop *t)
{
    struct rpc rpc;
    bool fine = interop_begin(t, &rpc, INPUT, NULL);

    if (fine)
        call_cancel(rpc.call);
    fine = fine && interop_expect_status(t, &rpc, GRPC_CANCELLED);
    rpc_release(&rpc);
    return fine && interop_case_client_streaming(t);
}

bool interop_case_cancel_after_first_response(struct interop *t)
{
    const struct interop_output request = {
        .replies = {{.size = reply_sizes[0]}}, .reply_count = 1, .body = request_sizes[0]};
    struct rpc rpc;
    bool fine = interop_begin(t, &rpc, DUPLEX, NULL) && interop_send_output(t, &rpc, &request) &&
                interop_expect_body(t, &rpc, 0, (size_t)reply_sizes[0]);

    if (fine && rpc.call != NULL)
        call_cancel(rpc.call);
    fine = fine && interop_expect_status(t, &rpc, GRPC_CANCELLED) && interop_expect_alive(t);
    rpc_release(&rpc);
    return fine;
}

/* Again in earnest: the deadline may well pass before the peer can say that it lacks the method. */
bool interop_case_timeout_on_sleeping_server(struct interop *t)
{
    const struct client_call_options options = {.timeout_ns = NS_PER_MS};
    const struct interop_output request = {.body = 27182};
    struct rpc rpc;
    bool fine = interop_begin(t, &rpc, DUPLEX, &options) &&
                interop_send_output(t, &rpc, &request) &&
                interop_expect_status(t, &rpc, GRPC_DEADLINE_EXCEEDED);

    rpc_release(&rpc);
    return fine && call_without_messages(t);
}
