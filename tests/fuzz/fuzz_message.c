/*
 * gRPC's framing and what is in it. Input: a byte that says what follows, then the bytes.
 *
 * 0: DATA of a call, after a byte that says how it is cut, and one that says how it is encoded and
 * taken. What a method is told does not depend on where the bytes are cut, no message is larger
 * than the limit, however it was compressed, and nothing is left in any zone. 1: a message, which
 * comes back from each compression as it was. 2: texts of headers: what is read can be written and
 * read again. else: a message of one of the types of proto/, by number: refused, or what was read
 * is written and read again as the same.
 */
#include "common/base/rng.h"
#include "common/engine/call.h"
#include "common/engine/grpc_wire.h"
#include "common/engine/mem.h"
#include "common/engine/session_internal.h"
#include "proto/empty.pb-c.h"
#include "proto/flatline.pb-c.h"
#include "proto/health.pb-c.h"
#include "proto/messages.pb-c.h"
#include "proto/reflection.pb-c.h"
#include "proto/relay.pb-c.h"
#include "proto/wire.h"
#include "tests/fuzz/require.h"

#include <stdlib.h>
#include <string.h>

#define MAX_MESSAGE 5000
#define FNV UINT64_C(0x100000001b3)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ---- framing ---- */

/* What a method was told, whatever the pieces. */
struct told {
    uint64_t sum; /* FNV-1a of bytes and ends */
    uint64_t messages;
    uint32_t left;
    bool inside, deaf;
};

static void sum_up(struct told *told, const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < size; i++)
        told->sum = (told->sum ^ data[i]) * FNV;
}

static struct told *told_of(struct call *call)
{
    return call_state(call);
}

static int on_message(struct call *call, uint32_t length)
{
    struct told *told = told_of(call);

    require(!told->inside && length <= MAX_MESSAGE);
    told->inside = true;
    told->left = length;
    told->sum = (told->sum ^ length) * FNV;
    return 0;
}

static int on_data(struct call *call, const uint8_t *data, size_t size)
{
    struct told *told = told_of(call);

    require(told->inside && size > 0 && size <= told->left);
    told->left -= (uint32_t)size;
    sum_up(told, data, size);
    return 0;
}

static int on_message_end(struct call *call)
{
    struct told *told = told_of(call);

    require(told->inside && told->left == 0);
    told->inside = false;
    told->messages++;
    return 0;
}

static int on_whole(struct call *call, const uint8_t *data, size_t size)
{
    struct told *told = told_of(call);

    require(data != NULL && size <= MAX_MESSAGE);
    told->sum = (told->sum ^ size) * FNV;
    told->messages++;
    sum_up(told, data, size);
    return 0;
}

static const struct call_ops ways[] = {
    {.state_size = sizeof(struct told),
     .on_message = on_message,
     .on_data = on_data,
     .on_message_end = on_message_end},
    {.state_size = sizeof(struct told), .on_whole = on_whole},
};

/* What was put off since it would have taken too long, as the session does in the next turns. */
static void finish_turn(struct call *call)
{
    while (!call_receive_rest(call))
        ;
}

/* A call without a connection: what ends it early makes it deaf. */
static struct told receive(struct engine_loop *loop, uint8_t how, const uint8_t *data, size_t size,
                           struct rng *rng)
{
    struct session session = {.conn.loop = loop, .max_message = MAX_MESSAGE};
    struct call *call = call_new(&session, &ways[how % 2], false);
    struct told told;

    require(call != NULL);
    call->in_encoding = how / 2 % GRPC_ENCODINGS;
    while (size > 0) {
        size_t piece = rng == NULL ? size : rng_range(rng, 1, size < 20 ? size : 20);

        if (!call_receive(call, data, piece))
            finish_turn(call);
        data += piece;
        size -= piece;
    }
    told = *told_of(call);
    told.deaf = call->deaf;
    call_end(call, NGHTTP2_NO_ERROR);
    return told;
}

static void check_framing(const uint8_t *data, size_t size)
{
    struct engine_loop *loop = engine_loop_new();
    struct told whole, cut;
    struct rng rng;

    if (size >= 2) {
        rng = (struct rng){.seed = data[0]};
        whole = receive(loop, data[1], data + 2, size - 2, NULL);
        cut = receive(loop, data[1], data + 2, size - 2, &rng);
        require(whole.sum == cut.sum && whole.messages == cut.messages && whole.deaf == cut.deaf);
        require(whole.inside == cut.inside && whole.left == cut.left);
    }
    engine_loop_free(loop);
}

static void check_codec(const uint8_t *data, size_t size)
{
    struct codec *codec = codec_new();

    for (int encoding = GRPC_GZIP; encoding < GRPC_ENCODINGS; encoding++) {
        struct codec_buffer packed = {.data = NULL}, plain = {.data = NULL}, less = {.data = NULL};

        require(codec_pack(codec, encoding, data, size, &packed));
        require(codec_unpack(codec, encoding, packed.data, packed.size, size, &plain) == 0);
        require(plain.size == size && (size == 0 || memcmp(plain.data, data, size) == 0));
        if (size > 0)
            require(codec_unpack(codec, encoding, packed.data, packed.size, size - 1, &less) ==
                    GRPC_RESOURCE_EXHAUSTED);
        codec_buffer_free(&packed);
        codec_buffer_free(&plain);
        codec_buffer_free(&less);
    }
    codec_free(codec);
}

/* ---- headers ---- */

static void take_metadata(void *arg, const struct grpc_metadata *metadata)
{
    struct codec_buffer *list = arg;

    require(metadata->name != NULL && (metadata->size == 0 || metadata->value != NULL));
    require(metadata_add(list, metadata));
}

