#include "proto/payload.h"

#include "common/base/rng.h"

#include <string.h>

#define PREFIX 5
#define TAG_BODY 0x0a /* field 1, length-delimited */
#define WORDS_PER_MESSAGE                                                  \
    40 /* draws set aside per message: one for the length, 32 for the body \
        */

void payload_writer_init(struct payload_writer *w, uint64_t seed)
{
    memset(w, 0, sizeof *w);
    w->seed = seed;
}

void payload_writer_begin(struct payload_writer *w)
{
    uint64_t draw = rng_at(w->seed, w->message * WORDS_PER_MESSAGE);

    w->message++;
    w->offset = 0;
    w->size = (uint16_t)(PAYLOAD_OVERHEAD + PAYLOAD_BODY_MIN +
                         draw % (PAYLOAD_BODY_MAX - PAYLOAD_BODY_MIN + 1));
}

static void put_header(uint8_t out[PAYLOAD_OVERHEAD], uint16_t size)
{
    uint16_t length = (uint16_t)(size - PREFIX), body = (uint16_t)(size - PAYLOAD_OVERHEAD);

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

size_t payload_writer_put(struct payload_writer *w, uint8_t *out, size_t cap)
{
    size_t n = (size_t)(w->size - w->offset), done = 0;

    if (n > cap)
        n = cap;
    if (w->offset < PAYLOAD_OVERHEAD) {
        uint8_t header[PAYLOAD_OVERHEAD];
        size_t part = (size_t)(PAYLOAD_OVERHEAD - w->offset);

        put_header(header, w->size);
        done = part < n ? part : n;
        memcpy(out, header + w->offset, done);
    }
    if (done < n) {
        size_t from = w->offset + done - PAYLOAD_OVERHEAD;

        put_body(w, out + done, from, from + (n - done));
    }
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

enum { AT_TAG, AT_LENGTH_LOW, AT_LENGTH_HIGH, AT_BODY };

bool payload_reader_begin(struct payload_reader *r, uint32_t length)
{
    const uint32_t head = PAYLOAD_OVERHEAD - PREFIX;

    r->length = length;
    r->offset = 0;
    r->body = 0;
    r->state = AT_TAG;
    return length >= head + PAYLOAD_BODY_MIN && length <= head + PAYLOAD_BODY_MAX;
}

bool payload_reader_take(struct payload_reader *r, const uint8_t *data, size_t size)
{
    if (size > r->length - r->offset)
        return false;
    r->offset += (uint32_t)size;
    for (; size > 0 && r->state != AT_BODY; data++, size--) {
        switch (r->state) {
        case AT_TAG:
            if (*data != TAG_BODY)
                return false;
            r->state = AT_LENGTH_LOW;
            break;
        case AT_LENGTH_LOW:
            /* 128 and up take exactly two bytes; anything else is not one of ours. */
            if ((*data & 0x80) == 0)
                return false;
            r->body = *data & 0x7f;
            r->state = AT_LENGTH_HIGH;
            break;
        default:
            r->body |= (uint32_t)*data << 7;
            if (r->body != r->length - (PAYLOAD_OVERHEAD - PREFIX))
                return false;
            r->state = AT_BODY;
        }
    }
    return true;
}

bool payload_reader_end(const struct payload_reader *r)
{
    return r->state == AT_BODY && r->offset == r->length;
}
