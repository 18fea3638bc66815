#include "stress-server/reply.h"

#include "proto/wire.h"
#include "stress-server/service.h"

#include <string.h>

#define TAG_PAYLOAD 0x0a /* field 1 of the reply */
#define TAG_BODY 0x12    /* field 2 of the Payload */

void reply_begin(struct reply *reply, uint32_t body)
{
    uint8_t inner[12];
    size_t inner_size = 0, n = GRPC_PREFIX;
    uint32_t length;

    if (body > 0) {
        inner[inner_size++] = TAG_BODY;
        inner_size += wire_put_varint(inner + inner_size, body);
    }
    reply->head[n++] = TAG_PAYLOAD;
    n += wire_put_varint(reply->head + n, inner_size + body);
    memcpy(reply->head + n, inner, inner_size);
    n += inner_size;
    reply->head_size = (uint8_t)n;
    reply->size = (uint32_t)n + body;
    reply->offset = 0;
    length = reply->size - GRPC_PREFIX;
    reply->head[0] = 0;
    for (int i = 0; i < 4; i++)
        reply->head[1 + i] = (uint8_t)(length >> (24 - 8 * i));
}

size_t reply_put(struct reply *reply, uint8_t *out, size_t cap)
{
    size_t left = reply->size - reply->offset, n = left < cap ? left : cap, head = 0;

    if (reply->offset < reply->head_size) {
        head = (size_t)(reply->head_size - reply->offset);
        head = head < n ? head : n;
        memcpy(out, reply->head + reply->offset, head);
    }
    memset(out + head, 0, n - head);
    reply->offset += (uint32_t)n;
    if (reply->offset == reply->size)
        reply->size = reply->offset = 0;
    return n;
}

int reply_check_size(struct call *call, int64_t body)
{
    if (body < 0)
        return service_refuse(call, GRPC_INVALID_ARGUMENT, "the size of a reply is negative");
    if (body > REPLY_BODY_MAX)
        return service_refuse(call, GRPC_RESOURCE_EXHAUSTED, "no reply may be larger than 4 MiB");
    return 0;
}

void reply_compress(struct call *call)
{
    if (!call_set_encoding(call, GRPC_GZIP))
        call_set_encoding(call, GRPC_DEFLATE);
}
