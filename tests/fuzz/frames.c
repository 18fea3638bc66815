#include "tests/fuzz/frames.h"

#include "common/base/rng.h"

#include <stdlib.h>
#include <string.h>

#define FRAMES_MOST 64     /* that a mutation looks at; what follows them stays as it is */
#define LENGTH_MOST 16384u /* SETTINGS_MAX_FRAME_SIZE at first */
#define KINDS 10u
#define PUSH_PROMISE 5
#define RAW_IN 8 /* one mutation in so many knows nothing of frames */

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t cap);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t cap, unsigned seed);

static uint32_t length_of(const uint8_t *head)
{
    return (uint32_t)head[0] << 16 | (uint32_t)head[1] << 8 | head[2];
}

static uint32_t stream_of(const uint8_t *head)
{
    return (uint32_t)head[5] << 24 | (uint32_t)head[6] << 16 | (uint32_t)head[7] << 8 | head[8];
}

bool frames_next(struct frames *frames, struct frames_piece *piece)
{
    const uint8_t *head = frames->at;
    size_t size = frames->left;

    if (size == 0)
        return false;
    if (size > FRAMES_HEAD && FRAMES_HEAD + length_of(head) < size)
        size = FRAMES_HEAD + length_of(head);
    *piece = (struct frames_piece){.bytes = head, .size = size};
    if (size >= FRAMES_HEAD && head[3] == FRAMES_ORDER) {
        piece->is_order = true;
        piece->order = head[4];
        piece->argument = stream_of(head);
        piece->bytes += FRAMES_HEAD;
        piece->size -= FRAMES_HEAD;
    }
    frames->at += size;
    frames->left -= size;
    return true;
}

/* ---- what came back ---- */

static bool head_is_right(const uint8_t *head)
{
    return length_of(head) <= LENGTH_MOST && head[3] < KINDS && head[3] != PUSH_PROMISE;
}

bool frames_check_take(struct frames_check *check, const uint8_t *bytes, size_t size)
{
    for (; check->preface != NULL && *check->preface != '\0' && size > 0; bytes++, size--) {
        if (*check->preface++ != (char)*bytes)
            return false;
    }
    while (size > 0) {
        size_t n = check->left < size ? check->left : size;

        if (check->have < FRAMES_HEAD) {
            check->head[check->have++] = *bytes;
            n = 1;
            if (check->have == FRAMES_HEAD) {
                if (!head_is_right(check->head))
                    return false;
                check->left = length_of(check->head);
            }
        } else {
            check->left -= (uint32_t)n;
        }
        if (check->have == FRAMES_HEAD && check->left == 0) {
            check->counts[check->head[3]]++;
            check->have = 0;
        }
        bytes += n;
        size -= n;
    }
    return true;
}

/* ---- mutations ---- */

/* The frames of an input: where each begins, and behind the last one its end. */
struct table {
    size_t at[FRAMES_MOST + 1];
    size_t count;
};

static void find_frames(struct table *table, const uint8_t *data, size_t size)
{
    struct frames frames = {data, size};
    struct frames_piece piece;

    table->count = 0;
    table->at[0] = 0;
    while (table->count < FRAMES_MOST && frames_next(&frames, &piece))
        table->at[++table->count] = size - frames.left;
}

/* Makes what is between the two places `with` instead; the new size, or the old one if it has no
 * room. */
static size_t replace(uint8_t *data, size_t size, size_t cap, size_t from, size_t to,
                      const uint8_t *with, size_t length)
{
    if (size - (to - from) + length > cap)
        return size;
    memmove(data + from + length, data + to, size - to);
    if (length > 0)
        memcpy(data + from, with, length);
    return size - (to - from) + length;
}

