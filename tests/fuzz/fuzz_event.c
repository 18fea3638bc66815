/*
 * What a broker reads of an Event that it hands on: where the official decoder takes the bytes too,
 * both see the same; what is written from it reads the same again. Input: the message.
 */
#include "proto/event.h"
#include "proto/relay.pb-c.h"
#include "tests/fuzz/require.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_decoder_agrees(const uint8_t *data, size_t size, const struct event_view *view)
{
    Flatline__V1__Event *event = flatline__v1__event__unpack(NULL, size, data);

    if (event == NULL)
        return;
    /* Theirs ends at a NUL. */
    require(strlen(event->topic) == strnlen(view->topic, view->topic_size));
    require(memcmp(event->topic, view->topic, strlen(event->topic)) == 0);
    require(event->author == view->author && event->sequence == view->sequence);
    require(event->sent_ns == view->sent_ns && event->body.len == view->body_size);
    require(strlen(event->kind) == strnlen(view->kind, view->kind_size));
    require(memcmp(event->kind, view->kind, strlen(event->kind)) == 0);
    require(event->due_ns == view->due_ns);
    flatline__v1__event__free_unpacked(event, NULL);
}

static void check_it_is_read_again(const struct event_view *view)
{
    uint8_t *wire = calloc(1, EVENT_HEAD_MAX + view->body_size);
    size_t head = event_put_head(wire, view);
    struct event_view again;

    require(head <= EVENT_HEAD_MAX);
    require(event_read(wire, head + view->body_size, &again));
    require(again.topic_size == view->topic_size);
    require(memcmp(again.topic, view->topic, view->topic_size) == 0);
    require(again.author == view->author && again.sequence == view->sequence);
    require(again.sent_ns == view->sent_ns && again.body_size == view->body_size);
    require(again.kind_size == view->kind_size && again.due_ns == view->due_ns);
    require(memcmp(again.kind, view->kind, view->kind_size) == 0);
    free(wire);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct event_view view;

    if (!event_read(data, size, &view))
        return 0;
    check_decoder_agrees(data, size, &view);
    if (view.topic_size <= EVENT_TOPIC_MAX && view.kind_size <= EVENT_KIND_MAX)
        check_it_is_read_again(&view);
    return 0;
}
