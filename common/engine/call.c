#include "common/engine/call.h"

#include "common/base/clock.h"
#include "common/engine/grpc_wire.h"
#include "common/engine/mem.h"
#include "common/engine/session.h"

#include <stdio.h>
#include <string.h>

#define NV(name, value, size)                                            \
    {                                                                    \
        (uint8_t *)(name), (uint8_t *)(value), sizeof(name) - 1, (size), \
            NGHTTP2_NV_FLAG_NO_COPY_NAME                                 \
    }
#define NV_STATIC(name, value)                                                      \
    {                                                                               \
        (uint8_t *)(name), (uint8_t *)(value), sizeof(name) - 1, sizeof(value) - 1, \
            NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE            \
    }

/* The first piece that a message under assembly is given; it doubles as bytes really come. */
#define WHOLE_FIRST 1024u

static struct engine_stats *stats_of(struct call *call)
{
    return &call->session->conn.loop->stats;
}

void *call_state(struct call *call)
{
    return call->state;
}

void *call_user(struct call *call)
{
    return call->session->user;
}

struct call *call_new(struct session *s, const struct call_ops *ops)
{
    struct call *call = mem_calloc(MEM_APP, 1, sizeof *call + ops->state_size);

    if (call == NULL)
        return NULL;
    call->session = s;
    call->ops = ops;
    call->next = s->calls.first;
    if (call->next != NULL)
        call->next->prev = call;
    s->calls.first = call;
    s->calls.count++;
    stats_of(call)->calls_started++;
    stats_of(call)->streams++;
    return call;
}

static void unlink_call(struct call *call)
{
    struct call_list *calls = &call->session->calls;

    if (call->prev != NULL)
        call->prev->next = call->next;
    else
        calls->first = call->next;
    if (call->next != NULL)
        call->next->prev = call->prev;
    calls->count--;
    stats_of(call)->streams--;
}

static void set_status(struct grpc_status *status, int code, const char *text)
{
    status->code = code;
    snprintf(status->message, sizeof status->message, "%s", text == NULL ? "" : text);
}

/* What the client is told when the peer itself gave no status. */
static void explain_missing_status(const struct call *call, uint32_t h2_error,
                                   struct grpc_status *out)
{
    if (h2_error != NGHTTP2_NO_ERROR) {
        out->code = grpc_code_of_h2(h2_error);
        snprintf(out->message, sizeof out->message, "stream reset by the peer: %s",
                 nghttp2_http2_strerror(h2_error));
    } else if (call->http_status != 200 && call->http_status != 0) {
        out->code = grpc_code_of_http(call->http_status);
        snprintf(out->message, sizeof out->message, "HTTP status %d", call->http_status);
    } else {
        set_status(out, GRPC_UNKNOWN, "the response ended without grpc-status");
    }
}

static void resolve_status(const struct call *call, uint32_t h2_error, struct grpc_status *out)
{
    if (call->session->server && !call->status_known)
        set_status(out, GRPC_CANCELLED, "the client went away");
    else if (call->session->server || call->local_status)
        set_status(out, call->status, call->message);
    else if (h2_error == CALL_LOST)
        set_status(out, GRPC_UNAVAILABLE, "the connection was lost");
    else if (!call->status_known)
        explain_missing_status(call, h2_error, out);
    else if (call->status == GRPC_OK && call->in.have != 0)
        set_status(out, GRPC_INTERNAL, "the last message was cut short");
    else
        set_status(out, call->status, call->message);
}

void call_end(struct call *call, uint32_t h2_error)
{
    struct grpc_status status;

    resolve_status(call, h2_error, &status);
    ev_timer_stop(call->session->conn.loop->ev, &call->deadline);
    unlink_call(call);
    if (status.code == GRPC_OK)
        stats_of(call)->calls_done++;
    else
        stats_of(call)->calls_failed++;
    if (call->ops->on_done != NULL)
        call->ops->on_done(call, &status);
    mem_free(MEM_APP, call->whole);
    mem_free(MEM_APP, call->queue);
    mem_free(MEM_APP, call->message);
    mem_free(MEM_APP, call);
}

