#include "common/engine/session.h"

#include "common/engine/call.h"
#include "common/engine/grpc_wire.h"
#include "common/engine/session_limits.h"

#include <stdio.h>
#include <string.h>

#define MAX_CONCURRENT_STREAMS 256

static struct session *session_of(void *user)
{
    return user;
}

static struct engine_stats *stats_of(struct session *s)
{
    return &s->conn.loop->stats;
}

static bool name_is(const char *name, size_t size, const char *expected)
{
    return strlen(expected) == size && memcmp(name, expected, size) == 0;
}

/* The call of a stream, NULL if it has none. A frame is told in several callbacks. */
static struct call *find_call(struct session *s, int32_t stream_id)
{
    if (s->recent == NULL || s->recent->stream_id != stream_id)
        s->recent = nghttp2_session_get_stream_user_data(s->conn.h2, stream_id);
    return s->recent;
}

/* Requests. */

static void submit_refusal(struct session *s, int32_t stream_id)
{
    const struct head *head = &s->head;
    const char *status = head->refuse_http == 405   ? "405"
                         : head->refuse_http == 415 ? "415"
                                                    : "200";
    char code[12];
    nghttp2_nv nv[5] = {
        {(uint8_t *)":status", (uint8_t *)status, 7, 3, NGHTTP2_NV_FLAG_NONE},
        {(uint8_t *)"content-type", (uint8_t *)"application/grpc", 12, 16, NGHTTP2_NV_FLAG_NONE},
        {(uint8_t *)"grpc-status", (uint8_t *)code, 11, 0, NGHTTP2_NV_FLAG_NONE},
        {(uint8_t *)"grpc-message", NULL, 12, 0, NGHTTP2_NV_FLAG_NONE},
        {(uint8_t *)"grpc-accept-encoding", (uint8_t *)GRPC_ACCEPT_ENCODING, 20,
         sizeof GRPC_ACCEPT_ENCODING - 1, NGHTTP2_NV_FLAG_NONE},
    };
    size_t count = 1;

    if (head->refuse_http == 0) {
        nv[2].valuelen = (size_t)snprintf(code, sizeof code, "%d", head->refuse_code);
        nv[3].value = (uint8_t *)head->refuse_text;
        nv[3].valuelen = strlen(head->refuse_text);
        count = 5;
    }
    session_check(s, nghttp2_submit_response(s->conn.h2, stream_id, nv, count, NULL));
}

struct told {
    struct call *call;
    bool trailing;
};

static void tell_metadata(void *arg, const struct grpc_metadata *metadata)
{
    const struct told *told = arg;

    told->call->ops->on_metadata(told->call, metadata, told->trailing);
}

/* The custom headers that were kept while there was no call yet. */
static bool tell_custom(struct call *call, const struct codec_buffer *custom)
{
    struct told told = {call, false};
    nghttp2_nv nv[HEAD_CUSTOM_MAX];
    size_t count = custom->size == 0 ? 0 : metadata_put(custom, nv, HEAD_CUSTOM_MAX);

    for (size_t i = 0; i < count; i++) {
        if (!metadata_decode((const char *)nv[i].name, nv[i].namelen, (const char *)nv[i].value,
                             nv[i].valuelen, tell_metadata, &told))
            return false;
    }
    return true;
}

static void accept_request(struct session *s, int32_t stream_id)
{
    struct head *head = &s->head;
    struct call *call;
    int code = 0;

    head_check_request(head);
    if (head->refuse_http != 0 || head->refuse_code != 0) {
        submit_refusal(s, stream_id);
        return;
    }
    call = call_new(s, head->ops, head->timeout);
    if (call == NULL) {
        session_check(s, nghttp2_submit_rst_stream(s->conn.h2, NGHTTP2_FLAG_NONE, stream_id,
                                                   NGHTTP2_ENHANCE_YOUR_CALM));
        return;
    }
    call->stream_id = stream_id;
    call->in_encoding = head->encoding;
    call->accepted = head->accepted;
    nghttp2_session_set_stream_user_data(s->conn.h2, stream_id, call);
    if (head->timeout)
        call_set_deadline(call, head->timeout_ns);
    if (!tell_custom(call, &head->custom))
        code = GRPC_RESOURCE_EXHAUSTED;
    else if (call->ops->on_start != NULL)
        code = call->ops->on_start(call);
    if (code != 0)
        call_fail(call, code, NULL);
}

