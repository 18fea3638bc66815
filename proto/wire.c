#include "proto/wire.h"

#define VARINT_MAX 10
#define NUMBER_MAX ((UINT64_C(1) << 29) - 1)

static bool take_varint(struct wire_reader *r, uint64_t *value)
{
    *value = 0;
    for (unsigned i = 0; i < VARINT_MAX && r->at < r->end; i++) {
        uint8_t byte = *r->at++;

        *value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if ((byte & 0x80) == 0)
            return true;
    }
    return false;
}

static bool take_bytes(struct wire_reader *r, uint64_t size, struct wire_field *field)
{
    if (size > (size_t)(r->end - r->at))
        return false;
    field->data = r->at;
    field->size = (size_t)size;
    r->at += size;
    return true;
}

static bool take_field(struct wire_reader *r, struct wire_field *field)
{
    uint64_t key, size;

    if (!take_varint(r, &key) || key >> 3 == 0 || key >> 3 > NUMBER_MAX)
        return false;
    *field = (struct wire_field){.number = (uint32_t)(key >> 3), .type = (enum wire_type)(key & 7)};
    switch (key & 7) {
    case WIRE_VARINT:
        return take_varint(r, &field->value);
    case WIRE_FIXED64:
        return take_bytes(r, 8, field);
    case WIRE_BYTES:
        return take_varint(r, &size) && take_bytes(r, size, field);
    case WIRE_FIXED32:
        return take_bytes(r, 4, field);
    default: /* groups are proto2's */
        return false;
    }
}

bool wire_next(struct wire_reader *r, struct wire_field *field)
{
    if (r->broken || r->at == r->end)
        return false;
    r->broken = !take_field(r, field);
    return !r->broken;
}

size_t wire_put_varint(uint8_t *out, uint64_t value)
{
    size_t n = 0;

    for (; value >= 0x80; value >>= 7)
        out[n++] = (uint8_t)(value | 0x80);
    out[n++] = (uint8_t)value;
    return n;
}