/* What was decoded can be sent. */
static void check_metadata(const char *name, const char *text, size_t size)
{
    struct codec_buffer list = {.data = NULL};
    nghttp2_nv nv[CALL_METADATA_MAX];
    size_t count;

    require(metadata_decode(name, strlen(name), text, size, take_metadata, &list));
    count = metadata_put(&list, nv, CALL_METADATA_MAX);
    for (size_t i = 0; i < count; i++)
        require(nv[i].namelen == strlen(name) && memcmp(nv[i].name, name, nv[i].namelen) == 0);
    codec_buffer_free(&list);
}

static void check_texts(const char *text, size_t size)
{
    char message[GRPC_MESSAGE_TEXT], again[GRPC_MESSAGE_TEXT], wire[3 * GRPC_MESSAGE_TEXT];
    char timeout[GRPC_TIMEOUT_TEXT];
    uint64_t ns, back;
    size_t n = grpc_message_decode(text, size, message, sizeof message);

    require(n < sizeof message && message[n] == '\0');
    n = grpc_message_encode(message, wire, sizeof wire);
    require(n < sizeof wire && wire[n] == '\0');
    grpc_message_decode(wire, n, again, sizeof again);
    require(strcmp(message, again) == 0);
    if (grpc_timeout_parse(text, size, &ns)) {
        n = grpc_timeout_format(ns, timeout);
        require(n < sizeof timeout && grpc_timeout_parse(timeout, n, &back) && back >= ns);
    }
    require(grpc_code_name(grpc_status_parse(text, size)) != NULL);
    require(!grpc_content_type_ok(text, size) || size >= strlen("application/grpc"));
    require(grpc_encoding_find(text, size) < GRPC_ENCODINGS);
    (void)metadata_is_custom(text, size);
    check_metadata("x-text", text, size);
    check_metadata("x-bits-bin", text, size);
}

/* ---- messages ---- */

static const ProtobufCMessageDescriptor *const types[] = {
    &grpc__testing__empty__descriptor,
    &flatline__v1__payload__descriptor,
    &flatline__v1__stream_request__descriptor,
    &grpc__health__v1__health_check_request__descriptor,
    &grpc__health__v1__health_check_response__descriptor,
    &grpc__testing__bool_value__descriptor,
    &grpc__testing__payload__descriptor,
    &grpc__testing__echo_status__descriptor,
    &grpc__testing__simple_request__descriptor,
    &grpc__testing__simple_response__descriptor,
    &grpc__testing__streaming_input_call_request__descriptor,
    &grpc__testing__streaming_input_call_response__descriptor,
    &grpc__testing__response_parameters__descriptor,
    &grpc__testing__streaming_output_call_request__descriptor,
    &grpc__testing__streaming_output_call_response__descriptor,
    &grpc__reflection__v1__server_reflection_request__descriptor,
    &grpc__reflection__v1__extension_request__descriptor,
    &grpc__reflection__v1__server_reflection_response__descriptor,
    &grpc__reflection__v1__file_descriptor_response__descriptor,
    &grpc__reflection__v1__extension_number_response__descriptor,
    &grpc__reflection__v1__list_service_response__descriptor,
    &grpc__reflection__v1__service_response__descriptor,
    &grpc__reflection__v1__error_response__descriptor,
    &flatline__v1__event__descriptor,
    &flatline__v1__receipt__descriptor,
    &flatline__v1__subscription__descriptor,
};
#define TYPES (sizeof types / sizeof *types)

static uint8_t *pack(const ProtobufCMessage *message, size_t *size)
{
    uint8_t *out;

    *size = protobuf_c_message_get_packed_size(message);
    out = malloc(*size + 1);
    require(out != NULL && protobuf_c_message_pack(message, out) == *size);
    return out;
}

static void check_message(const ProtobufCMessageDescriptor *type, const uint8_t *data, size_t size)
{
    ProtobufCMessage *message = protobuf_c_message_unpack(type, NULL, size, data), *same;
    uint8_t *first, *second;
    size_t first_size, second_size;

    if (message == NULL)
        return;
    first = pack(message, &first_size);
    same = protobuf_c_message_unpack(type, NULL, first_size, first);
    /* protobuf-c keeps a field number 0 and writes it, but so that it cannot read it. */
    if (same != NULL) {
        second = pack(same, &second_size);
        require(first_size == second_size && memcmp(first, second, first_size) == 0);
        free(second);
        protobuf_c_message_free_unpacked(same, NULL);
    }
    free(first);
    protobuf_c_message_free_unpacked(message, NULL);
}

/* Our own reader, in place: within the bytes, and no field that is none. */
static void check_wire(const uint8_t *data, size_t size)
{
    struct wire_reader reader = wire_open(data, size);
    struct wire_field field;
    uint8_t out[10];

    while (wire_next(&reader, &field)) {
        require(reader.at > data && reader.at <= data + size && field.number > 0);
        if (field.type == WIRE_BYTES)
            require(field.data >= data && field.size <= size &&
                    field.data + field.size <= data + size);
        if (field.type == WIRE_VARINT)
            require(wire_put_varint(out, field.value) <= sizeof out);
    }
    require(reader.broken || reader.at == data + size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int64_t before = mem_live(MEM_APP) + mem_live(MEM_ZLIB);

    if (size == 0)
        return 0;
    if (data[0] == 0) {
        check_framing(data + 1, size - 1);
    } else if (data[0] == 1) {
        check_codec(data + 1, size - 1);
    } else if (data[0] == 2) {
        check_texts((const char *)data + 1, size - 1);
    } else {
        check_message(types[data[0] % TYPES], data + 1, size - 1);
        check_wire(data + 1, size - 1);
    }
    require(mem_live(MEM_APP) + mem_live(MEM_ZLIB) == before);
    return 0;
}