/* Header blocks: the response and its trailers. */

/* nghttp2 lets nothing pass but three digits. */
static int32_t http_status(const char *digits, size_t size)
{
    int32_t status = 0;

    for (size_t i = 0; i < size && digits[i] >= '0' && digits[i] <= '9'; i++)
        status = 10 * status + (digits[i] - '0');
    return status;
}

static void take_response_header(struct session *s, struct call *call, const char *name,
                                 size_t name_size, const char *value, size_t size, bool trailing)
{
    struct told told = {call, trailing};
    int encoding;

    if (s->head.list_size > HEAD_LIST_MAX) {
        call_fail(call, GRPC_RESOURCE_EXHAUSTED, "header list larger than the limit");
    } else if (name_is(name, name_size, ":status")) {
        call->http_status = http_status(value, size);
    } else if (name_is(name, name_size, "content-type")) {
        s->head.content_type = grpc_content_type_ok(value, size);
    } else if (name_is(name, name_size, "grpc-status")) {
        call_take_status(call, grpc_status_parse(value, size));
    } else if (name_is(name, name_size, "grpc-message")) {
        call_take_message(call, value, size);
    } else if (name_is(name, name_size, "grpc-encoding")) {
        encoding = grpc_encoding_find(value, size);
        if (encoding < 0)
            call_fail(call, GRPC_INTERNAL, "the response has an encoding that we did not offer");
        else
            call->in_encoding = (uint8_t)encoding;
    } else if (call->ops->on_metadata != NULL && metadata_is_custom(name, name_size)) {
        (void)metadata_decode(name, name_size, value, size, tell_metadata, &told);
    }
}

static void check_response(struct session *s, struct call *call)
{
    if (call->http_status == 200 && !s->head.content_type && !call->status_known)
        call_fail(call, GRPC_UNKNOWN, "the response is not gRPC: wrong content-type");
    else if (call->http_status == 200 && !call->status_known && call->ops->on_headers != NULL)
        call->ops->on_headers(call);
}

static bool is_no_work(const nghttp2_frame_hd *hd)
{
    switch (hd->type) {
    case NGHTTP2_DATA:
        return hd->length == 0 && !(hd->flags & NGHTTP2_FLAG_END_STREAM);
    case NGHTTP2_SETTINGS:
        return !(hd->flags & NGHTTP2_FLAG_ACK);
    default:
        return hd->type == NGHTTP2_PRIORITY;
    }
}

/* One header more. False: the list is a bomb, and no more of it shall be looked at. */
static bool list_is_bearable(struct session *s, size_t name_size, size_t size)
{
    s->head.list_size += (uint32_t)(name_size + size + HEADER_OVERHEAD);
    if (s->head.list_size <= GUARD_LIST_MAX)
        return true;
    session_end_bomb(s);
    return false;
}

/* nghttp2's callbacks: adapters. */

/*
 * Who opens a stream closes all that were idle below it (RFC 9113, section 5.1.1). nghttp2 passes
 * over HEADERS on closed streams, for they may be trailers that crossed our reset; on an id that
 * was never used they are a connection error.
 */
static int on_begin_frame(nghttp2_session *h2, const nghttp2_frame_hd *hd, void *user)
{
    struct session *s = session_of(user);
    int32_t id = hd->stream_id, last = s->last_stream;

    if (s->server && nghttp2_session_get_outbound_queue_size(h2) > GUARD_QUEUE_MAX) {
        stats_of(s)->limited += !s->limited;
        conn_doom(&s->conn, CLIENT_PROTOCOL, 0, "asks for more than it reads");
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    }
    if (is_no_work(hd))
        session_spend(s);
    if (!s->server || hd->type != NGHTTP2_HEADERS)
        return 0;
    if (id > last) {
        s->last_stream = id;
        if (id > last + 2) {
            s->passed_from = last + 1;
            s->passed_to = id - 1;
        }
    } else if (id >= s->passed_from && id <= s->passed_to) {
        session_check(s, nghttp2_session_terminate_session(h2, NGHTTP2_PROTOCOL_ERROR));
    }
    return 0;
}

