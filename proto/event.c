#include "proto/event.h"

#include "proto/wire.h"

#include <string.h>

/* The fields of flatline.v1.Event. */
enum { TOPIC = 1, AUTHOR, SEQUENCE, SENT_NS, BODY, KIND, DUE_NS };

static uint64_t fixed64(const uint8_t *data)
{
    uint64_t value = 0;

    for (int i = 7; i >= 0; i--)
        value = value << 8 | data[i];
    return value;
}

static void take(struct event_view *view, const struct wire_field *field)
{
    if (field->number == TOPIC && field->type == WIRE_BYTES) {
        view->topic = (const char *)field->data;
        view->topic_size = field->size;
    } else if (field->number == AUTHOR && field->type == WIRE_VARINT) {
        view->author = field->value;
    } else if (field->number == SEQUENCE && field->type == WIRE_VARINT) {
        view->sequence = field->value;
    } else if (field->number == SENT_NS && field->type == WIRE_FIXED64) {
        view->sent_ns = fixed64(field->data);
    } else if (field->number == BODY && field->type == WIRE_BYTES) {
        view->body_size = field->size;
    } else if (field->number == KIND && field->type == WIRE_BYTES) {
        view->kind = (const char *)field->data;
        view->kind_size = field->size;
    } else if (field->number == DUE_NS && field->type == WIRE_FIXED64) {
        view->due_ns = fixed64(field->data);
    }
}

bool event_read(const uint8_t *data, size_t size, struct event_view *view)
{
    struct wire_reader reader = wire_open(data, size);
    struct wire_field field;

    *view = (struct event_view){.topic = "", .kind = ""};
    while (wire_next(&reader, &field))
        take(view, &field);
    return !reader.broken;
}

static size_t put_key(uint8_t *out, unsigned number, enum wire_type type)
{
    return wire_put_varint(out, (uint64_t)number << 3 | type);
}

/* proto3 leaves out what is zero. */
static size_t put_number(uint8_t *out, unsigned number, uint64_t value)
{
    size_t n = 0;

    if (value == 0)
        return 0;
    n += put_key(out, number, WIRE_VARINT);
    return n + wire_put_varint(out + n, value);
}

static size_t put_text(uint8_t *out, unsigned number, const char *text, size_t size)
{
    size_t n = put_key(out, number, WIRE_BYTES);

    n += wire_put_varint(out + n, size);
    memcpy(out + n, text, size);
    return n + size;
}

static size_t put_fixed64(uint8_t *out, unsigned number, uint64_t value)
{
    size_t n = put_key(out, number, WIRE_FIXED64);

    for (int i = 0; i < 8; i++)
        out[n++] = (uint8_t)(value >> 8 * i);
    return n;
}

size_t event_put_head(uint8_t *out, const struct event_view *view)
{
    size_t n = put_text(out, TOPIC, view->topic, view->topic_size);

    n += put_number(out + n, AUTHOR, view->author);
    n += put_number(out + n, SEQUENCE, view->sequence);
    n += put_fixed64(out + n, SENT_NS, view->sent_ns);
    if (view->kind_size > 0)
        n += put_text(out + n, KIND, view->kind, view->kind_size);
    if (view->due_ns != 0)
        n += put_fixed64(out + n, DUE_NS, view->due_ns);
    n += put_key(out + n, BODY, WIRE_BYTES);
    return n + wire_put_varint(out + n, view->body_size);
}
