/* The outgoing side of a call: production on demand, compression, headers and trailers. */
#include "common/engine/call.h"

#include "common/base/clock.h"
#include "common/engine/codec.h"
#include "common/engine/grpc_wire.h"
#include "common/engine/mem.h"
#include "common/engine/session_internal.h"

#include <stdio.h>
#include <string.h>

#define NV_MAX (5 + 2 * CALL_METADATA_MAX)

static struct engine_stats *stats_of(struct call *call)
{
    return &call->session->conn.loop->stats;
}

static void count_sent(struct call *call, const uint8_t *data, size_t size)
{
    struct framing *out = &call->out;

    stats_of(call)->bytes_sent += size;
    while (size > 0) {
        size_t n;

        if (out->have < GRPC_PREFIX) {
            n = framing_take_prefix(out, data, size);
            if (out->have == GRPC_PREFIX)
                out->left = framing_length(out);
        } else {
            n = out->left < size ? out->left : size;
            out->left -= (uint32_t)n;
        }
        if (out->have == GRPC_PREFIX && out->left == 0) {
            stats_of(call)->messages_sent++;
            out->have = 0;
        }
        data += n;
        size -= n;
    }
}

static void put_prefix(uint8_t out[GRPC_PREFIX], bool compressed, size_t size)
{
    out[0] = compressed;
    out[1] = (uint8_t)(size >> 24);
    out[2] = (uint8_t)(size >> 16);
    out[3] = (uint8_t)(size >> 8);
    out[4] = (uint8_t)size;
}

static size_t take_queue(struct call *call, uint8_t *out, size_t cap)
{
    size_t left = call->queue.size - call->queue_taken, n = left < cap ? left : cap;

    if (n == 0)
        return 0;
    memcpy(out, call->queue.data + call->queue_taken, n);
    call->queue_taken += (uint32_t)n;
    if (call->queue_taken == call->queue.size) {
        codec_buffer_free(&call->queue);
        call->queue_taken = 0;
    }
    return n;
}

/* Queues a message, compressed if asked; false: out of memory, and the queue is as it was. */
static bool queue_message(struct call *call, const uint8_t *data, size_t size, bool compressed)
{
    static const uint8_t blank[GRPC_PREFIX];
    struct codec *codec = compressed ? loop_codec(call->session->conn.loop) : NULL;
    size_t before = call->queue.size;
    bool done = codec_buffer_put(&call->queue, blank, GRPC_PREFIX);

    if (done && compressed)
        done = codec != NULL && codec_pack(codec, call->out_encoding, data, size, &call->queue);
    else if (done)
        done = codec_buffer_put(&call->queue, data, size);
    if (!done) {
        call->queue.size = before;
        return false;
    }
    put_prefix(call->queue.data + before, compressed, call->queue.size - before - GRPC_PREFIX);
    return true;
}

/*
 * One message of the producer, whole, then compressed unless it is to be plain: producers may be
 * cut anywhere, so the prefix is asked for first and then just the body. False: nothing more for
 * now, or the call has failed.
 */
static bool pack_one(struct call *call)
{
    struct call_rare *rare = call_rare(call);
    struct codec_buffer *raw = rare == NULL ? NULL : &rare->raw;
    uint64_t begun = clock_now_ns();
    uint8_t step[512];
    size_t want, n;

    while (raw != NULL) {
        want = raw->size < GRPC_PREFIX ? GRPC_PREFIX - raw->size
                                       : GRPC_PREFIX + prefix_length(raw->data) - raw->size;
        if (want == 0)
            break;
        n = call->ops->produce(call, step, want < sizeof step ? want : sizeof step);
        if (n == 0)
            return false;
        if (!codec_buffer_put(raw, step, n)) {
            call_fail(call, GRPC_RESOURCE_EXHAUSTED, "out of memory");
            return false;
        }
    }
    if (raw == NULL ||
        !queue_message(call, raw->data + GRPC_PREFIX, raw->size - GRPC_PREFIX, !call->plain)) {
        call_fail(call, GRPC_RESOURCE_EXHAUSTED, "out of memory");
        return false;
    }
    codec_buffer_free(raw);
    loop_worked(call->session->conn.loop, clock_now_ns() - begun);
    return true;
}

/* *late: there may be more, but packing it has to wait. */
static size_t produce(struct call *call, uint8_t *out, size_t cap, bool *late)
{
    struct engine_loop *loop = call->session->conn.loop;
    size_t used = 0, n;

    if (call->out_encoding == GRPC_IDENTITY) {
        while (used < cap && (n = call->ops->produce(call, out + used, cap - used)) > 0)
            used += n;
        return used;
    }
    while (used < cap && !*late) {
        *late = !loop_may_work(loop);
        if (*late || !pack_one(call))
            break;
        used += take_queue(call, out + used, cap - used);
    }
    return used;
}

static size_t fill(struct call *call, uint8_t *out, size_t cap, bool *late)
{
    size_t used = take_queue(call, out, cap);

    if (call->ops->produce != NULL)
        used += produce(call, out + used, cap - used, late);
    count_sent(call, out, used);
    return used;
}

bool call_send(struct call *call, const void *data, size_t size)
{
    if (!queue_message(call, data, size, call->out_encoding != GRPC_IDENTITY))
        return false;
    call_resume(call);
    return true;
}

