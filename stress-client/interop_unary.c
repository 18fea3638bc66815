/* The interop cases of unary calls. */
#include "stress-client/interop_cases.h"

#include "common/base/clock.h"
#include "common/base/units.h"
#include "proto/messages.pb-c.h"

#include <inttypes.h>
#include <string.h>

#define UNARY INTEROP_TEST "UnaryCall"

static const struct client_call_options by_gzip = {.encoding = GRPC_GZIP};
static const struct interop_simple large = {.reply_size = INTEROP_LARGE_REPLY,
                                            .body = INTEROP_LARGE_REQUEST};

static bool begin_unary(struct interop *t, struct rpc *rpc,
                        const struct client_call_options *options,
                        const struct interop_simple *request)
{
    return interop_begin(t, rpc, UNARY, options) && interop_send_simple(t, rpc, request) &&
           interop_half_close(rpc);
}

static bool expect_large_reply(struct interop *t, struct rpc *rpc)
{
    return interop_expect_ok(t, rpc, 1) && interop_expect_body(t, rpc, 0, INTEROP_LARGE_REPLY);
}

bool interop_case_empty_unary(struct interop *t)
{
    return interop_expect_alive(t);
}

/* The payload of the only reply, as text. */
static bool copy_timestamp(struct interop *t, const struct rpc *rpc, char text[32])
{
    Grpc__Testing__SimpleResponse *reply =
        grpc__testing__simple_response__unpack(NULL, rpc->replies[0].size, rpc->replies[0].data);
    const Grpc__Testing__Payload *payload = reply == NULL ? NULL : reply->payload;
    bool fine = payload != NULL && payload->body.len > 0 && payload->body.len < 32;

    if (fine) {
        memcpy(text, payload->body.data, payload->body.len);
        text[payload->body.len] = '\0';
    }
    grpc__testing__simple_response__free_unpacked(reply, NULL);
    return fine || interop_fail(t, "the reply carries no timestamp");
}

static bool get_cacheable(struct interop *t, char text[32])
{
    const struct grpc_metadata user = {"x-user-ip", "1.2.3.4", 7};
    const struct client_call_options options = {.metadata = &user, .metadata_count = 1};
    struct rpc rpc;
    bool fine = interop_begin(t, &rpc, INTEROP_TEST "CacheableUnaryCall", &options) &&
                interop_send_simple(t, &rpc, &(struct interop_simple){.body = 19}) &&
                interop_half_close(&rpc) && interop_expect_ok(t, &rpc, 1) &&
                copy_timestamp(t, &rpc, text);

    if (fine && rpc_header(&rpc, "cache-control", false) == NULL)
        fine = interop_fail(t, "the reply has no cache-control header");
    rpc_release(&rpc);
    return fine;
}

/*
 * The official case wants the same timestamp twice, which only a caching proxy between the two can
 * bring about. Nor need the second be later: the C++ server tells the nanoseconds of the second.
 */
bool interop_case_cacheable_unary(struct interop *t)
{
    char first[32], second[32];
    uint64_t time;

    if (!get_cacheable(t, first) || !get_cacheable(t, second))
        return false;
    if (!units_parse_u64(first, &time) || !units_parse_u64(second, &time))
        return interop_fail(t, "the payload is no decimal timestamp");
    return true;
}

static bool call_large(struct interop *t)
{
    struct rpc rpc;
    bool fine = begin_unary(t, &rpc, NULL, &large) && expect_large_reply(t, &rpc);

    rpc_release(&rpc);
    return fine;
}

bool interop_case_large_unary(struct interop *t)
{
    return call_large(t);
}

/* A call whose request goes as the flags say; with INVALID_ARGUMENT as the answer if it is not what
 * the peer is told to expect. */
static bool send_compressed(struct interop *t, enum interop_flag expect, bool compress)
{
    struct interop_simple request = large;
    struct rpc rpc;
    bool fine;

    request.expect_compressed = expect;
    request.compress = compress;
    fine = begin_unary(t, &rpc, &by_gzip, &request);
    if (fine && (expect == INTEROP_TRUE) != compress)
        fine = interop_expect_status(t, &rpc, GRPC_INVALID_ARGUMENT);
    else if (fine)
        fine = expect_large_reply(t, &rpc);
    rpc_release(&rpc);
    return fine;
}

