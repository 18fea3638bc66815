/*
 * The payload reader: its verdict does not depend on where the bytes are cut, and what it takes the
 * official decoder takes too, with a body of our sizes and the same number. Input: a byte that says
 * how to cut, then the message without its length prefix.
 */
#include "common/base/rng.h"
#include "proto/flatline.pb-c.h"
#include "proto/payload.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool read_whole(const uint8_t *data, size_t size, uint64_t *number)
{
    struct payload_reader r;
    bool taken = payload_reader_begin(&r, (uint32_t)size) && payload_reader_take(&r, data, size) &&
                 payload_reader_end(&r);

    *number = r.number;
    return taken;
}

static bool read_cut(const uint8_t *data, size_t size, uint64_t seed)
{
    struct rng rng = {.seed = seed};
    struct payload_reader r;

    if (!payload_reader_begin(&r, (uint32_t)size))
        return false;
    while (size > 0) {
        size_t piece = rng_range(&rng, 0, size < 9 ? size : 9);

        if (!payload_reader_take(&r, data, piece))
            return false;
        data += piece;
        size -= piece;
    }
    return payload_reader_end(&r);
}

static void check_decoder_agrees(const uint8_t *data, size_t size, uint64_t number)
{
    Flatline__V1__Payload *message = flatline__v1__payload__unpack(NULL, size, data);

    if (message == NULL || message->body.len < PAYLOAD_BODY_MIN ||
        message->body.len > PAYLOAD_BODY_MAX || message->number != number)
        abort();
    flatline__v1__payload__free_unpacked(message, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t number;
    bool taken;

    if (size == 0 || size > UINT32_MAX)
        return 0;
    taken = read_whole(data + 1, size - 1, &number);
    if (read_cut(data + 1, size - 1, data[0]) != taken)
        abort();
    if (taken)
        check_decoder_agrees(data + 1, size - 1, number);
    return 0;
}