/* libFuzzer's own mutations, of the payload. */
static size_t change_payload(uint8_t *data, size_t size, size_t cap, size_t from, size_t to)
{
    uint8_t payload[LENGTH_MOST];
    size_t length = to - from < FRAMES_HEAD ? 0 : to - from - FRAMES_HEAD, changed;

    if (to - from < FRAMES_HEAD || length > sizeof payload)
        return LLVMFuzzerMutate(data, size, cap);
    memcpy(payload, data + from + FRAMES_HEAD, length);
    changed = LLVMFuzzerMutate(payload, length, length < 64 ? 128 : sizeof payload);
    if (size - length + changed > cap)
        return size;
    size = replace(data, size, cap, from + FRAMES_HEAD, to, payload, changed);
    data[from] = (uint8_t)(changed >> 16);
    data[from + 1] = (uint8_t)(changed >> 8);
    data[from + 2] = (uint8_t)changed;
    return size;
}

/* Another type, a flag more or less, another stream: small ones, most of the time. */
static void change_head(uint8_t *head, struct rng *rng)
{
    static const uint8_t flags[] = {0x01, 0x04, 0x08, 0x20};

    switch (rng_range(rng, 0, 5)) {
    case 0:
        head[3] = (uint8_t)rng_range(rng, 0, KINDS);
        break;
    case 1:
    case 2:
        head[4] ^= flags[rng_range(rng, 0, sizeof flags - 1)];
        break;
    case 3:
        head[4] = (uint8_t)rng_range(rng, 0, FRAMES_ORDERS + 12);
        break;
    default:
        head[5] = head[6] = head[7] = 0;
        head[8] = (uint8_t)rng_range(rng, 0, 11);
    }
}

/* One of the frames that steer a session, with a wide range of values. */
static size_t make_frame(uint8_t out[FRAMES_HEAD + 9], struct rng *rng)
{
    static const struct {
        uint8_t type, length;
    } kinds[] = {{3, 4}, {4, 6}, {4, 0},    {6, 8},    {7, 8},
                 {8, 4}, {2, 5}, {0xff, 0}, {0xff, 0}, {0, 5}};
    size_t which = rng_range(rng, 0, sizeof kinds / sizeof *kinds - 1);
    uint64_t value = rng_next(rng) >> rng_range(rng, 0, 63);

    memset(out, 0, FRAMES_HEAD + 9);
    out[2] = kinds[which].length;
    out[3] = kinds[which].type;
    out[4] = out[3] == 0xff ? (uint8_t)rng_range(rng, 0, FRAMES_ORDERS + 12) : out[3] == 0;
    out[8] = (uint8_t)rng_range(rng, 0, 9);
    for (size_t i = 0; i < kinds[which].length; i++)
        out[FRAMES_HEAD + kinds[which].length - 1 - i] = i < 8 ? (uint8_t)(value >> 8 * i) : 0;
    if (out[3] == 4 && out[2] == 6) { /* a setting that there is */
        out[FRAMES_HEAD] = 0;
        out[FRAMES_HEAD + 1] = (uint8_t)rng_range(rng, 1, 6);
    }
    return FRAMES_HEAD + kinds[which].length;
}

static size_t copy_frame(uint8_t *data, size_t size, size_t cap, size_t from, size_t to,
                         size_t where)
{
    uint8_t copy[FRAMES_HEAD + LENGTH_MOST];

    if (to - from > sizeof copy)
        return size;
    memcpy(copy, data + from, to - from);
    return replace(data, size, cap, where, where, copy, to - from);
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t cap, unsigned seed)
{
    struct rng rng = {.seed = seed};
    struct table table;
    uint8_t frame[FRAMES_HEAD + 9];
    size_t from, to, where;

    find_frames(&table, data, size);
    if (table.count == 0 || rng_range(&rng, 1, RAW_IN) == 1)
        return LLVMFuzzerMutate(data, size, cap);
    from = rng_range(&rng, 0, table.count - 1);
    to = table.at[from + 1];
    from = table.at[from];
    where = table.at[rng_range(&rng, 0, table.count)];
    switch (rng_range(&rng, 0, 7)) {
    case 0:
        return table.count > 1 ? replace(data, size, cap, from, to, NULL, 0) : size;
    case 1:
        return copy_frame(data, size, cap, from, to, where);
    case 2:
        return replace(data, size, cap, where, where, frame, make_frame(frame, &rng));
    case 3:
    case 4:
        if (to - from >= FRAMES_HEAD)
            change_head(data + from, &rng);
        return size;
    default:
        return change_payload(data, size, cap, from, to);
    }
}
