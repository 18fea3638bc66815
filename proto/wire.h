/*
 * Reads protobuf's wire format in place, field by field: for messages whose unpacked form could be
 * many times their size (a request of 4 MiB can list two million replies), and for those of which
 * only a number is wanted. Source: protobuf.dev/programming-guides/encoding.
 */
#ifndef FLATLINE_PROTO_WIRE_H
#define FLATLINE_PROTO_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum wire_type { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2, WIRE_FIXED32 = 5 };

struct wire_field {
    uint32_t number;
    enum wire_type type;
    uint64_t value;      /* WIRE_VARINT */
    const uint8_t *data; /* WIRE_BYTES: points into the message */
    size_t size;
};

struct wire_reader {
    const uint8_t *at, *end;
    bool broken;
};

static inline struct wire_reader wire_open(const uint8_t *data, size_t size)
{
    return (struct wire_reader){.at = data, .end = size > 0 ? data + size : data};
}

/* The next field; false at the end, or where the message is malformed: `broken` is set then. */
bool wire_next(struct wire_reader *r, struct wire_field *field);

/* Writes a varint, at most 10 bytes; returns its size. */
size_t wire_put_varint(uint8_t *out, uint64_t value);

#endif
