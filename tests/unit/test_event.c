#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "proto/event.h"
#include "proto/relay.pb-c.h"

#include <stdlib.h>
#include <string.h>

/* From the smallest to the largest that the fields can be. */
static const struct event_view views[] = {
    {"t", 1, 0, 0, 0, 0, "", 0, 0},
    {"topic", 5, 1, 1, 1, 1, "k", 1, 1},
    {"topic", 5, 127, 128, UINT64_MAX, 127, "position", 8, 0},
    {"\xc3\xa4", 2, UINT64_MAX, UINT64_MAX, 1790000000000000000, EVENT_BODY_MAX, "chat", 4,
     UINT64_MAX},
};

#define VIEWS (sizeof views / sizeof *views)

static void test_what_is_written_is_an_event(void **state)
{
    (void)state;
    for (size_t i = 0; i < VIEWS; i++) {
        const struct event_view *view = &views[i];
        uint8_t *wire = calloc(1, EVENT_HEAD_MAX + view->body_size);
        size_t head = event_put_head(wire, view);
        Flatline__V1__Event *event;

        assert_in_range(head, 1, EVENT_HEAD_MAX);
        memset(wire + head, 'b', view->body_size);
        event = flatline__v1__event__unpack(NULL, head + view->body_size, wire);
        assert_non_null(event);
        assert_int_equal(strlen(event->topic), view->topic_size);
        assert_memory_equal(event->topic, view->topic, view->topic_size);
        assert_true(event->author == view->author);
        assert_true(event->sequence == view->sequence);
        assert_true(event->sent_ns == view->sent_ns);
        assert_string_equal(event->kind, view->kind);
        assert_true(event->due_ns == view->due_ns);
        assert_int_equal(event->body.len, view->body_size);
        assert_true(view->body_size == 0 || event->body.data[view->body_size - 1] == 'b');
        flatline__v1__event__free_unpacked(event, NULL);
        free(wire);
    }
}

static void test_the_longest_head_has_room(void **state)
{
    char topic[EVENT_TOPIC_MAX], kind[EVENT_KIND_MAX];
    uint8_t wire[EVENT_HEAD_MAX];
    struct event_view view = {topic,          sizeof topic, UINT64_MAX,  UINT64_MAX, UINT64_MAX,
                              EVENT_BODY_MAX, kind,         sizeof kind, UINT64_MAX};
    size_t head;

    (void)state;
    memset(topic, 't', sizeof topic);
    memset(kind, 'k', sizeof kind);
    head = event_put_head(wire, &view);
    assert_in_range(head, sizeof topic, sizeof wire);
    assert_in_range(head + EVENT_BODY_MAX, 1, EVENT_MAX);
}

static void test_what_others_write_is_read(void **state)
{
    static const uint8_t later[] = {0xf8, 0x01, 0x07}; /* field 31, of a later version: varint 7 */
    uint8_t wire[256];

    (void)state;
    for (size_t i = 0; i < VIEWS; i++) {
        Flatline__V1__Event event = FLATLINE__V1__EVENT__INIT;
        struct event_view view;
        size_t size;

        event.topic = (char *)views[i].topic;
        event.author = views[i].author;
        event.sequence = views[i].sequence;
        event.sent_ns = views[i].sent_ns;
        event.kind = (char *)views[i].kind;
        event.due_ns = views[i].due_ns;
        event.body.data = (uint8_t *)"body";
        event.body.len = 4;
        size = flatline__v1__event__pack(&event, wire);
        memcpy(wire + size, later, sizeof later);
        assert_true(event_read(wire, size + sizeof later, &view));
        assert_int_equal(view.topic_size, views[i].topic_size);
        assert_memory_equal(view.topic, views[i].topic, view.topic_size);
        assert_true(view.author == views[i].author && view.sequence == views[i].sequence);
        assert_true(view.sent_ns == views[i].sent_ns && view.due_ns == views[i].due_ns);
        assert_int_equal(view.kind_size, views[i].kind_size);
        assert_memory_equal(view.kind, views[i].kind, view.kind_size);
        assert_int_equal(view.body_size, 4);
    }
}

static void test_what_is_no_event(void **state)
{
    struct event_view view;

    (void)state;
    assert_true(event_read((const uint8_t *)"", 0, &view));
    assert_int_equal(view.topic_size, 0);
    assert_false(event_read((const uint8_t *)"\x0a\x05t", 3, &view));    /* topic cut short */
    assert_false(event_read((const uint8_t *)"\x21\x01\x02", 3, &view)); /* sent_ns cut short */
    assert_false(event_read((const uint8_t *)"\x07", 1, &view));         /* no such wire type */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_written_is_an_event),
        cmocka_unit_test(test_the_longest_head_has_room),
        cmocka_unit_test(test_what_others_write_is_read),
        cmocka_unit_test(test_what_is_no_event),
    };

    return cmocka_run_group_tests_name("event codec", tests, NULL, NULL);
}
