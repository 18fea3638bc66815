#include "stress-server/service_reflection.h"

#include "common/engine/codec.h"
#include "proto/reflection.pb-c.h"
#include "stress-server/counted_protobuf.h"
#include "stress-server/service.h"
#include "stress-server/services.h"
#include "stress-server/symbols.h"

#include <string.h>

#define PENDING_MAX 65536 /* bytes of questions that wait for their answer's turn */

typedef Grpc__Reflection__V1__ServerReflectionRequest question;
typedef Grpc__Reflection__V1__ServerReflectionResponse answer;

struct reflection_call {
    struct codec_buffer pending; /* questions, each behind its size */
    size_t pending_taken;
    struct codec_buffer reply; /* under way, with its prefix */
    size_t reply_taken;
    bool closing; /* OK follows the last answer */
};

/* protobuf-c's sink over ours. */
struct sink {
    ProtobufCBuffer base;
    struct codec_buffer *out;
    bool full; /* out of memory */
};

static void append(ProtobufCBuffer *base, size_t size, const uint8_t *data)
{
    struct sink *sink = (struct sink *)base;

    sink->full = sink->full || !codec_buffer_put(sink->out, data, size);
}

static bool pack(const answer *a, struct codec_buffer *out)
{
    size_t size = grpc__reflection__v1__server_reflection_response__get_packed_size(a);
    uint8_t prefix[GRPC_PREFIX] = {0, (uint8_t)(size >> 24), (uint8_t)(size >> 16),
                                   (uint8_t)(size >> 8), (uint8_t)size};
    struct sink sink = {.base.append = append, .out = out};

    append(&sink.base, sizeof prefix, prefix);
    grpc__reflection__v1__server_reflection_response__pack_to_buffer(a, &sink.base);
    return !sink.full;
}

static bool put_error(answer *a, int code, const char *text, struct codec_buffer *out)
{
    Grpc__Reflection__V1__ErrorResponse error = GRPC__REFLECTION__V1__ERROR_RESPONSE__INIT;

    error.error_code = code;
    error.error_message = (char *)text;
    a->message_response_case =
        GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_ERROR_RESPONSE;
    a->error_response = &error;
    return pack(a, out);
}

static bool put_file(answer *a, bool found, const struct wire_field *file, struct codec_buffer *out)
{
    Grpc__Reflection__V1__FileDescriptorResponse files =
        GRPC__REFLECTION__V1__FILE_DESCRIPTOR_RESPONSE__INIT;
    ProtobufCBinaryData data;

    if (!found)
        return put_error(a, GRPC_NOT_FOUND, "no such file or symbol", out);
    data = (ProtobufCBinaryData){file->size, (uint8_t *)file->data};
    files.n_file_descriptor_proto = 1;
    files.file_descriptor_proto = &data;
    a->message_response_case =
        GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_FILE_DESCRIPTOR_RESPONSE;
    a->file_descriptor_response = &files;
    return pack(a, out);
}

static bool put_services(answer *a, struct codec_buffer *out)
{
    char names[SERVICES_MAX][SERVICES_NAME];
    size_t count = services_list(names);
    Grpc__Reflection__V1__ServiceResponse services[SERVICES_MAX];
    Grpc__Reflection__V1__ServiceResponse *list[SERVICES_MAX];
    Grpc__Reflection__V1__ListServiceResponse response =
        GRPC__REFLECTION__V1__LIST_SERVICE_RESPONSE__INIT;

    for (size_t i = 0; i < count; i++) {
        grpc__reflection__v1__service_response__init(&services[i]);
        services[i].name = names[i];
        list[i] = &services[i];
    }
    response.n_service = count;
    response.service = list;
    a->message_response_case =
        GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_LIST_SERVICES_RESPONSE;
    a->list_services_response = &response;
    return pack(a, out);
}

/* Our files have no extensions, so of a known type there are none. */
static bool put_extensions(answer *a, const char *type, struct codec_buffer *out)
{
    Grpc__Reflection__V1__ExtensionNumberResponse numbers =
        GRPC__REFLECTION__V1__EXTENSION_NUMBER_RESPONSE__INIT;
    struct wire_field file;

    if (!symbols_find(type, &file))
        return put_error(a, GRPC_NOT_FOUND, "no such type", out);
    numbers.base_type_name = (char *)type;
    a->message_response_case =
        GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_ALL_EXTENSION_NUMBERS_RESPONSE;
    a->all_extension_numbers_response = &numbers;
    return pack(a, out);
}