static int on_begin_headers(nghttp2_session *h2, const nghttp2_frame *frame, void *user)
{
    (void)h2, (void)frame;
    stats_of(session_of(user))->header_blocks++;
    head_begin(&session_of(user)->head);
    return 0;
}

static void take_request_header(struct session *s, const char *name, size_t name_size,
                                const char *value, size_t size)
{
    if (name_is(name, name_size, ":path"))
        s->head.ops = s->ops->find_method(s, value, size);
    head_take_request(&s->head, name, name_size, value, size);
}

static int on_request_header(nghttp2_session *h2, const nghttp2_frame *frame, const uint8_t *name,
                             size_t name_size, const uint8_t *value, size_t size, uint8_t flags,
                             void *user)
{
    struct session *s = session_of(user);

    (void)h2, (void)flags;
    if (!list_is_bearable(s, name_size, size))
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    if (frame->headers.cat == NGHTTP2_HCAT_REQUEST)
        take_request_header(s, (const char *)name, name_size, (const char *)value, size);
    return 0;
}

static int on_response_header(nghttp2_session *h2, const nghttp2_frame *frame, const uint8_t *name,
                              size_t name_size, const uint8_t *value, size_t size, uint8_t flags,
                              void *user)
{
    struct session *s = session_of(user);
    struct call *call;

    (void)h2, (void)flags;
    if (frame->hd.type != NGHTTP2_HEADERS) /* a promise, which we forbade */
        return 0;
    if (!list_is_bearable(s, name_size, size))
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    call = find_call(s, frame->hd.stream_id);
    if (call != NULL)
        take_response_header(s, call, (const char *)name, name_size, (const char *)value, size,
                             frame->headers.cat != NGHTTP2_HCAT_RESPONSE);
    return 0;
}

