/* Calls from the engine's side: framing, production, the end. See grpc.h for the program's side. */
#ifndef FLATLINE_ENGINE_CALL_H
#define FLATLINE_ENGINE_CALL_H

#include "common/engine/codec.h"
#include "common/engine/grpc.h"
#include "common/engine/metadata.h"

#include <ev.h>
#include <nghttp2/nghttp2.h>
#include <stddef.h>
#include <string.h>

struct session;

/* Walks Length-Prefixed-Messages, one direction of a call. */
struct framing {
    uint32_t left; /* body bytes to come, once the prefix is whole */
    uint8_t have;  /* prefix bytes seen */
    uint8_t prefix[GRPC_PREFIX];
};

static inline uint32_t prefix_length(const uint8_t prefix[GRPC_PREFIX])
{
    return (uint32_t)prefix[1] << 24 | (uint32_t)prefix[2] << 16 | (uint32_t)prefix[3] << 8 |
           prefix[4];
}

static inline uint32_t framing_length(const struct framing *f)
{
    return prefix_length(f->prefix);
}

/* Takes what is missing of the prefix; returns how much that was. */
static inline size_t framing_take_prefix(struct framing *f, const uint8_t *data, size_t size)
{
    size_t missing = (size_t)GRPC_PREFIX - f->have, n = missing < size ? missing : size;

    memcpy(f->prefix + f->have, data, n);
    f->have = (uint8_t)(f->have + n);
    return n;
}

/* What most calls have not. */
struct call_rare {
    struct codec_buffer raw;               /* a message of the producer before compression */
    struct codec_buffer leading, trailing; /* server: metadata to send (metadata.h) */
};

struct call {
    struct session *session;
    struct call *next, *prev;
    const struct call_ops *ops;
    struct framing in, out;
    struct codec_buffer whole; /* an incoming message under assembly; put off: what follows, too */
    struct codec_buffer queue; /* outgoing bytes not yet taken */
    struct call_rare *rare;    /* NULL: none of it (call_rare) */
    char *message;             /* of the status, decoded; NULL: empty */
    uint32_t held;             /* of whole, that counts (guard.h) */
    uint32_t queue_taken;
    int32_t stream_id;
    int32_t status;       /* the call's status once known */
    int32_t http_status;  /* client: of the response */
    uint8_t in_encoding;  /* enum grpc_encoding, by the peer's grpc-encoding */
    uint8_t out_encoding; /* and ours */
    uint8_t accepted;     /* a bit for each encoding that the peer takes */
    bool timed;           /* may have a deadline: its timer lies behind the state */
    bool started;         /* server: response submitted */
    bool finished;        /* call_finish or call_half_close was called */
    bool ended;           /* server: the status was handed to nghttp2 */
    bool plain;           /* messages of the producer are not compressed */
    bool late;            /* has more to pack, in a late turn of the session */
    bool discard;         /* server: the status is an error, drop what is not sent */
    bool deferred;        /* nghttp2 waits for call_resume */
    bool status_known;    /* client: from the peer or ours; server: sent */
    bool local_status;    /* client: ours, beats what the peer says later */
    bool deaf;            /* drop what still comes in */
    bool remote_closed;   /* END_STREAM received */
    _Alignas(max_align_t) unsigned char state[];
};

/* Puts the call into the session's list. timed: there will be a deadline. NULL: out of memory. */
struct call *call_new(struct session *s, const struct call_ops *ops, bool timed);
/* Calls on_done and frees: the one end of every call. h2_error: of the stream, or CALL_LOST. */
#define CALL_LOST UINT32_MAX
void call_end(struct call *call, uint32_t h2_error);

/* call->rare, made when first needed. NULL: out of memory. */
struct call_rare *call_rare(struct call *call);

/* Frees a call whose stream never came to be: no on_done. */
void call_abandon(struct call *call);

/*
 * Incoming DATA. False: it holds a message whose unpacking has to wait (loop_internal.h); then
 * nothing more may come on the connection until call_receive_rest, which may say so again.
 */
bool call_receive(struct call *call, const uint8_t *data, size_t size);
bool call_receive_rest(struct call *call);
/* Frees call->whole. */
void call_release_whole(struct call *call);
/* Incoming END_STREAM. */
void call_remote_close(struct call *call);
/* Client: a header of the response or its trailers. */
void call_take_status(struct call *call, int code);
void call_take_message(struct call *call, const char *text, size_t size);

/*
 * Server: the call's status at once; Trailers-Only if nothing was sent yet, else trailers. They are
 * not subject to flow control, and what was still to be sent is dropped.
 */
void call_respond_status(struct call *call);

/* The outgoing side, for nghttp2: a data source over the call. */
nghttp2_data_provider call_provider(struct call *call);

/* A late turn (loop_internal.h): packs what waits for it, and sends. */
void call_pack_late(struct session *s);

/* Starts the deadline timer of a timed call. */
void call_set_deadline(struct call *call, uint64_t timeout_ns);

/* Ends the stream from our side with a status of our own (client) or as an answer (server). */
void call_fail(struct call *call, int code, const char *message);

#endif