/* False: out of memory. */
static bool put_answer(question *q, struct codec_buffer *out)
{
    answer a = GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__INIT;
    struct wire_field file;
    bool found;

    a.valid_host = q->host;
    a.original_request = q;
    switch (q->message_request_case) {
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_BY_FILENAME:
        found = symbols_find_file(q->file_by_filename, &file);
        return put_file(&a, found, &file, out);
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_CONTAINING_SYMBOL:
        found = symbols_find(q->file_containing_symbol, &file);
        return put_file(&a, found, &file, out);
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_CONTAINING_EXTENSION:
        return put_error(&a, GRPC_NOT_FOUND, "no such extension", out);
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_ALL_EXTENSION_NUMBERS_OF_TYPE:
        return put_extensions(&a, q->all_extension_numbers_of_type, out);
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_LIST_SERVICES:
        return put_services(&a, out);
    default:
        return put_error(&a, GRPC_INVALID_ARGUMENT, "the request asks for nothing", out);
    }
}

static bool reply_to(struct call *call, const uint8_t *data, size_t size)
{
    struct reflection_call *r = call_state(call);
    question *q =
        grpc__reflection__v1__server_reflection_request__unpack(&counted_protobuf, size, data);
    bool done;

    if (q == NULL) {
        service_refuse_garbled(call);
        return false;
    }
    done = put_answer(q, &r->reply);
    grpc__reflection__v1__server_reflection_request__free_unpacked(q, &counted_protobuf);
    if (!done)
        service_refuse(call, GRPC_RESOURCE_EXHAUSTED, "out of memory");
    return done;
}

/* Makes the answer to the next question; false: there is none, or the call has ended. */
static bool begin_next(struct call *call)
{
    struct reflection_call *r = call_state(call);
    const uint8_t *at;
    uint32_t size;
    bool done;

    if (r->pending_taken == r->pending.size) {
        if (r->closing)
            call_finish(call, GRPC_OK, NULL);
        return false;
    }
    at = r->pending.data + r->pending_taken;
    memcpy(&size, at, sizeof size);
    r->pending_taken += sizeof size + size;
    done = reply_to(call, at + sizeof size, size);
    if (r->pending_taken == r->pending.size) {
        codec_buffer_free(&r->pending);
        r->pending_taken = 0;
    }
    return done;
}

static size_t produce(struct call *call, uint8_t *out, size_t cap)
{
    struct reflection_call *r = call_state(call);
    size_t used = 0, n;

    while (used < cap && (r->reply.size > 0 || begin_next(call))) {
        n = r->reply.size - r->reply_taken < cap - used ? r->reply.size - r->reply_taken
                                                        : cap - used;
        if (r->reply.data == NULL) /* a reply has its prefix at least */
            break;
        memcpy(out + used, r->reply.data + r->reply_taken, n);
        used += n;
        r->reply_taken += n;
        if (r->reply_taken == r->reply.size) {
            codec_buffer_free(&r->reply);
            r->reply_taken = 0;
        }
    }
    return used;
}

static int take(struct call *call, const uint8_t *data, size_t size)
{
    struct reflection_call *r = call_state(call);
    uint32_t length = (uint32_t)size;

    if (r->pending_taken > 0) {
        r->pending.size -= r->pending_taken;
        memmove(r->pending.data, r->pending.data + r->pending_taken, r->pending.size);
        r->pending_taken = 0;
    }
    if (r->pending.size + size > PENDING_MAX)
        return service_refuse(call, GRPC_RESOURCE_EXHAUSTED, "too many questions at a time");
    if (!codec_buffer_put(&r->pending, &length, sizeof length) ||
        !codec_buffer_put(&r->pending, data, size))
        return service_refuse(call, GRPC_RESOURCE_EXHAUSTED, "out of memory");
    call_resume(call);
    return 0;
}

static int finish(struct call *call)
{
    struct reflection_call *r = call_state(call);

    r->closing = true;
    call_resume(call);
    return 0;
}

static void done(struct call *call, const struct grpc_status *status)
{
    struct reflection_call *r = call_state(call);

    (void)status;
    codec_buffer_free(&r->pending);
    codec_buffer_free(&r->reply);
}

const struct call_ops reflection_info = {
    .state_size = sizeof(struct reflection_call),
    .on_whole = take,
    .on_half_close = finish,
    .produce = produce,
    .on_done = done,
};
