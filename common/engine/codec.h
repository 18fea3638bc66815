/*
 * Message compression: gzip and deflate (zlib, RFC 1950) as in gRPC's compression document
 * (github.com/grpc/grpc/blob/master/doc/compression.md). One codec serves a whole loop: its zlib
 * states are made at first use, reset for every message and kept, so compression costs no memory
 * per call.
 */
#ifndef FLATLINE_ENGINE_CODEC_H
#define FLATLINE_ENGINE_CODEC_H

#include "common/engine/grpc.h"
#include "common/engine/mem.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct codec;

/* NULL: out of memory. */
struct codec *codec_new(void);
void codec_free(struct codec *codec);

/* Bytes that grow as needed, in MEM_APP, up to 2 GiB; all zero is empty. */
struct codec_buffer {
    uint8_t *data;
    uint32_t size, cap;
};
static inline void codec_buffer_free(struct codec_buffer *buffer)
{
    if (buffer->data == NULL)
        return;
    mem_free(MEM_APP, buffer->data);
    *buffer = (struct codec_buffer){.data = NULL};
}
/* Appends; false: out of memory, and nothing changed. */
bool codec_buffer_put(struct codec_buffer *buffer, const void *data, size_t size);

/* Appends the compressed form of a message; false: out of memory. */
bool codec_pack(struct codec *codec, enum grpc_encoding encoding, const uint8_t *data, size_t size,
                struct codec_buffer *out);

/*
 * Appends the plain form of a compressed message; 0, or the status to end the call with: INTERNAL
 * (not such data), RESOURCE_EXHAUSTED (more than `limit` bytes come out, or no memory).
 */
int codec_unpack(struct codec *codec, enum grpc_encoding encoding, const uint8_t *data, size_t size,
                 size_t limit, struct codec_buffer *out);

#endif
