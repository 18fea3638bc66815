/* The incoming side of a call: framing, decompression, assembly, and the method's callbacks. */
#include "common/engine/call.h"

#include "common/base/clock.h"
#include "common/engine/codec.h"
#include "common/engine/mem.h"
#include "common/engine/session_internal.h"

#include <string.h>

#define PUT_OFF (-1) /* beside the codes of grpc.h: the message is whole, and waits */

static struct engine_stats *stats_of(struct call *call)
{
    return &call->session->conn.loop->stats;
}

static bool is_compressed(const struct call *call)
{
    return call->in.prefix[0] == 1;
}

bool call_message_compressed(const struct call *call)
{
    return is_compressed(call);
}

enum grpc_encoding call_message_encoding(const struct call *call)
{
    return is_compressed(call) ? (enum grpc_encoding)call->in_encoding : GRPC_IDENTITY;
}

/* A message is kept only when it must be: to be handed over whole, or to be decompressed. */
static bool is_assembled(const struct call *call)
{
    return call->ops->on_whole != NULL || is_compressed(call);
}

static int message_begin(struct call *call)
{
    call->in.left = framing_length(&call->in);
    if (call->in.prefix[0] > 1)
        return GRPC_INTERNAL;
    if (is_compressed(call) && call->in_encoding == GRPC_IDENTITY)
        return GRPC_INTERNAL;
    if (call->in.left > call->session->max_message)
        return GRPC_RESOURCE_EXHAUSTED;
    if (is_assembled(call) || call->ops->on_message == NULL)
        return 0;
    return call->ops->on_message(call, call->in.left);
}

static void let_go(struct call *call)
{
    call->session->conn.loop->held -= call->held;
    call->held = 0;
}

void call_release_whole(struct call *call)
{
    let_go(call);
    codec_buffer_free(&call->whole);
}

/* Of a large message what has come, not what was announced: that costs the client nothing. */
static bool hold(struct call *call, const uint8_t *data, size_t size)
{
    struct engine_loop *loop = call->session->conn.loop;

    if (framing_length(&call->in) > GUARD_HELD_SMALL) {
        if (loop->held_max - loop->held < size)
            return false;
        loop->held += size;
        call->held += (uint32_t)size;
    }
    return codec_buffer_put(&call->whole, data, size);
}

static int message_data(struct call *call, const uint8_t *data, size_t size)
{
    call->in.left -= (uint32_t)size;
    if (is_assembled(call))
        return hold(call, data, size) ? 0 : GRPC_RESOURCE_EXHAUSTED;
    return call->ops->on_data != NULL ? call->ops->on_data(call, data, size) : 0;
}

/* A whole plain message, to whichever callbacks the method has. */
static int deliver(struct call *call, const uint8_t *data, size_t size)
{
    const struct call_ops *ops = call->ops;
    int code = 0;

    if (ops->on_whole != NULL)
        return ops->on_whole(call, data, size);
    if (ops->on_message != NULL)
        code = ops->on_message(call, (uint32_t)size);
    if (code == 0 && ops->on_data != NULL && size > 0)
        code = ops->on_data(call, data, size);
    if (code == 0 && ops->on_message_end != NULL)
        code = ops->on_message_end(call);
    return code;
}

static int unpack_and_deliver(struct call *call, const uint8_t *data, size_t size)
{
    struct codec_buffer plain = {.data = NULL};
    struct engine_loop *loop = call->session->conn.loop;
    struct codec *codec = loop_codec(loop);
    uint64_t begun = clock_now_ns();
    int code = codec == NULL ? GRPC_RESOURCE_EXHAUSTED
                             : codec_unpack(codec, call->in_encoding, data, size,
                                            call->session->max_message, &plain);

    if (code == 0)
        code = deliver(call, plain.data, plain.size);
    codec_buffer_free(&plain);
    loop_worked(loop, clock_now_ns() - begun);
    return code;
}

static void message_done(struct call *call)
{
    struct engine_stats *stats = stats_of(call);

    call->in.have = 0;
    stats->messages_received++;
    if (stats->first_message_ns == 0)
        stats->first_message_ns = clock_now_ns();
}

static int message_end(struct call *call)
{
    static const uint8_t nothing;
    int code;

    if (is_compressed(call) && !loop_may_work(call->session->conn.loop))
        return PUT_OFF;
    message_done(call);
    if (!is_assembled(call))
        return call->ops->on_message_end != NULL ? call->ops->on_message_end(call) : 0;
    if (is_compressed(call))
        code = unpack_and_deliver(call, call->whole.data, call->whole.size);
    else
        code =
            deliver(call, call->whole.data != NULL ? call->whole.data : &nothing, call->whole.size);
    call_release_whole(call);
    return code;
}

/* One step over incoming bytes; *code gets what the method answered. Returns the bytes taken. */
static size_t receive_step(struct call *call, const uint8_t *data, size_t size, int *code)
{
    struct framing *in = &call->in;
    size_t n;

    if (in->have < GRPC_PREFIX) {
        n = framing_take_prefix(in, data, size);
        if (in->have < GRPC_PREFIX)
            return n;
        *code = message_begin(call);
    } else {
        n = in->left < size ? in->left : size;
        *code = message_data(call, data, n);
    }
    if (*code == 0 && in->left == 0)
        *code = message_end(call);
    return n;
}

static const char *refusal_text(int code)
{
    switch (code) {
    case GRPC_RESOURCE_EXHAUSTED:
        return "message larger than the limit, or no room for it";
    case GRPC_INTERNAL:
        return "compressed or malformed message prefix";
    default:
        return NULL;
    }
}

/* What follows the message that waits is kept behind it. */
static int put_off(struct call *call, const uint8_t *data, size_t size)
{
    if (!codec_buffer_put(&call->whole, data, size))
        return GRPC_RESOURCE_EXHAUSTED;
    call->session->put_off = call;
    return PUT_OFF;
}

static bool receive(struct call *call, const uint8_t *data, size_t size)
{
    int code = 0;

    while (size > 0 && code == 0 && !call->deaf) {
        size_t n = receive_step(call, data, size, &code);

        data += n;
        size -= n;
        if (code == PUT_OFF)
            code = put_off(call, data, size);
    }
    if (code == PUT_OFF)
        return false;
    if (code != 0)
        call_fail(call, code, refusal_text(code));
    return true;
}

bool call_receive(struct call *call, const uint8_t *data, size_t size)
{
    stats_of(call)->bytes_received += size;
    return receive(call, data, size);
}

bool call_receive_rest(struct call *call)
{
    struct codec_buffer kept = call->whole;
    size_t size = framing_length(&call->in);
    bool received = true;
    int code;

    call->session->put_off = NULL;
    if (call->deaf)
        return true;
    let_go(call);
    call->whole = (struct codec_buffer){.data = NULL};
    message_done(call);
    code = unpack_and_deliver(call, kept.data, size);
    if (code != 0)
        call_fail(call, code, refusal_text(code));
    else
        received = receive(call, kept.data + size, kept.size - size);
    codec_buffer_free(&kept);
    return received;
}
