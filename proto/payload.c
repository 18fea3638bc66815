#include "proto/payload.h"

#include "common/base/rng.h"

#include <string.h>

#define PREFIX 5
#define TAG_BODY 0x0a   /* field 1, length-delimited */
#define TAG_NUMBER 0x10 /* field 2, varint */
#define WORDS_PER_MESSAGE                                                  \
    40 /* draws set aside per message: one for the length, 32 for the body \
        */

void payload_writer_init(struct payload_writer *w, uint64_t seed)
{
    memset(w, 0, sizeof *w);
    w->seed = seed;
}

/* The number's field as it follows the body; returns its size. */
static size_t encode_number(uint64_t number, uint8_t out[PAYLOAD_NUMBER_MAX])
{
    size_t size = 0;

    out[size++] = TAG_NUMBER;
    for (; number > 0x7f; number >>= 7)
        out[size++] = (uint8_t)(number | 0x80);
    out[size++] = (uint8_t)number;
    return size;
}

void payload_writer_begin(struct payload_writer *w)
{
    uint64_t draw = rng_at(w->seed, w->message * WORDS_PER_MESSAGE);
    uint8_t number[PAYLOAD_NUMBER_MAX];

    w->message++;
    w->offset = 0;
    w->size = (uint16_t)(PAYLOAD_OVERHEAD + PAYLOAD_BODY_MIN +
                         draw % (PAYLOAD_BODY_MAX - PAYLOAD_BODY_MIN + 1));
    if (w->numbered)
        w->size = (uint16_t)(w->size + encode_number(w->message, number));
}

static void put_header(uint8_t out[PAYLOAD_OVERHEAD], size_t size, size_t body)
{
    size_t length = size - PREFIX;

    out[0] = out[1] = out[2] = 0;
    out[3] = (uint8_t)(length >> 8);
    out[4] = (uint8_t)length;
    out[5] = TAG_BODY;
    out[6] = (uint8_t)(body | 0x80);
    out[7] = (uint8_t)(body >> 7);
}

/* Body bytes [from, to): word k of the message is draw k + 1 of its share. */
static void put_body(const struct payload_writer *w, uint8_t *out, size_t from, size_t to)
{
    uint64_t base = (w->message - 1) * WORDS_PER_MESSAGE + 1;

    while (from < to) {
        uint64_t word = rng_at(w->seed, base + from / 8);
        size_t skip = from % 8, n = 8 - skip < to - from ? 8 - skip : to - from;

        memcpy(out, (const uint8_t *)&word + skip, n);
        out += n;
        from += n;
    }
}

/* What lies in [from, end) of a part of `size` bytes at `part`, as far as it goes. */
static size_t put_part(uint8_t *out, const uint8_t *part, size_t size, size_t from, size_t end)
{
    size_t n = (end < size ? end : size) - from;

    memcpy(out, part + from, n);
    return n;
}

size_t payload_writer_put(struct payload_writer *w, uint8_t *out, size_t cap)
{
    size_t left = (size_t)(w->size - w->offset), n = left < cap ? left : cap, done = 0;
    uint8_t head[PAYLOAD_OVERHEAD], number[PAYLOAD_NUMBER_MAX];
    size_t number_size = w->numbered ? encode_number(w->message, number) : 0;
    size_t body_end = w->size - number_size, end = w->offset + n;

    if (w->offset < PAYLOAD_OVERHEAD && n > 0) {
        put_header(head, w->size, body_end - PAYLOAD_OVERHEAD);
        done = put_part(out, head, sizeof head, w->offset, end);
    }
    if (done < n && w->offset + done < body_end) {
        size_t from = w->offset + done, to = end < body_end ? end : body_end;

        put_body(w, out + done, from - PAYLOAD_OVERHEAD, to - PAYLOAD_OVERHEAD);
        done += to - from;
    }
    if (done < n)
        put_part(out + done, number, number_size, w->offset + done - body_end, end - body_end);
    w->offset = (uint16_t)(w->offset + n);
    if (w->offset == w->size)
        w->size = w->offset = 0;
    return n;
}

size_t payload_writer_fill(struct payload_writer *w, uint64_t *left, uint8_t *out, size_t cap)
{
    size_t used = 0;

    while (used < cap) {
        if (!payload_writer_busy(w)) {
            if (*left == 0)
                break;
            if (*left != UINT64_MAX)
                --*left;
            payload_writer_begin(w);
        }
        used += payload_writer_put(w, out + used, cap - used);
    }
    return used;
}

enum { AT_TAG, AT_LENGTH_LOW, AT_LENGTH_HIGH, AT_BODY, AT_NUMBER_TAG, AT_NUMBER, AT_END };

#define HEAD (PAYLOAD_OVERHEAD - PREFIX)

bool payload_reader_begin(struct payload_reader *r, uint32_t length)
{
    memset(r, 0, sizeof *r);
    r->length = length;
    return length >= HEAD + PAYLOAD_BODY_MIN &&
           length <= HEAD + PAYLOAD_BODY_MAX + PAYLOAD_NUMBER_MAX;
}

/* Whether a body of that size can be one of ours, and the rest of the message a number or none. */
static bool body_fits(const struct payload_reader *r)
{
    uint32_t rest = r->length - HEAD - r->body;

    return r->body >= PAYLOAD_BODY_MIN && r->body <= PAYLOAD_BODY_MAX &&
           r->body <= r->length - HEAD &&
           (rest == 0 || (rest >= PAYLOAD_NUMBER_MIN && rest <= PAYLOAD_NUMBER_MAX));
}

/* A varint has at most ten bytes, and of the tenth only the lowest bit counts. */
static bool take_number(struct payload_reader *r, uint8_t byte)
{
    if (r->shift > 63 || (r->shift == 63 && byte > 1))
        return false;
    r->number |= (uint64_t)(byte & 0x7f) << r->shift;
    r->shift = (uint8_t)(r->shift + 7);
    if ((byte & 0x80) == 0)
        r->state = AT_END;
    return true;
}

static bool take_byte(struct payload_reader *r, uint8_t byte)
{
    switch (r->state) {
    case AT_TAG:
        r->state = AT_LENGTH_LOW;
        return byte == TAG_BODY;
    case AT_LENGTH_LOW:
        /* 128 and up take exactly two bytes; anything else is not one of ours. */
        r->body = byte & 0x7f;
        r->state = AT_LENGTH_HIGH;
        return (byte & 0x80) != 0;
    case AT_LENGTH_HIGH:
        r->body |= (uint32_t)byte << 7;
        r->state = AT_BODY;
        return body_fits(r);
    case AT_NUMBER_TAG:
        r->state = AT_NUMBER;
        return byte == TAG_NUMBER;
    case AT_NUMBER:
        return take_number(r, byte);
    default:
        return false;
    }
}

bool payload_reader_take(struct payload_reader *r, const uint8_t *data, size_t size)
{
    if (size > r->length - r->offset)
        return false;
    r->offset += (uint32_t)size;
    while (size > 0) {
        size_t n = 1;

        if (r->state == AT_BODY) {
            n = size < r->body ? size : r->body;
            r->body -= (uint32_t)n;
            r->state = r->body == 0 ? AT_NUMBER_TAG : AT_BODY;
        } else if (!take_byte(r, *data)) {
            return false;
        }
        data += n;
        size -= n;
    }
    return true;
}

bool payload_reader_end(const struct payload_reader *r)
{
    return r->offset == r->length && (r->state == AT_NUMBER_TAG || r->state == AT_END);
}
