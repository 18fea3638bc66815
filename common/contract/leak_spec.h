/*
 * The planted leak of `--inject-leak SHAPE:BYTES[/EVERY]`, a test option of both stress programs
 * that the driver hands down: BYTES are leaked once per EVERY events of that shape. "call:1K",
 * "call:16/1000", "fd:1/100". And its opposite, `--inject-healthy SHAPE:BYTES[/EVERY]`: memory that
 * grows up to BYTES, in steps of EVERY messages, and settles: no leak, and not to be taken for one.
 */
#ifndef FLATLINE_CONTRACT_LEAK_SPEC_H
#define FLATLINE_CONTRACT_LEAK_SPEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Columns: identifier, function (planted_leak_... in a heap profile), name, what is leaked (MEMORY;
 * of DESCRIPTORS and THREADS the BYTES are a number), the event, how many of them there were (an
 * expression over s, the struct engine_stats of common/engine/loop.h), where it was seen in the
 * field: project and number of the issue.
 */
/* clang-format off */
#define LEAK_SHAPE_TABLE(X)                                                                        \
    X(CALL, call, "call", MEMORY, "a call ended", s->calls_done + s->calls_failed, "grpc-go#888")  \
    X(STREAM, stream, "stream", MEMORY, "a stream was closed", s->streams_closed,                  \
      "nghttp2#1491, envoy#471")                                                                   \
    X(HEADER, header, "header", MEMORY, "a header block was received", s->header_blocks,           \
      "nghttp2#1065")                                                                              \
    X(CONNECTION, connection, "connection", MEMORY, "a connection was set up", s->opened,          \
      "grpc-node#2068")                                                                            \
    X(RECONNECT, reconnect, "reconnect", MEMORY, "a connection was set up after an earlier one",   \
      s->opened > 0 ? s->opened - 1 : 0, "grpc#38499")                                             \
    X(DISCONNECT, disconnect, "disconnect", MEMORY, "a connection ended", s->closed,               \
      "grpc-node#2068")                                                                            \
    X(DROP, drop, "drop", MEMORY, "the last open connection ended", s->emptied, "grpc#25313")      \
    X(RETRY, retry, "retry", MEMORY, "a connection failed before it was usable", s->unopened,      \
      "grpc-go#5336, grpc#38499")                                                                  \
    X(HANDSHAKE, handshake, "handshake", MEMORY, "a TLS handshake was done", s->handshakes,        \
      "nghttp2#1135")                                                                              \
    X(CANCEL, cancel, "cancel", MEMORY, "a call was cancelled", s->cancels, "grpc-java#1674")      \
    X(TRAILERS, trailers, "trailers", MEMORY,                                                      \
      "a call was cancelled while its trailers waited for the window", s->trailers_cut,            \
      "grpc-go#2444")                                                                              \
    X(EARLY_END, early_end, "early-end", MEMORY,                                                   \
      "a server ended a call before its client had", s->early_ends, "grpc-java#4202")              \
    X(STALL, stall, "stall", MEMORY, "a peer stopped reading for a while", s->stalls,              \
      "grpc-go#1685")                                                                              \
    X(FD, fd, "fd", DESCRIPTORS, "a connection was set up", s->opened, "any server")               \
    X(THREAD, thread, "thread", THREADS, "a connection was set up", s->opened, "any server")
/* clang-format on */

#define HEALTHY_STEPS 32 /* that it takes until a shape has all of its BYTES */

/* Columns: identifier, name, how it grows. */
#define HEALTHY_SHAPE_TABLE(X)                                                      \
    X(WARM_UP, "warm-up", "all at the first step")                                  \
    X(CACHE, "cache", "a part at each step, and no more when it is full")           \
    X(POOL, "pool", "twice as large at the 2nd, 4th ... step, and no more at last") \
    X(SAWTOOTH, "sawtooth", "a part at each step, freed all together, again and again")

#define LEAK_SHAPE_ENUM(ident, ...) LEAK_##ident,
enum leak_shape { LEAK_SHAPE_TABLE(LEAK_SHAPE_ENUM) LEAK_SHAPES };
#undef LEAK_SHAPE_ENUM

#define HEALTHY_SHAPE_ENUM(ident, ...) HEALTHY_##ident,
enum healthy_shape { HEALTHY_SHAPE_TABLE(HEALTHY_SHAPE_ENUM) HEALTHY_SHAPES };
#undef HEALTHY_SHAPE_ENUM

struct leak_spec {
    enum leak_shape shape;
    uint64_t bytes; /* at least 1 */
    uint64_t every; /* at least 1 */
};

struct healthy_spec {
    enum healthy_shape shape;
    uint64_t bytes; /* at least 1 */
    uint64_t every; /* at least 1 */
};

/* False with one line in *why if the text is not of that form; *out is untouched then. */
bool leak_spec_parse(const char *text, struct leak_spec *out, char *why, size_t cap);
bool healthy_spec_parse(const char *text, struct healthy_spec *out, char *why, size_t cap);

/* "call" */
const char *leak_shape_name(enum leak_shape shape);
const char *healthy_shape_name(enum healthy_shape shape);

/* For helps and errors: " call stream ...", a literal. */
#define LEAK_SHAPE_WORD(ident, function, name, ...) " " name
#define LEAK_SHAPE_WORDS LEAK_SHAPE_TABLE(LEAK_SHAPE_WORD)
#define HEALTHY_SHAPE_WORD(ident, name, ...) " " name
#define HEALTHY_SHAPE_WORDS HEALTHY_SHAPE_TABLE(HEALTHY_SHAPE_WORD)

#endif
