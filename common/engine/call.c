#include "common/engine/call.h"

#include "common/base/clock.h"
#include "common/engine/grpc_wire.h"
#include "common/engine/mem.h"
#include "common/engine/session_internal.h"

#include <stdio.h>
#include <string.h>

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

bool call_set_encoding(struct call *call, enum grpc_encoding encoding)
{
    if (call->session->server && !(call->accepted >> encoding & 1))
        return false;
    call->out_encoding = (uint8_t)encoding;
    return true;
}

void call_produce_plain(struct call *call, bool plain)
{
    call->plain = plain;
}

void call_hold(struct call *call, bool shut)
{
    struct session *s = call->session;

    if (s->conn.h2 == NULL)
        return;
    session_check(s, nghttp2_session_set_local_window_size(s->conn.h2, NGHTTP2_FLAG_NONE,
                                                           call->stream_id,
                                                           shut ? 0 : NGHTTP2_INITIAL_WINDOW_SIZE));
    conn_wake(&s->conn);
}

bool call_put_metadata(struct call *call, const struct grpc_metadata *metadata, bool trailing)
{
    struct call_rare *rare = call_rare(call);

    return rare != NULL && metadata_add(trailing ? &rare->trailing : &rare->leading, metadata);
}

struct call_rare *call_rare(struct call *call)
{
    if (call->rare == NULL)
        call->rare = mem_pool_calloc(&call->session->conn.loop->pool, MEM_APP, sizeof *call->rare);
    return call->rare;
}

/* How far behind the call. */
static size_t deadline_at(const struct call_ops *ops)
{
    size_t end = sizeof(struct call) + ops->state_size, align = _Alignof(ev_timer);

    return (end + align - 1) / align * align;
}

static ev_timer *deadline_of(struct call *call)
{
    return (ev_timer *)(void *)((char *)call + deadline_at(call->ops));
}

struct call *call_new(struct session *s, const struct call_ops *ops, bool timed)
{
    size_t size =
        timed ? deadline_at(ops) + sizeof(ev_timer) : sizeof(struct call) + ops->state_size;
    struct call *call = mem_pool_calloc(&s->conn.loop->pool, MEM_APP, size);

    if (call == NULL)
        return NULL;
    call->timed = timed;
    call->session = s;
    call->ops = ops;
    call->next = s->first_call;
    if (call->next != NULL)
        call->next->prev = call;
    s->first_call = call;
    s->call_count++;
    stats_of(call)->calls_started++;
    stats_of(call)->streams++;
    return call;
}

static void unlink_call(struct call *call)
{
    struct session *s = call->session;

    if (call->prev != NULL)
        call->prev->next = call->next;
    else
        s->first_call = call->next;
    if (call->next != NULL)
        call->next->prev = call->prev;
    if (s->recent == call)
        s->recent = NULL;
    s->call_count--;
    stats_of(call)->streams--;
}

static void set_status(struct grpc_status *status, int code, const char *text)
{
    status->code = code;
    status->message[0] = '\0';
    if (text != NULL)
        snprintf(status->message, sizeof status->message, "%s", text);
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

static void release(struct call *call)
{
    struct mem_pool *pool = &call->session->conn.loop->pool;

    call_release_whole(call);
    codec_buffer_free(&call->queue);
    if (call->rare != NULL) {
        codec_buffer_free(&call->rare->raw);
        codec_buffer_free(&call->rare->leading);
        codec_buffer_free(&call->rare->trailing);
        mem_pool_free(pool, MEM_APP, call->rare);
    }
    mem_free(MEM_APP, call->message);
    mem_pool_free(pool, MEM_APP, call);
}

void call_end(struct call *call, uint32_t h2_error)
{
    struct grpc_status status;

    resolve_status(call, h2_error, &status);
    if (call->session->put_off == call)
        call->session->put_off = NULL;
    if (call->timed)
        ev_timer_stop(call->session->conn.loop->ev, deadline_of(call));
    unlink_call(call);
    if (status.code == GRPC_OK)
        stats_of(call)->calls_done++;
    else
        stats_of(call)->calls_failed++;
    if (h2_error == NGHTTP2_CANCEL) {
        stats_of(call)->cancels++;
        stats_of(call)->trailers_cut += call->session->server && call->finished;
    }
    if (call->ops->on_done != NULL)
        call->ops->on_done(call, &status);
    release(call);
}

void call_abandon(struct call *call)
{
    unlink_call(call);
    stats_of(call)->calls_started--;
    release(call);
}

void call_remote_close(struct call *call)
{
    int code = 0;

    call->remote_closed = true;
    if (!call->session->server)
        stats_of(call)->early_ends += !call->finished;
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

void call_finish(struct call *call, int code, const char *message)
{
    struct session *s = call->session;

    if (call->finished || s->conn.h2 == NULL)
        return;
    call->finished = true;
    call->status = code;
    if (message != NULL)
        keep_message(call, message, strlen(message));
    if (code == GRPC_OK) {
        call_resume(call);
        return;
    }
    /* An error overtakes what is not sent yet: a peer may hold its window shut for ever. */
    call->discard = call->deaf = true;
    call_respond_status(call);
    conn_wake(&s->conn);
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
    struct ev_loop *ev = call->session->conn.loop->ev;
    ev_timer *deadline = deadline_of(call);

    ev_timer_init(deadline, on_deadline, (double)timeout_ns / 1e9, 0.);
    deadline->data = call;
    ev_now_update(ev); /* it counts from now, not from when the loop woke last */
    ev_timer_start(ev, deadline);
}
