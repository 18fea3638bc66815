#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "common/engine/mem.h"
#include "stress-server/reply.h"
#include "stress-server/reply_plan.h"
#include "stress-server/service_benchmark.h"
#include "stress-server/service_test.h"
#include "tests/unit/server_fake_call.h"

static struct services services;

/* A whole reply, asked for in pieces; its size. */
static size_t collect(struct reply *reply, uint8_t *out, size_t piece)
{
    size_t used = 0, n;

    while ((n = reply_put(reply, out + used, piece)) > 0)
        used += n;
    return used;
}

static void test_a_reply_is_the_same_however_cut(void **state)
{
    static const uint32_t bodies[] = {0, 1, 127, 128, 31415};
    static uint8_t whole[40000], cut[40000];

    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        for (size_t piece = 1; piece < 30; piece++) {
            struct reply reply = {.size = 0};
            struct wire_reader r;
            struct wire_field field;
            size_t size;

            reply_begin(&reply, bodies[i]);
            size = collect(&reply, whole, sizeof whole);
            assert_false(reply_busy(&reply));
            reply_begin(&reply, bodies[i]);
            assert_int_equal(collect(&reply, cut, piece), size);
            assert_memory_equal(whole, cut, size);
            assert_int_equal((uint32_t)whole[2] << 16 | (uint32_t)whole[3] << 8 | whole[4],
                             size - GRPC_PREFIX);
            r = wire_open(whole + GRPC_PREFIX, size - GRPC_PREFIX);
            assert_true(wire_next(&r, &field));
            assert_int_equal(field.number, 1);
            assert_int_equal(field.size > bodies[i], bodies[i] > 0);
            assert_false(wire_next(&r, &field));
            assert_false(r.broken);
        }
    }
}

