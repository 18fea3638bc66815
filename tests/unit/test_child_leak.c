#include "common/child/leak.h"

#include "common/engine/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static struct leak *plant(const char *text)
{
    struct leak_spec spec;
    char why[200];
    struct leak *leak;

    assert_true(leak_spec_parse(text, &spec, why, sizeof why));
    leak = leak_new(&spec);
    assert_non_null(leak);
    return leak;
}

static void test_each_shape_leaks_on_its_own_event(void **state)
{
    (void)state;
    for (int planted = 0; planted < LEAK_SHAPES; planted++) {
        char text[40];
        struct leak *leak;
        int64_t before;

        snprintf(text, sizeof text, "%s:1000", leak_shape_name((enum leak_shape)planted));
        leak = plant(text);
        before = mem_live(MEM_APP);
        for (int shape = 0; shape < LEAK_SHAPES; shape++) {
            if (shape != planted)
                leak_hit(leak, (enum leak_shape)shape);
        }
        assert_true(mem_live(MEM_APP) == before);
        leak_hit(leak, (enum leak_shape)planted);
        assert_in_range(mem_live(MEM_APP) - before, 1000, 1100);
        leak_free(leak);
    }
}

static void test_every(void **state)
{
    struct leak *leak = plant("call:16/1000");
    int64_t before = mem_live(MEM_APP);

    (void)state;
    for (int i = 0; i < 999; i++)
        leak_hit(leak, LEAK_CALL);
    assert_true(mem_live(MEM_APP) == before);
    leak_hit(leak, LEAK_CALL);
    assert_in_range(mem_live(MEM_APP) - before, 16, 32);
    for (int i = 0; i < 9000; i++)
        leak_hit(leak, LEAK_CALL);
    assert_in_range(mem_live(MEM_APP) - before, 160, 320);
    leak_free(leak);
}

static void test_follow_catches_up(void **state)
{
    struct leak *leak = plant("connection:1K");
    int64_t before = mem_live(MEM_APP);

    (void)state;
    leak_follow(leak, LEAK_CONNECTION, 0);
    assert_true(mem_live(MEM_APP) == before);
    leak_follow(leak, LEAK_CONNECTION, 10);
    leak_follow(leak, LEAK_CONNECTION, 10);
    leak_follow(leak, LEAK_DISCONNECT, 50);
    assert_in_range(mem_live(MEM_APP) - before, 10240, 11000);
    leak_free(leak);
}

static void test_less_than_a_pointer_is_rounded_up(void **state)
{
    struct leak *leak = plant("call:1");
    int64_t before = mem_live(MEM_APP);

    (void)state;
    leak_hit(leak, LEAK_CALL);
    assert_in_range(mem_live(MEM_APP) - before, sizeof(void *), 24);
    leak_free(leak);
}

static void test_none_planted(void **state)
{
    int64_t before = mem_live(MEM_APP);

    (void)state;
    leak_hit(NULL, LEAK_CALL);
    leak_follow(NULL, LEAK_CONNECTION, 100);
    leak_free(NULL);
    assert_true(mem_live(MEM_APP) == before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_shape_leaks_on_its_own_event),
        cmocka_unit_test(test_every),
        cmocka_unit_test(test_follow_catches_up),
        cmocka_unit_test(test_less_than_a_pointer_is_rounded_up),
        cmocka_unit_test(test_none_planted),
    };

    return cmocka_run_group_tests_name("child leak", tests, NULL, NULL);
}
