#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "common/engine/grpc.h"
#include "common/engine/mem.h"
#include "stress-server/relay.h"

#include <string.h>

#define QUEUE 4

/* Two loops of one thread: what one wakes on the other comes only when that one turns. */
static struct hub {
    struct relay *relay;
    struct ev_loop *ev[2];
    struct relay_port *port[2];
    int64_t live;
} hub;

struct listener {
    struct relay_reader reader;
    int woken;
};

struct speaker {
    struct relay_writer writer;
    int woken;
};

static void hub_open(enum relay_policy policy)
{
    const struct relay_config config = {.policy = policy, .queue = QUEUE};

    hub.live = mem_live(MEM_APP);
    hub.relay = relay_new(&config);
    for (int i = 0; i < 2; i++) {
        hub.ev[i] = ev_loop_new(0);
        hub.port[i] = relay_port_new(hub.relay, hub.ev[i]);
    }
}

/* Nothing may be left of topics and events. */
static void hub_close(void)
{
    for (int i = 0; i < 2; i++) {
        relay_port_free(hub.port[i]);
        ev_loop_destroy(hub.ev[i]);
    }
    relay_free(hub.relay);
    assert_true(mem_live(MEM_APP) == hub.live);
}

static void turn(int loop)
{
    ev_run(hub.ev[loop], EVRUN_NOWAIT);
}

static void wake_listener(struct relay_waiter *waiter)
{
    ((struct listener *)waiter)->woken++;
}

static void wake_speaker(struct relay_waiter *waiter)
{
    ((struct speaker *)waiter)->woken++;
}

static void listen_to(struct listener *l, int loop, const char *topic)
{
    memset(l, 0, sizeof *l);
    assert_true(relay_subscribe(hub.port[loop], &l->reader, topic, strlen(topic), wake_listener));
}

/* An event whose one byte says which it is; whether it was taken. */
static bool speak(struct speaker *s, int loop, const char *topic, uint8_t number)
{
    const struct event_view view = {.topic = topic, .topic_size = strlen(topic)};
    struct relay_event *event = relay_event_new(1);

    event->wire[GRPC_PREFIX] = number;
    s->writer.waiter.wake = wake_speaker;
    if (relay_publish(hub.port[loop], &s->writer, event, &view))
        return true;
    relay_event_free(event);
    return false;
}

static void expect_next(struct listener *l, uint8_t number)
{
    const struct relay_event *event = relay_next(&l->reader);

    assert_non_null(event);
    assert_int_equal(event->size, GRPC_PREFIX + 1);
    assert_memory_equal(event->wire, "\0\0\0\0\1", GRPC_PREFIX);
    assert_int_equal(event->wire[GRPC_PREFIX], number);
}

static void expect_counts(struct relay_counts expected)
{
    struct relay_counts counts;

    relay_get_counts(hub.relay, &counts);
#define EXPECT_COUNT(name) assert_int_equal(counts.name, expected.name);
    RELAY_COUNT_TABLE(EXPECT_COUNT)
#undef EXPECT_COUNT
}

static void test_every_listener_gets_every_event(void **state)
{
    struct speaker s = {.woken = 0};
    struct listener a, b, late, other;

    (void)state;
    hub_open(RELAY_DROP_OLDEST);
    assert_true(speak(&s, 0, "t", 1)); /* to nobody */
    listen_to(&a, 0, "t");
    listen_to(&b, 1, "t");
    listen_to(&other, 0, "to");
    assert_null(relay_next(&a.reader));
    assert_true(speak(&s, 0, "t", 2));
    assert_int_equal(a.woken, 1); /* of the same loop: before relay_publish returns */
    assert_int_equal(b.woken, 0);
    turn(1);
    assert_int_equal(b.woken, 1);
    listen_to(&late, 0, "t");
    assert_true(speak(&s, 1, "t", 3));
    expect_next(&a, 2);
    expect_next(&a, 3);
    assert_null(relay_next(&a.reader));
    expect_next(&b, 2);
    expect_next(&late, 3);
    relay_unsubscribe(&b.reader, false); /* with one in its hands and one queued */
    relay_unsubscribe(&late.reader, true);
    assert_null(relay_next(&other.reader));
    assert_int_equal(other.woken, 0);
    relay_unsubscribe(&a.reader, true);
    relay_unsubscribe(&other.reader, true);
    expect_counts(
        (struct relay_counts){.accepted = 3, .offered = 5, .delivered = 3, .undelivered = 2});
    turn(0); /* who has gone is not woken */
    hub_close();
}

static void test_a_slow_one_loses_its_oldest(void **state)
{
    struct speaker s = {.woken = 0};
    struct listener slow, fast;

    (void)state;
    hub_open(RELAY_DROP_OLDEST);
    listen_to(&slow, 0, "t");
    listen_to(&fast, 0, "t");
    for (uint8_t i = 1; i <= 10; i++) {
        assert_true(speak(&s, 0, "t", i));
        expect_next(&fast, i);
        if (i == 1)
            expect_next(&slow, 1); /* and keeps it in its hands */
    }
    assert_null(relay_next(&fast.reader));
    for (uint8_t i = 10 - QUEUE + 1; i <= 10; i++)
        expect_next(&slow, i);
    assert_null(relay_next(&slow.reader));
    relay_unsubscribe(&slow.reader, true);
    relay_unsubscribe(&fast.reader, true);
    expect_counts(
        (struct relay_counts){.accepted = 10, .offered = 20, .delivered = 15, .dropped = 5});
    hub_close();
}