void call_abandon(struct call *call)
{
    unlink_call(call);
    stats_of(call)->calls_started--;
    mem_free(MEM_APP, call);
}

/* Incoming: framing, then the method's callbacks or assembly. */

static uint32_t framed_length(const uint8_t prefix[GRPC_PREFIX])
{
    return (uint32_t)prefix[1] << 24 | (uint32_t)prefix[2] << 16 | (uint32_t)prefix[3] << 8 |
           prefix[4];
}

static int whole_take(struct call *call, const uint8_t *data, size_t size)
{
    if (call->whole_size + size > call->whole_cap) {
        uint64_t cap = call->whole_cap == 0 ? WHOLE_FIRST : call->whole_cap;
        uint8_t *grown;

        while (cap < call->whole_size + size)
            cap *= 2;
        grown = mem_realloc(MEM_APP, call->whole, cap);
        if (grown == NULL)
            return GRPC_RESOURCE_EXHAUSTED;
        call->whole = grown;
        call->whole_cap = (uint32_t)cap;
    }
    memcpy(call->whole + call->whole_size, data, size);
    call->whole_size += (uint32_t)size;
    return 0;
}

static int whole_end(struct call *call)
{
    static const uint8_t nothing;
    int code =
        call->ops->on_whole(call, call->whole != NULL ? call->whole : &nothing, call->whole_size);

    mem_free(MEM_APP, call->whole);
    call->whole = NULL;
    call->whole_size = call->whole_cap = 0;
    return code;
}

static int message_begin(struct call *call)
{
    call->in.left = framed_length(call->in.prefix);
    if (call->in.prefix[0] != 0)
        return GRPC_INTERNAL; /* compressed though no encoding was agreed, or no flag at all */
    if (call->in.left > call->session->max_message)
        return GRPC_RESOURCE_EXHAUSTED;
    return call->ops->on_message != NULL ? call->ops->on_message(call, call->in.left) : 0;
}

static int message_data(struct call *call, const uint8_t *data, size_t size)
{
    call->in.left -= (uint32_t)size;
    if (call->ops->on_whole != NULL)
        return whole_take(call, data, size);
    return call->ops->on_data != NULL ? call->ops->on_data(call, data, size) : 0;
}

static int message_end(struct call *call)
{
    struct engine_stats *stats = stats_of(call);

    call->in.have = 0;
    stats->messages_received++;
    if (stats->first_message_ns == 0)
        stats->first_message_ns = clock_now_ns();
    if (call->ops->on_whole != NULL)
        return whole_end(call);
    return call->ops->on_message_end != NULL ? call->ops->on_message_end(call) : 0;
}

/* One step over incoming bytes; *code gets what the method answered. Returns the bytes taken. */
static size_t receive_step(struct call *call, const uint8_t *data, size_t size, int *code)
{
    struct framing *in = &call->in;
    size_t n;

    if (in->have < GRPC_PREFIX) {
        n = GRPC_PREFIX - (size_t)in->have < size ? GRPC_PREFIX - (size_t)in->have : size;
        memcpy(in->prefix + in->have, data, n);
        in->have = (uint8_t)(in->have + n);
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
        return "message larger than the limit, or out of memory";
    case GRPC_INTERNAL:
        return "compressed or malformed message prefix";
    default:
        return NULL;
    }
}

void call_receive(struct call *call, const uint8_t *data, size_t size)
{
    int code = 0;

    stats_of(call)->bytes_received += size;
    while (size > 0 && code == 0 && !call->deaf) {
        size_t n = receive_step(call, data, size, &code);

        data += n;
        size -= n;
    }
    if (code != 0)
        call_fail(call, code, refusal_text(code));
}

void call_remote_close(struct call *call)
{
    int code = 0;

    call->remote_closed = true;
    if (!call->session->server || call->deaf)
        return;
    if (call->in.have != 0) {
        call_fail(call, GRPC_INTERNAL, "the last message was cut short");
        return;
    }
    if (call->ops->on_half_close != NULL)
        code = call->ops->on_half_close(call);
    if (code != 0)
        call_fail(call, code, NULL);
}

