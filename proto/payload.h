/*
 * The hot message, flatline.v1.Payload, made and checked in place: length prefix, field tag, varint
 * length, body and, where messages are numbered, a tag and the number. Both sides may be cut at any
 * byte and keep a fixed few bytes of state. Bodies are 128 to 256 random bytes, or as many as was
 * said, fresh for every message: byte i of message m of a stream is a pure function of (seed, m,
 * i).
 */
#ifndef FLATLINE_PROTO_PAYLOAD_H
#define FLATLINE_PROTO_PAYLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAYLOAD_BODY_MIN 128
#define PAYLOAD_BODY_MAX 256
/* prefix (5), tag (1), varint length (2 for 128 and up), body */
#define PAYLOAD_OVERHEAD 8
#define PAYLOAD_NUMBER_MIN 2  /* tag (1), varint */
#define PAYLOAD_NUMBER_MAX 11 /* a varint of 64 bits */
#define PAYLOAD_WIRE_MAX (PAYLOAD_OVERHEAD + PAYLOAD_BODY_MAX + PAYLOAD_NUMBER_MAX)

/* What gRPC implementations take by default, and of it the body, with a tag and a length of four.
 */
#define PAYLOAD_MESSAGE_MOST (UINT32_C(4) << 20)
#define PAYLOAD_BODY_MOST (PAYLOAD_MESSAGE_MOST - 5 - PAYLOAD_NUMBER_MAX)

/* All zero but for the seed: the first message is due at the first write. */
struct payload_writer {
    uint64_t seed;
    uint64_t message; /* messages begun */
    uint32_t fixed;   /* body bytes of every message; 0: 128 to 256 */
    uint32_t body;    /* of the message under way */
    uint32_t size;    /* its wire bytes; 0: none is under way */
    uint32_t offset;  /* of them, written */
    bool numbered;    /* message k bears the number k; set before the first begins */
};

void payload_writer_init(struct payload_writer *w, uint64_t seed);

/* Bodies of 1 to PAYLOAD_BODY_MOST bytes, all alike; 0: of 128 to 256. Before the first message. */
void payload_writer_set_size(struct payload_writer *w, uint32_t body);

/* Begins the next message; the one before must be complete. */
void payload_writer_begin(struct payload_writer *w);

/* Writes what is left of the message under way, at most cap bytes; returns how many, 0 if none is.
 */
size_t payload_writer_put(struct payload_writer *w, uint8_t *out, size_t cap);

static inline bool payload_writer_busy(const struct payload_writer *w)
{
    return w->size != 0;
}

/*
 * Fills as many whole messages as *left and cap allow, and the cut beginning of one more; *left is
 * lowered as messages begin. UINT64_MAX in *left: for ever.
 */
size_t payload_writer_fill(struct payload_writer *w, uint64_t *left, uint8_t *out, size_t cap);

/* Checks one message's bytes (without the length prefix) as they come. */
struct payload_reader {
    uint32_t length;      /* from the prefix */
    uint32_t offset;      /* bytes seen */
    uint32_t body;        /* from the varint; then what is left of it */
    uint32_t least, most; /* that it may have */
    uint8_t state;
    uint8_t shift;   /* bits of a varint that have come */
    uint64_t number; /* 0: none */
};

/* A message of that many bytes begins; false if a Payload with a body of our sizes cannot be that
 * long. */
bool payload_reader_begin(struct payload_reader *r, uint32_t length);
/* The same with a body of 1 to PAYLOAD_BODY_MOST bytes. */
bool payload_reader_begin_any(struct payload_reader *r, uint32_t length);
/* Takes a piece; false if a tag, the length or the number's varint is wrong. */
bool payload_reader_take(struct payload_reader *r, const uint8_t *data, size_t size);
/* Why it was: the body that was announced has none of our sizes. */
bool payload_reader_misfits(const struct payload_reader *r);
/* True if the message was whole and well-formed; then r->number is its number, 0 if it has none. */
bool payload_reader_end(const struct payload_reader *r);

#endif