bool interop_case_client_compressed_unary(struct interop *t)
{
    return send_compressed(t, INTEROP_TRUE, false) && send_compressed(t, INTEROP_TRUE, true) &&
           send_compressed(t, INTEROP_FALSE, false);
}

static bool ask_compressed(struct interop *t, enum interop_flag wanted)
{
    struct interop_simple request = large;
    struct rpc rpc;
    bool fine;

    request.reply_compressed = wanted;
    fine = begin_unary(t, &rpc, NULL, &request) && expect_large_reply(t, &rpc) &&
           interop_expect_compressed(t, &rpc, 0, wanted == INTEROP_TRUE);
    rpc_release(&rpc);
    return fine;
}

bool interop_case_server_compressed_unary(struct interop *t)
{
    return ask_compressed(t, INTEROP_TRUE) && ask_compressed(t, INTEROP_FALSE);
}

bool interop_case_special_status_message(struct interop *t)
{
    static const char text[] = "\t\ntest with whitespace\r\nand Unicode BMP \u263a and non-BMP "
                               "\U0001f608\t\n";
    const struct interop_simple request = {.status = GRPC_UNKNOWN, .status_text = text};
    struct rpc rpc;
    bool fine = begin_unary(t, &rpc, NULL, &request) &&
                interop_expect_status(t, &rpc, GRPC_UNKNOWN) &&
                interop_expect_message(t, &rpc, text);

    rpc_release(&rpc);
    return fine;
}

/* Only on a peer that is a TestService: any other lacks the method for another reason. */
static bool expect_missing(struct interop *t, const char *path)
{
    struct rpc rpc;
    bool fine = interop_expect_alive(t) && interop_begin(t, &rpc, path, NULL);

    if (!fine)
        return false;
    fine = interop_send_empty(t, &rpc) && interop_half_close(&rpc) &&
           interop_expect_status(t, &rpc, GRPC_UNIMPLEMENTED);
    rpc_release(&rpc);
    return fine;
}

bool interop_case_unimplemented_method(struct interop *t)
{
    return expect_missing(t, INTEROP_TEST "UnimplementedCall");
}

bool interop_case_unimplemented_service(struct interop *t)
{
    return expect_missing(t, "/grpc.testing.UnimplementedService/UnimplementedCall");
}

/* ---- the soaks ---- */

static bool soak_once(struct interop *t)
{
    uint64_t start = clock_now_ns(), took;
    char took_text[32], limit_text[32];

    if (!call_large(t))
        return false;
    took = clock_now_ns() - start;
    if (took <= t->config->soak_latency_ns)
        return true;
    return interop_fail(
        t, "a call took %s, more than %s", units_format_duration(took, took_text, sizeof took_text),
        units_format_duration(t->config->soak_latency_ns, limit_text, sizeof limit_text));
}

static bool reconnect(struct interop *t)
{
    rpc_close(&t->peer);
    return rpc_connect(&t->peer, t->config->loop, t->config->target, t->config->limit_ns) ||
           interop_fail(t, "%s", t->peer.end);
}

static bool soak(struct interop *t, bool new_channels)
{
    uint64_t failures = 0;

    for (uint64_t i = 0; i < t->config->soak_iterations && !t->unsupported; i++) {
        if (new_channels && i > 0 && !reconnect(t))
            failures++;
        else
            failures += !soak_once(t);
        /* After the limit nothing succeeds any more. */
        if (failures > t->config->soak_failures || t->peer.late)
            return false;
    }
    if (!t->unsupported)
        t->why[0] = '\0';
    return !t->unsupported;
}

bool interop_case_rpc_soak(struct interop *t)
{
    return soak(t, false);
}

bool interop_case_channel_soak(struct interop *t)
{
    return soak(t, true);
}
