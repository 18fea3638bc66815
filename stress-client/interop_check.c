#include "stress-client/interop_check.h"

#include "proto/empty.pb-c.h"
#include "proto/messages.pb-c.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

bool interop_fail(struct interop *t, const char *format, ...)
{
    va_list arguments;

    if (t->why[0] != '\0')
        return false;
    va_start(arguments, format);
    vsnprintf(t->why, sizeof t->why, format, arguments);
    va_end(arguments);
    return false;
}

/* ---- requests ---- */

bool interop_begin(struct interop *t, struct rpc *rpc, const char *path,
                   const struct client_call_options *options)
{
    if (rpc_start(rpc, &t->peer, path, options))
        return true;
    return interop_fail(t, "no call could be started%s%s", t->peer.client == NULL ? ": " : "",
                        t->peer.end);
}

static bool send_message(struct interop *t, struct rpc *rpc, const ProtobufCMessage *message,
                         bool compress)
{
    return rpc_send(rpc, message, compress) || interop_fail(t, "no memory for a request");
}

bool interop_send_empty(struct interop *t, struct rpc *rpc)
{
    Grpc__Testing__Empty empty = GRPC__TESTING__EMPTY__INIT;

    return send_message(t, rpc, &empty.base, false);
}

static void set_payload(const struct interop *t, Grpc__Testing__Payload *payload, size_t size)
{
    grpc__testing__payload__init(payload);
    payload->body = (ProtobufCBinaryData){size, t->zeros};
}

/* The message for a field; NULL leaves it out. */
static Grpc__Testing__BoolValue *set_flag(Grpc__Testing__BoolValue *value, enum interop_flag flag)
{
    if (flag == INTEROP_UNSET)
        return NULL;
    grpc__testing__bool_value__init(value);
    value->value = flag == INTEROP_TRUE;
    return value;
}

static Grpc__Testing__EchoStatus *set_status(Grpc__Testing__EchoStatus *status, int code,
                                             const char *text)
{
    if (code == GRPC_OK)
        return NULL;
    grpc__testing__echo_status__init(status);
    status->code = code;
    status->message = (char *)text;
    return status;
}

bool interop_send_simple(struct interop *t, struct rpc *rpc, const struct interop_simple *simple)
{
    Grpc__Testing__SimpleRequest request = GRPC__TESTING__SIMPLE_REQUEST__INIT;
    Grpc__Testing__BoolValue reply_compressed, expect_compressed;
    Grpc__Testing__EchoStatus status;
    Grpc__Testing__Payload payload;

    set_payload(t, &payload, simple->body);
    request.payload = simple->body > 0 ? &payload : NULL;
    request.response_size = simple->reply_size;
    request.response_compressed = set_flag(&reply_compressed, simple->reply_compressed);
    request.expect_compressed = set_flag(&expect_compressed, simple->expect_compressed);
    request.response_status = set_status(&status, simple->status, simple->status_text);
    return send_message(t, rpc, &request.base, simple->compress);
}

bool interop_send_output(struct interop *t, struct rpc *rpc, const struct interop_output *output)
{
    Grpc__Testing__StreamingOutputCallRequest request =
        GRPC__TESTING__STREAMING_OUTPUT_CALL_REQUEST__INIT;
    Grpc__Testing__ResponseParameters parameters[4], *list[4];
    Grpc__Testing__BoolValue compressed[4];
    Grpc__Testing__EchoStatus status;
    Grpc__Testing__Payload payload;

    for (size_t i = 0; i < output->reply_count; i++) {
        list[i] = &parameters[i];
        grpc__testing__response_parameters__init(list[i]);
        list[i]->size = output->replies[i].size;
        list[i]->compressed = set_flag(&compressed[i], output->replies[i].compressed);
    }
    request.response_parameters = list;
    request.n_response_parameters = output->reply_count;
    set_payload(t, &payload, output->body);
    request.payload = output->body > 0 ? &payload : NULL;
    request.response_status = set_status(&status, output->status, output->status_text);
    return send_message(t, rpc, &request.base, false);
}

bool interop_send_input(struct interop *t, struct rpc *rpc, size_t body, enum interop_flag expect,
                        bool compress)
{
    Grpc__Testing__StreamingInputCallRequest request =
        GRPC__TESTING__STREAMING_INPUT_CALL_REQUEST__INIT;
    Grpc__Testing__BoolValue expect_compressed;
    Grpc__Testing__Payload payload;

    set_payload(t, &payload, body);
    request.payload = &payload;
    request.expect_compressed = set_flag(&expect_compressed, expect);
    return send_message(t, rpc, &request.base, compress);
}