static void test_a_slow_one_is_cut_off(void **state)
{
    struct speaker s = {.woken = 0};
    struct listener slow, fast;

    (void)state;
    hub_open(RELAY_DISCONNECT);
    listen_to(&slow, 1, "t");
    listen_to(&fast, 0, "t");
    for (uint8_t i = 1; i <= 10; i++) {
        assert_true(speak(&s, 0, "t", i));
        expect_next(&fast, i);
        if (i == 1)
            expect_next(&slow, 1);
    }
    assert_true(slow.reader.cut_off);
    turn(1);
    assert_int_equal(slow.woken, 1);
    /* What its loop may just be reading stays until it says that it is done. */
    assert_int_equal(slow.reader.held->wire[GRPC_PREFIX], 1);
    relay_unsubscribe(&slow.reader, false);
    assert_null(relay_next(&fast.reader));
    relay_unsubscribe(&fast.reader, true);
    expect_counts((struct relay_counts){.accepted = 10,
                                        .offered = 10 + 1 + QUEUE,
                                        .delivered = 10,
                                        .dropped = 1 + QUEUE,
                                        .disconnected = 1});
    hub_close();
}

static void test_publishers_wait_for_the_slowest(void **state)
{
    struct speaker s[2] = {{.woken = 0}};
    struct listener slow;

    (void)state;
    hub_open(RELAY_BLOCK);
    listen_to(&slow, 1, "t");
    for (uint8_t i = 1; i <= QUEUE; i++)
        assert_true(speak(&s[0], 0, "t", i));
    assert_false(speak(&s[0], 0, "t", 5));
    assert_false(speak(&s[1], 1, "t", 6));
    assert_true(speak(&s[1], 1, "elsewhere", 7));
    expect_next(&slow, 1); /* 3 are queued; they are woken when the half is free */
    turn(0), turn(1);
    assert_int_equal(s[0].woken + s[1].woken, 0);
    expect_next(&slow, 2);
    turn(0), turn(1);
    assert_int_equal(s[0].woken, 1);
    assert_int_equal(s[1].woken, 1);
    assert_true(speak(&s[0], 0, "t", 5));
    assert_true(speak(&s[1], 1, "t", 6));
    assert_false(speak(&s[0], 0, "t", 8));
    for (uint8_t i = 3; i <= 6; i++)
        expect_next(&slow, i);
    assert_null(relay_next(&slow.reader));
    relay_forget(&s[0].writer); /* it gave up */
    turn(0);
    assert_int_equal(s[0].woken, 1);
    relay_unsubscribe(&slow.reader, true);
    expect_counts((struct relay_counts){.accepted = 7, .offered = 6, .delivered = 6, .blocked = 3});
    hub_close();
}

static void test_who_goes_holds_up_nobody(void **state)
{
    struct speaker s = {.woken = 0};
    struct listener slow, fast;

    (void)state;
    hub_open(RELAY_BLOCK);
    listen_to(&slow, 0, "t");
    listen_to(&fast, 0, "t");
    for (uint8_t i = 1; i <= QUEUE; i++) {
        assert_true(speak(&s, 0, "t", i));
        expect_next(&fast, i);
    }
    assert_false(speak(&s, 0, "t", 5));
    relay_unsubscribe(&slow.reader, true);
    turn(0);
    assert_int_equal(s.woken, 1);
    assert_true(speak(&s, 0, "t", 5));
    relay_unsubscribe(&fast.reader, true);
    expect_counts((struct relay_counts){.accepted = 5,
                                        .offered = 2 * QUEUE + 1,
                                        .delivered = QUEUE,
                                        .undelivered = QUEUE + 1,
                                        .blocked = 1});
    hub_close();
}

static void test_no_memory_is_said(void **state)
{
    struct listener l = {.woken = 0};
    struct relay_event *event;

    (void)state;
    hub_open(RELAY_BLOCK);
    mem_fail(0, 2);
    assert_false(relay_subscribe(hub.port[0], &l.reader, "t", 1, wake_listener));
    event = relay_event_new(1);
    mem_fail(0, 0);
    assert_null(event);
    relay_unsubscribe(&l.reader, true);
    expect_counts((struct relay_counts){.accepted = 0});
    hub_close();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_listener_gets_every_event),
        cmocka_unit_test(test_a_slow_one_loses_its_oldest),
        cmocka_unit_test(test_a_slow_one_is_cut_off),
        cmocka_unit_test(test_publishers_wait_for_the_slowest),
        cmocka_unit_test(test_who_goes_holds_up_nobody),
        cmocka_unit_test(test_no_memory_is_said),
    };

    return cmocka_run_group_tests_name("server relay hub", tests, NULL, NULL);
}