bool call_send_plain(struct call *call, const void *data, size_t size)
{
    if (!queue_message(call, data, size, false))
        return false;
    call_resume(call);
    return true;
}

static nghttp2_nv header(const char *name, const char *value, size_t size)
{
    return (nghttp2_nv){(uint8_t *)name, (uint8_t *)value, strlen(name), size,
                        NGHTTP2_NV_FLAG_NO_COPY_NAME};
}

/* Of texts that outlive the session: they are not copied. */
#define LITERAL(name, value)                                                                  \
    ((nghttp2_nv){(uint8_t *)(name), (uint8_t *)(value), sizeof(name) - 1, sizeof(value) - 1, \
                  NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE})

/* grpc-status, grpc-message and the trailing metadata. */
static size_t put_trailers(const struct call *call, nghttp2_nv *nv, char code[12],
                           char message[3 * GRPC_MESSAGE_TEXT])
{
    size_t count = 0;

    if (call->status == GRPC_OK)
        nv[count++] = LITERAL("grpc-status", "0");
    else
        nv[count++] = header("grpc-status", code, (size_t)snprintf(code, 12, "%d", call->status));
    if (call->message != NULL)
        nv[count++] = header("grpc-message", message,
                             grpc_message_encode(call->message, message, 3 * GRPC_MESSAGE_TEXT));
    if (call->rare != NULL)
        count += metadata_put(&call->rare->trailing, nv + count, CALL_METADATA_MAX);
    return count;
}

static size_t put_leading(const struct call *call, nghttp2_nv *nv)
{
    return call->rare == NULL ? 0 : metadata_put(&call->rare->leading, nv, CALL_METADATA_MAX);
}

static void submit_trailers(struct call *call)
{
    nghttp2_nv nv[NV_MAX];
    char code[12], message[3 * GRPC_MESSAGE_TEXT];
    size_t count = put_trailers(call, nv, code, message);

    session_check(call->session,
                  nghttp2_submit_trailer(call->session->conn.h2, call->stream_id, nv, count));
}

static ssize_t on_provide(nghttp2_session *h2, int32_t stream_id, uint8_t *out, size_t cap,
                          uint32_t *flags, nghttp2_data_source *source, void *user)
{
    struct call *call = source->ptr;
    struct session *s = call->session;
    bool late = false;
    size_t used = call->discard ? 0 : fill(call, out, cap, &late);

    (void)h2, (void)stream_id, (void)user;
    /* The status overtook what this would have been, perhaps in this very step. */
    if (call->discard)
        return NGHTTP2_ERR_DEFERRED;
    if (late && used == 0) {
        call->late = true;
        loop_task_put_off(s->conn.loop, &s->packing);
    }
    if (call->finished && used < cap && !late) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
        if (call->session->server) {
            *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
            call->ended = true;
            submit_trailers(call);
        }
        return (ssize_t)used;
    }
    if (used == 0) {
        call->deferred = true;
        return NGHTTP2_ERR_DEFERRED;
    }
    return (ssize_t)used;
}

void call_pack_late(struct session *s)
{
    for (struct call *call = s->first_call; call != NULL; call = call->next) {
        if (call->late) {
            call->late = false;
            call_resume(call);
        }
    }
    conn_flush(&s->conn);
}

nghttp2_data_provider call_provider(struct call *call)
{
    return (nghttp2_data_provider){.source.ptr = call, .read_callback = on_provide};
}

static size_t put_head(nghttp2_nv *nv)
{
    nv[0] = LITERAL(":status", "200");
    nv[1] = LITERAL("content-type", "application/grpc");
    return 2;
}

/* Server: response headers, with what follows on demand. */
static void respond(struct call *call)
{
    nghttp2_data_provider provider = call_provider(call);
    nghttp2_nv nv[NV_MAX];
    size_t count = put_head(nv);

    if (call->out_encoding != GRPC_IDENTITY) {
        const char *name = grpc_encoding_name(call->out_encoding);

        nv[count++] = header("grpc-encoding", name, strlen(name));
        nv[count++] =
            header("grpc-accept-encoding", GRPC_ACCEPT_ENCODING, sizeof GRPC_ACCEPT_ENCODING - 1);
    }
    count += put_leading(call, nv + count);
    call->started = true;
    session_check(call->session, nghttp2_submit_response(call->session->conn.h2, call->stream_id,
                                                         nv, count, &provider));
}

static void respond_status_only(struct call *call)
{
    char code[12], message[3 * GRPC_MESSAGE_TEXT];
    nghttp2_nv nv[NV_MAX];
    size_t count = put_head(nv);

    count += put_leading(call, nv + count);
    count += put_trailers(call, nv + count, code, message);
    session_check(call->session, nghttp2_submit_response(call->session->conn.h2, call->stream_id,
                                                         nv, count, NULL));
}

void call_respond_status(struct call *call)
{
    if (call->started)
        submit_trailers(call);
    else
        respond_status_only(call);
    call->started = call->ended = true;
}

void call_resume(struct call *call)
{
    struct session *s = call->session;

    if (s->conn.h2 == NULL)
        return;
    if (s->server && !call->started) {
        respond(call);
    } else if (call->deferred) {
        call->deferred = false;
        session_check(s, nghttp2_session_resume_data(s->conn.h2, call->stream_id));
    }
    conn_wake(&s->conn);
}
