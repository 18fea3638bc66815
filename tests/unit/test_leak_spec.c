#include "common/contract/leak_spec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void expect(const char *text, enum leak_shape shape, uint64_t bytes, uint64_t every)
{
    struct leak_spec spec;
    char why[300];

    assert_true(leak_spec_parse(text, &spec, why, sizeof why));
    assert_int_equal(spec.shape, shape);
    assert_true(spec.bytes == bytes);
    assert_true(spec.every == every);
}

static void test_the_forms(void **state)
{
    (void)state;
    expect("call:1K", LEAK_CALL, 1024, 1);
    expect("call:16/1000", LEAK_CALL, 16, 1000);
    expect("connection:1M/2", LEAK_CONNECTION, 1 << 20, 2);
    expect("reconnect:7", LEAK_RECONNECT, 7, 1);
    expect("disconnect:1/1", LEAK_DISCONNECT, 1, 1);
    expect("early-end:2", LEAK_EARLY_END, 2, 1);
    expect("fd:1/100", LEAK_FD, 1, 100);
}

static void test_all_else_is_refused(void **state)
{
    static const char *const bad[] = {"",         "call",       "call:",     "call:0",  "call:1/0",
                                      "call:1/",  "call:1/2/3", ":1",        "calls:1", "call:x",
                                      "call:1:2", "call/2:1",   "call:1/1K", " call:1", "call:-1"};
    char huge[300], why[400];
    struct leak_spec spec = {LEAK_RECONNECT, 3, 4};

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        why[0] = '\0';
        assert_false(leak_spec_parse(bad[i], &spec, why, sizeof why));
        assert_non_null(strstr(why, "is not SHAPE:BYTES[/EVERY]"));
    }
    memset(huge, '1', sizeof huge - 1);
    memcpy(huge, "call:", 5);
    huge[sizeof huge - 1] = '\0';
    assert_false(leak_spec_parse(huge, &spec, why, sizeof why));
    assert_int_equal(spec.shape, LEAK_RECONNECT);
    assert_true(spec.bytes == 3 && spec.every == 4);
}

static void test_healthy_shapes(void **state)
{
    struct healthy_spec spec;
    char why[300];

    (void)state;
    assert_true(healthy_spec_parse("cache:1M/10", &spec, why, sizeof why));
    assert_int_equal(spec.shape, HEALTHY_CACHE);
    assert_true(spec.bytes == 1 << 20 && spec.every == 10);
    assert_true(healthy_spec_parse("warm-up:7", &spec, why, sizeof why));
    assert_int_equal(spec.shape, HEALTHY_WARM_UP);
    assert_true(spec.bytes == 7 && spec.every == 1);
    /* What is no leak is none there, and the other way round. */
    assert_false(healthy_spec_parse("call:1K", &spec, why, sizeof why));
    assert_non_null(strstr(why, "there are the shapes warm-up"));
    assert_false(leak_spec_parse("cache:1K", &(struct leak_spec){0}, why, sizeof why));
    assert_string_equal(healthy_shape_name(HEALTHY_SAWTOOTH), "sawtooth");
}

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(leak_shape_name(LEAK_CALL), "call");
    assert_string_equal(leak_shape_name(LEAK_DISCONNECT), "disconnect");
    assert_string_equal(leak_shape_name(LEAK_EARLY_END), "early-end");
    assert_non_null(strstr(LEAK_SHAPE_WORDS, " call "));
    assert_non_null(strstr(LEAK_SHAPE_WORDS, " thread"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_forms),
        cmocka_unit_test(test_all_else_is_refused),
        cmocka_unit_test(test_healthy_shapes),
        cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests_name("leak_spec", tests, NULL, NULL);
}