bool interop_half_close(struct rpc *rpc)
{
    if (rpc->call != NULL)
        call_half_close(rpc->call);
    return true;
}

/* ---- expectations ---- */

static bool fail_late(struct interop *t, const char *what)
{
    return interop_fail(t, "%s did not come in time", what);
}

/* The call is over otherwise than it should be. */
static bool fail_status(struct interop *t, const struct rpc *rpc, const char *expected)
{
    const struct grpc_status *status = &rpc->status;

    if (t->why[0] == '\0' && status->code == GRPC_UNIMPLEMENTED)
        t->unsupported = true;
    return interop_fail(t, "status %d %s%s%s instead of %s", status->code,
                        grpc_code_name(status->code), status->message[0] == '\0' ? "" : ": ",
                        status->message, expected);
}

bool interop_expect_status(struct interop *t, struct rpc *rpc, int code)
{
    if (!rpc_wait_end(rpc))
        return fail_late(t, "the call's status");
    return rpc->status.code == code || fail_status(t, rpc, grpc_code_name(code));
}

bool interop_expect_message(struct interop *t, struct rpc *rpc, const char *message)
{
    return strcmp(rpc->status.message, message) == 0 ||
           interop_fail(t, "status message '%s' instead of '%s'", rpc->status.message, message);
}

bool interop_expect_ok(struct interop *t, struct rpc *rpc, size_t replies)
{
    if (!interop_expect_status(t, rpc, GRPC_OK))
        return false;
    return rpc->reply_count == replies ||
           interop_fail(t, "%zu replies instead of %zu", rpc->reply_count, replies);
}

static bool is_zero(const uint8_t *data, size_t size)
{
    return size == 0 || (data[0] == 0 && memcmp(data, data + 1, size - 1) == 0);
}

static bool check_payload(struct interop *t, const Grpc__Testing__Payload *payload, size_t index,
                          size_t size)
{
    size_t got = payload == NULL ? 0 : payload->body.len;

    if (got != size)
        return interop_fail(t, "reply %zu has a body of %zu bytes instead of %zu", index + 1, got,
                            size);
    return size == 0 || is_zero(payload->body.data, size) ||
           interop_fail(t, "the body of reply %zu is not all zeros", index + 1);
}

bool interop_expect_body(struct interop *t, struct rpc *rpc, size_t index, size_t size)
{
    Grpc__Testing__StreamingOutputCallResponse *reply;
    bool fine;

    if (!rpc_wait_replies(rpc, index + 1))
        return rpc->call == NULL ? fail_status(t, rpc, "a reply") : fail_late(t, "a reply");
    /* SimpleResponse has its payload in the same place. */
    reply = grpc__testing__streaming_output_call_response__unpack(NULL, rpc->replies[index].size,
                                                                  rpc->replies[index].data);
    if (reply == NULL)
        return interop_fail(t, "reply %zu is not the message that it should be", index + 1);
    fine = check_payload(t, reply->payload, index, size);
    grpc__testing__streaming_output_call_response__free_unpacked(reply, NULL);
    return fine;
}

bool interop_expect_compressed(struct interop *t, struct rpc *rpc, size_t index, bool compressed)
{
    return rpc->replies[index].compressed == compressed ||
           interop_fail(t, "reply %zu is %scompressed", index + 1, compressed ? "not " : "");
}

bool interop_expect_sum(struct interop *t, struct rpc *rpc, int32_t sum)
{
    Grpc__Testing__StreamingInputCallResponse *reply;
    int32_t got;

    if (!interop_expect_ok(t, rpc, 1))
        return false;
    reply = grpc__testing__streaming_input_call_response__unpack(NULL, rpc->replies[0].size,
                                                                 rpc->replies[0].data);
    if (reply == NULL)
        return interop_fail(t, "the reply is no StreamingInputCallResponse");
    got = reply->aggregated_payload_size;
    grpc__testing__streaming_input_call_response__free_unpacked(reply, NULL);
    return got == sum ||
           interop_fail(t, "the peer added up %" PRId32 " bytes instead of %" PRId32, got, sum);
}

bool interop_expect_alive(struct interop *t)
{
    struct rpc rpc;
    bool fine = interop_begin(t, &rpc, INTEROP_TEST "EmptyCall", NULL) &&
                interop_send_empty(t, &rpc) && interop_half_close(&rpc) &&
                interop_expect_ok(t, &rpc, 1) && interop_expect_body(t, &rpc, 0, 0);

    rpc_release(&rpc);
    return fine;
}
