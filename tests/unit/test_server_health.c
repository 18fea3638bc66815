#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "common/engine/mem.h"
#include "stress-server/service_health.h"
#include "tests/unit/server_fake_call.h"

static struct services services;

/* Asks `times` times with the raw request and leaves the ended call in *call. */
static void ask(struct call *call, const void *request, size_t size, int times)
{
    int64_t live = mem_live(MEM_APP);

    fake_start(call, &health_check, &services);
    while (times-- > 0)
        fake_message(call, request, size, size);
    fake_half_close(call);
    assert_true(call->finished);
    fake_end(call);
    assert_true(mem_live(MEM_APP) == live);
}

static void expect_serving(const void *request, size_t size)
{
    struct call call;

    ask(&call, request, size, 1);
    assert_int_equal(call.code, GRPC_OK);
    assert_int_equal(call.sent_size, 2);
    assert_memory_equal(call.sent, "\x08\x01", 2); /* status: SERVING */
}

static void test_known_services_are_serving(void **state)
{
    (void)state;
    expect_serving("", 0);
    expect_serving("\x0a\x12"
                   "flatline.v1.Stress",
                   20);
    expect_serving("\x0a\x15"
                   "grpc.health.v1.Health",
                   23);
}

static void test_an_unknown_service_is_not_found(void **state)
{
    struct call call;

    (void)state;
    ask(&call, "\x0a\x01x", 3, 1);
    assert_int_equal(call.code, GRPC_NOT_FOUND);
    assert_int_equal(call.sent_size, 0);
}

/* Starts a watch of that service, which is told `first`. */
static void watch(struct call *call, const void *request, size_t size, char first)
{
    fake_start(call, &health_watch, &services);
    fake_message(call, request, size, size);
    fake_half_close(call);
    assert_false(call->finished);
    assert_int_equal(call->sent_size, 2);
    assert_int_equal(call->sent[1], first);
    call->sent_size = 0;
}

static void test_watchers_are_told_of_the_drain(void **state)
{
    struct call all, ours, other, gone;

    (void)state;
    watch(&all, "", 0, 1); /* SERVING */
    watch(&gone, "", 0, 1);
    watch(&ours,
          "\x0a\x12"
          "flatline.v1.Stress",
          20, 1);
    watch(&other, "\x0a\x01x", 3, 3); /* SERVICE_UNKNOWN */
    fake_end(&gone);
    health_drain(&services.health);
    assert_memory_equal(all.sent, "\x08\x02", 2); /* NOT_SERVING */
    assert_int_equal(all.sent_size, 2);
    assert_memory_equal(ours.sent, "\x08\x02", 2);
    assert_int_equal(other.sent_size, 0);
    fake_end(&all);
    fake_end(&other);
    fake_end(&ours);
    assert_null(services.health.watchers);
    watch(&all, "", 0, 2);
    fake_end(&all);
    services.health.draining = false;
}

static void test_malformed_questions(void **state)
{
    struct call call;

    (void)state;
    ask(&call, "\x0a\x05x", 3, 1);
    assert_int_equal(call.code, GRPC_INTERNAL);
    ask(&call, "", 0, 0);
    assert_int_equal(call.code, GRPC_UNIMPLEMENTED);
    ask(&call, "", 0, 2);
    assert_int_equal(call.code, GRPC_UNIMPLEMENTED);
    assert_int_equal(call.sent_size, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_services_are_serving),
        cmocka_unit_test(test_an_unknown_service_is_not_found),
        cmocka_unit_test(test_watchers_are_told_of_the_drain),
        cmocka_unit_test(test_malformed_questions),
    };

    return cmocka_run_group_tests_name("server health service", tests, NULL, NULL);
}