void call_take_status(struct call *call, int code)
{
    if (call->local_status)
        return;
    call->status = code;
    call->status_known = true;
}

static void keep_message(struct call *call, const char *text, size_t size)
{
    char decoded[GRPC_MESSAGE_TEXT];
    size_t n;

    if (call->message != NULL)
        return;
    n = grpc_message_decode(text, size, decoded, sizeof decoded);
    call->message = mem_alloc(MEM_APP, n + 1);
    if (call->message != NULL) /* a status without its text is still a status */
        memcpy(call->message, decoded, n + 1);
}

void call_take_message(struct call *call, const char *text, size_t size)
{
    if (!call->local_status)
        keep_message(call, text, size);
}

/* Outgoing. */

static void count_sent(struct call *call, const uint8_t *data, size_t size)
{
    struct framing *out = &call->out;

    stats_of(call)->bytes_sent += size;
    while (size > 0) {
        size_t n;

        if (out->have < GRPC_PREFIX) {
            n = GRPC_PREFIX - (size_t)out->have < size ? GRPC_PREFIX - (size_t)out->have : size;
            memcpy(out->prefix + out->have, data, n);
            out->have = (uint8_t)(out->have + n);
            if (out->have == GRPC_PREFIX)
                out->left = framed_length(out->prefix);
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

static size_t take_queue(struct call *call, uint8_t *out, size_t cap)
{
    size_t left = call->queue_size - call->queue_taken, n = left < cap ? left : cap;

    if (n == 0)
        return 0;
    memcpy(out, call->queue + call->queue_taken, n);
    call->queue_taken += n;
    if (call->queue_taken == call->queue_size) {
        mem_free(MEM_APP, call->queue);
        call->queue = NULL;
        call->queue_size = call->queue_taken = 0;
    }
    return n;
}

static size_t fill(struct call *call, uint8_t *out, size_t cap)
{
    size_t used = take_queue(call, out, cap), n;

    if (call->ops->produce != NULL) {
        while (used < cap && (n = call->ops->produce(call, out + used, cap - used)) > 0)
            used += n;
    }
    count_sent(call, out, used);
    return used;
}

static size_t put_trailers(const struct call *call, nghttp2_nv nv[2], char code[12],
                           char message[3 * GRPC_MESSAGE_TEXT])
{
    size_t n = (size_t)snprintf(code, 12, "%d", call->status);

    nv[0] = (nghttp2_nv)NV("grpc-status", code, n);
    if (call->message == NULL)
        return 1;
    n = grpc_message_encode(call->message, message, 3 * GRPC_MESSAGE_TEXT);
    nv[1] = (nghttp2_nv)NV("grpc-message", message, n);
    return 2;
}

static ssize_t on_provide(nghttp2_session *h2, int32_t stream_id, uint8_t *out, size_t cap,
                          uint32_t *flags, nghttp2_data_source *source, void *user)
{
    struct call *call = source->ptr;
    size_t used = call->discard ? 0 : fill(call, out, cap);

    (void)user;
    if (call->finished && used < cap) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
        if (call->session->server) {
            nghttp2_nv nv[2];
            char code[12], message[3 * GRPC_MESSAGE_TEXT];
            size_t count = put_trailers(call, nv, code, message);

            *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
            call->ended = true;
            session_check(call->session, nghttp2_submit_trailer(h2, stream_id, nv, count));
        }
        return (ssize_t)used;
    }
    if (used == 0) {
        call->deferred = true;
        return NGHTTP2_ERR_DEFERRED;
    }
    return (ssize_t)used;
}

nghttp2_data_provider call_provider(struct call *call)
{
    return (nghttp2_data_provider){.source.ptr = call, .read_callback = on_provide};
}

/* Server: response headers, with what follows on demand. */
static void respond(struct call *call)
{
    static const nghttp2_nv nv[] = {
        NV_STATIC(":status", "200"),
        NV_STATIC("content-type", "application/grpc"),
    };
    nghttp2_data_provider provider = call_provider(call);

    call->started = true;
    session_check(call->session, nghttp2_submit_response(call->session->conn.h2, call->stream_id,
                                                         nv, 2, &provider));
}

/* Server: a response that is nothing but a status (Trailers-Only). */
static void respond_status(struct call *call)
{
    char code[12], message[3 * GRPC_MESSAGE_TEXT];
    nghttp2_nv nv[4] = {
        NV_STATIC(":status", "200"),
        NV_STATIC("content-type", "application/grpc"),
    };
    size_t count = 2 + put_trailers(call, nv + 2, code, message);

    call->started = call->ended = true;
    session_check(call->session, nghttp2_submit_response(call->session->conn.h2, call->stream_id,
                                                         nv, count, NULL));
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

bool call_send(struct call *call, const void *data, size_t size)
{
    uint8_t *grown = mem_realloc(MEM_APP, call->queue, call->queue_size + GRPC_PREFIX + size), *at;

    if (grown == NULL)
        return false;
    at = grown + call->queue_size;
    at[0] = 0;
    at[1] = (uint8_t)(size >> 24);
    at[2] = (uint8_t)(size >> 16);
    at[3] = (uint8_t)(size >> 8);
    at[4] = (uint8_t)size;
    if (size > 0)
        memcpy(at + GRPC_PREFIX, data, size);
    call->queue = grown;
    call->queue_size += GRPC_PREFIX + size;
    call_resume(call);
    return true;
}

/* A peer that holds its window shut would never let a status through: then the stream is reset
 * instead. */
static bool window_shut(struct call *call)
{
    nghttp2_session *h2 = call->session->conn.h2;

    return nghttp2_session_get_stream_remote_window_size(h2, call->stream_id) <= 0 ||
           nghttp2_session_get_remote_window_size(h2) <= 0;
}

void call_finish(struct call *call, int code, const char *message)
{
    struct session *s = call->session;

    if (call->finished || s->conn.h2 == NULL)
        return;
    call->finished = true;
    call->status = code;
    if (message != NULL)
        keep_message(call, message, strlen(message));
    if (code != GRPC_OK) {
        call->discard = call->deaf = true;
        if (!call->started) {
            respond_status(call);
            conn_wake(&s->conn);
            return;
        }
        if (window_shut(call)) {
            session_check(s, nghttp2_submit_rst_stream(s->conn.h2, NGHTTP2_FLAG_NONE,
                                                       call->stream_id, NGHTTP2_CANCEL));
            conn_wake(&s->conn);
            return;
        }
    }
    call_resume(call);
}

void call_half_close(struct call *call)
{
    call->finished = true;
    call_resume(call);
}

static void reset_with_status(struct call *call, int code, const char *message)
{
    struct session *s = call->session;

    if (call->local_status || s->conn.h2 == NULL)
        return;
    call->local_status = call->deaf = true;
    call->status = code;
    mem_free(MEM_APP, call->message);
    call->message = NULL;
    if (message != NULL)
        keep_message(call, message, strlen(message));
    session_check(s, nghttp2_submit_rst_stream(s->conn.h2, NGHTTP2_FLAG_NONE, call->stream_id,
                                               NGHTTP2_CANCEL));
    conn_wake(&s->conn);
}

void call_cancel(struct call *call)
{
    reset_with_status(call, GRPC_CANCELLED, "cancelled here");
}

void call_fail(struct call *call, int code, const char *message)
{
    call->deaf = true;
    if (call->session->server) {
        /* It beats an OK that is not reached yet: an endless reply has a deadline, too. */
        call->finished = call->ended || call->discard;
        call_finish(call, code, message);
    } else {
        reset_with_status(call, code, message);
    }
}

static void on_deadline(struct ev_loop *ev, ev_timer *w, int revents)
{
    (void)ev, (void)revents;
    call_fail(w->data, GRPC_DEADLINE_EXCEEDED, "deadline exceeded");
}

void call_set_deadline(struct call *call, uint64_t timeout_ns)
{
    ev_timer_init(&call->deadline, on_deadline, (double)timeout_ns / 1e9, 0.);
    call->deadline.data = call;
    ev_timer_start(call->session->conn.loop->ev, &call->deadline);
}
