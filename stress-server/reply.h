/*
 * A reply of the official test services: SimpleResponse and StreamingOutputCallResponse are alike
 * on the wire, a Payload in field 1, whose body is zeros as with the official servers. Written in
 * place, cut anywhere.
 */
#ifndef FLATLINE_STRESS_SERVER_REPLY_H
#define FLATLINE_STRESS_SERVER_REPLY_H

#include "common/engine/grpc.h"

/* Body bytes; what clients take by default. */
#define REPLY_BODY_MAX (GRPC_MAX_MESSAGE - 32)

#define REPLY_HEAD_MAX 24 /* prefix, two tags, two lengths */

/* All zero: no reply under way. */
struct reply {
    uint32_t size;   /* of the whole message with its prefix; 0: none */
    uint32_t offset; /* of it, written */
    uint8_t head[REPLY_HEAD_MAX];
    uint8_t head_size;
};

/* Begins a reply with that many body bytes, at most REPLY_BODY_MAX. */
void reply_begin(struct reply *reply, uint32_t body);

static inline bool reply_busy(const struct reply *reply)
{
    return reply->size != 0;
}

/* Writes what is left, at most cap bytes; returns how many, 0 if no reply is under way. */
size_t reply_put(struct reply *reply, uint8_t *out, size_t cap);

/* Of a request: 0, or the call ended with a status since no reply may be that large. */
int reply_check_size(struct call *call, int64_t body);

/* Compresses the call's replies as the client takes it best; nothing if it takes no compression.
 * Before the first reply. */
void reply_compress(struct call *call);

#endif