static void test_malformed_messages_are_broken(void **state)
{
    static const struct {
        const char *bytes;
        size_t size;
    } cases[] = {
        {"\x08", 1},                                              /* no value */
        {"\x08\x80", 2},                                          /* half a value */
        {"\x0a\x02x", 3},                                         /* a byte short */
        {"\x00\x01", 2},                                          /* field number 0 */
        {"\x0b", 1},                                              /* a group */
        {"\x0d\1\1\1", 4},                                        /* fixed32 cut */
        {"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12}, /* a varint of 11 bytes */
        {"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11},     /* 2^64 - 1 bytes */
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct wire_reader r = wire_open((const uint8_t *)cases[i].bytes, cases[i].size);
        struct wire_field field;

        assert_false(wire_next(&r, &field));
        assert_true(r.broken);
        assert_false(wire_next(&r, &field));
    }
}

static void test_equal_replies_share_a_run(void **state)
{
    const int64_t live = mem_live(MEM_APP);
    struct test_reply_parameters reply = {.size = 5};
    struct reply_plan plan = {.runs = NULL};

    (void)state;
    for (int i = 0; i < 100000; i++)
        assert_true(reply_plan_add(&plan, &reply));
    assert_int_equal(plan.count, 1);
    for (int i = 0; i < 100000; i++) {
        assert_int_equal(reply_plan_next(&plan)->size, 5);
        reply_plan_pop(&plan);
    }
    assert_null(reply_plan_next(&plan));
    assert_true(mem_live(MEM_APP) == live);
}

static void test_a_plan_keeps_order_and_has_a_limit(void **state)
{
    struct reply_plan plan = {.runs = NULL};
    struct test_reply_parameters reply = {.size = 0};
    int next = 0;

    (void)state;
    /* Two in, one out: the plan grows, moves down, and stays in order. */
    while (reply_plan_add(&plan, &reply)) {
        reply.size++;
        if (reply.size % 2 == 0) {
            assert_int_equal(reply_plan_next(&plan)->size, next++);
            reply_plan_pop(&plan);
        }
    }
    assert_in_range(plan.count, REPLY_PLAN_MAX / 2, REPLY_PLAN_MAX);
    for (; reply_plan_next(&plan) != NULL; reply_plan_pop(&plan))
        assert_int_equal(reply_plan_next(&plan)->size, next++);
    assert_int_equal(next, reply.size);
}

static void test_a_reply_of_the_size_asked_for(void **state)
{
    struct call call;
    uint8_t out[256];

    (void)state;
    fake_start(&call, &test_unary_call, &services);
    fake_message(&call, (const uint8_t *)"\x10\x07", 2, 2); /* response_size: 7 */
    fake_half_close(&call);
    assert_true(call.finished);
    assert_int_equal(call.code, GRPC_OK);
    assert_int_equal(call.ops->produce(&call, out, sizeof out), 16);
    assert_memory_equal(out, "\0\0\0\0\x0b\x0a\x09\x12\x07\0\0\0\0\0\0\0", 16);
    assert_int_equal(call.ops->produce(&call, out, sizeof out), 0);
    fake_end(&call);
}

static void test_counts_and_garbage(void **state)
{
    static const struct call_ops *const one[] = {&test_empty_call, &test_unary_call,
                                                 &test_streaming_output_call};
    struct call call;

    (void)state;
    for (size_t i = 0; i < sizeof one / sizeof one[0]; i++) {
        for (int times = 0; times <= 2; times += 2) {
            fake_start(&call, one[i], &services);
            for (int k = 0; k < times; k++)
                fake_message(&call, (const uint8_t *)"", 0, 1);
            fake_half_close(&call);
            assert_int_equal(call.code, GRPC_UNIMPLEMENTED);
            fake_end(&call);
        }
        fake_start(&call, one[i], &services);
        fake_message(&call, (const uint8_t *)"\x0a\x05x", 3, 3);
        assert_int_equal(call.code, GRPC_INTERNAL);
        fake_end(&call);
    }
}

static void test_duplex_replies_in_order_then_status(void **state)
{
    const int64_t live = mem_live(MEM_APP);
    struct call call;
    uint8_t out[256];

    (void)state;
    services.ev = ev_loop_new(EVFLAG_AUTO);
    fake_start(&call, &test_full_duplex_call, &services);
    fake_message(&call, (const uint8_t *)"\x12\x02\x08\x01\x12\x00", 6, 6); /* sizes 1 and 0 */
    assert_true(call.resumed);
    fake_message(&call, (const uint8_t *)"\x3a\x06\x08\x02\x12\x02no", 8, 8);
    assert_false(call.finished);
    assert_int_equal(call.ops->produce(&call, out, sizeof out), 10 + 7);
    assert_memory_equal(out, "\0\0\0\0\x05\x0a\x03\x12\x01\0\0\0\0\0\x02\x0a\0", 17);
    assert_false(call.finished); /* not to overtake these */
    ev_run(services.ev, 0);
    assert_true(call.finished);
    assert_int_equal(call.code, GRPC_UNKNOWN);
    assert_string_equal(call.message, "no");
    fake_end(&call);
    assert_true(mem_live(MEM_APP) == live);
    ev_loop_destroy(services.ev);
    services.ev = NULL;
}

static size_t produced(struct call *call)
{
    uint8_t out[64];

    return call->ops->produce(call, out, sizeof out);
}

/* Replies that nobody asks for one by one stand still in a pause, once the one under way is out. */
static void test_benchmark_flood_pauses(void **state)
{
    static const struct call_ops *const floods[] = {&benchmark_streaming_from_server,
                                                    &benchmark_streaming_both_ways};
    const uint8_t asks_for_100[] = {0x10, 100};

    (void)state;
    for (size_t i = 0; i < sizeof floods / sizeof *floods; i++) {
        struct call call;
        size_t rest;

        fake_start(&call, floods[i], &services);
        fake_message(&call, asks_for_100, sizeof asks_for_100, 64);
        if (i == 0)
            fake_half_close(&call);
        assert_false(call.finished);
        assert_int_equal(produced(&call), 64);
        pause_set(&services.pause, true);
        rest = produced(&call);
        assert_in_range(rest, 36, 60);
        assert_int_equal(produced(&call), 0);
        call.resumed = false;
        pause_set(&services.pause, false);
        assert_true(call.resumed);
        assert_int_equal(produced(&call), 64);
        pause_set(&services.pause, true);
        produced(&call);
        assert_int_equal(produced(&call), 0);
        fake_end(&call);
        assert_null(services.pause.first);
        pause_set(&services.pause, false);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_reply_is_the_same_however_cut),
        cmocka_unit_test(test_malformed_messages_are_broken),
        cmocka_unit_test(test_equal_replies_share_a_run),
        cmocka_unit_test(test_a_plan_keeps_order_and_has_a_limit),
        cmocka_unit_test(test_a_reply_of_the_size_asked_for),
        cmocka_unit_test(test_counts_and_garbage),
        cmocka_unit_test(test_duplex_replies_in_order_then_status),
        cmocka_unit_test(test_benchmark_flood_pauses),
    };

    return cmocka_run_group_tests_name("server interop service", tests, NULL, NULL);
}
