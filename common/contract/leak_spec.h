/*
 * The planted leak of `--inject-leak SHAPE:BYTES[/EVERY]`, a test option of both stress programs
 * that the driver hands down: BYTES are leaked once per EVERY events of that shape. "call:1K",
 * "call:16/1000".
 */
#ifndef FLATLINE_CONTRACT_LEAK_SPEC_H
#define FLATLINE_CONTRACT_LEAK_SPEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LEAK_SHAPE_TABLE(X)                                                 \
    X(CALL, call, "a call ended")                                           \
    X(CONNECTION, connection, "a connection was set up")                    \
    X(RECONNECT, reconnect, "a connection was set up after an earlier one") \
    X(DISCONNECT, disconnect, "a connection ended")

#define LEAK_SHAPE_ENUM(ident, name, text) LEAK_##ident,
enum leak_shape { LEAK_SHAPE_TABLE(LEAK_SHAPE_ENUM) LEAK_SHAPES };
#undef LEAK_SHAPE_ENUM

struct leak_spec {
    enum leak_shape shape;
    uint64_t bytes; /* at least 1 */
    uint64_t every; /* at least 1 */
};

/* False with one line in *why if the text is not of that form; *out is untouched then. */
bool leak_spec_parse(const char *text, struct leak_spec *out, char *why, size_t cap);

/* "call" */
const char *leak_shape_name(enum leak_shape shape);

#endif
