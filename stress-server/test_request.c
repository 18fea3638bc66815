#include "stress-server/test_request.h"

#include <string.h>

/* Where a field goes. */
enum target {
    NOTHING,
    RESPONSE_SIZE,
    PAYLOAD,
    RESPONSE_COMPRESSED,
    STATUS,
    EXPECT_COMPRESSED,
};

/* By field number, of each of the messages. */
#define FIELDS 9
static const uint8_t simple_fields[FIELDS] = {
    [2] = RESPONSE_SIZE, [3] = PAYLOAD,           [6] = RESPONSE_COMPRESSED,
    [7] = STATUS,        [8] = EXPECT_COMPRESSED,
};
static const uint8_t input_fields[FIELDS] = {[1] = PAYLOAD, [2] = EXPECT_COMPRESSED};
static const uint8_t output_fields[FIELDS] = {[3] = PAYLOAD, [7] = STATUS};

/* The last field of that number and type in a submessage, if it has one. False: malformed. */
static bool find(const struct wire_field *message, uint32_t number, enum wire_type type,
                 struct wire_field *out)
{
    struct wire_reader r = wire_open(message->data, message->size);
    struct wire_field field;

    while (wire_next(&r, &field)) {
        if (field.number == number && field.type == type)
            *out = field;
    }
    return !r.broken;
}

/* A BoolValue; absent is false. */
static bool read_bool(const struct wire_field *message, bool *out)
{
    struct wire_field field = {.value = 0};

    if (!find(message, 1, WIRE_VARINT, &field))
        return false;
    *out = field.value != 0;
    return true;
}

static bool read_payload(const struct wire_field *message, uint64_t *size)
{
    struct wire_field body = {.size = 0};

    if (!find(message, 2, WIRE_BYTES, &body))
        return false;
    *size = body.size;
    return true;
}

static bool read_status(const struct wire_field *message, struct grpc_status *status)
{
    struct wire_field code = {.value = 0}, text = {.size = 0};

    if (!find(message, 1, WIRE_VARINT, &code) || !find(message, 2, WIRE_BYTES, &text))
        return false;
    if (text.size >= sizeof status->message)
        text.size = sizeof status->message - 1;
    status->code = (int32_t)code.value;
    if (text.size > 0)
        memcpy(status->message, text.data, text.size);
    status->message[text.size] = '\0';
    return true;
}

static bool take(struct test_request *out, enum target target, const struct wire_field *field)
{
    if (target == RESPONSE_SIZE) {
        out->response_size = (int32_t)field->value;
        return field->type == WIRE_VARINT;
    }
    if (field->type != WIRE_BYTES)
        return false;
    switch (target) {
    case PAYLOAD:
        return read_payload(field, &out->payload);
    case RESPONSE_COMPRESSED:
        return read_bool(field, &out->response_compressed);
    case EXPECT_COMPRESSED:
        return read_bool(field, &out->expect_compressed);
    default:
        return read_status(field, &out->status);
    }
}

static bool read_request(struct test_request *out, const uint8_t fields[FIELDS],
                         const uint8_t *data, size_t size)
{
    struct wire_reader r = wire_open(data, size);
    struct wire_field field;

    *out = (struct test_request){.payload = 0};
    while (wire_next(&r, &field)) {
        enum target target = field.number < FIELDS ? (enum target)fields[field.number] : NOTHING;

        if (target != NOTHING && !take(out, target, &field))
            return false;
    }
    return !r.broken;
}

bool test_request_read_simple(struct test_request *out, const uint8_t *data, size_t size)
{
    return read_request(out, simple_fields, data, size);
}

bool test_request_read_input(struct test_request *out, const uint8_t *data, size_t size)
{
    return read_request(out, input_fields, data, size);
}

bool test_request_read_output(struct test_request *out, const uint8_t *data, size_t size)
{
    return read_request(out, output_fields, data, size);
}

static bool read_parameters(const struct wire_field *message, struct test_reply_parameters *out)
{
    struct wire_field size = {.value = 0}, interval = {.value = 0}, compressed = {.size = 0};

    if (message->type != WIRE_BYTES || !find(message, 1, WIRE_VARINT, &size) ||
        !find(message, 2, WIRE_VARINT, &interval) || !find(message, 3, WIRE_BYTES, &compressed))
        return false;
    out->size = (int32_t)size.value;
    out->interval_us = (int32_t)interval.value;
    return read_bool(&compressed, &out->compressed);
}

bool test_request_next(struct wire_reader *r, struct test_reply_parameters *out)
{
    struct wire_field field;

    while (wire_next(r, &field)) {
        if (field.number == 2) {
            r->broken = !read_parameters(&field, out);
            return !r->broken;
        }
    }
    return false;
}
