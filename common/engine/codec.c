#include "common/engine/codec.h"

#include <string.h>
#include <zlib.h>

#define GZIP_WINDOW (MAX_WBITS + 16) /* zlib's way to say gzip instead of zlib framing */
#define MEM_LEVEL 8
#define FIRST_CAP 512u

/* A zlib state for each framing, made when first needed. */
struct codec {
    z_stream deflaters[GRPC_ENCODINGS], inflaters[GRPC_ENCODINGS];
    bool deflater_made[GRPC_ENCODINGS], inflater_made[GRPC_ENCODINGS];
};

static void *zlib_alloc(void *arg, unsigned count, unsigned size)
{
    (void)arg;
    return mem_calloc(MEM_ZLIB, count, size);
}

static void zlib_free(void *arg, void *ptr)
{
    (void)arg;
    mem_free(MEM_ZLIB, ptr);
}

static int window_of(enum grpc_encoding encoding)
{
    return encoding == GRPC_GZIP ? GZIP_WINDOW : MAX_WBITS;
}

struct codec *codec_new(void)
{
    return mem_calloc(MEM_APP, 1, sizeof(struct codec));
}

void codec_free(struct codec *codec)
{
    if (codec == NULL)
        return;
    for (int i = 0; i < GRPC_ENCODINGS; i++) {
        if (codec->deflater_made[i])
            deflateEnd(&codec->deflaters[i]);
        if (codec->inflater_made[i])
            inflateEnd(&codec->inflaters[i]);
    }
    mem_free(MEM_APP, codec);
}

static bool make_room(struct codec_buffer *buffer, size_t more)
{
    size_t cap = buffer->cap == 0 ? FIRST_CAP : buffer->cap;
    uint8_t *grown;

    if (buffer->cap - buffer->size >= more)
        return true;
    while (cap - buffer->size < more)
        cap *= 2;
    if (cap > UINT32_MAX)
        return false;
    grown = mem_realloc(MEM_APP, buffer->data, cap);
    if (grown == NULL)
        return false;
    buffer->data = grown;
    buffer->cap = (uint32_t)cap;
    return true;
}

bool codec_buffer_put(struct codec_buffer *buffer, const void *data, size_t size)
{
    if (!make_room(buffer, size))
        return false;
    if (size > 0)
        memcpy(buffer->data + buffer->size, data, size);
    buffer->size += (uint32_t)size;
    return true;
}

static z_stream *deflater(struct codec *codec, enum grpc_encoding encoding)
{
    z_stream *z = &codec->deflaters[encoding];

    if (codec->deflater_made[encoding])
        return deflateReset(z) == Z_OK ? z : NULL;
    *z = (z_stream){.zalloc = zlib_alloc, .zfree = zlib_free};
    if (deflateInit2(z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, window_of(encoding), MEM_LEVEL,
                     Z_DEFAULT_STRATEGY) != Z_OK)
        return NULL;
    codec->deflater_made[encoding] = true;
    return z;
}

static z_stream *inflater(struct codec *codec, enum grpc_encoding encoding)
{
    z_stream *z = &codec->inflaters[encoding];

    if (codec->inflater_made[encoding])
        return inflateReset(z) == Z_OK ? z : NULL;
    *z = (z_stream){.zalloc = zlib_alloc, .zfree = zlib_free};
    if (inflateInit2(z, window_of(encoding)) != Z_OK)
        return NULL;
    codec->inflater_made[encoding] = true;
    return z;
}

bool codec_pack(struct codec *codec, enum grpc_encoding encoding, const uint8_t *data, size_t size,
                struct codec_buffer *out)
{
    z_stream *z = deflater(codec, encoding);

    if (z == NULL || !make_room(out, deflateBound(z, size)))
        return false;
    z->next_in = (uint8_t *)data;
    z->avail_in = (unsigned)size;
    z->next_out = out->data + out->size;
    z->avail_out = (unsigned)(out->cap - out->size);
    /* deflateBound promised that one call is enough. */
    if (deflate(z, Z_FINISH) != Z_STREAM_END)
        return false;
    out->size = out->cap - z->avail_out;
    return true;
}

/* The room doubles as bytes really come out, so a bomb costs no more than the limit. */
static int inflate_all(z_stream *z, size_t limit, struct codec_buffer *out)
{
    size_t start = out->size;

    for (;;) {
        size_t left = limit - (out->size - start);
        size_t room = left < FIRST_CAP ? left + 1 : FIRST_CAP;
        int rv;

        if (!make_room(out, room))
            return GRPC_RESOURCE_EXHAUSTED;
        room = out->cap - out->size < left + 1 ? out->cap - out->size : left + 1;
        z->next_out = out->data + out->size;
        z->avail_out = (unsigned)room;
        rv = inflate(z, Z_NO_FLUSH);
        out->size += (uint32_t)room - z->avail_out;
        if (out->size - start > limit)
            return GRPC_RESOURCE_EXHAUSTED;
        if (rv == Z_STREAM_END)
            return z->avail_in == 0 ? 0 : GRPC_INTERNAL;
        if (rv == Z_MEM_ERROR)
            return GRPC_RESOURCE_EXHAUSTED;
        /* Cut short: nothing more goes in and nothing came out. */
        if (rv != Z_OK || (z->avail_in == 0 && z->avail_out > 0))
            return GRPC_INTERNAL;
    }
}

int codec_unpack(struct codec *codec, enum grpc_encoding encoding, const uint8_t *data, size_t size,
                 size_t limit, struct codec_buffer *out)
{
    z_stream *z = inflater(codec, encoding);

    if (z == NULL)
        return GRPC_RESOURCE_EXHAUSTED;
    z->next_in = (uint8_t *)data;
    z->avail_in = (unsigned)size;
    return inflate_all(z, limit, out);
}