static void take_headers(struct session *s, const nghttp2_frame *frame)
{
    struct call *call;

    if (s->server && frame->headers.cat == NGHTTP2_HCAT_REQUEST)
        accept_request(s, frame->hd.stream_id);
    call = find_call(s, frame->hd.stream_id);
    if (!s->server && call != NULL && frame->headers.cat == NGHTTP2_HCAT_RESPONSE)
        check_response(s, call);
    if (call != NULL && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
        call_remote_close(call);
}

static void take_data_end(struct session *s, const nghttp2_frame *frame)
{
    struct call *call = find_call(s, frame->hd.stream_id);

    if (call != NULL && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
        call_remote_close(call);
}

static void take_ping(struct session *s, bool ack)
{
    if (ack && s->ops->on_pong != NULL)
        s->ops->on_pong(s);
    else if (!ack && s->server)
        session_count_ping(s);
}

/* Without an error it looks like an orderly end when the stream closes, but no status came. */
static void take_reset(struct session *s, const nghttp2_frame *frame)
{
    static const char text[] = "stream reset by the peer: NO_ERROR";
    struct call *call = find_call(s, frame->hd.stream_id);

    if (s->server || call == NULL || call->status_known ||
        frame->rst_stream.error_code != NGHTTP2_NO_ERROR)
        return;
    call_take_message(call, text, sizeof text - 1);
    call_take_status(call, GRPC_INTERNAL);
}

/* nghttp2 has opened the window already. */
static void take_window(struct session *s, const nghttp2_frame *frame)
{
    int32_t added = frame->window_update.window_size_increment;

    if (frame->hd.stream_id == 0 && nghttp2_session_get_remote_window_size(s->conn.h2) - added <= 0)
        stats_of(s)->stalls++;
}

static void take_goaway(struct session *s, const nghttp2_goaway *goaway)
{
    s->goaway = s->peer_goaway = true;
    if (goaway->error_code == NGHTTP2_ENHANCE_YOUR_CALM &&
        name_is((const char *)goaway->opaque_data, goaway->opaque_data_len, SESSION_TOO_MANY_PINGS))
        s->calm = true;
    if (s->ops->on_goaway != NULL)
        s->ops->on_goaway(s);
}

static int on_frame(nghttp2_session *h2, const nghttp2_frame *frame, void *user)
{
    struct session *s = session_of(user);

    (void)h2;
    switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
        take_headers(s, frame);
        break;
    case NGHTTP2_DATA:
        take_data_end(s, frame);
        break;
    case NGHTTP2_RST_STREAM:
        take_reset(s, frame);
        break;
    case NGHTTP2_SETTINGS:
        if (!s->seen_settings && s->ops->on_preface != NULL)
            s->ops->on_preface(s);
        s->seen_settings = true;
        break;
    case NGHTTP2_PING:
        take_ping(s, (frame->hd.flags & NGHTTP2_FLAG_ACK) != 0);
        break;
    case NGHTTP2_WINDOW_UPDATE:
        take_window(s, frame);
        break;
    case NGHTTP2_GOAWAY:
        take_goaway(s, &frame->goaway);
        break;
    default:
        break;
    }
    return 0;
}

static int on_data(nghttp2_session *h2, uint8_t flags, int32_t stream_id, const uint8_t *data,
                   size_t size, void *user)
{
    struct call *call = find_call(session_of(user), stream_id);

    (void)h2, (void)flags;
    if (call == NULL || call_receive(call, data, size))
        return 0;
    session_of(user)->conn.paused = true;
    return NGHTTP2_ERR_PAUSE;
}

static int on_stream_close(nghttp2_session *h2, int32_t stream_id, uint32_t error_code, void *user)
{
    struct session *s = session_of(user);
    struct call *call = find_call(s, stream_id);

    (void)h2;
    stats_of(s)->streams_closed++;
    rest_put_off(&s->conn.loop->rests, &s->rest);
    if (call != NULL)
        call_end(call, error_code);
    return 0;
}

/*
 * A server that ends a stream before the client has must also stop the client (RFC 9113,
 * section 8.1: RST_STREAM with NO_ERROR), or the stream stays half open for ever.
 */
static void stream_answered(struct session *s, int32_t stream_id)
{
    struct call *call = find_call(s, stream_id);

    if (call != NULL)
        call->status_known = true;
    if (nghttp2_session_get_stream_remote_close(s->conn.h2, stream_id) != 0)
        return;
    stats_of(s)->early_ends++;
    session_check(
        s, nghttp2_submit_rst_stream(s->conn.h2, NGHTTP2_FLAG_NONE, stream_id, NGHTTP2_NO_ERROR));
}

static void goaway_sent(struct session *s, uint32_t error_code)
{
    if (error_code == NGHTTP2_NO_ERROR || s->conn.fault)
        return;
    stats_of(s)->protocol_errors++;
    conn_fault(&s->conn, CLIENT_PROTOCOL, (int)error_code, nghttp2_http2_strerror(error_code));
}

static int on_frame_sent(nghttp2_session *h2, const nghttp2_frame *frame, void *user)
{
    struct session *s = session_of(user);

    if (frame->hd.type == NGHTTP2_GOAWAY)
        goaway_sent(s, frame->goaway.error_code);
    if (frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA)
        s->ping_strikes = 0;
    /* What made us reset it may come again and again (CVE-2025-8671). */
    if (s->server && frame->hd.type == NGHTTP2_RST_STREAM &&
        frame->rst_stream.error_code != NGHTTP2_NO_ERROR)
        session_spend(s);
    /* nghttp2 resets the stream; where SETTINGS did it, the connection must end (6.9.2). */
    if (frame->hd.type == NGHTTP2_RST_STREAM &&
        frame->rst_stream.error_code == NGHTTP2_FLOW_CONTROL_ERROR)
        session_check(s, nghttp2_session_terminate_session(h2, NGHTTP2_FLOW_CONTROL_ERROR));
    if (s->server && frame->hd.type == NGHTTP2_HEADERS &&
        (frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
        stream_answered(s, frame->hd.stream_id);
    return 0;
}

static nghttp2_session_callbacks *callbacks_new(bool server)
{
    nghttp2_session_callbacks *cb;

    if (nghttp2_session_callbacks_new(&cb) != 0)
        return NULL;
    nghttp2_session_callbacks_set_on_begin_frame_callback(cb, on_begin_frame);
    nghttp2_session_callbacks_set_on_begin_headers_callback(cb, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(cb, server ? on_request_header
                                                                : on_response_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_stream_close);
    nghttp2_session_callbacks_set_on_frame_send_callback(cb, on_frame_sent);
    return cb;
}

static bool submit_settings(struct session *s)
{
    static const nghttp2_settings_entry server[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, MAX_CONCURRENT_STREAMS},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, HEAD_LIST_MAX},
    };
    static const nghttp2_settings_entry client[] = {
        {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, HEAD_LIST_MAX},
    };

    return nghttp2_submit_settings(s->conn.h2, NGHTTP2_FLAG_NONE, s->server ? server : client, 2) ==
           0;
}

/* The preface is the first that a client's session has to send; it lies where others make frames.
 */
static bool take_preface(struct session *s)
{
    const uint8_t *preface;

    s->conn.greet = nghttp2_session_mem_send(s->conn.h2, &preface) == NGHTTP2_CLIENT_MAGIC_LEN;
    return s->conn.greet;
}

static void on_rest(struct rest *rest)
{
    struct session *s = (struct session *)((char *)rest - offsetof(struct session, rest));

    h2_memory_rest(&s->memory);
}

static void take_late_turn(struct loop_task *task)
{
    call_pack_late((struct session *)((char *)task - offsetof(struct session, packing)));
}

bool session_open(struct session *s)
{
    nghttp2_mem mem = h2_memory_begin(&s->memory, s->conn.loop);
    nghttp2_session_callbacks *cb = callbacks_new(s->server);
    nghttp2_option *option = NULL;
    int rv = NGHTTP2_ERR_NOMEM;

    if (cb != NULL && nghttp2_option_new(&option) == 0) {
        /* Closed streams kept for the priority tree would grow with every call. */
        nghttp2_option_set_no_closed_streams(option, 1);
        rv = s->server ? nghttp2_session_server_new3(&s->conn.h2, cb, s, option, &mem)
                       : nghttp2_session_client_new3(&s->conn.h2, cb, s, option, &mem);
        nghttp2_option_del(option);
    }
    nghttp2_session_callbacks_del(cb);
    h2_memory_end(&s->memory);
    s->rest.begin = on_rest;
    s->packing.run = take_late_turn;
    return rv == 0 && (s->server || take_preface(s)) && submit_settings(s);
}

void session_goaway(struct session *s)
{
    if (s->conn.h2 == NULL)
        return;
    s->goaway = true;
    session_check(s, nghttp2_submit_goaway(s->conn.h2, NGHTTP2_FLAG_NONE,
                                           nghttp2_session_get_last_proc_stream_id(s->conn.h2),
                                           NGHTTP2_NO_ERROR, NULL, 0));
    conn_wake(&s->conn);
}

void session_terminate(struct session *s)
{
    if (s->conn.h2 == NULL)
        return;
    s->goaway = true;
    session_check(s, nghttp2_session_terminate_session(s->conn.h2, NGHTTP2_NO_ERROR));
    conn_wake(&s->conn);
}

bool session_hold(struct session *s, bool shut)
{
    if (s->conn.h2 == NULL)
        return false;
    session_check(s, nghttp2_session_set_local_window_size(
                         s->conn.h2, NGHTTP2_FLAG_NONE, 0,
                         shut ? 0 : NGHTTP2_INITIAL_CONNECTION_WINDOW_SIZE));
    conn_wake(&s->conn);
    return true;
}

bool session_resume(struct conn *conn)
{
    struct call *call = session_of_conn(conn)->put_off;

    return call == NULL || call_receive_rest(call);
}

void session_drop_calls(struct session *s)
{
    while (s->first_call != NULL)
        call_end(s->first_call, CALL_LOST);
    rest_cancel(&s->rest);
    loop_task_cancel(&s->packing);
    head_begin(&s->head);
}
