#include "common/engine/head.h"

#include "common/engine/grpc_wire.h"
#include "common/engine/metadata.h"

#include <string.h>

static bool name_is(const char *name, size_t size, const char *expected)
{
    return strlen(expected) == size && memcmp(name, expected, size) == 0;
}

static void refuse(struct head *head, int http, int code, const char *text)
{
    if (head->refuse_http != 0 || head->refuse_code != 0)
        return;
    head->refuse_http = http;
    head->refuse_code = code;
    head->refuse_text = text;
}

/* "identity, gzip": a bit for each that we know. */
static uint8_t parse_encodings(const char *list, size_t size)
{
    uint8_t accepted = 1 << GRPC_IDENTITY;

    while (size > 0) {
        const char *comma = memchr(list, ',', size);
        size_t part = comma != NULL ? (size_t)(comma - list) : size, step = part + (comma != NULL);
        size_t skip = strspn(list, " ") < part ? strspn(list, " ") : part;
        int encoding = grpc_encoding_find(list + skip, part - skip);

        if (encoding >= 0)
            accepted |= (uint8_t)(1 << encoding);
        list += step;
        size -= step;
    }
    return accepted;
}

static void take_encoding(struct head *head, const char *value, size_t size)
{
    int encoding = grpc_encoding_find(value, size);

    if (encoding >= 0)
        head->encoding = (uint8_t)encoding;
    else
        refuse(head, 0, GRPC_UNIMPLEMENTED, "grpc-encoding not supported");
}

static void take_timeout(struct head *head, const char *value, size_t size)
{
    head->timeout = grpc_timeout_parse(value, size, &head->timeout_ns);
    if (!head->timeout)
        refuse(head, 0, GRPC_INTERNAL, "malformed grpc-timeout");
}

static void take_custom(struct head *head, const char *name, size_t name_size, const char *value,
                        size_t size)
{
    if (head->ops == NULL || head->ops->on_metadata == NULL || !metadata_is_custom(name, name_size))
        return;
    if (!metadata_add_raw(&head->custom, name, name_size, value, size))
        refuse(head, 0, GRPC_RESOURCE_EXHAUSTED, "out of memory");
}

void head_begin(struct head *head)
{
    codec_buffer_free(&head->custom);
    memset(head, 0, sizeof *head);
}

void head_take_request(struct head *head, const char *name, size_t name_size, const char *value,
                       size_t size)
{
    if (head->list_size > HEAD_LIST_MAX)
        refuse(head, 0, GRPC_RESOURCE_EXHAUSTED, "header list larger than the limit");
    else if (name_is(name, name_size, ":method"))
        head->post = name_is(value, size, "POST");
    else if (name_is(name, name_size, "content-type"))
        head->content_type = grpc_content_type_ok(value, size);
    else if (name_is(name, name_size, "te"))
        head->te = name_is(value, size, "trailers");
    else if (name_is(name, name_size, "grpc-timeout"))
        take_timeout(head, value, size);
    else if (name_is(name, name_size, "grpc-encoding"))
        take_encoding(head, value, size);
    else if (name_is(name, name_size, "grpc-accept-encoding"))
        head->accepted = parse_encodings(value, size);
    else
        take_custom(head, name, name_size, value, size);
}

/* HTTP first, then gRPC, then the method: the answer is about the outermost thing that is wrong. */
void head_check_request(struct head *head)
{
    int code = head->refuse_code;
    const char *text = head->refuse_text;

    head->refuse_code = 0;
    if (!head->post)
        refuse(head, 405, 0, NULL);
    if (!head->content_type)
        refuse(head, 415, 0, NULL);
    if (!head->te)
        refuse(head, 0, GRPC_INTERNAL, "te: trailers is missing");
    if (code != 0)
        refuse(head, 0, code, text);
    if (head->ops == NULL)
        refuse(head, 0, GRPC_UNIMPLEMENTED, "unknown service or method");
}
