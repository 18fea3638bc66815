#include "proto/payload.h"

#include "common/base/rng.h"

#include <string.h>

#define PREFIX 5
#define TAG_BODY 0x0a   /* field 1, length-delimited */
#define TAG_NUMBER 0x10 /* field 2, varint */
#define HEAD_MAX (PREFIX + 1 + 4)
/* A message's draws: for its size, and where its body begins. */
#define DRAWS_PER_MESSAGE 2
#define DRAW_SIZE 0
#define DRAW_BODY 1

void payload_writer_init(struct payload_writer *w, uint64_t seed)
{
    memset(w, 0, sizeof *w);
    w->seed = seed;
}

void payload_writer_set_size(struct payload_writer *w, uint32_t body)
{
    w->fixed = body;
}

/* Of message k, from 0. */
static uint64_t draw(const struct payload_writer *w, uint64_t message, unsigned which)
{
    return rng_at(w->seed, message * DRAWS_PER_MESSAGE + which);
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

/* What stands before the body in the message: the tag and its length. */
static uint32_t head_size(uint32_t body)
{
    uint32_t size = 2;

    for (; body > 0x7f; body >>= 7)
        size++;
    return size;
}

void payload_writer_begin(struct payload_writer *w)
{
    uint8_t number[PAYLOAD_NUMBER_MAX];

    w->body = w->fixed;
    if (w->body == 0)
        w->body = (uint32_t)(PAYLOAD_BODY_MIN + draw(w, w->message, DRAW_SIZE) %
                                                    (PAYLOAD_BODY_MAX - PAYLOAD_BODY_MIN + 1));
    w->message++;
    w->offset = 0;
    w->size = PREFIX + head_size(w->body) + w->body;
    if (w->numbered)
        w->size += (uint32_t)encode_number(w->message, number);
}

/* Returns its size. */
static size_t put_head(uint8_t out[HEAD_MAX], uint32_t size, uint32_t body)
{
    uint32_t length = size - PREFIX;
    size_t used = PREFIX;

    out[0] = 0;
    for (int i = 1; i < PREFIX; i++)
        out[i] = (uint8_t)(length >> 8 * (PREFIX - 1 - i));
    out[used++] = TAG_BODY;
    for (; body > 0x7f; body >>= 7)
        out[used++] = (uint8_t)(body | 0x80);
    out[used++] = (uint8_t)body;
    return used;
}

/*
 * Word k of a body that begins at `start`. SplitMix64's sequence with one multiplication less:
 * making bodies is most of what a streamed message costs, and each begins at a place well mixed.
 */
static uint64_t word_at(uint64_t start, size_t index)
{
    uint64_t z = start + index * UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 32)) * UINT64_C(0xbf58476d1ce4e5b9);
    return z ^ (z >> 29);
}

/* A part of word k: up to `most` of its bytes from `skip` on; returns how many. */
static size_t put_piece(uint8_t *out, uint64_t word, size_t skip, size_t most)
{
    size_t n = 8 - skip < most ? 8 - skip : most;

    memcpy(out, (const uint8_t *)&word + skip, n);
    return n;
}

/* Body bytes [from, to). */
static void put_body(const struct payload_writer *w, uint8_t *out, size_t from, size_t to)
{
    uint64_t start = draw(w, w->message - 1, DRAW_BODY);

    if (from % 8 != 0) {
        size_t n = put_piece(out, word_at(start, from / 8), from % 8, to - from);

        out += n;
        from += n;
    }
    for (size_t k = from / 8; k < to / 8; k++, out += 8) {
        uint64_t word = word_at(start, k);

        memcpy(out, &word, 8);
    }
    if (from < to && to % 8 != 0)
        put_piece(out, word_at(start, to / 8), 0, to % 8);
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
    size_t left = w->size - w->offset, n = left < cap ? left : cap, done = 0;
    uint8_t head[HEAD_MAX], number[PAYLOAD_NUMBER_MAX];
    size_t number_size = w->numbered ? encode_number(w->message, number) : 0;
    size_t body_end = w->size - number_size, body_start = body_end - w->body, end = w->offset + n;

    if (w->offset < body_start && n > 0)
        done = put_part(out, head, put_head(head, w->size, w->body), w->offset, end);
    if (done < n && w->offset + done < body_end) {
        size_t from = w->offset + done, to = end < body_end ? end : body_end;

        put_body(w, out + done, from - body_start, to - body_start);
        done += to - from;
    }
    if (done < n)
        put_part(out + done, number, number_size, w->offset + done - body_end, end - body_end);
    w->offset += (uint32_t)n;
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

enum { AT_TAG, AT_LENGTH, AT_BODY, AT_NUMBER_TAG, AT_NUMBER, AT_END };

static bool begin(struct payload_reader *r, uint32_t length, uint32_t least, uint32_t most)
{
    memset(r, 0, sizeof *r);
    r->length = length;
    r->least = least;
    r->most = most;
    return length >= head_size(least) + least &&
           length <= head_size(most) + most + PAYLOAD_NUMBER_MAX && length <= PAYLOAD_MESSAGE_MOST;
}

bool payload_reader_begin(struct payload_reader *r, uint32_t length)
{
    return begin(r, length, PAYLOAD_BODY_MIN, PAYLOAD_BODY_MAX);
}

bool payload_reader_begin_any(struct payload_reader *r, uint32_t length)
{
    return begin(r, length, 1, PAYLOAD_BODY_MOST);
}

/* Whether a body of that size can be one of ours, its length written as short as can be, and the
 * rest of the message a number or none. */
static bool body_fits(const struct payload_reader *r)
{
    uint32_t head = head_size(r->body), rest = r->length - head - r->body;

    return r->body >= r->least && r->body <= r->most && head == 1u + r->shift / 7 &&
           head + r->body <= r->length &&
           (rest == 0 || (rest >= PAYLOAD_NUMBER_MIN && rest <= PAYLOAD_NUMBER_MAX));
}

static bool take_length(struct payload_reader *r, uint8_t byte)
{
    if (r->shift > 21)
        return false;
    r->body |= (uint32_t)(byte & 0x7f) << r->shift;
    r->shift = (uint8_t)(r->shift + 7);
    if ((byte & 0x80) != 0)
        return true;
    r->state = AT_BODY;
    if (!body_fits(r))
        return false;
    r->shift = 0;
    return true;
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
        r->state = AT_LENGTH;
        return byte == TAG_BODY;
    case AT_LENGTH:
        return take_length(r, byte);
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

bool payload_reader_misfits(const struct payload_reader *r)
{
    return r->state == AT_BODY && (r->body < r->least || r->body > r->most);
}

bool payload_reader_end(const struct payload_reader *r)
{
    return r->offset == r->length && (r->state == AT_NUMBER_TAG || r->state == AT_END);
}
