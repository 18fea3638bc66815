/*
 * gRPC over HTTP/2: status codes, and calls as both ends see them. A call knows no socket and no
 * HTTP/2. Source: gRPC PROTOCOL-HTTP2 (github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md).
 *
 * Every message is made or consumed in place and may be cut anywhere: incoming bytes arrive piece
 * by piece, outgoing bytes are asked for when flow control lets them go. All callbacks run in the
 * loop's thread.
 */
#ifndef FLATLINE_ENGINE_GRPC_H
#define FLATLINE_ENGINE_GRPC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define GRPC_STATUS_TABLE(X)  \
    X(OK, 0)                  \
    X(CANCELLED, 1)           \
    X(UNKNOWN, 2)             \
    X(INVALID_ARGUMENT, 3)    \
    X(DEADLINE_EXCEEDED, 4)   \
    X(NOT_FOUND, 5)           \
    X(ALREADY_EXISTS, 6)      \
    X(PERMISSION_DENIED, 7)   \
    X(RESOURCE_EXHAUSTED, 8)  \
    X(FAILED_PRECONDITION, 9) \
    X(ABORTED, 10)            \
    X(OUT_OF_RANGE, 11)       \
    X(UNIMPLEMENTED, 12)      \
    X(INTERNAL, 13)           \
    X(UNAVAILABLE, 14)        \
    X(DATA_LOSS, 15)          \
    X(UNAUTHENTICATED, 16)

#define GRPC_STATUS_ENUM(name, code) GRPC_##name = code,
enum grpc_code { GRPC_STATUS_TABLE(GRPC_STATUS_ENUM) GRPC_CODES };
#undef GRPC_STATUS_ENUM

const char *grpc_code_name(int code); /* "UNIMPLEMENTED"; "code 99" style numbers give "?" */

#define GRPC_PREFIX 5 /* Length-Prefixed-Message: one flag byte, four length bytes, big-endian */
#define GRPC_MAX_MESSAGE (UINT32_C(4) << 20) /* default limit on an incoming message */
#define GRPC_MESSAGE_TEXT 256                /* grpc-message kept, decoded, bytes with NUL */

struct grpc_status {
    int code; /* enum grpc_code, or any number that the peer sent */
    char message[GRPC_MESSAGE_TEXT];
};

/* Message encodings (compression.md); GRPC_ACCEPT_ENCODING is what we say that we take. */
#define GRPC_ENCODING_TABLE(X) \
    X(IDENTITY, "identity")    \
    X(GZIP, "gzip")            \
    X(DEFLATE, "deflate")

#define GRPC_ENCODING_ENUM(ident, name) GRPC_##ident,
enum grpc_encoding { GRPC_ENCODING_TABLE(GRPC_ENCODING_ENUM) GRPC_ENCODINGS };
#undef GRPC_ENCODING_ENUM

#define GRPC_ACCEPT_ENCODING "identity,gzip,deflate"

const char *grpc_encoding_name(enum grpc_encoding encoding);
/* The encoding of that name, or -1. */
int grpc_encoding_find(const char *name, size_t size);

/* Custom metadata. The value of a name that ends in "-bin" is raw bytes here and base64 on the
 * wire. */
struct grpc_metadata {
    const char *name; /* lower case */
    const void *value;
    size_t size;
};

struct call;

/*
 * What a call does. One table per method, shared by all its calls. Any callback may be NULL. A
 * callback that returns int returns 0, or a grpc_code with which the engine ends the call (the
 * server answers with that status, the client resets the stream).
 */
struct call_ops {
    size_t state_size; /* bytes of zeroed state that live and die with the call */

    /*
     * A custom header of the peer, valid during the callback: on a server before on_start; on a
     * client of the response (trailing false) or its trailers. NULL: custom headers are passed
     * over.
     */
    void (*on_metadata)(struct call *call, const struct grpc_metadata *metadata, bool trailing);

    /* Server: the request was accepted. */
    int (*on_start)(struct call *call);

    /* Client: the response headers came, and not as part of a status that is all the response. */
    void (*on_headers)(struct call *call);

    /*
     * Incoming, in place: the prefix was read, `length` body bytes follow in any number of pieces
     * (none for an empty message), then the end.
     */
    int (*on_message)(struct call *call, uint32_t length);
    int (*on_data)(struct call *call, const uint8_t *data, size_t size);
    int (*on_message_end)(struct call *call);
    /*
     * Or whole: when set, the engine assembles each message (the only case in which it keeps one)
     * and calls only this. `data` is valid during the call.
     */
    int (*on_whole)(struct call *call, const uint8_t *data, size_t size);

    /* Server: the client sent its last message. */
    int (*on_half_close)(struct call *call);

    /*
     * Outgoing, on demand: write at most `cap` bytes of length-prefixed messages at `out`, cut
     * anywhere; return how many, or 0 to be asked again after call_resume. After call_finish or
     * call_half_close the engine still asks until it gets 0.
     */
    size_t (*produce)(struct call *call, uint8_t *out, size_t cap);

    /*
     * The last callback, once, whatever happened; the state dies after it. Client: the peer's
     * status, or the engine's (UNAVAILABLE when the connection was lost, DEADLINE_EXCEEDED,
     * CANCELLED ...). Server: the status sent, or CANCELLED when the client went away first.
     */
    void (*on_done)(struct call *call, const struct grpc_status *status);
};

void *call_state(struct call *call);

/* What the program hung on the connection (client) or the server: conn_config.user,
 * server_config.user. */
void *call_user(struct call *call);

/* produce has something again. */
void call_resume(struct call *call);

/*
 * Sends one whole message (the engine keeps a copy until flow control lets it go); false if refused
 * for lack of memory. Messages queue in order, so send the next one only when the last is known to
 * be out, or few and small. Not together with produce.
 */
bool call_send(struct call *call, const void *data, size_t size);

/* The same, uncompressed whatever the call's encoding. */
bool call_send_plain(struct call *call, const void *data, size_t size);

/* In produce, as it begins a message: whether this one is left uncompressed whatever the call's
 * encoding. It holds until said otherwise. */
void call_produce_plain(struct call *call, bool plain);

/* In on_message, on_data or on_whole: whether the message came compressed. */
bool call_message_compressed(const struct call *call);

/* There too: its encoding, GRPC_IDENTITY if it came plain. */
enum grpc_encoding call_message_encoding(const struct call *call);

/*
 * Compresses what is sent from now on; before the first message. False, and nothing changed, if the
 * peer does not take that encoding (server; a client finds out by the answer).
 */
bool call_set_encoding(struct call *call, enum grpc_encoding encoding);

/*
 * Server: sends custom metadata with the response headers (before the first message) or with the
 * trailers. False: out of memory, or more than 16 of a kind.
 */
bool call_put_metadata(struct call *call, const struct grpc_metadata *metadata, bool trailing);

/*
 * Server: holds the call's receive window shut, or opens it again. What was announced may still
 * come, at most 64 KiB.
 */
void call_hold(struct call *call, bool shut);

/* Server: no more messages; trailers follow what produce still gives. message may be NULL. */
void call_finish(struct call *call, int code, const char *message);

/* Client: no more messages; END_STREAM follows what produce still gives. */
void call_half_close(struct call *call);

/* Client: RST_STREAM(CANCEL) at once; on_done follows with CANCELLED, not from inside this call. */
void call_cancel(struct call *call);

#endif
